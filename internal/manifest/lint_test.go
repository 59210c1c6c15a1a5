package manifest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// covered are the rules that the tables below have shown to work.
var covered = map[string]bool{}

// wantFinding reports whether found has one with this id whose text begins so, after "severity: ".
func wantFinding(t *testing.T, edit, id, want string, found []Finding) {
	t.Helper()
	covered[id] = true
	for _, f := range found {
		if text := fmt.Sprintf("%s: %s", f.Pointer, f.Message); f.ID == id && strings.HasPrefix(text, want) {
			if f.Line == 0 || f.Column == 0 || f.File == "" || f.Severity != ruleSeverity(id) {
				t.Errorf("%s: %s has no place, or the wrong severity", edit, f)
			}
			return
		}
	}
	t.Errorf("%s\nwant %s [%s], got", edit, want, id)
	for _, f := range found {
		t.Log(f)
	}
}

var lintCases = []struct{ id, old, new, want string }{
	{"unknown-feature", `"features": ["telemetry"]`, `"features": ["telemtry"]`, `/communications/4/features/0: the manifest has no feature "telemtry"; did you mean "telemetry"?`},
	{"unknown-feature", `"features": ["backup"]`, `"features": ["backups"]`, `/commands/0/features/0: the manifest has no feature "backups"`},
	{"unknown-feature", `"feature": "ldap-group-sync"`, `"feature": "x"`, `/communications/3/privileges/1/feature: the manifest has no feature "x"`},
	{"unknown-role", `"from": {"role": "server"}`, `"from": {"role": "servers"}`, `/communications/0/from/role: the manifest has no role "servers"`},
	{"unknown-role", `"role": "server",
      "protocols"`, `"role": "x",
      "protocols"`, `/accounts/0/role: the manifest has no role "x"`},
	{"unknown-variable", `"to": {"variable": "dns_resolvers"}`, `"to": {"variable": "dns"}`, `/communications/0/to/variable: the manifest has no variable "dns"`},
	{"unknown-variable", `${tenant}`, `${tennant}`, `/communications/4/to/names/1: the manifest has no variable "tennant"; did you mean "tenant"?`},
	{"unknown-variable", `${agent_port}`, `${port}`, `/communications/7/ports/0: the manifest has no variable "port"`},
	{"unknown-signer-id", `"signer": "apt"`, `"signer": "apk"`, `/artifacts/0/signer: the manifest has no signer "apk"; did you mean "apt"?`},
	{"unknown-method", `"method": "LDAPS"`, `"method": "LDAPX"`, `/communications/3/method: the method "LDAPX" is not known; did you mean "LDAP"?`},
	{"duplicate-id", `"id": "raft"`, `"id": "dns"`, `/communications/1/id: "dns" is the id of entry 0 already`},
	{"feature-cycle", `"default": "off",
      "docs": "https://docs.acme.example/vault/8.2/ldap"`, `"default": "off", "requires": ["ldap-group-sync"],
      "docs": "https://docs.acme.example/vault/8.2/ldap"`, `/features/ldap-group-sync/requires/0: ldap-auth → ldap-group-sync → ldap-auth require each other`},
	{"wrong-kind", `"to": {"variable": "dns_resolvers"}`, `"to": {"variable": "tenant"}`, `/communications/0/to/variable: the variable "tenant" is of kind "dns-label"; here it must be "endpoints", "cidrs" or "dns-name"`},
	{"wrong-kind", `"kind": "endpoints"`, `"default": "10.0.0.1", "kind": "endpoints"`, `/variables/ldap_directory/default: the vendor cannot know the customer's endpoints`},
	{"wrong-kind", `"default": "8300"`, `"default": "x"`, `/variables/agent_port/default: want a port`},
	{"bad-pattern", `^[a-z0-9-]{3,40}$`, `(`, `/variables/tenant/pattern: "(": missing closing )`},
	{"direction", `"direction": "inbound"`, `"direction": "outbound"`, `/communications/2/from: an outbound communication begins at a role`},
	{"direction", `"direction": "outbound"`, `"direction": "inbound"`, `/communications/0/to: an inbound`},
	{"any-address", `"198.51.100.16/28"`, `"0.0.0.0/0"`, `/communications/6/to/cidrs/0: 0.0.0.0/0 is every address there is`},
	{"any-address", `"2001:db8:40::/48"`, `"2000::/3"`, `/communications/6/to/cidrs/1: 2000::/3 is one in 8 of all addresses`},
	{"any-address", `"198.51.100.16/28"`, manySlash8(), `/communications/6/to/cidrs: together they cover 16% of the addresses`},
	{"public-suffix", `"suffix": "ingest.acme.example"`, `"suffix": "co.uk"`, `/communications/5/to/names/0: anybody can register names under "co.uk"`},
	{"public-suffix", `"suffix": "ingest.acme.example"`, `"suffix": "example"`, `/communications/5/to/names/0: anybody`},
	{"impossible-constraint", `"method": "DNS"`, `"method": "DNS", "tls": {}`, `/communications/0/tls: DNS does not use TLS`},
	{"impossible-constraint", `"method": "SSH"`, `"method": "SMB"`, `/communications/6/ssh: SMB does not use SSH`},
	{"impossible-constraint", `"method": "DNS"`, `"method": "ICMP"`, `/communications/0/transport: ICMP does not run over udp+tcp`},
	{"signer-incomplete", `"kind": "openpgp"`, `"kind": "cosign"`, `/signers/1: the cosign signer "apt" wants "identity" and "issuer", or "spkiSha256"`},
	{"validity-order", `"notAfter": "2036`, `"notAfter": "2016`, `/validity/notAfter: ends on 2016-03-01, before it begins on 2026-03-01`},

	{"host-bits", `"198.51.100.16/28"`, `"198.51.100.17/28"`, `/communications/6/to/cidrs/0: 198.51.100.17/28 has bits beyond its length; it is taken as 198.51.100.16/28`},
	{"expired", `"notAfter": "2036-03`, `"notAfter": "2026-09`, `/validity/notAfter: expired on 2026-09-01`},
	{"not-yet-valid", `"notBefore": "2026-03`, `"notBefore": "2026-12`, `/validity/notBefore: holds only from 2026-12-01 on`},
	{"missing-expiry", `"notAfter": "2036`, `"x-notAfter": "2036`, `/validity: no expiry`},
	{"unsupported-product", `"supported": true`, `"supported": false`, `/validity/supported: the vendor no longer maintains "Acme Vault"`},
	{"feature-without-docs", `"docs": "https://docs.acme.example/vault/8.2/backup"`, `"x-docs": ""`, `/features/backup: the optional feature "backup"`},
	{"requires-off", `"default": "off",
      "requires"`, `"default": "on",
      "requires"`, `/features/ldap-group-sync/requires/0: "ldap-group-sync" is on by default but requires "ldap-auth", which is off`},
	{"multi-tenant-suffix", `"suffix": "ingest.acme.example"`, `"suffix": "cloudfront.net"`, `/communications/5/to/names/0: "cloudfront.net" gives names to anybody`},
	{"multi-tenant-suffix", `"suffix": "ingest.acme.example"`, `"suffix": "windows.net"`, `/communications/5/to/names/0: "windows.net" covers "blob.core.windows.net", which`},
	{"wide-cidr", `"198.51.100.16/28"`, `"17.0.0.0/8"`, `/communications/6/to/cidrs/0: 17.0.0.0/8 is one in 256 of all addresses`},
	{"shared-hosting-address", `"cidrs": []`, `"cidrs": ["192.0.2.1"]`, `/communications/4/to/cidrs: addresses prove nothing where the hosting is "shared-cdn"`},
	{"address-only", `"names": [{"exact": "support.acme.example"}]`, `"names": []`, `/communications/6/to/cidrs: a third party known by its addresses only`},
	{"shadowed-entry", `{"exact": "telemetry.acme.example"}`, `{"exact": "telemetry.acme.example"}, {"suffix": "acme.example", "depth": "any"}`, `/communications/4/to/names/0: telemetry.acme.example is covered by acme.example of the same entry`},
	{"shadowed-entry", `{"exact": "telemetry.acme.example"}`, `{"exact": "eu.ingest.acme.example"}`, `/communications/4/to/names/0: eu.ingest.acme.example is covered by ingest.acme.example of the entry "ingest": its traffic is taken as either`},
	{"shadowed-entry", `"198.51.100.16/28"`, `"198.51.100.0/24", "198.51.100.16/28"`, `/communications/6/to/cidrs/1: 198.51.100.16/28 is covered by 198.51.100.0/24`},
	{"doh-fallback", `"exact": "telemetry.acme.example"`, `"exact": "dns.google"`, `/communications/4/to/names/0: dns.google is a public encrypted resolver`},
	{"method-port", `"ports": ["636"]`, `"ports": ["389"]`, `/communications/3/ports/0: LDAPS on port 389, which is known for LDAP`},
	{"method-transport", `"method": "DNS"`, `"method": "NTP"`, ``},
	{"any-transport", "\"udp+tcp\",\n      \"ports\": [\"53\"]", `"any"`, `/communications/0/transport: every protocol on every port is expected`},
	{"weak-tls", `"minVersion": "1.2"`, `"minVersion": "1.0"`, `/communications/2/tls/minVersion: TLS 1.0 is accepted`},
	{"missing-operator", `"operator": "Acme Inc"`, `"x-operator": 1`, `/communications/4: a third party without its operator`},
	{"broad-command", `"exec": "/usr/bin/tar"`, `"exec": "tar"`, `/commands/0/exec: "tar" is not an absolute path`},
	{"broad-command", `"exec": "/usr/bin/tar"`, `"exec": "/usr/bin/*"`, `/commands/0/exec: "/usr/bin/*" covers every program there`},
	{"broad-command", `"exec": "/usr/bin/tar",
      "args"`, `"exec": "C:\\Windows\\System32\\cmd.exe",
      "x-args"`, `/commands/0: "C:\\Windows\\System32\\cmd.exe" with any arguments can do anything`},
	{"account-lifecycle", `"lifecycle": "first-boot-only"`, `"lifecycle": "permanent"`, `/accounts/0/mustChange: "admin" is permanent`},

	{"name-notation", `"telemetry.acme.example"`, `"Telemetry.acme.example."`, `/communications/4/to/names/0/exact: "Telemetry.acme.example." is taken as "telemetry.acme.example"`},
	{"apex-not-covered", `"serial": 7`, `"serial": 8`, `/communications/5/to/names/0: ingest.acme.example itself is not covered, only names below it`},
	{"outside-zone", `"exact": "telemetry.acme.example"`, `"exact": "acme.other.example"`, `/communications/4/to/names/0: "acme.other.example" is outside of the publisher's zones`},
	{"missing-system-type", `"systemType": "dns-resolver",
      "direction"`, `"direction"`, `/communications/0: a system of the customer without its type`},
	{"unobservable-certificate", `"minVersion": "1.2",
        "sni": "required",
        "issuers"`, `"minVersion": "1.3",
        "sni": "required",
        "issuers"`, `/communications/5/tls: TLS 1.3 hides the certificate`},
	{"privilege-without-docs", `"grant": "read memberOf",`, `"grant": "read memberOf", "x-a": 1}, {"level": "feature", "feature": "ldap-auth", "grant": "y", "references": []}, {"level": "feature", "feature": "ldap-auth", "grant": "z",`, `/communications/3/privileges/1: the privilege "read memberOf" for the feature "ldap-group-sync" has no documentation`},
	{"unknown-mechanism", `"http-basic"`, `"http-basics"`, `/accounts/0/protocols/0: the way to log in "http-basics" is not known; did you mean "http-basic"?`},
	{"unknown-app", `"app": ["http"]`, `"app": ["htttp"]`, `/communications/4/app/0: the protocol "htttp"`},
	{"unused", `"role": "agent"`, `"role": "server"`, `/roles/agent: nothing refers to the role "agent"`},
}

