package flows

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// lines is a parser for tests: a flow is its own when the client begins with "L:"; each line becomes an observation.
func lines(limit int) protocol.Parser {
	return protocol.Parser{
		Name: "lines", Over: protocol.TCP | protocol.UDP, Limit: limit,
		Probe: func(p *protocol.Peek) protocol.Match {
			switch {
			case bytes.HasPrefix(p.Data, []byte("L:")):
				return protocol.Yes
			case bytes.HasPrefix(p.Data, []byte("S:")):
				p.Reversed = p.Dir == protocol.ToServer
				return protocol.Yes
			case bytes.HasPrefix([]byte("L:"), p.Data) && !p.End:
				return protocol.Maybe
			}
			return protocol.No
		},
		New: func() protocol.Stream { return &lineStream{} },
	}
}

type lineStream struct{ n int }

type text string

func (s text) AppendEVE(b []byte, _ *eve.Options) []byte { return append(b, s...) }

func (s *lineStream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		s.say(c, d, string(b))
		return len(b), protocol.More
	}
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return 0, protocol.More
	}
	line := string(b[:i])
	s.say(c, d, line)
	switch {
	case strings.HasSuffix(line, "panic"):
		panic("as asked")
	case strings.HasSuffix(line, "done"):
		return i + 1, protocol.Done
	case strings.HasSuffix(line, "switch"):
		return i + 1, protocol.Switch
	case strings.HasSuffix(line, "skip100"):
		return i + 1 + 100, protocol.More
	}
	return i + 1, protocol.More
}

func (s *lineStream) say(c *protocol.Context, d protocol.Dir, what string) {
	s.n++
	c.Sink.Observe(&protocol.Observation{Event: "line", Dir: d, TxID: s.n, Detail: text(what)})
}

func (s *lineStream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.say(c, d, fmt.Sprintf("gap %d", n))
	return protocol.More
}
func (s *lineStream) End(c *protocol.Context) { s.say(c, 0, "end") }
func (s *lineStream) Reset()                  { s.n = 0 }

// log records what the handler is told.
type log struct {
	t     *testing.T
	table *Table
	got   []string
	ended []Flow
	odd   int // observations with a packet that never came
}

func (l *log) Opened(*Flow, *packet.Packet) {}
func (l *log) Observed(f *Flow, p *packet.Packet, o *protocol.Observation) {
	if p != nil && p.Num == 0 {
		l.odd++
	}
	arrow := ">"
	if o.Dir == protocol.ToClient {
		arrow = "<"
	}
	l.got = append(l.got, arrow+string(o.Detail.AppendEVE(nil, nil)))
}
func (l *log) Panicked(_ *Flow, _ *packet.Packet, app string, reason any) {
	l.got = append(l.got, fmt.Sprint("panic: ", app, " ", reason))
}
func (l *log) Settled(*Flow, *packet.Packet) {}
func (l *log) Anomaly(_ *Flow, _ *packet.Packet, e Event) {
	if e != SequenceGap { // the streams speak of gaps
		l.got = append(l.got, "!"+e.String())
	}
}
func (l *log) Ended(f *Flow, r Reason) {
	l.ended = append(l.ended, *f)
	l.got = append(l.got, fmt.Sprintf("ended %s %s", f.State(), r))
}

// wire makes the packets of one TCP connection (client 10.0.0.1:40000, server 10.0.0.2:80).
type wire struct {
	table *Table
	log   *log
	num   uint64
	now   int64
}

func newWire(t *testing.T, cfg Config, parsers ...protocol.Parser) *wire {
	if parsers == nil {
		parsers = []protocol.Parser{lines(0)}
	}
	l := &log{t: t}
	w := &wire{log: l, now: 1e9, table: New(cfg, parsers, l)}
	l.table = w.table
	return w
}

var (
	client = packet.AddressFrom(netip.MustParseAddr("10.0.0.1"))
	server = packet.AddressFrom(netip.MustParseAddr("10.0.0.2"))
)

func (w *wire) add(p packet.Packet) {
	w.num++
	w.now += 1e6
	p.Num, p.Version, p.TTL, p.Ports = w.num, 4, 64, true
	if p.Time == 0 {
		p.Time = w.now
	}
	h, c := w.table.Hash(&p)
	w.table.Add(&p, h, c)
}

func (w *wire) tcp(d protocol.Dir, flags uint8, seq, ack uint32, data string) {
	p := packet.Packet{Src: client, Dst: server, SrcPort: 40000, DstPort: 80, Proto: packet.ProtoTCP,
		Flags: flags, Seq: seq, Ack: ack, Payload: []byte(data), WireLen: uint32(54 + len(data))}
	if d == protocol.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	w.add(p)
}

