package flows

import (
	"math/bits"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

const (
	// probeLimit bounds the bytes of a direction that are held while no parser is sure.
	probeLimit = 4 << 10
	// probeDatagrams bounds the datagrams of a flow that are shown to the probes.
	probeDatagrams = 8
	// lateSegments bounds the segments of a direction that are shown to the late probes.
	lateSegments = 8
)

// guess is a parser's number, 0 for none, and whether it takes the roles for exchanged.
type guess struct {
	n        uint8
	reversed bool
}

// probe shows the first bytes of direction d to the parsers that may still want the flow.
func (t *Table) probe(f *Flow, p *packet.Packet, s *side, d protocol.Dir, b []byte) {
	h := &s.halves[d]
	if t.reversal.f == f {
		t.keep(s, h, t.join(s, h, b)) // its parser is known, and gets it when the roles are exchanged
		return
	}
	if h.closed {
		t.probeLate(f, p, s, d, b)
		return
	}
	if !s.spoken {
		s.spoken, s.first = true, d
	}
	b = t.join(s, h, b)
	full := len(b) >= probeLimit
	if !h.probed {
		h.probed = true
		h.candidates = t.all[0]
	}
	g := t.ask(f, d, b, full, &h.candidates, &s.likely)
	switch {
	case g.n != 0 && !t.exchanges(f, g) && h.empty() && s.halves[d.Reverse()].empty():
		t.take(f, s, g.n)
		t.feed(f, p, s, d, b)
	case g.n != 0:
		t.keep(s, h, b)
		t.choose(f, p, s, g)
	case full || h.candidates == 0:
		if keep := min(len(b), probeLimit); s.likely.n == 0 {
			h.lost += len(b) - keep
			b = b[:keep]
		}
		t.keep(s, h, b)
		t.probeOver(f, p, s, d)
	default:
		t.keep(s, h, b)
	}
}

// probeOver ends the probing of direction d without a sure match.
func (t *Table) probeOver(f *Flow, p *packet.Packet, s *side, d protocol.Dir) {
	h := &s.halves[d]
	h.closed = true
	switch {
	case s.likely.n != 0:
		t.choose(f, p, s, s.likely)
	case t.late == 0 && s.halves[d.Reverse()].closed:
		t.settle(f, p)
	}
}

// probeLate shows a segment of direction d, whose first bytes nobody knew, to the parsers that may begin late in a
// flow: behind the greeting of a protocol that we do not know, say.
func (t *Table) probeLate(f *Flow, p *packet.Packet, s *side, d protocol.Dir, b []byte) {
	h := &s.halves[d]
	if t.late == 0 || h.late >= lateSegments {
		h.lost += len(b)
		if f.OneWay() && len(h.unread) > 0 {
			// Whether the other side will ever be seen is doubtful: the first bytes are not worth the memory.
			h.lost += len(h.unread)
			t.keep(s, h, nil)
		}
		return
	}
	h.late++
	candidates, likely := t.late, guess{}
	if g := t.ask(f, d, b, true, &candidates, &likely); g.n != 0 {
		for i := range s.halves { // what came before is not that parser's
			o := &s.halves[i]
			o.lost = 0
			if o.closed {
				t.keep(s, o, nil)
			}
		}
		s.first = d
		t.keep(s, h, b)
		t.choose(f, p, s, g)
		return
	}
	h.lost += len(b)
	if o := &s.halves[d.Reverse()]; h.late == lateSegments && o.closed && o.late == lateSegments {
		t.settle(f, p)
	}
}

// ask shows b to the candidates and takes off those that do not want it. It returns the parser that is sure.
func (t *Table) ask(f *Flow, d protocol.Dir, b []byte, end bool, candidates *uint64, likely *guess) guess {
	peek := protocol.Peek{
		Data: b, Dir: d, Over: protocol.UDP, ClientPort: f.ClientPort, ServerPort: f.ServerPort,
		Midstream: f.has(bitMidstream) || f.has(bitGap0<<d), End: end, After: t.App(f.AppBefore),
	}
	if f.Proto == packet.ProtoTCP {
		peek.Over = protocol.TCP
	}
	list := t.over[transport(f)]
	for left := *candidates; left != 0; left &= left - 1 {
		at := bits.TrailingZeros64(left)
		i := list[at]
		switch t.probeOne(i, &peek) {
		case protocol.Yes:
			return guess{i + 1, peek.Reversed}
		case protocol.Likely:
			if likely.n == 0 {
				*likely = guess{i + 1, peek.Reversed}
			}
			*candidates &^= 1 << at
		case protocol.No:
			*candidates &^= 1 << at
		}
	}
	return guess{}
}

func (t *Table) probeOne(i uint8, peek *protocol.Peek) (m protocol.Match) {
	defer func() {
		if r := recover(); r != nil {
			m = protocol.No
			t.panicked(nil, i+1, r)
		}
	}()
	peek.Reversed = false
	return t.parsers[i].Probe(peek)
}

// look notes what the first bytes of direction d look like, which the flow's parser, known from the other direction,
// could not read.
func (t *Table) look(f *Flow, s *side, d protocol.Dir, b []byte) {
	candidates, likely := t.all[0], guess{}
	for at, i := range t.over[0] {
		if i == s.parser-1 {
			candidates &^= 1 << at
		}
	}
	n := t.ask(f, d, b, true, &candidates, &likely).n
	if n == 0 {
		n = otherApp
	}
	t.extra(f).apps[d] = n
}

// exchanges reports whether the parser's word about the roles is to be followed.
func (t *Table) exchanges(f *Flow, g guess) bool { return g.reversed && f.has(bitInferred) }

// choose gives the flow to the parser of g.
func (t *Table) choose(f *Flow, p *packet.Packet, s *side, g guess) {
	if t.exchanges(f, g) {
		t.reversal = reversal{f, g.n}
		return
	}
	t.adopt(f, p, s, g.n)
}

// reversal is an exchange of roles that waits for the end of Add, or of the flow: until then callers hold a direction.
type reversal struct {
	f *Flow
	n uint8 // the parser that takes the flow then
}

// reverse exchanges client and server after the content has shown that the guess was wrong.
func (t *Table) reverse(f *Flow, p *packet.Packet) {
	n := t.reversal.n
	t.reversal = reversal{}
	f.swapRoles()
	if s := t.sideOf(f); s != nil && s.halves != nil {
		s.halves[0], s.halves[1] = s.halves[1], s.halves[0]
		if u := s.urgent; u != nil {
			u.at[0], u.at[1] = u.at[1], u.at[0]
			u.n[0], u.n[1] = u.n[1], u.n[0]
		}
		s.first = s.first.Reverse()
		t.adopt(f, p, s, n)
	}
}
