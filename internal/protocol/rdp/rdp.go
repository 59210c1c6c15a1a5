// Package rdp parses the beginning of Remote Desktop connections ([MS-RDPBCGR], section 1.3.1.1): the cookie that names
// the user, the choice of TLS, which another parser takes over, and what a client without TLS tells of itself. Behind
// that all is encrypted.
package rdp

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

const (
	tpktHeader = 4 // RFC 1006, section 6
	maxShown   = 8 << 10
	maxCookie  = 128
)

// X.224 TPDU codes (ISO 8073, section 13).
const (
	connectionRequest = 0xe0
	connectionConfirm = 0xd0
	dataTransfer      = 0xf0
)

// Types of negotiation structures ([MS-RDPBCGR], sections 2.2.1.1.1, 2.2.1.2.1, 2.2.1.2.2).
const (
	negotiationRequest  = 1
	negotiationResponse = 2
	negotiationFailure  = 3
	negotiationSize     = 8
)

const standardSecurity = 0 // the selected protocol that is not TLS

// Parser recognises RDP over TCP, and its connections over UDP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "rdp",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 16 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

var (
	cookieMark = []byte("Cookie: ")
	userMark   = []byte("Cookie: mstshash=")
)

// probe tells RDP from the other users of X.224 (S7, MMS, H.323) by what follows its header.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Over == protocol.UDP {
		return probeUDP(b)
	}
	// A TPKT header; the length of the TPDU; its code; two references, that of the peer zero in a request; class 0.
	for i, c := range b[:min(len(b), 8)] {
		switch {
		case i == 0 && c != 3, i == 1 && c != 0, i == 2 && c > 2:
			return protocol.No
		case i == 5 && c != connectionRequest && c != connectionConfirm:
			return protocol.No
		case i == 6 && b[5] == connectionRequest && c != 0, i == 7 && b[5] == connectionRequest && c != 0:
			return protocol.No
		}
	}
	if len(b) < 11 {
		return protocol.Maybe
	}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if int(b[4]) != size-tpktHeader-1 && !(b[4] == 0xff && size > 0x104) || size < 11 || b[10] != 0 {
		return protocol.No
	}
	request := b[5] == connectionRequest
	m := probeBody(b[11:], size-11, request)
	if m == protocol.Likely && !p.Port(3389) {
		return protocol.No
	}
	p.Reversed = request == (p.Dir == protocol.ToClient)
	return m
}

// probeUDP knows the first datagram of either side ([MS-RDPEUDP], section 2.2.2): a header with the SYN flag, filled up
// to the size of the path's largest datagram. That of the client acknowledges nothing.
func probeUDP(b []byte) protocol.Match {
	const (
		least = 1132
		syn   = 1
	)
	if len(b) >= least && binary.BigEndian.Uint32(b) == 1<<32-1 && binary.BigEndian.Uint16(b[6:])&syn != 0 && b[6]&0xe0 == 0 {
		return protocol.Yes
	}
	return protocol.No
}

// probeBody looks at the beginning of the variable part, of size bytes.
func probeBody(b []byte, size int, request bool) protocol.Match {
	switch {
	case size == 0:
		return protocol.Likely // of clients and servers that know no negotiation
	case len(b) < min(size, len(cookieMark)):
		if request && bytes.HasPrefix(cookieMark, b) || negotiates(b, size, request) {
			return protocol.Maybe
		}
		return protocol.No
	case request && bytes.HasPrefix(b, cookieMark), negotiates(b, size, request):
		return protocol.Yes
	}
	return protocol.No
}

// negotiates reports whether b may begin with a negotiation structure.
func negotiates(b []byte, size int, request bool) bool {
	if size < negotiationSize || len(b) > 2 && b[2] != negotiationSize || len(b) > 3 && b[3] != 0 {
		return false
	}
	if request {
		return len(b) == 0 || b[0] == negotiationRequest
	}
	return len(b) == 0 || b[0] == negotiationResponse || b[0] == negotiationFailure
}

