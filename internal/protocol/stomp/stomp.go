// Package stomp parses the beginning of STOMP connections, versions 1.0 to 1.2: who logs in where, whether that is
// accepted, and the server's software. Then the connection is only counted.
package stomp

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

const (
	maxLine = 4 << 10
	maxText = 256
)

// Parser returns the parser of STOMP over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "stomp",
		Over:  protocol.TCP,
		Limit: 2 * maxLine,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows the frames that connections begin with by the command and what follows it: a header, or the end of the
// frame.
func probe(p *protocol.Peek) protocol.Match {
	m := protocol.No
	b := bytes.TrimLeft(p.Data, "\r\n")
	for _, command := range [...]string{"CONNECT", "STOMP", "CONNECTED"} {
		n := min(len(b), len(command))
		if string(b[:n]) != command[:n] {
			continue
		}
		rest := bytes.TrimPrefix(b[n:], []byte("\r"))
		switch {
		case n < len(command) || len(rest) == 0 || len(rest) == 1 && rest[0] == '\n':
			m = protocol.Maybe
		case rest[0] == '\n' && (header(rest[1:]) || rest[1] == '\n'):
			p.Reversed = (command == "CONNECTED") != (p.Dir == protocol.ToClient)
			if p.Reversed && !p.Midstream {
				return protocol.No
			}
			return protocol.Yes
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// header reports whether b begins as a header of STOMP does: with a word in lower case.
func header(b []byte) bool {
	c := b[0]
	return c >= 'a' && c <= 'z'
}

// phase is what a direction says next.
type phase uint8

const (
	command phase = iota
	headers       // of CONNECT, CONNECTED or ERROR
	after         // any other frame
)

// stream follows one connection.
type stream struct {
	lines   [2]lines.Reader
	phase   [2]phase
	failed  bool // the server's frame is ERROR
	denied  bool // it is about the login
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

// line takes one line. A frame ends with NUL, which stands before the next command.
func (s *stream) line(c *protocol.Context, d protocol.Dir, line []byte) protocol.Status {
	if s.phase[d] == headers {
		if len(line) > 0 {
			s.header(c, d, line)
			return protocol.More
		}
		s.phase[d] = after
		if d == protocol.ToServer {
			return protocol.More
		}
		outcome := int64(protocol.LoginAccepted)
		if s.failed {
			outcome = protocol.LoginTried
			if s.denied {
				outcome = protocol.LoginRefused
			}
		}
		s.tell(c, outcome)
		return protocol.Done
	}
	line = bytes.TrimLeft(line, "\x00")
	switch {
	case len(line) == 0:
	case d == protocol.ToServer && s.phase[d] == command && (string(line) == "CONNECT" || string(line) == "STOMP"),
		d == protocol.ToClient && (string(line) == "CONNECTED" || string(line) == "ERROR"):
		s.phase[d] = headers
		s.failed = string(line) == "ERROR"
	case d == protocol.ToServer && s.phase[d] == after:
		// Who sends anything else is logged in.
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	return protocol.More
}

// header takes a header of a frame that begins a connection; "passcode" is not looked at.
func (s *stream) header(c *protocol.Context, d protocol.Dir, line []byte) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || len(value) == 0 {
		return
	}
	value = value[:min(len(value), maxText)]
	kind := protocol.FactKind(0)
	switch {
	case d == protocol.ToServer && string(name) == "login":
		s.user = append(s.user[:0], value...)
		s.pending = true
	case d == protocol.ToServer && string(name) == "host":
		kind = protocol.NameService
	case d == protocol.ToClient && string(name) == "server":
		kind = protocol.ServerSoftware
	case d == protocol.ToClient && string(name) == "message" && s.failed:
		for _, word := range [...]string{"uthenticat", "redential", "ogin", "ccess"} {
			s.denied = s.denied || bytes.Contains(value, []byte(word))
		}
	}
	if kind != 0 {
		s.text = append(s.text[:0], value...)
		s.observe(c, d, protocol.Fact{Kind: kind, Text: s.text})
	}
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
		s.text = append(s.text[:0], "stomp"...)
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.text, Num: outcome})
	}
}
