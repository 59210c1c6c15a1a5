package packet

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// The packet within the tunnels and links below, and what describe says of it.
func innerIP(t testing.TB) []byte { return build(t, ip4(6), tcp(), data("hello")) }

const innerWant = "192.0.2.1:40000 198.51.100.2:443 6 hello"

func innerIP6(t testing.TB) []byte { return build(t, ip6(17), udp(40000, 53), data("hello")) }

const innerWant6 = "[2001:db8::1]:40000 [2001:db8:1::2]:53 17 hello"

func innerEthernet(t testing.TB) []byte {
	return build(t, eth(layers.EthernetTypeIPv4), ip4(6), tcp(), data("hello"))
}

// wlan is an 802.11 data frame to the access point: header, SNAP, packet.
func wlanFrame(control, flags byte, more, ip []byte) []byte {
	h := []byte{control, flags, 0, 0, 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0}
	return slices.Concat(h, more, []byte{0xaa, 0xaa, 3, 0, 0, 0, 8, 0}, ip)
}

// cat joins a header in hexadecimal-like literals and what follows.
func cat(header string, rest ...[]byte) []byte {
	return append([]byte(header), bytes.Join(rest, nil)...)
}

// sized is cat with the length of rest, plus add, written big-endian at offset at of the header.
func sized(header string, at, add int, rest []byte) []byte {
	b := cat(header, rest)
	binary.BigEndian.PutUint16(b[at:], uint16(len(rest)+add))
	return b
}

type tunnelCase struct {
	name  string
	frame []byte
	kind  TunnelKind
	id    uint32
	want  string
}