// stream follows one connection up to where it is encrypted.
type stream struct {
	readers [2]frames.Reader
	seen    [2]bool // a message of the direction was read
	count   int
	event   string
	cookie  []byte
	core    []byte // the client's core data
	net     []byte // its channels
	fact    [1]protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() {
	*s = stream{cookie: s.cookie[:0], core: s.core[:0], net: s.net[:0]}
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		return len(b), protocol.Done // TLS or DTLS in a transport of its own
	}
	if s.seen[d] && b[0] == 0x16 {
		// TLS was agreed on where it could not be seen.
		return 0, protocol.Switch
	}
	return s.readers[d].Feed(s, c, d, b)
}

// Frame implements frames.Format.
func (s *stream) Frame(_ protocol.Dir, b []byte) (size, show int, ok bool) {
	if b[0] != 3 {
		return 0, 0, false
	}
	if len(b) < tpktHeader {
		return 0, tpktHeader, true
	}
	size = int(binary.BigEndian.Uint16(b[2:]))
	return size, min(size, maxShown), size > tpktHeader+2
}

// Sync implements frames.Format: what follows a loss is of no use.
func (s *stream) Sync(protocol.Dir, []byte) bool { return false }

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_data"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	s.seen[d] = true
	switch b[5] {
	case connectionRequest:
		s.request(c, d, b)
	case connectionConfirm:
		return s.confirm(c, d, b)
	case dataTransfer:
		return s.data(c, d, b)
	}
	return protocol.More
}

func (s *stream) request(c *protocol.Context, d protocol.Dir, b []byte) {
	s.cookie = s.cookie[:0]
	facts := s.fact[:0]
	if i := bytes.Index(b, userMark); i >= 0 {
		v := b[i+len(userMark):]
		if end := bytes.IndexByte(v, '\r'); end >= 0 {
			s.cookie = append(s.cookie, v[:min(end, maxCookie)]...)
		}
	}
	if user := bytes.TrimRight(s.cookie, " "); len(user) > 0 {
		facts = append(facts, protocol.Fact{Kind: protocol.Login, Text: user, Aux: mechanism, Num: protocol.LoginTried})
	}
	s.tell(c, d, "initial_request", facts)
	s.cookie = s.cookie[:0]
}

var mechanism = []byte("rdp")

func (s *stream) confirm(c *protocol.Context, d protocol.Dir, b []byte) protocol.Status {
	s.tell(c, d, "initial_response", nil)
	if len(b) >= 11+negotiationSize && b[11] == negotiationResponse && binary.LittleEndian.Uint32(b[15:]) != standardSecurity {
		return protocol.Switch
	}
	return protocol.More
}

// data reads the MCS messages that stand in the clear (T.125, section 7): connect initial, connect response.
func (s *stream) data(c *protocol.Context, d protocol.Dir, b []byte) protocol.Status {
	const (
		at       = tpktHeader + 3
		initial  = 0x65
		response = 0x66
	)
	if len(b) < at+2 || b[at] != 0x7f {
		return protocol.More
	}
	switch b[at+1] {
	case initial:
		s.client(b[at:])
		s.tell(c, d, "connect_request", nil)
		s.core, s.net = s.core[:0], s.net[:0]
	case response:
		s.fact[0] = protocol.Fact{Kind: protocol.Encrypted}
		s.tell(c, d, "connect_response", s.fact[:])
		return protocol.Done
	}
	return protocol.More
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, event string, facts []protocol.Fact) {
	s.count++
	s.event = event
	s.obs = protocol.Observation{Event: "rdp", Dir: d, TxID: s.count, Detail: s, Facts: facts}
	c.Sink.Observe(&s.obs)
}

func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.readers[d].Gap(n)
	if s.readers[d].Closed() && s.readers[d.Reverse()].Closed() {
		return protocol.Done
	}
	return protocol.More
}

// End has nothing to tell: every message has its own event.
func (s *stream) End(*protocol.Context) {}
