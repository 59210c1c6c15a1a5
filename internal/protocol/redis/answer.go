package redis

import (
	"bytes"

	"netsensor/internal/protocol"
)

// answer is the server's answer that is being read.
type answer struct {
	left    int  // elements to come
	push    bool // it answers no command
	hello   bool // it answers HELLO: a map with the server's version
	version bool // the next element is the version
	known   bool // the version has been told
	outcome int64
}

// wanted is how much is looked at of a bulk string of n bytes.
func (a *answer) wanted(n int) int {
	if !a.known && (a.hello || a.left == 0) {
		return min(n, maxText)
	}
	return 0
}

// element takes one element of an answer, or its beginning.
func (s *stream) element(c *protocol.Context, b []byte) {
	a := &s.answer
	if a.left == 0 {
		a.left, a.push, a.outcome = 1, b[0] == '>', outcome(b)
	}
	switch b[0] {
	case '*', '~', '>', '%', '|':
		n, _, _ := number(b)
		n = max(n, 0)
		if b[0] == '%' || b[0] == '|' {
			n *= 2
		}
		if b[0] == '|' {
			n++ // attributes stand before the element that they are about
		}
		if a.left += n; a.left > maxLeft {
			s.sides[protocol.ToClient].Close()
			return
		}
	case '$', '=', '+':
		s.findVersion(c, b)
	}
	s.endElement(c)
}

// endElement counts an element; the last of them ends the answer.
func (s *stream) endElement(c *protocol.Context) {
	a := &s.answer
	if a.left == 0 {
		a.left, a.push, a.outcome = 1, false, protocol.LoginTried
	}
	if a.left--; a.left > 0 {
		return
	}
	if a.push {
		return
	}
	a.hello, a.version = false, false
	if s.sent > 0 {
		s.sent--
	}
	if !s.pending {
		return
	}
	if s.wait == 0 {
		s.tell(c, a.outcome)
		return
	}
	s.wait--
}

// outcome is what an answer's first element says of a login. Maps answer HELLO.
func outcome(b []byte) int64 {
	switch {
	case bytes.HasPrefix(b, []byte("+OK")), b[0] == '%', b[0] == '*':
		return protocol.LoginAccepted
	case bytes.HasPrefix(b, []byte("-WRONGPASS")), bytes.HasPrefix(b, []byte("-ERR invalid password")):
		return protocol.LoginRefused
	}
	return protocol.LoginTried
}

// findVersion looks for the server's version in the answers to HELLO and INFO.
func (s *stream) findVersion(c *protocol.Context, b []byte) {
	a := &s.answer
	if a.known {
		return
	}
	var value []byte
	if b[0] == '+' {
		value = bytes.TrimRight(b[1:], "\r\n")
	} else if _, rest, m := number(b); m == protocol.Yes {
		value = rest
	}
	switch {
	case a.version:
		a.version = false
	case a.hello && string(value) == "version":
		a.version = true
		return
	default:
		const key = "redis_version:"
		i := bytes.Index(value, []byte(key))
		if i < 0 {
			return
		}
		var whole bool
		if value, _, whole = bytes.Cut(value[i+len(key):], []byte{'\r'}); !whole {
			return
		}
	}
	for _, ch := range value {
		if (ch < '0' || ch > '9') && ch != '.' {
			return
		}
	}
	if len(value) == 0 || len(value) > 20 {
		return
	}
	a.known = true
	s.text = append(append(s.text[:0], "Redis "...), value...)
	s.observe(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: s.text})
}
