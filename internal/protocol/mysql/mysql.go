// Package mysql parses the beginning of connections of the MySQL protocol ("MySQL Client/Server Protocol" in MySQL's
// source documentation; MariaDB speaks it too): the server's version, who logs in by which method and whether that is
// accepted, the client's software, and TLS. Later changes of the user are followed, other commands are not read.
package mysql

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

const (
	header = 3 + 1 // a packet's length and number
	// maxGreeting and maxResponse bound the packets of the handshake as far as they are read.
	maxGreeting = 1 << 10
	maxResponse = 8 << 10
	maxUser     = 256
)

// First bytes of a server's packets.
const (
	packetOK       = 0x00
	packetMore     = 0x01
	protocolV10    = 0x0a
	packetSwitch   = 0xfe
	packetError    = 0xff
	comQuit        = 0x01
	comQuery       = 0x03
	comChangeUser  = 0x11
	sslRequestSize = 32
)

// Capabilities of the client.
const (
	withDatabase     = 1 << 3
	compress         = 1 << 5
	protocol41       = 1 << 9
	withTLS          = 1 << 11
	secureConnection = 1 << 15
	pluginAuth       = 1 << 19
	attributes       = 1 << 20
	lenencAuth       = 1 << 21
	compressZstd     = 1 << 26
)

// Parser returns the parser of MySQL over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "mysql",
		Over:  protocol.TCP,
		Limit: 16 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	m := protocol.Maybe
	if len(p.Data) > 0 {
		switch {
		case p.Dir == protocol.ToClient || p.Midstream && len(p.Data) > header && p.Data[3] == 0 && p.Data[4] == protocolV10:
			m = probeGreeting(p.Data)
			p.Reversed = m == protocol.Yes && p.Dir == protocol.ToServer
		default:
			m = probeResponse(p.Data)
		}
		if m == protocol.No && p.Midstream {
			m = probeInside(p)
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

func packetLength(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// probeGreeting knows HandshakeV10, or the error that a server says in its place.
func probeGreeting(b []byte) protocol.Match {
	if len(b) > 1 && b[1] > 3 || len(b) > 2 && b[2] != 0 || len(b) > 3 && b[3] != 0 {
		return protocol.No
	}
	if len(b) <= header {
		return protocol.Maybe
	}
	length, body := packetLength(b), b[header:]
	switch {
	case body[0] == packetError && length > 5:
		if len(body) < length {
			return protocol.Maybe
		}
		code, text := binary.LittleEndian.Uint16(body[1:]), body[3:length]
		if len(body) == length && (code >= 1000 && code < 2000 || code >= 3000 && code < 5000) && printable(text) {
			return protocol.Yes
		}
	case body[0] == protocolV10 && length >= 20:
		version, rest, ok := bytes.Cut(body[1:], []byte{0})
		switch {
		case len(version) > 100 || !printable(version) || len(version) > 0 && (version[0] < '0' || version[0] > '9'):
			return protocol.No
		case !ok || len(rest) < 13:
			return protocol.Maybe
		case rest[12] == 0 && len(version) > 2: // the filler after the challenge
			return protocol.Yes
		}
	}
	return protocol.No
}

// probeResponse knows what a client says first: SSLRequest or HandshakeResponse41.
func probeResponse(b []byte) protocol.Match {
	if len(b) > 2 && b[2] != 0 || len(b) > 3 && b[3] != 1 || len(b) > 1 && b[1] == 0 && b[0] < sslRequestSize {
		return protocol.No
	}
	if len(b) < header+sslRequestSize {
		return protocol.Maybe
	}
	length := packetLength(b)
	body := b[header:]
	capabilities := binary.LittleEndian.Uint32(body)
	if length < sslRequestSize || length > maxResponse || capabilities&protocol41 == 0 {
		return protocol.No
	}
	for _, c := range body[9:28] { // MariaDB uses the last 4 of the 23 reserved bytes
		if c != 0 {
			return protocol.No
		}
	}
	if length == sslRequestSize {
		if capabilities&withTLS != 0 {
			return protocol.Yes
		}
		return protocol.No
	}
	user, _, ok := bytes.Cut(body[sslRequestSize:], []byte{0})
	switch {
	case !printable(user) || len(user) > maxUser:
		return protocol.No
	case !ok:
		return protocol.Maybe
	}
	return protocol.Yes
}

// probeInside knows a query, and a result by its numbered packets.
func probeInside(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) <= header+8 {
		return protocol.No
	}
	if query(b) {
		p.Reversed = p.Dir == protocol.ToClient
		return protocol.Yes
	}
	if numbered(b) {
		p.Reversed = p.Dir == protocol.ToServer
		return protocol.Yes
	}
	return protocol.No
}

// query reports whether b is a COM_QUERY, whole, or its beginning if it is long.
func query(b []byte) bool {
	if len(b) < header+8 || b[3] != 0 || b[4] != comQuery {
		return false
	}
	length := packetLength(b)
	if text := b[header+1:]; length != len(b)-header && (length < len(b)-header || len(b) < 1000) || !printable(text[:min(len(text), 64)]) {
		return false
	}
	for _, c := range b[header+1 : header+5] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

// numbered reports whether b begins with three packets that are numbered from 1.
func numbered(b []byte) bool {
	for want := byte(1); want <= 3; want++ {
		if len(b) < header+1 || b[3] != want {
			return false
		}
		length := packetLength(b)
		if length == 0 || length > len(b)-header || want == 1 && length > 9 {
			return false
		}
		b = b[header+length:]
	}
	return true
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
	}
	return true
}

// stream follows one connection.
type stream struct {
	sides     [2]frames.Reader
	greeted   bool // the server's greeting was seen
	responded bool // the client's handshake response was seen
	settled   bool // a login was decided: the server rests
	heard     bool // the server answers logins
	pending   bool // a login waits for its outcome
	compress  bool
	user      []byte
	mechanism []byte
	software  []byte
	facts     [1]protocol.Fact
	obs       protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{user: s.user[:0], mechanism: s.mechanism[:0], software: s.software[:0]}
}

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
	if len(b) <= header {
		return 0, header + 1, true
	}
	length := packetLength(b)
	size = header + length
	switch {
	case length == 0:
		return size, 0, true
	case d == protocol.ToClient && !s.settled:
		// Nothing but a greeting, or an error, can come first, and answers to a login are short.
		if !s.greeted && !s.responded && b[4] != protocolV10 && b[4] != packetError {
			return 0, 0, false
		}
		return size, min(size, header+maxGreeting), length < 1<<16
	case d == protocol.ToClient:
		return size, 0, true
	case b[3] == 0 && b[4] == comChangeUser:
		return size, min(size, header+1+maxUser+1), true
	case b[3] == 0:
		return size, header + 1, true
	case s.responded:
		return size, 0, true // secrets
	}
	return size, min(size, header+maxResponse), length < 1<<16
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	if d == protocol.ToServer {
		s.responded = true
		return len(b) > header && b[3] == 0 && packetLength(b) == len(b)-header
	}
	return len(b) > header && packetLength(b) == len(b)-header
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_packet"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, size int) protocol.Status {
	body := b[header:]
	if d == protocol.ToClient {
		return s.server(c, body)
	}
	if b[3] != 0 {
		return s.response(c, body, size-header)
	}
	s.responded = true
	switch {
	case body[0] == comChangeUser:
		s.changeUser(c, body[1:])
	case !s.heard && body[0] != comQuit:
		// The server is not seen; who may give commands is logged in.
		s.tell(c, protocol.LoginAccepted)
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
	if s.pending {
		s.pending = false
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.mechanism, Num: outcome})
	}
}
