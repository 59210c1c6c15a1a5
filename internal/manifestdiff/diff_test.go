package manifestdiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"netsensor/internal/manifest"
)

const base = `{"manifestVersion":"1.0","id":"urn:uuid:11111111-2222-4333-8444-555555555555","serial":1,
"publisher":{"name":"Example Ltd","domain":"example.com"},"product":{"name":"Example"},
"validity":{"notAfter":"2030-01-01T00:00:00Z"},
"roles":{"server":{"cardinality":"1..n"},"agent":{}},
"variables":{"ldap":{"kind":"endpoints","required":true},"port":{"kind":"port","default":"8300"}},
"features":{"core":{"default":"on","required":true},"extra":{"default":"off"},"stats":{"default":"on"}},
"communications":[
{"id":"api","party":"third-party","operator":"Example Ltd","direction":"outbound","from":{"role":"server"},
 "to":{"names":[{"exact":"api.example.com"},{"suffix":"cdn.example.com","depth":"any"}],"cidrs":["192.0.2.0/24"],"hosting":"cloud"},
 "transport":"tcp","ports":["443","8000-8010"],"method":"TLS","tls":{"minVersion":"1.2","sni":"required","alpn":["h2"]},
 "features":["core"],"reason":"the API","bounds":{"bytesOutPerDay":1000},"references":["https://example.com/docs"]},
{"id":"ldap","party":"customer","systemType":"ldap-directory","direction":"outbound","from":{"role":"server"},"to":{"variable":"ldap"},
 "transport":"tcp","ports":["636"],"method":"LDAPS","features":["extra"],"reason":"users","privileges":[{"level":"minimum","grant":"read uid"}]}],
"commands":[{"id":"tar","exec":"/usr/bin/tar","args":["-czf","*"],"runAs":"ex","features":["core"]}],
"accounts":[{"id":"admin","name":"admin","realm":"product","lifecycle":"first-boot-only","mustChange":true}],
"signers":[{"id":"gpg","kind":"openpgp","fingerprint":"0123456789ABCDEF0123456789ABCDEF01234567"}],
"artifacts":[{"name":"a.deb","hashes":{"sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},"signer":"gpg"}]}`

