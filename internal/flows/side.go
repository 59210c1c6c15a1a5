package flows

import (
	"reflect"
	"unsafe"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// maxParsers is how many parsers over one transport there may be.
const maxParsers = 64

// side is what only flows have that are being parsed, or whose segments wait.
type side struct {
	f        uint32 // index in Table.sides
	flow     *Flow
	stream   protocol.Stream
	holder   protocol.Holder // the stream, if it says how much it holds
	inside   int             // bytes that holder said
	parser   uint8           // number of the stream's parser, from 1; 0 while probing
	likely   guess           // the first parser that answered Likely, while probing
	first    protocol.Dir    // who spoke first, valid if spoken
	spoken   bool
	switches uint8
	halves   *[2]half // TCP only
	urgent   *urgent  // TCP, where there are urgent bytes
	memory   int      // what s counts for in Table.Stats.Held
	prev     *side
	next     *side // in the list of holders
}

// half is one direction of a TCP flow's side.
type half struct {
	unread     []byte // in order, shown to the stream but not consumed
	skip       uint64 // bytes the stream wants to pass over
	need       int    // the stream wants that many unread bytes
	candidates uint64 // parsers that have not said No yet
	lost       int    // bytes that followed unread while nobody wanted them
	segments   []segment
	first      int // the segments from this one wait
	heldBytes  int
	acked      uint8 // packets since the hole was acknowledged, see patience
	late       uint8 // segments that were shown to the late probes
	probed     bool  // candidates is valid
	closed     bool  // probing of this direction is over without a match
	early      bool  // the first segment was data in a SYN
	fed        bool  // the stream has consumed bytes of this direction
}

// A side counts for what it takes in memory: with halves, or without.
const (
	sideCost = int(unsafe.Sizeof(side{}))
	tcpCost  = sideCost + 2*int(unsafe.Sizeof(half{}))
)

// empty reports that nothing came, or all was consumed.
func (h *half) empty() bool { return len(h.unread) == 0 && h.lost == 0 }

// waiting returns how many segments wait.
func (h *half) waiting() int { return len(h.segments) - h.first }

// compact moves the segments to the beginning of their room.
func (h *half) compact() {
	if h.first == 0 {
		return
	}
	n := copy(h.segments, h.segments[h.first:])
	clear(h.segments[n:])
	h.segments, h.first = h.segments[:n], 0
}

// insert puts seg before segment i.
func (h *half) insert(i int, seg segment) {
	h.segments = append(h.segments, segment{})
	copy(h.segments[i+1:], h.segments[i:])
	h.segments[i] = seg
}

// shift takes away the first segment.
func (h *half) shift() {
	h.segments[h.first] = segment{}
	if h.first++; h.first == len(h.segments) {
		h.segments, h.first = h.segments[:0], 0
	}
}

// maxSpareSegments is the room for segments that a side keeps when it is given back.
const maxSpareSegments = 8

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
	kind, cost := 0, sideCost
	if f.Proto == packet.ProtoTCP {
		kind, cost = 1, tcpCost
	}
	var s *side
	if free := t.freeSide[kind]; len(free) > 0 {
		s = t.sides[free[len(free)-1]]
		t.freeSide[kind] = free[:len(free)-1]
	} else {
		s = &side{f: uint32(len(t.sides))}
		if kind == 1 {
			s.halves = new([2]half)
		}
		t.sides = append(t.sides, s)
	}
	f.side = s.f
	s.flow = f
	t.held(s, cost)
	return s
}

// dropSide gives back everything that hangs on f, without a word to the stream.
func (t *Table) dropSide(f *Flow) {
	s := t.sideOf(f)
	if s == nil {
		return
	}
	kind := 0
	if s.halves != nil {
		kind = 1
		for d := range s.halves {
			h := &s.halves[d]
			t.buffers.put(h.unread)
			t.dropSegments(s, h)
			*h = half{segments: h.segments}
			if cap(h.segments) > maxSpareSegments {
				h.segments = nil
			}
		}
	}
	if s.stream != nil {
		t.recycle(s)
	}
	t.unheld(s, s.memory)
	*s = side{f: s.f, halves: s.halves}
	f.side = 0
	t.freeSide[kind] = append(t.freeSide[kind], s.f)
}

// dropSegments gives up the segments that wait, as if they had not come.
func (t *Table) dropSegments(s *side, h *half) {
	for h.waiting() > 0 {
		seg := h.segments[h.first]
		h.shift()
		t.unheld(s, cap(seg.data)+segmentCost)
		t.buffers.put(seg.data)
	}
	h.heldBytes = 0
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
	for t.Stats.Held > t.cfg.HeldBytes && t.oldest != s {
		t.Stats.HeldDrops++
		t.abandon(t.oldest.flow, nil)
	}
}

// unheld takes n bytes of what s counts for back.
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
		old := h.unread
		h.unread = append(t.buffers.get(max(need, 2*cap(old))), old...)
		t.unheld(s, cap(old))
		t.buffers.put(old)
		t.held(s, cap(h.unread))
	}
	h.unread = append(h.unread, b...)
	return h.unread
}

// take gives the flow a stream of parser n.
func (t *Table) take(f *Flow, s *side, n uint8) {
	f.App = n
	s.parser, s.likely = n, guess{}
	if free := t.streams[n-1]; len(free) > 0 {
		s.stream = free[len(free)-1]
		t.streams[n-1] = free[:len(free)-1]
	} else {
		s.stream = t.parsers[n-1].New()
	}
	a := &t.Apps[n-1]
	if a.size == 0 {
		a.size = sizeOf(s.stream)
	}
	a.Flows[transport(f)]++
	s.holder, _ = s.stream.(protocol.Holder)
	t.held(s, a.size)
}

// sizeOf is the fixed size of a stream in bytes.
func sizeOf(s protocol.Stream) int {
	if typ := reflect.TypeOf(s); typ.Kind() == reflect.Pointer {
		return max(int(typ.Elem().Size()), 1)
	}
	return 1
}

// maxSpareStreams is how many streams of a parser are kept for reuse.
const maxSpareStreams = 128

// recycle takes the stream off the flow.
func (t *Table) recycle(s *side) {
	stream, n := s.stream, s.parser-1
	t.unstream(s)
	if len(t.streams[n]) < maxSpareStreams && t.guard(n, stream.Reset) {
		t.streams[n] = append(t.streams[n], stream)
	}
}

// unstream forgets the stream and what it counted for.
func (t *Table) unstream(s *side) {
	t.unheld(s, t.Apps[s.parser-1].size+s.inside)
	s.stream, s.holder, s.inside, s.parser = nil, nil, 0, 0
}

// weigh counts what the stream holds now beyond its fixed size.
func (t *Table) weigh(s *side) {
	n := s.holder.Held() - s.inside
	s.inside += n
	if n > 0 {
		t.held(s, n)
	} else {
		t.unheld(s, -n)
	}
}

// settle ends all parsing of the flow in good order: what is held is passed on first.
func (t *Table) settle(f *Flow, p *packet.Packet) {
	if f.has(bitQuiet) {
		return
	}
	t.flushHeld(f, p)
	if s := t.sideOf(f); s != nil && s.stream == nil && s.likely.n != 0 && t.reversal.f != f {
		t.choose(f, p, s, s.likely)
	}
	if t.reversal.f == f {
		t.reverse(f, p)
	}
	if !f.has(bitQuiet) {
		t.abandon(f, p)
	}
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
