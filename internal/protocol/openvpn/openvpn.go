// Package openvpn recognises OpenVPN over UDP and TCP by its first control packets, as they are in the clear, with a
// signature (tls-auth) and encrypted (tls-crypt).
package openvpn

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 1194

// Opcodes that begin a session, and the last: the upper five bits of the first byte; the lower three name the key.
const (
	resetClient1 = 1
	resetServer1 = 2
	resetClient2 = 7
	resetServer2 = 8
	resetClient3 = 10
)

const (
	sessionLen = 8
	headLen    = 1 + sessionLen
	bareLen    = headLen + 1 + 4 // no acknowledgements, the first packet's number
	ackedLen   = headLen + 1 + 4 + sessionLen + 4
	lengthLen  = 2
)

// A replay protection: a packet's number and time.
const (
	replayLen = 8
	cryptTag  = 32
)

// signatures are the lengths of the signatures that tls-auth may make.
var signatures = [...]int{16, 20, 28, 32, 48, 64}

// Parser returns the parser of OpenVPN, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "openvpn",
		Over:  protocol.UDP | protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Over == protocol.TCP {
		if len(b) <= lengthLen {
			if len(b) == 0 || b[0] > 4 {
				return protocol.No
			}
			return protocol.Maybe
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[lengthLen:]
		if n < bareLen || opcode(b) == 0 {
			return protocol.No
		}
		if len(b) < n {
			if p.End || n > 1200 || !reset(b[0]) {
				return protocol.No
			}
			return protocol.Maybe
		}
		b = b[:n]
	}
	if len(b) < bareLen || opcode(b) == 0 {
		return protocol.No
	}
	if reset(b[0]) && first(b) {
		fromServer := opcode(b) == resetServer1 || opcode(b) == resetServer2
		p.Reversed = fromServer == (p.Dir == protocol.ToServer)
		return protocol.Yes
	}
	if p.Port(port) {
		return protocol.Likely
	}
	return protocol.No
}

// opcode returns the opcode of the packet b, 0 where it is none.
func opcode(b []byte) byte {
	op := b[0] >> 3
	if op < resetClient1 || op > resetClient3 || op == 3 {
		return 0
	}
	return op
}

// reset reports whether a first byte is that of a packet that begins a session: its key has number 0.
func reset(b byte) bool {
	switch b {
	case resetClient1 << 3, resetServer1 << 3, resetClient2 << 3, resetServer2 << 3, resetClient3 << 3:
		return true
	}
	return false
}

// first reports whether b can be nothing but the first packet of a side.
func first(b []byte) bool {
	if binary.BigEndian.Uint64(b[1:]) == 0 {
		return false
	}
	if body(b[headLen:]) {
		return true
	}
	// tls-crypt: number, time, tag, and the body encrypted; version 3 has the client's key after it.
	if n := headLen + replayLen + cryptTag + bareLen - headLen; replay(b[headLen:]) &&
		(len(b) == n || len(b) == n+sessionLen+4 || len(b) > n && b[0] == resetClient3<<3) {
		return true
	}
	for _, n := range signatures {
		at := headLen + n
		if len(b) >= at+replayLen+5 && replay(b[at:]) && body(b[at+replayLen:]) {
			return true
		}
	}
	return false
}

// replay reports whether b begins with the first number (or the first that an early negotiation uses) and a time since 2001.
func replay(b []byte) bool {
	if len(b) < replayLen {
		return false
	}
	n, t := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	return (n == 1 || n == 0x0f000001) && t > 1e9
}

// body reports whether b is what follows a first packet's head: no acknowledgement, or that of the other's first packet; then
// number 0.
func body(b []byte) bool {
	switch len(b) {
	case 1 + 4:
		return b[0] == 0 && binary.BigEndian.Uint32(b[1:]) == 0
	case ackedLen - headLen:
		return b[0] == 1 && binary.BigEndian.Uint32(b[1:]) == 0 && binary.BigEndian.Uint32(b[len(b)-4:]) == 0
	}
	return false
}

// stream tells that all is encrypted.
type stream struct {
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() {}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	s.facts[0] = protocol.Fact{Kind: protocol.Encrypted}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	return len(b), protocol.Done
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (s *stream) End(*protocol.Context) {}
