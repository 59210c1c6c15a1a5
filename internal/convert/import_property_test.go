package convert

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// declared is one thing that a generated document allows; the oracle goes through all of them.
type declared struct {
	name   string         // exact, or with depth the suffix
	depth  manifest.Depth // labels in front of name
	prefix netip.Prefix
	udp    bool
	port   int
}

func (d declared) allows(name string, a netip.Addr, udp bool, port int) bool {
	if d.udp != udp || d.port != port {
		return false
	}
	if d.name == "" {
		return name == "" && d.prefix.Contains(a)
	}
	front, below := strings.CutSuffix(name, "."+d.name)
	switch d.depth {
	case manifest.DepthNone:
		return name == d.name
	case manifest.DepthOne:
		return below && !strings.Contains(front, ".")
	}
	return below
}

func draw[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// draws returns things to declare with wildcards of one depth; DepthNone: none.
func draws(r *rand.Rand, depth manifest.Depth) []declared {
	var all []declared
	for range 1 + r.IntN(12) {
		d := declared{udp: r.IntN(3) == 0, port: draw(r, 53, 443, 8883, 65535)}
		switch r.IntN(5) {
		case 0:
			d.prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + r.IntN(3)), byte(r.IntN(2)), byte(r.IntN(3)), byte(r.IntN(256))}), 16+r.IntN(17)).Masked()
		case 1:
			d.prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(2)), 15: byte(r.IntN(256))}), 32+r.IntN(97)).Masked()
		case 2:
			d.name, d.depth = draw(r, "a", "b", "xn--bcher-kva")+"."+draw(r, "acme.example", "other.test"), depth
		default:
			d.name = draw(r, "a.", "b.a.", "c_1.", "") + draw(r, "a", "b", "xn--bcher-kva") + "." + draw(r, "acme.example", "other.test")
		}
		all = append(all, d)
	}
	return all
}

func (d declared) transport() string {
	if d.udp {
		return "udp"
	}
	return "tcp"
}

func asMUD(all []declared) string {
	number := map[bool]int{false: 6, true: 17}
	var from, to []map[string]any
	for i, d := range all {
		for _, out := range []bool{true, false} {
			ip, side, port := map[string]any{"protocol": number[d.udp]}, "destination", "destination-port"
			if !out {
				side, port = "source", "source-port"
			}
			family := "ipv4"
			switch {
			case d.name != "" && out:
				ip["ietf-acldns:dst-dnsname"] = d.name
			case d.name != "":
				ip["ietf-acldns:src-dnsname"] = d.name
			default:
				if d.prefix.Addr().Is6() {
					family = "ipv6"
				}
				ip[side+"-"+family+"-network"] = d.prefix.String()
			}
			l4 := map[string]any{port: map[string]any{"operator": "eq", "port": d.port}}
			if !d.udp {
				l4["ietf-mud:direction-initiated"] = "from-device"
			}
			ace := map[string]any{"name": fmt.Sprint("ace", i), "matches": map[string]any{family: ip, d.transport(): l4}, "actions": map[string]any{"forwarding": "accept"}}
			if out {
				from = append(from, ace)
			} else {
				to = append(to, ace)
			}
		}
	}
	list := func(name string) map[string]any {
		return map[string]any{"access-lists": map[string]any{"access-list": []any{map[string]any{"name": name}}}}
	}
	acl := func(name string, aces []map[string]any) map[string]any {
		return map[string]any{"name": name, "type": "ipv4-acl-type", "aces": map[string]any{"ace": aces}}
	}
	return string(raw(map[string]any{
		"ietf-mud:mud": map[string]any{"mud-version": 1, "mud-url": "https://acme.example/x", "last-update": "2026-01-01T00:00:00Z", "is-supported": true,
			"from-device-policy": list("f"), "to-device-policy": list("t")},
		"ietf-access-control-list:acls": map[string]any{"acl": []any{acl("f", from), acl("t", to)}},
	}))
}

func asKubescape(all []declared) string {
	var b strings.Builder
	b.WriteString("apiVersion: spdx.softwarecomposition.kubescape.io/v1beta1\nkind: ContainerProfile\nmetadata: {name: device}\nspec:\n  egress:\n")
	for i, d := range all {
		fmt.Fprintf(&b, "  - identifier: n%d\n    ports: [{protocol: %s, port: %d}]\n", i, strings.ToUpper(d.transport()), d.port)
		switch {
		case d.name == "":
			fmt.Fprintf(&b, "    ipAddresses: [%q]\n", d.prefix)
		case d.depth == manifest.DepthOne:
			fmt.Fprintf(&b, "    dnsNames: [%q]\n", draw(rand.New(rand.NewPCG(uint64(i), 0)), "*.", "⋯.")+d.name+".")
		default:
			fmt.Fprintf(&b, "    dnsNames: [%q]\n", d.name+".")
		}
	}
	return b.String()
}

