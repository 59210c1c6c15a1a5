// Package stun parses STUN (RFC 8489, and its ancestor RFC 3489) and TURN (RFC 8656) over UDP and TCP: the software of both sides,
// and who allocates relays. What else is multiplexed with it (RFC 7983) is left to others.
package stun

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 3478

const (
	cookie    = 0x2112a442
	headerLen = 20
	offCookie = 4
	offTx     = 8
	attrHead  = 4
)

// Bits of a message's type that make its class (RFC 8489, section 5).
const (
	classMask    = 0x0110
	classRequest = 0x0000
	classSuccess = 0x0100
	classError   = 0x0110
)

// Methods: binding, the shared secret of RFC 3489, the request for a relay.
const (
	methodBinding  = 0x0001
	methodSecret   = 0x0002
	methodAllocate = 0x0003
)

// Attributes.
const (
	attrUsername  = 0x0006
	attrErrorCode = 0x0009
	attrRealm     = 0x0014
	attrSoftware  = 0x8022
)

// maxText bounds the names that are kept; RFC 8489 allows 763 bytes, and nobody uses them.
const maxText = 256

// maxOther bounds the datagrams in a row that are of another protocol, until nothing more is looked for.
const maxOther = 64

// Parser returns the parser of STUN and TURN, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "stun",
		Over:  protocol.UDP | protocol.TCP,
		Limit: 4 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) == 0 || b[0] > 0x3f {
		return protocol.No
	}
	if len(b) < headerLen {
		if p.Over == protocol.UDP || p.End || len(b) > offCookie && b[offCookie] != cookie>>24 || len(b) > 3 && b[3]%4 != 0 {
			return protocol.No
		}
		return protocol.Maybe
	}
	switch {
	case binary.BigEndian.Uint32(b[offCookie:]) == cookie && b[3]%4 == 0:
		if p.Over == protocol.UDP && headerLen+int(binary.BigEndian.Uint16(b[2:])) > len(b) && !p.Port(port) {
			return protocol.Likely // cut off in the capture
		}
	case p.Over == protocol.UDP && classic(p, b):
	default:
		return protocol.No
	}
	switch kind := binary.BigEndian.Uint16(b); kind & classMask {
	case classRequest:
		p.Reversed = p.Dir == protocol.ToClient
	case classSuccess, classError:
		p.Reversed = p.Dir == protocol.ToServer
	}
	return protocol.Yes
}

// classic reports whether b is a message of RFC 3489, which has no cookie.
func classic(p *protocol.Peek, b []byte) bool {
	kind := binary.BigEndian.Uint16(b)
	if method := kind &^ classMask; method != methodBinding && method != methodSecret || headerLen+int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return false
	}
	if binary.BigEndian.Uint64(b[offCookie:]) == 0 {
		return false // random, it would be
	}
	attributes := 0
	for rest := b[headerLen:]; len(rest) > 0; attributes++ {
		kind, _, next, ok := attribute(rest)
		if !ok || !p.Port(port) && (kind == 0 || kind > 0x000b && kind < 0x8000) {
			return false
		}
		rest = next
	}
	return attributes > 0 || p.Port(port)
}

