package capture

import (
	"errors"
	"fmt"

	"netsensor/internal/packet"
)

// Block types of pcapng, draft-ietf-opsawg-pcapng section 4. The section header's is a palindrome.
const (
	ngSection   = 0x0a0d0d0a
	ngInterface = 1
	ngPacket    = 2 // obsolete
	ngSimple    = 3
	ngEnhanced  = 6
)

const (
	ngByteOrder = 0x1a2b3c4d
	// maxInterfaces is how many interfaces a file may have; Frame.Iface has 16 bits.
	maxInterfaces = 1 << 16
	// maxName is how much of an interface's name is kept.
	maxName = 256
)

// pcapng walks the blocks of a file with any number of sections.
type pcapng struct {
	f      *file
	in     *input
	order  order
	max    int
	ifaces []ngIface // of the section
	last   int64     // time of the last frame
}

type ngIface struct {
	clock clock
	link  packet.LinkType
	snap  uint32
	index uint16
}

func newPcapng(f *file, maxFrame int) (*pcapng, error) {
	h, err := f.in.window(28)
	if err != nil {
		return nil, short(err, len(h))
	}
	g := &pcapng{f: f, in: f.in, max: maxFrame}
	// The first section is opened at once, so that a file of another kind fails early.
	if err := g.walk(nil, 1); err != nil {
		return nil, short(err, int(g.in.offset()))
	}
	return g, nil
}

func (g *pcapng) corrupt(format string, a ...any) error {
	return &Error{Offset: g.in.offset(), Err: fmt.Errorf(format, a...)}
}

// walk fills b; without b it reads the first block only.
func (g *pcapng) walk(b *Batch, limit int) error {
	in := g.in
	for b == nil || len(b.Frames) < limit {
		w, err := in.window(12)
		if err != nil {
			return err
		}
		kind := g.order.u32(w)
		if kind == ngSection {
			switch uint32(ngByteOrder) {
			case littleEndian.u32(w[8:]):
				g.order = littleEndian
			case bigEndian.u32(w[8:]):
				g.order = bigEndian
			default:
				return g.corrupt("a section with the byte-order magic % x: the file is corrupt", w[8:12])
			}
		}
		total := g.order.u32(w[4:])
		if total < 12 || total > maxRecord {
			return g.corrupt("a block of type %#x and %d bytes: the file is corrupt", kind, total)
		}
		// Old writers left the padding out of the length.
		length := int(total+3) &^ 3
		// A block that is too long for the window is seen as far as a frame may reach; the rest is passed over.
		seen := min(length, g.max+64)
		if len(w) < seen {
			if w, err = in.window(seen); err != nil {
				return err
			}
		}
		body := w[8:seen]
		if seen == length {
			body = w[8 : seen-4]
			if tail := g.order.u32(w[seen-4:]); tail != total {
				return g.corrupt("a block of type %#x begins with the length %d and ends with %d", kind, total, tail)
			}
		}
		frames := 0
		if b != nil {
			frames = len(b.Frames)
		}
		switch kind {
		case ngEnhanced:
			err = g.enhanced(b, body, length)
		case ngSection:
			err = g.section(body)
		case ngInterface:
			err = g.describe(body)
		case ngSimple:
			err = g.simple(b, body, length)
		case ngPacket:
			err = g.packet(b, body, length)
		}
		if err != nil {
			return err
		}
		if seen == length {
			in.pos += length
		} else if err := in.skip(length); err != nil {
			if b != nil {
				b.Frames = b.Frames[:frames]
			}
			return err
		}
		if b == nil {
			return nil
		}
	}
	return nil
}

// section reads a section header: the interfaces are numbered anew.
func (g *pcapng) section(body []byte) error {
	if len(body) < 16 {
		return g.corrupt("a section header of %d bytes is too short", len(body)+12)
	}
	if major := g.order.u16(body[4:]); major != 1 {
		return g.corrupt("pcapng version %d.%d is not known", major, g.order.u16(body[6:]))
	}
	g.ifaces = g.ifaces[:0]
	return nil
}

