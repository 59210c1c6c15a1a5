package ike

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Payloads of version 1 (RFC 2408, section 3.1).
const (
	v1SA        = 1
	v1Proposal  = 2
	v1Transform = 3
	v1KE        = 4
	v1ID        = 5
	v1Nonce     = 10
	v1Vendor    = 13
)

// Payloads of version 2 (RFC 7296, section 3.2).
const (
	v2SA        = 33
	v2Notify    = 41
	v2Encrypted = 46
	v2Fragment  = 53
)

// Lengths of what precedes the data: of every payload, proposals and transforms (with it), of an association, an
// identity, a notification.
const (
	payloadHead   = 4
	proposalHead  = 8
	transformHead = 8
	saHead        = 8
	idHead        = 4
	notifyHead    = 4
)

// Bounds of what one message may list.
const (
	maxPayloads   = 64
	maxAttributes = 128
	maxVendors    = 32
)

const doiIPsec = 1

// Identities (RFC 2407, section 4.6.2.1).
const (
	idFQDN     = 2
	idUserFQDN = 3
)

// attribute is one property of a transform.
type attribute struct {
	key   string
	value string
	raw   uint32
	hex   []byte // lent; what a value is that is no number
}

// message is what one message shows. Its byte slices are lent.
type message struct {
	version, minor   byte
	exchange         byte
	encrypted        bool
	fromServer       bool
	initiator        bool // version 2: the sender began the exchange
	initSPI, respSPI []byte
	id               uint32
	payloads         []byte
	doi              int64 // -1 when not given
	ke, nonce        []byte
	attributes       []attribute
	vendors          [][]byte
	notifies         []uint16
	errors           int
	host, user       []byte
}

// clear drops what is lent and keeps the capacity of the lists, which are bounded.
func (m *message) clear() {
	clear(m.attributes)
	clear(m.vendors)
	*m = message{payloads: m.payloads[:0], attributes: m.attributes[:0], vendors: m.vendors[:0], notifies: m.notifies[:0]}
}

// parse reads a message from its plausible header on.
func (m *message) parse(b []byte, d protocol.Dir) {
	m.clear()
	m.version, m.minor = b[offVersion]>>4, b[offVersion]&15
	m.exchange, m.fromServer = b[offExchange], d == protocol.ToClient
	m.initSPI, m.respSPI = b[:offResponder], b[offResponder:offNext]
	m.id, m.doi = binary.BigEndian.Uint32(b[offMessageID:]), -1
	body := b[headerLen:min(int64(len(b)), max(headerLen, int64(binary.BigEndian.Uint32(b[offLength:]))))]
	switch m.version {
	case version1:
		m.encrypted = b[offFlags]&flagEncrypted != 0
		if !m.encrypted {
			m.walk(b[offNext], body, m.payload1)
		}
	case version2:
		m.initiator = b[offFlags]&flagInitiator != 0
		m.walk(b[offNext], body, m.payload2)
	}
}

// walk calls see for each payload of a chain that begins with one of type next.
func (m *message) walk(next byte, b []byte, see func(kind byte, v []byte)) {
	for next != 0 && len(b) >= payloadHead && len(m.payloads) < maxPayloads {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < payloadHead {
			return
		}
		kind := next
		next = b[0]
		see(kind, b[payloadHead:min(n, len(b))])
		if n > len(b) || m.version == version2 && (kind == v2Encrypted || kind == v2Fragment) {
			return // cut off; or what it names next is encrypted
		}
		b = b[n:]
	}
}

// note lists a payload of version 1 once, as Suricata does.
func (m *message) note(kind byte) {
	for _, k := range m.payloads {
		if k == kind {
			return
		}
	}
	m.payloads = append(m.payloads, kind)
}

func (m *message) payload1(kind byte, v []byte) {
	m.note(kind)
	switch kind {
	case v1SA:
		if len(v) < saHead {
			return
		}
		m.doi = int64(binary.BigEndian.Uint32(v))
		if m.doi == doiIPsec {
			m.proposals(v[saHead:], v1Transform, m.transform1)
		}
	case v1KE:
		m.ke = v
	case v1Nonce:
		m.nonce = v
	case v1Vendor:
		if len(m.vendors) < maxVendors {
			m.vendors = append(m.vendors, v)
		}
	case v1ID:
		if len(v) < idHead {
			return
		}
		switch v[0] {
		case idFQDN:
			m.host = v[idHead:]
		case idUserFQDN:
			m.user = v[idHead:]
		}
	}
}

func (m *message) payload2(kind byte, v []byte) {
	m.payloads = append(m.payloads, kind)
	switch {
	case kind == v2SA && !m.initiator:
		m.proposals(v, 0, m.transform2)
	case kind == v2Notify && len(v) >= notifyHead:
		n := binary.BigEndian.Uint16(v[2:])
		m.notifies = append(m.notifies, n)
		if n < 16384 { // RFC 7296, section 3.10.1: errors
			m.errors++
		}
	}
}

// proposals walks the proposals in b and calls see for the body of each transform: both versions lay them out alike.
func (m *message) proposals(b []byte, transform byte, see func(v []byte)) {
	for {
		v, rest, ok := substructure(b, proposalHead)
		if !ok {
			return
		}
		if transform != 0 {
			m.note(v1Proposal)
		}
		inner := v[proposalHead:]
		inner = inner[min(int(v[6]), len(inner)):] // the SPI
		for {
			t, next, ok := substructure(inner, transformHead)
			if !ok {
				break
			}
			if transform != 0 {
				m.note(transform)
			}
			see(t)
			inner = next
		}
		b = rest
	}
}

// substructure takes a proposal or transform off b, with its head.
func substructure(b []byte, head int) (v, rest []byte, ok bool) {
	if len(b) < head {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < head || n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// transform1 reads the attributes of a transform (RFC 2408, section 3.3; RFC 2409, appendix A).
func (m *message) transform1(t []byte) {
	for b := t[transformHead:]; len(b) >= 4; {
		kind, v := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		b = b[4:]
		a := attribute{raw: uint32(v)}
		code := v
		if kind&0x8000 == 0 { // the value follows
			if int(v) > len(b) {
				return
			}
			if v == 4 {
				a.raw = binary.BigEndian.Uint32(b)
			} else {
				a.hex = b[:v]
			}
			code = 0
			b = b[v:]
		}
		if kind &= 0x7fff; int(kind) < len(keys1) && keys1[kind].key != "" && len(m.attributes) < maxAttributes {
			a.key, a.value = keys1[kind].key, text(keys1[kind].values, code)
			m.attributes = append(m.attributes, a)
		}
	}
}

// transform2 reads a transform of version 2 (RFC 7296, section 3.3.2).
func (m *message) transform2(t []byte) {
	kind, code := t[4], binary.BigEndian.Uint16(t[6:])
	if int(kind) < len(keys2) && keys2[kind].key != "" && len(m.attributes) < maxAttributes {
		m.attributes = append(m.attributes, attribute{key: keys2[kind].key, value: text(keys2[kind].values, code), raw: uint32(code)})
	}
}

func text(values []string, code uint16) string {
	if int(code) < len(values) && values[code] != "" {
		return values[code]
	}
	return "Unknown"
}
