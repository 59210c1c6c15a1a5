// Package irc knows IRC (RFC 1459, RFC 2812) and where TLS begins in it. There is no IRC object in EVE, and it names
// no hosts that judging asks for, so it tells nothing more.
package irc

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// RFC 1459, section 2.3: 512 bytes; IRCv3's tags add 8,191.
const (
	maxLine = 9 << 10
	// maxLines bounds the lines that are looked at: TLS begins before or during the registration.
	maxLines = 32
)

// Parser returns the recognition of IRC over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "irc",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	line, rest, whole := lines.First(p.Data)
	// Texts may hold control bytes: CTCP, colours.
	if len(line) > maxLine || !lines.Printable(line[:min(len(line), 12)]) {
		return protocol.No
	}
	if !whole {
		word, _ := lines.Word(line)
		switch {
		case p.End || len(line) == 0 || len(line) > 512:
		case line[0] == ':', p.Port(6667):
			return protocol.Maybe
		case len(word) <= len("NOTICE") && mayBegin(word):
			return protocol.Maybe
		}
		return protocol.No
	}
	if m := judge(line); m != protocol.Maybe {
		return m
	}
	// PASS, USER and NICK alone may be another's: the next line must be IRC's as well.
	next, _, whole := lines.First(rest)
	second := protocol.Maybe
	if whole {
		second = judge(next)
	}
	switch {
	case whole && (second == protocol.Yes || second == protocol.Maybe && (lines.Begins(line, "NICK") || lines.Begins(next, "NICK"))):
		return protocol.Yes
	case whole:
		return protocol.No
	case p.Port(6667):
		return protocol.Likely
	case p.End:
		return protocol.No
	}
	return protocol.Maybe
}

// judge looks at a whole line.
func judge(line []byte) protocol.Match {
	word, args := lines.Word(line)
	if len(word) > 1 && word[0] == ':' {
		verb, args := lines.Word(args)
		if n, ok := lines.Number(verb); ok && len(verb) == 3 && n < 1000 && len(args) > 0 || lines.Is(verb, "NOTICE") || lines.Is(verb, "PRIVMSG") || lines.Is(verb, "JOIN") ||
			lines.Is(verb, "MODE") || lines.Is(verb, "CAP") || lines.Is(verb, "NICK") || lines.Is(verb, "QUIT") {
			return protocol.Yes
		}
		return protocol.No
	}
	first, more := lines.Word(args)
	switch {
	case lines.Is(word, "USER") && bytes.Contains(more, []byte(" :")), lines.Is(word, "CAP") && (lines.Is(first, "LS") || lines.Is(first, "REQ")),
		lines.Is(word, "NOTICE") && bytes.HasPrefix(more, []byte{':'}), lines.Is(word, "PRIVMSG") && bytes.HasPrefix(more, []byte{':'}),
		lines.Is(word, "JOIN") && bytes.HasPrefix(first, []byte{'#'}):
		return protocol.Yes
	case lines.Is(word, "NICK") && len(first) > 0 && len(more) == 0, lines.Is(word, "USER") && len(first) > 0, lines.Is(word, "PASS") && len(first) > 0,
		lines.Is(word, "PING") && bytes.HasPrefix(first, []byte{':'}), lines.Is(word, "PONG") && bytes.HasPrefix(first, []byte{':'}):
		return protocol.Maybe
	}
	return protocol.No
}

func mayBegin(word []byte) bool {
	for _, w := range [...]string{"NICK", "USER", "PASS", "CAP", "NOTICE", "JOIN", "PRIVMSG"} {
		if len(word) <= len(w) && lines.Is(word, w[:len(word)]) {
			return true
		}
	}
	return false
}

// stream waits for TLS.
type stream struct {
	reader [2]lines.Reader
	count  int
}

// Reset implements protocol.Stream.
func (s *stream) Reset() { *s = stream{} }

// Feed implements protocol.Stream.
func (s *stream) Feed(_ *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	for n := 0; ; {
		if lines.TLS(b[n:]) {
			return n, protocol.Switch
		}
		line, k, ok := s.reader[d].Next(b[n:], maxLine)
		n += k
		if !ok {
			return n, protocol.More
		}
		if _, rest := lines.Word(line); d == protocol.ToClient && bytes.HasPrefix(rest, []byte("670 ")) { // RPL_STARTTLS
			return n, protocol.Switch
		}
		if s.count++; s.count > maxLines {
			return n, protocol.Done
		}
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.reader[d].Lose()
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}
