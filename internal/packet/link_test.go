package packet

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

type linkCase struct {
	name  string
	link  LinkType
	frame []byte
	want  string
}

func linkCases(t testing.TB) []linkCase {
	in, in6, frame := innerIP(t), innerIP6(t), innerEthernet(t)
	macs, body := string(frame[:12]), frame[12:]
	ether := func(typ string, rest ...[]byte) []byte { return cat(macs+typ, rest...) }
	snap := cat("\xaa\xaa\x03\x00\x00\x00\x08\x00", in)
	wireless := wlanFrame(0x08, 1, nil, in)
	subframe := func(llc []byte) []byte {
		b := cat(macs+"\x00\x00", llc)
		binary.BigEndian.PutUint16(b[12:], uint16(len(llc)))
		return append(b, make([]byte, -len(b)&3)...)
	}
	tap := make([]byte, 108)
	tap[0], tap[4], tap[8] = 108, 1, 12
	return []linkCase{
		{"loop ipv6", LinkLoop, cat("\x00\x00\x00\x1c", in6), innerWant6},
		{"null of Darwin", LinkNull, cat("\x1e\x00\x00\x00", in6), innerWant6},
		{"ipv4", LinkIPv4, in, innerWant},
		{"ipv6", LinkIPv6, in6, innerWant6},
		{"sll", LinkSLL, cat("\x00\x00\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00", in), innerWant},
		{"sll tagged", LinkSLL, cat("\x00\x00\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x81\x00\x00\x05\x86\xdd", in6), innerWant6},
		{"sll2", LinkSLL2, cat("\x08\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00", in), innerWant},
		{"ppp", LinkPPP, cat("\xff\x03\x00\x21", in), innerWant},
		{"ppp compressed", LinkPPPSerial, cat("\x57", in6), innerWant6},
		{"ppp multilink", LinkPPP, cat("\xff\x03\x00\x3d\xc0\x00\x00\x01\x00\x21", in), innerWant},
		{"ppp vj uncompressed", LinkPPP, vj(cat("\xff\x03\x00\x2f", in)), innerWant},
		{"ppp mpls", LinkPPP, cat("\xff\x03\x02\x81\x00\x00\x51\x40", in), innerWant},
		{"pppoe capture", LinkPPPEther, sized("\x11\x00\x00\x01\x00\x00\x00\x21", 4, 2, in), innerWant},
		{"pppd", LinkPPPPPPD, cat("\x01\xff\x03\x00\x21", in), innerWant},
		{"c-hdlc", LinkCHDLC, cat("\x0f\x00\x08\x00", in), innerWant},
		{"frame relay", LinkFrameRelay, cat("\x18\x41\x03\xcc", in), innerWant},
		{"frame relay snap", LinkFrameRelay, cat("\x18\x41\x03\x00\x80\x00\x00\x00\x86\xdd", in6), innerWant6},
		{"frame relay of Cisco", LinkFrameRelay, cat("\x18\x41\x08\x00", in), innerWant},
		{"802.11", LinkIEEE80211, wireless, innerWant},
		{"802.11 four addresses, qos", LinkIEEE80211, wlanFrame(0x88, 3, make([]byte, 8), in), innerWant},
		{"802.11 aggregate", LinkIEEE80211, slices.Concat(wlanFrame(0x88, 1, []byte{0x80, 0}, nil)[:26],
			subframe([]byte{0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x8e, 1}), subframe(snap)), innerWant},
		{"radiotap", LinkRadiotap, cat("\x00\x00\x08\x00\x00\x00\x00\x00", wireless), innerWant},
		{"radiotap with padding", LinkRadiotap, cat("\x00\x00\x11\x00\x03\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x20", wlanFrame(0x88, 1, make([]byte, 4), in)), innerWant},
		{"prism", LinkPrism, cat("\x44\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", wireless), innerWant},
		{"avs", LinkAVS, cat("\x80\x21\x10\x01\x00\x00\x00\x0c\x00\x00\x00\x00", wireless), innerWant},
		{"ppi", LinkPPI, cat("\x00\x00\x08\x00\x69\x00\x00\x00", wireless), innerWant},
		{"pktap", LinkPKTAP, slices.Concat(tap, in), innerWant},
		{"nflog", LinkNFLOG, func() []byte {
			b := cat("\x02\x00\x00\x00\x08\x00\x01\x00\x08\x00\x03\x00\x05\x00\x0a\x00x\x00\x00\x00\x00\x00\x09\x00", in)
			binary.LittleEndian.PutUint16(b[20:], uint16(len(in)+4))
			return b
		}(), innerWant},
		{"pflog", LinkPFLOG, slices.Concat([]byte{61, 2}, make([]byte, 62), in), innerWant},
		{"ipnet", LinkIPNET, slices.Concat(make([]byte, 24), in), innerWant},
		{"ip over infiniband", LinkIPoIB, slices.Concat(make([]byte, 40), []byte{8, 0, 0, 0}, in), innerWant},
		{"ip over 1394", LinkIPOver1394, slices.Concat(make([]byte, 16), []byte{8, 0}, in), innerWant},
		{"fddi", LinkFDDI, slices.Concat([]byte{0x50}, frame[:12], snap), innerWant},
		{"token ring, source routed", LinkTokenRing, slices.Concat([]byte{0x10, 0x40}, frame[:6], []byte{0x82}, frame[7:12], []byte{4, 0, 0, 0}, snap), innerWant},
		{"arcnet", LinkARCNETLinux, cat("\x01\x02\x00\x00\xd4\x00\x00\x01", in), innerWant},
		{"rfc 1483", LinkATMRFC1483, snap, innerWant},
		{"sunatm", LinkSunATM, cat("\x02\x00\x00\x05", snap), innerWant},
		{"switch tag", LinkDSABroadcom, slices.Concat(frame[:12], []byte{1, 2, 3, 4}, body), innerWant},
		{"edsa", LinkEDSA, slices.Concat(frame[:12], []byte{0xda, 0xda, 0, 0, 1, 2, 3, 4}, body), innerWant},
		{"juniper", LinkJuniperEther, cat("MGC\x80\x00\x02\x01\x01", frame), innerWant},

		{"802.2 snap", LinkEthernet, sized(macs+"\x00\x00", 12, 0, snap), innerWant},
		{"802.2 ip", LinkEthernet, sized(macs+"\x00\x00", 12, 0, cat("\x06\x06\x03", in)), innerWant},
		{"provider backbone", LinkEthernet, ether("\x88\xe7\x00\x00\x00\x01", frame), innerWant},
		{"e-tag", LinkEthernet, ether("\x89\x3f\x00\x00\x00\x00\x00\x00\x08\x00", in), innerWant},
		{"vn-tag", LinkEthernet, ether("\x89\x26\x00\x00\x00\x00\x08\x00", in), innerWant},
		{"cisco metadata", LinkEthernet, ether("\x89\x09\x01\x01\x00\x01\x00\x02\x86\xdd", in6), innerWant6},
		{"fabricpath", LinkEthernet, ether("\x89\x03\x00\x01", frame), innerWant},
		{"nsh", LinkEthernet, ether("\x89\x4f\x00\x02\x02\x01\x00\x00\x00\x00", in), innerWant},
		{"macsec in the clear", LinkEthernet, ether("\x88\xe5\x00\x00\x00\x00\x00\x01\x08\x00", in, make([]byte, 16)), innerWant},
		{"pseudo-wire with control word", LinkEthernet, ether("\x88\x47\x00\x00\x51\x40\x00\x00\x00\x00", frame), innerWant},
		{"pseudo-wire", LinkEthernet, ether("\x88\x47\x00\x00\x51\x40", frame), innerWant},
	}
}

