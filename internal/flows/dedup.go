package flows

import (
	"encoding/binary"
	"hash/maphash"

	"netsensor/internal/packet"
)

// dedup remembers the packets of the last moments: 4,096 sets of four, 256 KiB. Where more packets than fit come
// within the window, the oldest of a set is forgotten and its copies are not recognised.
type dedup struct {
	window int64
	seed   maphash.Seed
	sets   [1 << setBits][4]sighting
}

const setBits = 12

type sighting struct {
	sum  uint64
	time int64
}

func newDedup(window int64) *dedup { return &dedup{window: window, seed: maphash.MakeSeed()} }

// seen reports whether the same packet of the same flow was seen within the window, and notes it. Packets are the
// same if their addresses, ports, IP lengths, TCP numbers and flags, and payloads are. MAC addresses and TTL may
// differ: a mirror shows routed packets twice. A copy that a host sends again comes later than any sensible window.
func (d *dedup) seen(p *packet.Packet, hash, context uint32) bool {
	var h maphash.Hash
	h.SetSeed(d.seed)
	key := [...]uint32{
		hash, context, p.IPLen, uint32(p.SrcPort)<<16 | uint32(p.DstPort), p.Seq, p.Ack,
		uint32(p.Flags)<<24 | uint32(p.Proto)<<16 | uint32(p.Window), uint32(p.Urgent),
	}
	maphash.WriteComparable(&h, key)
	maphash.WriteComparable(&h, [2]packet.Address{p.Src, p.Dst})
	_, _ = h.Write(p.Payload) // never fails
	sum := h.Sum64()
	set := &d.sets[place(p)]
	oldest := 0
	for i := range set {
		s := &set[i]
		if s.sum == sum && s.time != 0 && max(p.Time-s.time, s.time-p.Time) <= d.window {
			return true
		}
		if s.time < set[oldest].time {
			oldest = i
		}
	}
	set[oldest] = sighting{sum, p.Time}
	return false
}

// place chooses the set, other than the sum without a secret: what is forgotten is the same in every run.
func place(p *packet.Packet) uint32 {
	x := uint64(p.SrcPort)<<48 | uint64(p.DstPort)<<32 | uint64(p.Seq) + uint64(p.IPLen)
	x ^= binary.LittleEndian.Uint64(p.Src[8:])*0x9e3779b97f4a7c15 + binary.LittleEndian.Uint64(p.Dst[8:]) + uint64(p.Ack)<<20
	if len(p.Payload) >= 8 {
		x ^= binary.LittleEndian.Uint64(p.Payload) * 0xd6e8feb86659fd93
	}
	x *= 0x9e3779b97f4a7c15
	return uint32(x >> (64 - setBits))
}