func asHardenRunner(all []declared) string {
	var b strings.Builder
	b.WriteString("name: x\njobs:\n  device:\n    steps:\n    - uses: step-security/harden-runner@v2\n      with:\n        allowed-endpoints: >\n")
	for _, d := range all {
		b.WriteString("          ")
		switch {
		case d.name == "":
			fmt.Fprintf(&b, "[%s]", d.prefix.Addr())
		case d.depth != manifest.DepthNone:
			b.WriteString("*." + d.name)
		default:
			b.WriteString(d.name)
		}
		fmt.Fprintf(&b, ":%d\n", d.port)
	}
	return b.String()
}

// TestImportMeansTheSame compares what the compiled manifest allows with what was written, and reads nothing but
// the oracle's list to know it.
func TestImportMeansTheSame(t *testing.T) {
	for _, f := range []struct {
		name  string
		depth manifest.Depth
		write func([]declared) string
		shape func(*declared)
	}{
		{"mud", manifest.DepthNone, asMUD, nil},
		{"kubescape", manifest.DepthOne, asKubescape, nil},
		{"harden-runner", manifest.DepthAny, asHardenRunner, func(d *declared) {
			d.udp = false // the format has TCP and single addresses only
			d.prefix = netip.PrefixFrom(d.prefix.Addr(), max(0, d.prefix.Addr().BitLen()))
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			for seed := range uint64(150) {
				r := rand.New(rand.NewPCG(seed, 1))
				all := draws(r, f.depth)
				if f.shape != nil {
					for i := range all {
						f.shape(&all[i])
					}
				}
				text := f.write(all)
				made, err := Import([]File{{Name: "x", Data: []byte(text)}}, Options{})
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, text)
				}
				if made.Format != f.name {
					t.Fatalf("taken for %s", made.Format)
				}
				for _, l := range made.Losses {
					if !strings.Contains(l.What, " for IPv4 only") {
						t.Fatalf("seed %d: %v\n%s", seed, l, text)
					}
				}
				compare(t, r, made.Manifest, all, text)
			}
		})
	}
}

func compare(t *testing.T, r *rand.Rand, m *manifest.Manifest, all []declared, text string) {
	t.Helper()
	site := fmt.Sprintf(`{"bindingsVersion": "1.0", "site": "s", "manifest": {"id": %q}, "roles": {"device": {"endpoints": ["10.0.0.1"]}}}`, m.ID)
	b, err := manifest.DecodeBindings("b", []byte(site))
	if err != nil {
		t.Fatal(err)
	}
	table, err := allowlist.Compile(allowlist.Site{Bindings: b, Manifests: []*manifest.Manifest{m}})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		d := draw(r, all...)
		name, a, udp, port := "", netip.Addr{}, r.IntN(3) == 0, draw(r, d.port, 53, 443, 8884)
		if d.name != "" {
			name = draw(r, "", "z.", "a.z.", "b.", "zz-") + d.name
			if r.IntN(4) == 0 {
				_, name, _ = strings.Cut(d.name, ".")
			}
		} else {
			b := d.prefix.Addr().AsSlice()
			b[len(b)-1-r.IntN(3)] ^= byte(r.IntN(4))
			a, _ = netip.AddrFromSlice(b)
		}
		want := slices.ContainsFunc(all, func(d declared) bool { return d.allows(name, a, udp, port) })
		var ids []uint32
		if name != "" {
			ids = table.ByName(nil, []byte(name))
		} else {
			ids = table.ByAddress(nil, a)
		}
		got := slices.ContainsFunc(ids, func(id uint32) bool {
			e := &table.Entries[id]
			transport := allowlist.TCP
			if udp {
				transport = allowlist.UDP
			}
			return e.Outbound && !e.Off && e.Transports&transport != 0 && e.Port(uint16(port)) && (name != "" || e.AddressCounts)
		})
		if got != want {
			t.Fatalf("%q %v, udp %v, port %d: allowed %v, want %v\n%s", name, a, udp, port, got, want, text)
		}
	}
}

// decoded is the part of a manifest that tests look at.
func decoded(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
