// Package enip recognises EtherNet/IP (The CIP Networks Library, volume 2), and the product that an identity names.
package enip

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 44818

// Commands of the encapsulation (section 2-3.2).
const (
	listServices    = 0x04
	listIdentity    = 0x63
	listInterfaces  = 0x64
	registerSession = 0x65
	unregister      = 0x66
	sendRRData      = 0x6f
	sendUnitData    = 0x70
)

// Offsets in the header.
const (
	offLength  = 2
	offSession = 4
	offStatus  = 8
	offOptions = 20
	headerLen  = 24
)

// An identity (section 2-4.2): items are counted, each has a type and a length; the product's name has a length.
const (
	itemIdentity = 0x0c
	offProduct   = 32
	maxProduct   = 64
)

// Parser returns the parser of EtherNet/IP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "enip",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 4 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) == 0 || !command(b[0]) || len(b) > 1 && b[1] != 0 {
		return protocol.No
	}
	if len(b) < headerLen {
		if p.Over == protocol.UDP || p.End {
			return protocol.No
		}
		return protocol.Maybe
	}
	length, status := int(binary.LittleEndian.Uint16(b[offLength:])), binary.LittleEndian.Uint32(b[offStatus:])
	if binary.LittleEndian.Uint32(b[offOptions:]) != 0 || status > 0x6a || p.Over == protocol.UDP && headerLen+length != len(b) {
		return protocol.No
	}
	if p.Port(port) {
		return protocol.Yes
	}
	// Elsewhere only what opens a session, or asks who is there, whose bytes are all but given.
	session := binary.LittleEndian.Uint32(b[offSession:])
	switch {
	case b[0] == registerSession && length == 4 && len(b) < headerLen+4 && p.Over == protocol.TCP && !p.End:
		return protocol.Maybe
	case b[0] == registerSession && length == 4 && len(b) >= headerLen+4 && binary.LittleEndian.Uint32(b[headerLen:]) == 1:
		return protocol.Yes
	case p.Over == protocol.UDP && b[0] == listIdentity && session == 0 && len(b) == headerLen+length && (length == 0 || length > offProduct && b[headerLen+2] == itemIdentity):
		return protocol.Yes
	}
	return protocol.No
}

func command(c byte) bool {
	switch c {
	case listServices, listIdentity, listInterfaces, registerSession, unregister, sendRRData, sendUnitData:
		return true
	}
	return false
}

// stream tells the product of an identity that is listed.
type stream struct {
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() {}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for len(b)-n >= headerLen {
		unread := b[n:]
		size := headerLen + int(binary.LittleEndian.Uint16(unread[offLength:]))
		if unread[0] != listIdentity && unread[0] != listServices && unread[0] != registerSession || unread[1] != 0 {
			return n, protocol.Done // at work: nothing else names anybody
		}
		if len(unread) < size {
			if size > 4<<10 {
				return n, protocol.Done
			}
			c.Need = size
			return n, protocol.More
		}
		if unread[0] == listIdentity {
			s.identity(c, d, unread[headerLen:size])
		}
		n += size
	}
	return n, protocol.More
}

func (s *stream) identity(c *protocol.Context, d protocol.Dir, b []byte) {
	const itemHead = 2 + 2 + 2 // their number, the first one's type and length
	if len(b) < itemHead+offProduct+1 || binary.LittleEndian.Uint16(b[2:]) != itemIdentity {
		return
	}
	product := b[itemHead+offProduct:]
	n := int(product[0])
	if n == 0 || n > maxProduct || 1+n > len(product) {
		return
	}
	kind := protocol.ClientSoftware
	if d == protocol.ToClient {
		kind = protocol.ServerSoftware
	}
	s.facts[0] = protocol.Fact{Kind: kind, Text: product[1 : 1+n]}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	s.facts[0].Text = nil
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (s *stream) End(*protocol.Context) {}
