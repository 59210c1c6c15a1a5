package dns

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	dnsmsg "github.com/miekg/dns"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// table does what the flow table does for one direction: it keeps what is unread.
type table struct {
	s      protocol.Stream
	c      *protocol.Context
	unread []byte
	skip   int
	done   bool
}

func (f *table) add(d protocol.Dir, b []byte) {
	n := min(f.skip, len(b))
	f.skip -= n
	f.unread = append(f.unread, b[n:]...)
	if f.done || len(f.unread) < f.c.Need {
		return
	}
	f.c.Need = 0
	n, status := f.s.Feed(f.c, d, f.unread)
	f.done = status != protocol.More
	f.skip = max(0, n-len(f.unread))
	f.unread = f.unread[min(n, len(f.unread)):]
}

func (f *table) gap(d protocol.Dir, n int) {
	f.unread, f.c.Need = nil, 0
	f.done = f.s.Gap(f.c, d, n) != protocol.More
}

func newTable(r *recorder) *table {
	c := &protocol.Context{Over: protocol.TCP, ClientPort: 40000, ServerPort: 53, Sink: r}
	return &table{s: Parser().New(), c: c}
}

func frames(messages ...[]byte) []byte {
	var b []byte
	for _, m := range messages {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m)))
		b = append(b, m...)
	}
	return b
}

// numbered returns n answers with their own ids.
func numbered(t testing.TB, n int) [][]byte {
	var messages [][]byte
	for i := range n {
		m := reply(t, fmt.Sprintf("host%d.example", i), dnsmsg.TypeA, fmt.Sprintf("host%d.example. 60 IN A 192.0.2.%d", i, i))
		m.Id = uint16(i)
		messages = append(messages, pack(t, m))
	}
	return messages
}

// However a TCP stream is cut, the same is observed.
func TestAnyCut(t *testing.T) {
	stream := frames(append(numbered(t, 20), []byte{1, 2, 3})...)
	whole := new(recorder)
	newTable(whole).add(protocol.ToClient, stream)
	if len(whole.lines) != 41 {
		t.Fatalf("%d lines, want 41", len(whole.lines))
	}
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := new(recorder)
		f := newTable(r)
		for b := stream; len(b) > 0; {
			n := min(1+rnd.IntN(1+int(seed)*3), len(b))
			f.add(protocol.ToClient, b[:n])
			b = b[n:]
		}
		if !slices.Equal(r.lines, whole.lines) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(r.lines, "\n"), strings.Join(whole.lines, "\n"))
		}
	}
}

func TestPrefixes(t *testing.T) {
	messages := numbered(t, 2)
	for n := range len(messages[0]) {
		lines := observe(Parser(), eve.Options{}, messages[0][:n])
		if len(lines) == 0 || !strings.Contains(lines[0], "!") || strings.Contains(lines[0], "192.0.2") {
			t.Errorf("the first %d bytes: %s", n, lines)
		}
	}
	stream := frames(messages...)
	for n := range len(stream) {
		r := new(recorder)
		newTable(r).add(protocol.ToClient, stream[:n])
		want := 0
		if n >= 2+len(messages[0]) {
			want = 2
		}
		if len(r.lines) != want {
			t.Errorf("the first %d bytes: %d lines, want %d", n, len(r.lines), want)
		}
	}
}

func TestGap(t *testing.T) {
	messages := numbered(t, 6)
	size := lengthPrefix + len(messages[0])
	stream := frames(messages...)
	for _, tt := range []struct {
		name       string
		before, to int // bytes seen, then lost up to here
		unknown    bool
		want       string
	}{
		{"within a message", size + 10, size + 20, false, "02345"},
		{"the rest of a message", size + 10, 2 * size, false, "02345"},
		{"into the next message", size + 10, 2*size + 5, false, "045"}, // aligned again at the next segment
		{"of unknown length", size + 10, 2 * size, true, "02345"},      // what follows begins a message
	} {
		r := new(recorder)
		f := newTable(r)
		f.add(protocol.ToClient, stream[:tt.before])
		lost := tt.to - tt.before
		if tt.unknown {
			lost = 0
		}
		f.gap(protocol.ToClient, lost)
		// One segment up to the end of the fourth message, one with the rest.
		f.add(protocol.ToClient, stream[tt.to:4*size])
		f.add(protocol.ToClient, stream[4*size:])
		var got strings.Builder
		for i := range messages {
			if slices.ContainsFunc(r.lines, func(l string) bool { return strings.Contains(l, fmt.Sprintf("?host%d.", i)) }) {
				fmt.Fprint(&got, i)
			}
		}
		if got.String() != tt.want {
			t.Errorf("%s: got messages %s, want %s", tt.name, got.String(), tt.want)
		}
	}
}

