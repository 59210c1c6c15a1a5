package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"netsensor/internal/capture"
	"netsensor/internal/engine"
	"netsensor/internal/manifest"
	"netsensor/internal/output"
)

const printerManifest = `{
 "manifestVersion": "1.0", "id": "urn:uuid:00000000-0000-4000-8000-0000000000aa", "serial": 1,
 "publisher": {"name": "Inkwell", "domain": "inkwell.example"}, "product": {"name": "Inkwell Printer"},
 "validity": {"issued": "2026-03-01T00:00:00Z", "notBefore": "2026-03-01T00:00:00Z", "notAfter": "2036-03-01T00:00:00Z"},
 "roles": {"printer": {}, "panel": {}}, "features": {"core": {"default": "on", "required": true, "docs": "https://inkwell.example/core"}},
 "communications": [
  {"id": "ipp", "party": "customer", "direction": "inbound", "from": {"role": "panel"}, "to": {"role": "printer"}, "transport": "udp",
   "ports": ["631"], "features": ["core"], "reason": "Jobs"}]}`

const printerBindings = `{
 "bindingsVersion": "1.0", "site": "office", "homeNetworks": ["10.0.0.0/8", "2001:db8:20::/48"],
 "manifest": {"id": "urn:uuid:00000000-0000-4000-8000-0000000000aa"},
 "roles": {"printer": {"endpoints": ["mac:00:00:5e:00:53:01"]}, "panel": {"endpoints": ["dhcp:panel-7"]}},
 "policy": {"mode": "enforce", "warmupSeconds": 0}}`

// wire writes frames to a capture, one second apart.
type wire struct {
	t   *testing.T
	buf bytes.Buffer
	w   *pcapgo.Writer
	at  time.Time
}

func newWire(t *testing.T) *wire {
	w := &wire{t: t, at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	w.w = pcapgo.NewWriter(&w.buf)
	if err := w.w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	return w
}

func mac(s string) net.HardwareAddr { a, _ := net.ParseMAC(s); return a }

func (w *wire) udp(fromMAC, from string, fromPort int, toMAC, to string, toPort int, payload ...gopacket.SerializableLayer) {
	eth := &layers.Ethernet{SrcMAC: mac(fromMAC), DstMAC: mac(toMAC), EthernetType: layers.EthernetTypeIPv4}
	udp := &layers.UDP{SrcPort: layers.UDPPort(fromPort), DstPort: layers.UDPPort(toPort)}
	var ip gopacket.SerializableLayer
	if strings.Contains(from, ":") {
		eth.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, NextHeader: layers.IPProtocolUDP, HopLimit: 64, SrcIP: net.ParseIP(from), DstIP: net.ParseIP(to)}
		_ = udp.SetNetworkLayerForChecksum(v6)
		ip = v6
	} else {
		v4 := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.ParseIP(from).To4(), DstIP: net.ParseIP(to).To4()}
		_ = udp.SetNetworkLayerForChecksum(v4)
		ip = v4
	}
	if payload == nil {
		payload = []gopacket.SerializableLayer{gopacket.Payload("something of no known protocol")}
	}
	b := gopacket.NewSerializeBuffer()
	all := append([]gopacket.SerializableLayer{eth, ip, udp}, payload...)
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, all...); err != nil {
		w.t.Fatal(err)
	}
	w.at = w.at.Add(time.Second)
	n := len(b.Bytes())
	if err := w.w.WritePacket(gopacket.CaptureInfo{Timestamp: w.at, CaptureLength: n, Length: n}, b.Bytes()); err != nil {
		w.t.Fatal(err)
	}
}

// lease is a request with a host name, and the acknowledgement, which does not repeat the name and goes elsewhere.
func (w *wire) lease(client, name, addr string) {
	ask := &layers.DHCPv4{Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 7, ClientHWAddr: mac(client),
		Options: layers.DHCPOptions{layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeRequest)}),
			layers.NewDHCPOption(layers.DHCPOptHostname, []byte(name))}}
	w.udp(client, "0.0.0.0", 68, "ff:ff:ff:ff:ff:ff", "255.255.255.255", 67, ask)
	give := &layers.DHCPv4{Operation: layers.DHCPOpReply, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: 7, ClientHWAddr: mac(client),
		YourClientIP: net.ParseIP(addr).To4(),
		Options:      layers.DHCPOptions{layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeAck)})}}
	w.udp(router, "10.0.0.1", 67, client, addr, 68, give)
}

