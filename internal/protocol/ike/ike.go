// Package ike parses what the Internet Key Exchange shows in the clear: version 1 (RFC 2408, 2409) and version 2
// (RFC 7296), with and without NAT traversal (RFC 3948).
package ike

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	port    = 500
	portNAT = 4500
)

// Offsets in the header (RFC 7296, section 3.1), and the marker that precedes it on the port of NAT traversal.
const (
	offResponder = 8
	offNext      = 16
	offVersion   = 17
	offExchange  = 18
	offFlags     = 19
	offMessageID = 20
	offLength    = 24
	headerLen    = 28
	markerLen    = 4
)

const (
	version1 = 1
	version2 = 2
)

// Flags of version 1 (RFC 2408, section 3.1) and version 2.
const (
	flagEncrypted = 0x01
	flags1        = 0x07
	flagInitiator = 0x08
	flags2        = 0x38
)

// Parser returns the parser of IKE, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "ike",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// header finds the header in a datagram.
func header(b []byte) []byte {
	if len(b) >= markerLen+headerLen && binary.BigEndian.Uint32(b) == 0 {
		return b[markerLen:]
	}
	return b
}

// plausible reports whether a header has only fields that are assigned.
func plausible(b []byte) bool {
	exchange, flags, next := b[offExchange], b[offFlags], b[offNext]
	switch b[offVersion] >> 4 {
	case version1:
		if exchange == 0 || exchange > 6 && exchange < 32 || exchange > 34 || flags&^flags1 != 0 || next > 24 && next < 128 {
			return false
		}
	case version2:
		if exchange < 34 || exchange > 44 || flags&^flags2 != 0 || next != 0 && (next < 33 || next > 54) {
			return false
		}
	default:
		return false
	}
	return binary.BigEndian.Uint64(b) != 0 // the initiator's SPI is never zero
}

func probe(p *protocol.Peek) protocol.Match {
	if len(p.Data) < headerLen {
		return protocol.No
	}
	b := header(p.Data)
	if !plausible(b) {
		return protocol.No
	}
	if b[offVersion]>>4 == version2 {
		p.Reversed = (b[offFlags]&flagInitiator != 0) == (p.Dir == protocol.ToClient)
	} else if binary.BigEndian.Uint64(b[offResponder:]) == 0 {
		p.Reversed = p.Dir == protocol.ToClient
	}
	known := p.Port(port) || p.Port(portNAT) && len(b) < len(p.Data)
	switch length := int64(binary.BigEndian.Uint32(b[offLength:])); {
	case length == int64(len(b)):
		return protocol.Yes
	case known && length > headerLen && b[offVersion]&15 <= 1:
		return protocol.Likely // cut off in the capture, or followed by something
	}
	return protocol.No
}

// stream follows one flow.
type stream struct {
	message message
	tx      int
	told    bool // the version
	facts   []protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() {
	s.message.clear()
	*s = stream{message: s.message, facts: s.facts[:0]}
}

var versions = [...][]byte{version1: []byte("IKEv1"), version2: []byte("IKEv2")}

var mechanism = []byte("ike")

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := len(b)
	if b = header(b); len(b) < headerLen {
		return n, protocol.More
	}
	// ESP runs between the same ports; only a marker, or the length, tells a message from it.
	if !plausible(b) || len(b) == n && c.ServerPort != port && int64(binary.BigEndian.Uint32(b[offLength:])) != int64(n) {
		return n, protocol.More
	}
	m := &s.message
	m.parse(b, d)
	s.facts = s.facts[:0]
	if !s.told {
		s.told = true
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.Version, Text: versions[m.version]})
	}
	if len(m.host) > 0 {
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.NameService, Text: m.host})
	}
	if len(m.user) > 0 {
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.Login, Text: m.user, Aux: mechanism})
	}
	s.obs = protocol.Observation{Event: "ike", Dir: d, TxID: s.tx, Detail: m, Facts: s.facts}
	s.tx++
	c.Sink.Observe(&s.obs)
	clear(s.facts)
	m.clear()
	return n, protocol.More
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}