func decode(t testing.TB, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Decode("m.json", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m
}

// edit replaces one text of base by another.
func edit(t testing.TB, from, to string) *manifest.Manifest {
	t.Helper()
	if strings.Count(base, from) != 1 {
		t.Fatalf("%q is %d times in the manifest", from, strings.Count(base, from))
	}
	return decode(t, strings.Replace(base, from, to, 1))
}

// Each case is one change; there and back, with what it means in both directions.
func TestCompare(t *testing.T) {
	const w, n, o = Widens, Narrows, Neutral
	a := decode(t, base)
	for _, c := range []struct {
		from, to    string
		there, back Effect
		says        string // part of the line there
	}{
		{`"serial":1`, `"serial":2`, o, o, ""},
		{`{"exact":"api.example.com"}`, `{"exact":"api.example.com"},{"exact":"new.example.com"}`, w, n, "api: reaches also: new.example.com"},
		{`{"suffix":"cdn.example.com","depth":"any"}`, `{"suffix":"cdn.example.com","depth":"one"}`, n, w, "no longer: everything below cdn.example.com"},
		{`{"suffix":"cdn.example.com","depth":"any"}`, `{"suffix":"cdn.example.com","depth":"any","apex":true}`, w, n, "cdn.example.com and everything below"},
		{`"cidrs":["192.0.2.0/24"]`, `"cidrs":["192.0.2.0/23"]`, w, n, "192.0.2.0/23"},
		{`"cidrs":["192.0.2.0/24"]`, `"cidrs":["192.0.2.0/25"]`, n, w, "no longer: 192.0.2.0/24"},
		{`"hosting":"cloud"`, `"hosting":"dedicated"`, w, n, "by itself"},
		{`"hosting":"cloud"`, `"hosting":"shared-cdn"`, o, o, "hosting is now shared-cdn"},
		{`"8000-8010"`, `"8000-8011"`, w, n, "ports also: 8000-8011"},
		{`"8000-8010"`, `"${port}"`, w, w, "ports also: ${port}"},
		{`"method":"TLS",`, ``, w, n, "method may be anything (was TLS)"},
		{`"method":"TLS"`, `"method":"HTTP"`, w, w, "method is now HTTP (was TLS)"},
		{`"minVersion":"1.2"`, `"minVersion":"1.1"`, w, n, "TLS 1.1 suffices (was at least 1.2)"},
		{`"sni":"required"`, `"sni":"optional"`, w, n, "server name in the ClientHello may be anything"},
		{`"alpn":["h2"]`, `"alpn":["h2","h3"]`, w, n, "ALPN also: h3"},
		{`,"alpn":["h2"]`, ``, w, n, "ALPN may be anything"},
		{`"features":["core"],"reason":"the API"`, `"features":["core","extra"],"reason":"the API"`, w, n, "while one of these features is on also: extra"},
		{`{"bytesOutPerDay":1000}`, `{"bytesOutPerDay":2000}`, w, n, "up to 2000 bytes out a day (was 1000)"},
		{`"bounds":{"bytesOutPerDay":1000},`, ``, w, n, "any number of bytes out a day"},
		{`"party":"third-party","operator":"Example Ltd","direction":"outbound"`, `"party":"third-party","operator":"Example Ltd","direction":"both"`, w, n, "direction is now both (was outbound)"},
		{`"to":{"variable":"ldap"}`, `"to":{"role":"agent"}`, w, w, "reaches role agent instead of the site's ldap (ldap-directory)"},
		{`"grant":"read uid"`, `"grant":"read uid and mail"`, w, w, "rights on the site's system also: read uid and mail"},
		{`"reason":"the API"`, `"reason":"the new API"`, o, o, "reason is now the new API"},
		{`"transport":"tcp","ports":["636"]`, `"transport":"udp+tcp","ports":["636"]`, w, n, "over udp+tcp (was tcp)"},
		{`"id":"api"`, `"id":"main-api"`, o, o, "within what api declared"},
		{`"stats":{"default":"on"}`, `"stats":{"default":"off"}`, n, w, "stats: off by default (was on by default)"},
		{`"stats":{"default":"on"}`, `"stats":{"default":"on","required":true}`, w, n, "always on"},
		{`"stats":{"default":"on"}`, `"stats":{"default":"on","requires":["extra"]}`, w, n, "turns on also: extra"},
		{`,"stats":{"default":"on"}`, ``, o, o, "feature gone (was on by default)"},
		{`"args":["-czf","*"]`, `"args":["-xzf","*"]`, w, w, "arguments is now"},
		{`"args":["-czf","*"],`, ``, w, n, "arguments may be anything"},
		{`"runAs":"ex"`, `"runAs":"root"`, w, w, "user is now root (was ex)"},
		{`"lifecycle":"first-boot-only"`, `"lifecycle":"permanent"`, w, n, "lives permanent (was first-boot-only)"},
		{`"mustChange":true`, `"mustChange":false`, w, n, "need not be changed"},
		{`"fingerprint":"0123`, `"fingerprint":"1123`, w, w, "fingerprint is now 1123"},
		{`{"name":"a.deb"`, `{"name":"b.deb","hashes":{"sha256":"af86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},"signer":"gpg"},{"name":"a.deb"`, o, n, "new files of signers that were declared before: b.deb"},
		{`{"name":"a.deb"`, `{"name":"b.deb","hashes":{"sha256":"af86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},{"name":"a.deb"`, w, n, "without a signer"},
		{`"default":"8300"`, `"default":"22"`, w, w, "stands for 22 unless the site binds it (was 8300)"},
		{`"cardinality":"1..n"`, `"cardinality":"1"`, o, o, "number of hosts is now 1 (was 1..n)"},
		{`2030-01-01`, `2031-01-01`, o, o, "valid to is now 2031"},
	} {
		b := edit(t, c.from, c.to)
		there, back := Compare(a, b), Compare(b, a)
		if strings.HasPrefix(c.from, `"serial"`) {
			if len(there.Changes) != 0 || there.New.Serial != 2 || !strings.Contains(text(t, back), "older") {
				t.Errorf("serials: %+v, %+v", there, back)
			}
			continue
		}
		if worst(there) != c.there || !strings.Contains(text(t, there), c.says) {
			t.Errorf("%s -> %s: want %s, %q:\n%s", c.from, c.to, c.there, c.says, text(t, there))
		}
		if worst(back) != c.back {
			t.Errorf("%s -> %s: want %s:\n%s", c.to, c.from, c.back, text(t, back))
		}
	}
	if d := Compare(a, decode(t, base)); len(d.Changes) != 0 || !strings.Contains(text(t, d), "no difference") {
		t.Errorf("the same: %s", text(t, d))
	}
}

func worst(d *Diff) Effect {
	switch {
	case d.Widens > 0:
		return Widens
	case d.Narrows > 0:
		return Narrows
	}
	return Neutral
}

func text(t testing.TB, d *Diff) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWholeEntries(t *testing.T) {
	a, b := decode(t, base), decode(t, base)
	b.Communications = b.Communications[:1]
	b.Commands, b.Accounts, b.Signers, b.Roles = nil, nil, nil, map[string]manifest.Role{"server": b.Roles["server"]}
	there, back := text(t, Compare(a, b)), text(t, Compare(b, a))
	for _, want := range []string{
		"- narrows  ldap: gone: role server may reach the site's ldap (ldap-directory) over tcp 636 by LDAPS\n",
		"- narrows  tar: gone: runs /usr/bin/tar -czf * as ex\n", "- narrows  admin: default account gone: admin (product), first-boot-only\n",
		"- narrows  gpg: signer gone: openpgp 0123", "  agent: role gone\n", "0 widen, 4 narrow, 1 other\n",
	} {
		if !strings.Contains(there, want) {
			t.Errorf("no %q in\n%s", want, there)
		}
	}
	for _, want := range []string{
		"+ widens   ldap: new: role server may reach the site's ldap (ldap-directory) over tcp 636 by LDAPS\n" +
			"               feature extra (off by default)\n               reason: users\n",
		"+ widens   tar: new: runs", "+ widens   admin: new default account admin", "4 widen, 0 narrow, 1 other\n",
	} {
		if !strings.Contains(back, want) {
			t.Errorf("no %q in\n%s", want, back)
		}
	}
}

// Splitting an entry in two is no widening: each half is within what was declared.
func TestSplit(t *testing.T) {
	b := decode(t, base)
	half := b.Communications[0]
	half.ID = "cdn"
	half.To.Names, half.To.CIDRs = half.To.Names[1:], nil
	b.Communications[0].To.Names = b.Communications[0].To.Names[:1]
	b.Communications = append(b.Communications, half)
	if d := Compare(decode(t, base), b); d.Widens != 0 {
		t.Errorf("%s", text(t, d))
	}
}

func TestNames(t *testing.T) {
	exact := func(s string) manifest.Name { return manifest.Name{Exact: s} }
	suffix := func(s string, d manifest.Depth, apex bool) manifest.Name {
		return manifest.Name{Suffix: s, Depth: d, Apex: apex}
	}
	one, any := manifest.DepthOne, manifest.DepthAny
	for _, c := range []struct {
		set  []manifest.Name
		name manifest.Name
		want bool
	}{
		{[]manifest.Name{exact("a.b")}, exact("a.b"), true},
		{[]manifest.Name{exact("a.b")}, exact("x.a.b"), false},
		{[]manifest.Name{suffix("b", one, false)}, exact("a.b"), true},
		{[]manifest.Name{suffix("b", one, false)}, exact("b"), false},
		{[]manifest.Name{suffix("b", one, true)}, exact("b"), true},
		{[]manifest.Name{suffix("b", one, false)}, exact("x.a.b"), false},
		{[]manifest.Name{suffix("b", any, false)}, exact("x.a.b"), true},
		{[]manifest.Name{suffix("b", any, false)}, exact("ab"), false},
		{[]manifest.Name{suffix("b", any, false)}, suffix("b", one, false), true},
		{[]manifest.Name{suffix("b", any, false)}, suffix("a.b", any, true), true},
		{[]manifest.Name{suffix("b", one, false)}, suffix("a.b", one, false), false},
		{[]manifest.Name{suffix("b", one, false), exact("b")}, suffix("b", one, true), true},
		{[]manifest.Name{suffix("b", one, false)}, exact("${t}.b"), false},
		{[]manifest.Name{suffix("b", any, false)}, exact("${t}.b"), true},
		{[]manifest.Name{exact("${t}.b")}, exact("${t}.b"), true},
		{[]manifest.Name{exact("${t}.b")}, exact("a.b"), false},
		{nil, exact("a"), false},
	} {
		if newNameSet(c.set).covers(&c.name) != c.want {
			t.Errorf("%+v covers %+v: want %t", c.set, c.name, c.want)
		}
	}
}

// Address sets agree with looking at every address of a small network, split prefixes included.
func TestAddressesAgainstEveryAddress(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var list []manifest.CIDR
		var has [256]bool
		for range 1 + r.IntN(6) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(256))}), 24+r.IntN(9)).Masked()
			list = append(list, manifest.CIDR{Prefix: p})
			for i := range has {
				has[i] = has[i] || p.Contains(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
			}
		}
		q := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(256))}), 24+r.IntN(9)).Masked()
		want := true
		for i := range has {
			want = want && (has[i] || !q.Contains(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})))
		}
		if newAddrSet(list).covers(q) != want {
			t.Fatalf("%v covers %v: want %t", list, q, want)
		}
	}
	all := []manifest.CIDR{{Prefix: netip.MustParsePrefix("0.0.0.0/0")}, {Prefix: netip.MustParsePrefix("::/0")}}
	if s := newAddrSet(all); !s.covers(netip.MustParsePrefix("255.255.255.255/32")) || !s.covers(netip.MustParsePrefix("2001:db8::/32")) || len(s) != 2 {
		t.Errorf("everything: %v", s)
	}
}

