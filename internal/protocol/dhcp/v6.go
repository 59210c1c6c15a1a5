package dhcp

import (
	"encoding/binary"
	"net/netip"

	"netsensor/internal/protocol"
)

// The ports of DHCP for IPv6 (RFC 8415, section 7.2).
const (
	portClient6 = 546
	portServer6 = 547
)

// Message types (RFC 8415, section 7.3; the last of them RFC 7341).
const (
	reply6        = 7
	relayForward6 = 12
	relayReply6   = 13
	lastType6     = 36
)

// Options (RFC 8415, section 21; 39: RFC 4704).
const (
	opt6ClientID     = 1
	opt6NA           = 3
	opt6TA           = 4
	opt6Address      = 5
	opt6RelayMessage = 9
	opt6FQDN         = 39
)

// Lengths of what precedes options: the header, a relay's header, the two kinds of associations, an address.
const (
	header6Len  = 4
	relay6Len   = 34
	optHead6Len = 4
	na6Len      = 12
	ta6Len      = 4
	address6Len = 24
)

// RFC 8415, section 19: relays may be chained; section 7.6 bounds the chain.
const maxRelays = 8

// maxLeases bounds the addresses that one message tells of.
const maxLeases = 16

// V6 returns the parser of DHCP for IPv6.
func V6() protocol.Parser {
	return protocol.Parser{
		Name:  "dhcpv6",
		Over:  protocol.UDP,
		Probe: probe6,
		New:   func() protocol.Stream { return new(stream6) },
	}
}

func probe6(p *protocol.Peek) protocol.Match {
	if !p.Port(portServer6) && !p.Port(portClient6) {
		return protocol.No
	}
	b := p.Data
	if len(b) < header6Len || b[0] == 0 || b[0] > lastType6 {
		return protocol.No
	}
	head, replies := header6Len, b[0] == 2 || b[0] == reply6 || b[0] == 10
	if b[0] == relayForward6 || b[0] == relayReply6 {
		head, replies = relay6Len, b[0] == relayReply6
	}
	if len(b) < head+optHead6Len || b[head] != 0 { // no option has a code of more than 255
		return protocol.No
	}
	if p.ServerPort != p.ClientPort { // relays and servers speak from port 547 to port 547
		p.Reversed = replies == (p.Dir == protocol.ToServer)
	}
	for rest := b[head:]; len(rest) > 0; {
		_, _, next, ok := option6(rest)
		if !ok {
			return protocol.Likely
		}
		rest = next
	}
	return protocol.Yes
}

// option6 takes the first option off b.
func option6(b []byte) (code uint16, v, rest []byte, ok bool) {
	if len(b) < optHead6Len {
		return 0, nil, nil, false
	}
	n := optHead6Len + int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < n {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint16(b), b[optHead6Len:n], b[n:], true
}

// stream6 follows one flow.
type stream6 struct {
	mac, name []byte
	facts     []protocol.Fact
	obs       protocol.Observation
}

func (s *stream6) Reset() {
	*s = stream6{mac: s.mac[:0], name: s.name[:0], facts: s.facts[:0]}
}

func (s *stream6) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	m := b
	for range maxRelays {
		if len(m) < relay6Len || m[0] != relayForward6 && m[0] != relayReply6 {
			break
		}
		inner := []byte(nil)
		for rest := m[relay6Len:]; len(rest) > 0; {
			code, v, next, ok := option6(rest)
			if !ok {
				break
			}
			if code == opt6RelayMessage {
				inner = v
			}
			rest = next
		}
		m = inner
	}
	if len(m) >= header6Len && m[0] == reply6 {
		s.reply(c, d, m[header6Len:])
	}
	return len(b), protocol.More
}

// reply tells of the addresses in a Reply's options: those with a valid lifetime.
func (s *stream6) reply(c *protocol.Context, d protocol.Dir, options []byte) {
	s.mac, s.name, s.facts = s.mac[:0], s.name[:0], s.facts[:0]
	for rest := options; len(rest) > 0; {
		code, v, next, ok := option6(rest)
		if !ok {
			break
		}
		switch {
		case code == opt6ClientID:
			s.mac = appendMAC(s.mac[:0], hardware(v))
		case code == opt6FQDN && len(v) > 1: // flags and the name
			s.name = appendName(s.name[:0], v[1:])
		case code == opt6NA && len(v) >= na6Len:
			s.leases(v[na6Len:])
		case code == opt6TA && len(v) >= ta6Len:
			s.leases(v[ta6Len:])
		}
		rest = next
	}
	if len(s.facts) == 0 {
		return
	}
	for i := range s.facts {
		s.facts[i].Text, s.facts[i].Aux = s.mac, s.name
	}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts}
	c.Sink.Observe(&s.obs)
}

func (s *stream6) leases(options []byte) {
	for rest := options; len(rest) > 0 && len(s.facts) < maxLeases; {
		code, v, next, ok := option6(rest)
		if !ok {
			return
		}
		if code == opt6Address && len(v) >= address6Len && binary.BigEndian.Uint32(v[20:]) != 0 {
			s.facts = append(s.facts, protocol.Fact{Kind: protocol.Lease, Addr: netip.AddrFrom16([16]byte(v))})
		}
		rest = next
	}
}

// hardware returns the hardware address in a DUID, if it has one (RFC 8415, sections 11.2 and 11.4).
func hardware(duid []byte) []byte {
	if len(duid) < 4 {
		return nil
	}
	switch binary.BigEndian.Uint16(duid) {
	case 1:
		if len(duid) > 8 {
			duid = duid[8:]
			break
		}
		return nil
	case 3:
		duid = duid[4:]
	default:
		return nil
	}
	return duid[:min(len(duid), maxHlen)]
}

func (s *stream6) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream6) End(*protocol.Context) {}