// describe reads an interface description, section 4.2.
func (g *pcapng) describe(body []byte) error {
	if len(body) < 8 {
		return g.corrupt("an interface description of %d bytes is too short", len(body)+12)
	}
	i := ngIface{link: packet.LinkType(g.order.u16(body)), snap: g.order.u32(body[4:])}
	name, resolution, offset := "", byte(6), int64(0)
	for o := body[8:]; len(o) >= 4; {
		code, n := g.order.u16(o), int(g.order.u16(o[2:]))
		if code == 0 || n > len(o)-4 {
			break
		}
		v := o[4 : 4+n]
		switch {
		case code == 2:
			name = string(v[:min(n, maxName)])
		case code == 9 && n >= 1:
			resolution = v[0]
		case code == 14 && n >= 8:
			offset = int64(g.order.u64(v))
		}
		o = o[min(len(o), 4+(n+3)&^3):]
	}
	i.clock = newClock(resolution, offset)
	var ok bool
	if i.index, ok = g.f.iface(len(g.ifaces), Interface{Name: name, Link: i.link, Snap: i.snap}); !ok {
		return g.corrupt("more than %d interfaces", maxInterfaces)
	}
	g.ifaces = append(g.ifaces, i)
	return nil
}

var errShortPacket = errors.New("a packet block is too short for its header")

// enhanced reads an enhanced packet block, section 4.3.
func (g *pcapng) enhanced(b *Batch, body []byte, length int) error {
	if len(body) < 20 {
		return &Error{Offset: g.in.offset(), Err: errShortPacket}
	}
	ticks := uint64(g.order.u32(body[4:]))<<32 | uint64(g.order.u32(body[8:]))
	return g.frame(b, g.order.u32(body), ticks, g.order.u32(body[12:]), g.order.u32(body[16:]), body[20:], length-32)
}

// packet reads an obsolete packet block, appendix A.
func (g *pcapng) packet(b *Batch, body []byte, length int) error {
	if len(body) < 20 {
		return &Error{Offset: g.in.offset(), Err: errShortPacket}
	}
	ticks := uint64(g.order.u32(body[4:]))<<32 | uint64(g.order.u32(body[8:]))
	return g.frame(b, uint32(g.order.u16(body)), ticks, g.order.u32(body[12:]), g.order.u32(body[16:]), body[20:], length-32)
}

// frame appends a frame of caplen bytes that begins with data; room is how long the block lets it be.
func (g *pcapng) frame(b *Batch, iface uint32, ticks uint64, caplen, wire uint32, data []byte, room int) error {
	if uint64(iface) >= uint64(len(g.ifaces)) {
		return g.corrupt("a packet of interface %d, which is not described", iface)
	}
	if int64(caplen) > int64(room) {
		return g.corrupt("a packet of %d bytes in a block that has room for %d", caplen, room)
	}
	i := &g.ifaces[iface]
	g.last = i.clock.time(ticks)
	g.add(b, i, data, caplen, wire)
	return nil
}

// simple reads a simple packet block, section 4.4. It has no time: that of the frame before it is taken.
func (g *pcapng) simple(b *Batch, body []byte, length int) error {
	if len(body) < 4 {
		return &Error{Offset: g.in.offset(), Err: errShortPacket}
	}
	if len(g.ifaces) == 0 {
		return g.corrupt("a simple packet, but no interface is described")
	}
	i := &g.ifaces[0]
	wire := g.order.u32(body)
	caplen := min(wire, uint32(length-16))
	if i.snap != 0 {
		caplen = min(caplen, i.snap)
	}
	g.add(b, i, body[4:], caplen, wire)
	return nil
}

func (g *pcapng) add(b *Batch, i *ngIface, data []byte, caplen, wire uint32) {
	n := int(caplen)
	if n > g.max {
		n = g.max
		g.f.oversized.Add(1)
	}
	g.in.add(b, Frame{
		Data:  data[:n:n],
		Time:  g.last,
		Wire:  max(wire, caplen),
		Link:  i.link,
		Iface: i.index,
	})
}
