package packet

import "encoding/binary"

// ppp decodes a PPP frame (RFC 1661), with or without the address and control fields of RFC 1662. Cisco HDLC hides in
// PPP captures too.
func (d *Decoder) ppp(p *Packet, b []byte) Result {
	if len(b) >= 4 && (b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0 {
		return d.chdlc(p, b)
	}
	d.Counts.PPP++
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	}
	if !d.deeper(p) {
		return Malformed
	}
	return d.pppProtocol(p, b)
}

// pppProtocol decodes from the protocol field on, which may be compressed to one byte (RFC 1661 section 6.5).
func (d *Decoder) pppProtocol(p *Packet, b []byte) Result {
	const (
		pppIPv4      = 0x0021
		pppVJ        = 0x002d
		pppVJWhole   = 0x002f
		pppBridge    = 0x0031
		pppMultilink = 0x003d
		pppIPv6      = 0x0057
		pppMPLS      = 0x0281
		pppMPLSMulti = 0x0283
		pppControl   = 0x8000
	)
	if len(b) < 2 {
		return d.bad(p, EventPPPPacketTooSmall)
	}
	proto := uint16(b[0])
	if proto&1 != 0 {
		b = b[1:]
	} else {
		proto = binary.BigEndian.Uint16(b)
		b = b[2:]
	}
	switch proto {
	case pppIPv4, pppIPv6:
		return d.rawIP(p, b)
	case pppMPLS, pppMPLSMulti:
		return d.mpls(p, b)
	case pppVJWhole:
		return d.vjWhole(p, b)
	case pppVJ:
		return NotIP
	case pppMultilink:
		// RFC 1990: only a frame in one piece (both bits set) can be told alone.
		if len(b) >= 4 && b[0]&0xc0 == 0xc0 && d.deeper(p) {
			return d.pppProtocol(p, b[4:])
		}
		return NotIP
	case pppBridge:
		// RFC 3518: flags, MAC type 1 (IEEE 802.3).
		if len(b) >= 2 && b[1] == 1 {
			return d.inner(p, b, 2, EventPPPPacketTooSmall)
		}
		return NotIP
	}
	if proto < pppControl {
		d.note(p, EventPPPUnsupportedProtocol)
	}
	return NotIP
}

// vjWhole decodes an uncompressed packet of RFC 1144, where the protocol field of the IP header is a slot number.
func (d *Decoder) vjWhole(p *Packet, b []byte) Result {
	if !plausible(typeIPv4, b, d.beyond > 0) {
		return d.bad(p, EventPPPPacketTooSmall)
	}
	sums := d.CheckChecksums
	d.CheckChecksums = false
	d.vj = true
	r := d.ipv4(p, b)
	d.vj = false
	d.CheckChecksums = sums
	return r
}

// pppoe decodes a PPPoE session frame (RFC 2516).
func (d *Decoder) pppoe(p *Packet, b []byte) Result {
	d.Counts.PPPoE++
	if len(b) < 6 {
		return d.bad(p, EventPPPoEPacketTooSmall)
	}
	if b[1] != 0 {
		d.note(p, EventPPPoEWrongCode)
		return NotIP
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	b = b[6:]
	if n < len(b) {
		b = b[:n]
	}
	d.Counts.PPP++
	return d.pppProtocol(p, b)
}

// chdlc decodes Cisco HDLC framing: address, control, EtherType.
func (d *Decoder) chdlc(p *Packet, b []byte) Result {
	const slarp, cdp = 0x8035, 0x2000
	d.Counts.CHDLC++
	if len(b) < 4 {
		return d.bad(p, EventCHDLCPacketTooSmall)
	}
	typ := binary.BigEndian.Uint16(b[2:])
	switch {
	case typ == slarp || typ == cdp:
		return NotIP
	case typ < minimumType:
		// OSI and others carry no type.
		d.Counts.UnknownEtherType++
		return NotIP
	}
	return d.ethertype(p, typ, b[4:])
}

// frameRelay decodes RFC 2427, and Cisco's encapsulation by EtherType.
func (d *Decoder) frameRelay(p *Packet, b []byte) Result {
	// The address field ends with the byte that has its lowest bit set.
	n := 1
	for n <= 4 && n <= len(b) && b[n-1]&1 == 0 {
		n++
	}
	if n < 2 || n > 4 || len(b) < n+2 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	b = b[n:]
	const unnumbered = 0x03
	if b[0] != unnumbered {
		if typ := binary.BigEndian.Uint16(b); typ >= minimumType {
			return d.ethertype(p, typ, b[2:])
		}
		d.Counts.LLC++
		return NotIP
	}
	b = b[1:]
	if b[0] == 0 { // padding
		b = b[1:]
	}
	return d.nlpid(p, b)
}
