package packet

// maxOffload bounds the pairs that an Offload remembers; beyond it starts anew.
const maxOffload = 1 << 16

// Offload tells damaged packets from those whose checksum the sender leaves to its network card: a capture on
// the sending machine sees such packets before the card has filled in the checksum, and every one is wrong. The zero
// value is ready. It looks at each direction of a pair of hosts by itself, so what it says does not depend on how the
// packets of other hosts are spread over workers (as long as there are fewer than 65,536 pairs).
type Offload struct {
	good map[offloadKey]bool
}

type offloadKey struct {
	src, dst Address
	proto    uint8
}

// Damaged notes the checksum of p, which a decoder with CheckChecksums filled, and reports whether p is to be
// dropped: its checksum is wrong, and its sender has sent right ones.
func (o *Offload) Damaged(p *Packet) bool {
	key := offloadKey{p.Src, p.Dst, p.Proto}
	if p.BadChecksum {
		return o.good[key]
	}
	if p.Cut || p.Version == 0 {
		return false // nothing was verified
	}
	if !o.good[key] {
		if o.good == nil || len(o.good) >= maxOffload {
			o.good = make(map[offloadKey]bool)
		}
		o.good[key] = true
	}
	return false
}
