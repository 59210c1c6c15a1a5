package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"netsensor/internal/capture"
	"netsensor/internal/engine"
	"netsensor/internal/judge"
	"netsensor/internal/manifest"
	"netsensor/internal/output"
	"netsensor/pcaps"
)

// detection is one row of docs/detections.md: what is put before the judge, and what it makes of it.
type detection struct {
	rule string
	kind string // "yes", "no" or "undecidable"
	text string
	// bindings and document change the site's bindings and the manifest: old text, new text.
	bindings, document []string
	before             func(*judge.Judge)
	cs                 []judge.Conversation
	// want is the rules of the alerts, or the verdict and its reason where there are none.
	want string
}

// The moment of the examples: long after the first packet, so that look-ups would have been seen.
var (
	noon  = time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC).UnixNano()
	early = noon - int64(time.Hour)
)

const second = int64(time.Second)

// talk is a TCP conversation that has ended, with change applied.
func talk(client, server, app string, change ...func(*judge.Conversation)) []judge.Conversation {
	c := judge.Conversation{
		ID: 1, Phase: judge.Ended, Start: noon, Now: noon + second, Proto: 6, Client: netip.MustParseAddrPort(client), Server: netip.MustParseAddrPort(server),
		App: app, PktsToServer: 5, PktsToClient: 5, BytesToServer: 500, BytesToClient: 500, PayloadToServer: true, PayloadToClient: true, Established: true,
	}
	if app == "tls" {
		c.TLS = judge.TLS{Hello: true, Version: 0x0304}
	}
	for _, f := range change {
		f(&c)
	}
	return []judge.Conversation{c}
}

func sni(name string) func(*judge.Conversation) { return named(name, judge.SNI) }

func named(name string, source judge.NameSource) func(*judge.Conversation) {
	return func(c *judge.Conversation) { c.Names = append(c.Names, judge.Name{Text: name, Source: source}) }
}

// given is a look-up of vault-1.
func given(at int64, name string, addrs ...string) func(*judge.Judge) {
	return func(j *judge.Judge) {
		l := judge.Lookup{ID: 9, Now: at, Client: netip.MustParseAddr("10.20.4.16"), Resolver: netip.MustParseAddrPort("10.20.0.53:53"), Proto: 17, Via: "dns",
			Response: true, Questions: []judge.Question{{Name: name, Type: 1}}}
		for _, a := range addrs {
			l.Answers = append(l.Answers, judge.Answer{Name: name, Addr: netip.MustParseAddr(a), TTL: 60})
		}
		j.Lookup(&l)
	}
}

func all(fs ...func(*judge.Judge)) func(*judge.Judge) {
	return func(j *judge.Judge) {
		for _, f := range fs {
			f(j)
		}
	}
}

const (
	vault1, admin, stranger = "10.20.4.16:40000", "10.9.0.5:50000", "10.20.9.20:50000"
	cdn, evil               = "203.0.113.10:443", "203.0.113.66:443"
	declaredHash            = "98e346a38a77a03f41c595eb60d26e8080f69485d4a1cb6e71f2d71e70b43a42"
	otherHash               = "f6a16b90394f29e085667680ed0e667ca75933de947d757edd936b19dc0a0a43"
	vendorKey, otherKey     = "0123456789ABCDEF0123456789ABCDEF01234567", "FEDCBA9876543210FEDCBA9876543210FEDCBA98"
)

func download(f judge.File) []judge.Conversation {
	return talk(vault1, "203.0.113.12:80", "http", named("updates.acme.example", judge.Host), func(c *judge.Conversation) { c.Files = []judge.File{f} })
}

func login(user, mechanism string, outcome uint8) func(*judge.Conversation) {
	return func(c *judge.Conversation) {
		c.Logins = []judge.Login{{User: user, Mechanism: mechanism, Outcome: outcome}}
	}
}

