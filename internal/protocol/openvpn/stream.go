package openvpn

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	// maxControl bounds a packet of the control channel over TCP: longer ones, which no OpenVPN sends, are skipped.
	maxControl = 16 << 10
	// maxIdle bounds the packets in a row that add nothing to the TLS within (data, repetitions, strangers' packets):
	// then the handshake is over or lost.
	maxIdle = 256
	// unseen is how many bytes of a lost direction are skipped at a time.
	unseen = 1 << 30
)

// identity is what all packets of one side have in common from the handshake's beginning to its end.
type identity struct {
	session uint64
	key     byte
}

// half is one direction.
type half struct {
	queue
	carried
	id     identity // valid iff live
	before identity // of the handshake before this one: packets of it may still come
	live   bool
	lost   bool // over TCP: where the next packet begins is not known
}

// stream follows one flow. The control channel of one handshake after the other is read by inner.
type stream struct {
	newInner func() protocol.Stream
	inner    protocol.Stream // nil until there is something to read
	inside   protocol.Context
	half     [2]half
	layout   layout // valid iff known
	known    bool
	fed      bool // inner has been fed and not been ended
	over     protocol.Status
	sealed   bool // the fact Encrypted was given here
	idle     int
	facts    [1]protocol.Fact
	obs      protocol.Observation
}

func newStream(inner func() protocol.Stream) *stream {
	s := &stream{newInner: inner}
	s.Reset()
	return s
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	if s.inner != nil {
		s.inner.Reset()
	}
	half := s.half
	*s = stream{newInner: s.newInner, inner: s.inner}
	for d := range s.half {
		s.half[d].queue, s.half[d].carried = half[d].queue, half[d].carried
		s.half[d].queue.reset()
		s.half[d].carried.reset()
	}
}

// Held implements protocol.Holder.
func (s *stream) Held() (n int) {
	for d := range s.half {
		n += cap(s.half[d].queue.bytes) + cap(s.half[d].carried.unread)
	}
	return n
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.TCP {
		return s.segments(c, d, b)
	}
	if len(b) == 0 {
		return 0, s.waste()
	}
	return len(b), s.packet(c, d, b)
}

// segments takes what TCP carries: packets, each after its length.
func (s *stream) segments(c *protocol.Context, d protocol.Dir, b []byte) (n int, st protocol.Status) {
	if s.half[d].lost {
		return len(b) + unseen, protocol.More
	}
	for n < len(b) {
		rest := b[n:]
		if len(rest) <= lengthLen {
			break
		}
		size := lengthLen + int(binary.BigEndian.Uint16(rest))
		if size == lengthLen {
			return len(b) + unseen, s.lose(d)
		}
		switch skip := !controls(rest[lengthLen]) || size > maxControl; {
		case skip:
			st = s.other(c, d, rest[lengthLen])
		case len(rest) < size:
			c.Need = size
			return n, protocol.More
		default:
			st = s.packet(c, d, rest[lengthLen:size])
		}
		if n += size; st != protocol.More {
			return n, st
		}
	}
	c.Need = lengthLen + 1
	return n, protocol.More
}

// packet takes one packet, which is not empty.
func (s *stream) packet(c *protocol.Context, d protocol.Dir, b []byte) protocol.Status {
	if !controls(b[0]) {
		return s.other(c, d, b[0])
	}
	p, ok := s.read(b)
	if !ok {
		if s.known && s.layout == opaque {
			s.seal(c, d)
			return protocol.Done
		}
		return s.waste()
	}
	if !s.belongs(c, d, &p) || p.op == ack1 {
		return s.waste()
	}
	if s.message(c, d, p.id, p.payload) {
		s.idle = 0
		return s.over
	}
	return s.waste()
}

// other takes the first byte of a packet that is not of the control channel.
func (s *stream) other(c *protocol.Context, d protocol.Dir, first byte) protocol.Status {
	if op := first >> 3; op == data1 || op == data2 {
		s.seal(c, d)
	}
	return s.waste()
}

// waste counts a packet that added nothing.
func (s *stream) waste() protocol.Status {
	if s.idle++; s.idle > maxIdle {
		return protocol.Done
	}
	return protocol.More
}

// seal says that the packets are encrypted.
func (s *stream) seal(c *protocol.Context, d protocol.Dir) {
	if s.sealed {
		return
	}
	s.sealed = true
	s.facts[0] = protocol.Fact{Kind: protocol.Encrypted}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// read parses a packet of the control channel; the first that can be tells the layout of all.
func (s *stream) read(b []byte) (p packet, ok bool) {
	if !s.known {
		if len(b) >= bareLen && reset(b[0]) {
			s.layout, s.known = firstLayout(b)
		}
		if !s.known {
			s.layout, s.known = laterLayout(b)
		}
	}
	if !s.known || s.layout == opaque {
		return p, false
	}
	return parse(b, s.layout)
}

// belongs reports whether a packet is of the current handshake, which it may begin.
func (s *stream) belongs(c *protocol.Context, d protocol.Dir, p *packet) bool {
	h, other := &s.half[d], &s.half[d.Reverse()]
	id := identity{p.session, p.key}
	switch {
	case p.session == 0 || p.acks > 0 && other.live && p.remote != other.id.session:
		return false
	case h.live && h.id == id:
		return true
	case id == h.before, h.live && (p.op == control1 || p.op == ack1):
		return false
	case h.live:
		s.restart(c)
	}
	h.id, h.live = id, true
	return true
}

// restart ends the handshake so that another can begin.
func (s *stream) restart(c *protocol.Context) {
	s.finish(c)
	if s.inner != nil {
		s.inner.Reset()
	}
	s.over = protocol.More
	for d := range s.half {
		h := &s.half[d]
		if h.live {
			h.before, h.live = h.id, false
		}
		h.queue.reset()
		h.carried.reset()
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status { return s.lose(d) }

// lose gives up a direction of TCP: after bytes that were lost or no length nothing tells where a packet begins.
func (s *stream) lose(d protocol.Dir) protocol.Status {
	s.half[d].lost = true
	if s.half[d.Reverse()].lost {
		return protocol.Done
	}
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.finish(c) }

// finish hands over what still waits for lost packets, and ends the TLS.
func (s *stream) finish(c *protocol.Context) {
	for d := range s.half {
		s.release(c, protocol.Dir(d))
	}
	if s.fed {
		s.fed = false
		in := s.enter(c)
		s.inner.End(in)
		s.leave()
	}
}
