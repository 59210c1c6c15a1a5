package flows

import (
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// early takes data in a SYN (TCP Fast Open, RFC 7413). A server that does not take part ignores it, so it waits until
// the SYN-ACK, or what the client sends next, tells whether it was accepted.
func (t *Table) early(f *Flow, p *packet.Packet, d protocol.Dir, seq uint32) {
	if f.has(bitQuiet) || seq != f.next[d] || len(p.Payload) > t.cfg.FlowHeldBytes {
		return
	}
	s := t.sideFor(f)
	h := &s.halves[d]
	if h.waiting() > 0 || h.early {
		return
	}
	h.early = true
	t.insertSegment(f, p, s, h, segment{seq: seq, data: p.Payload, missing: p.Missing})
}

// earlyAnswered decides about the data in the SYN of direction d by the SYN-ACK p.
func (t *Table) earlyAnswered(f *Flow, p *packet.Packet, s *side, d protocol.Dir) {
	h := &s.halves[d]
	if !h.early {
		return
	}
	h.early = false
	if int32(p.Ack-f.next[d]) <= 0 {
		t.dropSegments(s, h)
		return
	}
	t.drain(f, p, d)
}

// earlyRepeated decides about the data in the SYN by the next segment of the same side, at seq.
func (t *Table) earlyRepeated(f *Flow, p *packet.Packet, s *side, d protocol.Dir, seq uint32) {
	h := &s.halves[d]
	h.early = false
	if seq == f.next[d] {
		t.dropSegments(s, h)
		return
	}
	t.drain(f, p, d)
}

// urgent holds the places of the urgent bytes that have not been reached yet, the latest few.
type urgent struct {
	at [2][4]uint32
	n  [2]uint8
}

// urge notes that the byte at seq is urgent: it is out of band and no part of the stream, as Linux, Windows and the
// BSDs have it unless the receiver asks otherwise (RFC 6093). The urgent pointer's segment need not hold it.
func (t *Table) urge(f *Flow, d protocol.Dir, seq uint32) {
	if f.has(bitSeq0<<d) && int32(seq-f.next[d]) < 0 {
		return
	}
	s := t.sideFor(f)
	if s.urgent == nil {
		s.urgent = new(urgent)
	}
	u := s.urgent
	n := int(u.n[d])
	for _, at := range u.at[d][:n] {
		if at == seq {
			return
		}
	}
	if n == len(u.at[d]) {
		n = copy(u.at[d][:], u.at[d][1:])
	}
	u.at[d][n] = seq
	u.n[d] = uint8(n + 1)
}

// deliverAround delivers data, which begins at seq, without the urgent bytes.
func (t *Table) deliverAround(f *Flow, p *packet.Packet, u *urgent, d protocol.Dir, seq uint32, data []byte) {
	for len(data) > 0 && !f.has(bitQuiet) {
		at := len(data)
		left := uint8(0)
		for _, place := range u.at[d][:u.n[d]] {
			if i := int32(place - seq); i >= 0 {
				at = min(at, int(i))
				u.at[d][left] = place
				left++
			}
		}
		u.n[d] = left
		if at > 0 {
			t.deliver(f, p, d, data[:at])
		}
		if at == len(data) {
			return
		}
		t.Stats.UrgentBytes++
		data = data[at+1:]
		seq += uint32(at) + 1
	}
}
