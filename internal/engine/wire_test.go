package engine

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net/netip"
	"slices"
	"testing"

	"netsensor/internal/capture"
	"netsensor/internal/judge"
	"netsensor/internal/output"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// source hands out frames.
type source struct {
	frames []capture.Frame
	at     int
}

func (s *source) Read(b *capture.Batch, n int) error {
	b.Frames = b.Frames[:0]
	if s.at == len(s.frames) {
		return io.EOF
	}
	n = min(n, len(s.frames)-s.at)
	b.Frames = append(b.Frames, s.frames[s.at:s.at+n]...)
	s.at += n
	return nil
}

func (*source) Interfaces() []capture.Interface { return nil }
func (*source) Stats() capture.Stats            { return capture.Stats{} }
func (*source) Close() error                    { return nil }

// sheet is a sink that keeps the lines.
type sheet struct{ lines []string }

func (s *sheet) Write(e *output.Event) error {
	s.lines = append(s.lines, string(e.Line))
	return nil
}
func (*sheet) Flush() error { return nil }
func (*sheet) Close() error { return nil }

// notary is a judge that keeps what conversations came to.
type notary struct{ ended []judge.Conversation }

func (n *notary) Conversation(c *judge.Conversation) judge.Outcome {
	if c.Phase == judge.Ended {
		k := *c
		k.Names = slices.Clone(c.Names)
		n.ended = append(n.ended, k)
	}
	return judge.Outcome{}
}
func (*notary) Lookup(*judge.Lookup) []*judge.Alert { return nil }
func (*notary) Restart()                            {}

// replay runs the engine over frames and returns the lines that it writes.
func replay(t *testing.T, cfg Config, frames []capture.Frame) ([]string, Totals) {
	t.Helper()
	sink := &sheet{}
	cfg.Sink = sink
	if cfg.Parsers == nil {
		cfg.Parsers = func() []protocol.Parser { return nil }
	}
	src := &source{frames: frames}
	totals, err := New(cfg).Run([]Input{{"x.pcap", func() (capture.Source, error) { return src, nil }}})
	if err != nil {
		t.Fatal(err)
	}
	return sink.lines, totals
}

// events returns the lines of one type, decoded.
func events(t *testing.T, lines []string, typ string) (found []map[string]any) {
	t.Helper()
	for _, l := range lines {
		var v map[string]any
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		if v["event_type"] == typ {
			found = append(found, v)
		}
	}
	return found
}

// wire makes frames of Ethernet.
type wire struct {
	frames []capture.Frame
	now    int64
	id     uint16
	// How IP packets are sent.
	v6       bool
	fragment int // payload bytes of a fragment, a multiple of eight; 0 for none
	reverse  bool
	vlans    []uint16
	vxlan    bool
}

func (w *wire) ends() (client, server netip.Addr) {
	if w.v6 {
		return netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	}
	return netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
}

// send puts an IP packet of protocol proto on the wire.
func (w *wire) send(d protocol.Dir, proto uint8, b []byte) {
	src, dst := w.ends()
	if d == protocol.ToClient {
		src, dst = dst, src
	}
	w.id++
	var packets [][]byte
	if w.fragment == 0 || len(b) <= w.fragment {
		packets = append(packets, w.ip(src, dst, proto, b, -1, false))
	} else {
		for at := 0; at < len(b); at += w.fragment {
			end := min(at+w.fragment, len(b))
			packets = append(packets, w.ip(src, dst, proto, b[at:end], at, end < len(b)))
		}
	}
	if w.reverse {
		slices.Reverse(packets)
	}
	for _, p := range packets {
		w.frame(d, w.v6, p)
	}
}

