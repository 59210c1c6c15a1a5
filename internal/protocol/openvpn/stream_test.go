package openvpn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	cryptotls "crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
	"netsensor/internal/protocol/streamtest"
	"netsensor/internal/tls"
)

// spoken is what the sides of a connection in memory write, in order.
type spoken struct {
	sync.Mutex
	steps []streamtest.Step
}

type end struct {
	net.Conn
	dir protocol.Dir
	log *spoken
}

func (e end) Write(b []byte) (int, error) {
	e.log.Lock()
	e.log.steps = append(e.log.steps, streamtest.Step{Dir: e.dir, Bytes: bytes.Clone(b)})
	e.log.Unlock()
	return e.Conn.Write(b)
}

// handshake returns a TLS handshake of the given version.
func handshake(t testing.TB, version uint16) []streamtest.Step {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"vpn.example.org"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	log, near, far := &spoken{}, net.Conn(nil), net.Conn(nil)
	near, far = net.Pipe()
	defer near.Close()
	defer far.Close()
	client := cryptotls.Client(end{near, protocol.ToServer, log}, &cryptotls.Config{
		ServerName: "vpn.example.org", InsecureSkipVerify: true, MaxVersion: version})
	server := cryptotls.Server(end{far, protocol.ToClient, log}, &cryptotls.Config{
		Certificates: []cryptotls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return log.steps
}

// tunnel builds the packets of a session.
type tunnel struct {
	signature int // bytes; 0 for none
	key       byte
	session   [2]uint64
	next      [2]uint32
	sent      uint32
}

func newTunnel(signature int) *tunnel {
	return &tunnel{signature: signature, session: [2]uint64{0x6162636465666768, 0x7172737475767778}}
}

// packet builds a packet; id is left out of an acknowledgement.
func (u *tunnel) packet(d protocol.Dir, op byte, id uint32, payload []byte, acks ...uint32) streamtest.Step {
	b := binary.BigEndian.AppendUint64([]byte{op<<3 | u.key}, u.session[d])
	if u.signature > 0 {
		u.sent++
		b = append(b, bytes.Repeat([]byte{0xa7}, u.signature)...)
		b = binary.BigEndian.AppendUint32(b, 1+u.sent/3)
		b = binary.BigEndian.AppendUint32(b, 0x60000000)
	}
	b = append(b, byte(len(acks)))
	for _, id := range acks {
		b = binary.BigEndian.AppendUint32(b, id)
	}
	if len(acks) > 0 {
		b = binary.BigEndian.AppendUint64(b, u.session[d.Reverse()])
	}
	if op != ack1 {
		b = binary.BigEndian.AppendUint32(b, id)
	}
	return streamtest.Step{Dir: d, Bytes: append(b, payload...)}
}

// carry builds the packets that carry a stream's steps, resets first.
func (u *tunnel) carry(steps []streamtest.Step, size int) (out []streamtest.Step) {
	u.next = [2]uint32{1, 1}
	out = append(out, u.packet(0, resetClient2, 0, nil), u.packet(1, resetServer2, 0, nil, 0), u.packet(0, ack1, 0, nil, 0))
	for _, s := range steps {
		for b := range slices.Chunk(s.Bytes, size) {
			id := u.next[s.Dir]
			u.next[s.Dir]++
			var acks []uint32
			if id%2 == 0 {
				acks = []uint32{0, id}
			}
			out = append(out, u.packet(s.Dir, control1, id, b, acks...))
		}
	}
	return out
}

// framed puts the length before each packet, as over TCP.
func framed(steps []streamtest.Step) (out []streamtest.Step) {
	for _, s := range steps {
		out = append(out, streamtest.Step{Dir: s.Dir, Bytes: append(binary.BigEndian.AppendUint16(nil, uint16(len(s.Bytes))), s.Bytes...)})
	}
	return out
}

// flow feeds datagrams.
func flow(steps []streamtest.Step) []string {
	r := new(streamtest.Recorder)
	play(newContext(r), Parser().New(), steps)
	return r.Lines
}

func newContext(k protocol.Sink) *protocol.Context {
	return &protocol.Context{Over: protocol.UDP, ClientPort: 40000, ServerPort: 4567, Sink: k}
}

func play(c *protocol.Context, s protocol.Stream, steps []streamtest.Step) {
	for _, step := range steps {
		if _, st := s.Feed(c, step.Dir, step.Bytes); st != protocol.More {
			break
		}
	}
	s.End(c)
}

// events are the lines that have an event.
func events(lines []string) (out []string) {
	for _, l := range lines {
		if i := strings.Index(l, " tls{"); i >= 0 {
			out = append(out, l[i:])
		}
	}
	return out
}

func TestCarried(t *testing.T) {
	for _, version := range []uint16{cryptotls.VersionTLS12, cryptotls.VersionTLS13} {
		inner := handshake(t, version)
		want := streamtest.Run(tls.Parser(), inner...)
		if len(events(want)) != 1 || !strings.Contains(strings.Join(want, "\n"), "vpn.example.org") {
			t.Fatalf("the handshake shows %q", want)
		}
		for _, signature := range []int{0, 16, 20, 28, 32, 48, 64} {
			steps := newTunnel(signature).carry(inner, 1<<14)
			streamtest.Expect(t, "datagrams", flow(steps), want...)
			streamtest.Expect(t, "segments", streamtest.Run(Parser(), framed(steps)...), want...)
			for n := range 3 {
				streamtest.Expect(t, "without the resets", flow(steps[n:]), want...)
			}
		}
		small := newTunnel(20).carry(inner, 90)
		streamtest.Expect(t, "small", events(flow(small)), events(want)...)
		streamtest.Check(t, Parser(), nil, framed(small)...)
	}
}

func TestOrder(t *testing.T) {
	inner := handshake(t, cryptotls.VersionTLS12)
	want := events(streamtest.Run(tls.Parser(), inner...))
	for seed := range uint64(50) {
		rnd := mathrand.New(mathrand.NewPCG(seed, 2))
		steps := newTunnel(int(seed%2)*32).carry(inner, 40)
		for i := 3; i < len(steps); i++ { // each at most some places off, within what one side sends at once
			j := i + rnd.IntN(min(6, len(steps)-i))
			if !slices.ContainsFunc(steps[i:j], func(s streamtest.Step) bool { return s.Dir != steps[j].Dir }) {
				steps[i], steps[j] = steps[j], steps[i]
			}
		}
		for range 20 {
			i := 3 + rnd.IntN(len(steps)-3)
			steps = slices.Insert(steps, i+rnd.IntN(len(steps)-i), steps[i])
		}
		if got := events(flow(steps)); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
		}
	}
}

func TestLoss(t *testing.T) {
	inner := handshake(t, cryptotls.VersionTLS12)
	steps := newTunnel(64).carry(inner, 1<<14)
	// Without the client's hello the server's messages still show its certificate, and the other way round.
	for i, s := range steps {
		if i < 3 {
			continue
		}
		lines := strings.Join(events(flow(slices.Delete(slices.Clone(steps), i, i+1))), "\n")
		if name := `"sni":"vpn.example.org"`; strings.Contains(lines, name) == (i == 3) {
			t.Errorf("without packet %d of %d: %s", i, s.Dir, lines)
		}
		if i == 3 && !strings.Contains(lines, `"fingerprint"`) {
			t.Errorf("without the hello: %s", lines)
		}
	}
	// Far into a session whose beginning was not captured.
	u := newTunnel(0)
	late := []streamtest.Step{u.packet(0, control1, 290, inner[0].Bytes), u.packet(1, control1, 300, inner[1].Bytes)}
	if got := events(flow(late)); len(got) != 1 || !strings.Contains(got[0], "vpn.example.org") {
		t.Errorf("midstream: %q", got)
	}
}

func TestWindow(t *testing.T) {
	hello := handshake(t, cryptotls.VersionTLS12)[0].Bytes
	for last, want := range map[uint32]bool{1: true, 1 + maxAhead: true, maxAhead: false, 2 * maxAhead: true, 1 + 2*maxAhead: false} {
		u, r := newTunnel(0), new(streamtest.Recorder)
		s, c := Parser().New(), newContext(r)
		for _, id := range []uint32{2, 5, last} { // 1 comes last or never
			var b []byte
			if id == 2 {
				b = hello
			}
			s.Feed(c, 0, u.packet(0, control1, id, b).Bytes)
		}
		if got := strings.Contains(strings.Join(r.Lines, ""), "vpn.example.org"); got != want {
			t.Errorf("message 2 was handed over after message %d: %v", last, got)
		}
	}
}

// glutton wants ever more bytes and consumes none.
type glutton struct{ protocol.Stream }

func (glutton) Feed(*protocol.Context, protocol.Dir, []byte) (int, protocol.Status) {
	return 0, protocol.More
}

func (glutton) End(*protocol.Context) {}

func TestUnread(t *testing.T) {
	s, c, u := newStream(func() protocol.Stream { return glutton{} }), newContext(nowhere{}), newTunnel(16)
	st, n := protocol.More, 0
	for id := uint32(1); st == protocol.More && id < 100; id++ {
		_, st = s.Feed(c, 0, u.packet(0, control1, id, make([]byte, 1000)).Bytes)
		n += 1000
	}
	if st != protocol.Failed || n > maxUnread+1000 {
		t.Errorf("status %d after %d bytes", st, n)
	}
	s.End(c)
}

func TestGap(t *testing.T) {
	inner := handshake(t, cryptotls.VersionTLS12)
	for d := range protocol.Dir(2) {
		p := framed(newTunnel(20).carry(inner, 1<<14))
		lines := streamtest.Run(Parser(), slices.Insert(p, 3, streamtest.Lose(d, 10))...)
		if got := strings.Join(events(lines), "\n"); strings.Contains(got, `"sni"`) != (d == 1) || strings.Contains(got, `"fingerprint"`) != (d == 0) {
			t.Errorf("after a loss in direction %d: %s", d, got)
		}
		f := streamtest.NewTable(Parser(), new(streamtest.Recorder))
		f.Do(p[0])
		f.Do(streamtest.Lose(d, 10))
		if f.Do(streamtest.Lose(d.Reverse(), 10)); f.Status != protocol.Done {
			t.Errorf("after a loss in both directions: %d", f.Status)
		}
	}
}

func TestSessions(t *testing.T) {
	first, second := handshake(t, cryptotls.VersionTLS12), handshake(t, cryptotls.VersionTLS13)
	half := newTunnel(20).carry(first[:1], 100)
	u := newTunnel(20)
	u.session = [2]uint64{11, 12}
	steps := slices.Concat(half, u.carry(second, 200))
	// Late packets of the first session and packets of a stranger are not of the second.
	stranger := newTunnel(20)
	stranger.session[0] = 99
	steps = slices.Insert(steps, len(half)+3, half[3], half[4], stranger.packet(0, control1, 1, []byte("forged")))
	got := events(flow(steps))
	want := slices.Concat(events(streamtest.Run(tls.Parser(), first[0])), events(streamtest.Run(tls.Parser(), second...)))
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// A new key of the same session, as every hour.
	u = newTunnel(0)
	steps = u.carry(first[:1], 100)
	u.key = 1
	renewed := u.carry(second, 100)[3:]
	steps = slices.Concat(steps, []streamtest.Step{u.packet(0, resetSoft, 0, nil), u.packet(1, resetSoft, 0, nil, 0)}, renewed)
	if got := events(flow(steps)); !slices.Equal(got, want) {
		t.Errorf("a soft reset: got\n%s\nwant\n%s", got, want)
	}
}

func TestData(t *testing.T) {
	data := streamtest.Step{Bytes: []byte("\x48\x00\x00\x01" + session + session)}
	streamtest.Expect(t, "data", flow(slices.Repeat([]streamtest.Step{data}, 3)), "> encrypted ")
	s, c := Parser().New(), newContext(new(streamtest.Recorder))
	for i := range maxIdle + 1 {
		if _, st := s.Feed(c, 0, data.Bytes); st == protocol.Done != (i == maxIdle) {
			t.Fatalf("status %d after %d packets", st, i+1)
		}
	}
	long := framed([]streamtest.Step{{Bytes: []byte(bare)}, {Bytes: append([]byte{0x48}, make([]byte, 60000)...)}, data})
	streamtest.Expect(t, "long", streamtest.Run(Parser(), long...), "> encrypted ")
	streamtest.Check(t, Parser(), nil, long...)
	streamtest.Check(t, Parser(), nil, append(long[:1:1], streamtest.Client("\x00\x00\x00"), long[1], streamtest.Server("\x00\x00"), long[2])...)
}

func TestBounds(t *testing.T) {
	u := newTunnel(0)
	c := newContext(new(streamtest.Recorder))
	s := Parser().New().(*stream)
	s.Feed(c, 0, u.packet(0, resetClient2, 0, nil).Bytes)
	for id := uint32(2); id < 4000; id++ {
		s.Feed(c, 0, u.packet(0, control1, id, make([]byte, 1400)).Bytes)
		if n := s.Held(); n > 4*maxHeld {
			t.Fatalf("%d bytes held after message %d", n, id)
		}
	}
	s.End(c)
	s.Reset()
	if n := s.Held(); n > 4*keptBuffer {
		t.Errorf("%d bytes held after Reset", n)
	}
	// A record that never ends.
	s.Feed(c, 0, u.packet(0, resetClient2, 0, nil).Bytes)
	for id := uint32(1); id < 4000; id++ {
		s.Feed(c, 0, u.packet(0, control1, id, append([]byte{22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc}, make([]byte, 20)...)).Bytes)
		if n := s.Held(); n > 2*maxUnread {
			t.Fatalf("%d bytes held", n)
		}
	}
	s.End(c)
}

func TestPrefixes(t *testing.T) {
	for _, signature := range []int{0, 20} {
		u := newTunnel(signature)
		steps := u.carry([]streamtest.Step{streamtest.Client("\x16\x03\x01\x00\x02\x01\x00")}, 5)
		steps = append(steps, u.packet(1, ack1, 0, nil, 0, 1, 2, 3, 4, 5, 6, 7))
		for i, step := range steps {
			for n := range step.Bytes {
				cut := slices.Clone(steps)
				cut[i].Bytes = step.Bytes[:n:n]
				flow(cut)
				flow(cut[i:])
				layouts(cut[i].Bytes)
			}
		}
	}
}

func layouts(b []byte) {
	if len(b) > 0 && controls(b[0]) {
		if l, ok := laterLayout(b); ok && l != opaque {
			parse(b, l)
		}
	}
}

func TestLaterLayout(t *testing.T) {
	for _, signature := range []int{0, 16, 20, 28, 32, 48, 64} {
		u := newTunnel(signature)
		for _, s := range []streamtest.Step{
			u.packet(0, control1, 3, []byte("\x16\x03\x01\x02\x00")), u.packet(0, control1, 300, []byte("\x16\x03\x01"), 1, 2, 258),
			u.packet(1, ack1, 0, nil, 4), u.packet(1, ack1, 0, nil, 0x13c, 0x13d),
		} {
			if l, ok := laterLayout(s.Bytes); !ok || int(l) != signature {
				t.Errorf("signature of %d bytes: %d, %v in %q", signature, l, ok, s.Bytes)
			}
		}
	}
	u := newTunnel(0)
	for _, b := range [][]byte{
		u.packet(0, ack1, 0, nil, 3, 1<<20).Bytes, u.packet(0, control1, 1<<20, nil).Bytes, u.packet(0, ack1, 0, nil).Bytes,
		append(u.packet(0, ack1, 0, nil, 3).Bytes, 0), u.packet(0, control1, 1, nil, make([]uint32, maxAcks+1)...).Bytes,
	} {
		if l, ok := laterLayout(b); ok {
			t.Errorf("%q: %d", b, l)
		}
	}
	for _, text := range []string{crypt, crypt3, "\x20" + session + "\x00\x00\x01\x02" + number[4:] + crypt[17:] + "more"} {
		if l, ok := laterLayout([]byte(text)); !ok || l != opaque {
			t.Errorf("%q: %d, %v", text, l, ok)
		}
	}
}

func TestAllocations(t *testing.T) {
	inner := handshake(t, cryptotls.VersionTLS12)
	for _, size := range []int{60, 1200} {
		steps := newTunnel(20).carry(inner, size)
		for i := 4; i+1 < len(steps); i += 2 {
			steps[i], steps[i+1] = steps[i+1], steps[i]
		}
		s, c := Parser().New(), newContext(nowhere{})
		play(c, s, steps)
		if n := testing.AllocsPerRun(50, func() { s.Reset(); play(c, s, steps) }); n != 0 {
			t.Errorf("packets of %d bytes: %v allocations", size, n)
		}
	}
}

type nowhere struct{}

func (nowhere) Observe(*protocol.Observation) {}

func FuzzStream(f *testing.F) {
	inner := []streamtest.Step{streamtest.Client("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"), streamtest.Server("\x15\x03\x03\x00\x02\x02\x28")}
	var seeds [][]streamtest.Step
	for _, signature := range []int{0, 32} {
		steps := newTunnel(signature).carry(inner, 4)
		steps[4], steps[5] = steps[5], steps[4]
		seeds = append(seeds, framed(steps))
	}
	streamtest.Fuzz(f, Parser(), seeds...)
}

func FuzzDatagrams(f *testing.F) {
	inner := []streamtest.Step{streamtest.Client("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"), streamtest.Server("\x15\x03\x03\x00\x02\x02\x28")}
	var seeds [][]datagramtest.Step
	for _, signature := range []int{0, 32} {
		var seed []datagramtest.Step
		for _, s := range newTunnel(signature).carry(inner, 4) {
			seed = append(seed, datagramtest.Step{Dir: s.Dir, Bytes: s.Bytes})
		}
		seeds = append(seeds, seed)
	}
	kit.Fuzz(f, append(seeds, []datagramtest.Step{datagramtest.Client(signed), datagramtest.Server(answer)})...)
}

func BenchmarkHandshake(b *testing.B) {
	steps := newTunnel(20).carry(handshake(b, cryptotls.VersionTLS12), 1200)
	s, c := Parser().New(), newContext(nowhere{})
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		play(c, s, steps)
	}
}

func BenchmarkData(b *testing.B) {
	s, c := Parser().New(), newContext(nowhere{})
	packet := append([]byte("\x48\x00\x00\x01"), make([]byte, 1300)...)
	b.ReportAllocs()
	for b.Loop() {
		s.(*stream).idle = 0
		s.Feed(c, protocol.ToServer, packet)
	}
}
