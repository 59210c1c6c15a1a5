// Package memcached recognises the protocols of memcached: binary and text, over TCP and in UDP's frames. Of the binary
// one it tells SASL logins and whether they are accepted, of both the server's version. Text has no login that can be
// told from data.
package memcached

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
	"netsensor/internal/protocol/lines"
	"netsensor/internal/protocol/saslname"
)

const (
	header   = 24
	udpFrame = 8
	request  = 0x80
	response = 0x81
	// maxBody is the largest item that memcached can be configured for, and as much again.
	maxBody = 2 << 30
	maxLine = 2 << 10
	shown   = 1 << 10
	maxText = 64
)

// Opcodes, and statuses of responses.
const (
	opVersion  = 0x0b
	opSASL     = 0x21
	opSASLStep = 0x22
	maxOpcode  = 0x48

	statusAuthError    = 0x20
	statusAuthContinue = 0x21
)

// Parser returns the parser of memcached.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "memcached",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 2 * maxLine,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Over == protocol.UDP {
		// Request, number, count, and two bytes that are reserved; not all clients clear them.
		if len(b) <= udpFrame || binary.BigEndian.Uint16(b[4:]) == 0 || !p.Port(11211) && (b[6] != 0 || b[7] != 0) {
			return protocol.No
		}
		b = b[udpFrame:]
	}
	if len(b) == 0 {
		return protocol.Maybe
	}
	var m protocol.Match
	var server bool
	if b[0] == request || b[0] == response {
		m, server = probeBinary(b), b[0] == response
	} else if m = probeCommand(b); m == protocol.No {
		m, server = probeAnswer(b), true
	}
	if m == protocol.Yes && server != (p.Dir == protocol.ToClient) {
		p.Reversed = true
		if p.Over == protocol.TCP && !p.Midstream {
			return protocol.No
		}
	}
	if m == protocol.Maybe && (p.End || p.Over == protocol.UDP) {
		return protocol.No
	}
	return m
}

func probeBinary(b []byte) protocol.Match {
	if len(b) > 1 && b[1] > maxOpcode || len(b) > 5 && b[5] != 0 {
		return protocol.No
	}
	if len(b) < header {
		return protocol.Maybe
	}
	key, extras, total := uint32(binary.BigEndian.Uint16(b[2:])), b[4], binary.BigEndian.Uint32(b[8:])
	if key > 250 || key+uint32(extras) > total || total > maxBody {
		return protocol.No
	}
	if b[0] == response {
		if extras != 0 && extras != 4 || binary.BigEndian.Uint16(b[6:]) > 0x90 {
			return protocol.No
		}
		return protocol.Yes
	}
	// What each command has of extras and key tells it from chance, and from Thrift's binary protocol.
	ok := false
	switch b[1] {
	case 0x00, 0x04, 0x09, 0x0c, 0x0d, 0x14: // get and delete
		ok = extras == 0 && key > 0 && total == key
	case 0x01, 0x02, 0x03, 0x11, 0x12, 0x13: // set, add, replace
		ok = extras == 8 && key > 0
	case 0x05, 0x06, 0x15, 0x16: // increment, decrement
		ok = extras == 20 && key > 0 && total == key+20
	case 0x07, 0x0a, opVersion, 0x17, 0x20: // quit, noop, version, mechanisms
		ok = total == 0
	case 0x08, 0x18, 0x1b, 0x1c, 0x1d, 0x1e: // flush, verbosity, touch
		ok = extras == 0 || extras == 4
	case 0x0e, 0x0f, 0x19, 0x1a, opSASL, opSASLStep: // append, prepend
		ok = extras == 0 && key > 0
	case 0x10: // stat
		ok = extras == 0
	}
	if !ok {
		return protocol.No
	}
	return protocol.Yes
}

// commands are those of the text protocol, with the least and the greatest number of words that may follow.
var commands = [...]struct {
	name        string
	least, most int
}{
	{"get", 1, 100}, {"gets", 1, 100}, {"set", 4, 5}, {"add", 4, 5}, {"replace", 4, 5}, {"append", 4, 5},
	{"prepend", 4, 5}, {"cas", 5, 6}, {"delete", 1, 3}, {"incr", 2, 3}, {"decr", 2, 3}, {"touch", 2, 3}, {"stats", 0, 4},
}

