package allowlist

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"netsensor/internal/manifest"
)

// large returns a site of n products with names and prefixes in all.
func large(products, names, prefixes int) Site {
	s := Site{Bindings: &manifest.Bindings{Site: "large"}}
	for p := range products {
		m := &manifest.Manifest{
			ID: fmt.Sprintf("urn:example:%d", p), Product: manifest.Product{Name: fmt.Sprintf("Product %d", p)},
			Roles: map[string]manifest.Role{"server": {}}, Features: map[string]manifest.Feature{"core": {Default: manifest.On, Required: true}},
		}
		const comms = 10
		for c := range comms {
			comm := manifest.Communication{
				ID: fmt.Sprintf("c%d", c), Party: manifest.ThirdParty, Direction: manifest.Outbound, From: manifest.Peer{Role: "server"},
				Transport: manifest.TCP, Ports: []manifest.Port{{First: 443, Last: 443}}, Method: "TLS", Features: []string{"core"},
			}
			for i := range names / products / comms {
				comm.To.Names = append(comm.To.Names, manifest.Name{Exact: fmt.Sprintf("host%d.c%d.product%d.example", i, c, p)})
			}
			for i := range prefixes / products / comms {
				a := netip.AddrFrom4([4]byte{byte(20 + p%100), byte(c*20 + i/256), byte(i), 0})
				comm.To.CIDRs = append(comm.To.CIDRs, manifest.CIDR{Prefix: netip.PrefixFrom(a, 24)})
			}
			m.Communications = append(m.Communications, comm)
		}
		s.Manifests = append(s.Manifests, m)
		host := netip.AddrFrom4([4]byte{10, 1, byte(p), 0})
		s.Bindings.Products = append(s.Bindings.Products, manifest.Bound{
			Manifest: manifest.ManifestRef{ID: m.ID},
			Roles:    map[string]manifest.RoleBinding{"server": {Endpoints: []manifest.Endpoint{{Kind: manifest.Network, First: host, Last: host.Next()}}}},
		})
	}
	return s
}

func TestCompileLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("a million names")
	}
	site := large(100, 1_000_000, 100_000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	table, err := Compile(site)
	took := time.Since(begun)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	runtime.GC()
	runtime.ReadMemStats(&after)
	entries, names, prefixes := table.Counts()
	t.Logf("%d entries, %d names, %d prefixes in %v, %d MB held, %d MB allocated on the way; %.1f bytes a name",
		entries, names, prefixes, took, (after.HeapAlloc-before.HeapAlloc)>>20, allocated>>20, float64(table.names.Size())/float64(names))
	if entries != 1000 || names != 1_000_000 || prefixes < 90_000 {
		t.Errorf("%d entries, %d names, %d prefixes", entries, names, prefixes)
	}
	if allocated > 250<<20 {
		t.Errorf("%d MB allocated", allocated>>20)
	}
	if b := table.Bound(netip.MustParseAddr("10.1.7.1")); len(b) != 1 || b[0].Product.Name != "Product 7" || b[0].Role != "server" {
		t.Errorf("bound: %+v", b)
	}
	if ids := table.ByName(nil, []byte("host3.c4.product5.example")); len(ids) != 1 || table.Entries[ids[0]].ID != "c4" {
		t.Errorf("by name: %v", ids)
	}
	runtime.KeepAlive(site)
}

const twoRoles = `{
 "manifestVersion": "1.0", "id": "urn:example:a", "serial": 3, "publisher": {"name": "A", "domain": "a.example"}, "product": {"name": "A"},
 "validity": {"issued": "2026-03-01T00:00:00Z"}, "roles": {"server": {}, "agent": {}},
 "variables": {"port": {"kind": "port", "default": "7000-7001"}, "unbound": {"kind": "endpoints"}, "zone": {"kind": "dns-name"}},
 "features": {"core": {"default": "on"}, "extra": {"default": "off", "requires": ["core"]}},
 "communications": [
  {"id": "agents", "party": "customer", "direction": "inbound", "from": {"role": "agent"}, "to": {"role": "server"}, "transport": "tcp",
   "ports": ["${port}"], "method": "TLS", "features": ["core"], "reason": "r"},
  {"id": "peers", "party": "customer", "direction": "both", "from": {"role": "server"}, "to": {"role": "server"}, "transport": "udp",
   "ports": ["1"], "method": "DNS", "features": ["core", "extra"], "reason": "r"},
  {"id": "extra", "party": "third-party", "direction": "outbound", "from": {"role": "agent"}, "to": {"names": [{"suffix": "${zone}", "depth": "any", "apex": true}]},
   "transport": "tcp", "ports": ["2"], "method": "TLS", "features": ["extra"], "reason": "r"},
  {"id": "unbound", "party": "customer", "direction": "outbound", "from": {"role": "agent"}, "to": {"variable": "unbound"},
   "transport": "tcp", "ports": ["3"], "method": "TLS", "features": ["core"], "reason": "r"}]}`

