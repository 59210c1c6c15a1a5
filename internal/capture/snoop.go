package capture

import (
	"fmt"

	"netsensor/internal/packet"
)

// snoopMagic begins a snoop file, RFC 1761.
const snoopMagic = "snoop\x00\x00\x00"

const snoopHeader, snoopRecord = 16, 24

// snoop walks a file of Solaris' snoop. Everything is big-endian.
type snoop struct {
	f    *file
	in   *input
	link packet.LinkType
	max  int
}

func newSnoop(f *file, maxFrame int) (*snoop, error) {
	h, err := f.in.window(snoopHeader)
	if err != nil {
		return nil, short(err, len(h))
	}
	if string(h[:8]) != snoopMagic {
		return nil, fmt.Errorf("%w: it begins with % x (%q)", ErrFormat, h[:8], h[:8])
	}
	if v := bigEndian.u32(h[8:]); v != 2 {
		return nil, &Error{Offset: 8, Err: fmt.Errorf("snoop version %d is not known", v)}
	}
	s := &snoop{f: f, in: f.in, max: maxFrame}
	switch v := bigEndian.u32(h[12:]); v {
	case 0, 4: // IEEE 802.3 and Ethernet
		s.link = 1
	case 2: // token ring
		s.link = 6
	case 8: // FDDI
		s.link = 10
	default:
		return nil, &Error{Offset: 12, Err: fmt.Errorf("snoop datalink type %d is not known", v)}
	}
	f.iface(0, Interface{Link: s.link})
	f.in.pos += snoopHeader
	return s, nil
}

func (s *snoop) walk(b *Batch, limit int) error {
	in := s.in
	for len(b.Frames) < limit {
		w, err := in.window(snoopRecord)
		if err != nil {
			return err
		}
		wire, caplen, length := bigEndian.u32(w), bigEndian.u32(w[4:]), bigEndian.u32(w[8:])
		if length > maxRecord || length < snoopRecord || caplen > length-snoopRecord {
			return &Error{Offset: in.offset(),
				Err: fmt.Errorf("a record of %d bytes that holds %d: the file is corrupt", length, caplen)}
		}
		end := snoopRecord + min(int(caplen), s.max)
		if len(w) < end {
			if w, err = in.window(end); err != nil {
				return err
			}
		}
		sec, micro := bigEndian.u32(w[16:]), bigEndian.u32(w[20:])
		in.add(b, Frame{
			Data: w[snoopRecord:end:end],
			Time: int64(sec)*1e9 + int64(micro)*1000,
			Wire: max(wire, caplen),
			Link: s.link,
		})
		if err := in.skip(int(length)); err != nil {
			in.drop(b)
			return err
		}
		if int(caplen) > s.max {
			s.f.oversized.Add(1)
		}
	}
	return nil
}
