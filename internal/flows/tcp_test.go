package flows

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// closing is a parser whose streams say at the end which directions were whole.
func closing() protocol.Parser {
	p := lines(0)
	p.New = func() protocol.Stream { return &closingStream{} }
	return p
}

type closingStream struct{ lineStream }

func (s *closingStream) End(c *protocol.Context) { s.say(c, 0, fmt.Sprint("closed ", c.Closed)) }

// TestHandshakes plays how connections begin and end, and who tries to disturb them.
func TestHandshakes(t *testing.T) {
	const (
		syn    = packet.SYN
		synAck = packet.SYN | packet.ACK
		ack    = packet.ACK
		fin    = packet.FIN | packet.ACK
		rst    = packet.RST
	)
	for _, c := range []struct {
		name string
		play func(w *wire)
		want string
	}{
		{"two SYN-ACKs, the client takes the second", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(1, synAck, 7499, 100, "")
			w.tcp(0, ack, 100, 7500, "")
			w.tcp(0, push, 100, 7500, "L:a\n")
			w.tcp(1, push, 7500, 104, "x\n")
		}, "!stream.3whs_synack_resend_with_diff_seq >L:a <x >end ended established shutdown"},
		{"two SYN-ACKs, the client's answer was missed", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(1, synAck, 7499, 100, "")
			w.tcp(1, push, 7500, 104, "S:x\n")
		}, "!stream.3whs_synack_resend_with_diff_seq <S:x >end ended new shutdown"},
		{"a SYN anew with another number", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(0, syn, 7099, 0, "")
			w.tcp(1, synAck, 499, 7100, "")
			w.tcp(0, push, 7100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"a SYN anew, the server accepts the first", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(0, syn, 7099, 0, "")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"simultaneous open", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(1, syn, 499, 0, "")
			w.tcp(0, synAck, 99, 500, "")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"split handshake", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(1, ack, 498, 100, "")
			w.tcp(1, syn, 499, 0, "")
			w.tcp(0, synAck, 99, 500, "")
			w.tcp(1, ack, 500, 100, "")
		}, "ended established shutdown"},
		{"data before the SYN-ACK", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(1, push, 500, 100, "S:x\n")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(0, push, 100, 504, "a\n")
		}, "<S:x >a >end ended established shutdown"},
		{"only the client's packets", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(0, ack, 100, 500, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"only the server's packets", func(w *wire) {
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(1, push, 500, 104, "S:x\n")
		}, "<S:x >end ended new shutdown"},
		{"a forged SYN and data that nobody confirms", func(w *wire) {
			w.tcp(0, syn, 1<<30, 0, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"Fast Open that the server ignores", func(w *wire) {
			w.tcp(0, syn, 99, 0, "L:lie\n")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(0, push, 100, 500, "L:true\n")
		}, ">L:true >end ended established shutdown"},
		{"Fast Open, the SYN-ACK was missed", func(w *wire) {
			w.tcp(0, syn, 99, 0, "L:a\n")
			w.tcp(0, push, 104, 500, "b\n")
		}, ">L:a >b >end ended established shutdown"},
		{"Fast Open refused, the SYN-ACK was missed", func(w *wire) {
			w.tcp(0, syn, 99, 0, "L:lie\n")
			w.tcp(0, push, 100, 500, "L:true\n")
		}, ">L:true >end ended established shutdown"},
		{"a stray SYN within the connection", func(w *wire) {
			w.handshake()
			w.tcp(0, syn, 90000, 0, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, "!stream.est_syn_resend_diff_seq >L:a >end ended established shutdown"},
		{"the port is used again without a goodbye", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:a\n")
			w.tcp(0, syn, 90000, 0, "")
			w.tcp(1, synAck, 5000, 90001, "")
			w.tcp(0, push, 90001, 5001, "L:b\n")
		}, ">L:a !stream.est_syn_resend_diff_seq >end ended established forced >L:b >end ended established shutdown"},
		{"a forged FIN far away", func(w *wire) {
			w.handshake()
			w.tcp(0, fin, 90000000, 500, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, "!stream.fin_out_of_window >L:a >end ended established shutdown"},
		{"a forged FIN in order takes no byte away", func(w *wire) {
			w.handshake()
			w.tcp(0, fin, 100, 500, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"FIN and SYN", func(w *wire) {
			w.tcp(0, syn|packet.FIN, 99, 0, "")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, "!stream.fin_syn >L:a >end ended established shutdown"},
		{"a RST that answers another SYN", func(w *wire) {
			w.tcp(0, syn, 99, 0, "")
			w.tcp(1, rst|ack, 0, 1<<30, "")
			w.tcp(1, rst, 0, 0, "")
			w.tcp(1, synAck, 499, 100, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended established shutdown"},
		{"data after a RST", func(w *wire) {
			w.handshake()
			w.tcp(1, rst, 500, 0, "")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >end ended closed shutdown"},
		{"zero-window probes", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 100, 500, "L:")
			w.tcp(0, ack, 102, 500, "a")
			w.tcp(0, ack, 102, 500, "a")
			w.tcp(0, push, 102, 500, "a\n")
		}, ">L:a >end ended established shutdown"},
		{"segments that wait when the parser is done", func(w *wire) {
			w.handshake()
			w.tcp(0, push, 104, 500, "done\n")
			w.tcp(0, push, 109, 500, "b\n")
			w.tcp(0, push, 120, 500, "c\n")
			w.tcp(0, push, 100, 500, "L:a\n")
		}, ">L:a >done >end ended established shutdown"},
		{"roles that are found to be exchanged at the end of the flow", func(w *wire) {
			w.add(packet.Packet{Src: client, Dst: server, SrcPort: 40000, DstPort: 50000, Proto: packet.ProtoTCP, Flags: push, Seq: 50, Cut: true, Missing: 10})
			w.add(packet.Packet{Src: client, Dst: server, SrcPort: 40000, DstPort: 50000, Proto: packet.ProtoTCP, Flags: push, Seq: 100, Payload: []byte("S:x\n")})
		}, "<S:x >end ended established shutdown"},
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

func TestClosed(t *testing.T) {
	const fin = packet.FIN | packet.ACK
	for _, c := range []struct {
		name string
		play func(w *wire)
		want string
	}{
		{"in order", func(w *wire) { w.tcp(0, push, 100, 500, "L:a\n"); w.tcp(0, fin, 104, 500, "") }, "[true false]"},
		{"the FIN comes first", func(w *wire) {
			w.tcp(0, push, 100, 500, "L:")
			w.tcp(0, fin, 104, 500, "")
			w.tcp(0, push, 102, 500, "a\n")
		}, "[true false]"},
		{"data before the FIN never comes", func(w *wire) { w.tcp(0, push, 100, 500, "L:a\n"); w.tcp(0, fin, 150, 500, "") }, "[false false]"},
		{"no FIN", func(w *wire) { w.tcp(0, push, 100, 500, "L:a\n") }, "[false false]"},
	} {
		w := newWire(t, Config{}, closing())
		w.handshake()
		c.play(w)
		if got := strings.Join(w.end(), " "); !strings.Contains(got, ">closed "+c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestStates follows the server's state, which is what EVE's tcp.state is.
func TestStates(t *testing.T) {
	const fin = packet.FIN | packet.ACK
	w := newWire(t, Config{})
	state := func(want State) {
		t.Helper()
		p := packet.Packet{Src: client, Dst: server, SrcPort: 40000, DstPort: 80, Proto: packet.ProtoTCP}
		h, c := w.table.Hash(&p)
		if f, _, _ := w.table.find(&p, h, c); f.state != want {
			t.Errorf("state %s, want %s", f.state, want)
		}
	}
	for _, c := range []struct {
		d        protocol.Dir
		flags    uint8
		seq, ack uint32
		want     State
	}{
		{0, packet.SYN, 99, 0, StateSynSent},
		{1, packet.SYN | packet.ACK, 499, 100, StateSynRecv},
		{0, packet.ACK, 100, 500, StateEstablished},
		{0, fin, 100, 500, StateCloseWait},
		{1, packet.ACK, 500, 101, StateCloseWait},
		{1, fin, 500, 101, StateLastAck},
		{0, packet.ACK, 101, 500, StateLastAck}, // not of the FIN
		{0, packet.ACK, 101, 501, StateClosed},
		{0, packet.SYN, 9099, 0, StateSynSent},
		{1, packet.SYN | packet.ACK, 8499, 9100, StateSynRecv},
		{0, packet.ACK, 9100, 8500, StateEstablished},
		{1, fin, 8500, 9100, StateFinWait1},
		{0, packet.ACK, 9100, 8501, StateFinWait2},
		{0, fin, 9100, 8501, StateTimeWait},
		{1, packet.ACK, 8501, 9101, StateClosed},
	} {
		w.tcp(c.d, c.flags, c.seq, c.ack, "")
		state(c.want)
	}
	w.end()
}

func TestUrgent(t *testing.T) {
	urge := func(w *wire, seq uint32, pointer uint16, data string) {
		w.add(packet.Packet{Src: client, Dst: server, SrcPort: 40000, DstPort: 80, Proto: packet.ProtoTCP,
			Flags: push | packet.URG, Seq: seq, Ack: 500, Urgent: pointer, Payload: []byte(data)})
	}
	for _, c := range []struct {
		name string
		play func(w *wire)
		n    uint64
	}{
		{"within", func(w *wire) { urge(w, 100, 4, "L:a!b\n") }, 1},
		{"at the end", func(w *wire) { urge(w, 100, 4, "L:a!"); w.tcp(0, push, 104, 500, "b\n") }, 1},
		{"announced before it comes", func(w *wire) { urge(w, 100, 4, "L:"); w.tcp(0, push, 102, 500, "a!b\n") }, 1},
		{"out of order", func(w *wire) {
			urge(w, 102, 2, "a!b\n")
			w.tcp(0, push, 100, 500, "L:")
		}, 1},
		{"twice", func(w *wire) { urge(w, 100, 4, "L:a!"); urge(w, 104, 1, "!b\n") }, 2},
		{"repeated", func(w *wire) { urge(w, 100, 4, "L:a!"); urge(w, 100, 4, "L:a!b\n") }, 1},
	} {
		w := newWire(t, Config{})
		w.handshake()
		c.play(w)
		if got := strings.Join(w.end(), " "); !strings.HasPrefix(got, ">L:ab >end") || w.table.Stats.UrgentBytes != c.n {
			t.Errorf("%s: got %s, %d urgent bytes", c.name, got, w.table.Stats.UrgentBytes)
		}
	}
}

// TestTupleUsedAgain opens and resets one connection over and over: that takes no more memory than one.
func TestTupleUsedAgain(t *testing.T) {
	w := newWire(t, Config{})
	for i := range uint32(10000) {
		w.tcp(0, packet.SYN, i*1000, 0, "L:a\n")
		w.tcp(1, packet.RST|packet.ACK, 0, i*1000+1, "")
		w.log.got = w.log.got[:0]
	}
	if w.table.used != 1 || w.table.Active() != 1 || w.table.Stats.Total != 10000 {
		t.Errorf("%d records, %d active, %d in all; want 1, 1, 10000", w.table.used, w.table.Active(), w.table.Stats.Total)
	}
	w.end()
}

// TestFlood fills a table within one second: a connection that begins then has time for its handshake, and stays.
func TestFlood(t *testing.T) {
	w := newWire(t, Config{MaxFlows: 100})
	syn := func(i int) {
		src := packet.AddressFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}))
		w.add(packet.Packet{Time: 1e9, Src: src, Dst: server, SrcPort: 999, DstPort: 80, Proto: packet.ProtoTCP, Flags: packet.SYN, Seq: 1})
	}
	for i := range 1000 {
		syn(i)
	}
	w.now = 1e9
	w.tcp(0, packet.SYN, 99, 0, "")
	for i := range 50 {
		syn(2000 + i)
	}
	w.tcp(1, packet.SYN|packet.ACK, 499, 100, "")
	w.tcp(0, packet.ACK, 100, 500, "")
	for i := range 1000 {
		syn(3000 + i)
	}
	w.tcp(0, push, 100, 500, "L:a\n")
	if got := strings.Join(w.end(), " "); !strings.Contains(got, ">L:a") || w.table.Stats.Midstream != 0 {
		t.Error("the connection was evicted by half-open ones")
	}
}

// TestStrayTime begins a table with a packet from the future: the other flows time out all the same.
func TestStrayTime(t *testing.T) {
	w := newWire(t, Config{})
	w.add(packet.Packet{Time: 1 << 60, Src: server, Dst: client, SrcPort: 7, DstPort: 9, Proto: packet.ProtoUDP})
	w.tcp(0, packet.SYN, 99, 0, "")
	for _, d := range w.table.Expire(200e9, 0, nil) {
		w.table.End(d)
	}
	if n := w.table.Active(); n != 1 {
		t.Errorf("%d flows, want 1", n)
	}
	w.end()
}

// TestManySegments gives up holes because there are too many segments: parsers are told of real packets only.
func TestManySegments(t *testing.T) {
	w := newWire(t, Config{FlowHeldBytes: 1 << 20})
	w.handshake()
	w.tcp(0, push, 100, 500, "L:a\n")
	for i := range uint32(maxSegments + 10) {
		w.tcp(0, push, 200+3*i, 500, "b\n")
	}
	w.tcp(0, push, 200+3*maxSegments*2, 500, strings.Repeat("c", 100))
	if w.table.Stats.Gaps == 0 {
		t.Error("no hole was given up")
	}
	if w.log.odd != 0 {
		t.Errorf("%d observations without a packet while there were packets", w.log.odd)
	}
	w.end()
}

// likely is a parser that is never sure.
func likely() protocol.Parser {
	p := lines(1 << 20)
	p.Probe = func(p *protocol.Peek) protocol.Match {
		if bytes.HasPrefix(p.Data, []byte("?")) {
			return protocol.Likely
		}
		return protocol.No
	}
	return p
}

func TestProbing(t *testing.T) {
	long := "?" + strings.Repeat("x", 10000)
	w := newWire(t, Config{}, likely())
	w.handshake()
	w.tcp(0, push, 100, 500, long)
	w.tcp(0, push, 100+uint32(len(long)), 500, "\n")
	if got := w.end(); got[0] != ">"+long {
		t.Errorf("a long first segment of a likely protocol: %.100q", got)
	}

	// The client's bytes are nobody's, the server's are: what was not kept of the former is a gap.
	w = newWire(t, Config{})
	w.handshake()
	w.tcp(0, push, 100, 500, strings.Repeat("x\n", 3000))
	w.tcp(0, push, 6100, 500, "y\n")
	w.tcp(1, push, 500, 6102, "S:a\n")
	got := strings.Join(w.end(), " ")
	if n := strings.Count(got, ">x "); n != probeLimit/2 || !strings.Contains(got, fmt.Sprintf(">gap %d ", 6002-probeLimit)) {
		t.Errorf("%d lines before the gap: %.200s … %s", n, got, got[max(len(got)-100, 0):])
	}
}

func TestLate(t *testing.T) {
	late := lines(0)
	late.Late = true
	for _, c := range []struct {
		name string
		play func(w *wire)
		want string
	}{
		{"after a preamble", func(w *wire) {
			w.tcp(0, push, 100, 500, "PREAMBLE\n")
			w.tcp(1, push, 500, 109, "WELCOME\n")
			w.tcp(0, push, 109, 508, "L:a\n")
			w.tcp(1, push, 508, 113, "x\n")
		}, ">L:a <x >end ended established shutdown"},
		{"too late", func(w *wire) {
			w.tcp(1, push, 500, 100, "WELCOME\n")
			for i := range uint32(lateSegments + 1) {
				w.tcp(0, push, 100+9*i, 508, "PREAMBLE\n")
			}
			w.tcp(0, push, 100+9*(lateSegments+1), 508, "L:a\n")
		}, "ended established shutdown"},
	} {
		w := newWire(t, Config{}, late)
		w.handshake()
		c.play(w)
		if got := strings.Join(w.end(), " "); got != c.want {
			t.Errorf("%s: got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestICMP(t *testing.T) {
	w := newWire(t, Config{})
	icmp := func(src, dst packet.Address, proto uint8, typ, code uint16) {
		p := packet.Packet{Src: src, Dst: dst, SrcPort: typ, DstPort: code, Proto: proto, Ports: true, Payload: []byte("x")}
		Normalise(&p)
		w.add(p)
	}
	icmp(client, server, packet.ProtoICMP, 8, 0)
	icmp(server, client, packet.ProtoICMP, 0, 0)
	icmp(server, client, packet.ProtoICMP, 3, 8) // unreachable: no reply of the echo's
	icmp(client, server, packet.ProtoICMPv6, 135, 0)
	icmp(server, client, packet.ProtoICMPv6, 136, 0)
	icmp(client, server, packet.ProtoICMPv6, 129, 0) // a reply whose request was missed
	w.end()
	want := []string{
		"{8 0 0 true} 1 1 established", "{3 8 0 false} 1 0 new", "{135 0 136 true} 1 1 established", "{128 0 129 true} 0 1 new",
	}
	for i, f := range w.log.ended {
		if got := fmt.Sprintf("%v %d %d %s", f.ICMP(), f.Packets[0], f.Packets[1], f.State()); got != want[i] {
			t.Errorf("flow %d: %s, want %s", i, got, want[i])
		}
	}
}

func TestDedup(t *testing.T) {
	w := newWire(t, Config{DedupWindow: 10e6})
	dgram := func(at int64, data string, ttl uint8) {
		w.add(packet.Packet{Time: at, Src: client, Dst: server, SrcPort: 5, DstPort: 7, Proto: packet.ProtoUDP, Payload: []byte(data), TTL: ttl})
	}
	dgram(1e9, "L:a", 64)
	dgram(1e9+5e6, "L:a", 63)  // the mirror's copy, behind a router
	dgram(1e9+7e6, "b", 64)    // another
	dgram(1e9+12e6, "L:a", 64) // said again
	if got, want := strings.Join(w.end(), " "), ">L:a >b >L:a >end ended new shutdown"; got != want || w.table.Stats.Duplicates != 1 {
		t.Errorf("got %s, %d duplicates; want %s, 1", got, w.table.Stats.Duplicates, want)
	}
}

// TestKey tells flows apart by VLAN and tunnel, unless told not to.
func TestKey(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want int
	}{{Config{}, 5}, {Config{IgnoreVLAN: true}, 3}, {Config{IgnoreTunnel: true}, 3}, {Config{IgnoreVLAN: true, IgnoreTunnel: true}, 1}} {
		w := newWire(t, c.cfg)
		for _, p := range []packet.Packet{
			{}, {VLANs: [3]uint16{1}, VLANCount: 1}, {VLANs: [3]uint16{0, 1}, VLANCount: 2}, {VLANCount: 1},
			{Tunnel: packet.Tunnel{Depth: 1, ID: 0, HasID: true}}, {Tunnel: packet.Tunnel{Depth: 1, ID: 1, HasID: true}},
			{Tunnel: packet.Tunnel{Depth: 1, ID: 1}},
		} {
			p.Src, p.Dst, p.Proto = client, server, packet.ProtoUDP
			w.add(p)
		}
		if n := w.table.Active(); n != c.want {
			t.Errorf("%+v: %d flows, want %d", c.cfg, n, c.want)
		}
		w.end()
	}
}

// TestAnomalyLimit sends what nobody wants to read a thousand times.
func TestAnomalyLimit(t *testing.T) {
	w := newWire(t, Config{})
	w.handshake()
	for range 1000 {
		w.tcp(0, packet.RST, 90000000, 0, "")
	}
	if n := strings.Count(strings.Join(w.end(), " "), "!"); n != maxAnomalies {
		t.Errorf("%d anomalies, want %d", n, maxAnomalies)
	}
	if s := &w.table.Stats; s.Suppressed != 1000-maxAnomalies || s.Events[SuspectedRst] != 1000 {
		t.Errorf("%d suppressed, %d counted", s.Suppressed, s.Events[SuspectedRst])
	}
}
