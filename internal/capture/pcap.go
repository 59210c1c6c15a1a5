package capture

import (
	"fmt"
	"io"

	"netsensor/internal/packet"
)

// Magic numbers of pcap files. The patched format of A. Kuznetsov has longer record headers.
const (
	pcapMicro   = 0xa1b2c3d4
	pcapNano    = 0xa1b23c4d
	pcapPatched = 0xa1b2cd34
)

const pcapHeader = 24

// pcap walks a file as described in draft-ietf-opsawg-pcap.
type pcap struct {
	f     *file
	in    *input
	order order
	tick  int64 // ns
	head  int   // length of a record header
	link  packet.LinkType
	max   int
	// swap: versions before 2.3 wrote the two lengths the other way round, 2.3 did or did not.
	swap, maySwap bool
}

func newPcap(f *file, maxFrame int) (*pcap, error) {
	h, err := f.in.window(pcapHeader)
	if err != nil {
		return nil, short(err, len(h))
	}
	p := &pcap{f: f, in: f.in, tick: 1000, head: 16, max: maxFrame}
	if m := order(bigEndian).u32(h); m == pcapMicro || m == pcapNano || m == pcapPatched {
		p.order = bigEndian
	}
	switch p.order.u32(h) {
	case pcapNano:
		p.tick = 1
	case pcapPatched:
		p.head = 24
	}
	major, minor := p.order.u16(h[4:]), p.order.u16(h[6:])
	switch {
	case major == 543, major == 2 && minor < 3:
		p.swap = true
	case major == 2:
		p.maySwap = minor == 3
	default:
		return nil, &Error{Offset: 4, Err: fmt.Errorf("pcap version %d.%d is not known", major, minor)}
	}
	// The upper six bits say whether frames end with a frame check sequence.
	p.link = packet.LinkType(p.order.u32(h[20:]) & 0x03ffffff)
	f.iface(0, Interface{Link: p.link, Snap: p.order.u32(h[16:])})
	f.in.pos += pcapHeader
	return p, nil
}

// short is the error of a file header that cannot be read as a whole; n bytes of it are there.
func short(err error, n int) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Error{Offset: int64(n), Err: fmt.Errorf("the file ends within its header")}
	}
	return err
}

func (p *pcap) walk(b *Batch, limit int) error {
	in := p.in
	for len(b.Frames) < limit {
		w, err := in.window(p.head)
		if err != nil {
			return err
		}
		caplen, wire := p.order.u32(w[8:]), p.order.u32(w[12:])
		if p.swap || p.maySwap && caplen > wire {
			caplen, wire = wire, caplen
		}
		if caplen > maxRecord {
			return &Error{Offset: in.offset(), Err: fmt.Errorf("a record of %d bytes: the file is corrupt", caplen)}
		}
		n := int(caplen)
		keep := min(n, p.max)
		end := p.head + keep
		if len(w) < end {
			if w, err = in.window(end); err != nil {
				return err
			}
		}
		in.add(b, Frame{
			Data: w[p.head:end:end],
			Time: int64(p.order.u32(w))*1e9 + int64(p.order.u32(w[4:]))*p.tick,
			Wire: max(wire, caplen),
			Link: p.link,
		})
		in.pos += end
		if keep < n {
			if err := in.skip(n - keep); err != nil {
				in.drop(b)
				return err
			}
			p.f.oversized.Add(1)
		}
	}
	return nil
}
