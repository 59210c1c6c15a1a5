package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"netsensor/internal/strict"
)

// vault returns the example manifest's text with old replaced by new once.
func vault(t testing.TB, oldNew ...string) string {
	t.Helper()
	return edited(t, "testdata/acme-vault.json", oldNew...)
}

func edited(t testing.TB, file string, oldNew ...string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i+1 < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("%s does not contain %s", file, oldNew[i])
		}
		text = strings.Replace(text, oldNew[i], oldNew[i+1], 1)
	}
	return text
}

func TestDecode(t *testing.T) {
	m, err := Decode("vault.json", []byte(vault(t,
		`"exact": "telemetry.acme.example"`, `"exact": "Télémetrie.ACME.example."`,
		`"198.51.100.16/28"`, `"::ffff:198.51.100.17/124"`,
		`"method": "DNS"`, `"method": "dns"`)))
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]Communication{}
	for _, e := range m.Communications {
		c[e.ID] = e
	}
	if got := c["telemetry"].To.Names[0].Exact; got != "xn--tlmetrie-b1ab.acme.example" {
		t.Errorf("name %q", got)
	}
	if got := c["telemetry"].To.Names[1].Exact; got != "${tenant}.vault.acme.example" {
		t.Errorf("name %q", got)
	}
	if got := c["support"].To.CIDRs[0].String(); got != "198.51.100.16/28" {
		t.Errorf("cidr %s", got)
	}
	if c["dns"].Method != "DNS" || c["admin-ui"].Ports[0] != (Port{First: 8200, Last: 8201, Pos: c["admin-ui"].Ports[0].Pos}) ||
		c["agents"].Ports[0].Variable != "agent_port" || c["ingest"].To.Names[0].Depth != DepthOne || m.Roles["server"].Cardinality.Max != -1 {
		t.Errorf("%+v", c)
	}
	if got := string(c["agents"].Extensions["x-evidence"]); !strings.HasPrefix(got, `{"flows": 1200`) {
		t.Errorf("extension %s", got)
	}
	if line, column := m.Position(c["dns"].Pos); line != 92 || column != 5 {
		t.Errorf("dns at %d:%d", line, column)
	}
	if !strings.HasPrefix(m.Digest, "sha256:") || len(m.Digest) != 71 {
		t.Errorf("digest %s", m.Digest)
	}
	var ids []string
	for _, n := range m.notes {
		ids = append(ids, n.ID)
	}
	if got := fmt.Sprint(ids); got != "[name-notation host-bits]" {
		t.Errorf("notes %s", got)
	}
}

