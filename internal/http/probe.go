package http

import (
	"bytes"

	"netsensor/internal/protocol"
)

// Parser returns the parser of HTTP/0.9 to HTTP/1.1 over TCP.
func Parser() protocol.Parser {
	d := new(decoders)
	return protocol.Parser{
		Name:  "http",
		Over:  protocol.TCP,
		Limit: 2 * maxLine,
		Probe: probe,
		New:   func() protocol.Stream { return newStream(d) },
	}
}

// probe knows requests by method and version, responses by their version.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') && len(p.Data)-len(b) < 8 {
		b = b[1:]
	}
	m := protocol.Maybe
	if len(b) > 0 {
		if m = probeStatus(b); m != protocol.No {
			p.Reversed = m == protocol.Yes && p.Dir == protocol.ToServer
		} else if m = probeRequest(b, p.End); m != protocol.No {
			p.Reversed = m != protocol.Maybe && p.Dir == protocol.ToClient
		}
	}
	if m == protocol.No && p.Midstream {
		if _, found := findMessage(b, unknown); found != unknown {
			return protocol.Yes
		}
		if p.Port(80) || p.Port(8080) || p.Port(3128) {
			return protocol.Likely
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// probeStatus knows a status line (RFC 9112, section 4).
func probeStatus(b []byte) protocol.Match {
	const prefix = "HTTP/1."
	n := min(len(b), len(prefix))
	switch {
	case string(b[:n]) != prefix[:n]:
		return protocol.No
	case len(b) < len("HTTP/1.1 "):
		return protocol.Maybe
	case b[7] >= '0' && b[7] <= '9' && b[8] == ' ':
		return protocol.Yes
	}
	return protocol.No
}

// probeRequest knows a request line (RFC 9112, section 3). An unknown method needs the version to vouch for it.
func probeRequest(b []byte, end bool) protocol.Match {
	n := tokenLen(b)
	if n == len(b) && n < maxMethod {
		return protocol.Maybe
	}
	if n == 0 || n >= maxMethod || b[n] != ' ' {
		return protocol.No
	}
	known := isMethod(b[:n])
	target := b[n+1:]
	eol := bytes.IndexByte(target, '\n')
	if eol < 0 {
		switch {
		case known && len(target) >= 1<<10 && target[0] == '/':
			return protocol.Yes // rather than hold a very long URL back
		case len(target) >= maxLine || hasControl(target[:min(len(target), 64)]):
			return protocol.No
		case known && end:
			return protocol.Likely
		}
		return protocol.Maybe
	}
	_, version, ok := splitTarget(trimEOL(target[:eol]))
	switch {
	case !ok:
		return protocol.No
	case len(version) == 0 && known && target[0] == '/':
		return protocol.Likely
	case len(version) == 0 || version[5] != '1' && version[5] != '0':
		return protocol.No
	}
	return protocol.Yes
}

func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\r' && c != '\t' {
			return true
		}
	}
	return false
}

// maxMethod bounds the length of a method.
const maxMethod = 32

// tokenLen returns how many of the first maxMethod bytes can stand in a method. RFC 9110 allows any token
// character; methods in use are letters, digits, '-' and '_'.
func tokenLen(b []byte) int {
	n := min(len(b), maxMethod)
	for i, c := range b[:n] {
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return i
		}
	}
	return n
}

// isMethod knows the methods of RFC 9110, WebDAV and its kin, UPnP and PATCH.
func isMethod(b []byte) bool {
	switch string(b) {
	case "GET", "POST", "HEAD", "PUT", "CONNECT", "OPTIONS", "DELETE", "TRACE", "PATCH",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "MKACTIVITY", "CHECKOUT", "CHECKIN",
		"MERGE", "VERSION-CONTROL", "UNCHECKOUT", "UPDATE", "LABEL", "BASELINE-CONTROL", "MKWORKSPACE", "MKCALENDAR", "ACL", "BIND",
		"BCOPY", "BDELETE", "BMOVE", "BPROPFIND", "BPROPPATCH", "POLL", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH",
		"RPC_IN_DATA", "RPC_OUT_DATA", "CCM_POST", "RPC_CONNECT", "PURGE", "LINK", "UNLINK", "ORDERPATCH", "QUERY", "SOURCE":
		return true
	}
	return false
}
