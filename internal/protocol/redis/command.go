package redis

import (
	"bytes"

	"netsensor/internal/protocol"
)

// verb is a command that is looked into.
type verb uint8

const (
	other verb = iota
	auth
	hello
)

// command is the client's command that is being read.
type command struct {
	left, args int // arguments to come, and in all
	verb       verb
	option     bool // of HELLO: the next argument is the user
	secret     bool // of HELLO: the next argument is the password
}

// wanted is how much is looked at of an argument of n bytes; all of them must be announced by one byte at least.
func (c *command) wanted(n int) int {
	switch index := c.args - c.left; {
	case index == 0 && n <= len("HELLO"):
		return n
	case c.verb == auth && index == 1 && c.args == 3, c.verb == hello && c.option:
		return min(n, maxUser)
	case c.verb == hello && index >= 2 && !c.secret && n == len("AUTH"):
		return n
	}
	return 0
}

// argument takes the header of an argument, and as much of it as was wanted.
func (s *stream) argument(c *protocol.Context, b []byte) {
	m := &s.command
	_, value, _ := number(b)
	switch index := m.args - m.left; {
	case index == 0 && bytes.EqualFold(value, []byte("AUTH")):
		m.verb = auth
	case index == 0 && bytes.EqualFold(value, []byte("HELLO")):
		m.verb = hello
	case m.verb == auth && index == 1 && m.args <= 3:
		s.begin(c, value) // with a password alone nothing was shown
	case m.verb == hello && m.option:
		m.option, m.secret = false, true
		s.begin(c, value)
	case m.verb == hello && m.secret:
		m.secret = false
	case m.verb == hello && bytes.EqualFold(value, []byte("AUTH")):
		m.option = m.left == 3 || m.left == 5 // user, password, and perhaps SETNAME and a name
	}
	s.endArgument()
}

// endArgument counts an argument; the last of them ends the command.
func (s *stream) endArgument() {
	if s.command.left--; s.command.left == 0 {
		if s.command.verb == hello && s.sent == 0 {
			s.answer.hello = true
		}
		s.sent = count(s.sent)
	}
}

// line takes an inline command.
func (s *stream) line(c *protocol.Context, b []byte) {
	var words [4][]byte
	n := 0
	for rest := bytes.TrimSpace(b); len(rest) > 0 && n < len(words); n++ {
		i := bytes.IndexByte(rest, ' ')
		if i < 0 {
			i = len(rest)
		}
		words[n], rest = rest[:i], bytes.TrimLeft(rest[i:], " ")
	}
	if n == 0 {
		return
	}
	if bytes.EqualFold(words[0], []byte("AUTH")) {
		switch n {
		case 2:
			s.begin(c, nil)
		case 3:
			s.begin(c, bytes.Trim(words[1], `"`))
		}
	}
	s.sent = count(s.sent)
}
