package smtp

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// maxGreeting bounds how much of a line is waited for.
const maxGreeting = 512

func probe(p *protocol.Peek) protocol.Match {
	mine := wellKnown(p)
	m := probeReply(p, mine)
	if m == protocol.No {
		if m = probeCommand(p, mine); m == protocol.Yes {
			p.Reversed = p.Dir == protocol.ToClient
		}
	} else if m == protocol.Yes {
		p.Reversed = p.Dir == protocol.ToServer
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// wellKnown knows the ports of relay and submission (RFC 5321, RFC 6409, RFC 8314) and of LMTP.
func wellKnown(p *protocol.Peek) bool {
	switch p.ServerPort {
	case 24, 25, 26, 465, 587, 2525:
		return true
	}
	return false
}

// greetings are the words by which servers say what they speak; those of FTP count against SMTP.
func spoken(text []byte) (smtp, ftp bool) {
	text = text[:min(len(text), maxGreeting)]
	for _, w := range [...]string{"SMTP", "LMTP", "POSTFIX", "SENDMAIL", "EXIM", "MAIL SERVICE"} {
		smtp = smtp || lines.Contains(text, w)
	}
	return smtp, lines.Contains(text, "FTP") || lines.Contains(text, "FILEZILLA")
}

// probeReply knows the server: 220 is also how FTP greets, so the text, the next reply or the port must tell.
func probeReply(p *protocol.Peek, mine bool) protocol.Match {
	line, rest, whole := lines.First(p.Data)
	if !lines.Printable(line) || len(line) > maxGreeting {
		return protocol.No
	}
	if !whole {
		if len(line) >= 4 {
			if _, _, _, ok := lines.Code(line); !ok {
				return protocol.No
			}
		} else if len(line) > 0 && (line[0] < '2' || line[0] > '5') {
			return protocol.No
		}
		return protocol.Maybe
	}
	code, _, text, ok := lines.Code(line)
	if !ok {
		return protocol.No
	}
	smtp, ftp := spoken(text)
	for code == 220 && len(rest) > 0 {
		next, after, whole := lines.First(rest)
		c, _, text, ok := lines.Code(next)
		if !whole || !ok || c != 220 {
			break
		}
		s, f := spoken(text)
		smtp, ftp, rest = smtp || s, ftp || f, after
	}
	switch {
	case code != 220 && code != 421 && code != 554:
		if mine && (p.Midstream || p.Dir == protocol.ToClient) {
			return protocol.Likely
		}
		return protocol.No
	case smtp && !ftp, mine && !ftp, smtp && mine:
		return protocol.Yes
	case ftp, p.ServerPort == 21, code != 220:
		return protocol.No
	}
	// Neither text nor port tells: EHLO is answered with 250, which in FTP only a user who has logged in sees.
	next, _, whole := lines.First(rest)
	c, _, _, ok := lines.Code(next)
	switch {
	case !whole && len(next) < 4:
		return protocol.Maybe
	case ok && c == 250:
		return protocol.Yes
	}
	return protocol.No
}

// probeCommand knows the client.
func probeCommand(p *protocol.Peek, mine bool) protocol.Match {
	line, _, whole := lines.First(p.Data)
	if !lines.Printable(line) || len(line) > maxGreeting {
		return protocol.No
	}
	word, rest := lines.Word(line)
	if !whole {
		for _, w := range [...]string{"EHLO", "HELO", "LHLO", "STARTTLS", "MAIL", "RCPT", "AUTH", "RSET", "QUIT", "NOOP", "DATA"} {
			if len(word) < len(w) && len(word) == len(line) && lines.Begins([]byte(w), upper(word)) || lines.Is(word, w) {
				return protocol.Maybe
			}
		}
		return protocol.No
	}
	switch classify(word) {
	case ehlo:
		return protocol.Yes
	case mail:
		if lines.Begins(rest, "FROM:") {
			return protocol.Yes
		}
	case rcpt:
		if lines.Begins(rest, "TO:") {
			return protocol.Yes
		}
	case starttls, rset, quit, data, auth, bdat:
		if mine {
			return protocol.Likely
		}
	}
	return protocol.No
}

// upper is a short word in upper case.
func upper(b []byte) string {
	var w [16]byte
	n := copy(w[:], b)
	for i, c := range w[:n] {
		if c >= 'a' && c <= 'z' {
			w[i] = c - ('a' - 'A')
		}
	}
	return string(w[:n])
}