func tunnelCases(t testing.TB) []tunnelCase {
	overUDP := func(port layers.UDPPort, payload []byte) []byte {
		return build(t, eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, port), gopacket.Payload(payload))
	}
	over := func(proto layers.IPProtocol, payload []byte) []byte {
		return build(t, eth(layers.EthernetTypeIPv4), outer4(proto), gopacket.Payload(payload))
	}
	in, in6, frame := innerIP(t), innerIP6(t), innerEthernet(t)
	return []tunnelCase{
		{"vxlan gpe ipv6", overUDP(4790, cat("\x0c\x00\x00\x02\x00\x00\x07\x00", in6)), TunnelVXLAN, 7, innerWant6},
		{"vxlan group policy", overUDP(8472, cat("\x88\x00\x00\x05\x00\x00\x08\x00", frame)), TunnelVXLAN, 8, innerWant},
		{"geneve with options", overUDP(6081, cat("\x02\x00\x08\x00\x01\x02\x03\x00\x01\x08\x01\x01\x00\x00\x00\x09", in)), TunnelGENEVE, 0x010203, innerWant},
		{"teredo", overUDP(3544, in6), TunnelTeredo, 0, innerWant6},
		{"teredo with authentication and origin", overUDP(3544, cat("\x00\x01\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x11\x22\x33\x44\x55\x66", in6)), TunnelTeredo, 0, innerWant6},
		{"gtp", overUDP(2152, sized("\x30\xff\x00\x00\x11\x22\x33\x44", 2, 0, in)), TunnelGTP, 0x11223344, innerWant},
		{"gtp with extension", overUDP(2152, sized("\x34\xff\x00\x00\x11\x22\x33\x44\x00\x00\x00\x85\x01\x10\x01\x00", 2, 8, in)), TunnelGTP, 0x11223344, innerWant},
		{"l2tp 2", overUDP(1701, sized("\x40\x02\x00\x00\x00\x01\x00\x02\xff\x03\x00\x21", 2, 12, in)), TunnelL2TP, 0x10002, innerWant},
		{"l2tp 2 offset", overUDP(1701, cat("\x02\x02\x00\x01\x00\x02\x00\x02\xee\xee\x00\x57", in6)), TunnelL2TP, 0x10002, innerWant6},
		{"l2tp 3 over udp", overUDP(1701, cat("\x00\x03\x00\x00\x00\x00\x00\x05\xde\xad\xbe\xef", frame)), TunnelL2TP, 5, innerWant},
		{"l2tp 3 over ip", over(115, cat("\x00\x00\x00\x06\x00\x00\x00\x00", frame)), TunnelL2TP, 6, innerWant},
		{"mpls in udp", overUDP(6635, cat("\x00\x00\x51\x40", in)), TunnelMPLS, 0, innerWant},
		{"mpls in ip", over(137, cat("\x00\x00\x51\x40", in6)), TunnelMPLS, 0, innerWant6},
		{"gue", overUDP(6080, cat("\x01\x29\x00\x00\x00\x00\x00\x00", in6)), TunnelGUE, 0, innerWant6},
		{"gue bare", overUDP(6080, in), TunnelGUE, 0, innerWant},
		{"gre in udp", overUDP(4754, cat("\x20\x00\x08\x00\x00\x00\x00\x05", in)), TunnelGRE, 5, innerWant},
		{"ayiya", overUDP(5072, cat("\x10\x02\x01\x29\x00\x00\x00\x00\xab\xcd", in6)), TunnelAYIYA, 0, innerWant6},
		{"tzsp", overUDP(37008, cat("\x01\x00\x00\x01\x00\x0a\x01\xd0\x01", frame)), TunnelTZSP, 0, innerWant},
		{"capwap 802.3", overUDP(5247, cat("\x00\x10\x02\x00\x00\x00\x00\x00", frame)), TunnelCAPWAP, 0, innerWant},
		{"capwap 802.11", overUDP(5247, cat("\x00\x10\x03\x00\x00\x00\x00\x00", wlanFrame(0x08, 1, nil, in))), TunnelCAPWAP, 0, innerWant},
		{"capwap swapped", overUDP(5247, cat("\x00\x10\x03\x00\x00\x00\x00\x00", wlanFrame(1, 0x08, nil, in))), TunnelCAPWAP, 0, innerWant},
		{"etherip", over(97, cat("\x30\x00", frame)), TunnelEtherIP, 0, innerWant},
		{"pim register", over(103, cat("\x21\x00\xde\xff\x00\x00\x00\x00", in)), TunnelPIM, 0, innerWant},
		{"nvgre", over(47, cat("\x20\x00\x65\x58\x00\x12\x34\x56", frame)), TunnelGRE, 0x1234, innerWant},
		{"gre with route", over(47, cat("\x40\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x04\x01\x02\x03\x04\x00\x00\x00\x00", in)), TunnelGRE, 0, innerWant},
		{"gre mpls", over(47, cat("\x00\x00\x88\x47\x00\x00\x51\x40", in)), TunnelGRE, 0, innerWant},
		{"wccp", over(47, cat("\x00\x00\x88\x3e\x00\x01\x02\x03", in)), TunnelGRE, 0, innerWant},
		{"aruba", over(47, cat("\x00\x00\x82\x00", wlanFrame(0x88, 1, []byte{0, 0}, in))), TunnelGRE, 0, innerWant},
		{"pptp", over(47, sized("\x30\x81\x88\x0b\x00\x00\x00\x09\x00\x00\x00\x01\x00\x00\x00\x02", 4, 2, cat("\xff\x03\x00\x21", in))), TunnelGRE, 9, innerWant},
		{"eoip", over(47, sized("\x20\x01\x64\x00\x00\x00\x07\x00", 4, 0, frame)), TunnelGRE, 7, innerWant},
		{"erspan 1", over(47, cat("\x00\x00\x88\xbe", frame)), TunnelERSPAN, 0, innerWant},
		{"erspan 3", over(47, cat("\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x00\x00", frame)), TunnelERSPAN, 42, innerWant},
		{"erspan 3 sub-header", over(47, cat("\x10\x00\x22\xeb\x00\x00\x00\x01\x20\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x00\x01\x08\x00\x00\x00\x00\x00\x00\x00", frame)), TunnelERSPAN, 42, innerWant},
		{"srv6 ethernet", build(t, eth(layers.EthernetTypeIPv6), ip6(143), gopacket.Payload(frame)), TunnelIPv6, 0, innerWant},
	}
}

func TestTunnels(t *testing.T) {
	for _, tc := range tunnelCases(t) {
		t.Run(tc.name, func(t *testing.T) {
			var d Decoder
			var p Packet
			r := d.Decode(&p, LinkEthernet, tc.frame, uint32(len(tc.frame)))
			if r != OK || describe(&p) != tc.want {
				t.Fatalf("%v %s, events %v\nwant %s", r, describe(&p), p.Events[:p.EventCount], tc.want)
			}
			if p.Tunnel.Kind != tc.kind || p.Tunnel.ID != tc.id || p.Tunnel.Depth == 0 {
				t.Errorf("tunnel %+v, want kind %d, id %#x", p.Tunnel, tc.kind, tc.id)
			}
			if _, plain := Shard(LinkEthernet, tc.frame); plain {
				t.Error("Shard calls it plain")
			}
			outer := Decoder{NoTunnels: true}
			if r := outer.Decode(&p, LinkEthernet, tc.frame, uint32(len(tc.frame))); r != OK || p.Tunnel.Depth != 0 {
				t.Errorf("NoTunnels: %v, tunnel %+v", r, p.Tunnel)
			}
		})
	}
}

