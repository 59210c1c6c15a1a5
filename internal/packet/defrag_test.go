package packet

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// fragment4 is a part of the IPv4 packet whole: its payload from off on, n bytes.
func fragment4(whole []byte, off, n int, more bool) []byte {
	b := append([]byte(nil), whole[:20]...)
	b = append(b, whole[20+off:20+off+n]...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	flags := uint16(off / 8)
	if more {
		flags |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], flags)
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^fold16(sum16(0, b[:20])))
	return b
}

// fragment6 is the same of an IPv6 packet without extension headers.
func fragment6(whole []byte, off, n int, more bool) []byte {
	b := append([]byte(nil), whole[:40]...)
	v := uint16(off)
	if more {
		v |= 1
	}
	b = append(b, b[6], 0, byte(v>>8), byte(v), 0, 0, 0, 7)
	b[6] = extFragment
	b = append(b, whole[40+off:40+off+n]...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// feed decodes IP packets through d and f, and returns the last packet and how many datagrams were completed.
func feed(t testing.TB, d *Decoder, f *Defrag, packets ...[]byte) (p Packet, done int) {
	t.Helper()
	for i, b := range packets {
		p.Time = int64(i)
		r := d.Decode(&p, LinkRaw, b, uint32(len(b)))
		for n := 0; r == Fragment; n++ {
			if n > 100 {
				t.Fatal("no end of fragments")
			}
			datagram, ok := f.Add(&p, nil)
			if !ok {
				break
			}
			done++
			r = d.DecodeIP(&p, datagram)
		}
	}
	return p, done
}

func TestDefrag(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 100)
	whole4 := build(t, ip4(17), udp(40000, 443), gopacket.Payload(text))
	whole6 := build(t, ip6(17), udp(40000, 443), gopacket.Payload(text))
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		for v, whole := range [][]byte{whole4, whole6} {
			cut, header := fragment4, 20
			if v == 1 {
				cut, header = fragment6, 40
			}
			var parts [][]byte
			for off := 0; off < len(whole)-header; {
				n := min(8*(1+rnd.IntN(60)), len(whole)-header-off)
				parts = append(parts, cut(whole, off, n, off+n < len(whole)-header))
				off += n
			}
			// Each fragment twice, in any order: the repetitions are harmless.
			parts = append(parts, parts[:len(parts)/2]...)
			rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			var f Defrag
			d := Decoder{CheckChecksums: true}
			var got *Packet
			for i, b := range parts {
				var p Packet
				p.Time = int64(i)
				if r := d.Decode(&p, LinkRaw, b, uint32(len(b))); r == OK {
					continue
				}
				if datagram, ok := f.Add(&p, []byte("kept")[:0]); ok {
					if r := d.DecodeIP(&p, datagram); r != OK {
						t.Fatalf("datagram: %v", r)
					}
					got = &p
				}
			}
			if len(parts) == 1 {
				continue
			}
			if got == nil || !got.Ports || got.BadChecksum || got.Reassembled != 1 || got.DstPort != 443 || !bytes.Equal(got.Payload, text) {
				t.Fatalf("IPv%d in %d fragments: %+v", 4+2*v, len(parts), got)
			}
		}
	}
}

func TestDefragOverlap(t *testing.T) {
	text := bytes.Repeat([]byte("A"), 40)
	evil := bytes.Repeat([]byte("B"), 40)
	a4, b4 := build(t, ip4(17), udp(1, 2), gopacket.Payload(text)), build(t, ip4(17), udp(1, 2), gopacket.Payload(evil))
	a6, b6 := build(t, ip6(17), udp(1, 2), gopacket.Payload(text)), build(t, ip6(17), udp(1, 2), gopacket.Payload(evil))
	var d Decoder
	var f Defrag
	p, done := feed(t, &d, &f, fragment4(a4, 16, 16, true), fragment4(b4, 8, 32, true), fragment4(b4, 0, 24, true), fragment4(b4, 40, 8, false))
	if want := "BBBBBBBB" + "AAAAAAAAAAAAAAAA" + "BBBBBBBBBBBBBBBB"; done != 1 || string(p.Payload) != want {
		t.Errorf("IPv4: %d datagrams, %q, want %q", done, p.Payload, want)
	}
	if f.Counts.Events[EventIPv4FragmentOverlap] != 2 {
		t.Errorf("%d overlaps counted", f.Counts.Events[EventIPv4FragmentOverlap])
	}
	// RFC 5722: the rest of the datagram is discarded too.
	_, done = feed(t, &d, &f, fragment6(a6, 0, 24, true), fragment6(b6, 16, 16, true), fragment6(a6, 24, 24, false), fragment6(a6, 0, 24, true))
	if done != 0 || f.Counts.Events[EventIPv6FragmentOverlap] != 1 || f.Counts.Events[EventIPv6FragmentIgnored] != 2 {
		t.Errorf("IPv6: %d datagrams, events %v", done, f.Counts.Events)
	}
	// The same range with other bytes is an overlap, not a repetition.
	f = Defrag{}
	if _, done = feed(t, &d, &f, fragment6(a6, 8, 16, true), fragment6(b6, 8, 16, true), fragment6(a6, 24, 24, false), fragment6(a6, 0, 8, true)); done != 0 {
		t.Error("IPv6: another content of the same range was accepted")
	}
}