// manifestFaults are edits of the example that make it wrong. beyond: the schema cannot say it.
var manifestFaults = []struct {
	old, new, want string
	beyond         bool
}{
	{`"manifestVersion": "1.0"`, `"manifestVersion": "2.0"`, `3:22: /manifestVersion: this program understands version "1.0", not "2.0"`, false},
	{`"id": "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11"`, `"id": "vault"`, `4:9: /id: want a URI like "https://acme.example/docs", found "vault"`, false},
	{`"serial": 7`, `"serial": 0`, `5:13: /serial: serials begin with 1`, false},
	{`"serial": 7`, `"serial": "7"`, `5:13: /serial: want an integer, found a string`, false},
	{`"serial": 7`, `"serial": 7, "serial": 8`, `5:16: /serial: duplicate member "serial"`, true},
	{`"serial": 7`, `"serial": 7, "Serial": 8`, `5:16: /Serial: unknown member "Serial"; did you mean "serial"?`, false},
	{`"validity": {`, `"x-validity": {`, `1:1: member "validity" is missing`, false},
	{`"issued": "2026-03-01T00:00:00Z"`, `"issued": "2026-03-01"`, `18:15: /validity/issued: want a time like "2026-03-01T00:00:00Z" (RFC 3339), found "2026-03-01"`, false},
	{`"cardinality": "1..n"`, `"cardinality": "n"`, `26:68: /roles/server/cardinality: want a number of hosts like "1", "0..1" or "1..n", found "n"`, false},
	{`"server": {`, `"ser ver": {`, `26:16: /roles/ser ver: "ser ver" cannot be a name here: letters, digits, ".", "_" and "-", at most 64, the first a letter or a digit`, false},
	{`"agent": {`, `"Server": {`, `27:5: /roles/Server: member "Server" differs from "server" in case only`, true},
	{`"kind": "endpoints"`, `"kind": "endpoint"`, `31:15: /variables/ldap_directory/kind: want "endpoints", "cidrs", "dns-label", "dns-name" or "port", found "endpoint"; did you mean "endpoints"?`, false},
	{`"direction": "outbound"`, `"direction": "out"`, `96:20: /communications/0/direction: want "outbound", "inbound" or "both", found "out"`, false},
	{`"from": {"role": "server"}`, `"from": {}`, `97:15: /communications/0/from: want one of "role", "variable", or "names" and "cidrs"`, false},
	{`"from": {"role": "server"}`, `"from": {"role": "server", "variable": "tenant"}`, `97:15: /communications/0/from: want one of "role", "variable", or "names" and "cidrs"`, false},
	{`"from": {"role": "server"}`, `"from": {"role": ""}`, `97:24: /communications/0/from/role: must not be empty`, false},
	{`"transport": "udp+tcp"`, `"transport": "icmp"`, `100:16: /communications/0/ports: icmp has no ports`, false},
	{`"ports": ["53"]`, `"ports": []`, `92:5: /communications/0: udp+tcp wants "ports"; "1-65535" is all of them`, false},
	{`"ports": ["53"]`, `"ports": [53]`, `100:17: /communications/0/ports/0: want a string, found a number; write it in double quotes`, false},
	{`"ports": ["53"]`, `"ports": ["0"]`, `100:17: /communications/0/ports/0: want a port like "443" or a range like "8200-8201" (1 to 65535), found "0"`, false},
	{`"ports": ["53"]`, `"ports": ["53-52"]`, `100:17: /communications/0/ports/0: the range "53-52" ends before it begins`, true},
	{`"features": ["core"]`, `"features": []`, `102:19: /communications/0/features: name at least one feature`, false},
	{`"features": ["core"]`, `"feature": ["core"]`, `102:7: /communications/0/feature: unknown member "feature"; did you mean "features"?`, false},
	{`{"level": "minimum", "grant": "recursive queries"}`, `{"level": "feature", "grant": "x"}`, `105:22: /communications/0/privileges/0: "feature" is given if and only if "level" is "feature"`, false},
	{`{"exact": "telemetry.acme.example"}`, `{}`, `178:19: /communications/4/to/names/0: want either "exact" or "suffix"`, false},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "*.acme.example"}`, `178:29: /communications/4/to/names/0/exact: "*.acme.example": no wildcards: write {"suffix": "…", "depth": "one" or "any"}`, false},
	{`{"exact": "telemetry.acme.example"}`, `{"suffix": "acme.example"}`, `178:19: /communications/4/to/names/0: "suffix" wants "depth": "one" for exactly one label in front of it, "any" for one or more`, false},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "acme.example", "apex": true}`, `178:19: /communications/4/to/names/0: "apex" belongs to "suffix"`, false},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "192.0.2.1"}`, `178:29: /communications/4/to/names/0/exact: "192.0.2.1": an address, not a name`, true},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "https://acme.example/"}`, `178:29: /communications/4/to/names/0/exact: "https://acme.example/": not a host name: no scheme, port, path or space`, false},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "-a.example"}`, `178:29: /communications/4/to/names/0/exact: "-a.example": a label that begins or ends with a hyphen`, true},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "$tenant.acme.example"}`, `178:29: /communications/4/to/names/0/exact: "$tenant.acme.example": "$" without braces; a variable is written ${name}`, true},
	{`{"exact": "telemetry.acme.example"}`, `{"exact": "a\u0000.example"}`, `178:29: /communications/4/to/names/0/exact: "a\x00.example": letters, digits, hyphens and underscores only`, true},
	{`"hosting": "shared-cdn"`, `"hosting": "shared"`, `179:20: /communications/4/to/hosting: want "dedicated", "shared-cdn" or "cloud", found "shared"`, false},
	{`"198.51.100.16/28"`, `"198.51.100.16/33"`, `232:19: /communications/6/to/cidrs/0: want an address range like "192.0.2.0/24" or "2001:db8::/32", found "198.51.100.16/33"`, false},
	{`"minVersion": "1.3"`, `"minVersion": "1.4"`, `118:29: /communications/1/tls/minVersion: want "1.0", "1.1", "1.2" or "1.3", found "1.4"; did you mean "1.0"?`, false},
	{`"seconds": 300`, `"seconds": 0`, `196:88: /communications/4/bounds/period/seconds: must be at least 1`, false},
	{`SHA256:4ThOviMhsxqNK71G`, `MD5:4ThOviMhsxqNK71G`, `239:27: /communications/6/ssh/hostKeySha256/0: want "SHA256:" and 43 characters of base64 as ssh-keygen -l prints them, found "MD5:4ThOviMhsxqNK71G/F9O1I/G65N8CHo9h43lYslqO1g"`, false},
	{`"fingerprint": "0123456789ABCDEF`, `"fingerprint": "0123 4567 89AB CDEF`, `322:22: /signers/1/fingerprint: want 40 or 64 upper-case hexadecimal digits without spaces, found "0123 4567 89AB CDEF0123456789ABCDEF01234567"`, false},
	{`"sha256": "9f86`, `"sha256": "9F86`, `332:28: /artifacts/0/hashes/sha256: want 64 lower-case hexadecimal digits, found "9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`, false},
}

