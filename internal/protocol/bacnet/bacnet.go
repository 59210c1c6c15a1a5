// Package bacnet recognises BACnet/IP (ANSI/ASHRAE 135, annex J) by its virtual link control.
package bacnet

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 47808

const (
	bvlcIP       = 0x81
	bvlcIPv6     = 0x82 // annex U
	headerLen    = 4
	lastFunction = 12
	npduVersion  = 1
)

// Parser returns the parser of BACnet/IP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "bacnet",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return stream{} },
	}
}

// npdu is where the network layer begins after each function that carries one, 0 after others.
var npdu = [lastFunction + 1]int{4: 10, 9: headerLen, 10: headerLen, 11: headerLen}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) <= headerLen || b[0] != bvlcIP && b[0] != bvlcIPv6 || b[1] > lastFunction || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return protocol.No
	}
	if p.Port(port) {
		return protocol.Yes
	}
	if at := npdu[b[1]]; b[0] == bvlcIP && at != 0 && len(b) > at+1 && b[at] == npduVersion && b[at+1]&0x50 == 0 { // its reserved bits
		return protocol.Yes
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
