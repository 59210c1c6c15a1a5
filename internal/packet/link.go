package packet

import "encoding/binary"

// Link types, by their numbers in the pcap registry.
const (
	LinkNull          LinkType = 0
	LinkEthernet      LinkType = 1
	LinkTokenRing     LinkType = 6
	LinkARCNETBSD     LinkType = 7
	LinkSLIP          LinkType = 8
	LinkPPP           LinkType = 9
	LinkFDDI          LinkType = 10
	linkRawBSD        LinkType = 12
	linkRawOpenBSD    LinkType = 14
	LinkPPPSerial     LinkType = 50
	LinkPPPEther      LinkType = 51
	LinkATMRFC1483    LinkType = 100
	LinkRaw           LinkType = 101
	LinkCHDLC         LinkType = 104
	LinkIEEE80211     LinkType = 105
	LinkATMCLIP       LinkType = 106
	LinkFrameRelay    LinkType = 107
	LinkLoop          LinkType = 108
	LinkSLL           LinkType = 113
	LinkPFLOG         LinkType = 117
	LinkPrism         LinkType = 119
	LinkIPOverFC      LinkType = 122
	LinkSunATM        LinkType = 123
	LinkRadiotap      LinkType = 127
	LinkARCNETLinux   LinkType = 129
	LinkIPOver1394    LinkType = 138
	LinkUser2         LinkType = 149
	LinkAVS           LinkType = 163
	LinkPPPPPPD       LinkType = 166
	LinkJuniperEther  LinkType = 178
	LinkPPI           LinkType = 192
	LinkPPPWithDir    LinkType = 204
	LinkCHDLCWithDir  LinkType = 205
	LinkFRWithDir     LinkType = 206
	LinkIPNET         LinkType = 226
	LinkIPv4          LinkType = 228
	LinkIPv6          LinkType = 229
	LinkNFLOG         LinkType = 239
	LinkIPoIB         LinkType = 242
	LinkPKTAP         LinkType = 258
	LinkSLL2          LinkType = 276
	LinkDSABroadcom   LinkType = 281
	LinkDSABroadcomPr LinkType = 282
	LinkDSA           LinkType = 284
	LinkEDSA          LinkType = 285
)

// EtherTypes (IEEE 802 numbers, IANA), and the few that only GRE uses.
const (
	typeIPv4       = 0x0800
	typeARP        = 0x0806
	typeFRARP      = 0x0808
	typeERSPAN3    = 0x22eb
	typeTEB        = 0x6558
	typeVLAN       = 0x8100
	typePPP        = 0x880b
	typeMPLS       = 0x8847
	typeMPLSMulti  = 0x8848
	typePPPoEDisc  = 0x8863
	typePPPoE      = 0x8864
	typeIPv6       = 0x86dd
	typeEAPOL      = 0x888e
	typeQinQ       = 0x88a8
	typeERSPAN     = 0x88be
	typeLLDP       = 0x88cc
	typeMACsec     = 0x88e5
	typePBB        = 0x88e7
	typeFabricPath = 0x8903
	typeCMD        = 0x8909
	typeVNTag      = 0x8926
	typeETag       = 0x893f
	typeNSH        = 0x894f
	typeQinQ9100   = 0x9100
	typeQinQ9200   = 0x9200
	maxLengthField = 1500 // IEEE 802.3: up to here the field is a length
	minimumType    = 1536
	typeJumboLLC   = 0x8870
)

// link decodes everything but Ethernet.
func (d *Decoder) link(p *Packet, link LinkType, b []byte) Result {
	switch link {
	case LinkEthernet:
		return d.ethernet(p, b)
	case LinkRaw, LinkIPv4, LinkIPv6, linkRawBSD, linkRawOpenBSD:
		d.Counts.Raw++
		return d.rawIP(p, b)
	case LinkNull, LinkLoop:
		return d.null(p, b)
	case LinkSLL:
		return d.sll(p, b)
	case LinkSLL2:
		return d.sll2(p, b)
	}
	return d.oddLink(p, link, b)
}

// ethernet decodes an Ethernet frame of any kind, at the top or within a tunnel.
func (d *Decoder) ethernet(p *Packet, b []byte) Result {
	d.Counts.Ethernet++
	if len(b) < 14 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	if !d.deeper(p) {
		return Malformed
	}
	copy(p.DstMAC[:], b[:6])
	copy(p.SrcMAC[:], b[6:12])
	p.HasMAC = true
	return d.ethertype(p, binary.BigEndian.Uint16(b[12:]), b[14:])
}

