package dns

// Bounds on names. A name is at most 255 bytes on the wire (RFC 1035, section 3.1), thus 253 in text; each
// label may be reached by one pointer.
const (
	maxNameWire = 255
	maxPointers = 127
)

// nameError says what is wrong with a name.
type nameError uint8

const (
	nameOK nameError = iota
	nameCut
	nameLoop
	nameLong
)

// appendName appends the name at msg[off:] to dst, labels joined by dots, the root as nothing. next is the offset
// after the name. When err is not nameOK, dst is returned as it came.
//
// A pointer must lead to before the run of labels that it ends (RFC 1035, section 4.1.4: "a prior occurrence"), so
// offsets only fall and a loop is impossible.
func appendName(dst, msg []byte, off int) (name []byte, next int, err nameError) {
	start, floor, wire, pointers := len(dst), off, 1, 0
	next = -1
	for {
		if uint(off) >= uint(len(msg)) {
			return dst[:start], off, nameCut
		}
		c := int(msg[off])
		switch {
		case c == 0:
			if next < 0 {
				next = off + 1
			}
			return dst, next, nameOK
		case c < 0x40:
			end := off + 1 + c
			if end > len(msg) {
				return dst[:start], off, nameCut
			}
			if wire += 1 + c; wire > maxNameWire {
				return dst[:start], off, nameLong
			}
			if len(dst) > start {
				dst = append(dst, '.')
			}
			dst = append(dst, msg[off+1:end]...)
			off = end
		case c >= 0xc0:
			if off+1 >= len(msg) {
				return dst[:start], off, nameCut
			}
			target := (c&0x3f)<<8 | int(msg[off+1])
			if pointers++; target >= floor || pointers > maxPointers {
				return dst[:start], off, nameLoop
			}
			if next < 0 {
				next = off + 2
			}
			floor, off = target, target
		default:
			// 01 and 10 are reserved (RFC 1035), 01 was used by RFC 2671 and withdrawn by RFC 6891.
			return dst[:start], off, nameCut
		}
	}
}

// skipName returns the offset after the name at msg[off:], or -1. It follows no pointer.
func skipName(msg []byte, off int) int {
	for end := off + maxNameWire; off < len(msg) && off < end; {
		c := int(msg[off])
		switch {
		case c == 0:
			return off + 1
		case c < 0x40:
			off += 1 + c
		case c >= 0xc0 && off+1 < len(msg):
			return off + 2
		default:
			return -1
		}
	}
	return -1
}