// manySlash8 are 40 ranges that are each acceptable.
func manySlash8() string {
	var list []string
	for i := range 40 {
		list = append(list, fmt.Sprintf(`"%d.0.0.0/8"`, 20+i))
	}
	return strings.Join(list, ", ")
}

func TestLint(t *testing.T) {
	for _, test := range lintCases {
		m, err := Decode("vault.json", []byte(vault(t, test.old, test.new)))
		if err != nil {
			t.Errorf("%s: %v", test.new, err)
			continue
		}
		found := Lint(m, now)
		if test.id == "method-transport" {
			// udp+tcp agrees with both.
			m, _ = Decode("vault.json", []byte(vault(t, test.old, test.new, `"udp+tcp"`, `"tcp"`)))
			found = Lint(m, now)
			test.want = "/communications/0/transport: NTP is known over udp, not over tcp"
		}
		wantFinding(t, test.new, test.id, test.want, found)
		if stops := Check(m, now); (ruleSeverity(test.id) == Error) != (len(stops) > 0) {
			t.Errorf("%s: stops a run: %v", test.new, stops)
		}
	}
}

func TestLintExample(t *testing.T) {
	m, err := Load("testdata/acme-vault.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Lint(m, now) {
		if f.ID != "apex-not-covered" {
			t.Error(f)
		}
	}
	for _, f := range BindingsLint(loadBindings(t), []*Manifest{m}, now) {
		t.Error(f)
	}
}

