// Package nats parses the beginning of connections of the NATS client protocol: the server's version, the client's
// library, who logs in and whether that is accepted, and TLS. Then the connection is only counted.
package nats

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

const (
	// maxLine is how much of a line is looked at. Servers take control lines of 4 KiB; their own INFO is longer where
	// a cluster has many addresses, but begins with what matters.
	maxLine = 4 << 10
	maxText = 256
)

// Parser returns the parser of NATS over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "nats",
		Over:  protocol.TCP,
		Limit: 2 * maxLine,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows what either side says first, and messages in the middle of a connection.
func probe(p *protocol.Peek) protocol.Match {
	m := begins(p.Data, "INFO {")
	switch {
	case m == protocol.Yes:
		p.Reversed = p.Dir == protocol.ToServer
	default:
		if n := begins(p.Data, "CONNECT {"); n == protocol.Yes {
			m, p.Reversed = n, p.Dir == protocol.ToClient
		} else if n == protocol.Maybe {
			m = n
		}
	}
	if p.Reversed && !p.Midstream || m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// begins tells whether b begins with a text, which an object in JSON follows: a quote or the end of it.
func begins(b []byte, text string) protocol.Match {
	n := min(len(b), len(text))
	if string(b[:n]) != text[:n] {
		return protocol.No
	}
	for _, c := range b[n:] {
		switch c {
		case ' ', '\t':
			continue
		case '"', '}':
			return protocol.Yes
		}
		return protocol.No
	}
	return protocol.Maybe
}

// stream follows one connection.
type stream struct {
	lines   [2]lines.Reader
	first   bool // the client has sent CONNECT
	pending bool // a login waits for its outcome
	user    []byte
	text    []byte
	facts   [1]protocol.Fact
	obs     protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() { *s = stream{user: s.user[:0], text: s.text[:0]} }

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for {
		if d == protocol.ToServer && !s.first && n < len(b) && b[n] == 0x16 {
			return n, protocol.Switch // TLS, after INFO
		}
		line, k, ok := s.lines[d].Next(b[n:], maxLine)
		n += k
		if !ok {
			return n, protocol.More
		}
		if st := s.line(c, d, line); st != protocol.More {
			return n, st
		}
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.lines[d].Lose()
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.tell(c, protocol.LoginTried) }

// line takes one line, or the beginning of a long one.
func (s *stream) line(c *protocol.Context, d protocol.Dir, line []byte) protocol.Status {
	word, rest := lines.Word(line)
	if d == protocol.ToServer {
		switch {
		case lines.Is(word, "CONNECT"):
			s.connect(c, rest)
		case lines.Is(word, "PING"), lines.Is(word, "PONG"), len(word) == 0:
		case s.first:
			// Who may publish or subscribe is logged in; what is published is none of ours.
			s.tell(c, protocol.LoginAccepted)
			return protocol.Done
		}
		return protocol.More
	}
	switch {
	case lines.Is(word, "INFO"):
		if version := member(rest, "version"); len(version) > 0 {
			s.text = append(append(s.text[:0], "nats-server "...), version[:min(len(version), maxText)]...)
			s.observe(c, d, protocol.Fact{Kind: protocol.ServerSoftware, Text: s.text})
		}
	case lines.Is(word, "+OK"), lines.Is(word, "PONG"):
		if s.first {
			s.tell(c, protocol.LoginAccepted)
			return protocol.Done
		}
	case lines.Is(word, "-ERR"):
		outcome := int64(protocol.LoginTried)
		if bytes.Contains(rest, []byte("uthorization")) || bytes.Contains(rest, []byte("uthentication")) {
			outcome = protocol.LoginRefused
		}
		s.tell(c, outcome)
	case lines.Is(word, "MSG"), lines.Is(word, "HMSG"):
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	return protocol.More
}

// connect takes the client's options; of those that log in, the user's name alone.
func (s *stream) connect(c *protocol.Context, options []byte) {
	s.first = true
	lang, version := member(options, "lang"), member(options, "version")
	if len(lang) > 0 && len(lang)+len(version) <= maxText {
		s.text = append(append(append(append(s.text[:0], "nats-"...), lang...), ' '), version...)
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.ClientSoftware, Text: s.text})
	}
	user := member(options, "user")
	s.user = append(s.user[:0], user[:min(len(user), maxText)]...)
	s.pending = len(s.user) > 0
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
		s.text = append(s.text[:0], "nats"...)
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.text, Num: outcome})
	}
}

// member returns the text of a member of the object that b is, or the beginning of, as it is written: escapes stay.
// It is nil where there is none, or where it is no string.
func member(b []byte, name string) []byte {
	depth, key := 0, true
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
			key = true
		case '}', ']':
			depth--
		case ',':
			key = true
		case ':':
			key = false
		case '"':
			end := i + 1
			for end < len(b) && b[end] != '"' {
				if b[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(b) {
				return nil
			}
			if text := b[i+1 : end]; depth == 1 && key && string(text) == name {
				return value(b[end+1:])
			}
			i = end
		}
	}
	return nil
}

// value returns the string that stands behind a colon.
func value(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t")
	if len(b) == 0 || b[0] != ':' {
		return nil
	}
	b = bytes.TrimLeft(b[1:], " \t")
	if len(b) == 0 || b[0] != '"' {
		return nil
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i]
		}
	}
	return nil
}