// probeCommand knows a line that is a command with arguments of its form. What "get", "delete" and "stats" say in one
// word more is said in other protocols too, so the line must end as memcached's do.
func probeCommand(b []byte) protocol.Match {
	line, _, whole := lines.First(b[:min(len(b), maxLine)])
	word, rest := lines.Word(line)
	if len(word) > 8 {
		return protocol.No
	}
	for _, c := range commands {
		if string(word) == c.name {
			if !whole {
				return protocol.Maybe
			}
			words, numbers := 0, 0
			for len(rest) > 0 {
				word, rest = lines.Word(rest)
				if words++; words > 1 && digits(word) {
					numbers++
				}
				if words > c.most || len(word) > 250 {
					return protocol.No
				}
			}
			if words >= c.least && numbers >= min(c.least-1, 3) && b[len(line)] == '\r' {
				return protocol.Yes
			}
			return protocol.No
		}
		if !whole && len(line) == len(word) && len(word) < len(c.name) && string(word) == c.name[:len(word)] {
			return protocol.Maybe
		}
	}
	return protocol.No
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// probeAnswer knows values, statistics and stored items.
func probeAnswer(b []byte) protocol.Match {
	for _, a := range [...]string{"VALUE ", "STAT pid ", "STORED\r\n", "NOT_STORED\r\n", "VERSION 1."} {
		if n := min(len(b), len(a)); string(b[:n]) == a[:n] {
			if n < len(a) {
				return protocol.Maybe
			}
			return protocol.Yes
		}
	}
	return protocol.No
}

// stream follows one connection.
type stream struct {
	sides     [2]frames.Reader
	lines     lines.Reader
	spoken    bool // the first byte was seen
	binary    bool // the binary protocol is spoken
	pending   bool // a login waits for its outcome
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
	if c.Over == protocol.UDP {
		return len(b), protocol.Done
	}
	if !s.spoken && len(b) > 0 {
		s.spoken, s.binary = true, b[0] == request || b[0] == response
	}
	if !s.binary {
		return s.plain(c, d, b)
	}
	n, st := s.sides[d].Feed(s, c, d, b)
	if st == protocol.More && s.sides[0].Closed() && s.sides[1].Closed() {
		st = protocol.Failed
	}
	return n, st
}

// plain takes the text protocol, of which the answer to "version" alone is of interest.
func (s *stream) plain(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if d == protocol.ToServer {
		return len(b), protocol.More
	}
	line, n, ok := s.lines.Next(b, maxLine)
	if !ok {
		return n, protocol.More
	}
	if version, found := bytes.CutPrefix(line, []byte("VERSION ")); found {
		s.version(c, version)
	}
	return n, protocol.Done
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
	if b[0] != request+byte(d) {
		return 0, 0, false
	}
	if len(b) < header {
		return 0, header, true
	}
	if probeBinary(b) != protocol.Yes {
		return 0, 0, false
	}
	size = header + int(binary.BigEndian.Uint32(b[8:]))
	switch b[1] {
	case opVersion, opSASL, opSASLStep:
		show = min(size, shown)
	}
	return size, show, true
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	return b[0] == request+byte(d) && probeBinary(b) == protocol.Yes
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_message"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	key, extras := int(binary.BigEndian.Uint16(b[2:])), int(b[4])
	if header+extras+key > len(b) {
		return protocol.More
	}
	name, value := b[header+extras:header+extras+key], b[header+extras+key:]
	status := binary.BigEndian.Uint16(b[6:])
	switch {
	case d == protocol.ToServer && b[1] == opSASL:
		s.tell(c, protocol.LoginTried)
		s.user = saslname.Append(s.user[:0], name, value)
		s.pending = len(s.user) > 0
		s.mechanism = append(s.mechanism[:0], "memcached-"...)
		for _, ch := range name[:min(len(name), 32)] {
			if ch >= 'A' && ch <= 'Z' {
				ch |= 0x20
			}
			s.mechanism = append(s.mechanism, ch)
		}
	case d == protocol.ToServer:
	case b[1] == opVersion && status == 0:
		s.version(c, value)
	case b[1] == opVersion || status == statusAuthContinue:
	case status == 0:
		s.tell(c, protocol.LoginAccepted)
	case status == statusAuthError:
		s.tell(c, protocol.LoginRefused)
	}
	return protocol.More
}

func (s *stream) version(c *protocol.Context, version []byte) {
	s.text = append(append(s.text[:0], "memcached "...), version[:min(len(version), maxText)]...)
	s.observe(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: s.text})
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
