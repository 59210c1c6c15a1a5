package packet

import "encoding/binary"

// oddType decodes the EtherTypes off the common path.
func (d *Decoder) oddType(p *Packet, typ uint16, b []byte) Result {
	if !d.deeper(p) {
		return Malformed
	}
	switch typ {
	case typeMPLS, typeMPLSMulti:
		return d.mpls(p, b)
	case typePPPoE:
		return d.pppoe(p, b)
	case typePPPoEDisc:
		d.Counts.PPPoE++
		return NotIP
	case typePPP:
		return d.ppp(p, b)
	case typeTEB:
		return d.ethernet(p, b)
	case typePBB:
		// IEEE 802.1ah: a service tag, then the customer's frame.
		d.Counts.IEEE8021ah++
		return d.inner(p, b, 4, EventIEEE8021ahHeaderTooSmall)
	case typeFabricPath:
		return d.inner(p, b, 2, EventEthernetPacketTooSmall)
	case typeETag: // IEEE 802.1BR
		d.Counts.ETag++
		return d.tagged(p, b, 6, EventETagHeaderTooSmall, 0)
	case typeVNTag:
		d.Counts.VNTag++
		return d.tagged(p, b, 4, EventVNTagHeaderTooSmall, 0)
	case typeCMD:
		// Cisco metadata: version 1, one option of 4 bytes.
		if len(b) >= 2 && b[0] == 1 && b[1] == 1 {
			return d.tagged(p, b, 6, EventEthernetPacketTooSmall, 0)
		}
	case typeNSH:
		return d.nsh(p, b)
	case typeJumboLLC:
		return d.llc(p, b)
	case typeLLDP:
		d.Counts.LLDP++
		return NotIP
	case typeEAPOL:
		d.Counts.EAPOL++
		return NotIP
	case typeMACsec:
		return d.macsec(p, b)
	}
	if typ <= maxLengthField {
		if int(typ) < len(b) {
			b = b[:typ]
		}
		return d.llc(p, b)
	}
	d.Counts.UnknownEtherType++
	d.note(p, EventEthernetUnknownEtherType)
	return NotIP
}

// inner decodes the Ethernet frame behind n bytes.
func (d *Decoder) inner(p *Packet, b []byte, n int, small Event) Result {
	if len(b) < n {
		return d.bad(p, small)
	}
	return d.ethernet(p, b[n:])
}

// tagged decodes what the EtherType behind a tag of n bytes announces; pad bytes follow the EtherType.
func (d *Decoder) tagged(p *Packet, b []byte, n int, small Event, pad int) Result {
	if len(b) < n+2+pad {
		return d.bad(p, small)
	}
	return d.ethertype(p, binary.BigEndian.Uint16(b[n:]), b[n+2+pad:])
}

// llc decodes IEEE 802.2: SNAP with an EtherType, or IP's own SAP.
func (d *Decoder) llc(p *Packet, b []byte) Result {
	if len(b) < 3 || !d.deeper(p) {
		d.Counts.LLC++
		return NotIP
	}
	switch {
	case b[0] == 0xaa && b[1] == 0xaa && len(b) >= 8:
		// RFC 1042, and the bridge tunnel encapsulation of IEEE 802.1H. IEEE 802.2's other OUIs hold no EtherType.
		oui := uint32(b[3])<<16 | uint32(b[4])<<8 | uint32(b[5])
		typ := binary.BigEndian.Uint16(b[6:])
		switch {
		case (oui == 0 || oui == 0x0000f8) && typ >= minimumType:
			return d.ethertype(p, typ, b[8:])
		case oui == 0x0080c2 && (typ == 1 || typ == 7):
			// RFC 2684: bridged Ethernet, type 1 with the frame check sequence.
			return d.inner(p, b[8:], 2, EventEthernetPacketTooSmall)
		}
	case b[0] == 0x06 && b[1] == 0x06:
		return d.rawIP(p, b[3:])
	case b[0] == 0xfe && b[1] == 0xfe && len(b) >= 4:
		return d.nlpid(p, b[3:])
	case b[0] == 0x42 && b[1] == 0x42:
		d.Counts.STP++
		return NotIP
	}
	d.Counts.LLC++
	return NotIP
}

// macsec decodes an IEEE 802.1AE tag. Frames that are protected but not encrypted show what they carry.
func (d *Decoder) macsec(p *Packet, b []byte) Result {
	const explicitSCI, encrypted, changed, icv = 0x20, 0x08, 0x04, 16
	d.Counts.MACsec++
	if len(b) < 6 || b[0]&(encrypted|changed) != 0 {
		return NotIP
	}
	n := 6
	if b[0]&explicitSCI != 0 {
		n += 8
	}
	if short := int(b[1] & 0x3f); short != 0 && n+short < len(b) {
		b = b[:n+short]
	} else if d.beyond == 0 && len(b) > n+icv {
		b = b[:len(b)-icv]
	}
	if len(b) < n+2 {
		return NotIP
	}
	return d.ethertype(p, binary.BigEndian.Uint16(b[n:]), b[n+2:])
}

