package packet

import "encoding/binary"

// radiotap decodes the radiotap header (radiotap.org) in front of an 802.11 frame.
func (d *Decoder) radiotap(p *Packet, b []byte) Result {
	if len(b) < 8 || b[0] != 0 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 8 || n > len(b) {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	const hasTime, hasFlags, more = 1 << 0, 1 << 1, 1 << 31
	present := binary.LittleEndian.Uint32(b[4:])
	off := 8
	for word := present; word&more != 0; off += 4 {
		if off+4 > n {
			return d.bad(p, EventEthernetPacketTooSmall)
		}
		word = binary.LittleEndian.Uint32(b[off:])
	}
	var flags byte
	if present&hasFlags != 0 {
		if present&hasTime != 0 {
			off = (off+7)&^7 + 8
		}
		if off < n {
			flags = b[off]
		}
	}
	const padded = 0x20
	return d.wlanFrame(p, b[n:], flags&padded != 0, false)
}

// prism decodes the header of Prism cards, or AVS where it stands in its place.
func (d *Decoder) prism(p *Packet, b []byte) Result {
	if len(b) < 8 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	const avs = 0x80211000
	if binary.BigEndian.Uint32(b)&0xfffff000 == avs {
		return d.behind(p, b, binary.BigEndian.Uint32(b[4:]))
	}
	// The length is in the byte order of the machine that captured; it is 144 as a rule.
	n := binary.LittleEndian.Uint32(b[4:])
	if n > 0xffff {
		n = binary.BigEndian.Uint32(b[4:])
	}
	return d.behind(p, b, n)
}

// behind decodes the 802.11 frame behind n bytes.
func (d *Decoder) behind(p *Packet, b []byte, n uint32) Result {
	if n < 8 || uint64(n) > uint64(len(b)) {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	return d.wlan(p, b[n:])
}

// wlan decodes an IEEE 802.11 frame.
func (d *Decoder) wlan(p *Packet, b []byte) Result { return d.wlanFrame(p, b, false, false) }

// wlanFrame decodes an IEEE 802.11 data frame (section 9.3.2) that is not encrypted; padded says that the header
// is filled up to a multiple of 4, swapped that the frame control bytes are the wrong way round. Of an aggregate
// (A-MSDU) the first frame with IP counts.
func (d *Decoder) wlanFrame(p *Packet, b []byte, padded, swapped bool) Result {
	const (
		toDS, fromDS, protected, order = 0x01, 0x02, 0x40, 0x80
		typeData                       = 2
		subtypeQoS, subtypeNull        = 0x8, 0x4
		aggregate                      = 0x80
	)
	if len(b) < 2 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	control, flags := b[0], b[1]
	if swapped {
		control, flags = flags, control
	}
	if control&3 != 0 || control>>2&3 != typeData || control>>4&subtypeNull != 0 {
		d.Counts.WLANManagement++
		return NotIP
	}
	if len(b) < 24 {
		return d.bad(p, EventEthernetPacketTooSmall)
	}
	n := 24
	a1, a2, a3 := b[4:10], b[10:16], b[16:22]
	src, dst := a2, a1
	switch flags & (toDS | fromDS) {
	case toDS:
		dst = a3
	case fromDS:
		src = a3
	case toDS | fromDS:
		if n += 6; len(b) < n {
			return d.bad(p, EventEthernetPacketTooSmall)
		}
		dst, src = a3, b[24:30]
	}
	msdus := false
	if control>>4&subtypeQoS != 0 {
		if n += 2; len(b) < n {
			return d.bad(p, EventEthernetPacketTooSmall)
		}
		msdus = b[n-2]&aggregate != 0
		if flags&order != 0 {
			n += 4 // HT control
		}
	}
	if padded {
		n = (n + 3) &^ 3
	}
	copy(p.DstMAC[:], dst)
	copy(p.SrcMAC[:], src)
	p.HasMAC = true
	fragment := b[22] & 0x0f
	if swapped {
		fragment = b[23] & 0x0f // the sequence control is swapped too
	}
	if n > len(b) || fragment != 0 {
		d.Counts.LLC++
		return NotIP
	}
	b = b[n:]
	if flags&protected != 0 && !opened(b) {
		d.Counts.WLANEncrypted++
		return NotIP
	}
	if !msdus {
		return d.llc(p, b)
	}
	return d.amsdu(p, b)
}

// opened reports whether the body of a frame marked as protected starts with a SNAP header all the same: some drivers
// decrypt it and leave the mark.
func opened(b []byte) bool {
	return len(b) >= 8 && b[0] == 0xaa && b[1] == 0xaa && b[2] == 3 && b[3]|b[4]|b[5] == 0
}

// amsdu finds the first frame with IP in an aggregate (IEEE 802.11 section 9.3.2.2).
func (d *Decoder) amsdu(p *Packet, b []byte) Result {
	const maxSubframes = 8
	for range maxSubframes {
		if len(b) < 14 {
			break
		}
		n := int(binary.BigEndian.Uint16(b[12:]))
		copy(p.DstMAC[:], b[:6])
		copy(p.SrcMAC[:], b[6:12])
		body := b[14:]
		if n < len(body) {
			body = body[:n]
		}
		if r := d.llc(p, body); r != NotIP {
			return r
		}
		n = (14 + n + 3) &^ 3
		if n >= len(b) {
			break
		}
		b = b[n:]
	}
	return NotIP
}
