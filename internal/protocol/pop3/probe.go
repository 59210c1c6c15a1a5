package pop3

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

func probe(p *protocol.Peek) protocol.Match {
	line, rest, whole := lines.First(p.Data)
	if len(line) > maxLine || !lines.Printable(line) {
		return protocol.No
	}
	m := probeReply(p, line, whole)
	if m == protocol.No {
		if m = probeCommand(p, line, rest, whole); m == protocol.Yes {
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

// probeReply knows the server's greeting. Redis says +OK as well, but nothing behind it.
func probeReply(p *protocol.Peek, line []byte, whole bool) protocol.Match {
	const ok = "+OK"
	switch {
	case !whole && (bytes.HasPrefix(line, []byte(ok)) || bytes.HasPrefix([]byte(ok), line) && len(line) > 0):
		return protocol.Maybe
	case bytes.HasPrefix(line, []byte("+OK ")) && len(line) > len("+OK ") && whole, bytes.HasPrefix(line, []byte("+OK")) && p.ServerPort == 110:
		return protocol.Yes
	case bytes.HasPrefix(line, []byte("-ERR ")) && p.ServerPort == 110:
		return protocol.Likely
	}
	return protocol.No
}

// probeCommand knows the client. USER begins an FTP session as well.
func probeCommand(p *protocol.Peek, line, rest []byte, whole bool) protocol.Match {
	if p.ServerPort == 21 || p.ServerPort == 25 {
		return protocol.No
	}
	word, args := lines.Word(line)
	mine := p.ServerPort == 110
	if !whole {
		if len(word) < 4 && len(word) == len(line) && letters(word) || known(word) {
			return protocol.Maybe
		}
		return protocol.No
	}
	_, more := lines.Word(args)
	switch {
	case lines.Is(word, "CAPA") && len(args) == 0, lines.Is(word, "STLS") && len(args) == 0, lines.Is(word, "UIDL"),
		lines.Is(word, "APOP") && len(more) == 32:
		return protocol.Yes
	case lines.Is(word, "USER") && len(args) > 0:
		if mine {
			return protocol.Yes
		}
		if len(more) == 0 {
			return afterUser(rest)
		}
	case mine && known(word):
		return protocol.Likely
	}
	return protocol.No
}

// afterUser looks at the commands that follow USER.
func afterUser(rest []byte) protocol.Match {
	for {
		line, after, whole := lines.First(rest)
		if !whole {
			return protocol.Maybe
		}
		word, args := lines.Word(line)
		switch {
		case lines.Is(word, "PASS"), lines.Is(word, "QUIT"), lines.Is(word, "NOOP"):
		case lines.Is(word, "STAT") && len(args) == 0, lines.Is(word, "UIDL"), lines.Is(word, "CAPA"), lines.Is(word, "TOP"):
			return protocol.Yes
		default:
			return protocol.No
		}
		rest = after
	}
}

func letters(b []byte) bool {
	for _, c := range b {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z') {
			return false
		}
	}
	return true
}

func known(word []byte) bool {
	for _, w := range [...]string{"USER", "PASS", "APOP", "AUTH", "CAPA", "STLS", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "TOP", "UIDL", "QUIT", "UTF8", "LANG"} {
		if lines.Is(word, w) {
			return true
		}
	}
	return false
}