func TestPorts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func() manifest.Port {
		first := 1 + r.IntN(30)
		return manifest.Port{First: uint16(first), Last: uint16(first + r.IntN(8))}
	}
	for range 2000 {
		var list []manifest.Port
		var has [64]bool
		for range 1 + r.IntN(5) {
			p := draw()
			list = append(list, p)
			for i := p.First; i <= p.Last; i++ {
				has[i] = true
			}
		}
		q, want := draw(), true
		for i := q.First; i <= q.Last; i++ {
			want = want && has[i]
		}
		if newPortSet(list).covers(q) != want {
			t.Fatalf("%v covers %v: want %t", list, q, want)
		}
	}
	all := []manifest.Port{{First: 1, Last: 65535}, {First: 65535, Last: 65535}, {Variable: "p"}}
	if rest := newPortSet(all).uncovered([]manifest.Port{{First: 65535, Last: 65535}, {Variable: "p"}, {Variable: "q"}}); len(rest) != 1 || rest[0] != "${q}" {
		t.Errorf("all ports and a variable leave %v", rest)
	}
}

// What a manifest says is no command for a terminal and no markup for a page.
func TestHostileText(t *testing.T) {
	b := edit(t, `"reason":"the API"`, `"reason":"\u001b[2J\u202e<img src=x> [a](b) @everyone\nx"`)
	d := Compare(decode(t, base), b)
	var md, js bytes.Buffer
	if err := d.WriteMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteJSON(&js); err != nil || !json.Valid(js.Bytes()) {
		t.Fatalf("%v: %s", err, &js)
	}
	if s := text(t, d); strings.ContainsAny(s, "\x1b\u202e") || strings.Contains(s, "\nx") {
		t.Errorf("text: %q", s)
	}
	if s := md.String(); strings.ContainsAny(s, "\x1b\u202e@") || strings.Contains(s, " <img") || strings.Contains(s, " [a]") {
		t.Errorf("Markdown: %q", s)
	}
}

func BenchmarkCompare(b *testing.B) {
	x, y := decode(b, base), decode(b, base)
	for i := range 100000 {
		x.Communications[0].To.Names = append(x.Communications[0].To.Names, manifest.Name{Exact: fmt.Sprintf("h%d.example.com", i)})
		y.Communications[0].To.Names = append(y.Communications[0].To.Names, manifest.Name{Exact: fmt.Sprintf("h%d.example.com", i+5)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if Compare(x, y).Widens != 1 {
			b.Fatal("want one widening")
		}
	}
}
