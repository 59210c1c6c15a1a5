// Package cassandra parses the beginning of connections of Cassandra's native protocol (CQL binary protocol, versions 1
// to 5): the client's driver, who logs in, and whether that is accepted. Once it is, or where nobody logs in, the
// connection is only counted.
package cassandra

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
	"netsensor/internal/protocol/saslname"
)

const (
	// maxFrame is Cassandra's own bound (native_transport_max_frame_size), and as much again.
	maxFrame = 512 << 20
	shown    = 4 << 10
	maxText  = 256
	// From version 5 on messages are wrapped in segments: a header of 17 bits of length, a flag and a checksum of 3
	// bytes, and a checksum of 4 bytes behind; without compression.
	segmentHeader = 6
	segmentTail   = 4
)

// Opcodes.
const (
	opError         = 0x00
	opStartup       = 0x01
	opReady         = 0x02
	opAuthenticate  = 0x03
	opCredentials   = 0x04 // version 1
	opOptions       = 0x05
	opSupported     = 0x06
	opEvent         = 0x0c
	opAuthChallenge = 0x0e
	opAuthResponse  = 0x0f
	opAuthSuccess   = 0x10
)

// badCredentials is the error code of a refused login.
const badCredentials = 0x0100

// Parser returns the parser of CQL over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "cassandra",
		Over:  protocol.TCP,
		Limit: 2 * shown,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// head is a message's header, whose stream number has one byte until version 2.
type head struct {
	version, opcode byte
	response        bool
	size, header    int
}

// parseHead reads a header; header is 0 as long as b is too short.
func parseHead(b []byte) (h head, ok bool) {
	h.version, h.response = b[0]&0x7f, b[0]&0x80 != 0
	if h.version < 1 || h.version > 6 || len(b) > 1 && b[1] > 0x1f {
		return h, false
	}
	n := 9
	if h.version < 3 {
		n = 8
	}
	if len(b) < n {
		return h, true
	}
	h.opcode, h.header = b[n-5], n
	size := binary.BigEndian.Uint32(b[n-4:])
	h.size = n + int(size)
	return h, h.opcode <= opAuthSuccess && size <= maxFrame
}

