// Package redis parses the Redis serialization protocol, RESP2 and RESP3, as far as it says who logs in and whether
// that is accepted, and which version the server has. Values are passed over unread.
package redis

import (
	"bytes"
	"math"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

const (
	// maxLine bounds inline commands, simple strings and errors. maxBulk is Redis' own bound of a value.
	maxLine = 4 << 10
	maxBulk = 512 << 20
	// maxArgs is Redis' own bound of a command's arguments; maxLeft that of the elements of nested answers.
	maxArgs = 1 << 20
	maxLeft = 1 << 40
	maxUser = 256
	maxText = 64 // of a text that may hold the server's version
)

// Parser returns the parser of Redis over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "redis",
		Over:  protocol.TCP,
		Limit: 2 * maxLine,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	m := protocol.Maybe
	if len(b) > 0 {
		if m = probeCommand(b); m != protocol.No {
			p.Reversed = m == protocol.Yes && p.Dir == protocol.ToClient
		} else if m = probeAnswer(b); m != protocol.No {
			p.Reversed = m == protocol.Yes && p.Dir == protocol.ToServer
		}
		if m == protocol.No && p.Port(6379) && p.Dir == protocol.ToServer {
			m = probeInline(b)
		}
		if p.Reversed && !p.Midstream {
			m = protocol.No
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// probeCommand knows an array of bulk strings whose first is a word.
func probeCommand(b []byte) protocol.Match {
	if b[0] != '*' {
		return protocol.No
	}
	n, rest, m := number(b)
	if m != protocol.Yes {
		return m
	}
	if n < 1 || n > maxArgs {
		return protocol.No
	}
	if len(rest) == 0 {
		return protocol.Maybe
	}
	if rest[0] != '$' {
		return protocol.No
	}
	size, rest, m := number(rest)
	if m != protocol.Yes {
		return m
	}
	if size < 1 || size > 64 {
		return protocol.No
	}
	for _, c := range rest[:min(len(rest), size)] {
		if (c|0x20 < 'a' || c|0x20 > 'z') && c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') {
			return protocol.No
		}
	}
	if len(rest) < min(size, 3) {
		return protocol.Maybe
	}
	return protocol.Yes
}

// answers are beginnings that only Redis says first.
var answers = [...]string{"+PONG\r\n", "-NOAUTH ", "-WRONGPASS ", "-DENIED Redis", "-ERR unknown command", "-ERR invalid password", "-ERR Client sent AUTH", "-ERR max number of clients"}

// probeAnswer knows errors, and aggregates or bulk strings.
func probeAnswer(b []byte) protocol.Match {
	for _, a := range answers {
		if n := min(len(b), len(a)); string(b[:n]) == a[:n] {
			if n < len(a) {
				return protocol.Maybe
			}
			return protocol.Yes
		}
	}
	switch b[0] {
	case '$':
		n, rest, m := number(b)
		switch {
		case m != protocol.Yes:
			return m
		case n < -1 || n > maxBulk:
			return protocol.No
		case n > 0 && len(rest) == n+2 && rest[n] == '\r' && rest[n+1] == '\n':
			return protocol.Yes
		case n <= 0 || len(rest) < n+2:
			return protocol.Maybe
		}
	case '*', '%', '~', '>':
		n, rest, m := number(b)
		if m != protocol.Yes {
			return m
		}
		if n < 1 || n > maxArgs {
			return protocol.No
		}
		if len(rest) == 0 {
			return protocol.Maybe
		}
		if bytes.IndexByte([]byte("$:*"), rest[0]) >= 0 {
			_, _, m = number(rest)
			return m
		}
	}
	return protocol.No
}

// probeInline knows commands as people and scanners type them: a word, and printable text, in a line.
func probeInline(b []byte) protocol.Match {
	line, _, whole := bytes.Cut(b[:min(len(b), maxLine)], []byte{'\n'})
	word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r"), []byte{' '})
	if len(word) < 3 && whole || len(word) > 12 {
		return protocol.No
	}
	for _, c := range word {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return protocol.No
		}
	}
	for _, c := range line[len(word):] {
		if c < ' ' && c != '\t' && c != '\r' {
			return protocol.No
		}
	}
	if whole {
		return protocol.Likely
	}
	return protocol.Maybe
}

// number reads the number behind a type byte, and returns what follows the line's end.
func number(b []byte) (n int, rest []byte, m protocol.Match) {
	i, negative := 1, false
	if len(b) > 1 && b[1] == '-' {
		i, negative = 2, true
	}
	digits := i
	for ; i < len(b) && i < digits+10 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = n*10 + int(b[i]-'0')
	}
	if negative {
		n = -n
	}
	switch {
	case i == len(b):
		return 0, nil, protocol.Maybe
	case i == digits || b[i] != '\r':
		return 0, nil, protocol.No
	case i+1 == len(b):
		return 0, nil, protocol.Maybe
	case b[i+1] != '\n':
		return 0, nil, protocol.No
	}
	return n, b[i+2:], protocol.Yes
}

