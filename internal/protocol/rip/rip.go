// Package rip recognises the Routing Information Protocol: RIP (RFC 1058, 2453) and RIPng (RFC 2080).
package rip

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	port   = 520
	portNG = 521
)

const (
	headerLen = 4
	entryLen  = 20
)

// The families of an entry: unspecified in a request for everything, IPv4, authentication.
const (
	familyAll  = 0
	familyIPv4 = 2
	familyAuth = 0xffff
)

// Parser returns the parser of RIP and RIPng.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "rip",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return stream{} },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < headerLen+entryLen || b[0] == 0 || b[0] > 2 || b[1] == 0 || b[1] > 2 || b[2]|b[3] != 0 {
		return protocol.No
	}
	switch {
	case p.Port(portNG):
		if b[1] != 1 {
			return protocol.No
		}
	case p.Port(port):
		if f := binary.BigEndian.Uint16(b[headerLen:]); f != familyAll && f != familyIPv4 && f != familyAuth {
			return protocol.No
		}
	default:
		return protocol.No
	}
	if (len(b)-headerLen)%entryLen != 0 {
		return protocol.Likely
	}
	return protocol.Yes
}

// stream wants nothing.
type stream struct{}

func (stream) Reset() {}

func (stream) Feed(_ *protocol.Context, _ protocol.Dir, b []byte) (int, protocol.Status) {
	return len(b), protocol.Done
}

func (stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (stream) End(*protocol.Context) {}
