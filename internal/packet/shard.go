package packet

import (
	"encoding/binary"
	"math/bits"
)

// Odd constants with well spread bits, for mixing. They are fixed: a capture is sharded alike on every machine.
const (
	mix1 = 0x9e3779b97f4a7c15
	mix2 = 0xd6e8feb86659fd93
	mix3 = 0xa0761d6478bd642f
)

// pairHash mixes two words that stand for the two addresses; it is the same for both orders.
func pairHash(a, b uint64) uint32 {
	if a > b {
		a, b = b, a
	}
	hi, lo := bits.Mul64(a^mix1, b^mix2)
	hi, lo = bits.Mul64(hi^lo^mix3, mix1)
	return uint32((hi ^ lo) >> 32)
}

// fold6 makes one word of an IPv6 address.
func fold6(b []byte) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(b)^mix2, mix3)
	return hi ^ lo ^ bits.RotateLeft64(binary.LittleEndian.Uint64(b[8:])*mix1, 29)
}

// Shard returns the hash of the address pair of p by which packets are given to workers: the same for both
// directions, the same that the function Shard gives for a plain frame. It is 0 without an IP layer.
func (p *Packet) Shard() uint32 {
	switch p.Version {
	case 4:
		return pairHash(uint64(binary.LittleEndian.Uint32(p.Src[12:])), uint64(binary.LittleEndian.Uint32(p.Dst[12:])))
	case 6:
		return pairHash(fold6(p.Src[:]), fold6(p.Dst[:]))
	}
	return 0
}

// Shard looks at a frame no further than needed to pick its worker. plain says that the outer IP packet is the one
// that Decode will describe: not a fragment, nothing that may be a tunnel, no extension header; then hash is
// that packet's Packet.Shard. When plain is false the frame must be decoded to know. Decoders with their own tunnel
// ports use Decoder.Shard.
func Shard(link LinkType, frame []byte) (hash uint32, plain bool) {
	return (*Decoder)(nil).Shard(link, frame)
}

// Shard is the function Shard for the frames that d decodes: it heeds d's tunnel ports too.
func (d *Decoder) Shard(link LinkType, frame []byte) (hash uint32, plain bool) {
	off := 0
	var typ uint16
	switch link {
	case LinkEthernet:
		if len(frame) < 34 {
			return 0, false
		}
		typ, off = binary.BigEndian.Uint16(frame[12:]), 14
		for range 2 {
			if typ != typeVLAN && typ != typeQinQ {
				break
			}
			typ = binary.BigEndian.Uint16(frame[off+2:])
			off += 4
		}
		if typ != typeIPv4 && typ != typeIPv6 {
			return 0, false
		}
	case LinkRaw, LinkIPv4, LinkIPv6, linkRawBSD, linkRawOpenBSD:
		if len(frame) == 0 {
			return 0, false
		}
		typ = typeIPv6
		if frame[0]>>4 == 4 {
			typ = typeIPv4
		}
	default:
		return 0, false
	}
	b := frame[off:]
	if typ == typeIPv4 {
		if len(b) < 28 || b[0] != 0x45 || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 || !d.plainProto(b[9], ProtoICMP, b[20:]) {
			return 0, false
		}
		return pairHash(uint64(binary.LittleEndian.Uint32(b[12:])), uint64(binary.LittleEndian.Uint32(b[16:]))), true
	}
	if len(b) < 48 || b[0]>>4 != 6 || !d.plainProto(b[6], ProtoICMPv6, b[40:]) {
		return 0, false
	}
	return pairHash(fold6(b[8:24]), fold6(b[24:40])), true
}

func (d *Decoder) plainProto(proto, icmp byte, b []byte) bool {
	switch proto {
	case ProtoTCP, icmp:
		return true
	case ProtoUDP:
		return !d.tunnelPort(binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]))
	}
	return false
}
