package ftp

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// reply takes a line of the server (RFC 959, section 4.2). It reports whether TLS begins behind it.
func (s *stream) reply(c *protocol.Context, line []byte, long bool) bool {
	code, more, text, ok := lines.Code(line)
	final := ok && !more && (s.inside == 0 || code == s.inside)
	// The transaction that these lines answer: the oldest command, or none as for the greeting.
	t := s.orphan
	if t == nil && len(s.pending) > 0 && (s.greeted || c.Midstream || code != 220 && code != 120) {
		t = s.pending[0]
	}
	if t == nil {
		t = s.begin()
		s.orphan = t
	}
	if len(t.texts) < maxReplies {
		if ok && (final || s.inside == 0) && !more {
			t.codes = append(t.codes, t.put(line[:3]))
			t.texts = append(t.texts, t.put(text))
		} else {
			t.texts = append(t.texts, t.put(line))
		}
		t.longReply = t.longReply || long
	} else {
		t.longReply = true
	}
	if t == s.orphan && !s.greeted && ok && code == 220 {
		if v := software(text); len(v) > 0 {
			s.tell(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: v})
			s.greeted = true
		}
	}
	if !final {
		// Outside of a reply a line without a code is one of its own.
		if ok && more && s.inside == 0 {
			s.inside = code
		} else if s.inside == 0 {
			s.close(c, t)
		}
		return false
	}
	s.inside = 0
	if code < 200 {
		return false // a preliminary reply: another one follows
	}
	s.greeted = true
	s.judge(c, t, code, text)
	tls := t.kind == startTLS && code == 234
	s.close(c, t)
	return tls
}

// close emits the transaction t, which has its final reply.
func (s *stream) close(c *protocol.Context, t *transaction) {
	if t == s.orphan {
		s.orphan = nil
	} else {
		s.pop()
	}
	s.emit(c, t)
}

// judge takes the final reply to t.
func (s *stream) judge(c *protocol.Context, t *transaction, code int, text []byte) {
	switch t.kind {
	case user, pass:
		switch {
		case code == 230 || code == 232:
			s.login(c, protocol.ToClient, protocol.LoginAccepted)
		case code >= 400:
			s.login(c, protocol.ToClient, protocol.LoginRefused)
		}
	case pasv:
		if n, ok := passive(text); ok && code == 227 {
			t.port = n
		}
	case epsv:
		if n, ok := extended(text); ok && code == 229 {
			t.port = n
		}
	case reinitialise:
		if code < 300 {
			s.user = s.user[:0]
		}
	}
}

// software finds the server's name and version in its greeting: the word that has "FTP" within it, or FileZilla.
func software(text []byte) []byte {
	text = text[:min(len(text), maxGreeting)]
	if i := lines.Index(text, "MICROSOFT FTP SERVICE"); i >= 0 {
		return text[i : i+len("Microsoft FTP Service")]
	}
	if i := lines.Index(text, "FILEZILLA SERVER"); i >= 0 {
		end := i + len("FileZilla Server")
		if _, rest := lines.Word(text[i+len("FileZilla "):]); len(rest) > 0 && len(rest) < len(text) {
			word, _ := lines.Word(rest)
			if lines.Is(word, "VERSION") {
				word, _ = lines.Word(rest[len("version"):])
			}
			if len(word) > 0 && word[0] >= '0' && word[0] <= '9' {
				end = len(text) - len(rest) + lines.Index(rest, string(word)) + len(word)
			}
		}
		return text[i:end]
	}
	for from := 0; from < len(text); {
		i := lines.Index(text[from:], "FTP")
		if i < 0 {
			return nil
		}
		i += from
		start := i
		for start > 0 && wordByte(text[start-1]) {
			start--
		}
		end := i + len("FTP")
		for end < len(text) && wordByte(text[end]) {
			end++
		}
		// FTP alone, or a host's name, is no product.
		if word := text[start:end]; len(word) > len("FTP") && word[0] != '.' && !dotted(word) {
			return lines.Product(text[start:])
		}
		from = end
	}
	return nil
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

func dotted(word []byte) bool {
	for _, c := range word {
		if c == '.' {
			return true
		}
	}
	return false
}
