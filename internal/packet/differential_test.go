package packet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// stack is a way to reach an IP packet: layers in front of it.
type stack struct {
	name  string
	link  LinkType
	first gopacket.Decoder
	kind  TunnelKind
	depth uint8
	id    uint32
	front func() []gopacket.SerializableLayer
	v6    bool // what may follow: IPv6 rather than IPv4
}

func list(ls ...gopacket.SerializableLayer) []gopacket.SerializableLayer { return ls }

func vxlanHeader(vni uint32) *layers.VXLAN { return &layers.VXLAN{ValidIDFlag: true, VNI: vni} }

func raw(b ...byte) gopacket.Payload { return gopacket.Payload(b) }

var stacks = []stack{
	{name: "ethernet ipv4", link: LinkEthernet, first: layers.LayerTypeEthernet, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4))
	}},
	{name: "ethernet ipv6", link: LinkEthernet, first: layers.LayerTypeEthernet, v6: true, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv6))
	}},
	{name: "three tags", link: LinkEthernet, first: layers.LayerTypeEthernet, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeQinQ), vlan(1, layers.EthernetTypeDot1Q), vlan(2, layers.EthernetTypeDot1Q), vlan(3, layers.EthernetTypeIPv4))
	}},
	{name: "raw ipv6", link: LinkRaw, first: layers.LayerTypeIPv6, v6: true, front: func() []gopacket.SerializableLayer { return nil }},
	{name: "null", link: LinkNull, first: layers.LinkTypeNull, front: func() []gopacket.SerializableLayer { return list(&layers.Loopback{Family: layers.ProtocolFamilyIPv4}) }},
	{name: "mpls", link: LinkEthernet, first: layers.LayerTypeEthernet, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeMPLSUnicast), &layers.MPLS{Label: 5, TTL: 3}, &layers.MPLS{Label: 6, TTL: 3, StackBottom: true})
	}},
	{name: "pppoe", link: LinkEthernet, first: layers.LayerTypeEthernet, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypePPPoESession), &layers.PPPoE{Version: 1, Type: 1, SessionId: 9}, &layers.PPP{PPPType: layers.PPPTypeIPv4})
	}},
	{name: "ppp", link: LinkPPP, first: layers.LayerTypePPP, v6: true, front: func() []gopacket.SerializableLayer {
		return list(&layers.PPP{PPPType: layers.PPPTypeIPv6})
	}},
	{name: "gre", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelGRE, depth: 1, id: 77, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(47), &layers.GRE{Protocol: layers.EthernetTypeIPv4, KeyPresent: true, Key: 77, SeqPresent: true, ChecksumPresent: true})
	}},
	{name: "gre bridging", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelGRE, depth: 1, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(47), &layers.GRE{Protocol: layers.EthernetTypeTransparentEthernetBridging}, eth(layers.EthernetTypeIPv4))
	}},
	{name: "erspan 2", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelERSPAN, depth: 1, id: 5, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(47), &layers.GRE{Protocol: layers.EthernetTypeERSPAN, SeqPresent: true},
			&layers.ERSPANII{Version: 1, VLANIdentifier: 33, SessionID: 5}, eth(layers.EthernetTypeIPv4))
	}},
	{name: "4in4", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelIPv4, depth: 1, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(4))
	}},
	{name: "6in4", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelIPv4, depth: 1, v6: true, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(41))
	}},
	{name: "4in6", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelIPv6, depth: 1, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv6), ip6(4))
	}},
	{name: "vxlan", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelVXLAN, depth: 1, id: 0xabcdef, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, 4789), vxlanHeader(0xabcdef), eth(layers.EthernetTypeDot1Q), vlan(44, layers.EthernetTypeIPv4))
	}},
	{name: "vxlan in vxlan", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelVXLAN, depth: 2, id: 2, front: func() []gopacket.SerializableLayer {
		return list(eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, 4789), vxlanHeader(1), eth(layers.EthernetTypeIPv6),
			ip6(17), udp(50001, 4789), vxlanHeader(2), eth(layers.EthernetTypeIPv4))
	}},
	{name: "geneve", link: LinkEthernet, first: layers.LayerTypeEthernet, kind: TunnelGENEVE, depth: 1, id: 0x010203, front: func() []gopacket.SerializableLayer {
		// A gateway load balancer's options: endpoint, attachment, flow cookie.
		return list(eth(layers.EthernetTypeIPv4), outer4(17), udp(50000, 6081), raw(8, 0, 8, 0, 1, 2, 3, 0,
			1, 8, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 8, 2, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 8, 3, 1, 9, 9, 9, 9))
	}},
}

// expectation is what gopacket sees in the innermost IP packet.
type expectation struct {
	src, dst     netip.Addr
	proto        uint8
	sport, dport uint16
	ports        bool
	payload      []byte
	ok           bool
}

// oracle decodes with gopacket, which panics on some input; ok is false then, and where it saw an error.
func oracle(first gopacket.Decoder, b []byte) (e expectation) {
	defer func() {
		if recover() != nil {
			e.ok = false
		}
	}()
	pkt := gopacket.NewPacket(b, first, gopacket.DecodeOptions{Lazy: false, NoCopy: true})
	for _, l := range pkt.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			src, _ := netip.AddrFromSlice(l.SrcIP)
			dst, _ := netip.AddrFromSlice(l.DstIP)
			e = expectation{src: src, dst: dst, proto: uint8(l.Protocol), payload: l.Payload, ok: true}
		case *layers.IPv6:
			src, _ := netip.AddrFromSlice(l.SrcIP)
			dst, _ := netip.AddrFromSlice(l.DstIP)
			e = expectation{src: src, dst: dst, proto: uint8(l.NextHeader), payload: l.Payload, ok: true}
		case *layers.TCP:
			e.sport, e.dport, e.ports, e.payload = uint16(l.SrcPort), uint16(l.DstPort), true, l.Payload
		case *layers.UDP:
			e.sport, e.dport, e.ports, e.payload = uint16(l.SrcPort), uint16(l.DstPort), true, l.Payload
		}
	}
	if pkt.ErrorLayer() != nil || pkt.Metadata().Truncated {
		e.ok = false
	}
	return e
}

