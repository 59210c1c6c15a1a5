package dns

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// The header's layout and bounds (RFC 1035, section 4.1.1).
const (
	headerLen    = 12
	questionLen  = 4  // type and class
	recordLen    = 10 // type, class, TTL and the length of RDATA
	lengthPrefix = 2  // over TCP (section 4.2.2)
	maxMessage   = 65535
)

// Bits of the header's flags.
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8
	flagRA = 1 << 7
	flagZ  = 1 << 6
	flagAD = 1 << 5
	flagCD = 1 << 4
)

// maxNames bounds the text of the names of one message: compression lets 64 KiB stand for megabytes.
const maxNames = 256 << 10

// Buffers that grew beyond these are not kept for the next message.
const (
	keepNames   = 16 << 10
	keepRecords = 256
)

// span is a part of message.names.
type span struct{ from, to uint32 }

type question struct {
	name         span
	qtype, class uint16
}

// section numbers the sections of records.
type section uint8

const (
	answers section = iota
	authorities
	additionals
	sections
)

type record struct {
	name         span // owner
	target       span // the name in RDATA, of the types that have one; SOA's MNAME
	mailbox      span // SOA's RNAME
	rtype, class uint16
	ttl          uint32
	start        uint32 // of the record in the message
	from, to     uint32 // RDATA in the message
	section      section
	ok           bool // RDATA is well formed, as far as its type is known
}

// message is one parsed message. The same one is used again and again; what it holds is valid until then.
type message struct {
	b         []byte // lent
	flavour   flavour
	id, flags uint16
	rcode     int // with the upper bits of OPT (RFC 6891, section 6.1.3)
	tx        int
	anomaly   string
	names     []byte
	questions []question
	records   []record
	facts     []protocol.Fact
	rare      int // records that were rendered by the library
	obs       protocol.Observation

	// decoded remembers where the last names were read: most owners are a pointer to the question or to the
	// alias before.
	decoded     [4]decoded
	decodedNext int
}

type decoded struct {
	off  uint32
	name span
}

func (m *message) text(s span) []byte { return m.names[s.from:s.to:s.to] }

func (m *message) response() bool { return m.flags&flagQR != 0 }

func (m *message) opcode() int { return int(m.flags>>11) & 15 }

// release drops what is lent and what grew large.
func (m *message) release() {
	m.b = nil
	m.obs = protocol.Observation{}
	if cap(m.names) > keepNames {
		m.names = nil
	}
	if cap(m.records) > keepRecords {
		m.records = nil
	}
	if cap(m.questions) > keepRecords {
		m.questions = nil
	}
	if cap(m.facts) > keepRecords {
		m.facts = nil
	}
}

// parse reads b and reports whether it has at least a header. What is wrong with it is m.anomaly.
func (m *message) parse(b []byte, fl flavour) bool {
	m.b, m.flavour, m.anomaly, m.rare = b, fl, "", 0
	m.names, m.questions, m.records = m.names[:0], m.questions[:0], m.records[:0]
	m.decoded, m.decodedNext = [4]decoded{}, 0
	if len(b) < headerLen {
		return false
	}
	m.id = binary.BigEndian.Uint16(b)
	m.flags = binary.BigEndian.Uint16(b[2:])
	m.rcode = int(m.flags & 15)
	off := m.parseQuestions(headerLen, int(binary.BigEndian.Uint16(b[4:])))
	if off < 0 {
		return true
	}
	for s := range sections {
		if off = m.parseRecords(off, s, int(binary.BigEndian.Uint16(b[6+2*int(s):]))); off < 0 {
			break
		}
	}
	return true
}

// parseQuestions reads n questions at off and returns the offset after them, or -1 after setting the anomaly.
func (m *message) parseQuestions(off, n int) int {
	for range n {
		name, next := m.name(off)
		if next < 0 {
			return -1
		}
		if next+questionLen > len(m.b) {
			return m.malformed("malformed_data")
		}
		m.questions = append(m.questions, question{
			name:  name,
			qtype: binary.BigEndian.Uint16(m.b[next:]),
			class: binary.BigEndian.Uint16(m.b[next+2:]),
		})
		off = next + questionLen
	}
	return off
}

