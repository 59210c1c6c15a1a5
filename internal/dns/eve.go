package dns

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	dnsmsg "github.com/miekg/dns"

	"netsensor/internal/eve"
)

// maxEVE bounds the text of the records of one event. Compression, and one entry for each string of a TXT record,
// would else let 64 KiB become tens of megabytes.
const maxEVE = 512 << 10

// maxRare bounds the records of one message that the library renders, which costs microseconds each.
const maxRare = 64

// AppendEVE appends the member "dns", "mdns" or "llmnr".
func (m *message) AppendEVE(dst []byte, o *eve.Options) []byte {
	switch m.flavour {
	case mdns:
		return m.appendMDNS(dst, o)
	case llmnr:
		return m.appendLLMNR(dst, o)
	case nbns:
		return dst
	}
	dst = append(dst, `"dns":`...)
	w := eve.Open(dst, o)
	if o != nil && o.DNSVersion == 2 {
		m.appendV2(&w)
	} else {
		m.appendV3(&w)
	}
	return w.Close()
}

// appendV3 writes the shape of Suricata 8.
func (m *message) appendV3(w *eve.Object) {
	w.Int("version", 3)
	if m.response() {
		w.Str("type", "response")
	} else {
		w.Str("type", "request")
	}
	w.Int("tx_id", int64(m.tx))
	w.Int("id", int64(m.id))
	m.appendFlags(w)
	w.Key("rcode")
	w.B = append(w.B, '"')
	w.B = appendRcode(w.B, m.flags)
	w.B = append(w.B, '"')
	if len(m.questions) > 0 {
		w.Key("queries")
		w.B = append(w.B, '[')
		for i := range m.questions {
			if i > 0 {
				if len(w.B) > maxEVE {
					break
				}
				w.B = append(w.B, ',')
			}
			q := eve.Open(w.B, w.Opts)
			q.Bytes("rrname", m.text(m.questions[i].name))
			appendTypeKey(&q, m.questions[i].qtype)
			w.B = q.Close()
		}
		w.B = append(w.B, ']')
	}
	m.appendSection(w, "answers", answers)
	m.appendGrouped(w)
	m.appendSection(w, "authorities", authorities)
	m.appendSection(w, "additionals", additionals)
}

// appendV2 writes the shape of Suricata 7, which has no additionals. It has an event for each question of a query;
// nearly always there is one, and the first is what is written.
func (m *message) appendV2(w *eve.Object) {
	w.Int("version", 2)
	if !m.response() {
		w.Str("type", "query")
		w.Int("id", int64(m.id))
		m.appendFirstQuestion(w)
		w.Int("tx_id", int64(m.tx))
		w.True("z", m.flags&flagZ != 0)
		w.Int("opcode", int64(m.opcode()))
		return
	}
	w.Str("type", "answer")
	w.Int("id", int64(m.id))
	m.appendFlags(w)
	m.appendFirstQuestion(w)
	w.Key("rcode")
	w.B = append(w.B, '"')
	w.B = appendRcode(w.B, m.flags)
	w.B = append(w.B, '"')
	m.appendSection(w, "answers", answers)
	m.appendGrouped(w)
	m.appendSection(w, "authorities", authorities)
}

func (m *message) appendFirstQuestion(w *eve.Object) {
	if len(m.questions) > 0 {
		w.Bytes("rrname", m.text(m.questions[0].name))
		appendTypeKey(w, m.questions[0].qtype)
	}
}

// appendFlags writes the header's flags and opcode.
func (m *message) appendFlags(w *eve.Object) {
	w.Key("flags")
	w.B = append(w.B, '"')
	w.B = strconv.AppendUint(w.B, uint64(m.flags), 16)
	w.B = append(w.B, '"')
	w.True("qr", m.flags&flagQR != 0)
	w.True("aa", m.flags&flagAA != 0)
	w.True("tc", m.flags&flagTC != 0)
	w.True("rd", m.flags&flagRD != 0)
	w.True("ra", m.flags&flagRA != 0)
	w.True("z", m.flags&flagZ != 0)
	w.Int("opcode", int64(m.opcode()))
}

func appendTypeKey(w *eve.Object, t uint16) {
	w.Key("rrtype")
	w.B = append(w.B, '"')
	w.B = appendType(w.B, t)
	w.B = append(w.B, '"')
}

// appendSection writes the records of a section as an array, unless there are none to show. A TXT record has an
// entry for each of its strings; OPT is shown where it has options.
func (m *message) appendSection(w *eve.Object, key string, s section) {
	start, entries := len(w.B), 0
	for i := range m.records {
		r := &m.records[i]
		if r.section != s || r.rtype == typeOPT && (r.from == r.to || !r.ok) {
			continue
		}
		text := m.strings(r)
		for more := true; more && len(w.B)-start < maxEVE; entries++ {
			var entry []byte
			if len(text) > 0 {
				entry = text[1 : 1+int(text[0])]
				text = text[1+len(entry):]
			}
			more = len(text) > 0
			if entries == 0 {
				w.Key(key)
				w.B = append(w.B, '[')
			} else {
				w.B = append(w.B, ',')
			}
			m.appendRecord(w, r, entry)
		}
	}
	if entries > 0 {
		w.B = append(w.B, ']')
	}
}