// nlpid decodes a network layer protocol identifier (RFC 2427).
func (d *Decoder) nlpid(p *Packet, b []byte) Result {
	if len(b) > 1 {
		switch b[0] {
		case 0xcc, 0x8e:
			return d.rawIP(p, b[1:])
		case 0x80: // SNAP
			if len(b) >= 6 && b[1]|b[2]|b[3] == 0 {
				return d.tagged(p, b, 4, EventEthernetPacketTooSmall, 0)
			}
		case 0xcf:
			return d.ppp(p, b[1:])
		}
	}
	d.Counts.LLC++
	return NotIP
}

// mpls decodes a label stack (RFC 3032) and guesses what it carries, which nothing says: IP by its version, else
// an Ethernet pseudo-wire with (RFC 4448) or without control word.
func (d *Decoder) mpls(p *Packet, b []byte) Result {
	d.Counts.MPLS++
	b, ok := skipLabels(b)
	if !ok {
		return d.bad(p, EventMPLSHeaderTooSmall)
	}
	if len(b) == 0 {
		return NotIP
	}
	cut := d.beyond > 0
	if v := b[0] >> 4; v == 4 || v == 6 {
		typ := uint16(typeIPv4)
		if v == 6 {
			typ = typeIPv6
		}
		if plausible(typ, b, cut) || !plausible(typeTEB, b, cut) {
			return d.rawIP(p, b)
		}
		return d.ethernet(p, b)
	}
	if b[0]>>4 == 0 && len(b) >= 4 && plausible(typeTEB, b[4:], cut) {
		return d.ethernet(p, b[4:])
	}
	if plausible(typeTEB, b, cut) {
		return d.ethernet(p, b)
	}
	d.note(p, EventMPLSUnknownPayloadType)
	return NotIP
}

// skipLabels returns what follows the bottom of an MPLS label stack.
func skipLabels(b []byte) ([]byte, bool) {
	const maxLabels = 16
	for range maxLabels {
		if len(b) < 4 {
			return nil, false
		}
		bottom := b[2]&1 != 0
		b = b[4:]
		if bottom {
			return b, true
		}
	}
	return nil, false
}

// nsh decodes the network service header (RFC 8300).
func (d *Decoder) nsh(p *Packet, b []byte) Result {
	d.Counts.NSH++
	if len(b) < 8 {
		return d.bad(p, EventNSHHeaderTooSmall)
	}
	if b[0]>>6 != 0 {
		return d.bad(p, EventNSHUnsupportedVersion)
	}
	n := int(b[1]&0x3f) * 4
	if n < 8 || n > len(b) {
		return d.bad(p, EventNSHBadHeaderLength)
	}
	switch b[3] {
	case 1:
		return d.ethertype(p, typeIPv4, b[n:])
	case 2:
		return d.ethertype(p, typeIPv6, b[n:])
	case 3:
		return d.ethernet(p, b[n:])
	case 5:
		return d.oddType(p, typeMPLS, b[n:])
	}
	d.note(p, EventNSHUnknownPayload)
	return NotIP
}

// plausible reports whether b is what typ announces: an IP packet whose lengths agree with each other and with b, or
// an Ethernet frame around one. cut says that bytes behind b were not captured. Frames without IP are taken at
// their word when their EtherType is a known one.
func plausible(typ uint16, b []byte, cut bool) bool {
	for range 4 {
		switch typ {
		case typeIPv4:
			if len(b) < 20 || b[0] < 0x45 || b[0] > 0x4f {
				return false
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			return n >= int(b[0]&15)*4 && (n <= len(b) || cut)
		case typeIPv6:
			return len(b) >= 40 && b[0]>>4 == 6 && (40+int(binary.BigEndian.Uint16(b[4:])) <= len(b) || cut)
		case typeTEB:
			if len(b) < 14 {
				return false
			}
			typ, b = binary.BigEndian.Uint16(b[12:]), b[14:]
		case typeVLAN, typeQinQ:
			if len(b) < 4 {
				return false
			}
			typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case typeMPLS, typeMPLSMulti, typePPPoE, typePPPoEDisc, typeARP, typeLLDP, typeEAPOL, typePBB, typeNSH, typePPP:
			return len(b) >= 6
		default:
			// A length field with a SNAP or spanning tree header behind it.
			return typ <= maxLengthField && int(typ) <= len(b) && len(b) >= 3 &&
				(b[0] == 0xaa && b[1] == 0xaa || b[0] == 0x42 && b[1] == 0x42)
		}
	}
	return false
}