func TestDefragRefuses(t *testing.T) {
	text := bytes.Repeat([]byte("A"), 64)
	whole := build(t, ip4(17), udp(1, 2), gopacket.Payload(text))
	beyond := fragment4(whole, 0, 64, false)
	binary.BigEndian.PutUint16(beyond[6:], 0x1fff) // ends at 65528 + 64
	tests := []struct {
		name  string
		parts [][]byte
		event Event
	}{
		{"beyond 65535", [][]byte{beyond}, EventIPv4FragmentPacketTooLarge},
		{"odd length", [][]byte{fragment4(whole, 0, 13, true), fragment4(whole, 16, 56, false)}, EventIPv4FragmentIgnored},
		{"two ends", [][]byte{fragment4(whole, 8, 16, false), fragment4(whole, 24, 8, false), fragment4(whole, 24, 8, true)}, EventIPv4FragmentOverlap},
		{"end before data", [][]byte{fragment4(whole, 32, 16, true), fragment4(whole, 8, 8, false)}, EventIPv4FragmentOverlap},
	}
	for _, tc := range tests {
		var d Decoder
		var f Defrag
		if _, done := feed(t, &d, &f, tc.parts...); done != 0 || f.Counts.Events[tc.event] == 0 {
			t.Errorf("%s: %d datagrams, %v %d times", tc.name, done, tc.event, f.Counts.Events[tc.event])
		}
	}
}

// TestDefragNested puts together a fragmented tunnel whose content is a fragment again.
func TestDefragNested(t *testing.T) {
	text := bytes.Repeat([]byte("nested! "), 30)
	inner := build(t, ip4(17), udp(1, 443), gopacket.Payload(text))
	var packets [][]byte
	for i, part := range [][]byte{fragment4(inner, 0, 128, true), fragment4(inner, 128, len(inner)-20-128, false)} {
		o := outer4(4)
		o.Id = uint16(i + 1)
		outer := build(t, o, gopacket.Payload(part))
		packets = append(packets, fragment4(outer, 0, 64, true), fragment4(outer, 64, len(outer)-20-64, false))
	}
	var d Decoder
	var f Defrag
	p, done := feed(t, &d, &f, packets...)
	if done != 3 || !bytes.Equal(p.Payload, text) || p.Tunnel.Kind != TunnelIPv4 || p.Reassembled != 2 || p.DstPort != 443 {
		t.Errorf("%d datagrams, %+v", done, p)
	}
	if f.Stats.Memuse != 0 || f.Stats.IPv4.Reassembled != 3 || f.Stats.IPv4.Fragments != 6 {
		t.Errorf("stats %+v", f.Stats)
	}
}

// TestDefragBounds floods with first fragments of datagrams that never end.
func TestDefragBounds(t *testing.T) {
	whole := build(t, ip4(17), udp(1, 2), gopacket.Payload(make([]byte, 1400)))
	var d Decoder
	f := Defrag{MaxMemory: 100 << 10, MaxTrackers: 50}
	for i := range 5000 {
		b := fragment4(whole, 0, 1400, true)
		binary.BigEndian.PutUint16(b[4:], uint16(i))
		var p Packet
		p.Time = int64(i) * 1e6
		if r := d.Decode(&p, LinkRaw, b, uint32(len(b))); r != Fragment {
			t.Fatal(r)
		}
		f.Add(&p, nil)
		if len(f.trackers) > 50 || f.Stats.Memuse > 100<<10 || len(f.spare) > spareTrackers {
			t.Fatalf("%d trackers, %d bytes, %d spare", len(f.trackers), f.Stats.Memuse, len(f.spare))
		}
	}
	if f.Stats.MaxTrackersReached == 0 || f.Stats.IPv4.Timeouts != 0 {
		t.Errorf("stats %+v", f.Stats)
	}
	last := fragment4(whole, 0, 64, true)
	var p Packet
	p.Time = 100e9
	d.Decode(&p, LinkRaw, last, uint32(len(last)))
	f.Add(&p, nil)
	if f.Stats.IPv4.Timeouts == 0 || len(f.trackers) != 1 {
		t.Errorf("after the timeout: %d trackers, stats %+v", len(f.trackers), f.Stats)
	}
}

