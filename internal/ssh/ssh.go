// Package ssh parses the clear beginning of SSH connections (RFC 4253): the identification strings, the key exchange
// offers with their HASSH fingerprints, and the server's host key. From NEWKEYS on all is opaque.
package ssh

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Bounds. RFC 4253, section 4.2: an identification string has at most 255 bytes with its line end; the lines that a
// server may send before it have no bound there. Section 6.1: packets of 35,000 bytes must be accepted.
const (
	maxBanner    = 255
	maxPreface   = 8 << 10
	maxPacket    = 256 << 10
	maxInspected = 48 << 10
)

// skipAll is how far a direction is skipped at a time when nothing more is wanted of it.
const skipAll = 1 << 30

// Message numbers (RFC 4253, section 12; RFC 4419, section 5; RFC 5656, section 7.1). 31 is also the group of a group
// exchange.
const (
	msgKexInit     = 20
	msgNewKeys     = 21
	msgKexReply    = 31
	msgKexGEXReply = 33
)

// A packet's length, the length of its padding, and its message number.
const packetHeader = 4 + 1 + 1

var magic = []byte("SSH-")

// Parser returns the parser of SSH over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "ssh",
		Over:  protocol.TCP,
		Limit: 64 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	switch {
	case bytes.HasPrefix(b, magic):
		return protocol.Yes
	case len(b) < len(magic) && bytes.HasPrefix(magic, b):
		return protocol.Maybe
	case p.Dir == protocol.ToServer || !p.Port(22) || p.End || len(b) > maxPreface:
		return protocol.No
	case bytes.Contains(b, []byte("\nSSH-")):
		return protocol.Yes
	}
	// A server may say something else first; that is rare enough to be looked for on the port of SSH only.
	for _, c := range b[:min(len(b), 64)] {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			return protocol.No
		}
	}
	return protocol.Maybe
}

// phase is how far a direction has come.
type phase uint8

const (
	lines   phase = iota // identification string expected, lines before it allowed
	tail                 // the rest of an overlong identification string
	packets              // binary packets in the clear
	opaque               // nothing more can be learnt
)

// side is one direction.
type side struct {
	phase   phase
	version bool   // banner is a whole identification string
	kex     bool   // KEXINIT was seen
	skip    int    // bytes to drop
	rest    int    // unread bytes that the flow table holds
	want    int    // length of the packet that rest is the beginning of; 0 when not known
	preface int    // bytes of lines before the identification string
	banner  []byte // without the line end; the beginning of one as long as version is false
	proto   []byte // of banner
	product []byte // of banner: the software version
	hassh   hassh
}

// stream follows one connection.
type stream struct {
	sides     [2]side
	told      bool // the event was emitted
	encrypted bool // the Encrypted fact was emitted
	digest    []byte
	fact      [1]protocol.Fact
	obs       protocol.Observation
}

func (s *stream) Reset() {
	for d := range s.sides {
		side := &s.sides[d]
		*side = side.fresh()
	}
	*s = stream{sides: s.sides, digest: s.digest[:0]}
}

// fresh is the initial state, with the buffers of an old one.
func (s *side) fresh() side {
	return side{banner: s.banner[:0], hassh: s.hassh.fresh()}
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	side := &s.sides[d]
	n := min(side.skip, len(b))
	side.skip -= n
	for {
		before, phase := n, side.phase
		switch side.phase {
		case lines:
			n += s.line(c, d, b[n:])
		case tail:
			n += s.tail(c, d, b[n:])
		case packets:
			n += s.packet(c, d, b[n:])
		case opaque:
			if s.finished() {
				s.tell(c)
				return n, protocol.Done
			}
			return n + skipAll, protocol.More
		}
		if n > len(b) {
			return n, protocol.More // a packet is skipped
		}
		if n == before && side.phase == phase {
			side.rest = len(b) - n
			return n, protocol.More
		}
	}
}

// Gap goes on where the lost bytes belong to one packet whose length was seen.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	side := &s.sides[d]
	switch {
	case n > 0 && n <= side.skip:
		side.skip -= n
	case side.phase == packets && n > 0 && n <= side.want-side.rest:
		side.skip = side.want - side.rest - n
	default:
		side.phase = opaque
	}
	side.rest, side.want = 0, 0
	s.tellIfComplete(c)
	if s.finished() {
		s.tell(c)
		return protocol.Done
	}
	return protocol.More
}

func (s *stream) End(c *protocol.Context) {
	for d := range s.sides {
		s.endBanner(c, protocol.Dir(d))
	}
	s.tell(c)
}

// finished reports whether nothing more can be learnt from either direction.
func (s *stream) finished() bool {
	return s.sides[0].phase == opaque && s.sides[1].phase == opaque
}

// tellIfComplete emits the event when both sides have said what goes into it, or can say no more.
func (s *stream) tellIfComplete(c *protocol.Context) {
	for d := range s.sides {
		if side := &s.sides[d]; side.phase != opaque && !(side.version && side.kex) {
			return
		}
	}
	s.tell(c)
}

// tell emits the event, once, unless there is nothing to tell.
func (s *stream) tell(c *protocol.Context) {
	if s.told || !s.sides[0].version && !s.sides[1].version {
		return
	}
	s.told = true
	s.obs = protocol.Observation{Event: "ssh", TxID: protocol.NoTx, Detail: s}
	c.Sink.Observe(&s.obs)
}

// observe emits a fact.
func (s *stream) observe(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Detail: s, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
}

func (s *stream) anomaly(c *protocol.Context, d protocol.Dir, name string) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: name}
	c.Sink.Observe(&s.obs)
}

// packet reads one binary packet (RFC 4253, section 6) and returns how many bytes it consumed, which may be more than
// there are.
func (s *stream) packet(c *protocol.Context, d protocol.Dir, b []byte) int {
	side := &s.sides[d]
	side.want = 0
	if len(b) < packetHeader {
		c.Need = packetHeader
		return 0
	}
	length := int(binary.BigEndian.Uint32(b))
	padding, message := int(b[4]), b[5]
	if length < 2 || length > maxPacket || padding > length-2 {
		s.anomaly(c, d, "invalid_record")
		side.phase = opaque
		s.tellIfComplete(c)
		return 0
	}
	size := 4 + length
	switch message {
	case msgKexInit, msgKexReply, msgKexGEXReply:
		if length > maxInspected {
			if message == msgKexInit {
				s.anomaly(c, d, "long_kex_record")
			}
			break
		}
		if len(b) < size {
			side.want, c.Need = size, size
			return 0
		}
		payload := b[packetHeader : size-padding]
		if message == msgKexInit {
			s.kexInit(c, d, payload)
		} else if d == protocol.ToClient {
			s.kexReply(c, payload)
		}
	case msgNewKeys:
		side.phase = opaque
		if !s.encrypted {
			s.encrypted = true
			s.observe(c, d, protocol.Fact{Kind: protocol.Encrypted})
		}
		s.tellIfComplete(c)
	}
	return size
}

func (s *stream) kexInit(c *protocol.Context, d protocol.Dir, payload []byte) {
	side := &s.sides[d]
	if side.kex {
		return
	}
	if !side.hassh.parse(payload, d) {
		s.anomaly(c, d, "invalid_record")
		return
	}
	side.kex = true
	s.tellIfComplete(c)
}