// ip returns an IP packet; off is its offset in the datagram, -1 for a whole one.
func (w *wire) ip(src, dst netip.Addr, proto uint8, b []byte, off int, more bool) []byte {
	field := uint16(max(off, 0))
	if !w.v6 {
		field /= 8
		if more {
			field |= 0x2000
		}
		p := []byte{0x45, 0}
		p = binary.BigEndian.AppendUint16(p, uint16(20+len(b)))
		p = binary.BigEndian.AppendUint16(p, w.id)
		p = binary.BigEndian.AppendUint16(p, field)
		p = append(p, 64, proto, 0, 0)
		p = append(append(p, src.AsSlice()...), dst.AsSlice()...)
		binary.BigEndian.PutUint16(p[10:], sum(p, 0))
		return append(p, b...)
	}
	next := proto
	if off >= 0 {
		next = 44
		if more {
			field |= 1
		}
		h := []byte{proto, 0}
		h = binary.BigEndian.AppendUint16(h, field)
		h = binary.BigEndian.AppendUint32(h, uint32(w.id))
		b = append(h, b...)
	}
	p := []byte{0x60, 0, 0, 0}
	p = binary.BigEndian.AppendUint16(p, uint16(len(b)))
	p = append(p, next, 64)
	p = append(append(p, src.AsSlice()...), dst.AsSlice()...)
	return append(p, b...)
}

// frame wraps an IP packet in Ethernet, VLANs and VXLAN.
func (w *wire) frame(d protocol.Dir, v6 bool, ip []byte) {
	f := ether(d, v6, w.vlans, ip)
	if w.vxlan {
		u := []byte{0xc0, byte(d), 0x12, 0xb5}
		u = binary.BigEndian.AppendUint16(u, uint16(16+len(f)))
		u = append(u, 0, 0, 8, 0, 0, 0, 0, 0, 7, 0)
		outer := wire{}
		from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		f = ether(d, false, nil, outer.ip(from, to, packet.ProtoUDP, append(u, f...), -1, false))
	}
	w.now += 1e6
	w.frames = append(w.frames, capture.Frame{Data: f, Time: 1e18 + w.now, Wire: uint32(len(f)), Link: 1})
}

func ether(d protocol.Dir, v6 bool, vlans []uint16, b []byte) []byte {
	macs := [2]string{"\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02"}
	f := []byte(macs[d.Reverse()] + macs[d])
	for _, v := range vlans {
		f = append(f, 0x81, 0, byte(v>>8), byte(v))
	}
	if v6 {
		return append(append(f, 0x86, 0xdd), b...)
	}
	return append(append(f, 0x08, 0x00), b...)
}

// tcp sends a segment between the client's port and the server's.
func (w *wire) tcp(d protocol.Dir, client, server uint16, flags uint8, seq, ack uint32, data []byte) {
	w.send(d, packet.ProtoTCP, w.segment(d, client, server, flags, seq, ack, data))
}

func (w *wire) segment(d protocol.Dir, client, server uint16, flags uint8, seq, ack uint32, data []byte) []byte {
	ports := [2]uint16{client, server}
	b := binary.BigEndian.AppendUint16(nil, ports[d])
	b = binary.BigEndian.AppendUint16(b, ports[d.Reverse()])
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, data...)
	src, dst := w.ends()
	if d == protocol.ToClient {
		src, dst = dst, src
	}
	pseudo := append(src.AsSlice(), dst.AsSlice()...)
	binary.BigEndian.PutUint16(b[16:], sum(b, partial(pseudo)+uint32(packet.ProtoTCP)+uint32(len(b))))
	return b
}

func partial(b []byte) (s uint32) {
	for i := 0; i < len(b); i += 2 {
		s += uint32(b[i]) << 8
		if i+1 < len(b) {
			s += uint32(b[i+1])
		}
	}
	return s
}

// sum is the internet checksum of b, begun with s.
func sum(b []byte, s uint32) uint16 {
	s += partial(b)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// essence is what events say regardless of how the bytes came.
func essence(v map[string]any, client string) string {
	from := "server"
	if v["src_ip"] == client {
		from = "client"
	}
	for _, k := range []string{"timestamp", "flow_id", "pcap_cnt", "src_ip", "src_port", "dest_ip", "dest_port", "community_id", "vlan",
		"tunnel", "pkt_src", "ip_v", "pcap_filename"} {
		delete(v, k)
	}
	b, _ := json.Marshal(v) // of what was unmarshalled
	return from + " " + string(b)
}