const router, printer, panel, other = "02:00:5e:00:00:01", "00:00:5e:00:53:01", "02:00:5e:00:00:07", "02:00:5e:00:00:08"

// Hosts that are bound by hardware address or by DHCP name are judged whatever their address is.
func TestBindingsThatMove(t *testing.T) {
	w := newWire(t)
	w.udp(printer, "10.0.0.50", 4000, router, "203.0.113.9", 4444)
	w.udp(printer, "2001:db8:20::a1b2:c3d4", 4000, router, "2001:db8:bad::9", 4444) // a temporary address (RFC 8981)
	w.udp(router, "203.0.113.80", 5000, printer, "10.0.0.50", 9100)                 // reached from outside
	w.udp(panel, "10.0.0.77", 4000, router, "203.0.113.9", 4444)                    // nobody yet
	w.lease(panel, "PANEL-7", "10.0.0.77")
	w.udp(panel, "10.0.0.77", 4001, printer, "10.0.0.50", 631) // declared
	w.udp(router, "10.0.0.77", 4002, router, "203.0.113.10", 4444)
	w.lease(panel, "", "10.0.0.78")
	w.udp(panel, "10.0.0.78", 4003, router, "203.0.113.11", 4444)
	w.lease(other, "laptop", "10.0.0.77")
	w.udp(other, "10.0.0.77", 4004, router, "203.0.113.12", 4444) // another host now
	w.udp(other, "10.0.0.79", 4004, router, "203.0.113.12", 4444)

	var first []byte
	for workers := 1; workers <= 3; workers++ {
		m, err := manifest.Decode("printer.json", []byte(printerManifest))
		if err != nil {
			t.Fatal(err)
		}
		b, err := manifest.DecodeBindings("office.json", []byte(printerBindings))
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSite([]*manifest.Manifest{m}, b, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cfg := engine.Config{Workers: workers, Parsers: parsers, Sink: output.NewStream(&out), Events: map[string]bool{"alert": true, "flow": true}}
		s.configure(&cfg)
		in := engine.Input{Name: "moving.pcap", Open: func() (capture.Source, error) {
			return capture.NewReader(bytes.NewReader(w.buf.Bytes()), "moving.pcap", capture.Options{})
		}}
		if _, err := engine.New(cfg).Run([]engine.Input{in}); err != nil {
			t.Fatal(err)
		}
		if workers > 1 {
			if !bytes.Equal(out.Bytes(), first) {
				t.Errorf("%d workers: another output", workers)
			}
			continue
		}
		first = out.Bytes()
		var got []string
		for line := range bytes.Lines(first) {
			var e struct {
				Src   string `json:"src_ip"`
				Dst   string `json:"dest_ip"`
				Alert *struct {
					Metadata struct {
						Rule []string `json:"netsensor_rule"`
						Role []string `json:"netsensor_role"`
					} `json:"metadata"`
				} `json:"alert"`
			}
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if e.Alert != nil {
				got = append(got, fmt.Sprintf("%v%v%s %s", e.Alert.Metadata.Rule, e.Alert.Metadata.Role, e.Src, e.Dst))
			}
		}
		slices.Sort(got)
		want := []string{
			"[unexpected-inbound][printer]203.0.113.80 10.0.0.50",
			"[unknown-address][panel]10.0.0.77 203.0.113.10",
			"[unknown-address][panel]10.0.0.78 203.0.113.11",
			"[unknown-address][printer]10.0.0.50 203.0.113.9",
			"[unknown-address][printer]2001:0db8:0020:0000:0000:0000:a1b2:c3d4 2001:0db8:0bad:0000:0000:0000:0000:0009",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if r := s.judge.Report(); r.Expected != 1 {
			t.Errorf("%d expected", r.Expected)
		}
	}
}