func transports() map[string]func() []gopacket.SerializableLayer {
	body := data("the payload of this packet")
	return map[string]func() []gopacket.SerializableLayer{
		"tcp":  func() []gopacket.SerializableLayer { return list(tcp(), body) },
		"udp":  func() []gopacket.SerializableLayer { return list(udp(40000, 443), body) },
		"none": func() []gopacket.SerializableLayer { return list(tcp()) },
	}
}

func (s *stack) frame(t testing.TB, transport []gopacket.SerializableLayer) []byte {
	proto := layers.IPProtocolTCP
	if _, ok := transport[0].(*layers.UDP); ok {
		proto = layers.IPProtocolUDP
	}
	ls := s.front()
	if s.v6 {
		ls = append(ls, ip6(proto))
	} else {
		ls = append(ls, ip4(proto))
	}
	return build(t, append(ls, transport...)...)
}

func TestAgainstGopacket(t *testing.T) {
	d := Decoder{CheckChecksums: true}
	for _, s := range stacks {
		for name, transport := range transports() {
			t.Run(s.name+" "+name, func(t *testing.T) {
				frame := s.frame(t, transport())
				var p Packet
				if r := d.Decode(&p, s.link, frame, uint32(len(frame))); r != OK {
					t.Fatalf("result %v, events %v", r, p.Events[:p.EventCount])
				}
				e := oracle(s.first, frame)
				if !e.ok {
					t.Fatal("gopacket cannot decode this")
				}
				compare(t, &p, &e)
				if p.BadChecksum || p.EventCount != 0 {
					t.Errorf("BadChecksum %v, events %v", p.BadChecksum, p.Events[:p.EventCount])
				}
				if p.Tunnel.Kind != s.kind || p.Tunnel.Depth != s.depth || p.Tunnel.ID != s.id {
					t.Errorf("tunnel %+v, want kind %d, depth %d, id %#x", p.Tunnel, s.kind, s.depth, s.id)
				}
				if hash, plain := d.Shard(s.link, frame); plain && hash != p.Shard() || plain && s.depth > 0 {
					t.Errorf("Shard = %#x, %v; of the packet %#x", hash, plain, p.Shard())
				}
			})
		}
	}
}

func compare(t *testing.T, p *Packet, e *expectation) {
	t.Helper()
	got := fmt.Sprint(p.SrcAddr(), p.DstAddr(), p.Proto, p.SrcPort, p.DstPort, p.Ports)
	want := fmt.Sprint(e.src, e.dst, e.proto, e.sport, e.dport, e.ports)
	if got != want || !bytes.Equal(p.Payload, e.payload) {
		t.Errorf("\ngot  %s %q\nwant %s %q", got, p.Payload, want, e.payload)
	}
}

// TestMutations changes bytes of valid frames: nothing panics, and where gopacket sees a packet without fault and
// we a transport, both see the same. Tunnels are left out of the comparison: we refuse inconsistent ones.
func TestMutations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	d := Decoder{CheckChecksums: true}
	n, agreed := 300, 0
	for i := range stacks {
		s := &stacks[i]
		frame := s.frame(t, transports()["tcp"]())
		for range n {
			b := bytes.Clone(frame)
			for range 1 + rnd.IntN(3) {
				b[rnd.IntN(len(b))] = byte(rnd.UintN(256))
			}
			b = b[:len(b)-rnd.IntN(len(b)/2)*rnd.IntN(2)]
			var p Packet
			r := d.Decode(&p, s.link, b, uint32(len(b)))
			check(t, &p, r, b)
			e := oracle(s.first, b)
			if r != OK || !e.ok || !p.Ports || !e.ports || p.EventCount != 0 || s.depth > 0 || p.Proto != e.proto || p.Cut {
				continue
			}
			// gopacket heeds neither source routes nor a UDP length that is short of the IP length.
			if p.Version == 4 && p.Proto == ProtoTCP && p.IPLen >= 40 {
				compare(t, &p, &e)
				agreed++
			}
		}
	}
	if agreed < 100 {
		t.Errorf("only %d mutated frames were comparable", agreed)
	}
}

// check tests what must hold for any input.
func check(t *testing.T, p *Packet, r Result, b []byte) {
	t.Helper()
	if p.EventCount > 4 || p.Tunnel.Depth > maxTunnels || len(p.Payload) > len(b) {
		t.Errorf("out of bounds: %+v", p)
	}
	if r == OK && p.Version != 4 && p.Version != 6 || r == Fragment && p.Version == 0 {
		t.Errorf("%v with version %d", r, p.Version)
	}
	if p.Cut != (p.Missing > 0) {
		t.Errorf("Cut %v, Missing %d", p.Cut, p.Missing)
	}
	if (r == NotIP || r == Unsupported) && (p.Version != 0 || p.Payload != nil || p.Ports) {
		t.Errorf("%v with %+v", r, p)
	}
}