// vj puts a slot number where the IPv4 header behind 4 bytes has its protocol.
func vj(b []byte) []byte {
	b[4+9] = 3
	return b
}

func TestLinks(t *testing.T) {
	for _, tc := range linkCases(t) {
		t.Run(tc.name, func(t *testing.T) {
			d := Decoder{CheckChecksums: true}
			var p Packet
			r := d.Decode(&p, tc.link, tc.frame, uint32(len(tc.frame)))
			if r != OK || describe(&p) != tc.want || p.Tunnel.Depth != 0 || p.BadChecksum {
				t.Fatalf("%v %s, events %v, BadChecksum %v\nwant %s", r, describe(&p), p.Events[:p.EventCount], p.BadChecksum, tc.want)
			}
			if hash, plain := Shard(tc.link, tc.frame); plain && hash != p.Shard() {
				t.Errorf("Shard = %#x, of the packet %#x", hash, p.Shard())
			}
		})
	}
}

func TestNotIP(t *testing.T) {
	macs := "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01"
	tests := []struct {
		name  string
		link  LinkType
		frame string
		want  Result
		count func(*Counts) uint64
	}{
		{"arp", LinkEthernet, macs + "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", NotIP, func(c *Counts) uint64 { return c.ARP }},
		{"tagged arp", LinkEthernet, macs + "\x81\x00\x00\x05\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", NotIP, func(c *Counts) uint64 { return c.VLAN }},
		{"lldp", LinkEthernet, macs + "\x88\xcc\x02\x07\x04", NotIP, func(c *Counts) uint64 { return c.LLDP }},
		{"stp", LinkEthernet, macs + "\x00\x03\x42\x42\x03", NotIP, func(c *Counts) uint64 { return c.STP }},
		{"unknown", LinkEthernet, macs + "\xca\xfe\x00", NotIP, func(c *Counts) uint64 { return c.UnknownEtherType }},
		{"beacon", LinkIEEE80211, "\x80\x00\x00\x00", NotIP, func(c *Counts) uint64 { return c.WLANManagement }},
		{"encrypted", LinkIEEE80211, "\x08\x41" + macs + macs, NotIP, func(c *Counts) uint64 { return c.WLANEncrypted }},
		{"runt", LinkEthernet, macs, Malformed, func(c *Counts) uint64 { return c.Events[EventEthernetPacketTooSmall] }},
		{"header length", LinkRaw, "\x41" + string(make([]byte, 30)), Malformed, func(c *Counts) uint64 { return c.Events[EventIPv4HeaderLenTooSmall] }},
		{"unknown link", 9999, "x", Unsupported, func(c *Counts) uint64 { return c.Unsupported }},
	}
	for _, tc := range tests {
		var d Decoder
		var p Packet
		r := d.Decode(&p, tc.link, []byte(tc.frame), uint32(len(tc.frame)))
		if r != tc.want || tc.count(&d.Counts) != 1 || p.Version != 0 {
			t.Errorf("%s: %v, counted %d, version %d", tc.name, r, tc.count(&d.Counts), p.Version)
		}
	}
}

