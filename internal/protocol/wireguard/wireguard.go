// Package wireguard recognises WireGuard (whitepaper of 2020-06-01, section 5.4) by the lengths and fixed bytes of its messages.
package wireguard

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 51820

// Types and lengths of messages: the first byte of four, the others zero.
const (
	initiation = 1
	response   = 2
	cookie     = 3
	transport  = 4

	initiationLen = 148
	responseLen   = 92
	cookieLen     = 64
	transportMin  = 32
)

// Parser returns the parser of WireGuard, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "wireguard",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < transportMin || b[0]-1 > 3 || b[1]|b[2]|b[3] != 0 {
		return protocol.No
	}
	switch b[0] {
	case initiation:
		if len(b) == initiationLen {
			p.Reversed = p.Dir == protocol.ToClient
			return protocol.Yes
		}
	case response:
		if len(b) == responseLen {
			p.Reversed = p.Dir == protocol.ToServer
			return protocol.Yes
		}
	case cookie:
		if len(b) == cookieLen && p.Port(port) {
			return protocol.Likely
		}
	case transport:
		// Lengths are multiples of 16, the counter is little-endian and far from 2^40. RFC 4122 identifiers and the like
		// that follow "4" elsewhere (connectionless DCE/RPC) have no index and a label of their data's representation.
		index := binary.LittleEndian.Uint32(b[4:])
		if len(b)%16 == 0 && b[13]|b[14]|b[15] == 0 && index != 0 && index&0xffffff != 0x10 {
			return protocol.Likely
		}
	}
	return protocol.No
}

// stream tells that all is encrypted.
type stream struct {
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() {}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	s.facts[0] = protocol.Fact{Kind: protocol.Encrypted}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	return len(b), protocol.Done
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}