func TestLintIsBounded(t *testing.T) {
	var features []string
	for i := range 200 {
		features = append(features, fmt.Sprintf(`"f%d"`, i))
	}
	m, err := Decode("vault.json", []byte(vault(t, `"features": ["telemetry"]`, `"features": [`+strings.Join(features, ",")+`]`)))
	if err != nil {
		t.Fatal(err)
	}
	found := Check(m, now)
	if last := found[len(found)-1]; len(found) != maxPerRule+1 || last.Message != "150 more like this" {
		t.Errorf("%d findings, the last %s", len(found), last)
	}
}

var bindingsLintCases = []struct{ id, old, new, want string }{
	{"unknown-manifest", `2f6f0e0c5a11`, `2f6f0e0c5a12`, `/manifest/id: no manifest with the id "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a12" is loaded; did you mean`},
	{"serial-too-low", `minSerial: 7`, `minSerial: 8`, `/manifest/minSerial: vault.json has serial 7; at least 8 is wanted`},
	{"digest-mismatch", `minSerial: 7`, `digest: "sha256:` + strings.Repeat("0", 64) + `"`, `/manifest/digest: vault.json has the digest sha256:`},
	{"unknown-role", `  agent:`, `  agents:`, `/roles/agents: the manifest has no role "agents"; did you mean "agent"?`},
	{"unknown-role", `from: {role: server}`, `from: {role: sever}`, `/exceptions/0/from/role: the manifest has no role "sever"`},
	{"unknown-variable", `tenant: riverside`, `tennant: riverside`, `/variables/tennant: the manifest has no variable "tennant"; did you mean "tenant"?`},
	{"unknown-feature", `telemetry: off`, `telemtry: off`, `/features/telemtry: the manifest has no feature "telemtry"; did you mean "telemetry"?`},
	{"unknown-method", `    ports: [514]`, `    method: Sislog`, `/exceptions/0/method: the method "Sislog" is not known`},
	{"unbound-variable", `  ldap_directory: [10.20.1.10, 10.20.1.11]`, ``, `/variables: the variable "ldap_directory" is not bound; the feature "ldap-auth" needs it`},
	{"wrong-kind", `agent_port: 8300`, `agent_port: 0`, `/variables/agent_port: the variable "agent_port" is of kind "port": want a port`},
	{"wrong-kind", `[10.9.0.0/24]`, `[10.9.0.0/24, "dhcp:x"]`, `/variables/admin_nets/1: the variable "admin_nets" is of kind "cidrs": want an address range`},
	{"bad-value", `tenant: riverside`, `tenant: ri`, `/variables/tenant: the variable "tenant" is of kind "dns-label": "ri" does not match`},
	{"bad-value", `tenant: riverside`, `tenant: Riverside`, `/variables/tenant: the variable "tenant" is of kind "dns-label": "Riverside": write it as "riverside"`},
	{"bad-value", `tenant: riverside`, `tenant: a.b`, `/variables/tenant: the variable "tenant" is of kind "dns-label": "a.b": one label, without dots`},
	{"bad-value", `tenant: riverside`, `tenant: riverside-`, `/variables: "${tenant}.vault.acme.example" of the entry "telemetry" becomes "riverside-.vault.acme.example": a label that begins or ends with a hyphen`},
	{"any-address", `[10.9.0.0/24]`, `[0.0.0.0/0]`, `/variables/admin_nets/0: 0.0.0.0/0 is every address there is`},
	{"any-address", `10.20.7.5-10.20.7.9`, `0.0.0.1-255.255.255.255`, `/roles/agent/endpoints/2: `},
	{"any-address", `endpoints: [10.20.6.14]`, `endpoints: ["dns:*.com"]`, `/exceptions/0/to/endpoints/0: dns:*.com covers a whole top-level domain`},
	{"requires-unmet", `ldap-auth: on`, "ldap-auth: off\n  ldap-group-sync: on", `/features/ldap-auth: "ldap-auth" is off, but "ldap-group-sync", which is on, requires it`},
	{"required-feature-off", `telemetry: off`, `core: off`, `/features/core: "core" cannot be turned off`},
	{"too-many-names", `tenant: riverside`, `tenant: [` + strings.Repeat("riverside, ", 1024) + `hillside]`, `/variables: "${tenant}.vault.acme.example" of the entry "telemetry": more than 1024 names`},
	{"threshold", `minSerial: 7`, `threshold: 2`, `/manifest/threshold: 2 signatures are wanted of 1 keys`},
	{"unknown-key", `trust: [acme-2026]`, `trust: [acme-2025]`, `/manifest/trust/0: these bindings have no key "acme-2025"; did you mean "acme-2026"?`},
	{"unbound-role", `  server:
    endpoints`, `  agent:
    endpoints`, ``},
	{"not-home", `[10.20.4.16/30,`, `[192.0.2.1,`, `/roles/server/endpoints/0: 192.0.2.1 is not within the home networks`},
	{"exception-expired", `expires: 2035`, `expires: 2025`, `/exceptions/0/expires: the exception "syslog" expired on 2025-12-31`},
	{"exception-without-ticket", `    ticket: CHG-1234`, ``, `/exceptions/0: the exception "syslog" names no ticket`},
	{"exception-without-expiry", `    expires: 2035-12-31T00:00:00Z`, ``, `/exceptions/0: the exception "syslog" never expires`},
	{"duplicate-id", `exceptions:`, "exceptions:\n  - {id: syslog, from: {role: server}, to: {role: agent}, reason: x}", `/exceptions/1/id: "syslog" is the id of exception 0 already`},
	{"host-bits", `10.0.0.0/8`, `10.0.0.1/8`, `/homeNetworks/0: 10.0.0.1/8 has bits beyond its length`},
}

