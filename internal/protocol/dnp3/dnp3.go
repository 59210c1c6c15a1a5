// Package dnp3 parses DNP3 (IEEE 1815) as far as who asks whom for which function; it is known by the checksum of a frame's header.
package dnp3

import (
	"bytes"
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
		New:   func() protocol.Stream { return new(stream) },
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
	case whole(b):
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

// The data of a frame come in blocks of blockLen bytes with a checksum each; the first is the transport's, with two flags.
const (
	blockLen = 16
	sumLen   = 2
	flagLast = 0x80
	flagHead = 0x40
)

// stream follows one connection.
type stream struct {
	fragment fragment
	tx       int
	lost     [2]bool
	obs      protocol.Observation
}

func (s *stream) Reset() { *s = stream{} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for {
		if s.lost[d] {
			n += next(b[n:])
		}
		unread := b[n:]
		if len(unread) < headerLen {
			c.Need = headerLen
			return n, protocol.More
		}
		if !whole(unread) {
			s.lost[d] = true
			s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "bad_link_crc"}
			c.Sink.Observe(&s.obs)
			n++
			continue
		}
		data := int(unread[2]) - minLength
		size := headerLen + data + (data+blockLen-1)/blockLen*sumLen
		if len(unread) < size && c.Over == protocol.TCP {
			c.Need = size
			return n, protocol.More
		}
		s.lost[d] = false
		s.frame(c, d, unread[:min(size, len(unread))], data)
		n = min(n+size, len(b))
	}
}

// whole reports whether b begins with a header that is not damaged.
func whole(b []byte) bool {
	return binary.BigEndian.Uint16(b) == start && b[2] >= minLength && sum(b[:sumOffset]) == binary.LittleEndian.Uint16(b[sumOffset:])
}

// next returns where in b the next header begins, or may begin.
func next(b []byte) int {
	for n := 0; ; n++ {
		i := bytes.IndexByte(b[n:], start>>8)
		if i < 0 {
			return len(b)
		}
		if n += i; len(b)-n < headerLen || whole(b[n:]) {
			return n
		}
	}
}

// frame tells of the fragment that begins in a frame with so many bytes of data. What is told stands in the first block.
func (s *stream) frame(c *protocol.Context, d protocol.Dir, b []byte, data int) {
	body := b[headerLen:]
	body = body[:min(len(body), data, blockLen)]
	if !s.fragment.read(b, body) {
		return
	}
	s.obs = protocol.Observation{Event: "dnp3", Dir: d, TxID: s.tx, Detail: &s.fragment}
	s.tx++
	c.Sink.Observe(&s.obs)
}

// Gap goes on at the next header.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.lost[d] = true
	return protocol.More
}

func (s *stream) End(*protocol.Context) {}