const twoRolesSite = `{"bindingsVersion": "1.0", "site": "s", "manifest": {"id": "urn:example:a"}, "variables": {"zone": "z.corp.example"},
 "roles": {"server": {"endpoints": ["10.0.0.1-10.0.0.2", "mac:00:00:5e:00:53:01"]}, "agent": {"endpoints": ["10.0.0.0/24", "dhcp:pc-1"], "vlans": [7]}},
 "exceptions": [{"id": "any", "from": {"role": "agent"}, "to": {"endpoints": ["0.0.0.0/0"]}, "ports": ["9"], "reason": "r"},
  {"id": "named", "from": {"endpoints": ["10.0.0.2"]}, "to": {"names": [{"exact": "x.example"}]}, "reason": "r"}]}`

func TestCompile(t *testing.T) {
	m, err := manifest.Decode("m", []byte(twoRoles))
	if err != nil {
		t.Fatal(err)
	}
	b, err := manifest.DecodeBindings("b", []byte(twoRolesSite))
	if err != nil {
		t.Fatal(err)
	}
	table, err := Compile(Site{Bindings: b, Manifests: []*manifest.Manifest{m}})
	if err != nil {
		t.Fatal(err)
	}
	roles := func(bs []HostBinding) string {
		var s []string
		for _, b := range bs {
			s = append(s, fmt.Sprint(b.Role, b.VLANs))
		}
		slices.Sort(s)
		return strings.Join(s, " ")
	}
	for a, want := range map[string]string{"10.0.0.1": "agent[7] server[]", "10.0.0.9": "agent[7]", "10.0.1.1": "", "::1": ""} {
		if got := roles(table.Bound(netip.MustParseAddr(a))); got != want || table.IsBound(netip.MustParseAddr(a)) != (want != "") {
			t.Errorf("%s: %q, want %q", a, got, want)
		}
	}
	if roles(table.BoundMAC("00:00:5e:00:53:01")) != "server[]" || roles(table.BoundDHCP("pc-1")) != "agent[7]" {
		t.Error("bound by hardware address or DHCP name")
	}
	texts := func(ids []uint32) string {
		var s []string
		for _, i := range ids {
			e := &table.Entries[i]
			way := "in"
			if e.Outbound {
				way = "out"
			}
			s = append(s, e.ID+" "+way)
		}
		slices.Sort(s)
		return strings.Join(s, ", ")
	}
	// From an agent's point of view a server is where "agents" goes; a server sees agents and servers come.
	if got := texts(table.ByAddress(nil, netip.MustParseAddr("10.0.0.1"))); got != "agents in, agents out, any in, any out, peers in, peers out" {
		t.Errorf("10.0.0.1: %s", got)
	}
	if got := texts(table.ByAddress(nil, netip.MustParseAddr("192.0.2.1"))); got != "any out" {
		t.Errorf("192.0.2.1: %s", got)
	}
	for name, want := range map[string]string{
		"z.corp.example": "extra out", "a.b.z.corp.example": "extra out", "x.example": "named out", "y.example": "",
	} {
		if got := texts(table.ByName(nil, []byte(name))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for i := range table.Entries {
		e := &table.Entries[i]
		if off := e.ID == "extra"; e.Off != off {
			t.Errorf("%s: off %v", e.ID, e.Off)
		}
		if unbound := e.ID == "unbound"; (e.Unbound != "") != unbound {
			t.Errorf("%s: unbound %q", e.ID, e.Unbound)
		}
		if e.ID == "agents" && (!e.Port(7001) || e.Port(7002)) {
			t.Errorf("%s: ports %v", e.ID, e.Ports)
		}
	}
	if !table.Internal(netip.MustParseAddr("10.9.9.9")) || table.Internal(netip.MustParseAddr("192.0.2.1")) {
		t.Error("what is internal")
	}
	b.Products[0].Manifest.MinSerial = 4
	if _, err := Compile(Site{Bindings: b, Manifests: []*manifest.Manifest{m}}); err == nil || !strings.Contains(err.Error(), "serial 3") {
		t.Errorf("an old serial: %v", err)
	}
	if _, err := Compile(Site{Bindings: b}); err == nil {
		t.Error("no manifest, and no error")
	}
}

func TestReplaces(t *testing.T) {
	at := func(serial uint64) *Table {
		s := large(2, 20, 20)
		s.Manifests[1].Serial = serial
		table, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	for _, serial := range []uint64{7, 8} {
		if err := at(serial).Replaces(at(7)); err != nil {
			t.Errorf("serial %d after 7: %v", serial, err)
		}
	}
	if err := at(6).Replaces(at(7)); err == nil || err.Error() != "manifest urn:example:1 goes back from serial 7 to 6" {
		t.Errorf("serial 6 after 7: %v", err)
	}
}
