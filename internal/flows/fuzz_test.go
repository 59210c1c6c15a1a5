package flows

import (
	"encoding/binary"
	"fmt"
	"testing"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// strict is a stream that proves that it is called as the contract says.
type strict struct {
	open  *int // streams that are in use
	used  bool
	ended bool
	bytes [2]int
	inner lineStream
}

func strictLines(name string, over protocol.Transport, late bool, prefix byte, open *int) protocol.Parser {
	p := lines(600)
	p.Name, p.Over, p.Late = name, over, late
	p.Probe = func(p *protocol.Peek) protocol.Match {
		if len(p.Data) == 0 {
			panic("probed without data")
		}
		switch {
		case p.Data[0] != prefix:
			return protocol.No
		case len(p.Data) == 1 && !p.End:
			return protocol.Maybe
		case len(p.Data) > 1 && p.Data[1] == '?':
			return protocol.Likely
		case len(p.Data) > 1 && p.Data[1] == 'R':
			p.Reversed = true
		}
		return protocol.Yes
	}
	p.New = func() protocol.Stream { return &strict{open: open} }
	return p
}

func (s *strict) begin() {
	if s.ended {
		panic("used after its end")
	}
	if !s.used {
		s.used = true
		*s.open++
	}
}

func (s *strict) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	s.begin()
	if len(b) == 0 && c.Over == protocol.TCP {
		panic("fed nothing")
	}
	s.bytes[d] = len(b)
	if len(b) > 2 && b[len(b)-1]%7 == 0 {
		c.Need = len(b) + int(b[0])%9
	}
	if len(b) > 0 && b[len(b)-1] == 0xee {
		return 0, protocol.Failed
	}
	return s.inner.Feed(c, d, b)
}

func (s *strict) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.begin()
	if n <= 0 {
		panic(fmt.Sprint("a gap of ", n))
	}
	if n%5 == 0 {
		return protocol.Failed
	}
	return s.inner.Gap(c, d, n)
}

func (s *strict) End(c *protocol.Context) {
	s.begin()
	s.ended = true
	*s.open--
}

func (s *strict) Reset() { *s = strict{open: s.open} }

// Held implements protocol.Holder.
func (s *strict) Held() int { return s.bytes[0] + s.bytes[1] }

// packets plays the fuzzer's bytes as packets on a few flows: eight bytes of header, then the payload.
func play(w *wire, b []byte) {
	words := [...]string{"L:a\n", "S:x\n", "LR\n", "L?\n", "panic\n", "L:done\n", "L:switch\nL:", "L:skip100\n", "no such protocol ", "\xee"}
	for len(b) >= 8 && w.num < 400 {
		h := b[:8]
		b = b[8:]
		p := packet.Packet{
			Src: client, Dst: server, SrcPort: 40000 + uint16(h[0]>>6), DstPort: 80, Proto: packet.ProtoTCP, Flags: h[1],
			Seq: uint32(binary.LittleEndian.Uint16(h[2:]))%2048 + 100, Ack: uint32(h[4])*8 + 500, Urgent: uint16(h[5] >> 4),
		}
		if h[0]&1 != 0 {
			p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
			p.Seq, p.Ack = p.Seq+400, p.Ack-400
		}
		if h[0]&2 != 0 {
			p.Proto = packet.ProtoUDP
		}
		if h[0]&4 != 0 {
			p.Missing, p.Cut = uint32(h[6]), true
		}
		if h[0]&8 != 0 {
			p.Seq += uint32(h[6]) << 22
		}
		for n := int(h[5] & 7); n > 0; n-- {
			p.Payload = append(p.Payload, words[(int(h[7])+n)%len(words)]...)
		}
		if h[0]&16 != 0 {
			n := min(len(b), int(h[6]))
			p.Payload, b = append(p.Payload, b[:n]...), b[n:]
		}
		w.now += int64(h[6]) * 1e8 * int64(h[0]>>5&1)
		w.add(p)
		if h[0]&0x30 == 0x30 {
			for _, d := range w.table.Expire(w.now, 0, nil) {
				w.table.End(d)
			}
		}
		if w.table.Stats.Held < 0 {
			panic("less than nothing is held")
		}
	}
}

// FuzzTable sends any packets in any order: streams are called as their contract says, each ends once, and nothing is
// held at the end.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x02\x00\x00\x00\x00\x00\x00\x01\x12\x00\x00\x00\x00\x00\x00\x00\x18\x01\x00\x00\x01\x00\x09\x01\x18\x01\x00\x00\x01\x00\x00"))
	f.Add([]byte("\x00\x18\x01\x00\x00\x01\x00\x01\x00\x18\x10\x00\x00\x02\x00\x02\x10\x18\x05\x00\x00\x11\x04\x05L:aa\x00\x11\x30\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x01\x00\x09\x03\x00\x00\x00\x00\x01\x00\x00\x42\x00\x00\x00\x00\x02\x00\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		open := 0
		w := newWire(t, Config{MaxFlows: 4, HeldBytes: 8 << 10, FlowHeldBytes: 512, DedupWindow: 1e6},
			strictLines("lines", protocol.TCP|protocol.UDP, false, 'L', &open), strictLines("late", protocol.TCP, true, 'S', &open))
		play(w, b)
		w.end()
		for _, g := range w.log.got {
			if len(g) > 6 && g[:6] == "panic:" && g[len(g)-len("as asked"):] != "as asked" {
				t.Fatal(g)
			}
		}
		panics := int(w.table.Stats.Panics)
		// A stream that panicked is never ended.
		if open < 0 || open > panics {
			t.Errorf("%d streams are still open, %d panicked: %q", open, panics, w.log.got)
		}
		if int(w.table.Stats.Total) != len(w.log.ended) {
			t.Errorf("%d flows began, %d ended", w.table.Stats.Total, len(w.log.ended))
		}
	})
}
