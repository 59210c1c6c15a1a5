// Package tftp parses the requests of the Trivial File Transfer Protocol (RFC 1350) and recognises the transfers
// that follow between other ports.
package tftp

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// Opcodes (RFC 1350, section 5; 6: RFC 2347).
const (
	opRead  = 1
	opWrite = 2
	opData  = 3
	opOack  = 6
)

// A request fits into one datagram of 512 bytes (RFC 2347).
const (
	maxRequest = 512
	block      = 512
)

// Parser returns the parser of TFTP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "tftp",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < 4 || b[0] != 0 || b[1] == 0 || b[1] > opOack {
		return protocol.No
	}
	switch b[1] {
	case opRead, opWrite:
		if _, ok := parse(b); ok {
			p.Reversed = p.Dir == protocol.ToClient
			return protocol.Yes
		}
	case opData:
		// A transfer runs between two ports that nobody can know beforehand, and four bytes are little to go by: the
		// first block must be full.
		if b[2] == 0 && b[3] == 1 && len(b) == 4+block {
			p.Reversed = p.Dir == protocol.ToServer // the server speaks first
			return protocol.Likely
		}
	case opOack:
		if option(b[2:]) {
			p.Reversed = p.Dir == protocol.ToServer
			return protocol.Yes
		}
	}
	return protocol.No
}

// options are those that RFC 2347 to 2349 and 7440 define.
var options = [...]string{"blksize", "tsize", "timeout", "windowsize", "rollover"}

// option reports whether b begins with the name of an option.
func option(b []byte) bool {
	for _, name := range options {
		if len(b) > len(name) && b[len(name)] == 0 && equalFold(b[:len(name)], name) {
			return true
		}
	}
	return false
}

// modes in lower case; the last is obsolete.
var modes = [...]string{"netascii", "octet", "mail"}

// request is a read or write request. It is the event's section.
type request struct {
	write bool
	file  []byte // lent
	mode  string
	size  int64 // as the client says, for writing; 0 when it does not
}

// parse reads a request; ok is false where b is none.
func parse(b []byte) (r request, ok bool) {
	if len(b) < 4 || len(b) > maxRequest || b[0] != 0 || b[1] != opRead && b[1] != opWrite {
		return r, false
	}
	r.write = b[1] == opWrite
	n := bytes.IndexByte(b[2:], 0)
	if n < 0 {
		return r, false
	}
	r.file = b[2 : 2+n]
	b = b[2+n+1:]
	for _, mode := range modes {
		if len(b) > len(mode) && b[len(mode)] == 0 && equalFold(b[:len(mode)], mode) {
			r.mode = mode
			b = b[len(mode)+1:]
		}
	}
	if r.mode == "" {
		return r, false
	}
	const size = "tsize\x00"
	for len(b) > 0 {
		name, rest, _ := bytes.Cut(b, []byte{0})
		value, next, found := bytes.Cut(rest, []byte{0})
		if found && equalFold(name, size[:len(size)-1]) {
			r.size = number(value)
		}
		b = next
	}
	return r, true
}

// number reads a decimal number of at most 15 digits; it is 0 where v is none.
func number(v []byte) (n int64) {
	if len(v) > 15 {
		return 0
	}
	for _, c := range v {
		if c-'0' > 9 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// equalFold compares with a text in lower-case ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// AppendEVE appends `"tftp":{…}`.
func (r *request) AppendEVE(dst []byte, opts *eve.Options) []byte {
	dst = append(dst, `"tftp":`...)
	o := eve.Open(dst, opts)
	packet := "read"
	if r.write {
		packet = "write"
	}
	o.Str("packet", packet)
	o.Bytes("file", r.file)
	o.Str("mode", r.mode)
	return o.Close()
}

// stream follows one flow.
type stream struct {
	request request
	tx      int
	facts   [1]protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() { *s = stream{} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if len(b) >= 2 && binary.BigEndian.Uint16(b) >= opData && s.tx == 0 {
		return len(b), protocol.Done // a transfer
	}
	r, ok := parse(b)
	if !ok {
		return len(b), protocol.More
	}
	s.request = r
	s.obs = protocol.Observation{Event: "tftp", Dir: d, TxID: s.tx, Detail: &s.request}
	if len(r.file) > 0 {
		s.facts[0] = protocol.Fact{Kind: protocol.File, Text: r.file, Num: r.size}
		s.obs.Facts = s.facts[:]
	}
	s.tx++
	c.Sink.Observe(&s.obs)
	s.request.file, s.facts[0].Text = nil, nil // lent
	return len(b), protocol.More
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}
