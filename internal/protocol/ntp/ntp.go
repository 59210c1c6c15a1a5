// Package ntp recognises the Network Time Protocol (RFC 5905) and its control messages (RFC 9327).
package ntp

import (
	"encoding/binary"
	"math/bits"

	"netsensor/internal/protocol"
)

const port = 123

// Modes (RFC 5905, figure 10).
const (
	modeClient    = 3
	modeServer    = 4
	modeBroadcast = 5
	modeControl   = 6
	modePrivate   = 7
)

const (
	headerLen  = 48
	controlLen = 12
	privateLen = 8
)

// Offsets of the reference time, the times of reception and transmission.
const (
	offReceive  = 32
	offTransmit = 40
)

// Parser returns the parser of NTP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "ntp",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < privateLen {
		return protocol.No
	}
	version, mode := b[0]>>3&7, b[0]&7
	if version == 0 || version > 4 {
		return protocol.No
	}
	if !p.Port(port) {
		if mode == modeServer && len(b) >= headerLen && answer(b) {
			orient(p, mode)
			return protocol.Yes
		}
		return protocol.No
	}
	switch {
	case mode == modeControl && len(b) >= controlLen:
		p.Reversed = (b[1]&0x80 != 0) == (p.Dir == protocol.ToServer)
	case mode == modePrivate:
		p.Reversed = (b[0]&0x80 != 0) == (p.Dir == protocol.ToServer)
	case mode < modeControl && len(b) >= headerLen && (mode != 0 || version == 1): // RFC 1059 had no modes
		orient(p, mode)
		if b[1] > 16 { // no such stratum
			return protocol.Likely
		}
	default:
		return protocol.No
	}
	return protocol.Yes
}

// orient notes who must have sent a message of a mode; symmetric peers are equal.
func orient(p *protocol.Peek, mode byte) {
	switch mode {
	case modeClient:
		p.Reversed = p.Dir == protocol.ToClient
	case modeServer, modeBroadcast:
		p.Reversed = p.Dir == protocol.ToServer
	}
}

// answer reports whether b, in server mode, is one of a synchronised server without doubt: its exponents are those
// of clocks, and it answers within four seconds, since 2004 or in the next era.
func answer(b []byte) bool {
	stratum, poll, precision := b[1], b[2], int8(b[3])
	received, sent := binary.BigEndian.Uint32(b[offReceive:]), binary.BigEndian.Uint32(b[offTransmit:])
	const y2004 = 0xc3a00000
	return stratum-1 < 15 && poll <= 17 && precision < 0 && precision >= -32 && sent-received < 4 &&
		(sent >= y2004 || bits.LeadingZeros32(sent) >= 2) && sent != 0 && len(b)%4 == 0
}

// versions are the texts of the Version facts.
var versions = [...][]byte{1: []byte("NTPv1"), []byte("NTPv2"), []byte("NTPv3"), []byte("NTPv4")}

// stream tells the version once.
type stream struct {
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() {}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if len(b) == 0 {
		return 0, protocol.More
	}
	version := b[0] >> 3 & 7
	if version == 0 || int(version) >= len(versions) {
		return len(b), protocol.More
	}
	s.facts[0] = protocol.Fact{Kind: protocol.Version, Text: versions[version]}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	return len(b), protocol.Done
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}
