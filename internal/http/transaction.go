package http

import (
	"bytes"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// Bounds of what is kept of one transaction, in bytes.
const (
	maxURL   = 8 << 10
	maxField = 2 << 10
	maxArena = 24 << 10
	// keepArena is the largest arena that is kept for reuse.
	keepArena = 4 << 10
)

// Bounds of the header fields that are kept of one message, for the event.
const (
	maxHeaders     = 64
	maxHeaderValue = 1 << 10
	maxHeaderBytes = 4 << 10
)

// header is a kept field; the value of a secret one is empty.
type header struct {
	name, value span
	secret      bool
}

// span is a part of a transaction's arena.
type span struct{ off, end uint32 }

func (p span) empty() bool { return p.off == p.end }

// transaction is a request and its response, as far as seen. What is kept of the messages lies in one arena,
// because the bytes of the request are gone when the response comes.
type transaction struct {
	arena []byte
	id    int
	dir   protocol.Dir // of the request
	refs  uint8        // the queue, and the sides that are in one of its messages

	request  bool // the request line was seen
	response bool // the status line was seen
	emitted  bool
	old      bool // HTTP/0.9: no version in the request line
	head     bool
	connect  bool
	uriHost  bool // host and port come from the request's URI
	upgrade  upgrade
	status   int
	port     int // as written beside the host, -1 when not
	length   int64

	method, url, version, host, otherHost, agent, referer, xff, user span
	statusText, contentType, contentRange, location, server          span
	disposition                                                      span
	mechanism                                                        mechanism
	headers                                                          [3][]header // by role
	headerBytes                                                      [3]int
}

func (t *transaction) reset() {
	arena := t.arena[:0]
	if cap(arena) > keepArena {
		arena = nil
	}
	*t = transaction{arena: arena, port: -1, headers: [3][]header{requests: t.headers[requests][:0], responses: t.headers[responses][:0]}}
}

// keepHeader keeps a field for the event, without what is a credential.
func (t *transaction) keepHeader(r role, name, value []byte) {
	size := len(name) + min(len(value), maxHeaderValue)
	if len(t.headers[r]) >= maxHeaders || t.headerBytes[r]+size > maxHeaderBytes || len(name) == 0 {
		return
	}
	t.headerBytes[r] += size
	h := header{name: t.put(name, size), secret: secretField(name)}
	switch {
	case h.secret:
	case fold(name, "referer") || fold(name, "location"):
		h.value = t.putURL(value, maxHeaderValue)
	default:
		h.value = t.putField(value, maxHeaderValue)
	}
	t.headers[r] = append(t.headers[r], h)
}

// secretField is isSecret for a name in any case.
func secretField(name []byte) bool {
	var lower [32]byte
	if len(name) > len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return isSecret(string(lower[:len(name)]))
}

func (t *transaction) get(p span) []byte { return t.arena[p.off:p.end] }

// put keeps at most limit bytes of v.
func (t *transaction) put(v []byte, limit int) span {
	v = v[:min(len(v), limit, maxArena-len(t.arena))]
	off := uint32(len(t.arena))
	t.arena = append(t.arena, v...)
	return span{off, uint32(len(t.arena))}
}

// putField is put for a header's value: folds (RFC 9112, section 5.2) become one space.
func (t *transaction) putField(v []byte, limit int) span {
	if bytes.IndexByte(v, '\n') < 0 {
		return t.put(v, limit)
	}
	off := uint32(len(t.arena))
	limit = min(limit, maxArena-len(t.arena))
	for i := 0; i < len(v) && limit > 0; limit-- {
		if v[i] != '\r' && v[i] != '\n' {
			t.arena = append(t.arena, v[i])
			i++
			continue
		}
		for i < len(v) && isSpace(v[i]) {
			i++
		}
		t.arena = append(t.arena, ' ')
	}
	return span{off, uint32(len(t.arena))}
}

// putURL is putField for a URL, without a password in its authority.
func (t *transaction) putURL(v []byte, limit int) span {
	if from, to, ok := password(v); ok {
		p := t.putField(v[:from], limit)
		p.end = t.putField(v[to:], limit-int(p.end-p.off)).end
		return p
	}
	return t.putField(v, limit)
}

// password finds ":password" of the userinfo in a URL, or in an authority alone ("user:secret@host:443").
func password(u []byte) (from, to int, ok bool) {
	if bytes.IndexByte(u, '@') < 0 {
		return 0, 0, false
	}
	start := 0
	if i := bytes.Index(u, []byte("://")); i >= 0 && i < 16 && !bytes.ContainsAny(u[:i], "/?#") {
		start = i + 3
	}
	end := len(u)
	if i := bytes.IndexAny(u[start:], "/?#"); i >= 0 {
		end = start + i
	}
	colon := bytes.IndexByte(u[start:end], ':')
	if colon < 0 || u[start] == '[' {
		return 0, 0, false
	}
	colon += start
	at := bytes.LastIndexByte(u[start:end], '@') + start
	if at < start && !digits(u[colon+1:end]) {
		// What follows the colon is no port: a password with a character that should have been escaped.
		at = bytes.LastIndexByte(u, '@')
	}
	return colon, at, at > colon
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// path is the URL's path: without scheme and authority, query and fragment.
func (t *transaction) path() []byte {
	u := t.get(t.url)
	if i := bytes.Index(u, []byte("://")); i > 0 && i < 8 {
		u = u[i+3:]
		if i = bytes.IndexByte(u, '/'); i < 0 {
			return nil
		}
		u = u[i:]
	}
	if i := bytes.IndexAny(u, "?#"); i >= 0 {
		u = u[:i]
	}
	return u
}

// AppendEVE appends the http object, its members in Suricata's order.
func (t *transaction) AppendEVE(dst []byte, o *eve.Options) []byte {
	h := eve.Open(append(dst, `"http":`...), o)
	h.BytesIf("hostname", t.get(t.host))
	if t.port >= 0 {
		h.Int("http_port", int64(t.port))
	}
	h.BytesIf("url", t.get(t.url))
	h.BytesIf("http_user_agent", t.get(t.agent))
	h.BytesIf("xff", t.get(t.xff))
	if v := t.get(t.contentType); len(v) > 0 {
		if i := bytes.IndexByte(v, ';'); i >= 0 {
			v = v[:i]
		}
		h.BytesIf("http_content_type", v)
	}
	if v := t.get(t.contentRange); len(v) > 0 {
		appendRange(&h, v)
	}
	h.BytesIf("http_refer", t.get(t.referer))
	h.BytesIf("http_method", t.get(t.method))
	h.BytesIf("protocol", t.get(t.version))
	if t.status > 0 {
		h.Int("status", int64(t.status))
	} else {
		h.BytesIf("status_string", t.get(t.statusText))
	}
	if t.status >= 300 && t.status < 400 {
		h.BytesIf("redirect", t.get(t.location))
	}
	h.Int("length", t.length)
	if !o.NoHTTPHeaders {
		t.appendHeaders(&h, "request_headers", requests)
		t.appendHeaders(&h, "response_headers", responses)
	}
	return h.Close()
}

func (t *transaction) appendHeaders(h *eve.Object, key string, r role) {
	if len(t.headers[r]) == 0 {
		return
	}
	h.Key(key)
	h.B = append(h.B, '[')
	for i, f := range t.headers[r] {
		if i > 0 {
			h.B = append(h.B, ',')
		}
		e := eve.Open(h.B, h.Opts)
		e.Bytes("name", t.get(f.name))
		if !f.secret {
			e.Bytes("value", t.get(f.value))
		}
		h.B = e.Close()
	}
	h.B = append(h.B, ']')
}

// contentRange reads "bytes 0-9/10" (RFC 9110, section 14.4); what is missing or "*" is -1.
func contentRange(v []byte) (start, end, size int64) {
	start, end, size = -1, -1, -1
	if i := bytes.IndexByte(v, ' '); i >= 0 {
		v = bytes.TrimLeft(v[i:], " ")
	}
	slash := bytes.IndexByte(v, '/')
	if slash < 0 {
		return start, end, size
	}
	if n, ok := decimal(v[slash+1:]); ok {
		size = n
	}
	if dash := bytes.IndexByte(v[:slash], '-'); dash >= 0 {
		if n, ok := decimal(v[:dash]); ok {
			start = n
		}
		if n, ok := decimal(v[dash+1 : slash]); ok {
			end = n
		}
	}
	return start, end, size
}

func appendRange(h *eve.Object, v []byte) {
	r := h.Begin("content_range")
	r.Bytes("raw", v)
	start, end, size := contentRange(v)
	if start >= 0 {
		r.Int("start", start)
	}
	if end >= 0 {
		r.Int("end", end)
	}
	if size >= 0 {
		r.Int("size", size)
	}
	h.End(r)
}

// decimal reads a number of at most 18 digits and nothing else.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 || !digits(b) {
		return 0, false
	}
	var n int64
	for _, c := range b {
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// statusCode reads a status code of three digits, 0 for anything else.
func statusCode(b []byte) int {
	if len(b) != 3 || !digits(b) {
		return 0
	}
	n, _ := strconv.Atoi(string(b))
	return n
}
