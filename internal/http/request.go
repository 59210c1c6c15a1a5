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
	s.announce(c, tx)
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

// announce tells, as early as it is known, whom a request is for and who sends it. What was told last in this
// flow is not told again.
func (s *stream) announce(c *protocol.Context, tx *transaction) {
	f := s.facts[:0]
	if h := tx.get(tx.host); len(h) > 0 {
		if tx.connect {
			f = append(f, protocol.Fact{Kind: protocol.NameTarget, Text: h, Num: int64(max(tx.port, 0))})
		} else if other := tx.get(tx.otherHost); len(other) > 0 || !bytes.Equal(h, s.host) {
			s.host = append(s.host[:0], h...)
			f = append(f, protocol.Fact{Kind: protocol.NameHost, Text: h})
			if len(other) > 0 {
				f = append(f, protocol.Fact{Kind: protocol.NameHost, Text: other})
			}
		}
	}
	if a := product(tx.get(tx.agent)); len(a) > 0 && !bytes.Equal(a, s.agent) {
		s.agent = append(s.agent[:0], a...)
		f = append(f, protocol.Fact{Kind: protocol.ClientSoftware, Text: a})
	}
	if u := tx.get(tx.user); len(u) > 0 && !bytes.Equal(u, s.login) {
		s.login, s.outcome = append(s.login[:0], u...), protocol.LoginTried
		f = append(f, protocol.Fact{Kind: protocol.Login, Text: u, Aux: mechanisms[tx.mechanism], Num: protocol.LoginTried})
	}
	s.tell(c, tx, f)
}

// product is the first product of a User-Agent or Server header (RFC 9110, section 10.1.5).
func product(b []byte) []byte {
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		b = b[:i]
	}
	return b
}

// tell emits facts without an event.
func (s *stream) tell(c *protocol.Context, tx *transaction, f []protocol.Fact) {
	if len(f) > 0 {
		s.observe(c, protocol.Observation{Dir: tx.dir, TxID: tx.id, Detail: tx, Facts: f})
	}
}

// observe goes through the stream's own Observation, because one on the stack would escape.
func (s *stream) observe(c *protocol.Context, o protocol.Observation) {
	s.obs = o
	c.Sink.Observe(&s.obs)
	s.obs = protocol.Observation{}
}

// emit writes the transaction's event, once.
func (s *stream) emit(c *protocol.Context, tx *transaction) {
	if tx.emitted {
		return
	}
	tx.emitted = true
	s.observe(c, protocol.Observation{Event: "http", Dir: tx.dir, TxID: tx.id, Detail: tx})
}
