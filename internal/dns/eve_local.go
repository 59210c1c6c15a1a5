package dns

import (
	"bytes"

	"netsensor/internal/eve"
)

// appendMDNS writes "mdns". EVE's schema has room for PTR and TXT of the answers and additionals, and for the
// owners of authorities; the rest is known from the facts.
func (m *message) appendMDNS(dst []byte, o *eve.Options) []byte {
	dst = append(dst, `"mdns":`...)
	w := eve.Open(dst, o)
	m.appendLocalHeader(&w, []flagName{
		{flagAA, "aa"}, {flagTC, "tc"}, {flagRD, "rd"}, {flagRA, "ra"}, {flagZ, "z"}, {flagAD, "ad"}, {flagCD, "cd"},
	})
	w.Int("rcode", int64(m.flags&15))
	m.appendLocalQuestions(&w)
	for s, key := range sectionKeys {
		m.appendLocalSection(&w, key, section(s), func(e *eve.Object, r *record) {
			switch {
			case section(s) == authorities:
			case r.rtype == typePTR:
				e.Bytes("ptr", m.text(r.target))
			case r.rtype == typeTXT:
				m.appendTXT(e, r)
			}
		})
	}
	return w.Close()
}

// appendLLMNR writes "llmnr".
func (m *message) appendLLMNR(dst []byte, o *eve.Options) []byte {
	dst = append(dst, `"llmnr":`...)
	w := eve.Open(dst, o)
	// RFC 4795, section 2.1.1: conflict, truncation, tentative.
	m.appendLocalHeader(&w, []flagName{{flagAA, "c"}, {flagTC, "tc"}, {flagRD, "t"}})
	m.appendLocalQuestions(&w)
	for s, key := range sectionKeys {
		m.appendLocalSection(&w, key, section(s), func(e *eve.Object, r *record) {
			switch r.rtype {
			case typeA:
				e.Key("a")
				e.B = appendAddr(e.B, e.Opts, m.b[r.from:r.to])
			case typeAAAA:
				e.Key("aaaa")
				e.B = appendAddr(e.B, e.Opts, m.b[r.from:r.to])
			case typeCNAME:
				e.Bytes("cname", m.text(r.target))
			case typeMX:
				e.Bytes("mx", m.text(r.target))
			case typeNS:
				e.Bytes("ns", m.text(r.target))
			case typePTR:
				e.Bytes("ptr", m.text(r.target))
			case typeNULL:
				e.Bytes("null", m.b[r.from:r.to])
			case typeTXT:
				m.appendTXT(e, r)
			}
		})
	}
	return w.Close()
}

var sectionKeys = [sections]string{"answers", "authorities", "additionals"}

type flagName struct {
	bit  uint16
	name string
}

func (m *message) appendLocalHeader(w *eve.Object, names []flagName) {
	if m.response() {
		w.Str("type", "response")
	} else {
		w.Str("type", "request")
	}
	w.Int("id", int64(m.id))
	listed := false
	for _, f := range names {
		if m.flags&f.bit == 0 {
			continue
		}
		if listed {
			w.B = append(w.B, ',')
		} else {
			listed = true
			w.Key("flags")
			w.B = append(w.B, '[')
		}
		w.B = eve.AppendString(w.B, f.name)
	}
	if listed {
		w.B = append(w.B, ']')
	}
	w.Int("opcode", int64(m.opcode()))
}

func (m *message) appendLocalQuestions(w *eve.Object) {
	for i := range m.questions {
		if i == 0 {
			w.Key("queries")
			w.B = append(w.B, '[')
		} else if len(w.B) > maxEVE {
			break
		} else {
			w.B = append(w.B, ',')
		}
		q := eve.Open(w.B, w.Opts)
		q.Bytes("rrname", m.text(m.questions[i].name))
		var name [16]byte
		q.Bytes("rrtype", bytes.ToLower(appendType(name[:0], m.questions[i].qtype)))
		w.B = q.Close()
	}
	if len(m.questions) > 0 {
		w.B = append(w.B, ']')
	}
}

// appendLocalSection writes a section as an array of its owners' names and what data adds. OPT is left out.
func (m *message) appendLocalSection(w *eve.Object, key string, s section, data func(*eve.Object, *record)) {
	start, entries := len(w.B), 0
	for i := range m.records {
		r := &m.records[i]
		if r.section != s || r.rtype == typeOPT || len(w.B)-start > maxEVE {
			continue
		}
		if entries == 0 {
			w.Key(key)
			w.B = append(w.B, '[')
		} else {
			w.B = append(w.B, ',')
		}
		entries++
		e := eve.Open(w.B, w.Opts)
		e.Bytes("rrname", m.text(r.name))
		if r.ok {
			data(&e, r)
		}
		w.B = e.Close()
	}
	if entries > 0 {
		w.B = append(w.B, ']')
	}
}

// appendTXT writes the strings of a TXT record.
func (m *message) appendTXT(e *eve.Object, r *record) {
	e.Key("txt")
	e.B = append(e.B, '[')
	data := m.b[r.from:r.to]
	for i := 0; len(data) > 0; i++ {
		if i > 0 {
			e.B = append(e.B, ',')
		}
		e.B = eve.AppendString(e.B, data[1:1+int(data[0])])
		data = data[1+int(data[0]):]
	}
	e.B = append(e.B, ']')
}
