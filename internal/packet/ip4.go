package packet

import "encoding/binary"

// ip decodes the IP packet at the start of b. want4 is what the layer below announced; the version field decides.
func (d *Decoder) ip(p *Packet, b []byte, want4 bool) Result {
	if len(b) >= 20 && want4 != (b[0]>>4 == 4) {
		if want4 {
			d.note(p, EventIPv4WrongIPVersion)
		} else {
			d.note(p, EventIPv6WrongIPVersion)
		}
		want4 = !want4
		if v := b[0] >> 4; v != 4 && v != 6 {
			d.Counts.Invalid++
			return Malformed
		}
	}
	if want4 {
		return d.ipv4(p, b)
	}
	return d.ipv6(p, b)
}

// rawIP decodes an IP packet that only its version field announces.
func (d *Decoder) rawIP(p *Packet, b []byte) Result {
	if len(b) == 0 || b[0]>>4 != 4 && b[0]>>4 != 6 {
		return d.bad(p, EventIPRawInvalidIPVersion)
	}
	return d.ip(p, b, b[0]>>4 == 4)
}

// ipv4 decodes RFC 791. b may be longer than the packet: link padding, and shorter: snapped.
func (d *Decoder) ipv4(p *Packet, b []byte) Result {
	d.Counts.IPv4++
	if len(b) < 20 {
		return d.bad(p, EventIPv4PacketTooSmall)
	}
	hl := int(b[0]&15) * 4
	if hl < 20 {
		return d.bad(p, EventIPv4HeaderLenTooSmall)
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < hl {
		if total != 0 {
			return d.bad(p, EventIPv4IPLenSmallerThanHeaderLen)
		}
		// Segmentation offload: the capture saw the packet before its length was known.
		total = len(b) + d.beyond
	}
	if hl > len(b) {
		return d.bad(p, EventIPv4TruncPacket)
	}
	p.Version, p.TTL, p.Proto = 4, b[8], b[9]
	p.Src.set4(b[12:])
	p.Dst.set4(b[16:])
	p.IPLen = uint32(total)
	if total > len(b) {
		p.Cut, p.Missing = true, uint32(total-len(b))
		if d.beyond == 0 {
			d.note(p, EventIPv4TruncPacket)
		}
	} else {
		b = b[:total]
	}
	if hl > 20 {
		d.options4(p, b[20:hl])
	}
	if d.CheckChecksums && fold16(sum16(0, b[:hl])) != 0xffff {
		p.BadChecksum = true
	}
	if d.vj {
		d.vj, p.Proto = false, ProtoTCP
	}
	if frag := binary.BigEndian.Uint16(b[6:]) & 0x3fff; frag != 0 && (!p.Cut || frag&0x1fff != 0) {
		// A first fragment that was not captured whole will never be put together: it is decoded as far as it goes.
		p.Payload = b
		return Fragment
	}
	d.noSum = false
	return d.transport(p, b[hl:])
}

// options4 walks the options; a broken list is an event, not a reason to drop the packet. The last hop of a source
// route that is not at its end is the destination (RFC 1122 section 3.2.1.8).
func (d *Decoder) options4(p *Packet, b []byte) {
	const looseRoute, strictRoute = 0x83, 0x89
	for len(b) > 0 {
		switch {
		case b[0] == 0: // end of list
			return
		case b[0] == 1: // no operation
			b = b[1:]
		case len(b) < 2:
			d.note(p, EventIPv4OptionMalformed)
			return
		case b[1] < 2 || int(b[1]) > len(b):
			d.note(p, EventIPv4OptionInvalidLen)
			return
		default:
			n := int(b[1])
			if (b[0] == looseRoute || b[0] == strictRoute) && n >= 7 && n%4 == 3 && int(b[2]) <= n-3 && b[2] >= 4 {
				p.Dst.set4(b[n-4:])
			}
			b = b[n:]
		}
	}
}
