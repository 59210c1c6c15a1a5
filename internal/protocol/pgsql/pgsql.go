// Package pgsql parses PostgreSQL's protocol, version 3 ("Frontend/Backend Protocol" in PostgreSQL's manual): requests
// for encryption, who logs in to which database by which method and whether that is accepted, simple queries and what
// the server says of them. Passwords, their hashes, SASL messages and cancellation keys are not looked at.
package pgsql

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

// Bounds. A server accepts startup packets of 10,000 bytes (MAX_STARTUP_PACKET_LENGTH); errors are read as far as that.
const (
	maxStartup = 10_000
	maxQuery   = 4 << 10
	maxError   = 4 << 10
	maxText    = 256
	maxParams  = 2 << 10
	// maxMessage is the longest message that a server accepts or sends (PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize).
	maxMessage = 1 << 30
)

// Codes that stand where the protocol version does in a startup packet.
const (
	codeCancel = 80877102
	codeSSL    = 80877103
	codeGSS    = 80877104
)

// typedHeader is a message's type and length.
const typedHeader = 1 + 4

// Parser returns the parser of PostgreSQL over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "pgsql",
		Over:  protocol.TCP,
		Limit: 16 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	m := probeStart(p)
	if m == protocol.No && p.Midstream {
		m = probeInside(p)
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// probeStart knows the first message of either side.
func probeStart(p *protocol.Peek) protocol.Match {
	b := p.Data
	switch {
	case len(b) == 0:
		return protocol.Maybe
	case p.Dir == protocol.ToServer || p.Midstream && b[0] == 0:
		return probeStartup(b)
	}
	return probeAnswer(b)
}

// probeStartup knows a startup packet: its length, a code or version, and a first parameter of sane form.
func probeStartup(b []byte) protocol.Match {
	if b[0] != 0 || len(b) > 1 && b[1] != 0 || len(b) > 4 && b[4] != 0 && b[4] != codeSSL>>24 {
		return protocol.No
	}
	if len(b) < 8 {
		return protocol.Maybe
	}
	length := binary.BigEndian.Uint32(b)
	switch code := binary.BigEndian.Uint32(b[4:]); {
	case (code == codeSSL || code == codeGSS) && length == 8, code == codeCancel && length >= 16 && length <= 268:
		return protocol.Yes
	case code>>16 != 3 || code&0xffff > 99 || length < 9 || length > maxStartup:
		return protocol.No
	}
	for i, c := range b[8:] {
		switch {
		case c == 0 && i > 1:
			return protocol.Yes
		case (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '.' || i > 63:
			return protocol.No
		}
	}
	return protocol.Maybe
}

// probeAnswer knows what a server says first: whether it will encrypt, a request for authentication, an error.
func probeAnswer(b []byte) protocol.Match {
	switch {
	case b[0] == 'S' || b[0] == 'N':
		switch {
		case len(b) == 1:
			return protocol.Maybe
		case b[0] == 'S' && b[1] == 0x16, b[0] == 'N' && (b[1] == 'R' || b[1] == 'E'):
			b = b[1:]
			if b[0] != 0x16 {
				return probeAnswer(b)
			}
			switch {
			case len(b) == 1 || len(b) == 2 && b[1] == 3:
				return protocol.Maybe
			case b[1] == 3 && b[2] <= 4:
				return protocol.Yes
			}
		}
		return protocol.No
	case b[0] != 'R' && b[0] != 'E':
		return protocol.No
	case len(b) > 1 && b[1] != 0, len(b) > 2 && b[2] != 0:
		return protocol.No
	case len(b) < 9:
		return protocol.Maybe
	}
	length := binary.BigEndian.Uint32(b[1:])
	if b[0] == 'R' {
		if kind := binary.BigEndian.Uint32(b[5:]); length < 8 || length > 2048 || kind > authSASLFinal {
			return protocol.No
		}
		return protocol.Yes
	}
	if length > 4 && b[5] == 'S' && bytes.IndexByte(b[6:], 0) < 0 && len(b) < 40 {
		return protocol.Maybe
	}
	if level, rest, ok := bytes.Cut(b[5:], []byte{0}); ok && len(level) > 4 && level[0] == 'S' && len(rest) > 0 && (rest[0] == 'V' || rest[0] == 'C') {
		return protocol.Yes
	}
	return protocol.No
}

// probeInside knows messages in the middle of a connection.
func probeInside(p *protocol.Peek) protocol.Match {
	for _, d := range [...]protocol.Dir{p.Dir, p.Dir.Reverse()} {
		if n, exact := walk(d, p.Data); n >= 2 || n == 1 && exact && sure(d, p.Data) {
			p.Reversed = d != p.Dir
			return protocol.Yes
		}
	}
	if n, _ := walk(p.Dir, p.Data); n == 1 && p.Port(5432) {
		return protocol.Likely
	}
	return protocol.No
}

// sure reports whether one message alone is telling: a query, a description of rows, or readiness.
func sure(d protocol.Dir, b []byte) bool {
	body := b[typedHeader:]
	if d == protocol.ToClient {
		return b[0] == 'T' && len(body) > 20 || b[0] == 'Z' && len(body) == 1
	}
	if b[0] != 'Q' || len(body) < 6 || body[len(body)-1] != 0 {
		return false
	}
	for _, c := range body[:len(body)-1] {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

// walk counts the well-formed messages that b begins with, four at most. exact says that b ends with one.
func walk(d protocol.Dir, b []byte) (n int, exact bool) {
	for n < 4 && len(b) >= typedHeader {
		length := binary.BigEndian.Uint32(b[1:])
		if !known(d, b[0]) || length < 4 || length > maxMessage || b[0] == 'Z' && length != 5 {
			return 0, false
		}
		n++
		if uint64(length)+1 > uint64(len(b)) {
			return n - 1, false
		}
		b = b[1+length:]
	}
	return n, len(b) == 0
}

const (
	clientTypes = "QPBEDCSHFXpdcf"
	serverTypes = "RSKZTDCENAIV123nstGHWdcv"
)

func known(d protocol.Dir, kind byte) bool {
	if d == protocol.ToServer {
		return bytes.IndexByte([]byte(clientTypes), kind) >= 0
	}
	return bytes.IndexByte([]byte(serverTypes), kind) >= 0
}

// stream follows one connection.
type stream struct {
	sides   [2]frames.Reader
	typed   bool // the client has sent its startup packet, or began before the capture
	asked   bool // the client wants encryption and has no answer
	tls     bool // TLS begins with the first unread byte
	heard   bool // the server has spoken
	next    byte // what the server's answer asked for: 0, authCleartext, …
	login   login
	tx      transaction
	txs     uint64
	version []byte // scratch
	facts   [2]protocol.Fact
	obs     protocol.Observation
}

// login is what is known of who logs in.
type login struct {
	user      []byte
	mechanism string
	pending   bool
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{login: login{user: s.login.user[:0]}, tx: s.tx.fresh(), version: s.version[:0]}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Midstream && d == protocol.ToServer && len(b) > 0 && b[0] != 0 {
		s.typed = true
	}
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
func (s *stream) End(c *protocol.Context) {
	s.tellLogin(c, protocol.LoginTried)
	s.tell(c)
}

// Frame implements frames.Format.
func (s *stream) Frame(d protocol.Dir, b []byte) (size, show int, ok bool) {
	if d == protocol.ToServer && !s.typed {
		if s.asked && b[0] == 0x16 {
			s.tls = true // the server's answer was not captured
			return 0, 1, true
		}
		if len(b) < 8 {
			return 0, 8, b[0] == 0
		}
		length := binary.BigEndian.Uint32(b)
		return int(length), int(length), length >= 8 && length <= maxStartup
	}
	if d == protocol.ToClient && (b[0] == 'S' || b[0] == 'N' || b[0] == 'G') {
		// The answer to a request for encryption is one byte. Where the request was not seen, a message's length would follow.
		switch {
		case s.asked:
			return 1, 1, true
		case !s.heard && len(b) == 1:
			return 0, 2, true
		case !s.heard && b[1] != 0:
			return 1, 1, true
		}
	}
	if len(b) < typedHeader {
		return 0, typedHeader, known(d, b[0])
	}
	length := binary.BigEndian.Uint32(b[1:])
	if !known(d, b[0]) || length < 4 || length > maxMessage {
		return 0, 0, false
	}
	size = 1 + int(length)
	return size, min(size, typedHeader+shown(d, b[0])), true
}

// shown is how much of a message's body is looked at.
func shown(d protocol.Dir, kind byte) int {
	if d == protocol.ToServer {
		switch kind {
		case 'Q':
			return maxQuery
		case 'p':
			return maxMechanism
		case 'X', 'd':
			return 1 // its presence and size tell all
		}
		return 0
	}
	switch kind {
	case 'E':
		return maxError
	case 'S', 'C':
		return 2 * maxText
	case 'R':
		return 64
	case 'K':
		return 4
	case 'T', 'D':
		return 2
	case 'G', 'H':
		return 3
	}
	return 0
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	s.typed = s.typed || d == protocol.ToServer
	n, exact := walk(d, b)
	return n >= 2 || n == 1 && exact
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	name := "malformed_request"
	if d == protocol.ToClient {
		name = "malformed_response"
	}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: name}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, size int) protocol.Status {
	switch {
	case d == protocol.ToClient && len(b) == 1 && size == 1:
		return s.answer(c, b[0])
	case d == protocol.ToClient:
		s.heard = true
		s.response(c, b[0], b[typedHeader:], size)
	case !s.typed:
		s.startup(c, b)
	default:
		s.request(c, b[0], b[typedHeader:], size)
	}
	return protocol.More
}
