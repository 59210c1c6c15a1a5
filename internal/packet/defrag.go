package packet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// Bounds of reassembly where Defrag's fields are zero, and those that are not adjustable.
const (
	defaultDefragMemory   = 16 << 20
	defaultDefragTrackers = 16384
	timeout4              = 30e9 // ns: the time that BSD and Linux wait
	timeout6              = 60e9 // ns: RFC 8200 section 4.5
	maxDatagram           = 65535
	maxPieces             = 2048 // 64 KB in fragments of a 68 byte MTU are 1366
	trackerCost           = 256  // bytes that a tracker counts for besides its buffers
	spareTrackers         = 64
	spareBuffer           = 16 << 10
)

// Defrag puts IPv4 and IPv6 fragments together. The zero value is ready. It belongs to one goroutine.
//
// Overlaps: for IPv4 the bytes that came first win; for IPv6 an overlap discards the whole datagram, with what
// still comes of it (RFC 5722). Repeated fragments are ignored. Nothing above IP is looked at before the datagram
// is whole, so tiny fragments hide nothing. When a bound is reached the oldest datagram is given up.
type Defrag struct {
	// MaxMemory bounds the bytes held, in all; 0 means 16 MiB. MaxTrackers bounds the unfinished datagrams; 0 means 16384.
	MaxMemory   int
	MaxTrackers int

	// Stats are the counters, Counts the decoder events that reassembly raises: to be added to the decoders' own.
	Stats  DefragStats
	Counts Counts

	trackers map[fragKey]*tracker
	queues   [2]queue // by family: IPv4, IPv6; oldest first
	spare    []*tracker
}

// DefragStats are named after the keys of EVE's stats.defrag.
type DefragStats struct {
	IPv4, IPv6 DefragFamily
	// MaxFragsReached counts fragments refused because their datagram had too many or was too long,
	// MaxTrackersReached datagrams given up because there were too many or they held too much.
	MaxFragsReached, MaxTrackersReached uint64
	// Memuse is how many bytes are held now.
	Memuse int
}

// DefragFamily counts for one IP version.
type DefragFamily struct{ Fragments, Reassembled, Timeouts uint64 }

// Walk calls f with each counter by its dotted key within stats.defrag, in the order of the schema.
func (s *DefragStats) Walk(f func(key string, value uint64)) {
	f("ipv4.fragments", s.IPv4.Fragments)
	f("ipv4.reassembled", s.IPv4.Reassembled)
	f("ipv4.timeouts", s.IPv4.Timeouts)
	f("ipv6.fragments", s.IPv6.Fragments)
	f("ipv6.reassembled", s.IPv6.Reassembled)
	f("ipv6.timeouts", s.IPv6.Timeouts)
	f("max_frags_reached", s.MaxFragsReached)
	f("max_trackers_reached", s.MaxTrackersReached)
	f("memuse", uint64(s.Memuse))
}

// fragKey tells datagrams apart. VLANs and tunnels have address spaces of their own.
type fragKey struct {
	src, dst       Address
	outSrc, outDst Address
	id, tunnel     uint32
	vlans          [2]uint16
	proto, version uint8
	depth          uint8
}

// piece is a run of bytes of the datagram's payload.
type piece struct {
	off, end uint32 // in the payload of the datagram
	pos      uint32 // in tracker.data
}

// tracker is an unfinished datagram.
type tracker struct {
	key        fragKey
	first      int64 // time of the first fragment, ns
	prev, next *tracker
	header     []byte // of the fragment at offset 0, without the fragment header
	data       []byte
	pieces     []piece // sorted, disjoint
	have       uint32  // bytes in pieces
	end        uint32  // length of the payload, once the last fragment came
	nextField  int     // IPv6: where header holds the protocol of the payload
	ended      bool
	dropped    bool // RFC 5722: nothing of it is wanted any more
	cost       int
}

// queue is a list of trackers in the order of their creation.
type queue struct{ head, tail *tracker }

func (q *queue) push(t *tracker) {
	t.prev, t.next = q.tail, nil
	if q.tail != nil {
		q.tail.next = t
	} else {
		q.head = t
	}
	q.tail = t
}

func (q *queue) remove(t *tracker) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		q.head = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		q.tail = t.prev
	}
	t.prev, t.next = nil, nil
}

