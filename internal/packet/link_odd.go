package packet

import "encoding/binary"

// oddLink decodes the rarer link types.
func (d *Decoder) oddLink(p *Packet, link LinkType, b []byte) Result {
	if !d.deeper(p) {
		return Malformed
	}
	switch link {
	case LinkPPP, LinkPPPSerial:
		return d.ppp(p, b)
	case LinkPPPEther:
		return d.pppoe(p, b)
	case LinkPPPPPPD, LinkPPPWithDir:
		return d.skip(p, b, 1, LinkPPP)
	case LinkCHDLC:
		return d.chdlc(p, b)
	case LinkCHDLCWithDir:
		return d.skip(p, b, 1, LinkCHDLC)
	case LinkFrameRelay:
		return d.frameRelay(p, b)
	case LinkFRWithDir:
		return d.skip(p, b, 1, LinkFrameRelay)
	case LinkIEEE80211:
		return d.wlan(p, b)
	case LinkRadiotap:
		return d.radiotap(p, b)
	case LinkPrism, LinkAVS:
		return d.prism(p, b)
	case LinkPPI:
		return d.ppi(p, b)
	case LinkNFLOG:
		return d.nflog(p, b)
	case LinkPKTAP, LinkUser2:
		return d.pktap(p, b)
	case LinkPFLOG:
		return d.pflog(p, b)
	case LinkIPNET:
		return d.skip(p, b, 24, LinkRaw)
	case LinkSLIP:
		return d.skip(p, b, 16, LinkRaw)
	case LinkIPoIB:
		return d.tagged(p, b, 40, EventEthernetPacketTooSmall, 2)
	case LinkIPOver1394:
		return d.tagged(p, b, 16, EventEthernetPacketTooSmall, 0)
	case LinkDSABroadcom, LinkDSA:
		return d.switchTag(p, b, 4)
	case LinkEDSA:
		return d.switchTag(p, b, 8)
	case LinkDSABroadcomPr:
		return d.skip(p, b, 4, LinkEthernet)
	}
	return d.legacyLink(p, link, b)
}

// legacyLink decodes the links of another age.
func (d *Decoder) legacyLink(p *Packet, link LinkType, b []byte) Result {
	switch link {
	case LinkFDDI:
		return d.macsLLC(p, b, 1, 13)
	case LinkTokenRing:
		n := 14
		if len(b) > n && b[8]&0x80 != 0 { // source routing
			n += int(b[14] & 0x1f)
		}
		return d.macsLLC(p, b, 2, n)
	case LinkIPOverFC:
		return d.macsLLC(p, b, -1, 16)
	case LinkATMRFC1483:
		return d.llc(p, b)
	case LinkATMCLIP:
		if len(b) > 0 && b[0] == 0xaa {
			return d.llc(p, b)
		}
		return d.rawIP(p, b)
	case LinkSunATM:
		if len(b) < 4 {
			return d.bad(p, EventEthernetPacketTooSmall)
		}
		const lane = 1
		if b[0]&0x0f == lane {
			return d.skip(p, b, 6, LinkEthernet)
		}
		return d.llc(p, b[4:])
	case LinkARCNETLinux:
		return d.arcnet(p, b, 4)
	case LinkARCNETBSD:
		return d.arcnet(p, b, 2)
	case LinkJuniperEther:
		return d.juniper(p, b)
	}
	d.Counts.Unsupported++
	return Unsupported
}

