package flows

import (
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

const (
	defaultLimit = 64 << 10
	// maxSwitches bounds the protocols that one flow may carry one after the other.
	maxSwitches = 4
)

// AppStats are a parser's counters.
type AppStats struct {
	Flows [2]uint64 // flows it was given, over TCP and UDP
	// Transactions counts those that its observations number.
	Transactions uint64
	// Failed counts flows that it gave up, Gaps those of them that it gave up at a gap, Panics its panics.
	Failed, Gaps, Panics uint64

	size int // the fixed size of a stream
}

// Add adds o, the counters of another table's parser, to a.
func (a *AppStats) Add(o *AppStats) {
	for i := range a.Flows {
		a.Flows[i] += o.Flows[i]
	}
	a.Transactions += o.Transactions
	a.Failed += o.Failed
	a.Gaps += o.Gaps
	a.Panics += o.Panics
}

// transport is the index of f's transport in Table.over and AppStats.Flows.
func transport(f *Flow) int {
	if f.Proto == packet.ProtoTCP {
		return 0
	}
	return 1
}

// sink hands a stream's observations to the handler.
type sink struct {
	t *Table
	f *Flow
	p *packet.Packet
}

// Observe implements protocol.Sink.
func (k *sink) Observe(o *protocol.Observation) {
	if o.TxID >= 0 || o.Event != "" {
		k.t.transaction(k.f, max(o.TxID, 0))
	}
	k.t.handler.Observed(k.f, k.p, o)
}

// transaction notes the number of a transaction, from 0. An event without a number is a flow's only transaction.
func (t *Table) transaction(f *Flow, id int) {
	n, before := uint32(min(id, 1<<31))+1, t.Transactions(f)
	if n <= before {
		return
	}
	f.odd |= oddEvent
	if n > 1 {
		t.extra(f).transactions = n
	}
	if f.App != 0 {
		t.Apps[f.App-1].Transactions += uint64(n - before)
	}
}

// contextFor readies the context for a call of f's stream.
func (t *Table) contextFor(f *Flow, p *packet.Packet) *protocol.Context {
	c := &t.ctx
	c.Time = f.Last
	if p != nil {
		c.Time = p.Time
	}
	c.Over = protocol.UDP
	if f.Proto == packet.ProtoTCP {
		c.Over = protocol.TCP
	}
	c.ClientPort, c.ServerPort = f.ClientPort, f.ServerPort
	c.Midstream = f.has(bitMidstream)
	c.Need = 0
	t.sink.f, t.sink.p = f, p
	return c
}

// deliver takes bytes of direction d that are next in order.
func (t *Table) deliver(f *Flow, p *packet.Packet, d protocol.Dir, b []byte) {
	if f.has(bitQuiet) {
		return
	}
	s := t.sideFor(f)
	if s.stream == nil {
		t.probe(f, p, s, d, b)
		return
	}
	t.feed(f, p, s, d, b)
}

func (t *Table) feed(f *Flow, p *packet.Packet, s *side, d protocol.Dir, b []byte) {
	h := &s.halves[d]
	if h.skip > 0 {
		n := min(h.skip, uint64(len(b)))
		h.skip -= n
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
	b = t.join(s, h, b)
	for len(b) > 0 && len(b) >= h.need {
		h.need = 0
		c := t.contextFor(f, p)
		unread := b
		n, status := s.call(t, func() (int, protocol.Status) { return s.stream.Feed(c, d, unread) })
		need := c.Need
		n = max(n, 0)
		if n > len(b) {
			h.skip = uint64(n - len(b))
			n = len(b)
		}
		switch status {
		case protocol.Failed:
			if s.parser != 0 {
				t.Apps[s.parser-1].Failed++
				if !h.fed {
					t.look(f, s, d, b)
				}
			}
			t.abandon(f, p)
			return
		case protocol.Done:
			t.abandon(f, p)
			return
		case protocol.Switch:
			t.keep(s, h, b[n:])
			t.switchProtocol(f, p, s)
			return
		}
		h.fed = h.fed || n > 0
		b = b[n:]
		if n == 0 || need > len(b) {
			h.need = max(need, len(b)+1)
			break
		}
	}
	limit := t.parsers[s.parser-1].Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if len(b) > limit {
		t.Stats.LimitReached++
		t.anomaly(f, p, MessageTooLong)
		t.abandon(f, p)
		return
	}
	t.keep(s, h, b)
	if s.holder != nil {
		t.weigh(s)
	}
}

// call runs fn, a call of s.stream, and turns a panic into Failed: a parser's defect must not end the sensor.
func (s *side) call(t *Table, fn func() (int, protocol.Status)) (n int, st protocol.Status) {
	defer func() {
		if r := recover(); r != nil {
			n, st = 0, protocol.Failed
			f, parser := s.flow, s.parser
			t.unstream(s) // not to be trusted again, nor recycled
			t.panicked(f, parser, r)
		}
	}()
	return fn()
}

// guard runs fn, which belongs to a parser but to no flow's stream, and reports whether it did not panic.
func (t *Table) guard(parser uint8, fn func()) (whole bool) {
	defer func() {
		if r := recover(); r != nil {
			whole = false
			t.panicked(nil, parser+1, r)
		}
	}()
	fn()
	return true
}

func (t *Table) panicked(f *Flow, parser uint8, reason any) {
	t.Stats.Panics++
	t.Apps[parser-1].Panics++
	var p *packet.Packet
	if f != nil {
		p = t.sink.p
	}
	t.handler.Panicked(f, p, t.App(parser), reason)
}

func (t *Table) gap(f *Flow, p *packet.Packet, d protocol.Dir, n int) {
	s := t.sideOf(f)
	if s == nil {
		f.bits |= bitGap0 << d
		return
	}
	h := &s.halves[d]
	if s.stream != nil && uint64(n) <= h.skip {
		h.skip -= uint64(n) // lost where nobody looks
		return
	}
	n -= int(h.skip)
	h.skip, h.need = 0, 0
	if t.Stats.Gaps++; !f.has(bitGap0<<d) && (p == nil || !p.Cut) {
		t.anomaly(f, p, SequenceGap)
	}
	f.bits |= bitGap0 << d
	if s.stream == nil {
		switch {
		case h.closed || t.reversal.f == f:
			h.lost += n
		case len(h.unread) > 0:
			h.lost += n
			t.probeOver(f, p, s, d)
		}
		return
	}
	t.keep(s, h, nil)
	c := t.contextFor(f, p)
	_, status := s.call(t, func() (int, protocol.Status) { return 0, s.stream.Gap(c, d, n) })
	switch status {
	case protocol.Failed:
		if s.parser != 0 {
			t.Apps[s.parser-1].Gaps++
		}
		t.abandon(f, p)
	case protocol.Done:
		t.abandon(f, p)
	case protocol.Switch:
		t.switchProtocol(f, p, s)
	}
}

// finishStream tells the stream that it is over and takes it off the flow.
func (t *Table) finishStream(f *Flow, p *packet.Packet, s *side) {
	c := t.contextFor(f, p)
	c.Closed = [2]bool{}
	if s.halves != nil {
		for d := range c.Closed {
			c.Closed[d] = f.has(bitFin0<<d) && !f.has(bitGap0<<d) && s.halves[d].waiting() == 0
		}
	}
	s.call(t, func() (int, protocol.Status) { s.stream.End(c); return 0, protocol.Done })
	if s.stream != nil {
		t.recycle(s)
	}
}

// switchProtocol begins to probe anew at the first unread byte of both directions.
func (t *Table) switchProtocol(f *Flow, p *packet.Packet, s *side) {
	if s.switches++; s.switches > maxSwitches {
		t.abandon(f, p)
		return
	}
	t.finishStream(f, p, s)
	f.AppBefore, f.App = f.App, 0
	s.likely, s.spoken = guess{}, false
	for d := range s.halves {
		h := &s.halves[d]
		*h = half{unread: h.unread, segments: h.segments, first: h.first, heldBytes: h.heldBytes, acked: h.acked}
	}
	for d := protocol.ToServer; d <= protocol.ToClient; d++ {
		if t.sideOf(f) == s && s.stream == nil && len(s.halves[d].unread) > 0 {
			t.probe(f, p, s, d, nil)
		}
	}
}

// adopt gives the flow to parser n and feeds it what both directions hold, that of the side that spoke first before
// the other's.
func (t *Table) adopt(f *Flow, p *packet.Packet, s *side, n uint8) {
	t.take(f, s, n)
	stream := s.stream
	for _, d := range [2]protocol.Dir{s.first, s.first.Reverse()} {
		h := &s.halves[d]
		if t.sideOf(f) == s && s.stream == stream && len(h.unread) > 0 {
			t.feed(f, p, s, d, nil)
		}
		if t.sideOf(f) == s && s.stream == stream && h.lost > 0 {
			n := h.lost
			h.lost = 0
			t.gap(f, p, d, n)
		}
	}
}

// datagram takes one UDP payload.
func (t *Table) datagram(f *Flow, p *packet.Packet, d protocol.Dir) {
	if f.App == 0 {
		candidates, likely := t.all[1], guess{}
		g := t.ask(f, d, p.Payload, true, &candidates, &likely)
		if g.n == 0 {
			g = likely
		}
		if g.n == 0 {
			if f.odd++; f.odd >= probeDatagrams {
				t.abandon(f, p)
			}
			return
		}
		if g.reversed && f.Packets[d.Reverse()] == 0 {
			f.swapRoles()
			d = d.Reverse()
		}
		t.take(f, t.sideFor(f), g.n)
	}
	s := t.sideOf(f)
	if s == nil || s.stream == nil {
		return
	}
	c := t.contextFor(f, p)
	_, status := s.call(t, func() (int, protocol.Status) { return s.stream.Feed(c, d, p.Payload) })
	switch {
	case status == protocol.Failed && s.parser != 0:
		t.Apps[s.parser-1].Failed++
		t.abandon(f, p)
	case status != protocol.More:
		t.abandon(f, p)
	case s.holder != nil:
		t.weigh(s)
	}
}
