package openvpn

import "encoding/binary"

// Opcodes are the upper five bits of a packet's first byte; the lower three name the key.
const (
	resetClient1 = 1
	resetServer1 = 2
	resetSoft    = 3
	control1     = 4
	ack1         = 5
	data1        = 6
	resetClient2 = 7
	resetServer2 = 8
	data2        = 9
	resetClient3 = 10

	keyBits = 7
)

const (
	sessionLen = 8
	numberLen  = 4
	headLen    = 1 + sessionLen
	bareLen    = headLen + 1 + numberLen // no acknowledgements, the first packet's number
	ackedLen   = headLen + 1 + numberLen + sessionLen + numberLen
	lengthLen  = 2 // before every packet over TCP

	// maxAcks is the number of acknowledgements that a packet can carry.
	maxAcks = 8
)

// A replay protection: a packet's number and time.
const (
	replayLen = 8
	cryptTag  = 32
	earliest  = 1e9 // a time of 2001
)

// layout says what lies between a control packet's head and its acknowledgements: the length of a signature, which the
// replay protection follows, or one of the two below.
type layout int8

const (
	plain  layout = 0
	opaque layout = -1 // tls-crypt: all that follows the head's replay protection and tag is encrypted
)

// acks is where the number of acknowledgements stands in a packet.
func (l layout) acks() int {
	if l == plain {
		return headLen
	}
	return headLen + int(l) + replayLen
}

// signatures are the lengths of the signatures that tls-auth may make, the frequent ones first.
var signatures = [...]layout{20, 64, 32, 16, 48, 28}

// packet is a packet of the control channel.
type packet struct {
	op      byte
	key     byte
	session uint64 // of the sender
	acks    int
	remote  uint64 // of the receiver; only with acknowledgements
	id      uint32 // the message's number within the session and key; none in an acknowledgement
	payload []byte // lent
}

// controls reports whether a first byte is that of a packet of the control channel.
func controls(b byte) bool {
	switch b >> 3 {
	case resetClient1, resetServer1, resetSoft, control1, ack1, resetClient2, resetServer2, resetClient3:
		return true
	}
	return false
}

// parse reads a packet of the control channel in the given layout, which is not opaque. It reports false if the packet
// cannot be in that layout.
func parse(b []byte, l layout) (p packet, ok bool) {
	at := l.acks()
	if len(b) <= at {
		return p, false
	}
	p.op, p.key = b[0]>>3, b[0]&keyBits
	p.session = binary.BigEndian.Uint64(b[1:])
	p.acks = int(b[at])
	rest := b[at+1:]
	if p.acks > maxAcks {
		return p, false
	}
	if p.acks > 0 {
		n := p.acks * numberLen
		if len(rest) < n+sessionLen {
			return p, false
		}
		p.remote = binary.BigEndian.Uint64(rest[n:])
		rest = rest[n+sessionLen:]
	}
	if p.op == ack1 {
		return p, p.acks > 0 && len(rest) == 0
	}
	if len(rest) < numberLen {
		return p, false
	}
	p.id, p.payload = binary.BigEndian.Uint32(rest), rest[numberLen:]
	return p, true
}

// firstLayout returns the layout of b, which begins with the opcode of a reset and is at least bareLen long. It reports
// false unless b can be nothing but the first packet of a side.
func firstLayout(b []byte) (layout, bool) {
	if binary.BigEndian.Uint64(b[1:]) == 0 {
		return 0, false
	}
	if firstBody(b[headLen:]) {
		return plain, true
	}
	// tls-crypt: number, time, tag, and the body encrypted; version 3 has the client's key after it.
	if n := headLen + replayLen + cryptTag + bareLen - headLen; firstReplay(b[headLen:]) &&
		(len(b) == n || len(b) == n+ackedLen-bareLen || len(b) > n && b[0] == resetClient3<<3) {
		return opaque, true
	}
	for _, l := range signatures {
		at := headLen + int(l)
		if len(b) > at+replayLen && firstReplay(b[at:]) && firstBody(b[at+replayLen:]) {
			return l, true
		}
	}
	return 0, false
}

// firstReplay reports whether b begins with the first number (or the first that an early negotiation uses) and a time.
func firstReplay(b []byte) bool {
	if len(b) < replayLen {
		return false
	}
	n, t := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	return (n == 1 || n == 0x0f000001) && t > earliest
}

// firstBody reports whether b is what follows a first packet's head: no acknowledgement, or that of the other's first
// packet; then number 0.
func firstBody(b []byte) bool {
	switch len(b) {
	case bareLen - headLen:
		return b[0] == 0 && binary.BigEndian.Uint32(b[1:]) == 0
	case ackedLen - headLen:
		return b[0] == 1 && binary.BigEndian.Uint32(b[1:]) == 0 && binary.BigEndian.Uint32(b[len(b)-4:]) == 0
	}
	return false
}

// maxNumber bounds the numbers of messages and packets that are believed where they tell the layout.
const maxNumber = 1 << 16

// laterLayout guesses the layout from any packet of the control channel: only in the right one all numbers are small.
func laterLayout(b []byte) (layout, bool) {
	if len(b) < bareLen {
		return 0, false
	}
	if len(b) > headLen+replayLen+cryptTag && replay(b[headLen:]) {
		return opaque, true
	}
	if believable(b, plain) {
		return plain, true
	}
	for _, l := range signatures {
		if at := headLen + int(l); len(b) > at+replayLen && replay(b[at:]) && believable(b, l) {
			return l, true
		}
	}
	return 0, false
}

// replay reports whether b begins with a small number (from 0x0f000000 in an early negotiation) and a time.
func replay(b []byte) bool {
	n := binary.BigEndian.Uint32(b)
	return n != 0 && (n < maxNumber || n-0x0f000000 < maxNumber) && binary.BigEndian.Uint32(b[numberLen:]) > earliest
}

// believable reports whether b can be read in the layout l and has small numbers then.
func believable(b []byte, l layout) bool {
	p, ok := parse(b, l)
	if !ok || p.session == 0 || p.id >= maxNumber {
		return false
	}
	for i := range p.acks {
		if binary.BigEndian.Uint32(b[l.acks()+1+i*numberLen:]) >= maxNumber {
			return false
		}
	}
	return true
}