// A stream that is not DNS after all is given up.
func TestNoise(t *testing.T) {
	r := new(recorder)
	f := newTable(r)
	f.add(protocol.ToServer, make([]byte, 1000))
	if !f.done || len(r.lines) != maxDamaged {
		t.Errorf("done %t after %d observations, want true after %d", f.done, len(r.lines), maxDamaged)
	}
}

func TestReset(t *testing.T) {
	r := new(recorder)
	f := newTable(r)
	stream := frames(numbered(t, 12)...)
	f.add(protocol.ToClient, stream)
	f.s.Reset()
	first := r.lines
	r.lines = nil
	f.add(protocol.ToClient, stream)
	if !slices.Equal(r.lines, first) {
		t.Error("a stream that was reset behaves otherwise than a new one")
	}
}

type nowhere struct{ facts int }

func (n *nowhere) Observe(o *protocol.Observation) { n.facts += len(o.Facts) }

func hotMessages(t testing.TB) (q, a []byte) {
	q = pack(t, query("www.example.com", dnsmsg.TypeA))
	a = pack(t, reply(t, "www.example.com", dnsmsg.TypeA,
		"www.example.com. 300 IN CNAME edge.example.net.",
		"edge.example.net. 60 IN A 192.0.2.1",
		"edge.example.net. 60 IN A 192.0.2.2"))
	return q, a
}

func TestAllocations(t *testing.T) {
	q, a := hotMessages(t)
	c := &protocol.Context{Over: protocol.UDP, ClientPort: 40000, ServerPort: 53, Sink: new(nowhere)}
	s := Parser().New()
	if n := testing.AllocsPerRun(100, func() {
		s.Reset()
		s.Feed(c, protocol.ToServer, q)
		s.Feed(c, protocol.ToClient, a)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkQuery(b *testing.B) {
	q, _ := hotMessages(b)
	benchmarkFeed(b, protocol.ToServer, q)
}

func BenchmarkAnswer(b *testing.B) {
	_, a := hotMessages(b)
	benchmarkFeed(b, protocol.ToClient, a)
}

func benchmarkFeed(b *testing.B, d protocol.Dir, message []byte) {
	c := &protocol.Context{Over: protocol.UDP, ClientPort: 40000, ServerPort: 53, Sink: new(nowhere)}
	s := Parser().New()
	b.ReportAllocs()
	for b.Loop() {
		s.Feed(c, d, message)
	}
}

func BenchmarkProbe(b *testing.B) {
	q, _ := hotMessages(b)
	p := &protocol.Peek{Data: q, Over: protocol.UDP, ClientPort: 40000, ServerPort: 9999}
	b.ReportAllocs()
	for b.Loop() {
		probeDNS(p)
	}
}

func BenchmarkEVE(b *testing.B) {
	_, a := hotMessages(b)
	m := new(message)
	m.parse(a, unicast)
	o := new(eve.Options)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendEVE(buf[:0], o)
	}
}

// The questions and addresses must be those that an independent parser finds in every message that it accepts, and
// no bytes may do harm.
func FuzzMessage(f *testing.F) {
	q, a := hotMessages(f)
	f.Add(q, uint8(0))
	f.Add(a, uint8(0))
	f.Add(pack(f, reply(f, "x", dnsmsg.TypeANY, "x. 1 IN SOA a. b. 1 2 3 4 5", `x. 1 IN TXT "a" "b"`, "x. 1 IN SRV 1 2 3 x.")), uint8(1))
	f.Add(pack(f, reply(f, "x", dnsmsg.TypeHTTPS, "x. 1 IN HTTPS 1 t. ipv4hint=192.0.2.7", "x. 1 IN LOC 42 21 54 N 71 06 18 W -24m 30m", "x. 1 IN CAA 0 issue \"x\"")), uint8(2))
	f.Add([]byte("\x00\x07\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00\x20EGFCEFEECACACACACACACACACACACACA\x00\x00\x20\x00\x01"), uint8(3))
	parsers := []protocol.Parser{Parser(), MDNS(), LLMNR(), NBNS()}
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		p := parsers[which&3]
		for _, over := range []protocol.Transport{protocol.TCP, protocol.UDP} {
			p.Probe(&protocol.Peek{Data: b, Over: over, ClientPort: 1, ServerPort: 53})
			p.Probe(&protocol.Peek{Data: b, Over: over, ClientPort: 1, ServerPort: 5353})
		}
		observe(p, eve.Options{DNSVersion: int(which>>2)&1 + 2, CompressIPv6: which&8 != 0}, b)
		r := new(recorder)
		newTable(r).add(protocol.ToServer, b)

		m := new(message)
		var want dnsmsg.Msg
		if !m.parse(b, unicast) || want.Unpack(b) != nil || m.anomaly != "" {
			return
		}
		m.gather()
		oracle(t, m, &want)
	})
}

