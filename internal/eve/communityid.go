package eve

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// AppendCommunityID appends the Community ID v1 of a flow. For ICMP and ICMPv6 the ports are type and code. The
// order of the endpoints does not matter.
func AppendCommunityID(dst []byte, seed uint16, proto uint8, src, dstAddr netip.Addr, sport, dport uint16) []byte {
	var buf [40]byte
	a, b := src.Unmap(), dstAddr.Unmap()
	oneWay := false
	switch proto {
	case 1:
		sport, dport, oneWay = icmpPeer(sport, dport, &icmp4Peers)
	case 58:
		sport, dport, oneWay = icmpPeer(sport, dport, &icmp6Peers)
	}
	if !oneWay {
		if c := a.Compare(b); c > 0 || c == 0 && sport > dport {
			a, b, sport, dport = b, a, dport, sport
		}
	}
	in := binary.BigEndian.AppendUint16(buf[:0], seed)
	in = appendRaw(in, a)
	in = appendRaw(in, b)
	in = append(in, proto, 0)
	switch proto {
	case 1, 6, 17, 58, 132:
		in = binary.BigEndian.AppendUint16(in, sport)
		in = binary.BigEndian.AppendUint16(in, dport)
	}
	sum := sha1.Sum(in)
	dst = append(dst, '1', ':')
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

func appendRaw(dst []byte, a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return append(dst, b[:]...)
	}
	b := a.As16()
	return append(dst, b[:]...)
}

// The message types that answer each other, by the Community ID specification; 1 is added so that 0 means none.
var (
	icmp4Peers = [256]uint8{8: 0 + 1, 0: 8 + 1, 13: 14 + 1, 14: 13 + 1, 15: 16 + 1, 16: 15 + 1, 10: 9 + 1, 9: 10 + 1, 17: 18 + 1, 18: 17 + 1}
	icmp6Peers = [256]uint8{128: 129 + 1, 129: 128 + 1, 133: 134 + 1, 134: 133 + 1, 135: 136 + 1, 136: 135 + 1, 130: 131 + 1, 131: 130 + 1, 139: 140 + 1, 140: 139 + 1, 144: 145 + 1, 145: 144 + 1}
)

// icmpPeer gives the two numbers that stand for the ports, and whether the message has no counterpart.
func icmpPeer(typ, code uint16, peers *[256]uint8) (uint16, uint16, bool) {
	if p := peers[uint8(typ)]; p != 0 {
		return typ, uint16(p - 1), false
	}
	return typ, code, true
}