// skip decodes the frame of the type link behind n bytes.
func (d *Decoder) skip(p *Packet, b []byte, n int, link LinkType) Result {
	if len(b) < n {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	return d.link(p, link, b[n:])
}

// macsLLC decodes a header of n bytes with the MAC addresses at macs (none when negative), and LLC behind it.
func (d *Decoder) macsLLC(p *Packet, b []byte, macs, n int) Result {
	if len(b) < n || macs >= 0 && len(b) < macs+12 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	if macs >= 0 {
		copy(p.DstMAC[:], b[macs:])
		copy(p.SrcMAC[:], b[macs+6:])
		p.HasMAC = true
	}
	return d.llc(p, b[n:])
}

// switchTag decodes an Ethernet frame with a switch's own tag of n bytes behind the addresses.
func (d *Decoder) switchTag(p *Packet, b []byte, n int) Result {
	d.Counts.Ethernet++
	if len(b) < 12+n+2 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	copy(p.DstMAC[:], b[:6])
	copy(p.SrcMAC[:], b[6:12])
	p.HasMAC = true
	return d.ethertype(p, binary.BigEndian.Uint16(b[12+n:]), b[14+n:])
}

// ppi decodes the Per-Packet Information header: version, flags, length, link type of what follows.
func (d *Decoder) ppi(p *Packet, b []byte) Result {
	if len(b) < 8 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	link := LinkType(binary.LittleEndian.Uint32(b[4:]))
	if n < 8 || n > len(b) || link == LinkPPI {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	return d.link(p, link, b[n:])
}

// pktap decodes Darwin's header: length, type 1 for a packet, link type of what follows.
func (d *Decoder) pktap(p *Packet, b []byte) Result {
	const fixed = 108
	if len(b) < fixed {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	n := binary.LittleEndian.Uint32(b)
	typ := binary.LittleEndian.Uint32(b[4:])
	link := LinkType(binary.LittleEndian.Uint32(b[8:]))
	if n < fixed || uint64(n) > uint64(len(b)) || typ != 1 || link == LinkPKTAP || link == LinkUser2 {
		d.Counts.Unsupported++
		return Unsupported
	}
	return d.link(p, link, b[n:])
}

// nflog decodes the attributes of Linux's netfilter log up to the packet. They are in the byte order of the machine
// that captured.
func (d *Decoder) nflog(p *Packet, b []byte) Result {
	const payload = 9
	if len(b) < 8 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	b = b[4:]
	var order binary.ByteOrder = binary.LittleEndian
	if n := int(order.Uint16(b)); n < 4 || n > len(b) {
		order = binary.BigEndian
	}
	const maxAttributes = 64
	for range maxAttributes {
		if len(b) < 4 {
			break
		}
		n, typ := int(order.Uint16(b)), order.Uint16(b[2:])
		if n < 4 {
			break
		}
		if typ&0x7fff == payload {
			return d.rawIP(p, b[4:min(n, len(b))])
		}
		n = (n + 3) &^ 3
		if n >= len(b) {
			break
		}
		b = b[n:]
	}
	return d.bad(p, EventEthernetPacketTooSmall)
}

// pflog decodes the header of OpenBSD's packet filter log: its length without the padding, and more that is not needed.
func (d *Decoder) pflog(p *Packet, b []byte) Result {
	if len(b) < 4 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	return d.skip(p, b, int(b[0]+3)&^3, LinkRaw)
}

// arcnet decodes RFC 1201 and RFC 1051 packets; addresses fill the first n bytes. Split packets are not put together.
func (d *Decoder) arcnet(p *Packet, b []byte, n int) Result {
	const ip, ip6, ip1051 = 212, 196, 240
	if len(b) < n+1 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	proto := b[n]
	b = b[n+1:]
	switch {
	case proto == ip1051:
		return d.rawIP(p, b)
	case (proto == ip || proto == ip6) && len(b) > 7:
		if b[0] == 0xff { // exception packet: padding in front
			b = b[4:]
		}
		if b[0] == 0 {
			return d.rawIP(p, b[3:])
		}
	}
	d.Counts.UnknownEtherType++
	return NotIP
}

// juniper decodes the header that Juniper routers write in front of Ethernet frames.
func (d *Decoder) juniper(p *Packet, b []byte) Result {
	const noLayer2, extended = 0x02, 0x80
	if len(b) < 6 || b[0] != 'M' || b[1] != 'G' || b[2] != 'C' {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	n := 4
	if b[3]&extended != 0 {
		n += 2 + int(binary.BigEndian.Uint16(b[4:]))
	}
	if b[3]&noLayer2 != 0 {
		return d.skip(p, b, n+4, LinkRaw)
	}
	return d.skip(p, b, n, LinkEthernet)
}
