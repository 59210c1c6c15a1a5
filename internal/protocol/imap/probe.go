package imap

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

func probe(p *protocol.Peek) protocol.Match {
	line, _, whole := lines.First(p.Data)
	if len(line) > maxLine || !lines.Printable(line) {
		return protocol.No
	}
	m := probeResponse(p, line, whole)
	if m == protocol.No {
		if m = probeCommand(p, line, whole); m == protocol.Yes {
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

// probeResponse knows the server's greeting and, on IMAP's port, its other untagged responses.
func probeResponse(p *protocol.Peek, line []byte, whole bool) protocol.Match {
	if len(line) == 0 || line[0] != '*' || len(line) > 1 && line[1] != ' ' {
		return protocol.No
	}
	if len(line) < len("* PREAUTH ") && !whole {
		return protocol.Maybe
	}
	what, _ := lines.Word(line[1:])
	for _, w := range [...]string{"OK", "PREAUTH", "BYE", "CAPABILITY"} {
		if lines.Is(what, w) {
			return protocol.Yes
		}
	}
	if p.ServerPort == 143 {
		return protocol.Likely
	}
	return protocol.No
}

// probeCommand knows the client: a tag and one of IMAP's commands.
func probeCommand(p *protocol.Peek, line []byte, whole bool) protocol.Match {
	tag, rest := lines.Word(line)
	if len(tag) == 0 || len(tag) > maxTag || !isTag(tag) {
		return protocol.No
	}
	verb, args := lines.Word(rest)
	if !whole {
		if len(verb) == 0 && len(tag) <= 16 || mayBecome(verb) {
			return protocol.Maybe
		}
		return protocol.No
	}
	switch {
	case len(args) == 0 && (lines.Is(verb, "CAPABILITY") || lines.Is(verb, "STARTTLS")),
		lines.Is(verb, "AUTHENTICATE") && len(args) > 0, lines.Is(verb, "LOGIN") && len(args) > 2,
		lines.Is(verb, "ID") && len(args) > 0 && (args[0] == '(' || lines.Is(args, "NIL")):
		return protocol.Yes
	}
	if p.ServerPort != 143 {
		return protocol.No
	}
	for _, w := range verbs {
		if lines.Is(verb, w) {
			return protocol.Likely
		}
	}
	return protocol.No
}

var verbs = [...]string{
	"CAPABILITY", "STARTTLS", "AUTHENTICATE", "LOGIN", "ID", "NOOP", "LOGOUT", "SELECT", "EXAMINE", "LIST", "LSUB", "STATUS", "FETCH", "UID", "SEARCH",
	"IDLE", "CLOSE", "EXPUNGE", "STORE", "COPY", "APPEND", "CREATE", "DELETE", "SUBSCRIBE", "NAMESPACE", "CHECK", "ENABLE",
}

// mayBecome reports whether a command begins with b.
func mayBecome(b []byte) bool {
	for _, w := range verbs {
		if len(b) <= len(w) && lines.Is(b, w[:len(b)]) {
			return true
		}
	}
	return false
}

// isTag knows what tags are made of in practice: letters, digits, and what separates them.
func isTag(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == '$' || c == '#') {
			return false
		}
	}
	return true
}