// ethertype decodes b, which an EtherType (or a length field) announced.
func (d *Decoder) ethertype(p *Packet, typ uint16, b []byte) Result {
	for {
		switch typ {
		case typeIPv4, typeIPv6:
			return d.ip(p, b, typ == typeIPv4)
		case typeVLAN, typeQinQ, typeQinQ9100, typeQinQ9200:
			if len(b) < 4 {
				return d.bad(p, EventVLANHeaderTooSmall)
			}
			if !d.tag(p, binary.BigEndian.Uint16(b)&0x0fff) {
				return Malformed
			}
			typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case typeARP, typeFRARP:
			d.Counts.ARP++
			if len(b) < 8 {
				return d.bad(p, EventARPPacketTooSmall)
			}
			return NotIP
		default:
			return d.oddType(p, typ, b)
		}
	}
}

// tag notes one 802.1Q tag and reports whether there may be one more.
func (d *Decoder) tag(p *Packet, vid uint16) bool {
	switch p.VLANCount {
	case 0:
		d.Counts.VLAN++
	case 1:
		d.Counts.VLANQinQ++
	case 2:
		d.Counts.VLANQinQinQ++
	case maxVLANs:
		d.bad(p, EventVLANTooManyLayers)
		return false
	}
	if int(p.VLANCount) < len(p.VLANs) {
		p.VLANs[p.VLANCount] = vid
	}
	p.VLANCount++
	return true
}

// null decodes the loopback header: an address family in the byte order of the machine that captured.
func (d *Decoder) null(p *Packet, b []byte) Result {
	d.Counts.Null++
	if len(b) < 4 {
		return d.bad(p, EventNullPacketTooSmall)
	}
	family := binary.BigEndian.Uint32(b)
	if family > 0xffff {
		family = binary.LittleEndian.Uint32(b)
	}
	switch family {
	case 2, 10, 23, 24, 28, 30: // AF_INET; AF_INET6 of Linux, Windows, NetBSD, FreeBSD, Darwin
		return d.rawIP(p, b[4:])
	case typeIPv4, typeIPv6: // OpenVPN and others write an EtherType
		return d.rawIP(p, b[4:])
	}
	if b[0] == 0xff && b[1] == 0x03 || b[0] == 0x0f && b[1] == 0 {
		return d.ppp(p, b)
	}
	d.note(p, EventNullUnsupportedType)
	return NotIP
}

// Linux device types (ARPHRD_…) that have wireless frames below a cooked header.
const (
	arphrdWLAN     = 801
	arphrdRadiotap = 803
)

// sll decodes the Linux cooked header (LINKTYPE_LINUX_SLL).
func (d *Decoder) sll(p *Packet, b []byte) Result {
	d.Counts.SLL++
	if len(b) < 16 {
		return d.bad(p, EventSLLPacketTooSmall)
	}
	d.cookedMAC(p, binary.BigEndian.Uint16(b[2:]), int(binary.BigEndian.Uint16(b[4:])), b[6:12])
	return d.cooked(p, binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[14:]), b[16:])
}

// sll2 decodes the second Linux cooked header (LINKTYPE_LINUX_SLL2).
func (d *Decoder) sll2(p *Packet, b []byte) Result {
	d.Counts.SLL2++
	if len(b) < 20 {
		return d.bad(p, EventSLL2PacketTooSmall)
	}
	arphrd := binary.BigEndian.Uint16(b[8:])
	d.cookedMAC(p, arphrd, int(b[11]), b[12:18])
	return d.cooked(p, arphrd, binary.BigEndian.Uint16(b), b[20:])
}

// cookedMAC takes the sender's address of an Ethernet, loopback or wireless device.
func (d *Decoder) cookedMAC(p *Packet, arphrd uint16, n int, mac []byte) {
	const ether, loopback = 1, 772
	if n == 6 && (arphrd == ether || arphrd == loopback || arphrd >= arphrdWLAN && arphrd <= arphrdRadiotap) {
		copy(p.SrcMAC[:], mac)
		p.HasMAC = true
	}
}

// cooked decodes what follows a cooked header: by the device's type where the protocol field means something else.
func (d *Decoder) cooked(p *Packet, arphrd, typ uint16, b []byte) Result {
	const llc, novell = 4, 1
	switch {
	case typ >= minimumType:
		return d.ethertype(p, typ, b)
	case arphrd == arphrdRadiotap:
		return d.radiotap(p, b)
	case arphrd == arphrdWLAN:
		return d.wlan(p, b)
	case typ == llc:
		return d.llc(p, b)
	case typ == novell:
		d.Counts.LLC++
	default:
		d.Counts.UnknownEtherType++
	}
	return NotIP
}