// server reports whether only servers send such a message.
func (h *head) server() bool {
	switch h.opcode {
	case opError, opReady, opAuthenticate, opSupported, 0x08, opEvent, opAuthChallenge, opAuthSuccess:
		return true
	}
	return false
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	m := protocol.Maybe
	if len(b) > 0 {
		h, ok := parseHead(b)
		switch {
		case !ok:
			m = protocol.No
		case h.header > 0:
			m = probeMessage(p, &h)
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// probeMessage wants a first message to be one that connections begin with, and any other to be whole.
func probeMessage(p *protocol.Peek, h *head) protocol.Match {
	if h.server() != h.response {
		return protocol.No
	}
	p.Reversed = h.response != (p.Dir == protocol.ToClient)
	if p.Reversed && !p.Midstream {
		return protocol.No
	}
	body := h.size - h.header
	switch h.opcode {
	case opOptions:
		if body == 0 && p.Data[1] <= 0x10 {
			return protocol.Yes
		}
		return protocol.No
	case opStartup, opSupported:
		if b := p.Data[h.header:]; len(b) < 4 {
			return protocol.Maybe
		} else if n := binary.BigEndian.Uint16(b); n == 0 || n > 64 || b[2] != 0 || b[3] == 0 {
			return protocol.No
		}
		return protocol.Yes
	}
	if p.Midstream && h.size == len(p.Data) && body > 0 {
		return protocol.Yes
	}
	return protocol.No
}

// stream follows one connection.
type stream struct {
	sides     [2]frames.Reader
	wrapped   [2]bool // messages are wrapped in segments
	pending   bool    // a login waits for its outcome
	user      []byte
	mechanism []byte
	text      []byte
	facts     [1]protocol.Fact
	obs       protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() { *s = stream{user: s.user[:0], mechanism: s.mechanism[:0], text: s.text[:0]} }

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n, st := s.sides[d].Feed(s, c, d, b)
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

// Frame implements frames.Format.
func (s *stream) Frame(d protocol.Dir, b []byte) (size, show int, ok bool) {
	if s.wrapped[d] {
		if len(b) < segmentHeader {
			return 0, segmentHeader, true
		}
		size = segmentHeader + (int(b[0]) | int(b[1])<<8 | int(b[2]&1)<<16) + segmentTail
		return size, min(size, shown), true
	}
	h, ok := parseHead(b)
	switch {
	case !ok:
		return 0, 0, false
	case h.header == 0:
		return 0, len(b) + 1, true
	}
	return h.size, min(h.size, shown), true
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	h, ok := parseHead(b)
	return ok && h.header > 0 && h.size == len(b) && h.response == (d == protocol.ToClient) && !s.wrapped[d]
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_message"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	if s.wrapped[d] {
		// The first message of a segment is all that counts while somebody logs in.
		if b = b[segmentHeader:]; len(b) == 0 {
			return protocol.More
		}
	}
	h, ok := parseHead(b)
	if !ok || h.header == 0 || h.response != (d == protocol.ToClient) {
		return protocol.More
	}
	body := b[h.header:min(len(b), h.size)]
	switch h.opcode {
	case opStartup:
		s.startup(c, body)
		s.wrapped[d] = h.version >= 5
	case opReady:
		s.tell(c, protocol.LoginAccepted) // to CREDENTIALS
		return protocol.Done
	case opAuthenticate:
		class, _, _ := cutString(body)
		s.class(class)
		s.wrapped[d] = h.version >= 5
	case opAuthResponse:
		if len(body) >= 4 && len(s.user) == 0 {
			s.login(saslname.Plain(body[4:]))
		}
	case opCredentials:
		s.credentials(body)
	case opAuthSuccess:
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	case opError:
		outcome := int64(protocol.LoginTried)
		if len(body) >= 4 && binary.BigEndian.Uint32(body) == badCredentials {
			outcome = protocol.LoginRefused
		}
		s.tell(c, outcome)
	case opOptions, opSupported, opAuthChallenge:
	default:
		// Who may ask for anything is logged in.
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	return protocol.More
}

// startup tells the client's driver.
func (s *stream) startup(c *protocol.Context, b []byte) {
	var name, version []byte
	for rest := skipCount(b); len(rest) > 0; {
		var key, value []byte
		var ok bool
		if key, rest, ok = cutString(rest); !ok {
			break
		}
		if value, rest, ok = cutString(rest); !ok {
			break
		}
		switch string(key) {
		case "DRIVER_NAME":
			name = value
		case "DRIVER_VERSION":
			version = value
		}
	}
	if len(name) > 0 && len(name)+len(version) <= maxText {
		s.text = append(append(append(s.text[:0], name...), ' '), version...)
		s.observe(c, protocol.Fact{Kind: protocol.ClientSoftware, Text: s.text})
	}
}

// credentials takes the login of version 1, a map of names.
func (s *stream) credentials(b []byte) {
	for rest := skipCount(b); len(rest) > 0; {
		var key, value []byte
		var ok bool
		if key, rest, ok = cutString(rest); !ok {
			break
		}
		if value, rest, ok = cutString(rest); !ok {
			break
		}
		if string(key) == "username" {
			s.login(value)
		}
	}
}

// login keeps a user.
func (s *stream) login(user []byte) {
	s.user = append(s.user[:0], user[:min(len(user), maxText)]...)
	s.pending = len(s.user) > 0
}

// class keeps what the server wants of a client: "cassandra-password" for org.apache.cassandra.auth.PasswordAuthenticator.
func (s *stream) class(name []byte) {
	s.mechanism = append(s.mechanism[:0], "cassandra"...)
	if bytes.HasSuffix(name, []byte(".PasswordAuthenticator")) {
		s.mechanism = append(s.mechanism, "-password"...)
	}
}

// tell emits the login that is waiting.
func (s *stream) tell(c *protocol.Context, outcome int64) {
	if s.pending {
		s.pending = false
		if len(s.mechanism) == 0 {
			s.class(nil)
		}
		s.observe(c, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.mechanism, Num: outcome})
		s.user = s.user[:0]
	}
}

func (s *stream) observe(c *protocol.Context, f protocol.Fact) {
	s.facts[0] = f
	s.obs = protocol.Observation{TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// skipCount returns the pairs of a string map.
func skipCount(b []byte) []byte {
	if len(b) < 2 {
		return nil
	}
	return b[2:]
}

// cutString cuts a string off b.
func cutString(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
