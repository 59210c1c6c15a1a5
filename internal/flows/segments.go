package flows

import (
	"bytes"
	"slices"
	"unsafe"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// segment is a piece of a TCP stream that waits for what comes before it.
type segment struct {
	seq     uint32
	missing uint32 // so many bytes follow the data that were not captured
	data    []byte
	fin     bool // no data: the FIN stands here
}

const (
	maxSegments = 2048
	// segmentCost is what a segment counts for besides its buffer.
	segmentCost = int(unsafe.Sizeof(segment{}))
	// A hole that the receiver has acknowledged is the sensor's loss. It is given up only after this many more
	// packets of the flow, since a SPAN port may deliver an acknowledgement before the data.
	patience = 16
	// Without acknowledgements (a one-way capture) this many bytes beyond a hole give it up.
	oneWayHeld = 64 << 10
	// Sequence numbers further ahead than this are another connection's or forged.
	maxAhead = 32 << 20
)

// segment takes the payload at seq of direction d; missing bytes follow it that were not captured.
func (t *Table) segment(f *Flow, p *packet.Packet, d protocol.Dir, seq uint32, data []byte, missing uint32) {
	if !f.has(bitSeq0<<d) || d == protocol.ToClient && f.odd&oddSynAcks != 0 {
		f.bits |= bitSeq0 << d
		f.next[d] = seq
		f.odd &^= oddSynAcks
	}
	ahead := int32(seq - f.next[d])
	if f.odd&oddAck != 0 && (ahead == -1 && len(data) > 1 || f.odd&oddSeq != 0) {
		f.odd |= oddSeq
		t.deliver(f, p, d, data)
		return
	}
	if f.has(bitQuiet) {
		if end := ahead + int32(len(data)) + int32(missing); end > 0 && end <= maxAhead {
			f.next[d] += uint32(end)
		}
		return
	}
	if ahead > maxAhead || ahead < -maxAhead {
		if f.side != 0 || f.has(bitSynAck) {
			return
		}
		// Only a SYN speaks for the number that is expected, and nobody has confirmed it: it was another's.
		f.next[d], ahead = seq, 0
	}
	if s := t.sideOf(f); s != nil && s.halves[d].early {
		if t.earlyRepeated(f, p, s, d, seq); f.has(bitQuiet) {
			return
		}
		ahead = int32(seq - f.next[d])
	}
	if ahead < 0 && f.has(bitFin0<<d) && ahead+int32(len(data)) > 0 && t.falseFin(f, d) {
		ahead++
	}
	if ahead < 0 {
		t.Stats.Retransmitted++
		old := uint32(-ahead)
		if n := uint32(len(data)); old >= n {
			if old-n >= missing {
				return
			}
			data, missing = nil, missing-(old-n)
		} else {
			data = data[old:]
		}
	}
	if ahead > 0 {
		t.Stats.OutOfOrder++
		t.hold(f, p, d, segment{seq: seq, data: data, missing: missing})
		return
	}
	t.accept(f, p, d, data, missing)
	if s := t.sideOf(f); s != nil && s.halves[d].waiting() > 0 {
		t.drain(f, p, d)
	}
}

// falseFin takes a FIN back that data reaches beyond: it was forged, the receiver never took it. Data that follows a
// FIN is read: the receiver would not, but to believe the FIN would let a stranger hide what follows.
func (t *Table) falseFin(f *Flow, d protocol.Dir) bool {
	if s := t.sideOf(f); s != nil && s.halves[d].waiting() > 0 {
		return false // the FIN itself may be waiting
	}
	f.bits &^= bitFin0 << d
	f.next[d]--
	return true
}

// accept passes on bytes that are next in order.
func (t *Table) accept(f *Flow, p *packet.Packet, d protocol.Dir, data []byte, missing uint32) {
	if len(data) > 0 {
		from := f.next[d]
		f.next[d] += uint32(len(data))
		if s := t.sideOf(f); s != nil && s.urgent != nil {
			t.deliverAround(f, p, s.urgent, d, from, data)
		} else {
			t.deliver(f, p, d, data)
		}
	}
	if missing > 0 {
		t.lose(f, p, d, missing)
	}
}

// lose says that n bytes of direction d will never come.
func (t *Table) lose(f *Flow, p *packet.Packet, d protocol.Dir, n uint32) {
	f.next[d] += n
	if !f.has(bitQuiet) {
		t.gap(f, p, d, int(n))
	}
}

// hold keeps a segment that came early, copying its data.
func (t *Table) hold(f *Flow, p *packet.Packet, d protocol.Dir, seg segment) {
	s := t.sideFor(f)
	h := &s.halves[d]
	for h.waiting() >= maxSegments || h.heldBytes+len(seg.data) > t.cfg.FlowHeldBytes {
		if h.waiting() == 0 {
			t.lose(f, p, d, seg.seq-f.next[d])
		} else {
			t.giveUpHole(f, p, d)
		}
		if f.has(bitQuiet) {
			return
		}
		if int32(seg.seq-f.next[d]) <= 0 {
			if !seg.fin {
				t.segment(f, p, d, seg.seq, seg.data, seg.missing)
			} else if seg.seq == f.next[d] {
				f.next[d]++
			}
			return
		}
	}
	t.insertSegment(f, p, s, h, seg)
	if h.heldBytes > oneWayHeld && f.OneWay() {
		t.giveUpHole(f, p, d)
	}
}

// insertSegment puts seg among those that wait, in pieces where it reaches around them. Where it overlaps what is
// there already, the bytes that came first win: a policy that does not depend on the segments' lengths, and what
// most receivers do with data that they have not passed on yet.
func (t *Table) insertSegment(f *Flow, p *packet.Packet, s *side, h *half, seg segment) {
	h.compact()
	i, _ := slices.BinarySearchFunc(h.segments, seg.seq+1, func(s segment, seq uint32) int { return int(int32(s.seq - seq)) })
	if seg.fin {
		if i == 0 || !h.segments[i-1].fin {
			h.insert(i, seg)
			t.held(s, segmentCost)
		}
		return
	}
	for data, seq := seg.data, seg.seq; ; i++ {
		if i > 0 {
			prev := &h.segments[i-1]
			if over := int32(prev.seq + uint32(len(prev.data)) - seq); over > 0 {
				n := min(int(over), len(data))
				t.Stats.Overlap++
				if !bytes.Equal(prev.data[len(prev.data)-int(over):][:n], data[:n]) {
					t.Stats.OverlapDifferent++
					t.anomaly(f, p, OverlapDifferentData)
				}
				data = data[n:]
				seq += uint32(n)
			}
		}
		if len(data) == 0 {
			return
		}
		part := data
		if i < len(h.segments) {
			part = part[:min(len(part), int(h.segments[i].seq-seq))]
		}
		if len(part) == 0 {
			continue
		}
		missing := uint32(0)
		if len(part) == len(data) {
			missing = seg.missing
		}
		switch {
		case h.joinBehind(i-1, seq, part, missing):
			i--
		case h.joinBefore(i, seq, part, missing):
		default:
			piece := segment{seq: seq, data: append(t.buffers.get(len(part)), part...), missing: missing}
			h.insert(i, piece)
			t.held(s, cap(piece.data)+segmentCost)
		}
		h.heldBytes += len(part)
		data = data[len(part):]
		seq += uint32(len(part))
	}
}

// joinBehind puts part at the end of segment i, if it adjoins and there is room in its buffer: tiny segments would
// otherwise take much more memory than they bring.
func (h *half) joinBehind(i int, seq uint32, part []byte, missing uint32) bool {
	if i < 0 {
		return false
	}
	p := &h.segments[i]
	n := len(p.data)
	if p.fin || p.missing > 0 || p.seq+uint32(n) != seq || n+len(part) > cap(p.data) {
		return false
	}
	p.data = append(p.data, part...)
	p.missing = missing
	return true
}

// joinBefore puts part at the beginning of segment i, likewise.
func (h *half) joinBefore(i int, seq uint32, part []byte, missing uint32) bool {
	if i == len(h.segments) || missing > 0 {
		return false
	}
	p := &h.segments[i]
	n := len(p.data)
	if p.fin || seq+uint32(len(part)) != p.seq || n+len(part) > cap(p.data) {
		return false
	}
	p.data = p.data[:n+len(part)]
	copy(p.data[len(part):], p.data[:n])
	copy(p.data, part)
	p.seq = seq
	return true
}

// drain passes on held segments that are next in order.
func (t *Table) drain(f *Flow, p *packet.Packet, d protocol.Dir) {
	for {
		s := t.sideOf(f)
		if s == nil {
			return
		}
		h := &s.halves[d]
		if h.waiting() == 0 {
			return
		}
		seg := h.segments[h.first]
		ahead := int32(seg.seq - f.next[d])
		if ahead > 0 {
			return
		}
		h.shift()
		h.heldBytes -= len(seg.data)
		h.acked = 0
		t.unheld(s, cap(seg.data)+segmentCost)
		if seg.fin {
			if ahead == 0 {
				f.next[d]++
			}
			continue
		}
		missing := seg.missing
		if h.waiting() > 0 { // what was cut off here may have come with another segment
			missing = min(missing, h.segments[h.first].seq-seg.seq-uint32(len(seg.data)))
		}
		old := min(int(-ahead), len(seg.data))
		missing -= min(missing, uint32(int(-ahead)-old))
		if data := seg.data[old:]; len(data) > 0 || missing > 0 {
			t.accept(f, p, d, data, missing)
		}
		t.buffers.put(seg.data)
	}
}

// giveUpHole declares what is missing before the first held segment lost, and passes on what follows.
func (t *Table) giveUpHole(f *Flow, p *packet.Packet, d protocol.Dir) {
	s := t.sideOf(f)
	if s == nil || s.halves[d].waiting() == 0 {
		return
	}
	h := &s.halves[d]
	h.acked, h.early = 0, false
	if n := int32(h.segments[h.first].seq - f.next[d]); n > 0 {
		t.lose(f, p, d, uint32(n))
	}
	t.drain(f, p, d)
}

// acknowledged looks whether p acknowledges bytes of the other direction that were never seen.
func (t *Table) acknowledged(f *Flow, p *packet.Packet, d protocol.Dir) {
	for _, o := range [2]protocol.Dir{d.Reverse(), d} {
		s := t.sideOf(f)
		if s == nil {
			return
		}
		h := &s.halves[o]
		if h.waiting() == 0 {
			continue
		}
		if h.acked > 0 {
			if h.acked++; h.acked > patience {
				t.giveUpHole(f, p, o)
			}
		} else if o != d && p.Flags&packet.ACK != 0 && !h.early && int32(p.Ack-h.segments[h.first].seq) >= 0 {
			h.acked = 1
		}
	}
}

// flushHeld gives up all holes: nothing more will come.
func (t *Table) flushHeld(f *Flow, p *packet.Packet) {
	if f.Proto != packet.ProtoTCP {
		return
	}
	for d := protocol.ToServer; d <= protocol.ToClient; d++ {
		for {
			s := t.sideOf(f)
			if s == nil || s.halves[d].waiting() == 0 {
				break
			}
			t.giveUpHole(f, p, d)
		}
	}
}