// parseRecords is parseQuestions for the n records of a section.
func (m *message) parseRecords(off int, s section, n int) int {
	damaged := [sections]string{"malformed_data", "invalid_authorities", "invalid_additionals"}[s]
	for range n {
		name, next := m.name(off)
		if next < 0 {
			if m.anomaly == "malformed_data" {
				m.anomaly = damaged
			}
			return -1
		}
		if next+recordLen > len(m.b) {
			return m.malformed(damaged)
		}
		h := m.b[next : next+recordLen]
		from := next + recordLen
		to := from + int(binary.BigEndian.Uint16(h[8:]))
		if to > len(m.b) {
			return m.malformed(damaged)
		}
		m.records = append(m.records, record{
			name:    name,
			rtype:   binary.BigEndian.Uint16(h),
			class:   binary.BigEndian.Uint16(h[2:]),
			ttl:     binary.BigEndian.Uint32(h[4:]),
			start:   uint32(off),
			from:    uint32(from),
			to:      uint32(to),
			section: s,
		})
		r := &m.records[len(m.records)-1]
		// The prerequisites and deletions of an update have the classes NONE and ANY and no RDATA (RFC 2136).
		if from < to || m.opcode() != opcodeUpdate {
			if r.ok = m.parseData(r); !r.ok {
				m.malformed(damaged)
			}
		}
		off = to
	}
	return off
}

// parseData looks at the RDATA of r, and reports whether it is as its type demands.
func (m *message) parseData(r *record) bool {
	from, size := int(r.from), int(r.to-r.from)
	if m.flavour == nbns {
		return true // types of its own, some with the numbers of others
	}
	switch r.rtype {
	case typeA:
		return size == 4
	case typeAAAA:
		return size == 16
	case typeCNAME, typeNS, typePTR, typeDNAME:
		return m.parseTarget(r, from) == int(r.to)
	case typeMX:
		return size > 2 && m.parseTarget(r, from+2) == int(r.to)
	case typeSRV:
		return size > 6 && m.parseTarget(r, from+6) == int(r.to)
	case typeSVCB, typeHTTPS:
		return size > 2 && m.parseTarget(r, from+2) >= 0
	case typeSOA:
		next := m.parseTarget(r, from)
		if next < 0 {
			return false
		}
		name, next := m.name(next)
		r.mailbox = name
		return next >= 0 && next+20 == int(r.to)
	case typeTXT, typeSPF:
		data := m.b[r.from:r.to]
		for len(data) > 0 {
			if 1+int(data[0]) > len(data) {
				return false
			}
			data = data[1+int(data[0]):]
		}
		return size > 0
	case typeSSHFP:
		return size > 2
	case typeOPT:
		// RFC 6891, section 6.1.3: the upper bits of the response code are in the TTL.
		m.rcode |= int(r.ttl>>24) << 4
		data := m.b[r.from:r.to]
		for len(data) >= 4 {
			n := 4 + int(binary.BigEndian.Uint16(data[2:]))
			if n > len(data) {
				return false
			}
			data = data[n:]
		}
		return len(data) == 0
	}
	return true
}

// parseTarget reads the name at off, which must end within RDATA, into r and returns the offset after it, or -1.
func (m *message) parseTarget(r *record, off int) int {
	name, next := m.name(off)
	if next < 0 || next > int(r.to) {
		return -1
	}
	r.target = name
	return next
}

// name reads the name at off. next is -1 after setting the anomaly.
func (m *message) name(off int) (name span, next int) {
	if off+1 < len(m.b) && m.b[off] >= 0xc0 {
		target := uint32(m.b[off]&0x3f)<<8 | uint32(m.b[off+1])
		for i := range m.decoded {
			// Offset 0 is the header, where no name can have been read.
			if m.decoded[i].off == target && target != 0 {
				return m.decoded[i].name, off + 2
			}
		}
	}
	from := len(m.names)
	names, next, err := appendName(m.names, m.b, off)
	m.names = names
	switch {
	case err == nameLoop:
		return span{}, m.malformed("infinite_loop")
	case err == nameLong:
		return span{}, m.malformed("name_too_long")
	case err != nameOK, len(names) > maxNames:
		return span{}, m.malformed("malformed_data")
	}
	name = span{uint32(from), uint32(len(names))}
	m.decoded[m.decodedNext&3] = decoded{uint32(off), name}
	m.decodedNext++
	return name, next
}

// malformed notes the first anomaly and returns -1.
func (m *message) malformed(anomaly string) int {
	if m.anomaly == "" {
		m.anomaly = anomaly
	}
	return -1
}
