package packet

import "encoding/binary"

// GRE flags (RFC 2784, RFC 2890, RFC 1701, RFC 2637).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080
	greVersion  = 0x0007
)

// Protocols that only GRE uses.
const (
	greEoIP      = 0x6400
	greAruba     = 0x8200 // IEEE 802.11 frames of an access point, by queue
	greArubaLast = 0x83ff
	greWCCP      = 0x883e
)

// gre decodes generic routing encapsulation and what it carries.
func (d *Decoder) gre(p *Packet, b []byte) Result {
	if len(b) < 4 {
		return d.short(p, b, EventGREPacketTooSmall)
	}
	flags, typ := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	switch flags & greVersion {
	case 0:
	case 1:
		if typ == greEoIP && flags&0xf000 == greKey {
			return d.eoip(p, b)
		}
		return d.pptp(p, flags, typ, b)
	default:
		return d.broken(p, b, EventGREWrongVersion)
	}
	n := 4
	if flags&(greChecksum|greRouting) != 0 {
		n += 4
	}
	var key uint32
	if flags&greKey != 0 {
		if len(b) < n+4 {
			return d.broken(p, b, EventGREVersion0HeaderTooBig)
		}
		key = binary.BigEndian.Uint32(b[n:])
		n += 4
	}
	if flags&greSequence != 0 {
		n += 4
	}
	if n > len(b) {
		return d.broken(p, b, EventGREVersion0HeaderTooBig)
	}
	in := b[n:]
	if flags&greRouting != 0 {
		var ok bool
		if in, ok = skipRoutes(in); !ok {
			return d.broken(p, b, EventGREVersion0MalformedSREHeader)
		}
	}
	switch {
	case typ < minimumType: // a keepalive, or nothing known
		return OK
	case typ == typeERSPAN || typ == typeERSPAN3:
		return d.erspan(p, typ, flags&greSequence != 0, in)
	case typ >= greAruba && typ <= greArubaLast:
		typ = contentWLAN
	case typ == typeTEB:
		// RFC 7637: NVGRE's key is the virtual subnet and a flow number.
		if flags&0xf000 == greKey {
			key >>= 8
		}
	case typ == greWCCP: // draft-wilson-wrec-wccp-v2, section 4.12
		// Version 2 has a redirect header, version 1 has none.
		if len(in) > 4 && in[0]>>4 != 4 {
			in = in[4:]
		}
		typ = typeIPv4
	}
	return d.enter(p, TunnelGRE, key, flags&greKey != 0, typ, in, true)
}

// skipRoutes skips the source route entries of RFC 1701.
func skipRoutes(b []byte) ([]byte, bool) {
	const maxEntries = 16
	for range maxEntries {
		if len(b) < 4 {
			return nil, false
		}
		n := int(b[3])
		if n == 0 {
			return b[4:], true
		}
		if len(b) < 4+n {
			return nil, false
		}
		b = b[4+n:]
	}
	return nil, false
}

// pptp decodes the enhanced GRE of RFC 2637, which carries PPP.
func (d *Decoder) pptp(p *Packet, flags, typ uint16, b []byte) Result {
	if typ != typePPP {
		return d.broken(p, b, EventGREVersion1WrongProtocol)
	}
	if flags&greKey == 0 {
		return d.broken(p, b, EventGREVersion1NoKey)
	}
	n := 8
	if flags&greSequence != 0 {
		n += 4
	}
	if flags&greAck != 0 {
		n += 4
	}
	if n > len(b) {
		return d.broken(p, b, EventGREVersion1HeaderTooBig)
	}
	call := uint32(binary.BigEndian.Uint16(b[6:]))
	in := b[n:]
	if length := int(binary.BigEndian.Uint16(b[4:])); length < len(in) {
		in = in[:length]
	}
	if len(in) == 0 { // an acknowledgement only
		return OK
	}
	return d.enter(p, TunnelGRE, call, false, typePPP, in, true)
}

// eoip decodes MikroTik's Ethernet over IP.
func (d *Decoder) eoip(p *Packet, b []byte) Result {
	if len(b) < 8 {
		return d.broken(p, b, EventGREVersion1HeaderTooBig)
	}
	in := b[8:]
	if n := int(binary.BigEndian.Uint16(b[4:])); n < len(in) {
		in = in[:n]
	}
	return d.enter(p, TunnelGRE, uint32(binary.LittleEndian.Uint16(b[6:])), true, typeTEB, in, true)
}

// erspan decodes the header of a mirrored frame (draft-foschiano-erspan): type I has none, II 8 bytes, III 12 and
// perhaps a platform specific sub-header.
func (d *Decoder) erspan(p *Packet, typ uint16, sequence bool, b []byte) Result {
	d.Counts.ERSPAN++
	if typ == typeERSPAN && !sequence {
		return d.enter(p, TunnelERSPAN, 0, false, typeTEB, b, true)
	}
	n, version := 8, byte(1)
	if typ == typeERSPAN3 {
		n, version = 12, 2
	}
	if len(b) < n {
		return d.short(p, b, EventERSPANHeaderTooSmall)
	}
	if b[0]>>4 != version {
		return d.broken(p, b, EventERSPANUnsupportedVersion)
	}
	session := uint32(binary.BigEndian.Uint16(b[2:]) & 0x03ff)
	vid := binary.BigEndian.Uint16(b) & 0x0fff
	if version == 2 && b[11]&1 != 0 {
		n += 8
	}
	if n > len(b) {
		return d.short(p, b, EventERSPANHeaderTooSmall)
	}
	// The VLAN is that of the mirrored frame, whose own tag the switch may have taken off.
	d.mirrorVLAN = vid
	return d.enter(p, TunnelERSPAN, session, true, typeTEB, b[n:], true)
}
