package packet

import "encoding/binary"

// IPv6 extension headers (IANA protocol numbers).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	protoESP       = 50
	extAH          = 51
	protoNone      = 59
	extDestination = 60
	extMobility    = 135
	extHIP         = 139
	extShim6       = 140
)

// maxExtensions bounds the extension headers of one packet. RFC 8200 section 4.1 knows of seven, but more are
// accepted by hosts: nobody shall hide a transport header behind them.
const maxExtensions = 256

// ipv6 decodes RFC 8200.
func (d *Decoder) ipv6(p *Packet, b []byte) Result {
	d.Counts.IPv6++
	if len(b) < 40 {
		return d.bad(p, EventIPv6PacketTooSmall)
	}
	payload := int(binary.BigEndian.Uint16(b[4:]))
	next := b[6]
	total := 40 + payload
	if payload == 0 {
		total = zeroLength6(b, d.beyond)
	}
	p.Version, p.Proto, p.TTL = 6, next, b[7]
	copy(p.Src[:], b[8:24])
	copy(p.Dst[:], b[24:40])
	p.IPLen = uint32(total)
	if total > len(b) {
		p.Cut, p.Missing = true, uint32(total-len(b))
		if d.beyond == 0 {
			d.note(p, EventIPv6TruncPacket)
		}
	} else {
		b = b[:total]
	}
	d.noSum = false
	if next == ProtoTCP || next == ProtoUDP || next == ProtoICMPv6 {
		return d.transport(p, b[40:])
	}
	return d.extensions(p, b)
}

// zeroLength6 is the total length of a packet whose payload length field is zero: a jumbogram by its hop-by-hop
// option (RFC 2675), an offloaded segment (its length was not known yet), or truly an empty packet.
func zeroLength6(b []byte, beyond int) int {
	const jumbo, maxJumbo = 0xc2, 1 << 31
	if b[6] == extHopByHop && len(b) >= 48 {
		options := b[42:min(len(b), 48+8*int(b[41]))]
		if v := option6(options, jumbo); len(v) == 4 {
			if n := binary.BigEndian.Uint32(v); n > 65535 && n < maxJumbo {
				return 40 + int(n)
			}
		}
	}
	// Ethernet pads short frames: few bytes more are no segment.
	const padding = 18
	if n := len(b) + beyond; (b[6] == ProtoTCP || b[6] == ProtoUDP) && n > 40+padding {
		return n
	}
	return 40
}

// extensions walks the extension headers of the packet b (bounded by its length) to the transport or the fragment.
func (d *Decoder) extensions(p *Packet, b []byte) Result {
	off := 40
	var seen [3]bool // hop-by-hop, routing, fragment
	for range maxExtensions {
		rest := b[off:]
		switch p.Proto {
		case extHopByHop, extRouting, extDestination, extMobility, extHIP, extShim6, extFragment, extAH:
			if len(rest) < 8 {
				return d.truncated6(p, rest)
			}
		case protoNone:
			if len(rest) > 0 {
				d.note(p, EventIPv6DataAfterNoneHeader)
			}
			p.Payload = rest
			return OK
		default:
			return d.transport(p, rest)
		}
		n := 8 + 8*int(rest[1])
		switch p.Proto {
		case extFragment:
			if seen[2] {
				d.note(p, EventIPv6ExtensionDuplicateFH)
			}
			seen[2] = true
			frag := binary.BigEndian.Uint16(rest[2:]) & 0xfff9
			if frag != 0 && (!p.Cut || frag > 1) {
				p.Proto = rest[0]
				p.Payload = b
				return Fragment
			}
			// RFC 6946: an atomic fragment is whole. A first one that was not captured whole goes on like in ipv4.
			if frag == 0 {
				d.note(p, EventIPv6ExtensionUselessFH)
			}
			n = 8
		case extHopByHop:
			if seen[0] {
				d.note(p, EventIPv6ExtensionDuplicateHH)
			}
			seen[0] = true
		case extRouting:
			if seen[1] {
				d.note(p, EventIPv6ExtensionDuplicateRH)
			}
			seen[1] = true
			if rest[2] == 0 {
				d.note(p, EventIPv6RHType0)
			}
			if rest[3] != 0 {
				d.finalDestination(p, rest[:min(n, len(rest))])
			}
		case extDestination:
			homeAddress(p, rest[:min(n, len(rest))])
		case extAH:
			n = 8 + 4*int(rest[1]) // RFC 4302 section 2.2: units of 4 bytes, minus 2
		case extMobility:
			// RFC 6275 section 6.1.1: nothing follows today; the header itself is the payload then.
			if rest[0] == protoNone {
				p.Payload = rest
				return OK
			}
		}
		if n > len(rest) {
			return d.truncated6(p, rest)
		}
		p.Proto = rest[0]
		off += n
	}
	d.Counts.TooManyLayers++
	d.note(p, EventTooManyLayers)
	p.Payload = b[off:]
	return OK
}

// finalDestination takes the last hop of a routing header with segments left, which the transport checksum covers
// (RFC 8200 section 8.1).
func (d *Decoder) finalDestination(p *Packet, h []byte) {
	const sourceRoute, mobile, segments = 0, 2, 4
	switch n := (len(h) - 8) / 16; {
	case h[2] == sourceRoute && n > 0 && int(h[3]) <= n:
		copy(p.Dst[:], h[8+16*(n-1):])
	case h[2] == mobile && n == 1 && h[3] == 1: // RFC 6275 section 6.4
		copy(p.Dst[:], h[8:24])
	case h[2] == segments && n > 0 && int(h[3]) <= int(h[4])+1: // RFC 8754: in reverse order
		copy(p.Dst[:], h[8:24])
	default:
		d.noSum = true
	}
}

// homeAddress takes the home address option (RFC 6275 section 6.3) of a destination options header.
func homeAddress(p *Packet, h []byte) {
	const home = 0xc9
	if v := option6(h[2:], home); len(v) == 16 {
		copy(p.Src[:], v)
	}
}

// option6 returns the value of the first option of type typ (RFC 8200 section 4.2), nil if there is none.
func option6(b []byte, typ byte) []byte {
	const pad1 = 0
	for len(b) > 1 {
		if b[0] == pad1 {
			b = b[1:]
			continue
		}
		n := 2 + int(b[1])
		if n > len(b) {
			break
		}
		if b[0] == typ {
			return b[2:n]
		}
		b = b[n:]
	}
	return nil
}

// truncated6 ends the walk in a header that is not whole: the addresses are known, the transport is not.
func (d *Decoder) truncated6(p *Packet, rest []byte) Result {
	if !p.Cut {
		d.Counts.Invalid++
		d.note(p, EventIPv6TruncExtension)
	}
	p.Payload = rest
	return OK
}
