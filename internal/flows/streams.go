package flows

import (
	"math/bits"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

const (
	defaultLimit = 64 << 10
	// probeLimit bounds the bytes of a direction that are held while no parser is sure.
	probeLimit = 4 << 10
	// probeDatagrams bounds the datagrams of a flow that are shown to the probes.
	probeDatagrams = 8
	// maxSwitches bounds the protocols that one flow may carry one after the other.
	maxSwitches = 4
)

// sink hands a stream's observations to the handler.
type sink struct {
	t *Table
	f *Flow
	p *packet.Packet
}

func (k *sink) Observe(o *protocol.Observation) { k.t.handler.Observed(k.f, k.p, o) }

// context readies the context for a call of f's stream.
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
	h := &s.dirs[d]
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
		n, status := s.call(t, c, func() (int, protocol.Status) { return s.stream.Feed(c, d, unread) })
		need := c.Need
		if n < 0 {
			n = 0
		}
		if n > len(b) {
			h.skip = uint64(n - len(b))
			n = len(b)
		}
		b = b[n:]
		switch status {
		case protocol.Done, protocol.Failed:
			t.abandon(f, p)
			return
		case protocol.Switch:
			t.keep(s, h, b)
			t.switchProtocol(f, p, s)
			return
		}
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
		t.handler.Anomaly(f, p, "stream.message_too_long")
		t.abandon(f, p)
		return
	}
	t.keep(s, h, b)
}

// call runs fn and turns a panic into Failed: a parser's defect must not end the sensor.
func (s *side) call(t *Table, c *protocol.Context, fn func() (int, protocol.Status)) (n int, st protocol.Status) {
	defer func() {
		if r := recover(); r != nil {
			t.panicked(s, r)
			n, st = 0, protocol.Failed
		}
	}()
	return fn()
}

func (t *Table) panicked(s *side, r any) {
	t.Stats.Panics++
	t.handler.Anomaly(s.flow, t.sink.p, "parser_panic")
	if h, ok := t.handler.(interface{ Panicked(app string, reason any) }); ok {
		h.Panicked(t.App(s.parser), r)
	}
	s.stream = nil // not to be trusted again, nor recycled
	s.parser = 0
}

func (t *Table) gap(f *Flow, p *packet.Packet, d protocol.Dir, n int) {
	s := t.sideOf(f)
	if s == nil {
		return
	}
	h := &s.dirs[d]
	if s.stream != nil && uint64(n) <= h.skip && n > 0 {
		h.skip -= uint64(n) // lost where nobody looks
		return
	}
	n -= int(h.skip)
	h.skip, h.need = 0, 0
	f.bits |= bitGap0 << d
	t.Stats.Gaps++
	if s.stream == nil {
		if len(h.unread) > 0 {
			t.probeOver(f, p, s, d)
		}
		return
	}
	t.keep(s, h, nil)
	c := t.contextFor(f, p)
	_, status := s.call(t, c, func() (int, protocol.Status) { return 0, s.stream.Gap(c, d, max(n, 0)) })
	switch status {
	case protocol.Done, protocol.Failed:
		t.abandon(f, p)
	case protocol.Switch:
		t.switchProtocol(f, p, s)
	}
}

// finishStream tells the stream that it is over and takes it off the flow.
func (t *Table) finishStream(f *Flow, p *packet.Packet, s *side) {
	c := t.contextFor(f, p)
	for d := range c.Closed {
		c.Closed[d] = f.has(bitFin0<<d) && !f.has(bitGap0<<d)
	}
	s.call(t, c, func() (int, protocol.Status) { s.stream.End(c); return 0, protocol.Done })
	if s.stream != nil {
		t.recycle(s)
	}
}

func (t *Table) recycle(s *side) {
	n := s.parser - 1
	if len(t.streams[n]) < 1024 {
		s.stream.Reset()
		t.streams[n] = append(t.streams[n], s.stream)
	}
	s.stream = nil
	s.parser = 0
}

// switchProtocol begins to probe anew at the first unread byte of both directions.
func (t *Table) switchProtocol(f *Flow, p *packet.Packet, s *side) {
	if s.switches++; s.switches > maxSwitches {
		t.abandon(f, p)
		return
	}
	t.finishStream(f, p, s)
	f.AppBefore, f.App = f.App, 0
	s.likely = 0
	for d := range s.dirs {
		h := &s.dirs[d]
		h.need, h.skip, h.candidates, h.probed, h.closed = 0, 0, 0, false, false
	}
	s.spoken = false
	for d := protocol.ToServer; d <= protocol.ToClient; d++ {
		if t.sideOf(f) == s && s.stream == nil && len(s.dirs[d].unread) > 0 {
			t.probe(f, p, s, d, nil)
		}
	}
}