// fragment is what one fragment says.
type fragment struct {
	header    []byte // what goes in front of the payload
	nextField int    // IPv6: offset of the next header field that named the fragment header
	proto     byte   // IPv6: what the fragment header names
	data      []byte
	id        uint32
	off       uint32
	more      bool
}

// parseFragment takes apart an IP packet that Decode called a Fragment.
func parseFragment(b []byte) (f fragment, ok bool) {
	if len(b) < 20 {
		return f, false
	}
	if b[0]>>4 == 4 {
		hl := int(b[0]&15) * 4
		if hl < 20 || hl > len(b) {
			return f, false
		}
		flags := binary.BigEndian.Uint16(b[6:])
		return fragment{
			header: b[:hl], data: b[hl:], id: uint32(binary.BigEndian.Uint16(b[4:])),
			off: uint32(flags&0x1fff) * 8, more: flags&0x2000 != 0,
		}, true
	}
	if len(b) < 48 {
		return f, false
	}
	field, next, off := 6, b[6], 40
	for range maxExtensions {
		if len(b)-off < 8 {
			return f, false
		}
		h := b[off:]
		n := 8 + 8*int(h[1])
		switch next {
		case extFragment:
			v := binary.BigEndian.Uint16(h[2:])
			if v&0xfff9 == 0 { // an atomic fragment stays part of the header
				n = 8
				break
			}
			return fragment{
				header: b[:off], nextField: field, proto: h[0], data: h[8:],
				id: binary.BigEndian.Uint32(h[4:]), off: uint32(v &^ 7), more: v&1 != 0,
			}, true
		case extAH:
			n = 8 + 4*int(h[1])
		}
		if n > len(h) {
			return f, false
		}
		field, next, off = off, h[0], off+n
	}
	return f, false
}

// Add takes the fragment p, for which Decode or DecodeIP returned Fragment. When it completes a datagram, Add
// appends it, an IP packet with its header, to buf and returns the result for Decoder.DecodeIP; done is false
// otherwise. Fragments that were not captured whole are counted and dropped.
func (f *Defrag) Add(p *Packet, buf []byte) (datagram []byte, done bool) {
	family, timeouts := &f.Stats.IPv4, 0
	if p.Version == 6 {
		family, timeouts = &f.Stats.IPv6, 1
	}
	family.Fragments++
	f.expire(p.Time)
	fr, ok := parseFragment(p.Payload)
	if !ok || p.Cut {
		return buf, false
	}
	if !f.sound(p, &fr) {
		return buf, false
	}
	key := fragKey{
		src: p.Src, dst: p.Dst, outSrc: p.Tunnel.Src, outDst: p.Tunnel.Dst, id: fr.id, tunnel: p.Tunnel.ID,
		vlans: [2]uint16{p.VLANs[0], p.VLANs[1]}, version: p.Version, depth: p.Tunnel.Depth,
	}
	if p.Version == 4 {
		key.proto = p.Proto // RFC 8200 tells datagrams apart without it, RFC 791 with it
	}
	t := f.trackers[key]
	if t == nil {
		t = f.open(key, p.Time, &f.queues[timeouts])
	}
	if t.dropped {
		f.event(p, EventIPv6FragmentIgnored)
		return buf, false
	}
	f.insert(p, t, &fr)
	if t.dropped {
		t.release()
	}
	f.charge(t)
	if t.ended && t.have == t.end && len(t.header) != 0 {
		if datagram, done = t.assemble(buf); done {
			family.Reassembled++
		}
		f.close(t)
		return datagram, done
	}
	f.shrink(t)
	return buf, false
}

// sound refuses fragments that cannot be part of any datagram.
func (f *Defrag) sound(p *Packet, fr *fragment) bool {
	large, length := EventIPv4FragmentPacketTooLarge, EventIPv4FragmentIgnored
	header := len(fr.header)
	if p.Version == 6 {
		large, length = EventIPv6FragmentPacketTooLarge, EventIPv6FragmentInvalidLength
		header -= 40 // the payload length field does not count the fixed header
	}
	switch {
	case len(fr.data) == 0, fr.more && len(fr.data)%8 != 0:
		f.event(p, length)
		return false
	case header+int(fr.off)+len(fr.data) > maxDatagram:
		f.event(p, large)
		return false
	}
	return true
}

func (f *Defrag) event(p *Packet, e Event) {
	f.Counts.Events[e]++
	p.event(e)
}