func TestSnappedFirstFragment(t *testing.T) {
	whole := build(t, ip4(6), tcp(), gopacket.Payload(make([]byte, 1000)))
	b := fragment4(whole, 0, 800, true)
	var d Decoder
	var p Packet
	if r := d.Decode(&p, LinkRaw, b[:96], uint32(len(b))); r != OK || p.DstPort != 443 || p.Missing != uint32(len(b)-96) {
		t.Errorf("%v, port %d, missing %d", r, p.DstPort, p.Missing)
	}
}

func TestOffload(t *testing.T) {
	good := build(t, ip4(6), tcp(), data("x"))
	bad := bytes.Clone(good)
	bad[36] ^= 0x55
	d := Decoder{CheckChecksums: true}
	var o Offload
	var p Packet
	for i, step := range []struct {
		frame   []byte
		damaged bool
	}{{bad, false}, {bad, false}, {good, false}, {bad, true}} {
		d.Decode(&p, LinkRaw, step.frame, uint32(len(step.frame)))
		if got := o.Damaged(&p); got != step.damaged {
			t.Errorf("step %d: %v", i, got)
		}
	}
}

func FuzzDefrag(f *testing.F) {
	whole4 := build(f, ip4(17), udp(1, 2), gopacket.Payload(make([]byte, 40)))
	whole6 := build(f, ip6(17), udp(1, 2), gopacket.Payload(make([]byte, 40)))
	f.Add(true, []byte{0, 3, 1, 3, 3, 0, 1, 2, 1})
	f.Add(false, []byte{2, 2, 1, 0, 2, 1, 4, 2, 0})
	f.Fuzz(func(t *testing.T, v6 bool, script []byte) {
		// Every three bytes are a fragment: offset and length in units of 8 bytes, more.
		d := Decoder{CheckChecksums: true}
		fr := Defrag{MaxMemory: 64 << 10, MaxTrackers: 8}
		var p Packet
		for ; len(script) >= 3; script = script[3:] {
			whole, cut, header := whole4, fragment4, 20
			if v6 {
				whole, cut, header = whole6, fragment6, 40
			}
			off := min(int(script[0]%8)*8, len(whole)-header)
			n := min(int(script[1]%8)*8, len(whole)-header-off)
			b := cut(whole, off, n, script[2]&1 != 0)
			p.Time += int64(script[2]) * 1e8
			if d.Decode(&p, LinkRaw, b, uint32(len(b))) != Fragment {
				continue
			}
			datagram, done := fr.Add(&p, nil)
			if !done {
				continue
			}
			if len(datagram) > len(whole) || !bytes.Equal(datagram[header:], whole[header:len(datagram)]) {
				t.Fatalf("datagram % x", datagram)
			}
			if r := d.DecodeIP(&p, datagram); r != OK {
				t.Fatalf("%v", r)
			}
		}
		if fr.Stats.Memuse > 64<<10 || len(fr.trackers) > 8 || len(fr.trackers) == 0 && fr.Stats.Memuse != 0 {
			t.Fatalf("%d trackers, stats %+v", len(fr.trackers), fr.Stats)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, tc := range allFrames(f) {
		f.Add(uint32(tc.link), tc.frame)
	}
	f.Add(uint32(LinkRaw), build(f, &layers.IPv4{Version: 4, Flags: layers.IPv4MoreFragments, Protocol: 17, SrcIP: []byte{1, 2, 3, 4}, DstIP: []byte{5, 6, 7, 8}}, data("12345678")))
	f.Fuzz(func(t *testing.T, link uint32, frame []byte) {
		d := Decoder{CheckChecksums: true}
		var fr Defrag
		var p Packet
		r := d.Decode(&p, LinkType(link), frame, uint32(len(frame)))
		check(t, &p, r, frame)
		hash, plain := Shard(LinkType(link), frame)
		if plain && (r == Fragment || r == OK && (hash != p.Shard() || p.Tunnel.Depth != 0)) {
			t.Fatalf("Shard %#x says plain; %v %+v", hash, r, p)
		}
		for range 2 * maxReassembly {
			if r != Fragment {
				break
			}
			datagram, done := fr.Add(&p, nil)
			if !done {
				break
			}
			r = d.DecodeIP(&p, datagram)
		}
	})
}
