package dns

import (
	"encoding/binary"
	"net/netip"

	"netsensor/internal/protocol"
)

// typeNB is a NetBIOS general name service record (RFC 1002, section 4.2.1.3): flags and an address, repeated.
const typeNB = 32

func probeNBNS(p *protocol.Peek) protocol.Match {
	b := p.Data
	if !p.Port(portNBNS) || p.Port(portDNS) || len(b) < headerLen {
		return protocol.No
	}
	switch binary.BigEndian.Uint16(b[2:]) >> 11 & 15 {
	case 0, 5, 6, 7, 8, 9, 15: // RFC 1002, section 4.2.1.1, and what is sent for REFRESH and multi-homed registration
	default:
		return protocol.No
	}
	if b[4]|b[6]|b[8]|b[10] != 0 || b[5]|b[7]|b[9]|b[11] == 0 || b[5] > 1 {
		return protocol.No
	}
	orient(p, b)
	return protocol.Yes
}

// gatherNBNS fills m.facts from a message of the NetBIOS name service.
func (m *message) gatherNBNS() {
	m.facts = m.facts[:0]
	for i := range m.questions {
		q := &m.questions[i]
		m.facts = append(m.facts, protocol.Fact{
			Kind: protocol.Question, Num: int64(q.qtype), Text: m.netbiosName(q.name), Aux: aux[nbns],
		})
	}
	if !m.response() {
		return
	}
	m.facts = append(m.facts, protocol.Fact{Kind: protocol.ResponseCode, Num: int64(m.rcode)})
	if m.opcode() != opcodeQuery {
		return
	}
	for i := range m.records {
		r := &m.records[i]
		if r.rtype != typeNB || r.class != classIN {
			continue
		}
		owner := m.netbiosName(r.name)
		for data := m.b[r.from:r.to]; len(data) >= 6; data = data[6:] {
			m.address(owner, netip.AddrFrom4([4]byte(data[2:6])), r.ttl)
		}
	}
}

// netbiosName decodes the first label of a name (RFC 1001, section 14.1: half a byte a letter) without the padding
// and the suffix that names the service. What is not encoded so is returned as it is.
func (m *message) netbiosName(s span) []byte {
	const encoded, padded = 32, 15
	raw := m.text(s)
	if len(raw) < encoded || len(raw) > encoded && raw[encoded] != '.' {
		return raw
	}
	from := len(m.names)
	for i := 0; i < 2*padded; i += 2 {
		hi, lo := raw[i]-'A', raw[i+1]-'A'
		if hi > 15 || lo > 15 {
			m.names = m.names[:from]
			return raw
		}
		m.names = append(m.names, hi<<4|lo)
	}
	to := len(m.names)
	for to > from && (m.names[to-1] == ' ' || m.names[to-1] == 0) {
		to--
	}
	return m.names[from:to:to]
}
