// Package tds parses the beginning of connections of the Tabular Data Stream protocol ([MS-TDS], and the login of its
// predecessor that Sybase speaks): the server's version, who logs in with which program, and whether that is accepted.
// The TLS that PRELOGIN agrees upon runs inside of packets; from there on all is opaque.
package tds

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

const (
	header = 8
	// maxText bounds the names that are kept, in bytes.
	maxText = 256
	shown   = 8 << 10
)

// Types of packets.
const (
	typeBatch    = 0x01
	typeOldLogin = 0x02
	typeRPC      = 0x03
	typeAnswer   = 0x04
	typeLogin    = 0x10
	typeSSPI     = 0x11
	typePrelogin = 0x12
)

// allHeaders begins a batch or a call: the size of all headers, and of the one about the transaction, and its type.
const allHeaders = "\x16\x00\x00\x00\x12\x00\x00\x00\x02\x00"

// Parser returns the parser of TDS over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "tds",
		Over:  protocol.TCP,
		Limit: 2 * shown,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows PRELOGIN of either side, the logins, and in the middle of a connection batches and answers.
func probe(p *protocol.Peek) protocol.Match {
	m := probePacket(p)
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

func probePacket(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) == 0 {
		return protocol.Maybe
	}
	switch b[0] {
	case typePrelogin, typeLogin, typeOldLogin, typeAnswer:
	case typeBatch, typeRPC:
		if !p.Midstream {
			return protocol.No
		}
	default:
		return protocol.No
	}
	// Status, length, channel, number, window.
	if len(b) > 1 && b[1] > 1 && !(p.Midstream && b[1] < 0x20) || len(b) > 7 && b[7] != 0 || len(b) > 2 && b[2] > 0x80 {
		return protocol.No
	}
	if len(b) < header+6 {
		return protocol.Maybe
	}
	length, body := int(binary.BigEndian.Uint16(b[2:])), b[header:]
	if length < header+6 || length > 32<<10 {
		return protocol.No
	}
	server := b[0] == typeAnswer
	p.Reversed = server == (p.Dir == protocol.ToServer)
	if p.Reversed && !p.Midstream {
		return protocol.No
	}
	switch b[0] {
	case typePrelogin:
		return options(body, length-header)
	case typeAnswer:
		if options(body, length-header) == protocol.Yes {
			return protocol.Yes
		}
		return tokens(body, length-header, p.Midstream)
	case typeLogin:
		if len(body) < 8 {
			return protocol.Maybe
		}
		if n := binary.LittleEndian.Uint32(body); n >= 86 && n < 1<<17 && body[7]&0xf0 == 0x70 {
			return protocol.Yes
		}
	case typeOldLogin:
		if len(b) < length {
			return protocol.Maybe
		}
		if length >= 512 && body[30] <= 30 && body[61] <= 30 && body[92] <= 30 {
			return protocol.Yes
		}
	case typeBatch, typeRPC:
		// The transaction that it belongs to (ALL_HEADERS), or text in UTF-16: behind its length in a call.
		text := body
		if b[0] == typeRPC {
			text = body[2:]
		}
		if string(body[:min(len(body), len(allHeaders))]) == allHeaders || len(b) == length && wide(text) {
			return protocol.Yes
		}
	}
	return protocol.No
}

// options reports whether b begins with the options of PRELOGIN, of which VERSION is the first.
func options(b []byte, length int) protocol.Match {
	if b[0] != 0 || binary.BigEndian.Uint16(b[3:]) != 6 {
		return protocol.No
	}
	offset := int(binary.BigEndian.Uint16(b[1:]))
	if offset < 6 || offset+6 > length || (offset-1)%5 != 0 {
		return protocol.No
	}
	if b[5] > 8 && b[5] != 0xff {
		return protocol.No
	}
	return protocol.Yes
}

// tokens reports whether b begins with a token of known size that another one, or the end, follows.
func tokens(b []byte, length int, midstream bool) protocol.Match {
	switch b[0] {
	case tokenError, tokenInfo, tokenLoginAck, tokenEnv:
		n := 3 + int(binary.LittleEndian.Uint16(b[1:]))
		if n < 6 || n >= length {
			return protocol.No
		}
		if n >= len(b) {
			return protocol.Maybe
		}
		switch b[n] {
		case tokenError, tokenInfo, tokenLoginAck, tokenEnv, tokenDone:
			return protocol.Yes
		}
	case 0x81, 0xff, 0xfe, tokenDone:
		if midstream {
			return protocol.Likely
		}
	}
	return protocol.No
}

// wide reports whether b begins with letters in UTF-16.
func wide(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	for i := 0; i < 16; i += 2 {
		if b[i] < ' ' && b[i] != '\t' && b[i] != '\n' && b[i] != '\r' || b[i] > '~' || b[i+1] != 0 {
			return false
		}
	}
	return true
}

// stream follows one connection.
type stream struct {
	sides      [2]frames.Reader
	told       bool // the server's version was told
	pending    bool // a login waits for its outcome
	integrated bool // its user is yet to come, in a message of NTLMSSP
	user       []byte
	text       []byte
	facts      [1]protocol.Fact
	obs        protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() { *s = stream{user: s.user[:0], text: s.text[:0]} }

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
func (s *stream) Frame(_ protocol.Dir, b []byte) (size, show int, ok bool) {
	if len(b) < header {
		return 0, header, b[0] != 0 && b[0] <= 0x20
	}
	size = int(binary.BigEndian.Uint16(b[2:]))
	return size, min(size, shown), size >= header && b[0] != 0 && b[0] <= 0x20
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	return len(b) >= header && probePacket(&protocol.Peek{Data: b, Dir: d, Midstream: true}) >= protocol.Likely
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_packet"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	kind, body := b[0], b[header:]
	switch {
	case len(body) == 0:
	case kind == typePrelogin && len(body) > 2 && body[0] >= 0x14 && body[0] <= 0x17 && body[1] == 3:
		s.observe(c, d, protocol.Fact{Kind: protocol.Encrypted})
		return protocol.Done
	case d == protocol.ToClient && kind == typeAnswer:
		return s.answer(c, body)
	case d == protocol.ToServer && kind == typeLogin:
		s.login(c, body)
	case d == protocol.ToServer && kind == typeOldLogin:
		s.oldLogin(c, body)
	case d == protocol.ToServer && kind == typeSSPI:
		s.sspi(body)
	case d == protocol.ToServer && (kind == typeBatch || kind == typeRPC):
		// Who may ask for anything is logged in.
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	return protocol.More
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.facts[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// tell emits the login that is waiting.
func (s *stream) tell(c *protocol.Context, outcome int64) {
	if s.pending && len(s.user) > 0 {
		s.text = append(s.text[:0], "tds"...)
		if s.integrated {
			s.text = append(s.text, "-ntlmssp"...)
		}
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.text, Num: outcome})
	}
	s.pending = false
}