func (w *wire) handshake() {
	w.tcp(0, packet.SYN, 99, 0, "")
	w.tcp(1, packet.SYN|packet.ACK, 499, 100, "")
	w.tcp(0, packet.ACK, 100, 500, "")
}

func (w *wire) end() []string {
	due := w.table.Shutdown(0, nil)
	SortDue(due)
	for _, d := range due {
		w.table.End(d)
	}
	if w.table.Active() != 0 || w.table.Stats.Held != 0 || w.table.oldest != nil {
		w.log.t.Errorf("after the end: %d flows, %d bytes held", w.table.Active(), w.table.Stats.Held)
	}
	return w.log.got
}

const push = packet.PSH | packet.ACK

func TestTCP(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(w *wire)
		want string
	}{
		{"in order", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:a\nb")
			w.tcp(1, push, 500, 105, "x\n")
			w.tcp(0, push, 105, 502, "c\n")
		}, ">L:a <x >bc >end ended established shutdown"},
		{"out of order and twice", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 104, 500, "b\n")
			w.tcp(0, push, 106, 500, "c\n")
			w.tcp(0, push, 104, 500, "b\n")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >b >c >end ended established shutdown"},
		{"overlap with other data: the first bytes win", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 104, 500, "bbb\n")
			w.tcp(0, push, 102, 500, "a\nXXX\n")
			w.tcp(0, push, 100, 500, "L:")
		}, "!stream.reassembly_overlap_different_data >L:a >bbb >end ended established shutdown"},
		{"a hole that was acknowledged", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:a\n")
			w.tcp(0, push, 114, 500, "c\n")
			for range patience + 2 {
				w.tcp(1, packet.ACK, 500, 116, "")
			}
			w.tcp(0, push, 116, 500, "d\n")
		}, ">L:a >gap 10 >c >d >end ended established shutdown"},
		{"a hole at the end", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:a\n")
			w.tcp(0, push, 114, 500, "c\n")
		}, ">L:a >gap 10 >c >end ended established shutdown"},
		{"skipped bytes, some of them lost", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:skip100\n"+strings.Repeat("x", 40))
			w.tcp(0, push, 200, 500, strings.Repeat("x", 10)+"b\n")
		}, ">L:skip100 >b >end ended established shutdown"},
		{"wrapping sequence numbers", func(w *wire) {
			w.tcp(0, packet.SYN, 0xfffffffd, 0, "")
			w.tcp(1, packet.SYN|packet.ACK, 499, 0xfffffffe, "")
			w.tcp(0, push, 2, 500, "b\n")
			w.tcp(0, push, 0xfffffffe, 500, "L:a\n")
		}, ">L:a >b >end ended established shutdown"},
		{"midstream, the server speaks first", func(w *wire) {
			w.tcp(1, push, 500, 100, "x\n")
			w.tcp(0, push, 100, 502, "L:a\n")
		}, "<x >L:a >end ended established shutdown"},
		{"FIN both ways", func(w *wire) {
			w.handshake()
			w.tcp(0, push|packet.FIN, 100, 500, "L:a\n")
			w.tcp(1, packet.FIN|packet.ACK, 500, 105, "")
			w.tcp(0, packet.ACK, 105, 501, "")
		}, ">L:a >end ended closed shutdown"},
		{"a RST out of the window is ignored, one within ends the connection", func(w *wire) {
			w.handshake()
			w.tcp(0, packet.RST, 90000000, 0, "")
			w.tcp(0, push, 100, 500, "L:a\n")
			w.tcp(0, packet.RST, 104, 0, "")
			w.tcp(0, packet.SYN, 9000, 0, "")
		}, "!stream.suspected_rst_inject >L:a >end ended closed forced ended new shutdown"},
		{"data in the SYN", func(w *wire) {
			w.tcp(0, packet.SYN, 99, 0, "L:a\n")
			w.tcp(1, packet.SYN|packet.ACK, 499, 104, "")
			w.tcp(0, push, 104, 500, "b\n")
		}, ">L:a >b >end ended established shutdown"},
		{"another protocol after a switch", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:switch\nL:b\n")
			w.tcp(0, push, 113, 500, "c\n")
		}, ">L:switch >end >L:b >c >end ended established shutdown"},
		{"a parser that panics", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:panic\n")
			w.tcp(0, push, 108, 500, "b\n")
		}, ">L:panic panic: lines as asked ended established shutdown"},
		{"nobody's protocol", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "hello\n")
			w.tcp(1, push, 500, 106, "hello\n")
		}, "ended established shutdown"},
		{"done", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:done\nb\n")
		}, ">L:done >end ended established shutdown"},
		{"refused", func(w *wire) {
			w.tcp(0, packet.SYN, 99, 0, "")
			w.tcp(1, packet.RST|packet.ACK, 0, 100, "")
		}, "ended closed shutdown"},
		{"a generator that does not count", func(w *wire) {
			w.tcp(0, packet.SYN, 0, 0, "")
			w.tcp(1, packet.SYN|packet.ACK, 0, 0, "")
			w.tcp(0, packet.ACK, 0, 0, "")
			w.tcp(0, push, 0, 0, "L:a\n")
			w.tcp(1, push, 0, 0, "x\n")
			w.tcp(0, push, 0, 0, "b\n")
		}, ">L:a <x >b >end ended established shutdown"},
		{"keep-alive probes", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:a\n")
			w.tcp(0, packet.ACK, 103, 500, "\n")
			w.tcp(0, packet.ACK, 103, 500, "")
			w.tcp(0, push, 104, 500, "b\n")
		}, ">L:a >b >end ended established shutdown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWire(t, Config{})
			c.play(w)
			if got := strings.Join(w.end(), " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestCuts sends one conversation in random segments, orders, overlaps and repetitions: the observations are always
// the same.
func TestCuts(t *testing.T) {
	var say [2]string
	for i := range 60 {
		say[0] += fmt.Sprintf("L:question %d\n", i*i)
		say[1] += fmt.Sprintf("answer %d\n", i*i*i)
	}
	want := map[protocol.Dir][]string{}
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWire(t, Config{})
		w.handshake()
		type seg struct {
			d    protocol.Dir
			from int
			data string
		}
		var segs []seg
		for d, s := range say {
			for at := 0; at < len(s); {
				n := min(1+r.IntN(90), len(s)-at)
				from := max(at-r.IntN(1+r.IntN(20)), 0)
				segs = append(segs, seg{protocol.Dir(d), from, s[from : at+n]})
				if r.IntN(8) == 0 {
					segs = append(segs, segs[r.IntN(len(segs))])
				}
				at += n
			}
		}
		// Neighbours change places; the first packet of the client stays first, so that it is the one probed.
		for i := 1; i < len(segs)-1; i++ {
			if j := min(i+r.IntN(6), len(segs)-1); seed > 0 {
				segs[i], segs[j] = segs[j], segs[i]
			}
		}
		for _, s := range segs {
			w.tcp(s.d, push, uint32(100+400*int(s.d)+s.from), 0, s.data)
		}
		got := map[protocol.Dir][]string{}
		for _, g := range w.end() {
			switch g[0] {
			case '>':
				got[0] = append(got[0], g)
			case '<':
				got[1] = append(got[1], g)
			case '!':
				t.Fatalf("seed %d: %s", seed, g)
			}
		}
		if seed == 0 {
			want = got
			continue
		}
		for d := range say {
			if !slices.Equal(got[protocol.Dir(d)], want[protocol.Dir(d)]) {
				t.Fatalf("seed %d, direction %d: got %q\nwant %q", seed, d, got[protocol.Dir(d)], want[protocol.Dir(d)])
			}
		}
	}
}

