// Package netbiosdgm recognises the NetBIOS datagram service (RFC 1002, section 4.4). The names in it are the sender's own and
// groups': nothing that says with whom it speaks.
package netbiosdgm

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 138

// Types of messages: three carry data between names, then come an error and three for queries.
const (
	directUnique = 0x10
	broadcast    = 0x12
	lastType     = 0x16
)

// The header of all, of those with names (whose length it has), and the length of an encoded name's first label.
const (
	headerLen = 10
	namedLen  = 14
	offLength = 10
	letters   = 32
)

// Parser returns the parser of the NetBIOS datagram service.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "netbios-dgm",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return stream{} },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < headerLen || b[0] < directUnique || b[0] > lastType || b[1]&0xf0 != 0 {
		return protocol.No
	}
	named := b[0] <= broadcast && len(b) > namedLen && b[namedLen] == letters && namedLen+int(binary.BigEndian.Uint16(b[offLength:])) == len(b)
	switch {
	case named:
		return protocol.Yes
	case p.Port(port):
		return protocol.Likely
	}
	return protocol.No
}

// stream wants nothing.
type stream struct{}

func (stream) Reset() {}

func (stream) Feed(_ *protocol.Context, _ protocol.Dir, b []byte) (int, protocol.Status) {
	return len(b), protocol.Done
}

func (stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (stream) End(*protocol.Context) {}