func sent(bytes uint64, took time.Duration) func(*judge.Conversation) {
	return func(c *judge.Conversation) { c.BytesToServer, c.Start = bytes, c.Now-int64(took) }
}

func many(n int, c judge.Conversation) (list []judge.Conversation) {
	for i := range n {
		c.ID = uint64(i + 1)
		list = append(list, c)
	}
	return list
}

func detections() []detection {
	warm := given(early, "telemetry.acme.example", "203.0.113.10")
	telemetry, ingest := sni("telemetry.acme.example"), sni("eu1.ingest.acme.example")
	certificate := func(issuer string) func(*judge.Conversation) {
		return func(c *judge.Conversation) { c.TLS.Version, c.TLS.Cert, c.TLS.Issuer = 0x0303, true, issuer }
	}
	midstream := func(c *judge.Conversation) { c.Midstream = true }
	gap := func(c *judge.Conversation) { c.Gap = true }
	return []detection{
		{rule: "unknown-domain", kind: "yes", text: "TLS with the server name cdn.evil.example", cs: talk(vault1, evil, "tls", sni("cdn.evil.example")), want: "unknown-domain"},
		{rule: "unknown-domain", kind: "yes", text: "no name in the conversation, but the client was given the address for cdn.evil.example",
			before: all(warm, given(noon-second, "cdn.evil.example", "203.0.113.66")), cs: talk(vault1, "203.0.113.66:4444", ""), want: "unknown-domain"},
		{rule: "unknown-domain", kind: "yes", text: "the egress proxy is asked for drop.evil.example", want: "unknown-domain",
			cs: talk(vault1, "10.20.8.9:3128", "http", func(c *judge.Conversation) {
				c.Names = []judge.Name{{Text: "drop.evil.example", Source: judge.Target, Port: 443}}
			})},
		{rule: "unknown-domain", kind: "no", text: "TLS with a declared server name", cs: talk(vault1, cdn, "tls", telemetry), want: "expected"},
		{rule: "unknown-domain", kind: "undecidable", text: "the name is encrypted (ECH), its carrier is not declared, and no look-up was seen",
			cs: talk(vault1, evil, "tls", sni("cloudflare-ech.example"), func(c *judge.Conversation) { c.TLS.ECH = true }), want: "undecidable: ech"},

		{rule: "unknown-address", kind: "yes", text: "an external address without any name", before: warm, cs: talk(vault1, "203.0.113.77:4444", ""), want: "unknown-address"},
		{rule: "unknown-address", kind: "yes", text: "TLS without a server name: the client had its chance to name somebody", cs: talk(vault1, "203.0.113.77:443", "tls"), want: "unknown-address"},
		{rule: "unknown-address", kind: "no", text: "no name in the conversation, but the client was given the address for a declared name",
			before: given(noon-second, "updates.acme.example", "203.0.113.12"), cs: talk(vault1, "203.0.113.12:80", "http"), want: "expected"},
		{rule: "unknown-address", kind: "undecidable", text: "the same address, and the look-up may have been before the capture began", cs: talk(vault1, "203.0.113.77:443", ""), want: "undecidable: dns-cold"},
		{rule: "unknown-address", kind: "undecidable", text: "the beginning, with the name, was not seen", before: warm, cs: talk(vault1, "203.0.113.77:443", "", midstream), want: "undecidable: midstream"},

		{rule: "unexpected-system", kind: "yes", text: "LDAP to a host that is not the directory", cs: talk(vault1, "10.20.7.7:389", "ldap"), want: "unexpected-system"},
		{rule: "unexpected-system", kind: "no", text: "LDAPS to the directory", cs: talk(vault1, "10.20.1.10:636", "tls"), want: "expected"},
		{rule: "unexpected-system", kind: "no", text: "an exception of the site", cs: talk(vault1, "10.20.6.14:514", "", func(c *judge.Conversation) { c.Proto = 17 }), want: "expected"},
		{rule: "unexpected-system", kind: "undecidable", text: "the directory is bound by name, and no look-up was seen", bindings: []string{`["10.20.1.10", "10.20.1.11"]`, `["dns:ldap.riverside.example"]`},
			cs: talk(vault1, "10.20.1.10:636", ""), want: "undecidable: dns-cold"},

		{rule: "unexpected-inbound", kind: "yes", text: "SSH from a host that is no administrator's", cs: talk(stranger, "10.20.4.16:22", "ssh"), want: "unexpected-inbound"},
		{rule: "unexpected-inbound", kind: "yes", text: "an administrator on a port that is not declared", cs: talk(admin, "10.20.4.16:22", "ssh"), want: "unexpected-inbound"},
		{rule: "unexpected-inbound", kind: "no", text: "an administrator at the interface", cs: talk(admin, "10.20.4.16:8200", "tls"), want: "expected"},
		{rule: "unexpected-inbound", kind: "undecidable", text: "the same, begun before the capture: nobody can tell what is spoken", cs: talk(admin, "10.20.4.16:8200", "", midstream), want: "undecidable: midstream"},

		{rule: "unexpected-method", kind: "yes", text: "HTTP in clear on the port that is declared for TLS", before: given(noon-second, "telemetry.acme.example", "203.0.113.10"),
			cs: talk(vault1, cdn, "http", named("telemetry.acme.example", judge.Host)), want: "unexpected-method"},
		{rule: "unexpected-method", kind: "yes", text: "SSH on the database's port", cs: talk(vault1, "10.20.2.20:5432", "ssh"), want: "unexpected-method"},
		{rule: "unexpected-method", kind: "no", text: "PostgreSQL that turned to TLS", cs: talk(vault1, "10.20.2.20:5432", "tls", func(c *judge.Conversation) { c.AppBefore = "pgsql" }), want: "expected"},
		{rule: "unexpected-method", kind: "undecidable", text: "the first bytes were lost", cs: talk(vault1, "10.20.2.20:5432", "", gap), want: "undecidable: gap"},

		{rule: "feature-off", kind: "yes", text: "the support tunnel, which this site has turned off", before: given(noon-second, "support.acme.example", "198.51.100.20"),
			cs: talk(vault1, "198.51.100.20:22", "ssh"), want: "feature-off"},
		{rule: "feature-off", kind: "no", text: "the same where it is on", bindings: []string{`"support-tunnel": "off"`, `"support-tunnel": "on"`}, before: given(noon-second, "support.acme.example", "198.51.100.20"),
			cs: talk(vault1, "198.51.100.20:22", "ssh", func(c *judge.Conversation) { c.ClientSoftware = "OpenSSH_9.2p1" }), want: "expected"},
		{rule: "feature-off", kind: "undecidable", text: "the same where it is on, and what is spoken was not seen", bindings: []string{`"support-tunnel": "off"`, `"support-tunnel": "on"`},
			cs: talk(vault1, "198.51.100.20:22", "", midstream), want: "undecidable: midstream"},

		{rule: "name-mismatch", kind: "yes", text: "a declared server name at an address that the client was not given for it", before: given(noon-second, "telemetry.acme.example", "203.0.113.10"),
			cs: talk(vault1, evil, "tls", telemetry), want: "name-mismatch"},
		{rule: "name-mismatch", kind: "yes", text: "fronting: a declared server name, and within it another host", cs: talk(vault1, evil, "tls", telemetry, named("c2.evil.example", judge.Host)), want: "name-mismatch"},
		{rule: "name-mismatch", kind: "no", text: "the address was given for the name", before: given(noon-second, "telemetry.acme.example", "203.0.113.10"), cs: talk(vault1, cdn, "tls", telemetry), want: "expected"},
		{rule: "name-mismatch", kind: "no", text: "a delivery network that moves: the name has several addresses in the same /24", before: given(noon-second, "telemetry.acme.example", "203.0.113.10", "203.0.113.11"),
			cs: talk(vault1, "203.0.113.13:443", "tls", telemetry), want: "expected"},
		{rule: "name-mismatch", kind: "no", text: "one connection for several names of the entry", before: all(given(noon-second, "telemetry.acme.example", "203.0.113.10"), given(noon-second, "riverside.vault.acme.example", "198.51.100.7")),
			cs: talk(vault1, "198.51.100.7:443", "tls", telemetry), want: "expected"},
		{rule: "name-mismatch", kind: "undecidable", text: "no look-up was seen: the name is `claimed`, and nothing contradicts it", cs: talk(vault1, evil, "tls", telemetry), want: "expected"},

		{rule: "tls-policy", kind: "yes", text: "TLS 1.1 where 1.2 is the least", cs: talk(vault1, "203.0.113.14:443", "tls", ingest, func(c *judge.Conversation) { c.TLS.Version = 0x0302 }), want: "tls-policy"},
		{rule: "tls-policy", kind: "yes", text: "a certificate of another authority", cs: talk(vault1, "203.0.113.14:443", "tls", ingest, certificate("CN=Riverside TLS Inspection")), want: "tls-policy"},
		{rule: "tls-policy", kind: "yes", text: "no server name where one is required, at an address that the client was given for the name", before: given(noon-second, "telemetry.acme.example", "203.0.113.10"),
			cs: talk(vault1, cdn, "tls", func(c *judge.Conversation) { c.TLS.Hello = false }), want: "tls-policy"},
		{rule: "tls-policy", kind: "no", text: "the declared authority", cs: talk(vault1, "203.0.113.14:443", "tls", ingest, certificate("C=ZZ, O=Example Trust Services, CN=Example Trust TLS R1")), want: "expected"},
		{rule: "tls-policy", kind: "undecidable", text: "TLS 1.3 hides the certificate", cs: talk(vault1, "203.0.113.14:443", "tls", ingest), want: "undecidable: unobservable"},

		{rule: "default-account", kind: "yes", text: "a login as admin over HTTP Basic, let in", cs: talk(admin, "10.20.4.16:8201", "http", login("admin", "http-basic", 1)), want: "unexpected-method default-account"},
		{rule: "default-account", kind: "yes", text: "a simple bind with a distinguished name, refused", cs: talk(stranger, "10.20.4.16:389", "ldap", login("uid=vaultadmin,dc=riverside,dc=example", "ldap", 2)), want: "unexpected-inbound default-account"},
		{rule: "default-account", kind: "no", text: "a user of the site", cs: talk(admin, "10.20.4.16:8201", "http", login("ada", "http-basic", 1)), want: "unexpected-method"},
		{rule: "default-account", kind: "no", text: "admin, by a mechanism that does not know the account", cs: talk(admin, "10.20.4.16:21", "ftp", login("admin", "ftp", 1)), want: "unexpected-inbound"},
		{rule: "default-account", kind: "undecidable", text: "an interface within TLS: no login is to be seen", cs: talk(admin, "10.20.4.16:8200", "tls"), want: "expected"},

		{rule: "unknown-hash", kind: "yes", text: "a program that is no declared artifact", cs: download(judge.File{Name: "vault-helper", SHA256: otherHash, Size: 9000}), want: "unknown-hash"},
		{rule: "unknown-hash", kind: "yes", text: "a declared artifact's name, and another content", cs: download(judge.File{Name: "vault_8.2.4_linux_amd64.tar.gz", SHA256: otherHash, Size: 1786}), want: "unknown-hash"},
		{rule: "unknown-hash", kind: "no", text: "the declared archive", cs: download(judge.File{Name: "vault.tgz", SHA256: declaredHash, Size: 1786}), want: "expected"},
		{rule: "unknown-hash", kind: "undecidable", text: "bytes of the file were lost: it is counted as unseen", cs: download(judge.File{Name: "vault-helper", Size: 9000}), want: "expected"},

		{rule: "unknown-signer", kind: "yes", text: "a package signed by another key", cs: download(judge.File{Name: "vault.deb", Size: 9000, SHA256: otherHash, Signer: judge.Signer{Kind: "openpgp", Subject: otherKey}}), want: "unknown-signer"},
		{rule: "unknown-signer", kind: "no", text: "a package signed by the declared key, named by its ID; its hash is not declared (yet)",
			document: []string{`"artifacts": [`, `"x-artifacts": [`}, cs: download(judge.File{Name: "vault.deb", Size: 9000, SHA256: otherHash, Signer: judge.Signer{Kind: "openpgp", Subject: vendorKey[24:]}}), want: "expected"},
		{rule: "unknown-signer", kind: "undecidable", text: "a package without a signature in it",
			document: []string{`"artifacts": [`, `"x-artifacts": [`}, cs: download(judge.File{Name: "vault.deb", Size: 9000, SHA256: otherHash}), want: "expected"},

		{rule: "bounds-exceeded", kind: "yes", text: "6 MB of telemetry in a day; 5 MB are declared", cs: talk(vault1, cdn, "tls", telemetry, sent(6_000_000, time.Minute)), want: "bounds-exceeded"},
		{rule: "bounds-exceeded", kind: "yes", text: "121 conversations in an hour; 120 are declared", cs: many(121, talk(vault1, cdn, "tls", telemetry)[0]), want: "bounds-exceeded"},
		{rule: "bounds-exceeded", kind: "no", text: "4 MB", cs: talk(vault1, cdn, "tls", telemetry, sent(4_000_000, time.Minute)), want: "expected"},
		{rule: "bounds-exceeded", kind: "undecidable", text: "20 MB in a conversation of ten days: taken to have come evenly, 2 MB a day", cs: talk(vault1, cdn, "tls", telemetry, sent(20_000_000, 240*time.Hour)), want: "expected"},

		{rule: "undecidable", kind: "yes", text: "an undecidable conversation where the policy `undecidable` is `alert`", bindings: []string{`"undecidable": "log"`, `"undecidable": "alert"`},
			cs: talk(vault1, "10.20.2.20:5432", "", gap), want: "undecidable"},
		{rule: "undecidable", kind: "no", text: "the same where it is `log`", cs: talk(vault1, "10.20.2.20:5432", "", gap), want: "undecidable: gap"},
	}
}