// allFrames is one frame of each kind of these tests.
func allFrames(t testing.TB) []linkCase {
	frames := linkCases(t)
	for _, tc := range tunnelCases(t) {
		frames = append(frames, linkCase{tc.name, LinkEthernet, tc.frame, tc.want})
	}
	for i := range stacks {
		frames = append(frames, linkCase{stacks[i].name, stacks[i].link, stacks[i].frame(t, transports()["udp"]()), ""})
	}
	return frames
}

// TestPrefixes decodes every beginning of every frame, as snapped by the capture and as if it were all of the frame.
func TestPrefixes(t *testing.T) {
	d := Decoder{CheckChecksums: true}
	for _, tc := range allFrames(t) {
		for n := range tc.frame {
			for _, wire := range []int{n, len(tc.frame)} {
				// A copy of this very length: reading beyond it would panic.
				b := slices.Clip(slices.Clone(tc.frame[:n]))
				var p Packet
				r := d.Decode(&p, tc.link, b, uint32(wire))
				check(t, &p, r, b)
				if hash, plain := Shard(tc.link, b); plain && (r == Fragment || r == OK && hash != p.Shard()) {
					t.Fatalf("%s[:%d]: Shard says plain, %#x; Decode %v, %#x", tc.name, n, hash, r, p.Shard())
				}
			}
		}
	}
}

// TestReuse decodes all frames twice into one dirty Packet: nothing of an earlier one shows.
func TestReuse(t *testing.T) {
	var d, fresh Decoder
	var dirty Packet
	frames := allFrames(t)
	for i := range frames {
		a, b := &frames[i], &frames[len(frames)-1-i]
		for _, tc := range []*linkCase{a, b, a} {
			var clean Packet
			r := d.Decode(&dirty, tc.link, tc.frame, uint32(len(tc.frame)))
			if want := fresh.Decode(&clean, tc.link, tc.frame, uint32(len(tc.frame))); r != want {
				t.Fatalf("%s: %v, at first %v", tc.name, r, want)
			}
			got, want := dirty, clean
			got.Payload, want.Payload = nil, nil
			if string(dirty.Payload) != string(clean.Payload) || !samePacket(&got, &want) {
				t.Fatalf("%s:\ngot  %+v\nwant %+v", tc.name, got, want)
			}
		}
	}
}

func TestNoAllocs(t *testing.T) {
	frames := allFrames(t)
	d := Decoder{CheckChecksums: true}
	var p Packet
	if n := testing.AllocsPerRun(10, func() {
		for i := range frames {
			d.Decode(&p, frames[i].link, frames[i].frame, uint32(len(frames[i].frame)))
			d.Shard(frames[i].link, frames[i].frame)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSourceRoutes(t *testing.T) {
	route := ip4(6)
	route.Options = []layers.IPv4Option{{OptionType: 0x83, OptionLength: 7, OptionData: []byte{4, 203, 0, 113, 9}}}
	segment := "\x06\x02\x04\x01\x00\x00\x00\x00" + "\x20\x01\x0d\xb8\x00\x05" + string(make([]byte, 9)) + "\x09"
	tests := []struct {
		name  string
		frame []byte
		want  string
	}{
		{"loose source route", build(t, route, data(string(build(t, ip4(6), tcp())[20:]))), "192.0.2.1:40000 203.0.113.9:443 6 "},
		{"segment routing", build(t, ip6(43), gopacket.Payload(segment), data(string(build(t, ip4(6), tcp())[20:]))), "[2001:db8::1]:40000 [2001:db8:5::9]:443 6 "},
	}
	for _, tc := range tests {
		var d Decoder
		var p Packet
		if r := d.Decode(&p, LinkRaw, tc.frame, uint32(len(tc.frame))); r != OK || describe(&p) != tc.want {
			t.Errorf("%s: %v %s, want %s", tc.name, r, describe(&p), tc.want)
		}
	}
}
