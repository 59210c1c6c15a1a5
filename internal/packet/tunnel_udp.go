package packet

import (
	"encoding/binary"
	"slices"
)

// UDP ports of tunnels.
const (
	portL2TP     = 1701
	portGTP      = 2152
	portTeredo   = 3544
	portVXLAN    = 4789
	portVXLANGPE = 4790
	portGREInUDP = 4754
	portAYIYA    = 5072
	portCAPWAP   = 5247
	portGUE      = 6080
	portGENEVE   = 6081
	portMPLS     = 6635
	portVXLANOld = 8472
	portTZSP     = 37008
)

// portMask has a bit for the low bits of each tunnel port: most other ports are told apart by it alone.
const portMask = 1<<(portL2TP&63) | 1<<(portGTP&63) | 1<<(portTeredo&63) | 1<<(portVXLAN&63) | 1<<(portVXLANGPE&63) |
	1<<(portGREInUDP&63) | 1<<(portAYIYA&63) | 1<<(portCAPWAP&63) | 1<<(portGUE&63) | 1<<(portGENEVE&63) | 1<<(portMPLS&63) | 1<<(portVXLANOld&63) | 1<<(portTZSP&63)

func defaultTunnelPort(port uint16) bool {
	switch port {
	case portL2TP, portGTP, portTeredo, portVXLAN, portVXLANGPE, portGREInUDP, portAYIYA,
		portCAPWAP, portGUE, portGENEVE, portMPLS, portVXLANOld, portTZSP:
		return true
	}
	return false
}

// tunnelPort reports whether a UDP packet between these ports may be a tunnel. d may be nil.
func (d *Decoder) tunnelPort(a, b uint16) bool {
	if (uint64(portMask)>>(a&63)|uint64(portMask)>>(b&63))&1 != 0 && (defaultTunnelPort(a) || defaultTunnelPort(b)) {
		return true
	}
	return d != nil && (d.VXLANPorts != nil || d.GENEVEPorts != nil || d.TeredoPorts != nil) && d.ownPort(a, b)
}

func (d *Decoder) ownPort(a, b uint16) bool {
	return slices.Contains(d.VXLANPorts, b) || slices.Contains(d.GENEVEPorts, b) ||
		slices.Contains(d.TeredoPorts, a) || slices.Contains(d.TeredoPorts, b)
}

// among reports whether port is in list, or one of the defaults when the list is empty.
func among(port uint16, list []uint16, defaults ...uint16) bool {
	if len(list) == 0 {
		list = defaults
	}
	return slices.Contains(list, port)
}

// udpTunnel looks into a UDP packet on a tunnel's port. What is inside must be consistent, so that ordinary traffic
// which happens to use the port stays what it is.
func (d *Decoder) udpTunnel(p *Packet) Result {
	b, src, dst := p.Payload, p.SrcPort, p.DstPort
	switch {
	case among(dst, d.VXLANPorts, portVXLAN, portVXLANGPE, portVXLANOld):
		return d.vxlan(p, b)
	case among(dst, d.GENEVEPorts, portGENEVE):
		return d.geneve(p, b)
	case among(dst, d.TeredoPorts, portTeredo) || among(src, d.TeredoPorts, portTeredo):
		return d.teredo(p, b)
	case dst == portGTP || src == portGTP:
		return d.gtp(p, b)
	case dst == portL2TP || src == portL2TP:
		return d.l2tp(p, b)
	case dst == portGREInUDP:
		return d.greInUDP(p, b)
	case dst == portAYIYA || src == portAYIYA:
		return d.ayiya(p, b)
	case dst == portCAPWAP || src == portCAPWAP:
		return d.capwap(p, b)
	case dst == portGUE:
		return d.gue(p, b)
	case dst == portMPLS:
		if in, ok := skipLabels(b); ok && (plausibleIP(in, p.Cut) || plausible(typeTEB, in, p.Cut) ||
			len(in) > 4 && plausible(typeTEB, in[4:], p.Cut)) {
			d.Counts.OtherTunnel++
			return d.enter(p, TunnelMPLS, 0, false, typeMPLS, b, false)
		}
	case dst == portTZSP:
		return d.tzsp(p, b)
	}
	return OK
}

// vxlan decodes RFC 7348, its group policy and generic protocol extensions.
func (d *Decoder) vxlan(p *Packet, b []byte) Result {
	const validVNI, nextProtocol = 0x08, 0x04
	if len(b) < 8 || b[0]&validVNI == 0 || b[7] != 0 {
		return OK
	}
	typ := uint16(typeTEB)
	if b[0]&nextProtocol != 0 {
		switch b[3] {
		case 1:
			typ = typeIPv4
		case 2:
			typ = typeIPv6
		case 3:
		case 4:
			typ = typeNSH
		default:
			d.note(p, EventVXLANUnknownPayloadType)
			return OK
		}
	}
	if !plausible(typ, b[8:], p.Cut) {
		return OK
	}
	d.Counts.VXLAN++
	return d.enter(p, TunnelVXLAN, binary.BigEndian.Uint32(b[4:])>>8, true, typ, b[8:], false)
}

