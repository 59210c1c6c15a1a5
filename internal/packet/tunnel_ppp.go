package packet

import "encoding/binary"

// gtp decodes the user plane of GTP version 1 (3GPP TS 29.281).
func (d *Decoder) gtp(p *Packet, b []byte) Result {
	const pdu = 255
	if len(b) < 8 || b[0]>>4 != 3 || b[1] != pdu {
		return OK
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if 8+length > len(b) && !p.Cut {
		return OK
	}
	teid := binary.BigEndian.Uint32(b[4:])
	in := b[8:min(len(b), 8+length)]
	if b[0]&7 != 0 {
		if len(in) < 4 {
			return OK
		}
		next := in[3]
		in = in[4:]
		const maxExtensionHeaders = 8
		for i := 0; next != 0 && b[0]&4 != 0; i++ {
			if len(in) == 0 || i == maxExtensionHeaders {
				return OK
			}
			n := 4 * int(in[0])
			if n == 0 || n > len(in) {
				return OK
			}
			next = in[n-1]
			in = in[n:]
		}
	}
	typ := ipType(in)
	if !plausible(typ, in, p.Cut) {
		// A 5G session may carry Ethernet.
		if typ = typeTEB; !plausible(typ, in, p.Cut) {
			return OK
		}
	}
	d.Counts.GTP++
	return d.enter(p, TunnelGTP, teid, false, typ, in, false)
}

// l2tp decodes data messages of L2TP version 2 (RFC 2661), and of version 3 over UDP (RFC 3931).
func (d *Decoder) l2tp(p *Packet, b []byte) Result {
	const control, length, sequence, offset = 0x8000, 0x4000, 0x0800, 0x0200
	if len(b) < 8 {
		return OK
	}
	flags := binary.BigEndian.Uint16(b)
	if flags&control != 0 {
		return OK
	}
	if flags&0x0f == 3 {
		return d.l2tp3(p, binary.BigEndian.Uint32(b[4:]), b[8:])
	}
	if flags&0x0f != 2 {
		return OK
	}
	n := 2
	if flags&length != 0 {
		l := int(binary.BigEndian.Uint16(b[2:]))
		if l > len(b) && !p.Cut || l < 8 {
			return OK
		}
		b = b[:min(l, len(b))]
		n += 2
	}
	if len(b) < n+4 {
		return OK
	}
	session := binary.BigEndian.Uint32(b[n:])
	n += 4
	if flags&sequence != 0 {
		n += 4
	}
	if flags&offset != 0 {
		if len(b) < n+2 {
			return OK
		}
		n += 2 + int(binary.BigEndian.Uint16(b[n:]))
	}
	if n >= len(b) || !plausiblePPP(b[n:], p.Cut) {
		return OK
	}
	d.Counts.L2TP++
	return d.enter(p, TunnelL2TP, session, false, typePPP, b[n:], false)
}

// plausiblePPP reports whether b is a PPP frame with a consistent IP packet.
func plausiblePPP(b []byte, cut bool) bool {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 3 {
		b = b[2:]
	}
	if len(b) >= 2 && b[0] == 0 {
		b = b[1:]
	}
	return len(b) > 1 && (b[0] == 0x21 || b[0] == 0x57) && plausibleIP(b[1:], cut)
}
