package packet

import "encoding/binary"

// Contents of tunnels that have no EtherType: these are numbers that no EtherType has.
const (
	contentWLAN        = 1
	contentWLANSwapped = 2 // with the bytes of its frame control the wrong way round
)

// enter decodes b, what a tunnel of kind holds by the EtherType typ. Unless it is an IP packet the outer packet stands.
// hasID says that both directions use id. sure says that the tunnel is beyond doubt: then the inner packet's events are kept even when it fails.
func (d *Decoder) enter(p *Packet, kind TunnelKind, id uint32, hasID bool, typ uint16, b []byte, sure bool) Result {
	mirrored := d.mirrorVLAN
	d.mirrorVLAN = 0
	if p.Tunnel.Depth >= maxTunnels {
		d.Counts.TooManyLayers++
		d.note(p, EventTooManyLayers)
		return OK
	}
	if !d.deeper(p) {
		return OK
	}
	outer, outerSum := *p, d.noSum
	t := &p.Tunnel
	if t.Depth == 0 {
		t.Kind, t.Proto = kind, p.Proto
		t.Src, t.Dst, t.SrcPort, t.DstPort = p.Src, p.Dst, p.SrcPort, p.DstPort
	}
	t.Depth++
	if id != 0 || hasID {
		t.ID, t.HasID = id, hasID
	}
	p.resetIP()
	if typ == typeTEB && p.VLANCount != 0 {
		p.VLANs, p.VLANCount = [3]uint16{}, 0
	}
	if mirrored != 0 {
		d.tag(p, mirrored)
	}
	var r Result
	switch typ {
	case contentWLAN, contentWLANSwapped:
		r = d.wlanFrame(p, b, false, typ == contentWLANSwapped)
	default:
		r = d.ethertype(p, typ, b)
	}
	if r == OK || r == Fragment {
		return r
	}
	events, count := p.Events, p.EventCount
	*p = outer
	d.noSum = outerSum
	if sure {
		p.Events, p.EventCount = events, count
	}
	return OK
}

// ipTunnel decodes the protocols that hold another packet right behind the IP header.
func (d *Decoder) ipTunnel(p *Packet, b []byte) Result {
	kind := TunnelIPv4
	if p.Version == 6 {
		kind = TunnelIPv6
	}
	switch p.Proto {
	case protoIPIP:
		if p.Version == 4 {
			d.Counts.IPv4InIPv4++
		} else {
			d.Counts.IPv4InIPv6++
		}
		return d.enter(p, kind, 0, false, typeIPv4, b, true)
	case protoIPv6:
		if p.Version == 4 {
			d.Counts.IPv6InIPv4++
		} else {
			d.Counts.IPv6InIPv6++
		}
		return d.enter(p, kind, 0, false, typeIPv6, b, true)
	case protoGRE:
		d.Counts.GRE++
		return d.gre(p, b)
	case protoEtherIP: // RFC 3378
		if len(b) >= 2 && b[0]>>4 == 3 {
			d.Counts.OtherTunnel++
			return d.enter(p, TunnelEtherIP, 0, false, typeTEB, b[2:], true)
		}
	case protoEthernet: // RFC 8986 section 4.9
		if p.Version == 6 {
			d.Counts.OtherTunnel++
			return d.enter(p, kind, 0, false, typeTEB, b, true)
		}
	case protoMPLS: // RFC 4023
		d.Counts.OtherTunnel++
		return d.enter(p, TunnelMPLS, 0, false, typeMPLS, b, true)
	case protoPIM:
		// RFC 7761 section 4.9.3: a register message carries the first multicast packets of a source.
		if len(b) >= 28 && b[0] == 0x21 && plausibleIP(b[8:], p.Cut) {
			d.Counts.OtherTunnel++
			return d.enter(p, TunnelPIM, 0, false, ipType(b[8:]), b[8:], false)
		}
	case protoL2TP:
		// RFC 3931 section 4.1.1: session 0 is the control connection.
		if len(b) >= 4 && binary.BigEndian.Uint32(b) != 0 {
			return d.l2tp3(p, binary.BigEndian.Uint32(b), b[4:])
		}
	}
	return OK
}

// ipType is the EtherType of the IP version at the start of b.
func ipType(b []byte) uint16 {
	if len(b) > 0 && b[0]>>4 == 6 {
		return typeIPv6
	}
	return typeIPv4
}

// plausibleIP is plausible for an IP packet of either version.
func plausibleIP(b []byte, cut bool) bool { return plausible(ipType(b), b, cut) }

// l2tp3 finds the Ethernet frame in an L2TPv3 data message. How long cookie and sublayer are was agreed upon
// elsewhere: the first length that makes sense is taken.
func (d *Decoder) l2tp3(p *Packet, session uint32, b []byte) Result {
	for n := 0; n <= 12 && n+14 <= len(b); n += 4 {
		typ := binary.BigEndian.Uint16(b[n+12:])
		if (typ == typeIPv4 || typ == typeIPv6 || typ == typeVLAN) && plausible(typeTEB, b[n:], p.Cut) {
			d.Counts.L2TP++
			return d.enter(p, TunnelL2TP, session, false, typeTEB, b[n:], false)
		}
	}
	return OK
}