// strings returns the RDATA of a well-formed TXT record, nil for another.
func (m *message) strings(r *record) []byte {
	if r.ok && (r.rtype == typeTXT || r.rtype == typeSPF) {
		return m.b[r.from:r.to]
	}
	return nil
}

func (m *message) appendRecord(w *eve.Object, r *record, text []byte) {
	e := eve.Open(w.B, w.Opts)
	e.Bytes("rrname", m.text(r.name))
	appendTypeKey(&e, r.rtype)
	e.Int("ttl", int64(r.ttl))
	if r.ok {
		m.appendData(&e, r, text)
	}
	w.B = e.Close()
}

// appendData writes RDATA. Only the section of answers has room for SRV and SSHFP in EVE's schema, and that of
// additionals has none for SOA.
func (m *message) appendData(e *eve.Object, r *record, text []byte) {
	data := m.b[r.from:r.to]
	switch r.rtype {
	case typeA, typeAAAA:
		e.Key("rdata")
		e.B = appendAddr(e.B, e.Opts, data)
	case typeCNAME, typeNS, typePTR, typeMX, typeDNAME:
		e.Bytes("rdata", m.text(r.target))
	case typeTXT, typeSPF:
		e.Bytes("rdata", text)
	case typeNULL:
		e.Bytes("rdata", data)
	case typeSOA:
		if r.section != additionals {
			e.Key("soa")
			e.B = m.appendSOA(e.B, r)
		}
	case typeSRV:
		if r.section == answers {
			e.Key("srv")
			e.B = m.appendSRV(e.B, r)
		}
	case typeSSHFP:
		if r.section == answers {
			e.Key("sshfp")
			e.B = m.appendSSHFP(e.B, r)
		}
	case typeOPT:
		if r.section == additionals {
			e.Key("opt")
			e.B = appendOptions(e.B, data)
		}
	default:
		if rdata := m.rareData(r); rdata != "" {
			e.Str("rdata", rdata)
		}
	}
}

// rareData is the presentation format (RFC 1035, section 5.1, and those of the types) of types that matter to people
// and are too rare to be worth code of our own. Suricata writes nothing for them. Empty for other types: what DNSSEC
// adds is bulk.
func (m *message) rareData(r *record) string {
	switch r.rtype {
	case dnsmsg.TypeHINFO, dnsmsg.TypeRP, dnsmsg.TypeAFSDB, dnsmsg.TypeLOC, dnsmsg.TypeNAPTR, dnsmsg.TypeKX,
		dnsmsg.TypeDS, dnsmsg.TypeCDS, dnsmsg.TypeTLSA, dnsmsg.TypeURI, dnsmsg.TypeCAA, typeSVCB, typeHTTPS:
	default:
		return ""
	}
	if m.rare++; m.rare > maxRare {
		return ""
	}
	rr, _, err := dnsmsg.UnpackRR(m.b[:r.to], int(r.start))
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// appendAddr appends the address of 4 or 16 bytes, with quotes. An IPv4-mapped address stays one of IPv6: it was
// given as AAAA.
func appendAddr(dst []byte, o *eve.Options, b []byte) []byte {
	dst = append(dst, '"')
	a, _ := netip.AddrFromSlice(b)
	switch {
	case !a.Is4In6():
		dst = o.AppendAddr(dst, a)
	case o != nil && o.CompressIPv6:
		dst = a.AppendTo(dst)
	default:
		for i := 0; i < 16; i += 2 {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = eve.AppendHex(dst, b[i:i+2], 0)
		}
	}
	return append(dst, '"')
}

func (m *message) appendSOA(dst []byte, r *record) []byte {
	v := m.b[r.to-20 : r.to]
	w := eve.Open(dst, nil)
	w.Bytes("mname", m.text(r.target))
	w.Bytes("rname", m.text(r.mailbox))
	for i, key := range [...]string{"serial", "refresh", "retry", "expire", "minimum"} {
		w.Uint(key, uint64(binary.BigEndian.Uint32(v[4*i:])))
	}
	return w.Close()
}

func (m *message) appendSRV(dst []byte, r *record) []byte {
	v := m.b[r.from:r.to]
	w := eve.Open(dst, nil)
	w.Int("priority", int64(binary.BigEndian.Uint16(v)))
	w.Int("weight", int64(binary.BigEndian.Uint16(v[2:])))
	w.Int("port", int64(binary.BigEndian.Uint16(v[4:])))
	w.Bytes("name", m.text(r.target))
	return w.Close()
}

func (m *message) appendSSHFP(dst []byte, r *record) []byte {
	v := m.b[r.from:r.to]
	w := eve.Open(dst, nil)
	w.Hex("fingerprint", v[2:], ':')
	w.Int("algo", int64(v[0]))
	w.Int("type", int64(v[1]))
	return w.Close()
}

// appendOptions appends the EDNS options (RFC 6891, section 6.1.2) of a well-formed OPT record.
func appendOptions(dst, data []byte) []byte {
	dst = append(dst, '[')
	for i := 0; len(data) >= 4; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		n := 4 + int(binary.BigEndian.Uint16(data[2:]))
		w := eve.Open(dst, nil)
		w.Int("code", int64(binary.BigEndian.Uint16(data)))
		w.Hex("data", data[4:n], 0)
		dst = w.Close()
		data = data[n:]
	}
	return append(dst, ']')
}