// geneve decodes RFC 8926. The options are skipped.
func (d *Decoder) geneve(p *Packet, b []byte) Result {
	if len(b) < 8 || b[0]>>6 != 0 || b[7] != 0 {
		return OK
	}
	n := 8 + int(b[0]&0x3f)*4
	typ := binary.BigEndian.Uint16(b[2:])
	if n > len(b) || !plausible(typ, b[n:], p.Cut) {
		return OK
	}
	d.Counts.GENEVE++
	return d.enter(p, TunnelGENEVE, binary.BigEndian.Uint32(b[4:])>>8, true, typ, b[n:], false)
}

// teredo decodes RFC 4380: authentication and origin headers may come before the IPv6 packet, which must fill the rest.
func (d *Decoder) teredo(p *Packet, b []byte) Result {
	if len(b) >= 4 && b[0] == 0 && b[1] == 1 {
		n := 4 + int(b[2]) + int(b[3]) + 9
		if n > len(b) {
			return OK
		}
		b = b[n:]
	}
	if len(b) >= 8 && b[0] == 0 && b[1] == 0 {
		b = b[8:]
	}
	if !plausible(typeIPv6, b, p.Cut) || !p.Cut && 40+int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		return OK
	}
	d.Counts.Teredo++
	return d.enter(p, TunnelTeredo, 0, false, typeIPv6, b, false)
}

// gue decodes generic UDP encapsulation (draft-ietf-intarea-gue): version 1 is bare IP, version 0 has a header.
func (d *Decoder) gue(p *Packet, b []byte) Result {
	if len(b) < 4 {
		return OK
	}
	if b[0]>>6 == 0 && b[0]&0x20 == 0 {
		n := 4 + 4*int(b[0]&0x1f)
		if n > len(b) || b[1] != protoIPIP && b[1] != protoIPv6 {
			return OK
		}
		b = b[n:]
	}
	if !plausibleIP(b, p.Cut) {
		return OK
	}
	d.Counts.OtherTunnel++
	return d.enter(p, TunnelGUE, 0, false, ipType(b), b, false)
}

// tzsp decodes the TaZmen sniffer protocol: received Ethernet frames behind a list of tagged fields.
func (d *Decoder) tzsp(p *Packet, b []byte) Result {
	const ethernet, padding, end = 1, 0, 1
	if len(b) < 5 || b[0] != 1 || b[1] > 1 || binary.BigEndian.Uint16(b[2:]) != ethernet {
		return OK
	}
	b = b[4:]
	const maxFields = 32
	for range maxFields {
		switch {
		case len(b) == 0:
			return OK
		case b[0] == end:
			if b = b[1:]; !plausible(typeTEB, b, p.Cut) {
				return OK
			}
			d.Counts.TZSP++
			return d.enter(p, TunnelTZSP, 0, false, typeTEB, b, false)
		case b[0] == padding:
			b = b[1:]
		case len(b) < 2 || len(b) < 2+int(b[1]):
			return OK
		default:
			b = b[2+int(b[1]):]
		}
	}
	return OK
}

// greInUDP decodes RFC 8086. Only what says its type in plain words is believed.
func (d *Decoder) greInUDP(p *Packet, b []byte) Result {
	if len(b) < 4 || b[0]&0x4f|b[1] != 0 {
		return OK
	}
	switch binary.BigEndian.Uint16(b[2:]) {
	case typeIPv4, typeIPv6, typeTEB, typeMPLS:
		d.Counts.GRE++
		return d.gre(p, b)
	}
	return OK
}

// ayiya decodes draft-massar-v6ops-ayiya: forwarded IPv6 behind an identity and a signature.
func (d *Decoder) ayiya(p *Packet, b []byte) Result {
	const forward = 1
	if len(b) < 8 || b[2]&0x0f != forward || b[3] != protoIPv6 {
		return OK
	}
	n := 8 + 1<<(b[0]>>4) + 4*int(b[1]>>4)
	if n > len(b) || !plausible(typeIPv6, b[n:], p.Cut) {
		return OK
	}
	d.Counts.OtherTunnel++
	return d.enter(p, TunnelAYIYA, 0, false, typeIPv6, b[n:], false)
}

// capwap decodes data messages of RFC 5415 that are neither encrypted nor split: IEEE 802.3 or 802.11 frames, the
// latter by many controllers with the bytes of the frame control swapped.
func (d *Decoder) capwap(p *Packet, b []byte) Result {
	const native, fragment, keepAlive, binding80211 = 0x01, 0x80, 0x08, 1
	if len(b) < 8 || b[0] != 0 {
		return OK
	}
	n := 4 * int(b[1]>>3)
	if n < 8 || n+2 > len(b) || b[3]&(fragment|keepAlive) != 0 {
		return OK
	}
	in := b[n:]
	if b[2]&native == 0 {
		if !plausible(typeTEB, in, p.Cut) {
			return OK
		}
		d.Counts.OtherTunnel++
		return d.enter(p, TunnelCAPWAP, 0, false, typeTEB, in, false)
	}
	if b[2]>>1&0x1f != binding80211 {
		return OK
	}
	// Behind an access point every data frame goes to or from it: the other way round that is no valid version.
	typ := uint16(contentWLAN)
	if in[0]&3 != 0 {
		typ = contentWLANSwapped
	}
	d.Counts.OtherTunnel++
	return d.enter(p, TunnelCAPWAP, 0, false, typ, in, false)
}