// insert puts the bytes of fr where they belong.
func (f *Defrag) insert(p *Packet, t *tracker, fr *fragment) {
	off, end := fr.off, fr.off+uint32(len(fr.data))
	v6 := p.Version == 6
	// Bytes beyond the end, or a second, different end: the first one to say so is believed.
	last := uint32(0)
	if n := len(t.pieces); n > 0 {
		last = t.pieces[n-1].end
	}
	if t.ended && (end > t.end || !fr.more && end != t.end) || !fr.more && end < last {
		t.dropped = v6
		f.overlap(p)
		return
	}
	if len(t.pieces) >= maxPieces {
		f.Stats.MaxFragsReached++
		return
	}
	if !t.add(off, end, fr.data, v6) {
		f.overlap(p)
	}
	if t.dropped {
		return
	}
	if !fr.more {
		t.ended, t.end = true, end
	}
	if off == 0 && len(t.header) == 0 {
		t.header = append(t.header, fr.header...)
		t.nextField = fr.nextField
		if v6 {
			t.header[fr.nextField] = fr.proto
		}
	}
}

func (f *Defrag) overlap(p *Packet) {
	if p.Version == 6 {
		f.event(p, EventIPv6FragmentOverlap)
	} else {
		f.event(p, EventIPv4FragmentOverlap)
	}
}

// add inserts those bytes of [off, end) that are not there yet. It returns false for an overlap that is not a
// mere repetition, which drops the datagram when strict is set.
func (t *tracker) add(off, end uint32, data []byte, strict bool) bool {
	// The first piece that ends beyond off.
	lo, hi := 0, len(t.pieces)
	for lo < hi {
		if m := (lo + hi) / 2; t.pieces[m].end <= off {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == len(t.pieces) || t.pieces[lo].off >= end {
		t.place(lo, off, end, data)
		return true
	}
	if q := t.pieces[lo]; q.off == off && q.end == end && bytes.Equal(t.data[q.pos:q.pos+end-off], data) {
		return true
	}
	if strict {
		t.dropped = true
		return false
	}
	// First wins: fill the gaps between the pieces that are there. They are appended and then sorted, because one
	// fragment can fill a thousand gaps.
	n := len(t.pieces)
	for at := off; at < end; lo++ {
		if lo == n || t.pieces[lo].off >= end {
			t.place(len(t.pieces), at, end, data[at-off:])
			break
		}
		q := t.pieces[lo]
		if q.off > at {
			t.place(len(t.pieces), at, q.off, data[at-off:q.off-off])
		}
		at = q.end
	}
	slices.SortFunc(t.pieces, func(a, b piece) int { return cmp.Compare(a.off, b.off) })
	return false
}

// place inserts one disjoint piece at index i.
func (t *tracker) place(i int, off, end uint32, data []byte) {
	t.pieces = append(t.pieces, piece{})
	copy(t.pieces[i+1:], t.pieces[i:])
	t.pieces[i] = piece{off: off, end: end, pos: uint32(len(t.data))}
	t.data = append(t.data, data...)
	t.have += end - off
}

// assemble appends the datagram to buf, its header mended as if it had never been cut up.
func (t *tracker) assemble(buf []byte) ([]byte, bool) {
	start := len(buf)
	buf = append(buf, t.header...)
	for _, q := range t.pieces {
		buf = append(buf, t.data[q.pos:q.pos+q.end-q.off]...)
	}
	h := buf[start:]
	if t.key.version == 6 {
		if len(h)-40 > maxDatagram {
			return buf[:start], false
		}
		binary.BigEndian.PutUint16(h[4:], uint16(len(h)-40))
		return buf, true
	}
	if len(h) > maxDatagram {
		return buf[:start], false
	}
	// The checksum is mended by the difference, so that a wrong one stays wrong (RFC 1624).
	sum := uint64(^binary.BigEndian.Uint16(h[10:]))
	sum += uint64(^binary.BigEndian.Uint16(h[2:])) + uint64(^binary.BigEndian.Uint16(h[6:]))
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)))
	h[6] &= 0x40 // don't fragment may stay
	h[7] = 0
	sum += uint64(len(h)) + uint64(h[6])<<8
	binary.BigEndian.PutUint16(h[10:], ^fold16(sum))
	return buf, true
}
