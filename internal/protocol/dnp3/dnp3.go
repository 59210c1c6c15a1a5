// Package dnp3 recognises DNP3 (IEEE 1815) by the checksum of a frame's header.
package dnp3

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 20000

// The header of the link layer: two bytes to begin with, length, control, destination, source, checksum.
const (
	start     = 0x0564
	minLength = 5
	sumOffset = 8
	headerLen = 10
)

// polynomial is the checksum's (IEEE 1815, section 9.2.4), reflected.
const polynomial = 0xa6bc

// Parser returns the parser of DNP3 over TCP and UDP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "dnp3",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 1 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return stream{} },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	switch {
	case len(b) == 0 || b[0] != start>>8 || len(b) > 1 && b[1] != start&0xff || len(b) > 2 && b[2] < minLength:
		return protocol.No
	case len(b) < headerLen:
		if p.Over == protocol.UDP || p.End {
			return protocol.No
		}
		return protocol.Maybe
	case sum(b[:sumOffset]) == binary.LittleEndian.Uint16(b[sumOffset:]):
	case p.Port(port):
		return protocol.Likely // damaged
	default:
		return protocol.No
	}
	// The master sends first, and its frames say so; unsolicited responses come from the outstation.
	const fromMaster = 0x80
	p.Reversed = (b[3]&fromMaster != 0) == (p.Dir == protocol.ToClient)
	return protocol.Yes
}

// sum is the checksum of b.
func sum(b []byte) uint16 {
	s := uint16(0)
	for _, c := range b {
		s ^= uint16(c)
		for range 8 {
			if s&1 != 0 {
				s = s>>1 ^ polynomial
			} else {
				s >>= 1
			}
		}
	}
	return ^s
}

// stream wants nothing.
type stream struct{}

func (stream) Reset() {}

func (stream) Feed(_ *protocol.Context, _ protocol.Dir, b []byte) (int, protocol.Status) {
	return len(b), protocol.Done
}

func (stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (stream) End(*protocol.Context) {}
