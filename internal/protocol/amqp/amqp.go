// Package amqp parses the beginning of AMQP connections, 0-9-1 and its predecessors, and 1.0 (ISO/IEC 19464): the
// products on both sides, who logs in by which mechanism, whether that is accepted, and TLS. Once a login is decided the
// connection is only counted.
package amqp

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

const (
	protocolHeader = 8
	// shown is how much of a frame is looked at.
	shown   = 4 << 10
	maxText = 256
	// maxFrame is more than any broker allows.
	maxFrame = 256 << 20
	// frameEnd ends a frame of 0-9-1.
	frameEnd = 0xce
)

var magic = []byte("AMQP")

// Protocol identifiers of the header of 1.0.
const (
	idTLS  = 2
	idSASL = 3
)

// Parser returns the parser of AMQP over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "amqp",
		Over:  protocol.TCP,
		Limit: 2 * shown,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows the protocol header, and method frames.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	n := min(len(b), len(magic))
	switch {
	case bytes.Equal(b[:n], magic[:n]):
		switch {
		case len(b) == len(magic) || n < len(magic):
			if p.End {
				return protocol.No
			}
			return protocol.Maybe
		case b[4] <= idSASL:
			return protocol.Yes
		}
		return protocol.No
	case p.Dir == protocol.ToServer && !p.Midstream:
		return protocol.No
	}
	if b[0] != 1 && !p.Midstream || len(b) > 2 && b[0] == 1 && !p.Midstream && (b[1] != 0 || b[2] != 0) {
		return protocol.No
	}
	if len(b) < 11 {
		if p.End || b[0] != 1 {
			return protocol.No
		}
		return protocol.Maybe
	}
	class, method := binary.BigEndian.Uint16(b[7:]), binary.BigEndian.Uint16(b[9:])
	size := binary.BigEndian.Uint32(b[3:])
	switch {
	case b[0] == 1 && class == classConnection && method == methodStart && size > 20 && size < 1<<16:
		p.Reversed = p.Dir == protocol.ToServer
		return protocol.Yes
	case p.Midstream && b[0] == 1 && known(class) && method%10 <= 1 && method >= 10 && method <= 120 &&
		size >= 4 && uint64(size)+8 <= uint64(len(b)) && b[7+size] == frameEnd:
		if class == classBasic {
			// Publish and ack come from clients, return, deliver and get-ok from servers.
			p.Reversed = (method == 40 || method == 80) && p.Dir == protocol.ToClient ||
				(method == 50 || method == 60 || method == 71) && p.Dir == protocol.ToServer
		}
		return protocol.Yes
	}
	return protocol.No
}

func known(class uint16) bool {
	switch class {
	case classConnection, 20, 40, 50, classBasic, 85, 90:
		return true
	}
	return false
}

// stream follows one connection.
type stream struct {
	sides     [2]frames.Reader
	asked     bool // the client asks for TLS
	tls       bool // TLS begins with the first unread byte
	heard     bool // the server was heard
	pending   bool // a login waits for its outcome
	named     bool // a host name was told
	user      []byte
	mechanism []byte
	text      []byte
	facts     [1]protocol.Fact
	obs       protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{user: s.user[:0], mechanism: s.mechanism[:0], text: s.text[:0]}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n, st := s.sides[d].Feed(s, c, d, b)
	if s.tls {
		return n, protocol.Switch
	}
	if st == protocol.More && s.sides[0].Closed() && s.sides[1].Closed() {
		st = protocol.Failed
	}
	return n, st
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.sides[d].Gap(n)
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.tell(c, protocol.LoginTried) }

// Frame implements frames.Format. The first byte tells what begins: the letter of a protocol header, the type of a
// frame of 0-9-1, or the size of one of 1.0, which is below 16 MiB.
func (s *stream) Frame(d protocol.Dir, b []byte) (size, show int, ok bool) {
	switch {
	case b[0] == magic[0]:
		return protocolHeader, protocolHeader, true
	case s.asked && b[0] == 0x16:
		s.tls = true // the server's answer was not captured
		return 0, 1, true
	case b[0] == 0:
		if len(b) < protocolHeader {
			return 0, protocolHeader, true
		}
		size = int(binary.BigEndian.Uint32(b))
		if size < protocolHeader || b[4] < 2 || b[5] > 1 {
			return 0, 0, false
		}
		return size, min(size, shown), true
	case b[0] > 8:
		return 0, 0, false
	case len(b) < 7:
		return 0, 7, true
	}
	n := binary.BigEndian.Uint32(b[3:])
	if n > maxFrame {
		return 0, 0, false
	}
	size = 7 + int(n) + 1
	if b[0] == 1 {
		show = min(size, shown)
	}
	return size, show, true
}

// Sync implements frames.Format.
func (s *stream) Sync(_ protocol.Dir, b []byte) bool {
	if len(b) < 12 || b[0] == 0 || b[0] > 8 {
		return false
	}
	n := binary.BigEndian.Uint32(b[3:])
	return uint64(n)+8 <= uint64(len(b)) && b[7+n] == frameEnd
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_frame"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, size int) protocol.Status {
	switch b[0] {
	case magic[0]:
		if b[4] == idTLS && b[5] == 1 {
			if d == protocol.ToClient {
				return protocol.Switch
			}
			s.asked = true
		}
		return protocol.More
	case 0:
		return s.frame1(c, d, b)
	case 1:
		return s.method(c, d, b, size)
	}
	return protocol.More
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.facts[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// begin starts a login by the mechanism of that name, if there is a user.
func (s *stream) begin(mechanism []byte) {
	s.mechanism = append(s.mechanism[:0], "amqp-"...)
	for _, b := range mechanism[:min(len(mechanism), 32)] {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		s.mechanism = append(s.mechanism, b)
	}
	s.pending = len(s.user) > 0
}

// tell emits the login that is waiting.
func (s *stream) tell(c *protocol.Context, outcome int64) {
	if s.pending {
		s.pending = false
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.mechanism, Num: outcome})
	}
}

// product tells the software of a side.
func (s *stream) product(c *protocol.Context, d protocol.Dir, name, version []byte) {
	if len(name) == 0 || len(name)+len(version) > maxText {
		return
	}
	s.text = append(s.text[:0], name...)
	if len(version) > 0 {
		s.text = append(append(s.text, ' '), version...)
	}
	kind := protocol.ClientSoftware
	if d == protocol.ToClient {
		kind = protocol.ServerSoftware
	}
	s.observe(c, d, protocol.Fact{Kind: kind, Text: s.text})
}