// probe shows the first bytes of direction d to the parsers that may still want the flow.
func (t *Table) probe(f *Flow, p *packet.Packet, s *side, d protocol.Dir, b []byte) {
	h := &s.dirs[d]
	if h.closed {
		return
	}
	if !s.spoken {
		s.spoken, s.first = true, d
	}
	b = t.join(s, h, b)
	full := len(b) >= probeLimit
	if !h.probed {
		h.probed = true
		h.candidates = t.over[0]
	}
	n, reversed := t.ask(f, d, b, full, &h.candidates, &s.likely)
	switch {
	case n != 0 && reversed && f.has(bitInferred):
		// The roles are exchanged when nobody up the call chain holds a direction any more.
		t.keep(s, h, b)
		t.reversal = reversal{f, n}
	case n != 0 && len(h.unread) == 0 && len(s.dirs[d.Reverse()].unread) == 0:
		t.take(f, s, n)
		t.feed(f, p, s, d, b)
	case n != 0:
		t.keep(s, h, b)
		t.adopt(f, p, s, n)
	case full || h.candidates == 0:
		t.keep(s, h, b[:min(len(b), probeLimit)])
		t.probeOver(f, p, s, d)
	default:
		t.keep(s, h, b)
	}
}

// ask shows b to the candidates and takes off those that do not want it. It returns the number of the parser that
// is sure, or 0.
func (t *Table) ask(f *Flow, d protocol.Dir, b []byte, end bool, candidates *uint64, likely *uint8) (n uint8, reversed bool) {
	peek := protocol.Peek{
		Data: b, Dir: d, Over: protocol.UDP, ClientPort: f.ClientPort, ServerPort: f.ServerPort,
		Midstream: f.has(bitMidstream) || f.has(bitGap0<<d), End: end,
	}
	if f.Proto == packet.ProtoTCP {
		peek.Over = protocol.TCP
	}
	for left := *candidates; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		switch t.probeOne(i, &peek) {
		case protocol.Yes:
			return uint8(i + 1), peek.Reversed
		case protocol.Likely:
			if *likely == 0 {
				*likely = uint8(i + 1)
			}
			*candidates &^= 1 << i
		case protocol.No:
			*candidates &^= 1 << i
		}
	}
	return 0, false
}

func (t *Table) probeOne(i int, peek *protocol.Peek) (m protocol.Match) {
	defer func() {
		if r := recover(); r != nil {
			t.Stats.Panics++
			m = protocol.No
		}
	}()
	peek.Reversed = false
	return t.parsers[i].Probe(peek)
}

// reversal is an exchange of roles that waits for the end of Add.
type reversal struct {
	f *Flow
	n uint8 // the parser that takes the flow then
}

// reverse exchanges client and server after the content has shown that the guess was wrong.
func (t *Table) reverse(f *Flow, p *packet.Packet, n uint8) {
	t.reversal = reversal{}
	f.swapRoles()
	if s := t.sideOf(f); s != nil {
		s.dirs[0], s.dirs[1] = s.dirs[1], s.dirs[0]
		s.first = s.first.Reverse()
		t.adopt(f, p, s, n)
	}
}

// probeOver ends the probing of direction d without a sure match.
func (t *Table) probeOver(f *Flow, p *packet.Packet, s *side, d protocol.Dir) {
	s.dirs[d].closed = true
	if s.likely != 0 {
		t.adopt(f, p, s, s.likely)
	} else if s.dirs[d.Reverse()].closed {
		t.settle(f, p)
	}
}

// take gives the flow a stream of parser n.
func (t *Table) take(f *Flow, s *side, n uint8) {
	f.App = n
	s.parser, s.likely = n, 0
	if l := len(t.streams[n-1]); l > 0 {
		s.stream = t.streams[n-1][l-1]
		t.streams[n-1] = t.streams[n-1][:l-1]
	} else {
		s.stream = t.parsers[n-1].New()
	}
}

// adopt gives the flow to parser n and feeds it what both directions hold, that of the side that spoke first before the other's.
func (t *Table) adopt(f *Flow, p *packet.Packet, s *side, n uint8) {
	t.take(f, s, n)
	stream := s.stream
	for _, d := range [2]protocol.Dir{s.first, s.first.Reverse()} {
		if t.sideOf(f) == s && s.stream == stream && len(s.dirs[d].unread) > 0 {
			t.feed(f, p, s, d, nil)
		}
	}
}

// datagram takes one UDP payload.
func (t *Table) datagram(f *Flow, p *packet.Packet, d protocol.Dir) {
	if f.App == 0 {
		candidates, likely := t.over[1], uint8(0)
		n, reversed := t.ask(f, d, p.Payload, true, &candidates, &likely)
		if n == 0 {
			n = likely
		}
		if n == 0 {
			if f.odd++; f.odd >= probeDatagrams {
				t.abandon(f, p)
			}
			return
		}
		if reversed && f.Packets[d.Reverse()] == 0 {
			f.swapRoles()
			d = d.Reverse()
		}
		t.take(f, t.sideFor(f), n)
	}
	s := t.sideOf(f)
	if s == nil || s.stream == nil {
		return
	}
	c := t.contextFor(f, p)
	_, status := s.call(t, c, func() (int, protocol.Status) { return s.stream.Feed(c, d, p.Payload) })
	if status == protocol.Done || status == protocol.Failed {
		t.abandon(f, p)
	}
}
