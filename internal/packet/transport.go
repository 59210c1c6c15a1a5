package packet

import "encoding/binary"

// Further IP protocols that the decoder knows.
const (
	protoIGMP     = 2
	protoIPIP     = 4
	protoIPv6     = 41
	protoGRE      = 47
	protoEtherIP  = 97
	protoPIM      = 103
	protoL2TP     = 115
	protoMPLS     = 137
	protoEthernet = 143
)

// transport decodes what follows the IP header, b bounded by the IP length. p.Proto says what it is.
func (d *Decoder) transport(p *Packet, b []byte) Result {
	switch p.Proto {
	case ProtoTCP:
		d.Counts.TCP++
		return d.tcp(p, b)
	case ProtoUDP:
		d.Counts.UDP++
		if !d.udp(p, b) {
			return OK
		}
		if d.NoTunnels || !d.tunnelPort(p.SrcPort, p.DstPort) {
			return OK
		}
		return d.udpTunnel(p)
	case ProtoICMP:
		if p.Version == 6 {
			d.note(p, EventIPv6ICMPv4)
			p.Payload = b
			return OK
		}
		d.Counts.ICMPv4++
		return d.icmp(p, b, EventICMPv4PacketTooSmall)
	case ProtoICMPv6:
		if p.Version == 4 {
			d.note(p, EventIPv4ICMPv6)
			p.Payload = b
			return OK
		}
		d.Counts.ICMPv6++
		return d.icmp(p, b, EventICMPv6PacketTooSmall)
	case ProtoSCTP:
		d.Counts.SCTP++
		return d.sctp(p, b)
	}
	return d.otherProto(p, b)
}

// tcp decodes RFC 9293.
func (d *Decoder) tcp(p *Packet, b []byte) Result {
	if len(b) < 20 {
		return d.short(p, b, EventTCPPacketTooSmall)
	}
	off := int(b[12]>>4) * 4
	if off < 20 || off > len(b)+int(p.Missing) {
		return d.broken(p, b, EventTCPHeaderLenTooSmall)
	}
	p.SrcPort = binary.BigEndian.Uint16(b)
	p.DstPort = binary.BigEndian.Uint16(b[2:])
	p.Seq = binary.BigEndian.Uint32(b[4:])
	p.Ack = binary.BigEndian.Uint32(b[8:])
	p.Flags = b[13]
	p.Window = binary.BigEndian.Uint16(b[14:])
	p.Urgent = binary.BigEndian.Uint16(b[18:])
	p.Ports = true
	if off > len(b) {
		// The options are cut off: what is missing of them is not missing payload.
		p.Missing -= uint32(off - len(b))
		p.Cut = p.Missing != 0
		p.Payload = b[len(b):]
		return OK
	}
	if d.CheckChecksums && !p.Cut && !d.noSum && !p.transportSum(b) {
		p.BadChecksum = true
	}
	p.Payload = b[off:]
	return OK
}

// udp decodes RFC 768 and reports whether the header was whole.
func (d *Decoder) udp(p *Packet, b []byte) bool {
	if len(b) < 8 {
		d.short(p, b, EventUDPPacketTooSmall)
		return false
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	switch {
	case n == 0:
		// A jumbogram (RFC 2675 section 4) or an offloaded segment: the IP length bounds it.
		n = len(b) + int(p.Missing)
	case n < 8:
		d.broken(p, b, EventUDPHeaderLenTooSmall)
		return false
	}
	p.SrcPort = binary.BigEndian.Uint16(b)
	p.DstPort = binary.BigEndian.Uint16(b[2:])
	p.Ports = true
	if n > len(b) {
		if !p.Cut {
			d.note(p, EventUDPLenInvalid)
		}
		p.Cut, p.Missing = true, uint32(n-len(b))
	} else {
		p.Cut, p.Missing = false, 0
		b = b[:n]
		if d.CheckChecksums && !d.noSum && !p.transportSum(b) {
			p.BadChecksum = true
		}
	}
	p.Payload = b[8:]
	return true
}

// icmp decodes type and code of RFC 792 and RFC 4443 into the ports.
func (d *Decoder) icmp(p *Packet, b []byte, small Event) Result {
	if len(b) < 8 {
		// Some ICMPv6 messages are 4 bytes of header and nothing: still type and code.
		if len(b) < 4 {
			return d.short(p, b, small)
		}
		d.note(p, small)
	}
	p.SrcPort, p.DstPort = uint16(b[0]), uint16(b[1])
	p.Ports = true
	if d.CheckChecksums && !p.Cut && !d.noSum && !p.transportSum(b) {
		p.BadChecksum = true
	}
	p.Payload = b[min(8, len(b)):]
	return OK
}

// sctp decodes the common header of RFC 9260; the payload is the chunks.
func (d *Decoder) sctp(p *Packet, b []byte) Result {
	if len(b) < 12 {
		return d.short(p, b, EventSCTPPacketTooSmall)
	}
	p.SrcPort = binary.BigEndian.Uint16(b)
	p.DstPort = binary.BigEndian.Uint16(b[2:])
	p.Ports = true
	p.Payload = b[12:]
	return OK
}

// short is a transport header that is not whole. A snapped packet is not to blame for it.
func (d *Decoder) short(p *Packet, b []byte, e Event) Result {
	if p.Cut {
		p.Payload = b
		return OK
	}
	return d.broken(p, b, e)
}

// broken is an IP packet whose transport header makes no sense: it stays an IP packet, without ports.
func (d *Decoder) broken(p *Packet, b []byte, e Event) Result {
	d.Counts.Invalid++
	d.note(p, e)
	p.Payload = b
	return OK
}

// otherProto decodes the rarer IP protocols.
func (d *Decoder) otherProto(p *Packet, b []byte) Result {
	p.Payload = b
	switch p.Proto {
	case protoESP:
		d.Counts.ESP++
		if len(b) < 8 {
			return d.short(p, b, EventESPPacketTooSmall)
		}
	case protoIGMP:
		d.Counts.IGMP++
	case extAH:
		// RFC 4302, in IPv4; in IPv6 it was walked as an extension header.
		if p.Version == 4 && len(b) >= 12 {
			if n := 8 + 4*int(b[1]); n >= 12 && n <= len(b) && b[0] != extAH && d.deeper(p) {
				p.Proto = b[0]
				return d.transport(p, b[n:])
			}
		}
	default:
		if !d.NoTunnels {
			return d.ipTunnel(p, b)
		}
	}
	return OK
}