// oracle compares questions and addresses with want.
func oracle(t *testing.T, m *message, want *dnsmsg.Msg) {
	if len(m.questions) != len(want.Question) {
		t.Fatalf("%d questions, want %d", len(m.questions), len(want.Question))
	}
	for i, q := range want.Question {
		// The library escapes what is not a plain letter; this package does not.
		if name := strings.TrimSuffix(q.Name, "."); !strings.Contains(name, `\`) && string(m.text(m.questions[i].name)) != name {
			t.Errorf("question %q, want %q", m.text(m.questions[i].name), name)
		}
		if m.questions[i].qtype != q.Qtype {
			t.Errorf("type %d, want %d", m.questions[i].qtype, q.Qtype)
		}
	}
	if !want.Response || want.Opcode != dnsmsg.OpcodeQuery {
		return
	}
	var addresses []netip.Addr
	for _, rr := range slices.Concat(want.Answer, want.Ns, want.Extra) {
		var ip []byte
		switch rr := rr.(type) {
		case *dnsmsg.A:
			ip = rr.A
		case *dnsmsg.AAAA:
			ip = rr.AAAA
		case *dnsmsg.SVCB, *dnsmsg.HTTPS:
			return // hints are addresses too
		}
		if a, ok := netip.AddrFromSlice(ip); ok && rr.Header().Class == dnsmsg.ClassINET {
			addresses = append(addresses, a.Unmap())
		}
	}
	var got []netip.Addr
	for _, f := range m.facts {
		if f.Kind == protocol.Address {
			got = append(got, f.Addr.Unmap())
		}
	}
	if !slices.Equal(got, addresses) {
		t.Errorf("addresses %v, want %v", got, addresses)
	}
}

// worst is a message of the greatest size whose names are the dearest: long chains of pointers, each to a name that
// is not among those that are remembered.
func worst() []byte {
	const apart = len(message{}.decoded) + 1
	b := []byte{0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	var starts []int
	for len(b)+3+recordLen <= maxMessage {
		n := len(starts)
		starts = append(starts, len(b))
		if n < apart {
			b = append(b, 1, 'a', 0)
		} else {
			target := starts[min(n-apart, apart*(maxPointers-1)+n%apart)]
			b = append(b, 0xc0|byte(target>>8), byte(target))
		}
		b = append(b, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)
	}
	binary.BigEndian.PutUint16(b[6:], uint16(len(starts)))
	return b
}

func newMessage(b []byte) *message {
	m := new(message)
	m.parse(b, unicast)
	return m
}

func BenchmarkWorst(b *testing.B) {
	message := worst()
	m := newMessage(message)
	if len(m.records) != int(binary.BigEndian.Uint16(message[6:])) {
		b.Fatalf("%d records, %s", len(m.records), m.anomaly)
	}
	b.SetBytes(int64(len(message)))
	benchmarkFeed(b, protocol.ToClient, message)
}
