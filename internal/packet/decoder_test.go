package packet

import (
	"testing"

	"github.com/google/gopacket/layers"
)

func TestDecodePlain(t *testing.T) {
	tests := []struct {
		name  string
		link  LinkType
		frame []byte
		want  string
		vlans []uint16
	}{
		{"ethernet ipv4 tcp", LinkEthernet, build(t, eth(layers.EthernetTypeIPv4), ip4(6), tcp(), data("hello")), "192.0.2.1:40000 198.51.100.2:443 6 hello", nil},
		{"padding", LinkEthernet, append(build(t, eth(layers.EthernetTypeIPv4), ip4(6), tcp(), data("x")), 0, 0, 0, 0, 0), "192.0.2.1:40000 198.51.100.2:443 6 x", nil},
		{"vlan ipv6 udp", LinkEthernet, build(t, eth(layers.EthernetTypeDot1Q), vlan(7, layers.EthernetTypeIPv6), ip6(17), udp(5353, 53), data("q")), "[2001:db8::1]:5353 [2001:db8:1::2]:53 17 q", []uint16{7}},
		{"raw ipv4 icmp", LinkRaw, build(t, ip4(1), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, data("abc")), "192.0.2.1:3 198.51.100.2:1 1 abc", nil},
	}
	var d Decoder
	d.CheckChecksums = true
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var p Packet
			if r := d.Decode(&p, tc.link, tc.frame, uint32(len(tc.frame))); r != OK {
				t.Fatalf("result %v, events %v", r, p.Events[:p.EventCount])
			}
			if got := describe(&p); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if p.BadChecksum || p.Cut || !p.Ports {
				t.Errorf("BadChecksum %v, Cut %v, Ports %v", p.BadChecksum, p.Cut, p.Ports)
			}
			if hash, plain := Shard(tc.link, tc.frame); !plain || hash != p.Shard() {
				t.Errorf("Shard = %#x, %v; of the packet %#x", hash, plain, p.Shard())
			}
			if int(p.VLANCount) != len(tc.vlans) || p.VLANCount > 0 && p.VLANs[0] != tc.vlans[0] {
				t.Errorf("VLANs %v %d, want %v", p.VLANs, p.VLANCount, tc.vlans)
			}
		})
	}
}

var sink Packet

// benchmarkFrames decodes frames laid out over size bytes, so that a large size streams from memory.
func benchmarkFrames(b *testing.B, size int, frames ...[]byte) {
	var block []byte
	var offs []int
	for i := 0; len(block) < size; i++ {
		offs = append(offs, len(block))
		block = append(block, frames[i%len(frames)]...)
	}
	offs = append(offs, len(block))
	var d Decoder
	b.ReportAllocs()
	b.ResetTimer()
	for i, k := 0, 0; i < b.N; i++ {
		f := block[offs[k]:offs[k+1]]
		d.Decode(&sink, LinkEthernet, f, uint32(len(f)))
		if k++; k == len(offs)-1 {
			k = 0
		}
	}
}

func plainFrames(b *testing.B) [][]byte {
	body := data(string(make([]byte, 300)))
	return [][]byte{
		build(b, eth(layers.EthernetTypeIPv4), ip4(6), tcp(), body),
		build(b, eth(layers.EthernetTypeDot1Q), vlan(7, layers.EthernetTypeIPv4), ip4(17), udp(40000, 53), body),
		build(b, eth(layers.EthernetTypeIPv6), ip6(6), tcp(), body),
		build(b, eth(layers.EthernetTypeIPv4), ip4(17), udp(40000, 443), body),
	}
}

func BenchmarkDecodeStreaming(b *testing.B) { benchmarkFrames(b, 128<<20, plainFrames(b)...) }
func BenchmarkDecodeCached(b *testing.B)    { benchmarkFrames(b, 1400, plainFrames(b)...) }
func BenchmarkShard(b *testing.B) {
	frames := plainFrames(b)
	for i := 0; i < b.N; i++ {
		Shard(LinkEthernet, frames[i&3])
	}
}

func BenchmarkDecodeVXLAN(b *testing.B) {
	benchmarkFrames(b, 1400, build(b, eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, 4789), vxlanHeader(7),
		eth(layers.EthernetTypeIPv4), ip4(6), tcp(), data(string(make([]byte, 300)))))
}

func BenchmarkDecodeChecksums(b *testing.B) {
	frame := build(b, eth(layers.EthernetTypeIPv4), ip4(6), tcp(), data(string(make([]byte, 1400))))
	d := Decoder{CheckChecksums: true}
	b.SetBytes(int64(len(frame)))
	for i := 0; i < b.N; i++ {
		d.Decode(&sink, LinkEthernet, frame, uint32(len(frame)))
	}
}

func BenchmarkDefrag(b *testing.B) {
	whole := build(b, ip4(17), udp(1, 2), data(string(make([]byte, 2800))))
	parts := [][]byte{fragment4(whole, 0, 1400, true), fragment4(whole, 1400, len(whole)-20-1400, false)}
	var d Decoder
	var f Defrag
	var buf []byte
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		part := parts[i&1]
		d.Decode(&sink, LinkRaw, part, uint32(len(part)))
		if datagram, ok := f.Add(&sink, buf[:0]); ok {
			buf = datagram
			d.DecodeIP(&sink, datagram)
		}
	}
}