// stream follows one connection.
type stream struct {
	sides   [2]frames.Reader
	command command
	answer  answer
	// sent counts the commands that have no answer yet. It is a guess where a client asks for no answers, or
	// subscribes.
	sent    int
	pending bool // a login waits for its outcome
	wait    int  // answers to come before that of the login
	user    []byte
	text    []byte
	facts   [1]protocol.Fact
	obs     protocol.Observation
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

// Gap implements protocol.Stream. Within a value nothing is lost but the value.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	if s.sides[d].Gap(n) {
		s.skipped(c, d)
		return protocol.More
	}
	s.tell(c, protocol.LoginTried)
	s.sent = 0
	if d == protocol.ToServer {
		s.command = command{}
	} else {
		s.answer = answer{}
	}
	return protocol.More
}

// skipped counts an element whose beginning was not shown.
func (s *stream) skipped(c *protocol.Context, d protocol.Dir) {
	if d == protocol.ToServer && s.command.left > 0 {
		s.endArgument()
	} else if d == protocol.ToClient {
		s.endElement(c)
	}
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.tell(c, protocol.LoginTried) }

// Frame implements frames.Format: an element is one message.
func (s *stream) Frame(d protocol.Dir, b []byte) (size, show int, ok bool) {
	if d == protocol.ToServer && s.command.left == 0 && b[0] != '*' {
		return inline(b)
	}
	switch b[0] {
	case '*', '%', '~', '>', '|', '$', '=', '!':
		n, rest, m := number(b)
		switch {
		case m == protocol.Maybe:
			return 0, len(b) + 1, true
		case m == protocol.No || n < -1 || n > maxBulk:
			return 0, 0, false
		}
		line := len(b) - len(rest)
		if b[0] != '$' && b[0] != '=' && b[0] != '!' {
			return line, line, d == protocol.ToClient || s.command.left == 0 && n <= maxArgs
		}
		if n < 0 {
			return line, line, true
		}
		size = line + n + 2
		if d == protocol.ToServer {
			return size, line + s.command.wanted(n), true
		}
		return size, line + s.answer.wanted(n), true
	case '+', '-', ':', '_', '#', ',', '(':
		if d == protocol.ToServer {
			return 0, 0, false
		}
		return inline(b)
	}
	return 0, 0, false
}

// inline is the size of a line.
func inline(b []byte) (size, show int, ok bool) {
	i := bytes.IndexByte(b[:min(len(b), maxLine)], '\n')
	if i < 0 {
		return 0, len(b) + 1, len(b) < maxLine
	}
	return i + 1, i + 1, true
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	if d == protocol.ToServer {
		return probeCommand(b) == protocol.Yes
	}
	return probeAnswer(b) == protocol.Yes || bytes.Equal(b, []byte("+OK\r\n"))
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_message"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	if d == protocol.ToClient {
		s.element(c, b)
		return protocol.More
	}
	switch {
	case s.command.left > 0:
		s.argument(c, b)
	case b[0] == '*':
		if n, _, _ := number(b); n > 0 {
			s.command = command{left: n, args: n}
		}
	default:
		s.line(c, b)
	}
	return protocol.More
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.facts[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// begin starts a login as user, the default one if it is empty. Its command has been counted.
func (s *stream) begin(c *protocol.Context, user []byte) {
	s.tell(c, protocol.LoginTried)
	if len(user) == 0 {
		user = []byte("default")
	}
	s.user = append(s.user[:0], user[:min(len(user), maxUser)]...)
	s.pending, s.wait = true, s.sent
}

// tell emits the login that is waiting.
func (s *stream) tell(c *protocol.Context, outcome int64) {
	if s.pending {
		s.pending = false
		s.text = append(s.text[:0], "redis"...)
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.text, Num: outcome})
	}
}

// count adds one to n, which cannot overflow.
func count(n int) int { return min(n+1, math.MaxInt32) }
