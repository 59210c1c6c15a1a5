package flows

import (
	"bytes"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// segment is a piece of a TCP stream that waits for what comes before it.
type segment struct {
	seq  uint32
	data []byte // from buffers
	// missing bytes follow the data: they were not captured.
	missing uint32
}

const (
	maxSegments = 1024
	// A hole that the receiver has acknowledged is the sensor's loss. It is given up only after this many more
	// packets of the flow, since a SPAN port may deliver an acknowledgement before the data.
	patience = 16
	// Without acknowledgements (a one-way capture) this many bytes beyond a hole give it up.
	oneWayHeld = 64 << 10
	// Sequence numbers further ahead than this are another connection's or forged.
	maxAhead = 32 << 20
)

// segment takes the payload at seq of direction d.
func (t *Table) segment(f *Flow, p *packet.Packet, d protocol.Dir, seq uint32) {
	data, missing := p.Payload, p.Missing
	if !f.has(bitSeq0 << d) {
		f.bits |= bitSeq0 << d
		f.next[d] = seq
	}
	ahead := int32(seq - f.next[d])
	if f.odd&oddAck != 0 && (ahead == -1 && len(data) > 1 || f.odd&oddSeq != 0) {
		f.odd |= oddSeq
		t.deliver(f, p, d, data)
		return
	}
	if f.has(bitQuiet) {
		if end := seq + uint32(len(data)) + missing; int32(end-f.next[d]) > 0 {
			f.next[d] = end
		}
		return
	}
	if ahead > maxAhead || ahead < -maxAhead {
		return
	}
	if ahead < 0 {
		t.Stats.Retransmitted++
		if uint32(-ahead) >= uint32(len(data)) {
			return
		}
		data = data[-ahead:]
		ahead = 0
	}
	if ahead > 0 {
		t.Stats.OutOfOrder++
		t.hold(f, p, d, seq, data, missing)
		return
	}
	t.accept(f, p, d, data, missing)
	if s := t.sideOf(f); s != nil && len(s.dirs[d].segments) > 0 {
		t.drain(f, p, d)
	}
}

// accept passes on bytes that are next in order.
func (t *Table) accept(f *Flow, p *packet.Packet, d protocol.Dir, data []byte, missing uint32) {
	f.next[d] += uint32(len(data))
	if len(data) > 0 {
		t.deliver(f, p, d, data)
	}
	if missing > 0 {
		t.lose(f, p, d, missing)
	}
}

// lose says that n bytes of direction d will never come.
func (t *Table) lose(f *Flow, p *packet.Packet, d protocol.Dir, n uint32) {
	f.next[d] += n
	if f.has(bitQuiet) {
		return
	}
	t.gap(f, p, d, int(n))
}

// hold keeps a segment that came early. Where it overlaps what is held already, the bytes that came first win.
func (t *Table) hold(f *Flow, p *packet.Packet, d protocol.Dir, seq uint32, data []byte, missing uint32) {
	s := t.sideFor(f)
	h := &s.dirs[d]
	i := len(h.segments)
	for i > 0 && int32(h.segments[i-1].seq-seq) > 0 {
		i--
	}
	for {
		if i > 0 {
			prev := &h.segments[i-1]
			if over := int32(prev.seq + uint32(len(prev.data)) - seq); over > 0 {
				n := min(int(over), len(data))
				t.Stats.Overlap++
				if !bytes.Equal(prev.data[len(prev.data)-int(over):][:n], data[:n]) {
					t.Stats.OverlapDifferent++
					t.handler.Anomaly(f, p, "stream.reassembly_overlap_different_data")
				}
				data = data[n:]
				seq += uint32(n)
			}
		}
		if len(data) == 0 {
			break
		}
		part := data
		if i < len(h.segments) {
			if room := int32(h.segments[i].seq - seq); int(room) < len(part) {
				part = part[:room]
			}
		}
		if len(part) > 0 {
			if len(h.segments) >= maxSegments || h.heldBytes+len(part) > t.cfg.FlowHeldBytes {
				t.giveUpHole(f, p, d)
				if !f.has(bitQuiet) {
					t.segment(f, &packet.Packet{Payload: data, Missing: missing}, d, seq)
				}
				return
			}
			seg := segment{seq: seq, data: append(t.buffers.get(len(part)), part...)}
			if len(part) == len(data) {
				seg.missing = missing
			}
			h.segments = append(h.segments, segment{})
			copy(h.segments[i+1:], h.segments[i:])
			h.segments[i] = seg
			h.heldBytes += len(part)
			t.held(s, cap(seg.data))
			data = data[len(part):]
			seq += uint32(len(part))
		}
		i++
		if len(data) == 0 {
			break
		}
	}
	if h.heldBytes > oneWayHeld && f.OneWay() {
		t.giveUpHole(f, p, d)
	}
}

// drain passes on held segments that are next in order.
func (t *Table) drain(f *Flow, p *packet.Packet, d protocol.Dir) {
	for {
		s := t.sideOf(f)
		if s == nil {
			return
		}
		h := &s.dirs[d]
		if len(h.segments) == 0 {
			h.acked = 0
			return
		}
		seg := h.segments[0]
		ahead := int32(seg.seq - f.next[d])
		if ahead > 0 {
			return
		}
		h.segments = append(h.segments[:0], h.segments[1:]...)
		h.heldBytes -= len(seg.data)
		data := seg.data
		missing := seg.missing
		if ahead < 0 {
			n := min(int(-ahead), len(data))
			data = data[n:]
		}
		if len(data) > 0 || missing > 0 && ahead == 0 {
			t.accept(f, p, d, data, missing)
		}
		t.unheld(s, cap(seg.data))
		t.buffers.put(seg.data)
	}
}

// giveUpHole declares what is missing before the first held segment lost, and passes on what follows.
func (t *Table) giveUpHole(f *Flow, p *packet.Packet, d protocol.Dir) {
	s := t.sideOf(f)
	if s == nil || len(s.dirs[d].segments) == 0 {
		return
	}
	s.dirs[d].acked = 0
	if n := int32(s.dirs[d].segments[0].seq - f.next[d]); n > 0 {
		t.lose(f, p, d, uint32(n))
	}
	t.drain(f, p, d)
}

// acknowledged looks whether p acknowledges bytes of the other direction that were never seen.
func (t *Table) acknowledged(f *Flow, p *packet.Packet, d protocol.Dir) {
	s := t.sideOf(f)
	if s == nil {
		return
	}
	for _, o := range [2]protocol.Dir{d.Reverse(), d} {
		h := &s.dirs[o]
		if len(h.segments) == 0 {
			continue
		}
		if h.acked > 0 {
			if h.acked++; h.acked > patience {
				t.giveUpHole(f, p, o)
				if s = t.sideOf(f); s == nil {
					return
				}
			}
		} else if o != d && p.Flags&packet.ACK != 0 && int32(p.Ack-h.segments[0].seq) >= 0 {
			h.acked = 1
		}
	}
}

// flushHeld gives up all holes: nothing more will come.
func (t *Table) flushHeld(f *Flow, p *packet.Packet) {
	for d := protocol.ToServer; d <= protocol.ToClient; d++ {
		for {
			s := t.sideOf(f)
			if s == nil || len(s.dirs[d].segments) == 0 {
				break
			}
			t.giveUpHole(f, p, d)
		}
	}
}