func TestTimeouts(t *testing.T) {
	w := newWire(t, Config{})
	w.handshake()
	w.add(packet.Packet{Src: client, Dst: server, SrcPort: 5, DstPort: 7, Proto: packet.ProtoUDP, Payload: []byte("?")})
	expire := func(at int64) {
		for _, d := range w.table.Expire(at, 0, nil) {
			w.table.End(d)
		}
	}
	expire(20e9)
	if n := w.table.Active(); n != 2 {
		t.Fatalf("after 20 s: %d flows, want 2", n)
	}
	expire(33e9)
	if n := w.table.Active(); n != 1 {
		t.Fatalf("after 33 s: %d flows, want the TCP one", n)
	}
	w.now = 500e9
	w.tcp(0, push, 100, 500, "L:a\n")
	expire(603e9)
	if n := w.table.Active(); n != 1 {
		t.Fatalf("a flow that was used expired early")
	}
	expire(1102e9)
	if n := w.table.Active(); n != 0 {
		t.Fatalf("after 600 s without a packet: %d flows", n)
	}
	// A packet after the timeout begins a new flow even when nobody called Expire in between.
	w.now = 2000e9
	w.tcp(0, push, 200, 500, "x")
	w.now = 3000e9
	w.tcp(0, push, 201, 500, "x")
	if w.table.Stats.TCP != 3 || w.table.Active() != 1 {
		t.Errorf("%d TCP flows, %d active; want 3, 1", w.table.Stats.TCP, w.table.Active())
	}
}

