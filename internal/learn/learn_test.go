package learn

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"netsensor/internal/allowlist"
	"netsensor/internal/judge"
	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

const start = int64(1_772_445_600_000_000_000)

// talk is a TCP conversation that was seen whole.
func talk(client, server, app string, names ...string) *judge.Conversation {
	c := &judge.Conversation{
		Phase: judge.Ended, Start: start, Now: start + 1e9, Proto: 6, Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server),
		App: app, PktsToServer: 5, PktsToClient: 5, BytesToServer: 500, BytesToClient: 900, PayloadToServer: true, PayloadToClient: true, Established: true,
	}
	for _, n := range names {
		source := judge.Host
		if app == "tls" {
			source = judge.SNI
		}
		c.Names = append(c.Names, judge.Name{Text: n, Source: source})
	}
	if app == "tls" {
		c.TLS = judge.TLS{Hello: true, Version: 0x0304}
	}
	return c
}

func question(client, name string) *judge.Lookup {
	return &judge.Lookup{
		ID: 1, Now: start, Client: netip.MustParseAddr(client), Resolver: netip.MustParseAddrPort("10.0.0.53:53"), Proto: 17, Via: "dns",
		Questions: []judge.Question{{Name: name, Type: 1}},
	}
}

func TestDraft(t *testing.T) {
	silent := talk("10.0.1.1:4001", "192.0.2.66:4444", "")
	silent.PayloadToServer, silent.PayloadToClient, silent.PktsToClient = false, false, 0
	secret := talk("10.0.1.1:4002", "192.0.2.67:9999", "")
	late := talk("192.0.2.80:443", "10.0.1.1:51000", "tls")
	late.RolesInferred = true
	tests := []struct {
		name  string
		convs []*judge.Conversation
		asked []*judge.Lookup
		want  []string
	}{
		{"roles talk to each other", []*judge.Conversation{talk("10.0.1.1:4000", "10.0.1.2:8443", "tls")}, nil, []string{"+ node to role node, tcp 8443, TLS"}},
		{"internal peers are variables", []*judge.Conversation{talk("10.0.1.1:4000", "10.0.9.9:389", "ldap"), talk("10.0.9.7:4000", "10.0.1.1:22", "ssh")}, nil,
			[]string{"+ node to ${ldap_directory}, tcp 389, LDAP", "+ ${ssh_clients} to node, tcp 22, SSH"}},
		{"names outside, two siblings", []*judge.Conversation{
			talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "a.up.acme.example"), talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "b.up.acme.example"),
		}, nil, []string{"+ node to a.up.acme.example, tcp 443, TLS", "+ node to b.up.acme.example, tcp 443, TLS"}},
		{"three siblings are a suffix", []*judge.Conversation{
			talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "a.up.acme.example"), talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "B.up.acme.example"),
			talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "c.up.acme.example."),
		}, nil, []string{"+ node to *.up.acme.example, tcp 443, TLS"}},
		{"siblings at a platform are strangers", []*judge.Conversation{
			talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "a.cloudfront.net"), talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "b.cloudfront.net"),
			talk("10.0.1.1:4000", "192.0.2.1:443", "tls", "c.cloudfront.net"),
		}, nil, []string{"+ node to a.cloudfront.net, tcp 443, TLS", "+ node to b.cloudfront.net, tcp 443, TLS", "+ node to c.cloudfront.net, tcp 443, TLS"}},
		{"an address without a name", []*judge.Conversation{talk("10.0.1.1:4000", "192.0.2.1:8080", "http")}, nil, []string{"+ node to 192.0.2.1/32, tcp 8080, HTTP"}},
		{"what nobody explains is kept apart", []*judge.Conversation{silent, secret}, []*judge.Lookup{question("10.0.1.1", "_ldap._tcp.lost.example")}, []string{
			"+ node to 192.0.2.67/32, tcp 9999 (unexplained)", "+ node to 192.0.2.66/32, tcp 4444 (unexplained)",
			"+ node to lost.example, udp+tcp 53, DNS (unexplained)",
		}},
		{"a guess that is the wrong way round", []*judge.Conversation{late}, nil, []string{"+ node to 192.0.2.80/32, tcp 443, TLS (unexplained)"}},
		{"content without a word in the format", []*judge.Conversation{talk("10.0.1.1:4000", "192.0.2.1:6667", "irc")}, nil, []string{"+ node to 192.0.2.1/32, tcp 6667 (unexplained)"}},
		{"strangers are nobody's business", []*judge.Conversation{talk("10.0.9.1:4000", "192.0.2.1:443", "tls", "x.example")}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := New(Config{Hosts: []Host{{netip.MustParsePrefix("10.0.1.0/24"), "node"}}})
			for _, q := range tt.asked {
				l.Lookup(q)
			}
			for _, c := range tt.convs {
				l.Conversation(c)
			}
			got := Diff(&manifest.Manifest{}, l.Draft().Manifest)
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestRolesByBehaviour: without given hosts those that serve the same play one role, and many clients of one network
// stand for it.
func TestRolesByBehaviour(t *testing.T) {
	l := New(Config{})
	for i := range 9 {
		l.Conversation(talk(fmt.Sprintf("10.0.1.%d:4000", i+1), "10.0.2.1:445", "smb"))
	}
	l.Conversation(talk("10.0.1.1:4000", "10.0.2.2:445", "smb"))
	d := l.Draft()
	got := fmt.Sprint(d.Bindings.Products[0].Roles["client"].Endpoints[0], d.Bindings.Products[0].Roles["smb-server"].Endpoints)
	if got != "10.0.1.0/24 [10.0.2.1 10.0.2.2]" {
		t.Errorf("roles: %s", got)
	}
}

// TestDraftExplainsItself: whatever was seen, the draft passes the checks, declares it, and is the same whatever the
// order of what was seen.
func TestDraftExplainsItself(t *testing.T) {
	apps := []string{"", "tls", "http", "ssh", "ldap", "irc", "dns", "quic", "smb", "pgsql"}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		addr := func() string {
			if rnd.IntN(2) == 0 {
				return fmt.Sprintf("10.0.%d.%d:%d", rnd.IntN(3), rnd.IntN(20), 1+rnd.IntN(65535))
			}
			return fmt.Sprintf("[2001:db8::%x]:%d", rnd.IntN(9)+1, 1+rnd.IntN(2000))
		}
		var convs []*judge.Conversation
		for range 80 {
			var names []string
			if rnd.IntN(2) == 0 {
				names = []string{fmt.Sprintf("h%d.z%d.example.com", rnd.IntN(5), rnd.IntN(3))}
			}
			c := talk(addr(), addr(), apps[rnd.IntN(len(apps))], names...)
			if c.App == "dns" || c.App == "quic" {
				c.Proto = 17
			}
			c.RolesInferred, c.PayloadToClient = rnd.IntN(9) == 0, rnd.IntN(4) > 0
			c.ID = uint64(len(convs) + 1)
			convs = append(convs, c)
		}
		first := drafted(t, convs)
		rnd.Shuffle(len(convs), func(i, j int) { convs[i], convs[j] = convs[j], convs[i] })
		second := drafted(t, convs)
		if first != second {
			t.Fatalf("seed %d: the draft depends on the order", seed)
		}
		m, b := decoded(t, first)
		table, err := allowlist.Compile(allowlist.Site{Bindings: b, Manifests: []*manifest.Manifest{m}})
		if err != nil {
			t.Fatal(err)
		}
		j := judge.New(table, judge.Config{NoWarmUp: true})
		for _, c := range convs {
			if out := j.Conversation(c); out.Verdict == judge.Unexpected {
				t.Errorf("seed %d: %s to %s %s %v: %v", seed, c.Client, c.Server, c.App, c.Names, out.Rule)
			}
		}
	}
}

