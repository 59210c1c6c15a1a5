package judge

import (
	"fmt"
	"net/netip"
	"testing"

	"netsensor/internal/allowlist"
	"netsensor/internal/eve"
	"netsensor/internal/manifest"
)

// busy returns a table of 20 products with 100,000 names and 10,000 prefixes; each has the hosts 10.1.p.0/24.
func busy(t testing.TB) *allowlist.Table {
	s := allowlist.Site{Bindings: &manifest.Bindings{}}
	for p := range 20 {
		m := &manifest.Manifest{
			ID: fmt.Sprint("urn:example:", p), Product: manifest.Product{Name: "P"},
			Roles: map[string]manifest.Role{"server": {}}, Features: map[string]manifest.Feature{"core": {Default: manifest.On}},
		}
		for c := range 20 {
			comm := manifest.Communication{
				ID: fmt.Sprint("c", c), Party: manifest.ThirdParty, Direction: manifest.Outbound, From: manifest.Peer{Role: "server"},
				Transport: manifest.TCP, Ports: []manifest.Port{{First: 443, Last: 443}}, Method: "TLS", Features: []string{"core"},
				TLS: &manifest.TLS{MinVersion: "1.2"},
			}
			for i := range 250 {
				comm.To.Names = append(comm.To.Names, manifest.Name{Exact: fmt.Sprintf("host%d.c%d.product%d.example", i, c, p)})
			}
			for i := range 25 {
				comm.To.CIDRs = append(comm.To.CIDRs, manifest.CIDR{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + p), byte(c), byte(i), 0}), 24)})
			}
			m.Communications = append(m.Communications, comm)
		}
		s.Manifests = append(s.Manifests, m)
		first := netip.AddrFrom4([4]byte{10, 1, byte(p), 0})
		s.Bindings.Products = append(s.Bindings.Products, manifest.Bound{
			Manifest: manifest.ManifestRef{ID: m.ID},
			Roles:    map[string]manifest.RoleBinding{"server": {Endpoints: []manifest.Endpoint{{Kind: manifest.Network, First: first, Last: netip.AddrFrom4([4]byte{10, 1, byte(p), 255})}}}},
		})
	}
	table, err := allowlist.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func conversations(n int, change func(i int, c *Conversation)) []*Conversation {
	cs := make([]*Conversation, n)
	for i := range cs {
		p := i % 20
		c := tcp("10.1.0.1:40000", "20.0.0.1:443", "tls", Name{Text: fmt.Sprintf("host%d.c%d.product%d.example", i%250, i%20, p), Source: SNI})
		c.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(p), byte(i)}), uint16(i))
		c.Server = netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + p), byte(i % 20), byte(i % 25), byte(i)}), 443)
		c.ID, c.TLS.Version = uint64(i), 0x303
		if change != nil {
			change(i, c)
		}
		cs[i] = c
	}
	return cs
}

func BenchmarkConversation(b *testing.B) {
	table := busy(b)
	for _, bm := range []struct {
		name   string
		change func(int, *Conversation)
		looked bool
		want   Verdict
	}{
		{"expected by SNI", nil, false, Expected},
		{"expected by SNI, looked up", nil, true, Expected},
		{"expected by look-up", func(_ int, c *Conversation) { c.Names, c.App = nil, "tls" }, true, Expected},
		{"expected by address", func(_ int, c *Conversation) { c.Names = nil }, false, Expected},
		{"unexpected, folded", func(_ int, c *Conversation) { c.Names[0].Text = "c2.evil.test" }, false, Unexpected},
		{"not bound", func(_ int, c *Conversation) {
			c.Client = netip.AddrPortFrom(netip.MustParseAddr("10.9.9.9"), 1)
		}, false, NotJudged},
	} {
		b.Run(bm.name, func(b *testing.B) {
			j := New(table, Config{})
			cs := conversations(2048, bm.change)
			if bm.looked {
				for i, c := range conversations(2048, nil) {
					n := c.Names[0].Text
					j.Lookup(&Lookup{ID: uint64(i), Now: noon - second, Client: c.Client.Addr(), Via: "dns", Response: true,
						Questions: []Question{{n, 1}}, Answers: []Answer{{Name: n, Addr: c.Server.Addr(), TTL: 60}}})
				}
			}
			for _, c := range cs {
				if out := j.Conversation(c); out.Verdict != bm.want {
					b.Fatalf("%v %v %v", out.Verdict, out.Rule, out.Reason)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				j.Conversation(cs[i&2047])
				i++
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	j := New(busy(b), Config{})
	var ls []*Lookup
	for i, c := range conversations(2048, nil) {
		n := c.Names[0].Text
		ls = append(ls, &Lookup{ID: uint64(i), Now: noon, Client: c.Client.Addr(), Via: "dns", Questions: []Question{{n, 1}}},
			&Lookup{ID: uint64(i), Now: noon, Client: c.Client.Addr(), Via: "dns", Response: true,
				Questions: []Question{{n, 1}}, Answers: []Answer{{Name: n, Addr: c.Server.Addr(), TTL: 60}}})
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		j.Lookup(ls[i&4095])
		i++
	}
}

func BenchmarkAppendEVE(b *testing.B) {
	j := New(compile(b, site, vault), Config{})
	al := j.Conversation(tcp(host, evil, "tls", Name{Text: "c2.evil.test", Source: SNI})).Alerts[0]
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = al.AppendEVE(dst[:0], &eve.Options{})
	}
}

func TestNoAllocations(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	look(j, noon-second, "telemetry.acme.example", a("telemetry.acme.example", "203.0.113.10"))
	cs := []*Conversation{
		tcp(host, cdn, "tls", Name{Text: "telemetry.acme.example", Source: SNI}),
		tcp(host, cdn, "tls"),
		tcp(host, "10.20.1.10:389", "ldap"),
		tcp(admin, "10.20.4.17:8200", "tls"),
		udp("10.1.1.1:1", "10.1.1.2:2", ""),
	}
	q := &Lookup{ID: 1, Now: noon, Client: netip.MustParseAddr("10.20.4.17"), Via: "dns", Questions: []Question{{"Telemetry.acme.example.", 1}}}
	if n := testing.AllocsPerRun(100, func() {
		j.Lookup(q)
		for _, c := range cs {
			j.Conversation(c)
		}
	}); n != 0 {
		t.Errorf("%v allocations where nothing is wrong", n)
	}
}