// TestBounds opens many more flows, and holds many more bytes, than the table may keep.
func TestBounds(t *testing.T) {
	w := newWire(t, Config{MaxFlows: 100, HeldBytes: 64 << 10})
	for i := range 5000 {
		src := packet.AddressFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}))
		p := packet.Packet{Src: src, Dst: server, SrcPort: 999, DstPort: 80, Proto: packet.ProtoTCP, Flags: push, Seq: 1, Payload: []byte("L:half a line")}
		w.add(p)
		p.Seq, p.Payload = 1000, bytes.Repeat([]byte("x"), 1000)
		w.add(p)
		if w.table.Active() > 100 || w.table.Stats.Held > 64<<10+4096 {
			t.Fatalf("flow %d: %d active, %d bytes held", i, w.table.Active(), w.table.Stats.Held)
		}
	}
	if w.table.Stats.Evicted != 4900 || w.table.Stats.HeldDrops == 0 {
		t.Errorf("evicted %d, want 4900; held drops %d, want some", w.table.Stats.Evicted, w.table.Stats.HeldDrops)
	}
	w.end()
	if w.table.used > 100 {
		t.Errorf("%d records for 100 flows", w.table.used)
	}
}

func TestMessageTooLong(t *testing.T) {
	w := newWire(t, Config{}, lines(1000))
	w.handshake()
	w.tcp(0, push, 100, 500, "L:a\n")
	for i := range 5 {
		w.tcp(0, push, uint32(104+i*400), 500, strings.Repeat("x", 400))
	}
	want := ">L:a !stream.message_too_long >end ended established shutdown"
	if got := strings.Join(w.end(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		name         string
		src, dst     uint16
		proto, flags uint8
		data         string
		wantServer   uint16
	}{
		{"SYN", 1000, 40000, packet.ProtoTCP, packet.SYN, "", 40000},
		{"SYN-ACK", 40000, 1000, packet.ProtoTCP, packet.SYN | packet.ACK, "", 40000},
		{"midstream by port", 443, 50000, packet.ProtoTCP, push, "x", 443},
		{"midstream by content", 40000, 50000, packet.ProtoTCP, push, "S:x\n", 40000},
		{"first datagram", 5000, 53, packet.ProtoUDP, 0, "x", 53},
		{"an answer without its question", 53, 5000, packet.ProtoUDP, 0, "x", 53},
		{"an answer by content", 5300, 50000, packet.ProtoUDP, 0, "S:x", 5300},
	} {
		w := newWire(t, Config{})
		w.add(packet.Packet{Src: client, Dst: server, SrcPort: c.src, DstPort: c.dst, Proto: c.proto, Flags: c.flags, Payload: []byte(c.data)})
		w.end()
		if f := w.log.ended[0]; f.ServerPort != c.wantServer {
			t.Errorf("%s: server port %d, want %d", c.name, f.ServerPort, c.wantServer)
		}
	}
}

// TestIndex compares the open-addressing index with a map under random insertions and deletions.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := newWire(t, Config{})
	live := map[[2]uint16]bool{}
	for range 20000 {
		k := [2]uint16{uint16(r.IntN(60) + 1000), uint16(r.IntN(60) + 1000)}
		p := packet.Packet{Src: client, Dst: server, SrcPort: k[0], DstPort: k[1], Proto: packet.ProtoUDP}
		h, c := w.table.Hash(&p)
		f, n, _ := w.table.find(&p, h, c)
		if (f != nil) != live[k] {
			t.Fatalf("flow %v found %v, want %v", k, f != nil, live[k])
		}
		if f != nil && r.IntN(2) == 0 {
			w.table.wheel.take(w.table, n)
			w.table.end(n, Forced)
			delete(live, k)
			continue
		}
		w.add(p)
		live[k] = true
	}
	if w.table.Active() != len(live) {
		t.Errorf("%d active, want %d", w.table.Active(), len(live))
	}
}

func TestNoAllocation(t *testing.T) {
	w := newWire(t, Config{})
	w.handshake()
	p := packet.Packet{Src: client, Dst: server, SrcPort: 40000, DstPort: 80, Proto: packet.ProtoTCP, Flags: push, Ports: true, Payload: make([]byte, 100)}
	seq := uint32(100)
	if n := testing.AllocsPerRun(2000, func() {
		p.Num++
		p.Time += 1000
		p.Seq = seq
		seq += 100
		h, c := w.table.Hash(&p)
		w.table.Add(&p, h, c)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("flows=%d", n), func(b *testing.B) {
			t := New(Config{MaxFlows: 2 * n}, nil, &log{})
			p := packet.Packet{Dst: server, DstPort: 80, Proto: packet.ProtoTCP, Flags: packet.ACK, Ports: true}
			r := rand.New(rand.NewPCG(1, 2))
			b.ReportAllocs()
			for i := range b.N {
				k := r.IntN(n)
				p.Src = packet.AddressFrom(netip.AddrFrom4([4]byte{10, byte(k >> 16), byte(k >> 8), byte(k)}))
				p.SrcPort = uint16(k)
				p.Num = uint64(i)
				h, c := t.Hash(&p)
				t.Add(&p, h, c)
			}
		})
	}
}