func TestBindingsLint(t *testing.T) {
	m, err := Decode("vault.json", []byte(vault(t)))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range bindingsLintCases {
		text := edited(t, "testdata/bindings.yaml", test.old, test.new)
		if test.id == "unbound-role" {
			text = strings.Replace(text, `  agent:
    endpoints: ["dhcp`, `  x-old:
    endpoints: ["dhcp`, 1)
			test.want = `/roles: the role "server" must be played by a host and is not bound`
		}
		b, err := DecodeBindings("site.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", test.new, err)
			continue
		}
		wantFinding(t, test.new, test.id, test.want, BindingsLint(b, []*Manifest{m}, now))
	}

	b := loadBindings(t)
	m.Roles["agent"] = Role{Cardinality: Cardinality{Min: 0, Max: 1, Given: true}}
	wantFinding(t, "cardinality", "cardinality", `/roles/agent: 2 hosts; the manifest has room for 1`, BindingsLint(b, []*Manifest{m}, now))

	// The long form cites places within the list, and exceptions of all products name hosts only.
	b, err = DecodeBindings("site.yaml", []byte(`
bindingsVersion: "1.0"
site: s
exceptions:
  - {id: e, from: {role: server}, to: {endpoints: [10.0.0.1]}, reason: x}
products:
  - manifest: {id: "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11"}
    roles: {nobody: {vlans: [7]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	found := BindingsCheck(b, []*Manifest{m}, now)
	wantFinding(t, "products", "unknown-role", `/products/0/roles/nobody: the manifest has no role "nobody"`, found)
	wantFinding(t, "products", "unknown-role", `/exceptions/0/from/role: an exception of all products cannot name the role "server"`, found)
	if got := found[0].String(); got != `site.yaml:5:26: error: /exceptions/0/from/role: an exception of all products cannot name the role "server" [unknown-role]` {
		t.Error(got)
	}
}

// Runs after the tables: each rule must have been shown by one of them.
func TestRulesAreTested(t *testing.T) {
	if len(covered) == 0 {
		t.Skip("the tables did not run")
	}
	for _, r := range Rules() {
		if !covered[r.ID] {
			t.Errorf("no case for %s", r.ID)
		}
	}
}

// covers agrees with trying all short names.
func TestCovers(t *testing.T) {
	names := []string{"x", "a.x", "b.x", "a.a.x", "a.b.x", "b.a.x", "a.a.a.x", "b.a.a.x", "c.b.a.x", "a.a.a.a.x", "b.a.a.a.x", "a.b.x", "a.a.b.x"}
	match := func(n *Name, name string) bool {
		if n.Suffix == "" {
			return n.Exact == name
		}
		if name == n.Suffix {
			return n.Apex
		}
		front, below := strings.CutSuffix(name, "."+n.Suffix)
		return below && (n.Depth == DepthAny || !strings.Contains(front, "."))
	}
	var all []Name
	for _, text := range []string{"x", "a.x", "a.a.x", "b.x"} {
		all = append(all, Name{Exact: text})
		for _, d := range []Depth{DepthOne, DepthAny} {
			all = append(all, Name{Suffix: text, Depth: d}, Name{Suffix: text, Depth: d, Apex: true})
		}
	}
	for _, s := range all {
		for _, n := range all {
			if s.Suffix == "" || !within(n.Text(), s.Suffix) {
				continue
			}
			want := true
			for _, name := range names {
				want = want && (!match(&n, name) || match(&s, name))
			}
			depth := strings.Count(n.Text(), ".") - strings.Count(s.Suffix, ".")
			if got := covers(&s, &n, depth); got != want {
				t.Errorf("%+v covers %+v: %t", s, n, got)
			}
		}
	}
}

func TestSite(t *testing.T) {
	m, err := Decode("vault.json", []byte(vault(t)))
	if err != nil {
		t.Fatal(err)
	}
	b := loadBindings(t, "ldap-auth: on", "ldap-group-sync: on", "tenant: riverside", "tenant: [riverside, hillside]", "agent_port: 8300", "")
	p := &b.Products[0]
	on := p.Enabled(m)
	if !on["core"] || !on["ldap-group-sync"] || !on["ldap-auth"] || on["telemetry"] || on["backup"] {
		t.Errorf("features %v", on)
	}
	c := m.Communications[4]
	if got := fmt.Sprint(texts(p.Expand(m, c.To.Names[0])), texts(p.Expand(m, c.To.Names[1]))); got != "[telemetry.acme.example] [riverside.vault.acme.example hillside.vault.acme.example]" {
		t.Error(got)
	}
	if got := p.Expand(m, Name{Exact: "${nobody}.example"}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := fmt.Sprint(p.ExpandPorts(m, m.Communications[7].Ports), p.ExpandPorts(m, c.Ports)); got != "[8300] [443]" {
		t.Error(got)
	}
	if got := fmt.Sprint(p.Endpoints(m, "ldap_directory")); got != "[10.20.1.10 10.20.1.11]" {
		t.Error(got)
	}
	if len(b.Home()) != 2 || len((&Bindings{}).Home()) != 7 {
		t.Error("home networks")
	}

	// A name cannot be made to grow without bound.
	var many Value
	for i := range 100 {
		many.Items = append(many.Items, Item{Text: fmt.Sprint("t", i)})
	}
	p.Variables["tenant"] = many
	if got := p.Expand(m, Name{Exact: "${tenant}.${tenant}.${tenant}.example"}); len(got) != 0 {
		t.Errorf("%d names", len(got))
	}
}

func texts(names []Name) []string {
	var list []string
	for i := range names {
		list = append(list, names[i].Text())
	}
	return list
}

func BenchmarkLint100kNames(b *testing.B) {
	m, err := Decode("x", manyNames(100_000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Lint(m, now)
	}
}