// TestNoTunnel has other traffic on the ports and protocols of tunnels: the outer packet stands.
func TestNoTunnel(t *testing.T) {
	var d Decoder
	bodies := []string{"", "x", "\x08\x00\x00\x00\x00\x00\x01\x00\x45", "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01",
		"\x30\xff\x00\x04\x00\x00\x00\x01GET ", "\x00\x02\x00\x01\x00\x02\xc0\x21\x01\x01\x00\x04", string(bytes.Repeat([]byte{0x45}, 64)), string(make([]byte, 64))}
	for _, port := range []layers.UDPPort{1701, 2152, 3544, 4754, 4789, 4790, 5072, 5247, 6080, 6081, 6635, 8472, 37008} {
		for _, body := range bodies {
			frame := build(t, eth(layers.EthernetTypeIPv4), ip4(17), udp(40000, port), data(body))
			var p Packet
			r := d.Decode(&p, LinkEthernet, frame, uint32(len(frame)))
			if r != OK || p.Tunnel.Depth != 0 || p.DstPort != uint16(port) || string(p.Payload) != body || p.EventCount != 0 {
				t.Errorf("port %d, %q: %v %s tunnel %+v events %v", port, body, r, describe(&p), p.Tunnel, p.Events[:p.EventCount])
			}
		}
	}
	arp := build(t, eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, 4789), vxlanHeader(1), eth(layers.EthernetTypeARP), data(string(make([]byte, 28))))
	var p Packet
	if r := d.Decode(&p, LinkEthernet, arp, uint32(len(arp))); r != OK || p.DstPort != 4789 || p.Tunnel.Depth != 0 || d.Counts.ARP != 1 {
		t.Errorf("ARP in VXLAN: %v %s, tunnel %+v, counted %d", r, describe(&p), p.Tunnel, d.Counts.ARP)
	}
}

// TestDeepNesting goes beyond every bound: what was decoded until then stands.
func TestDeepNesting(t *testing.T) {
	in := innerIP(t)
	for range 200 {
		in = build(t, outer4(4), gopacket.Payload(in))
	}
	frame := build(t, eth(layers.EthernetTypeIPv4), gopacket.Payload(in))
	var d Decoder
	var p Packet
	r := d.Decode(&p, LinkEthernet, frame, uint32(len(frame)))
	if r != OK || p.Tunnel.Depth != maxTunnels || d.Counts.TooManyLayers != 1 || p.Events[0] != EventTooManyLayers {
		t.Errorf("%v, depth %d, %d too many, events %v", r, p.Tunnel.Depth, d.Counts.TooManyLayers, p.Events)
	}
	tags := build(t, eth(layers.EthernetTypeDot1Q), gopacket.Payload(bytes.Repeat([]byte{0, 1, 0x81, 0}, 300)))
	if r := d.Decode(&p, LinkEthernet, tags, uint32(len(tags))); r != Malformed || p.VLANCount != maxVLANs || p.Events[0] != EventVLANTooManyLayers {
		t.Errorf("300 tags: %v, %d tags, events %v", r, p.VLANCount, p.Events)
	}
}

func TestOwnPorts(t *testing.T) {
	frame := build(t, eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, 9999), vxlanHeader(3), eth(layers.EthernetTypeIPv4), ip4(6), tcp(), data("hello"))
	d := Decoder{VXLANPorts: []uint16{9999}}
	var p Packet
	if r := d.Decode(&p, LinkEthernet, frame, uint32(len(frame))); r != OK || p.Tunnel.Kind != TunnelVXLAN || describe(&p) != innerWant {
		t.Errorf("%v %s, tunnel %+v", r, describe(&p), p.Tunnel)
	}
	if _, plain := d.Shard(LinkEthernet, frame); plain {
		t.Error("Decoder.Shard calls it plain")
	}
	if _, plain := Shard(LinkEthernet, frame); !plain {
		t.Error("Shard does not call it plain")
	}
}
