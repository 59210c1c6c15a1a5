package capture

import "encoding/binary"

type format uint8

const (
	formatUnknown format = iota
	formatPcap
	formatPcapng
	formatSnoop
)

// magic tells the format by the first four bytes.
func magic(b []byte) format {
	if len(b) < 4 {
		return formatUnknown
	}
	switch m := binary.LittleEndian.Uint32(b); m {
	case pcapMicro, pcapNano, pcapPatched, swapped(pcapMicro), swapped(pcapNano), swapped(pcapPatched):
		return formatPcap
	case ngSection:
		return formatPcapng
	}
	if string(b[:4]) == snoopMagic[:4] {
		return formatSnoop
	}
	return formatUnknown
}

type packing uint8

const (
	plain packing = iota
	gzipped
	zstandard
)

// compression tells how a file is compressed by its first four bytes: RFC 1952, section 2.3.1; RFC 8878, sections
// 3.1.1 and 3.1.2 (a file may begin with a skippable frame).
func compression(b []byte) packing {
	if len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b {
		return gzipped
	}
	if len(b) >= 4 {
		if m := binary.LittleEndian.Uint32(b); m == 0xfd2fb528 || m&^0xf == 0x184d2a50 {
			return zstandard
		}
	}
	return plain
}

func swapped(v uint32) uint32 {
	return v<<24 | v>>24 | v<<8&0xff0000 | v>>8&0xff00
}

// order is the byte order of a file or section.
type order bool

const (
	littleEndian order = false
	bigEndian    order = true
)

func (o order) u16(b []byte) uint16 {
	if o == bigEndian {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (o order) u32(b []byte) uint32 {
	if o == bigEndian {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (o order) u64(b []byte) uint64 {
	if o == bigEndian {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}
