package packet

import "encoding/binary"

// Bounds on nesting. A frame that goes deeper keeps what was decoded so far and gets EventTooManyLayers.
const (
	maxLayers     = 32 // headers that may hold another header: tags, labels, link layers, IP
	maxTunnels    = 8
	maxVLANs      = 8
	maxReassembly = 4 // fragments within reassembled datagrams
)

// Result says what a frame turned out to be.
type Result uint8

const (
	// OK: the Packet holds an IP packet, with a transport header iff its Ports is true.
	OK Result = iota
	// NotIP: a frame without IP (ARP, LLDP, STP, …), counted by kind.
	NotIP
	// Malformed: the link or IP headers are broken; the Packet's events say how.
	Malformed
	// Fragment: an IP fragment. The Packet holds its addresses, and as payload what Defrag.Add needs.
	Fragment
	// Unsupported: a link type that is not decoded.
	Unsupported
)

var resultNames = [...]string{"ok", "not IP", "malformed", "fragment", "unsupported link"}

// String returns r in words.
func (r Result) String() string {
	if int(r) >= len(resultNames) {
		return "unknown"
	}
	return resultNames[r]
}

// Decoder decodes frames. The zero value is ready, looks into tunnels and verifies no checksums. A Decoder belongs
// to one goroutine.
type Decoder struct {
	// CheckChecksums verifies the checksums of IPv4, TCP, UDP and ICMP where the whole packet was captured.
	CheckChecksums bool
	// NoTunnels leaves every tunnel closed: the outer packet is what the Packet describes.
	NoTunnels bool
	// VXLANPorts, GENEVEPorts and TeredoPorts replace the UDP ports of these tunnels: 4789, 4790 (GPE) and 8472;
	// 6081; 3544. An empty list means these defaults.
	VXLANPorts, GENEVEPorts, TeredoPorts []uint16

	// Counts are this decoder's counters.
	Counts Counts

	// layers counts the nested headers of the current frame.
	layers uint8
	// noSum says that the pseudo-header is not known (IPv6 routing header), so transport checksums are left alone.
	noSum bool
	// vj says that the protocol field of the IPv4 header is a slot number of RFC 1144: it is TCP.
	vj bool
	// mirrorVLAN is the tag that an ERSPAN header tells of the frame behind it, 0 for none.
	mirrorVLAN uint16
	// beyond is how many bytes of the current frame were not captured.
	beyond int
}

// Decode decodes one frame of wire bytes, of which frame was captured, down to the innermost IP packet. It fills
// all of p but Num, Count, Time and Iface. p.Payload points into frame.
func (d *Decoder) Decode(p *Packet, link LinkType, frame []byte, wire uint32) Result {
	p.reset(wire)
	d.Counts.Packets++
	d.Counts.Bytes += uint64(wire)
	if wire > d.Counts.MaxPacket {
		d.Counts.MaxPacket = wire
	}
	d.layers = 0
	d.beyond = max(int(wire)-len(frame), 0)
	if link != LinkEthernet {
		return d.link(p, link, frame)
	}
	if len(frame) >= 18 {
		// The common frames: Ethernet II with at most one tag.
		typ, off := binary.BigEndian.Uint16(frame[12:]), 14
		if typ == typeVLAN {
			p.VLANs[0] = binary.BigEndian.Uint16(frame[14:]) & 0x0fff
			p.VLANCount = 1
			d.Counts.VLAN++
			typ, off = binary.BigEndian.Uint16(frame[16:]), 18
		}
		if typ == typeIPv4 || typ == typeIPv6 {
			d.Counts.Ethernet++
			copy(p.DstMAC[:], frame[:6])
			copy(p.SrcMAC[:], frame[6:12])
			p.HasMAC = true
			return d.ip(p, frame[off:], typ == typeIPv4)
		}
		if p.VLANCount != 0 {
			p.VLANs[0], p.VLANCount = 0, 0
			d.Counts.VLAN--
		}
	}
	return d.ethernet(p, frame)
}

// DecodeIP decodes a datagram that Defrag.Add put together, an IP packet with its header, into the Packet of its
// last fragment: link layer, tunnel and events are kept. It may find a tunnel, and within it again a Fragment.
// p.Payload points into datagram.
func (d *Decoder) DecodeIP(p *Packet, datagram []byte) Result {
	n := p.Reassembled
	p.resetIP()
	d.layers = 0
	d.beyond = 0
	if n >= maxReassembly {
		return d.bad(p, EventTooManyLayers)
	}
	p.Reassembled = n + 1
	return d.rawIP(p, datagram)
}

// bad counts a frame as invalid because of e.
func (d *Decoder) bad(p *Packet, e Event) Result {
	d.Counts.Invalid++
	d.note(p, e)
	return Malformed
}

// note records e without giving up the packet.
func (d *Decoder) note(p *Packet, e Event) {
	d.Counts.Events[e]++
	p.event(e)
}

// deeper reports whether one more nested header may be entered, and enters it.
func (d *Decoder) deeper(p *Packet) bool {
	if d.layers >= maxLayers {
		d.Counts.TooManyLayers++
		d.note(p, EventTooManyLayers)
		return false
	}
	d.layers++
	return true
}