func (d *detection) run(t *testing.T) (got string, alerts []*judge.Alert) {
	t.Helper()
	document, bindings := string(pcaps.Manifest()), string(pcaps.Bindings())
	change := func(text *string, pair []string) {
		for i := 0; i+1 < len(pair); i += 2 {
			if !strings.Contains(*text, pair[i]) {
				t.Fatalf("%s: no %q to replace", d.text, pair[i])
			}
			*text = strings.ReplaceAll(*text, pair[i], pair[i+1])
		}
	}
	change(&document, d.document)
	change(&bindings, d.bindings)
	m, err := manifest.Decode("acme-vault.json", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	b, err := manifest.DecodeBindings("site.json", []byte(bindings))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSite([]*manifest.Manifest{m}, b, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if d.before != nil {
		d.before(s.judge)
	}
	var out judge.Outcome
	for i := range d.cs {
		out = s.judge.Conversation(&d.cs[i])
		alerts = append(alerts, out.Alerts...)
	}
	for _, a := range alerts {
		got = strings.TrimSpace(got + " " + a.Rule.String())
	}
	if got == "" {
		got = strings.TrimSuffix(out.Verdict.String()+": "+out.Reason.String(), ": ")
	}
	return got, alerts
}

// capturesOf says which rules alert in the captures of pcaps.
func capturesOf(t *testing.T) map[string][]string {
	files, err := filepath.Glob(filepath.Join("..", "..", "pcaps", "*.pcap"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	in := map[string][]string{}
	for _, file := range files {
		var out bytes.Buffer
		s := vaultSite(t)
		cfg := engine.Config{Workers: 1, Parsers: parsers, Sink: output.NewStream(&out), Events: map[string]bool{"alert": true}}
		s.configure(&cfg)
		if _, err := engine.New(cfg).Run([]engine.Input{{Name: file, Open: func() (capture.Source, error) { return capture.Open(file, capture.Options{}) }}}); err != nil {
			t.Fatal(err)
		}
		for _, c := range s.judge.Report().ByRule {
			in[c.Name] = append(in[c.Name], filepath.Base(file))
		}
	}
	return in
}

const detectionsHead = `# What netsensor detects

Made by ` + "`go test ./cmd/netsensor -run TestDetections -update`" + `; the test fails when this page is not true. The examples are put before the
judge as conversations of the fictional product of [pcaps](../pcaps/README.md), at its site; where a capture there shows
the same, it is named. [judging.md](judging.md) says how judging goes.

In each table: **yes** raises the alert, **no** does not and must not, **undecidable** is where the evidence is missing,
and what becomes of it.
`

// Every rule has an example that raises it, one that must not, and one where the evidence is missing.
func TestDetections(t *testing.T) {
	var page strings.Builder
	page.WriteString(detectionsHead)
	in := capturesOf(t)
	list := detections()
	for _, r := range judge.Rules() {
		if r.Rule == judge.UnexpectedCommand {
			continue // from host telemetry only
		}
		fmt.Fprintf(&page, "\n## %s (%d)\n\nSignature \"%s …\", category \"%s\", severity %d", r.Name, r.ID, r.Signature, r.Category, r.Severity)
		if r.TechniqueID != "" {
			fmt.Fprintf(&page, "; ATT&CK %s (%s)", r.TechniqueID, strings.ReplaceAll(r.TechniqueTitle, "_", " "))
		}
		page.WriteString(".\n")
		if len(in[r.Name]) > 0 {
			fmt.Fprintf(&page, "Captures that show it: %s.\n", strings.Join(in[r.Name], ", "))
		}
		page.WriteString("\n| | example | outcome |\n|---|---|---|\n")
		kinds := map[string]bool{}
		for i := range list {
			d := &list[i]
			if d.rule != r.Name {
				continue
			}
			kinds[d.kind] = true
			got, alerts := d.run(t)
			if got != d.want {
				t.Errorf("%s, %s, %s: got %q, want %q", d.rule, d.kind, d.text, got, d.want)
			}
			outcome := got
			for _, a := range alerts {
				if a.Rule == r.Rule {
					outcome = "\"" + a.Why + "\""
				} else if raised := slices.ContainsFunc(alerts, func(a *judge.Alert) bool { return a.Rule == r.Rule }); !raised {
					outcome = "not this rule; " + a.Rule.String()
				}
			}
			if raised := slices.ContainsFunc(alerts, func(a *judge.Alert) bool { return a.Rule == r.Rule }); raised != (d.kind == "yes") {
				t.Errorf("%s, %s, %s: raised is %v", d.rule, d.kind, d.text, raised)
			}
			fmt.Fprintf(&page, "| %s | %s | %s |\n", d.kind, d.text, strings.ReplaceAll(outcome, "|", "\\|"))
		}
		if !kinds["yes"] || !kinds["no"] || !kinds["undecidable"] && r.Rule != judge.UndecidableRule {
			t.Errorf("%s has only %v", r.Name, kinds)
		}
	}
	file := filepath.Join("..", "..", "docs", "detections.md")
	if *update {
		if err := os.WriteFile(file, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != page.String() {
		t.Errorf("docs/detections.md is stale (%v): run go test ./cmd/netsensor -run TestDetections -update", err)
	}
}
