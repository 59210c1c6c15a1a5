// Package dhcp parses DHCP for IPv4 (RFC 2131) and IPv6 (RFC 8415): who was given which address under which name.
package dhcp

import (
	"encoding/binary"
	"net/netip"

	"netsensor/internal/protocol"
)

// The ports of DHCP for IPv4.
const (
	portServer = 67
	portClient = 68
)

// Offsets in a message (RFC 2131, section 2).
const (
	offHlen   = 2
	offXid    = 4
	offYiaddr = 16
	offChaddr = 28
	offSname  = 44
	offFile   = 108
	offCookie = 236
	headerLen = 240
	maxHlen   = 16
)

const cookie = 0x63825363

const (
	bootRequest = 1
	bootReply   = 2
)

// Options (RFC 2132; 81: RFC 4702).
const (
	optPad         = 0
	optHostName    = 12
	optOverload    = 52
	optMessageType = 53
	optRenewalTime = 58
	optClientID    = 61
	optFQDN        = 81
	optEnd         = 255
)

const typeAck = 5

// maxName bounds a host name: no domain name is longer.
const maxName = 255

// Parser returns the parser of DHCP for IPv4, and BOOTP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "dhcp",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < offSname || b[0] != bootRequest && b[0] != bootReply || b[offHlen] > maxHlen {
		return protocol.No
	}
	m := protocol.No
	switch {
	case len(b) >= headerLen && binary.BigEndian.Uint32(b[offCookie:]) == cookie:
		m = protocol.Yes
	case p.Port(portServer) && b[1] != 0 && b[3] <= 16: // BOOTP, or cut off in the capture
		m = protocol.Likely
	}
	p.Reversed = (b[0] == bootReply) == (p.Dir == protocol.ToServer)
	return m
}

// request is what a client asked, for the answer's sake.
type request struct {
	xid  uint32
	name []byte
}

// stream follows one flow.
type stream struct {
	message message
	asked   request
	facts   [1]protocol.Fact
	obs     protocol.Observation
	tx      int
}

func (s *stream) Reset() {
	asked, m := s.asked.name[:0], s.message
	*s = stream{}
	s.asked.name, s.message.mac, s.message.name = asked, m.mac[:0], m.name[:0]
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	m := &s.message
	if !m.parse(b) {
		return len(b), protocol.More
	}
	switch {
	case m.op == bootRequest:
		s.asked.xid = m.xid
		s.asked.name = append(s.asked.name[:0], m.name...)
		if len(m.name) > 0 && len(m.mac) > 0 {
			// The answer often comes to another address, in a flow of its own, and without the name.
			s.facts[0] = protocol.Fact{Kind: protocol.Lease, Text: m.mac, Aux: m.name}
			s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
			c.Sink.Observe(&s.obs)
		}
	case m.kind == typeAck:
		s.acknowledged(c, d)
	}
	m.clientID, m.hostName = nil, nil // lent
	return len(b), protocol.More
}

// acknowledged tells of a DHCPACK. One that answers a DHCPINFORM gives no address.
func (s *stream) acknowledged(c *protocol.Context, d protocol.Dir) {
	m := &s.message
	s.obs = protocol.Observation{Event: "dhcp", Dir: d, TxID: s.tx, Detail: m}
	s.tx++
	if !m.assigned.IsUnspecified() {
		name := m.name
		if len(name) == 0 && s.asked.xid == m.xid {
			name = s.asked.name
		}
		s.facts[0] = protocol.Fact{Kind: protocol.Lease, Text: m.mac, Aux: name, Addr: m.assigned}
		s.obs.Facts = s.facts[:]
	}
	c.Sink.Observe(&s.obs)
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}

// message is one DHCP message.
type message struct {
	op       byte
	kind     byte // the message type; 0 in BOOTP
	xid      uint32
	assigned netip.Addr
	mac      []byte // the client's hardware address as text
	name     []byte // the host name, from either option
	clientID []byte // lent; without its type
	hostName []byte // lent; the Host Name option
	renewal  int64  // seconds; -1 when not given
	overload byte
}

// parse reads a message; it reports false where b is none.
func (m *message) parse(b []byte) bool {
	if len(b) < headerLen || b[0] != bootRequest && b[0] != bootReply || b[offHlen] > maxHlen ||
		binary.BigEndian.Uint32(b[offCookie:]) != cookie {
		return false
	}
	*m = message{
		op: b[0], xid: binary.BigEndian.Uint32(b[offXid:]), assigned: netip.AddrFrom4([4]byte(b[offYiaddr:])),
		mac: appendMAC(m.mac[:0], b[offChaddr:offChaddr+int(b[offHlen])]), name: m.name[:0], renewal: -1,
	}
	m.options(b[headerLen:])
	overload := m.overload // only the first area may say so
	if overload&1 != 0 {
		m.options(b[offFile:offCookie])
	}
	if overload&2 != 0 {
		m.options(b[offSname:offFile])
	}
	if len(m.name) == 0 {
		m.name = append(m.name, m.hostName[:min(len(m.hostName), maxName)]...)
	}
	return true
}

func (m *message) options(b []byte) {
	for len(b) > 0 && b[0] != optEnd {
		if b[0] == optPad {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return
		}
		m.option(b[0], b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
	}
}

func (m *message) option(code byte, v []byte) {
	if len(v) == 0 {
		return
	}
	switch code {
	case optHostName:
		m.hostName = v
	case optOverload:
		m.overload = v[0]
	case optMessageType:
		m.kind = v[0]
	case optRenewalTime:
		if len(v) == 4 {
			m.renewal = int64(binary.BigEndian.Uint32(v))
		}
	case optClientID:
		m.clientID = v[1:]
	case optFQDN:
		// RFC 4702, section 2: flags and two response codes, then the name in wire format or, before that, as text.
		const encoded = 4
		if len(v) <= 3 {
			return
		}
		if v[0]&encoded != 0 {
			m.name = appendName(m.name[:0], v[3:])
		} else {
			m.name = append(m.name[:0], v[3:]...)
		}
	}
}

// appendMAC appends a hardware address, its bytes separated by colons.
func appendMAC(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// appendName appends a domain name in wire format without compression (RFC 4702, section 2.3.1), which may lack the root.
func appendName(dst, b []byte) []byte {
	from := len(dst)
	for len(b) > 0 && b[0] != 0 {
		n := int(b[0])
		if n > 63 || n >= len(b) || len(dst)-from+n+1 > maxName {
			return dst[:from]
		}
		if len(dst) > from {
			dst = append(dst, '.')
		}
		dst = append(dst, b[1:1+n]...)
		b = b[1+n:]
	}
	return dst
}
