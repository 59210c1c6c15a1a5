package openvpn

import (
	"math/bits"

	"netsensor/internal/protocol"
)

const (
	// maxAhead bounds how far ahead of the next message one is held, and how many are: a window of OpenVPN has 12.
	maxAhead = 64
	// maxHeld bounds the bytes that are held for one direction while a message is missing.
	maxHeld = 64 << 10
	// maxUnread bounds the bytes that the TLS has not consumed: a record has at most 18 KiB.
	maxUnread = 64 << 10
	// keptBuffer bounds a buffer that survives reset.
	keptBuffer = 4 << 10
)

// queue holds the messages of one direction that came too early.
type queue struct {
	next  uint32 // the number of the message to come
	begun bool   // a message was taken
	held  uint64 // bit n%64: message n is held; n is within maxAhead of next
	spans [maxAhead]span
	bytes []byte // what spans are of
}

type span struct{ from, to int }

func (q *queue) reset() {
	// Message 0 is the reset itself, which carries nothing.
	q.next, q.begun, q.held, q.bytes = 1, false, 0, shrink(q.bytes)
}

// shrink returns an empty buffer, b unless that is large.
func shrink(b []byte) []byte {
	if cap(b) > keptBuffer {
		return nil
	}
	return b[:0]
}

// hold keeps a message whose number is within maxAhead after next. It reports false if it is held already.
func (q *queue) hold(id uint32, b []byte) bool {
	slot := id % maxAhead
	if q.held&(1<<slot) != 0 {
		return false
	}
	q.held |= 1 << slot
	q.spans[slot] = span{len(q.bytes), len(q.bytes) + len(b)}
	q.bytes = append(q.bytes, b...)
	return true
}

// take returns the message next if it is held. It is valid until the next call of hold.
func (q *queue) take() (b []byte, ok bool) {
	slot := q.next % maxAhead
	if q.held&(1<<slot) == 0 {
		return nil, false
	}
	q.held &^= 1 << slot
	q.next++
	b = q.bytes[q.spans[slot].from:q.spans[slot].to]
	if q.held == 0 {
		q.bytes = q.bytes[:0]
	}
	return b, true
}

// gap goes to the first message that is held, of which there is one.
func (q *queue) gap() {
	q.next += uint32(bits.TrailingZeros64(bits.RotateLeft64(q.held, -int(q.next%maxAhead))))
}

// carried is one direction of the TLS within: what inner has not consumed, as the flow table keeps it.
type carried struct {
	unread []byte
	need   int
	skip   int
}

func (k *carried) reset() { *k = carried{unread: shrink(k.unread)} }

// message takes a message of direction d. It reports false if it adds nothing.
func (s *stream) message(c *protocol.Context, d protocol.Dir, id uint32, b []byte) bool {
	q := &s.half[d].queue
	if q.held != 0 && id > q.next && id-q.next >= maxAhead && id-q.next < 2*maxAhead {
		s.release(c, d) // the sender went on: what is missing was not captured
	}
	switch ahead := id - q.next; {
	case id < q.next:
		return false
	case ahead == 0:
		q.next++
		s.carry(c, d, b)
		s.follow(c, d)
	case ahead < maxAhead:
		if !q.hold(id, b) {
			return false
		}
		if len(q.bytes) > maxHeld {
			s.release(c, d)
		}
	case !q.begun:
		// The beginning was not captured.
		q.next = id + 1
		s.miss(c, d)
		s.carry(c, d, b)
	default:
		return false
	}
	q.begun = true
	return true
}

// follow hands over the held messages that are next in order.
func (s *stream) follow(c *protocol.Context, d protocol.Dir) {
	for {
		b, ok := s.half[d].queue.take()
		if !ok {
			return
		}
		s.carry(c, d, b)
	}
}

// release hands over all messages that are held: what is missing will not come.
func (s *stream) release(c *protocol.Context, d protocol.Dir) {
	for q := &s.half[d].queue; q.held != 0; {
		q.gap()
		s.miss(c, d)
		s.follow(c, d)
	}
}

// enter returns the context for a call of inner.
func (s *stream) enter(c *protocol.Context) *protocol.Context {
	if s.inner == nil {
		s.inner = s.newInner()
	}
	s.inside = *c
	s.inside.Over, s.inside.Need, s.inside.Closed = protocol.TCP, 0, [2]bool{}
	return &s.inside
}

// leave drops what is only lent for a call.
func (s *stream) leave() { s.inside = protocol.Context{} }

// miss tells inner of a gap.
func (s *stream) miss(c *protocol.Context, d protocol.Dir) {
	if s.over != protocol.More {
		return
	}
	k := &s.half[d].carried
	k.unread, k.need, k.skip = k.unread[:0], 0, 0
	s.fed = true
	in := s.enter(c)
	s.over = s.inner.Gap(in, d, 0)
	s.leave()
}

// carry feeds inner with the bytes that are next in direction d.
func (s *stream) carry(c *protocol.Context, d protocol.Dir, b []byte) {
	k := &s.half[d].carried
	n := min(k.skip, len(b))
	k.skip -= n
	if b = b[n:]; len(b) == 0 || s.over != protocol.More {
		return
	}
	whole := b
	if len(k.unread) > 0 {
		k.unread = append(k.unread, b...)
		whole = k.unread
	}
	rest := whole
	for len(rest) > 0 && len(rest) >= k.need && s.over == protocol.More {
		rest = s.step(c, d, k, rest)
	}
	switch {
	case s.over != protocol.More:
		k.reset()
	case len(rest) > maxUnread:
		s.over = protocol.Failed
	case len(rest) < len(whole) || len(k.unread) == 0:
		k.unread = append(k.unread[:0], rest...)
	}
}

// step lets inner consume some of b and returns the rest.
func (s *stream) step(c *protocol.Context, d protocol.Dir, k *carried, b []byte) []byte {
	k.need = 0
	in := s.enter(c)
	s.fed = true
	n, st := s.inner.Feed(in, d, b)
	need := in.Need
	s.leave()
	s.over = st
	if n > len(b) {
		k.skip = n - len(b)
		return nil
	}
	b = b[n:]
	if n == 0 || need > len(b) {
		k.need = max(need, len(b)+1)
	}
	return b
}
