// Package bittorrent recognises the BitTorrent peer protocol (BEP 3) over TCP and uTP (BEP 29), trackers over UDP (BEP 15)
// and local discovery (BEP 14), and parses the messages of the distributed hash table (BEP 5, 32).
package bittorrent

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	greeting = "\x13BitTorrent protocol"
	search   = "BT-SEARCH * HTTP/1.1\r\n"
)

// After the greeting: eight reserved bytes, the torrent's hash, the peer's identity.
const (
	offPeer = len(greeting) + 8 + 20
	peerLen = 20
)

// utpHeaderLen is the length of uTP's header without extensions.
const utpHeaderLen = 20

// trackerMagic begins a tracker's connect request (BEP 15), which trackerLen bytes long is.
const (
	trackerMagic = 0x41727101980
	trackerLen   = 16
)

// Parser returns the parser of the peer protocol.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "bittorrent",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 1 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Over == protocol.UDP {
		return probeUDP(b)
	}
	n := min(len(b), len(greeting))
	switch {
	case n == 0 || string(b[:n]) != greeting[:n]:
		return protocol.No
	case n < len(greeting):
		return protocol.Maybe
	}
	return protocol.Yes
}

func probeUDP(b []byte) protocol.Match {
	if len(b) < trackerLen {
		return protocol.No
	}
	switch b[0] {
	case 0x00:
		if len(b) == trackerLen && binary.BigEndian.Uint64(b) == trackerMagic && binary.BigEndian.Uint32(b[8:]) == 0 {
			return protocol.Yes
		}
	case 'B':
		if len(b) > len(search) && string(b[:len(search)]) == search {
			return protocol.Yes
		}
	case 0x01: // data: type 0, version 1
		if len(b) >= utpHeaderLen+len(greeting) && string(b[utpHeaderLen:utpHeaderLen+len(greeting)]) == greeting {
			return protocol.Yes
		}
	case 0x41: // SYN: type 4, version 1; the first sequence number, and nothing to acknowledge
		if len(b) >= utpHeaderLen && binary.BigEndian.Uint32(b[8:]) == 0 && binary.BigEndian.Uint32(b[16:]) == 1<<16 &&
			(b[1] == 0 && len(b) == utpHeaderLen || b[1] == 2 && len(b) == utpHeaderLen+10 && b[20] == 0 && b[21] == 8) {
			return protocol.Yes
		}
	}
	return protocol.No
}

// stream tells the software of both peers, then wants no more.
type stream struct {
	told  [2]bool
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() { *s = stream{} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		return len(b), protocol.Done
	}
	if s.told[d] {
		return len(b), protocol.More
	}
	n := min(len(b), len(greeting))
	if string(b[:n]) == greeting[:n] && len(b) < offPeer+peerLen {
		c.Need = offPeer + peerLen
		return 0, protocol.More
	}
	s.told[d] = true
	if n == len(greeting) && string(b[:n]) == greeting {
		s.tell(c, d, b[offPeer:offPeer+peerLen])
	}
	if s.told[d.Reverse()] {
		return len(b), protocol.Done
	}
	return len(b) + 1<<30, protocol.More
}

// tell tells the software, where the peer names it as BEP 20 says: "-", two letters, four digits, "-".
func (s *stream) tell(c *protocol.Context, d protocol.Dir, peer []byte) {
	if peer[0] != '-' || peer[7] != '-' {
		return
	}
	for _, v := range peer[1:7] {
		if v <= ' ' || v >= 0x7f {
			return
		}
	}
	kind := protocol.ClientSoftware
	if d == protocol.ToClient {
		kind = protocol.ServerSoftware
	}
	s.facts[0] = protocol.Fact{Kind: kind, Text: peer[1:7]}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	s.facts[0].Text = nil
}

func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.told[d] = true
	if s.told[d.Reverse()] {
		return protocol.Done
	}
	return protocol.More
}

func (s *stream) End(*protocol.Context) {}
