package flows

import (
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

const maxParsers = 64

// sideCost is what a side and its stream count for against Config.HeldBytes besides their buffers.
const sideCost = 1 << 10

// side is what only flows have that are being parsed, or whose segments wait.
type side struct {
	f        uint32 // index in Table.sides
	flow     *Flow
	stream   protocol.Stream
	parser   uint8        // number of the stream's parser, from 1; 0 while probing
	likely   uint8        // the first parser that answered Likely, while probing
	first    protocol.Dir // who spoke first, valid if spoken
	spoken   bool
	switches uint8
	dirs     [2]half
	memory   int // capacity of all buffers held, counted in Table.Stats.Held
	prev     *side
	next     *side // in the list of holders
}

// half is one direction of a side.
type half struct {
	unread     []byte // in order, shown to the stream but not consumed
	skip       uint64 // bytes the stream wants to pass over
	need       int    // the stream wants that many unread bytes
	candidates uint64 // parsers that have not said No yet
	probed     bool   // candidates is valid
	closed     bool   // probing of this direction is over without a match
	segments   []segment
	heldBytes  int
	acked      uint8 // packets since the hole was acknowledged, see patience
}

func (t *Table) sideOf(f *Flow) *side {
	if f.side == 0 {
		return nil
	}
	return t.sides[f.side]
}

func (t *Table) sideFor(f *Flow) *side {
	if f.side != 0 {
		return t.sides[f.side]
	}
	var s *side
	if l := len(t.freeSide); l > 0 {
		s = t.sides[t.freeSide[l-1]]
		t.freeSide = t.freeSide[:l-1]
	} else {
		s = &side{f: uint32(len(t.sides))}
		t.sides = append(t.sides, s)
	}
	f.side = s.f
	s.flow = f
	t.held(s, sideCost)
	return s
}

// dropSide gives back everything that hangs on f, without a word to the stream.
func (t *Table) dropSide(f *Flow) {
	s := t.sideOf(f)
	if s == nil {
		return
	}
	for d := range s.dirs {
		h := &s.dirs[d]
		t.buffers.put(h.unread)
		for _, seg := range h.segments {
			t.buffers.put(seg.data)
		}
		*h = half{segments: h.segments[:0]}
		if cap(h.segments) > 64 {
			h.segments = nil
		}
	}
	t.unheld(s, s.memory)
	if s.stream != nil {
		t.recycle(s)
	}
	s.parser, s.likely, s.spoken, s.switches, s.flow = 0, 0, false, 0, nil
	f.side = 0
	t.freeSide = append(t.freeSide, s.f)
}

// held counts n more bytes for s, and takes the bytes of whoever has held longest when the table has too many.
func (t *Table) held(s *side, n int) {
	if s.memory == 0 {
		s.prev = t.newest
		if t.newest != nil {
			t.newest.next = s
		} else {
			t.oldest = s
		}
		t.newest = s
	}
	s.memory += n
	t.Stats.Held += n
	for t.Stats.Held > t.cfg.HeldBytes && t.oldest != nil && t.oldest != s {
		t.Stats.HeldDrops++
		t.abandon(t.oldest.flow, nil)
	}
}

func (t *Table) unheld(s *side, n int) {
	if n == 0 {
		return
	}
	s.memory -= n
	t.Stats.Held -= n
	if s.memory != 0 {
		return
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		t.oldest = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		t.newest = s.prev
	}
	s.prev, s.next = nil, nil
}

// keep stores b as the unread bytes of h. b may be a tail of what h holds already.
func (t *Table) keep(s *side, h *half, b []byte) {
	old := h.unread
	switch {
	case len(b) == 0:
		h.unread = nil
	case cap(old) > 0 && len(old) >= len(b) && &old[len(old)-1] == &b[len(b)-1]:
		h.unread = append(old[:0], b...)
		return
	default:
		h.unread = append(t.buffers.get(len(b)), b...)
		t.held(s, cap(h.unread))
	}
	if cap(old) > 0 {
		t.unheld(s, cap(old))
		t.buffers.put(old)
	}
}

// join returns the unread bytes of h followed by b, in h's buffer when there were any.
func (t *Table) join(s *side, h *half, b []byte) []byte {
	if len(h.unread) == 0 {
		return b
	}
	if need := len(h.unread) + len(b); need > cap(h.unread) {
		grown := append(t.buffers.get(max(need, 2*cap(h.unread))), h.unread...)
		t.held(s, cap(grown))
		t.unheld(s, cap(h.unread))
		t.buffers.put(h.unread)
		h.unread = grown
	}
	h.unread = append(h.unread, b...)
	return h.unread
}

// settle ends all parsing of the flow in good order: what is held is passed on first.
func (t *Table) settle(f *Flow, p *packet.Packet) {
	if f.has(bitQuiet) {
		return
	}
	t.flushHeld(f, p)
	if f.has(bitQuiet) {
		return
	}
	if s := t.sideOf(f); s != nil && s.stream == nil && s.likely != 0 {
		t.adopt(f, p, s, s.likely)
		if f.has(bitQuiet) {
			return
		}
	}
	t.abandon(f, p)
}

// abandon ends all parsing of the flow and drops what is held.
func (t *Table) abandon(f *Flow, p *packet.Packet) {
	if s := t.sideOf(f); s != nil && s.stream != nil {
		t.finishStream(f, p, s)
	}
	f.bits |= bitQuiet
	t.dropSide(f)
	t.handler.Settled(f, p)
}
