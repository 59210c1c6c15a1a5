package dns

import (
	"encoding/binary"
	"net/netip"

	"netsensor/internal/protocol"
)

// classMask leaves out the top bit, which multicast DNS uses for "unicast response wanted" and "cache flush"
// (RFC 6762, sections 5.4 and 10.2).
func (m *message) classMask() uint16 {
	if m.flavour == mdns {
		return 0x7fff
	}
	return 0xffff
}

// SvcParamKeys (RFC 9460, section 14.3.2).
const (
	svcIPv4Hint = 4
	svcIPv6Hint = 6
)

// gather fills m.facts: questions, the response code, then aliases and addresses in the order of the message.
func (m *message) gather() {
	if m.flavour == nbns {
		m.gatherNBNS()
		return
	}
	m.facts = m.facts[:0]
	for i := range m.questions {
		q := &m.questions[i]
		m.facts = append(m.facts, protocol.Fact{
			Kind: protocol.Question, Num: int64(q.qtype), Text: m.text(q.name), Aux: aux[m.flavour],
		})
	}
	if !m.response() {
		return
	}
	m.facts = append(m.facts, protocol.Fact{Kind: protocol.ResponseCode, Num: int64(m.rcode)})
	if m.opcode() != opcodeQuery {
		return
	}
	mask := m.classMask()
	for i := range m.records {
		r := &m.records[i]
		if !r.ok || r.class&mask != classIN {
			continue
		}
		switch r.rtype {
		case typeA:
			a := netip.AddrFrom4([4]byte(m.b[r.from:r.to]))
			m.address(m.text(r.name), a, r.ttl)
		case typeAAAA:
			a := netip.AddrFrom16([16]byte(m.b[r.from:r.to]))
			m.address(m.text(r.name), a, r.ttl)
		case typeCNAME, typeDNAME:
			m.alias(r)
		case typeSVCB, typeHTTPS:
			m.service(r)
		}
	}
}

func (m *message) address(owner []byte, a netip.Addr, ttl uint32) {
	m.facts = append(m.facts, protocol.Fact{
		Kind: protocol.Address, Text: owner, Addr: a, Num: int64(ttl), Aux: aux[m.flavour],
	})
}

func (m *message) alias(r *record) {
	m.facts = append(m.facts, protocol.Fact{
		Kind: protocol.Alias, Text: m.text(r.name), Aux: m.text(r.target), Num: int64(r.ttl),
	})
}

// service gives the target of a service binding and its address hints (RFC 9460, sections 2 and 7.3).
func (m *message) service(r *record) {
	target := m.text(r.target)
	if len(target) > 0 {
		m.alias(r)
	} else {
		target = m.text(r.name) // "." stands for the owner (section 2.5)
	}
	params := skipName(m.b, int(r.from)+2)
	if params < 0 || params > int(r.to) {
		return
	}
	data := m.b[params:r.to]
	for len(data) >= 4 {
		key, n := binary.BigEndian.Uint16(data), int(binary.BigEndian.Uint16(data[2:]))
		data = data[4:]
		if n > len(data) {
			return
		}
		value := data[:n]
		data = data[n:]
		switch key {
		case svcIPv4Hint:
			for ; len(value) >= 4; value = value[4:] {
				m.address(target, netip.AddrFrom4([4]byte(value[:4])), r.ttl)
			}
		case svcIPv6Hint:
			for ; len(value) >= 16; value = value[16:] {
				m.address(target, netip.AddrFrom16([16]byte(value[:16])), r.ttl)
			}
		}
	}
}
