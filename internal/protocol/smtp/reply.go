package smtp

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// reply takes a line of the server. It reports whether TLS begins behind it.
func (s *stream) reply(c *protocol.Context, line []byte) bool {
	code, more, text, ok := lines.Code(line)
	if !ok {
		return false
	}
	if !s.greeted {
		// Who comes in the middle does not see the greeting.
		greeting := code == 220 || code == 554 || code == 421
		if greeting && (!c.Midstream || s.waiting == 0) {
			s.greeted = !more
			if v := software(text); len(v) > 0 {
				s.tell(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: v})
			}
			return false
		}
		s.greeted = true
	}
	if more {
		return false
	}
	switch code {
	case 334: // the exchange goes on
		s.resync(auth)
		return false
	case 235, 535:
		s.resync(auth)
	case 354:
		s.resync(data)
	case 220:
		s.resync(starttls)
	}
	k := s.oldest()
	s.pop()
	refused := code >= 400
	switch k {
	case starttls:
		return code == 220
	case auth:
		s.authenticated(c, code, refused)
	case data:
		s.asked = !refused
		if refused && s.state == inBody {
			s.state = commands
		}
	case other:
		// The message has ended, where nobody saw it.
		if s.waiting == 0 && s.state == inBody && s.asked && s.dirty {
			s.state = commands
			s.emit(c)
			s.reader[protocol.ToServer].Lose()
		}
	}
	return false
}

// authenticated takes the last reply of an exchange (RFC 4954, section 6).
func (s *stream) authenticated(c *protocol.Context, code int, refused bool) {
	switch {
	case code == 235:
		s.loggedIn(c, protocol.ToClient, protocol.LoginAccepted)
	case refused:
		s.loggedIn(c, protocol.ToClient, protocol.LoginRefused)
	}
	s.login.Reset()
	if s.state == authenticating {
		s.state = commands
	}
}

// software finds the product in a greeting: it stands behind "ESMTP", if anywhere.
func software(text []byte) []byte {
	text = text[:min(len(text), maxGreeting)]
	i := lines.Index(text, "SMTP")
	if i < 0 {
		return nil
	}
	if m := lines.Index(text, "MICROSOFT ESMTP MAIL SERVICE"); m >= 0 {
		v := text[m : m+len("Microsoft ESMTP MAIL Service")]
		if j := lines.Index(text, "VERSION: "); j > m {
			end := bytes.IndexByte(text[j+len("Version: "):], ' ')
			if end < 0 {
				end = len(text) - j - len("Version: ")
			}
			v = text[m : j+len("Version: ")+end]
		}
		return v
	}
	rest := lines.TrimLeft(text[i+len("SMTP"):])
	if len(rest) == len(text)-i-len("SMTP") {
		return nil // the word goes on
	}
	v := lines.Product(rest)
	// Some servers put a queue's or a connection's number there.
	name, _ := lines.Word(v)
	for _, c := range name {
		if c >= '0' && c <= '9' || c == '_' || c == '.' {
			return nil
		}
	}
	for _, w := range [...]string{"READY", "SERVER", "SERVICE", "SPOKEN", "MAIL", "IS", "AT", "ON", "SMTP", "MTA", "NO", "WELCOME", "RECEIVER"} {
		if lines.Is(v, w) {
			return nil
		}
	}
	return v
}
