package smtp

import (
	"netsensor/internal/eve"
	"netsensor/internal/protocol/lines"
)

// Bounds of what is kept of a message.
const (
	maxAddresses = 1024     // of each kind
	maxText      = 64 << 10 // of all that is kept
	keepText     = 8 << 10  // that a stream keeps for the next connection
	maxField     = 8 << 10  // of one header field with its folds
	maxHeader    = 64 << 10
)

// span is a piece of message.text.
type span struct{ from, to uint32 }

// message is one mail transaction: the envelope (RFC 5321) and the header's addresses (RFC 5322).
type message struct {
	open     bool // MAIL, DATA or BDAT was seen
	complete bool // its end too
	within   bool // in the middle of a line of the content
	started  bool // the content has begun
	body     bool // the header, of the message or of a part, is over
	inParts  bool // it is a part's header
	holes    bool
	header   int // bytes of it
	from     span
	rcpt     []span
	author   span
	to, cc   []span
	files    []span // names
	parts    *parts // made when it is needed first, then kept
	text     []byte // what the spans point to
	field    []byte // the header field that is being read
}

func (m *message) reset() {
	text, field := m.text, m.field
	if cap(text) > keepText {
		text = nil
	}
	if m.parts != nil {
		m.parts.reset()
	}
	*m = message{rcpt: m.rcpt[:0], to: m.to[:0], cc: m.cc[:0], files: m.files[:0], parts: m.parts, text: text[:0], field: field[:0]}
	if cap(m.rcpt) > maxPending {
		m.rcpt = nil
	}
}

func (m *message) get(s span) []byte { return m.text[s.from:s.to] }

func (m *message) put(b []byte) (span, bool) {
	if len(m.text)+len(b) > maxText {
		return span{}, false
	}
	from := len(m.text)
	m.text = append(m.text, b...)
	return span{uint32(from), uint32(len(m.text))}, true
}

func (m *message) add(list []span, b []byte) []span {
	if len(list) < maxAddresses && len(b) > 0 {
		if s, ok := m.put(b); ok {
			list = append(list, s)
		}
	}
	return list
}

func (m *message) begin(from []byte) {
	m.open = true
	m.from, _ = m.put(from)
}

func (m *message) recipient(to []byte) {
	m.open = true
	m.rcpt = m.add(m.rcpt, to)
}

// wants reports whether the content's next bytes are of interest.
func (m *message) wants() bool { return !m.body || m.parts != nil && m.parts.wants() }

// lost says that n bytes of the content are missing, 0 where nobody knows how many. The end of a header may be among
// them.
func (m *message) lost(n int64) {
	m.started, m.holes, m.body, m.within = true, true, true, false
	m.field = m.field[:0]
	if m.parts != nil {
		m.parts.lost(n)
	}
}

// write takes a line of the content, or a piece of one.
func (m *message) write(b []byte, whole bool) {
	m.started = true
	first := !m.within
	m.within = !whole
	if first && m.parts != nil {
		if found, more := m.parts.delimiter(b); found {
			m.parts.end(true)
			m.takeField()
			m.parts.header()
			m.body, m.inParts, m.header = !more, true, 0
			return
		}
	}
	if m.body {
		if m.parts != nil && m.parts.open {
			m.parts.data(b, whole)
		}
		return
	}
	m.header += len(b) + 2
	switch {
	case m.header > maxHeader:
		m.body = true
	case first && len(b) == 0 && whole:
		m.takeField()
		m.body = true
		if m.parts != nil {
			m.parts.body()
		}
		return
	case first && len(b) > 0 && (b[0] == ' ' || b[0] == '\t'):
		// A fold (RFC 5322, section 2.2.3); line ends go, blanks stay.
		if len(m.field) == 0 {
			return
		}
	case first && len(b) > 0:
		m.takeField()
	}
	if len(m.field)+len(b) <= maxField {
		m.field = append(m.field, b...)
	}
}

// takeField keeps the addresses of the field that has been read.
func (m *message) takeField() {
	f := m.field
	m.field = m.field[:0]
	colon := 0
	for colon < len(f) && f[colon] != ':' {
		colon++
	}
	if colon == len(f) {
		return
	}
	name, value := lines.Trim(f[:colon]), lines.Trim(f[colon+1:])
	switch {
	case lines.Begins(name, "CONTENT-"):
		if m.parts == nil {
			m.parts = new(parts)
		}
		m.parts.field(name, value)
	case m.inParts:
	case lines.Is(name, "FROM"):
		if m.author == (span{}) {
			m.author, _ = m.put(value)
		}
	case lines.Is(name, "TO"):
		m.to = m.addresses(m.to, value)
	case lines.Is(name, "CC"):
		m.cc = m.addresses(m.cc, value)
	}
}

// addresses splits a list at the commas outside of quotes.
func (m *message) addresses(list []span, b []byte) []span {
	quoted, from := false, 0
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			list = m.add(list, lines.Trim(b[from:i]))
			from = i + 1
		}
	}
	return m.add(list, lines.Trim(b[from:]))
}

// finish ends the header where nothing else did.
func (m *message) finish() {
	if !m.body && !m.within {
		m.takeField()
	}
	if m.parts != nil {
		m.parts.end(m.complete && m.parts.depth == 0)
	}
}

// AppendEVE appends the members "smtp" and, once content was seen, "email".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	m := &s.message
	w := eve.Open(append(dst, `"smtp":`...), o)
	w.Bytes("helo", s.helo)
	w.BytesIf("mail_from", m.get(m.from))
	m.list(&w, "rcpt_to", m.rcpt)
	dst = w.Close()
	if !m.started {
		return dst
	}
	w = eve.Open(append(dst, `,"email":`...), o)
	if m.complete && !m.holes {
		w.Str("status", "PARSE_DONE")
	} else {
		w.Str("status", "BODY_STARTED")
	}
	w.BytesIf("from", m.get(m.author))
	m.list(&w, "to", m.to)
	m.list(&w, "cc", m.cc)
	m.list(&w, "attachment", m.files)
	return w.Close()
}

// list writes an array of strings, which the schema wants to be absent when empty.
func (m *message) list(w *eve.Object, key string, list []span) {
	if len(list) == 0 {
		return
	}
	w.Key(key)
	for i, s := range list {
		w.B = append(w.B, "[,"[min(i, 1)])
		w.B = eve.AppendString(w.B, m.get(s))
	}
	w.B = append(w.B, ']')
}
