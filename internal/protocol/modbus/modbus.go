// Package modbus parses Modbus over TCP (Modbus Messaging on TCP/IP Implementation Guide 1.0b; Application Protocol 1.1b3).
package modbus

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 502

// The header: transaction, protocol, length of what follows it, of which the unit is the first byte.
const (
	offProtocol = 2
	offLength   = 4
	offUnit     = 6
	headerLen   = 6
	minLength   = 2
	maxLength   = 254
	// maxVendor is the longest that is stepped over: some vendors' functions are longer than the specification allows.
	maxVendor = 4 << 10
)

// maxPending bounds the requests that wait for a response; the oldest is told of alone.
const maxPending = 16

// Parser returns the parser of Modbus over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "modbus",
		Over:  protocol.TCP,
		Limit: 1 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) > offProtocol && b[offProtocol] != 0 || len(b) > offProtocol+1 && b[offProtocol+1] != 0 || len(b) > offLength && b[offLength] != 0 {
		return protocol.No
	}
	if len(b) < headerLen+minLength {
		if len(b) == 0 || p.End {
			return protocol.No
		}
		return protocol.Maybe
	}
	n, code := int(b[offLength+1]), b[offUnit+1]
	if n < minLength || n > maxLength || category(code&0x7f) == unassigned {
		return protocol.No
	}
	if p.Port(port) {
		return protocol.Yes
	}
	// Elsewhere the length must be the one of the request or response, and no more may follow.
	if len(b) != headerLen+n || binary.BigEndian.Uint16(b) == 0 {
		return protocol.No
	}
	switch {
	case code >= 1 && code <= 6 && n == 6, code&0x80 != 0 && n == 3 && b[8] >= 1 && b[8] <= 11 && p.Dir == protocol.ToClient:
		return protocol.Likely
	case code >= 1 && code <= 4 && n > 3 && int(b[8]) == n-3 && p.Dir == protocol.ToClient:
		return protocol.Likely
	}
	return protocol.No
}

// exchange is a request, its response, or both: the event's section.
type exchange struct {
	id                int // of the transaction within the flow
	request, response message
}

// pending is a request that waits.
type pending struct {
	id  int
	dir protocol.Dir
	len uint16
	adu [headerLen + maxLength]byte
}

// stream follows one connection.
type stream struct {
	pending  []pending
	next     int
	lost     [2]bool
	exchange exchange
	obs      protocol.Observation
}

func (s *stream) Reset() { *s = stream{pending: s.pending[:0]} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for {
		unread := b[n:]
		if len(unread) < headerLen && !s.lost[d] {
			c.Need = headerLen
			return n, protocol.More
		}
		if len(unread) < headerLen {
			return len(b), protocol.More
		}
		length := int(binary.BigEndian.Uint16(unread[offLength:]))
		if binary.BigEndian.Uint16(unread[offProtocol:]) != 0 || length < minLength || length > maxVendor {
			if s.lost[d] {
				return len(b), protocol.More // not at the beginning of a message
			}
			anomaly := "invalid_length"
			if binary.BigEndian.Uint16(unread[offProtocol:]) != 0 {
				anomaly = "invalid_protocol_id"
			}
			s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: anomaly}
			c.Sink.Observe(&s.obs)
			return n, protocol.Failed
		}
		s.lost[d] = false
		if length > maxLength {
			if n += headerLen + length; n > len(b) {
				return n, protocol.More
			}
			continue
		}
		if len(unread) < headerLen+length {
			c.Need = headerLen + length
			return n, protocol.More
		}
		s.message(c, d, unread[:headerLen+length])
		n += headerLen + length
	}
}

func (s *stream) message(c *protocol.Context, d protocol.Dir, adu []byte) {
	if d == protocol.ToServer {
		if len(s.pending) == maxPending {
			s.give(c, 0, nil)
		}
		s.pending = append(s.pending, pending{id: s.next, dir: d, len: uint16(len(adu))})
		copy(s.pending[len(s.pending)-1].adu[:], adu)
		s.next++
		return
	}
	for i := range s.pending {
		if a := &s.pending[i].adu; a[0] == adu[0] && a[1] == adu[1] && a[offUnit+1] == adu[offUnit+1]&0x7f {
			s.give(c, i, adu)
			return
		}
	}
	s.exchange = exchange{id: s.next, response: message{adu: adu, response: true}}
	s.next++
	s.tell(c, d)
}

// give tells of a request, with its response if adu is one.
func (s *stream) give(c *protocol.Context, i int, adu []byte) {
	p := &s.pending[i]
	s.exchange = exchange{id: p.id, request: message{adu: p.adu[:p.len]}, response: message{adu: adu, response: true}}
	s.tell(c, p.dir)
	s.pending = append(s.pending[:i], s.pending[i+1:]...)
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Event: "modbus", Dir: d, TxID: s.exchange.id, Detail: &s.exchange}
	c.Sink.Observe(&s.obs)
	s.exchange = exchange{}
}

// Gap goes on at the next segment that begins with a header.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.lost[d] = true
	return protocol.More
}

func (s *stream) End(c *protocol.Context) {
	for len(s.pending) > 0 {
		s.give(c, 0, nil)
	}
}