func drafted(t *testing.T, convs []*judge.Conversation) [2]string {
	t.Helper()
	l := New(Config{})
	for _, c := range convs {
		l.Conversation(c)
	}
	d := l.Draft()
	m, err := strict.Encode(d.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	b, err := strict.Encode(d.Bindings)
	if err != nil {
		t.Fatal(err)
	}
	return [2]string{string(m), string(b)}
}

func decoded(t *testing.T, texts [2]string) (*manifest.Manifest, *manifest.Bindings) {
	t.Helper()
	m, err := manifest.Decode("manifest.json", []byte(texts[0]))
	if err != nil {
		t.Fatal(err)
	}
	b, err := manifest.DecodeBindings("bindings.json", []byte(texts[1]))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(manifest.Check(m, time.Time{}), manifest.BindingsCheck(b, []*manifest.Manifest{m}, time.Time{})...) {
		t.Error(f)
	}
	return m, b
}

func TestBounded(t *testing.T) {
	l := New(Config{Max: 10})
	for i := range 100 {
		l.Conversation(talk(fmt.Sprintf("10.0.0.%d:4000", i+1), fmt.Sprintf("192.0.2.1:%d", i+1), "tls", fmt.Sprintf("n%d.example", i)))
		l.Lookup(question("10.0.0.1", fmt.Sprintf("q%d.example", i)))
	}
	if len(l.seen) > 10 || len(l.asked) > 10 || len(l.hosts) > 10 || l.Draft().Dropped == 0 {
		t.Errorf("%d things, %d questions, %d hosts, %d dropped", len(l.seen), len(l.asked), len(l.hosts), l.dropped)
	}
}

func TestFoldPorts(t *testing.T) {
	ports := func(list ...uint16) map[uint16]bool {
		m := map[uint16]bool{}
		for _, p := range list {
			m[p] = true
		}
		return m
	}
	many := ports(22)
	for p := range uint16(200) {
		many[2000+2*p] = true
	}
	for _, tt := range []struct {
		ports map[uint16]bool
		want  string
	}{
		{ports(80), "[80]"},
		{ports(80, 81, 83), "[80-81 83]"},
		{ports(135, 49200, 50000), "[135 49200 50000]"},
		{ports(135, 49200, 50000, 60000), "[135 49152-65535]"},
		{many, "[22 1024-65535]"},
	} {
		if got := fmt.Sprint(foldPorts(tt.ports)); got != tt.want {
			t.Errorf("%v, want %s", got, tt.want)
		}
	}
}
