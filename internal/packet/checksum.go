package packet

import "encoding/binary"

// sum16 adds b to an unfolded RFC 1071 sum. b counts as big-endian; an odd last byte is padded with zero.
func sum16(sum uint64, b []byte) uint64 {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		sum += v>>32 + v&0xffffffff
		b = b[8:]
	}
	for len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// fold16 folds a sum into 16 bits. A sum over data and its correct checksum folds to 0xffff.
func fold16(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// pseudo sums the pseudo-header of p for a transport of n bytes (RFC 9293 section 3.1, RFC 8200 section 8.1).
func (p *Packet) pseudo(n int) uint64 {
	src, dst := p.Src[:], p.Dst[:]
	if p.Version == 4 {
		src, dst = src[12:], dst[12:]
	}
	return sum16(sum16(uint64(n)+uint64(p.Proto), src), dst)
}

// transportSum checks the checksum of the whole TCP segment, UDP datagram or ICMP message b.
func (p *Packet) transportSum(b []byte) bool {
	var sum uint64
	switch p.Proto {
	case ProtoUDP:
		// RFC 768 and RFC 6935: zero means that none was computed.
		if b[6]|b[7] == 0 {
			return true
		}
		sum = p.pseudo(len(b))
	case ProtoTCP, ProtoICMPv6:
		sum = p.pseudo(len(b))
	}
	return fold16(sum16(sum, b)) == 0xffff
}
