package http

import (
	"bytes"

	"netsensor/internal/protocol"
)

// requestField keeps what is told of a request.
func (s *stream) requestField(c *protocol.Context, d protocol.Dir, tx *transaction, name, value []byte) {
	switch len(name) {
	case len("host"):
		if fold(name, "host") {
			s.hostField(c, d, tx, value)
		}
	case len("referer"):
		if fold(name, "referer") {
			tx.referer = tx.putURL(value, maxField)
		}
	case len("user-agent"):
		if fold(name, "user-agent") {
			tx.agent = tx.putField(value, maxField)
		}
	case len("content-type"):
		if fold(name, "content-type") {
			s.side[d].startParts(value)
		}
	case len("authorization"):
		if fold(name, "authorization") {
			s.credentials(tx, value)
		}
	case len("x-forwarded-for"):
		if fold(name, "x-forwarded-for") {
			tx.xff = tx.putField(value, maxField)
		}
	case len("proxy-authorization"):
		if fold(name, "proxy-authorization") {
			s.credentials(tx, value)
		}
	}
}

// hostField takes the Host header. The host of the URI goes before it (RFC 9112, section 3.2.2), but one that
// differs is told as well.
func (s *stream) hostField(c *protocol.Context, d protocol.Dir, tx *transaction, value []byte) {
	if tx.host.empty() {
		tx.setHost(value)
		return
	}
	host, _ := splitPort(value)
	if !bytes.EqualFold(host, tx.get(tx.host)) {
		tx.otherHost = tx.putField(host, maxName)
		s.anomaly(c, d, hostAmbiguous)
	}
}

// maxName is the longest host name that is kept.
const maxName = 255

// setHost takes host and port from an authority, which a path may follow.
func (t *transaction) setHost(authority []byte) bool {
	host, port := splitPort(authority)
	if len(host) == 0 {
		return false
	}
	t.host = t.putField(host, maxName)
	t.port = port
	return true
}

// splitPort splits "user@host:port/…" and "[v6]:port" into host (without brackets) and port, -1 if there is none.
func splitPort(a []byte) (host []byte, port int) {
	if i := bytes.IndexAny(a, "/?#"); i >= 0 {
		a = a[:i]
	}
	a = a[bytes.LastIndexByte(a, '@')+1:]
	rest := a
	if len(a) > 0 && a[0] == '[' {
		i := bytes.IndexByte(a, ']')
		if i < 0 {
			return a, -1
		}
		host, rest = a[1:i], a[i+1:]
	} else {
		i := bytes.IndexByte(a, ':')
		if i < 0 {
			return a, -1
		}
		host, rest = a[:i], a[i:]
	}
	if len(rest) > 1 && rest[0] == ':' {
		if n, ok := decimal(rest[1:]); ok && n <= 0xffff {
			return host, int(n)
		}
	}
	return host, -1
}

// requestHead is called at the end of a request's head.
func (s *stream) requestHead(c *protocol.Context, d protocol.Dir, sd *side) {
	tx := sd.tx
	tx.upgrade = sd.frame.upgrade
	if tx.host.empty() && string(tx.get(tx.version)) == "HTTP/1.1" {
		s.anomaly(c, d, missingHost)
	}
	s.announce(c, tx, tx)
	f := &sd.frame
	if f.chunked && f.length >= 0 {
		s.anomaly(c, d, requestSmuggling)
	}
	switch {
	case tx.connect:
		// What follows is the tunnel's, or the next request's if the response refuses.
		s.leave(sd)
		sd.state = held
	case f.chunked:
		s.openFile(sd)
		sd.state = chunkSize
	case f.length > 0:
		s.openFile(sd)
		sd.left, sd.state = f.length, fixedBody
	default:
		s.leave(sd)
	}
}

// optional tells whether the body of a refused request follows, or the next request.
func (s *stream) optional(sd *side, b []byte) (int, outcome) {
	n := tokenLen(b)
	if n == len(b) && n < maxMethod {
		return 0, wait
	}
	if n < len(b) && b[n] == ' ' && isMethod(b[:n]) {
		s.leave(sd)
	} else {
		sd.state = sd.next
	}
	return 0, again
}