// attribute takes the first attribute off b.
func attribute(b []byte) (kind uint16, v, rest []byte, ok bool) {
	if len(b) < attrHead {
		return 0, nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if attrHead+n > len(b) {
		return 0, nil, nil, false
	}
	padded := min(attrHead+(n+3)&^3, len(b))
	return binary.BigEndian.Uint16(b), b[attrHead : attrHead+n], b[padded:], true
}

// stream follows one flow.
type stream struct {
	told  [2]bool // the software of a side
	other uint8   // datagrams in a row that are no messages
	asked bool    // a relay is asked for: by user, in transaction tx
	by    protocol.Dir
	tx    [12]byte
	user  []byte
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() { *s = stream{user: s.user[:0]} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		return len(b), s.datagram(c, d, b)
	}
	n := 0
	for {
		unread := b[n:]
		if len(unread) < attrHead {
			c.Need = attrHead
			return n, protocol.More
		}
		size := int(binary.BigEndian.Uint16(unread[2:]))
		switch {
		case unread[0] <= 0x3f:
			size += headerLen
			if len(unread) < size {
				c.Need = min(size, 4<<10)
				if size > 4<<10 {
					return n, protocol.Done
				}
				return n, protocol.More
			}
			if binary.BigEndian.Uint32(unread[offCookie:]) != cookie {
				return n, protocol.Done
			}
			s.message(c, d, unread[:size])
		case unread[0] <= 0x4f: // a channel's data (RFC 8656, section 12.5)
			if size = (attrHead + size + 3) &^ 3; size > len(unread) {
				return n + size, protocol.More
			}
		default:
			return n, protocol.Done
		}
		n += size
	}
}

func (s *stream) datagram(c *protocol.Context, d protocol.Dir, b []byte) protocol.Status {
	switch {
	case len(b) >= headerLen && b[0] <= 0x3f && (binary.BigEndian.Uint32(b[offCookie:]) == cookie || b[0] < 2):
		s.other = 0
		s.message(c, d, b[:min(headerLen+int(binary.BigEndian.Uint16(b[2:])), len(b))])
	case len(b) > 13 && b[0] >= 20 && b[0] <= 63 && b[1] == 0xfe: // RFC 7983: DTLS
		return protocol.Switch
	default:
		if s.other++; s.other > maxOther {
			return protocol.Done
		}
	}
	return protocol.More
}

var mechanism = []byte("turn")

// message reads one message.
func (s *stream) message(c *protocol.Context, d protocol.Dir, b []byte) {
	kind := binary.BigEndian.Uint16(b)
	var user, realm, software, code []byte
	for rest := b[headerLen:]; len(rest) > 0; {
		kind, v, next, ok := attribute(rest)
		if !ok {
			break
		}
		switch kind {
		case attrUsername:
			user = v
		case attrRealm:
			realm = v
		case attrSoftware:
			software = v
		case attrErrorCode:
			code = v
		}
		rest = next
	}
	if len(software) > 0 && len(software) <= maxText && !s.told[d] {
		s.told[d] = true
		kind := protocol.ClientSoftware
		if d == protocol.ToClient {
			kind = protocol.ServerSoftware
		}
		s.tell(c, d, protocol.Fact{Kind: kind, Text: trimmed(software)})
	}
	if kind&^classMask != methodAllocate {
		return
	}
	tx := [12]byte(b[offTx:])
	switch class := kind & classMask; {
	case class == classRequest && len(user) > 0 && len(user) <= maxText && realm != nil: // without a realm it is ICE's
		if s.asked && s.tx == tx {
			return
		}
		s.give(c, protocol.LoginTried)
		s.asked, s.by, s.tx = true, d, tx
		s.user = append(s.user[:0], user...)
	case !s.asked || s.tx != tx || s.by == d:
	case class == classSuccess:
		s.give(c, protocol.LoginAccepted)
	case class == classError && len(code) >= 4 && code[2] == 4 && (code[3] == 1 || code[3] == 3 || code[3] == 41):
		s.give(c, protocol.LoginRefused)
	case class == classError:
		s.asked = false // another attempt follows, or it failed for other reasons
	}
}

// trimmed removes the zeros that some pad with.
func trimmed(v []byte) []byte {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	return v
}

// give tells of the user who asked for a relay.
func (s *stream) give(c *protocol.Context, outcome int64) {
	if s.asked {
		s.asked = false
		s.tell(c, s.by, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism, Num: outcome})
	}
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.facts[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	s.facts[0] = protocol.Fact{}
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (s *stream) End(c *protocol.Context) { s.give(c, protocol.LoginTried) }