func TestManifestFaults(t *testing.T) {
	schema, err := compileSchema(Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range manifestFaults {
		text := vault(t, test.old, test.new)
		_, err := Decode("vault.json", []byte(text))
		var list strict.Errors
		if !errors.As(err, &list) || !contains(err.Error(), "vault.json:"+test.want) {
			t.Errorf("%s\n got %v\nwant %s", test.new, err, test.want)
		}
		if refused := schema.Validate(parsed(t, text)) != nil; refused == test.beyond {
			t.Errorf("%s: refused by the schema: %t", test.new, refused)
		}
	}
}

func contains(lines, line string) bool {
	for l := range strings.SplitSeq(lines, "\n") {
		if l == line {
			return true
		}
	}
	return false
}

// bindingsFaults are edits of the example bindings (YAML) that make them wrong.
var bindingsFaults = []struct{ old, new, want string }{
	{`bindingsVersion: "1.0"`, `bindingsVersion: 2.0`, `2:18: /bindingsVersion: this program understands version "1.0", not "2.0"`},
	{`site: riverside`, `sight: riverside`, `3:1: /sight: unknown member "sight"`},
	{`site: riverside`, `site:`, `3:6: /site: want a string, found null; leave the member out instead`},
	{`10.0.0.0/8`, `10.0.0.0/8.`, `4:16: /homeNetworks/0: want an address range like "192.0.2.0/24" or "2001:db8::/32", found "10.0.0.0/8."`},
	{`  - endpoints: [10.20.9.9]`, `  - endpoints: []`, `6:16: /egressProxies/0/endpoints: name at least one endpoint`},
	{`ports: [3128]`, `ports: ["${p}"]`, `7:13: /egressProxies/0/ports/0: want a port or a range, found a variable`},
	{`manifest:`, `x-manifest:`, `2:1: member "manifest" is missing`},
	{`minSerial: 7`, `minSerial: -7`, `12:14: /manifest/minSerial: -7 is out of range: 0 to 18446744073709551615`},
	{`site: riverside`, "site: riverside\nproducts: []", `2:1: either "products" or one product's members, not both`},
	{`10.20.4.16/30`, `10.20.4.16-10.20.4.9`, `22:17: /roles/server/endpoints/0: the range "10.20.4.16-10.20.4.9" ends before it begins`},
	{`10.20.4.16/30`, `vault.example`, `22:17: /roles/server/endpoints/0: want an address, a CIDR, a range, "mac:…", "dhcp:…" or "dns:…", found "vault.example"`},
	{`mac:00:00:5e:00:53:01`, `mac:00:00:5e:00:53`, `25:39: /roles/agent/endpoints/1: want a hardware address like "mac:00:00:5e:00:53:01", found "mac:00:00:5e:00:53"`},
	{`vlans: [120]`, `vlans: [4095]`, `23:13: /roles/server/vlans/0: want a VLAN from 1 to 4094, found 4095`},
	{`dns_resolvers: [10.20.0.53]`, `dns_resolvers: []`, `29:18: /variables/dns_resolvers: an empty list; leave the variable out`},
	{`ldap-auth: on`, `ldap-auth: yes`, `35:14: /features/ldap-auth: want "on" or "off", found "yes"`},
	{`from: {role: server}`, `from: {}`, `40:11: /exceptions/0/from: want one of "role", "variable", or "endpoints" and "names"`},
	{`reason: all`, `raison: all`, `44:5: /exceptions/0/raison: unknown member "raison"; did you mean "reason"?`},
	{`mode: audit`, `mode: block`, `49:9: /policy/mode: want "audit" or "enforce", found "block"`},
}

func TestBindingsFaults(t *testing.T) {
	for _, test := range bindingsFaults {
		text := edited(t, "testdata/bindings.yaml", test.old, test.new)
		_, err := DecodeBindings("site.yaml", []byte(text))
		var list strict.Errors
		if !errors.As(err, &list) || !contains(err.Error(), "site.yaml:"+test.want) {
			t.Errorf("%s\n got %v\nwant %s", test.new, err, test.want)
		}
	}
}

func loadBindings(t testing.TB, oldNew ...string) *Bindings {
	t.Helper()
	b, err := DecodeBindings("site.yaml", []byte(edited(t, "testdata/bindings.yaml", oldNew...)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeBindings(t *testing.T) {
	b := loadBindings(t)
	if b.Manifest != nil || b.Roles != nil || len(b.Products) != 1 || len(b.Exceptions) != 0 {
		t.Fatalf("%+v", b)
	}
	p := b.Products[0]
	if p.InstalledVersion != "8.2.4" || p.Roles["agent"].Endpoints[1].Text != "00:00:5e:00:53:01" || len(p.Exceptions) != 1 ||
		p.Exceptions[0].Ports[0].First != 514 || p.Features["telemetry"].On || p.Variables["agent_port"].Items[0].Text != "8300" ||
		*p.Policy.WarmupSeconds != 600 || *p.Policy.FoldSeconds != 3600 || p.Policy.Undecidable != UndecidableLog {
		t.Errorf("%+v", p)
	}
	if line, _ := b.Position(p.Exceptions[0].Pos); line != 39 {
		t.Errorf("exception at line %d", line)
	}

	out, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeBindings("again.json", out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if twice, _ := again.Encode(); string(twice) != string(out) {
		t.Errorf("encoding is not stable:\n%s\n%s", out, twice)
	}
	if again.Products[0].pointer != "/products/0" {
		t.Errorf("pointer %q", again.Products[0].pointer)
	}
}

func TestEncode(t *testing.T) {
	m, err := Load("testdata/acme-vault.json")
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode("again.json", out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if twice, _ := again.Encode(); string(twice) != string(out) {
		t.Errorf("encoding is not stable:\n%s\n%s", out, twice)
	}
	if !reflect.DeepEqual(again.Features["ldap-group-sync"].Requires, m.Features["ldap-group-sync"].Requires) || len(again.Communications) != len(m.Communications) {
		t.Error("something is lost")
	}
}

func TestLoadAll(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	b := write("b.json", vault(t))
	write("a.json", vault(t, `"serial": 7`, `"serial": 8`))
	write("c.txt", "not looked at")
	all, err := LoadAll([]string{b, dir})
	if err != nil || len(all) != 2 || all[0].Serial != 8 {
		t.Fatalf("%v, %v", all, err)
	}
	ref := ManifestRef{ID: all[0].ID}
	if ref.Select(all).Serial != 8 {
		t.Error("not the highest serial")
	}
	other := write("d.json", vault(t, `"Acme Vault"`, `"Acme Fault"`))
	want := other + `: serial 7 of "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11" differs from the same serial in ` + b
	if _, err := LoadAll([]string{dir}); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if _, err := LoadAll([]string{filepath.Join(dir, "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := LoadAll([]string{t.TempDir()}); err == nil {
		t.Error("an empty directory is accepted")
	}
}

func TestNormalName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for in, want := range map[string]string{
		"api.acme.example": "api.acme.example", "API.Acme.example.": "api.acme.example", "_dmarc.acme.example": "_dmarc.acme.example",
		"r3---sn-4g5e.acme.example": "r3---sn-4g5e.acme.example", "bücher.example": "xn--bcher-kva.example", "XN--BCHER-kva.example": "xn--bcher-kva.example",
		"localhost": "localhost", "a。example": "a.example", long + ".example": long + ".example", "faß.example": "xn--fa-hia.example",
		"": "", ".": "", "a..b": "", ".a": "", "*.a": "", "a_b-": "", "-a": "", "10.0.0.1": "", "a.1": "", long + "a.example": "",
		strings.Repeat("a.", 130) + "example": "", "xn--a.example": "", "a b": "", "a\u0000": "", "::1": "", "аcme.example:80": "", "xn--.example": "",
	} {
		got, err := NormalName(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
		if err == nil && !strings.Contains(got, "xn--") && !isNormal(got) {
			t.Errorf("%q is not normal", got)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.5-10.0.0.9":                          "[10.0.0.5/32 10.0.0.6/31 10.0.0.8/31]",
		"0.0.0.0-255.255.255.255":                    "[0.0.0.0/0]",
		"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "[::/0]",
		"255.255.255.255":                            "[255.255.255.255/32]",
		"2001:db8::/126":                             "[2001:db8::/126]",
		"10.0.0.7/24":                                "[10.0.0.0/24]",
	} {
		e, err := ParseEndpoint(in)
		if got := fmt.Sprint(e.Prefixes()); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(vault(f))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Decode("f", []byte(text))
		if err != nil {
			return
		}
		out, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode("f", out); err != nil {
			t.Fatalf("its encoding is refused: %v\n%s", err, out)
		}
	})
}

func FuzzBindings(f *testing.F) {
	f.Add(edited(f, "testdata/bindings.yaml"))
	f.Fuzz(func(t *testing.T, text string) {
		b, err := DecodeBindings("f.yaml", []byte(text))
		if err != nil {
			return
		}
		out, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeBindings("f.json", out); err != nil {
			t.Fatalf("its encoding is refused: %v\n%s", err, out)
		}
	})
}

func FuzzNormalName(f *testing.F) {
	f.Add("API.Acme.example.")
	f.Add("bücher.${tenant}.example")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := NormalName(s)
		if err != nil {
			return
		}
		if again, err := NormalName(n); err != nil || again != n {
			t.Fatalf("%q is normal as %q, but that as %q, %v", s, n, again, err)
		}
		if got, err := normalTemplate(n); err != nil || got != n {
			t.Fatalf("as a template %q, %v", got, err)
		}
	})
}

func manyNames(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"manifestVersion": "1.0", "id": "urn:x:y", "serial": 1, "publisher": {"name": "A", "domain": "acme.example"},
"product": {"name": "P"}, "validity": {}, "roles": {"r": {}}, "communications": [{"id": "c", "party": "third-party",
"direction": "outbound", "from": {"role": "r"}, "transport": "tcp", "ports": ["443"], "features": ["core"], "reason": "x", "to": {"names": [`)
	for i := range n {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"exact": "host-%d.region-%d.acme.example"}`, i, i%37)
	}
	b.WriteString("]}}]}")
	return []byte(b.String())
}

func BenchmarkDecode100kNames(b *testing.B) {
	text := manyNames(100_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode("x", text); err != nil {
			b.Fatal(err)
		}
	}
}
