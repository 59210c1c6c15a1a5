package ftp

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

const maxGreeting = 512

func probe(p *protocol.Peek) protocol.Match {
	line, rest, whole := lines.First(p.Data)
	if len(line) > maxGreeting || !lines.Printable(line) {
		return protocol.No
	}
	m := probeReply(p, line, rest, whole)
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

// probeReply knows the server's greeting by its text, by the port or by the reply that follows it: SMTP greets with 220
// as well.
func probeReply(p *protocol.Peek, line, rest []byte, whole bool) protocol.Match {
	code, _, text, ok := lines.Code(line)
	if !whole {
		if len(line) < 4 && (len(line) == 0 || line[0] >= '1' && line[0] <= '5') || ok {
			return protocol.Maybe
		}
		return protocol.No
	}
	if !ok {
		return protocol.No
	}
	if code != 220 && code != 120 {
		if p.ServerPort == 21 && (p.Midstream || p.Dir == protocol.ToClient) {
			return protocol.Likely
		}
		return protocol.No
	}
	smtp, ftp := false, false
	for {
		text = text[:min(len(text), maxGreeting)]
		smtp = smtp || lines.Contains(text, "SMTP") || lines.Contains(text, "POSTFIX")
		ftp = ftp || lines.Contains(text, "FTP") || lines.Contains(text, "FILEZILLA")
		next, after, whole := lines.First(rest)
		c, _, t, ok := lines.Code(next)
		if !whole || ok && c != code {
			break
		}
		text, rest = t, after
		if !ok { // a line in the middle of a reply
			text = next
		}
	}
	switch {
	case p.ServerPort == 21 && (ftp || !smtp), ftp && !smtp:
		return protocol.Yes
	case smtp || mailPort(p.ServerPort):
		return protocol.No
	}
	next, _, whole := lines.First(rest)
	c, _, _, ok := lines.Code(next)
	switch {
	case !whole:
		return protocol.Likely // unless the client or the next reply says otherwise
	case ok && (c == 331 || c == 332 || c == 230 || c == 530 || c == 234):
		return protocol.Yes
	}
	return protocol.No
}

func mailPort(p uint16) bool {
	switch p {
	case 24, 25, 26, 110, 143, 465, 587, 2525:
		return true
	}
	return false
}

// probeCommand knows the client. USER begins a POP3 session as well, where the port or the next command must tell.
func probeCommand(p *protocol.Peek, line, rest []byte, whole bool) protocol.Match {
	word, args := lines.Word(line)
	if !whole {
		if len(word) < 3 && len(word) == len(line) && letters(word) || known(word) && !mailPort(p.ServerPort) {
			return protocol.Maybe
		}
		if len(word) == len(line) && len(word) == 3 && letters(word) {
			return protocol.Maybe
		}
		return protocol.No
	}
	mine := p.ServerPort == 21
	switch {
	case lines.Is(word, "USER"):
		name, more := lines.Word(args)
		switch {
		case len(name) == 0 || len(more) > 0 && !mine: // of IRC
			return protocol.No
		case mine:
			return protocol.Yes
		case mailPort(p.ServerPort):
			return protocol.No
		}
		return afterUser(p, rest)
	case lines.Is(word, "AUTH") && (lines.Is(args, "TLS") || lines.Is(args, "SSL") || lines.Is(args, "TLS-C") || lines.Is(args, "GSSAPI") && mine),
		only(word) && len(args) == 0, lines.Is(word, "OPTS") && lines.Begins(args, "UTF8"),
		lines.Is(word, "TYPE") && (lines.Is(args, "I") || lines.Is(args, "A")):
		return protocol.Yes
	case lines.Is(word, "PORT"):
		if _, ok := hostPort(args); ok {
			return protocol.Yes
		}
	case mine && known(word):
		return protocol.Likely
	}
	return protocol.No
}

// afterUser looks at the commands that follow USER.
func afterUser(p *protocol.Peek, rest []byte) protocol.Match {
	for {
		line, after, whole := lines.First(rest)
		if !whole {
			return protocol.Likely
		}
		word, args := lines.Word(line)
		switch {
		case lines.Is(word, "PASS"), lines.Is(word, "QUIT"), lines.Is(word, "NOOP"):
		case lines.Is(word, "STAT") && len(args) == 0, lines.Is(word, "UIDL"), lines.Is(word, "CAPA"), lines.Is(word, "TOP"):
			return protocol.No
		case known(word):
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

// only knows the commands without argument that no other protocol has.
func only(word []byte) bool {
	for _, w := range [...]string{"PASV", "EPSV", "SYST", "FEAT", "PWD", "XPWD", "CDUP"} {
		if lines.Is(word, w) {
			return true
		}
	}
	return false
}

// known knows the commands of RFC 959, RFC 2228, RFC 2389, RFC 2428 and RFC 3659.
func known(word []byte) bool {
	if len(word) < 3 || len(word) > 4 || !letters(word) {
		return false
	}
	var w [4]byte
	for i, c := range word {
		w[i] = c &^ 0x20
	}
	switch string(w[:len(word)]) {
	case "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU", "MODE", "RETR", "STOR", "STOU", "APPE",
		"ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD", "MKD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT", "HELP", "NOOP",
		"AUTH", "ADAT", "PROT", "PBSZ", "CCC", "MIC", "CONF", "ENC", "FEAT", "OPTS", "EPRT", "EPSV", "LANG", "HOST", "MDTM", "SIZE",
		"MLST", "MLSD", "XPWD", "XCWD", "XMKD", "XRMD", "CLNT":
		return true
	}
	return false
}
