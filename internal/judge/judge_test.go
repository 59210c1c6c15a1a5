package judge

import (
	"net/netip"
	"strings"
	"testing"
)

const (
	host  = "10.20.4.17:40000"
	cdn   = "203.0.113.10:443"
	evil  = "203.0.113.66:443"
	admin = "10.9.0.5:50000"
)

func TestConversation(t *testing.T) {
	sni := func(s string) Name { return Name{Text: s, Source: SNI} }
	hostName := func(s string) Name { return Name{Text: s, Source: Host} }
	target := func(s string, port uint16) Name { return Name{Text: s, Source: Target, Port: port} }
	with := func(c *Conversation, change func(*Conversation)) *Conversation {
		change(c)
		return c
	}
	warm := func(j *Judge) {
		look(j, noon-600*second, "telemetry.acme.example", a("telemetry.acme.example", "203.0.113.10"))
	}
	known := func(name, addr string) func(*Judge) {
		return func(j *Judge) { warm(j); look(j, noon-5*second, name, a(name, addr)) }
	}
	for _, tt := range []struct {
		name   string
		before func(*Judge)
		c      *Conversation
		// verdict, then what explains it: entry, reason, or rule and the failed constraints
		want string
	}{
		{"neither end is bound", nil, tcp("10.1.1.1:1", "10.1.1.2:2", ""), "not-judged unbound"},
		{"bound in another VLAN only", nil, tcp("10.20.5.3:1", "8.8.8.8:53", ""), "not-judged unbound"},
		{"bound in this VLAN", nil, with(tcp("10.20.5.3:1", "8.8.8.8:4444", ""), func(c *Conversation) { c.VLAN = 120 }), "unexpected unknown-address"},
		{"bound by hardware address", nil, with(tcp("10.77.1.2:1", "8.8.8.8:4444", ""), func(c *Conversation) { c.ClientMAC = "00:00:5e:00:53:01" }), "unexpected unknown-address"},
		{"DHCP", nil, udp("10.20.4.17:68", "10.20.4.1:67", "dhcp"), "not-judged housekeeping"},
		{"mDNS", nil, udp("10.20.4.17:5353", "224.0.0.251:5353", "mdns"), "not-judged housekeeping"},
		{"an undeclared group", nil, udp(host, "239.1.2.3:7777", ""), "not-judged multicast"},
		{"a broadcast that nobody answers", nil, with(udp(host, "10.20.4.255:17500", ""), func(c *Conversation) { c.PktsToClient = 0 }), "not-judged multicast"},
		{"a host with the last octet 255", nil, udp(host, "10.20.4.255:17500", ""), "unexpected unexpected-system"},
		{"ICMP", nil, &Conversation{Phase: Ended, Start: noon, Now: noon, Proto: 1, Client: ap("10.20.4.17:0"), Server: ap("8.8.8.8:0")}, "not-judged housekeeping"},

		{"declared by SNI", nil, tcp(host, cdn, "tls", sni("Telemetry.Acme.Example.")), "expected telemetry"},
		{"IPv4-mapped", nil, tcp("[::ffff:10.20.4.17]:4", "[::ffff:203.0.113.10]:443", "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"IPv6 host", nil, tcp("[2001:db8:20:4::2]:4", "[2001:db8:100::1]:443", "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"suffix, one label", nil, tcp(host, evil, "tls", sni("eu1.ingest.acme.example")), "expected telemetry"},
		{"suffix, two labels", nil, tcp(host, evil, "tls", sni("a.b.ingest.acme.example")), "unexpected unknown-domain"},
		{"suffix, apex", nil, tcp(host, evil, "tls", sni("ingest.acme.example")), "unexpected unknown-domain"},
		{"suffix, not at a label", nil, tcp(host, evil, "tls", sni("xingest.acme.example")), "unexpected unknown-domain"},
		{"variable in a name", nil, tcp(host, evil, "tls", sni("contoso.vault.acme.example")), "expected telemetry"},
		{"another tenant", nil, tcp(host, evil, "tls", sni("other.vault.acme.example")), "unexpected unknown-domain"},
		{"declared by look-up", known("telemetry.acme.example", "203.0.113.66"), tcp(host, evil, "tls"), "expected telemetry"},
		{"declared by look-up over an alias", func(j *Judge) {
			look(j, noon-5*second, "telemetry.acme.example", Answer{Name: "telemetry.acme.example", To: "x.cdn.test"}, a("x.cdn.test", "203.0.113.66"))
		}, tcp(host, evil, "tls"), "expected telemetry"},
		{"an undeclared name whose alias is declared", func(j *Judge) {
			look(j, noon-5*second, "c2.evil.test", Answer{Name: "c2.evil.test", To: "telemetry.acme.example"}, a("telemetry.acme.example", "203.0.113.66"))
		}, tcp(host, evil, "tls"), "unexpected unknown-domain"},
		{"one of several looked-up names is declared", func(j *Judge) {
			known("other.cdn.test", "203.0.113.10")(j)
		}, tcp(host, cdn, ""), "undecidable unobservable"},
		{"looked up after the start", func(j *Judge) {
			look(j, noon+second/2, "telemetry.acme.example", a("telemetry.acme.example", "203.0.113.66"))
		}, tcp(host, evil, "tls"), "unexpected unknown-address"},
		{"looked up long before, and never since", known("telemetry.acme.example", "203.0.113.66"),
			with(tcp(host, evil, "tls"), func(c *Conversation) { c.Now += 86400 * second }), "expected telemetry"},

		{"unknown name", nil, tcp(host, evil, "tls", sni("c2.evil.test")), "unexpected unknown-domain"},
		{"unknown looked-up name", known("c2.evil.test", "203.0.113.66"), tcp(host, "203.0.113.66:9999", ""), "unexpected unknown-domain"},
		{"the client spoke and named nobody", nil, tcp(host, evil, "tls"), "unexpected unknown-address"},
		{"address as host", nil, tcp(host, "203.0.113.66:80", "http", hostName("203.0.113.66")), "unexpected unknown-address"},
		{"shared hosting: the address does not count", warm, tcp(host, "203.0.113.9:443", "tls"), "unexpected unknown-address telemetry name"},
		{"dedicated address of an entry without names", nil, tcp(host, "198.51.100.40:7005", ""), "expected licence"},
		{"dedicated address, other port", nil, tcp(host, "198.51.100.40:22", "ssh"), "unexpected unexpected-method licence port"},
		{"dns-cold: content does not tell", nil, with(tcp(host, evil, ""), func(c *Conversation) { c.PayloadToServer, c.PayloadToClient = false, false }), "undecidable dns-cold"},
		{"names seen and this is none", warm, with(tcp(host, evil, ""), func(c *Conversation) { c.PayloadToServer, c.PayloadToClient = false, false }), "unexpected unknown-address"},
		{"no entry could explain it", nil, tcp(host, "203.0.113.66:9999", ""), "unexpected unknown-address"},
		{"midstream", warm, with(tcp(host, evil, "tls"), func(c *Conversation) { c.Midstream = true }), "undecidable midstream"},
		{"gap", warm, with(tcp(host, evil, "tls"), func(c *Conversation) { c.Gap = true }), "undecidable gap"},
		{"DoH client", func(j *Judge) {
			warm(j)
			j.Conversation(with(tcp(host, "9.9.9.9:853", "tls"), func(c *Conversation) { c.ID = 7 }))
		}, with(tcp(host, evil, ""), func(c *Conversation) { c.PayloadToServer, c.PayloadToClient = false, false }), "undecidable no-name"},
		{"ECH with an undeclared carrier", nil, with(tcp(host, evil, "tls", sni("cloudflare-ech.com")), func(c *Conversation) { c.TLS.ECH = true }), "undecidable ech"},
		{"ECH, looked up", known("telemetry.acme.example", "203.0.113.66"),
			with(tcp(host, evil, "tls", sni("cloudflare-ech.com")), func(c *Conversation) { c.TLS.ECH = true }), "expected telemetry"},
		{"ECH, looked up something else", known("c2.evil.test", "203.0.113.66"),
			with(tcp(host, evil, "tls", sni("cloudflare-ech.com")), func(c *Conversation) { c.TLS.ECH = true }), "unexpected unknown-domain"},
		{"a public name with a private address", known("telemetry.acme.example", "10.20.9.9"), tcp(host, "10.20.9.9:443", "tls"), "unexpected unexpected-system"},

		{"plain HTTP where TLS is declared", nil, tcp(host, cdn, "http", hostName("telemetry.acme.example")), "unexpected unexpected-method telemetry method"},
		{"and on another port", nil, tcp(host, "203.0.113.10:80", "http", hostName("telemetry.acme.example")), "unexpected unexpected-method telemetry port, method"},
		{"over UDP", known("telemetry.acme.example", "203.0.113.10"), udp(host, cdn, "quic"), "unexpected unexpected-method telemetry port, method"},
		{"the handshake failed: nothing to tell", known("telemetry.acme.example", "203.0.113.10"),
			with(tcp(host, cdn, ""), func(c *Conversation) {
				c.PayloadToServer, c.PayloadToClient, c.Established, c.Refused = false, false, false, true
			}), "expected telemetry"},
		{"unrecognised content", known("telemetry.acme.example", "203.0.113.10"), tcp(host, cdn, ""), "undecidable unobservable"},
		{"feature off", nil, tcp(host, "198.51.100.20:22", "ssh"), "unexpected feature-off support feature"},
		{"feature off by name", known("support.acme.example", "192.0.2.1"), tcp(host, "192.0.2.1:22", "ssh"), "unexpected feature-off support feature"},
		{"exception", nil, udp(host, "10.20.6.14:514", ""), "expected syslog"},
		{"exception, other port", nil, udp(host, "10.20.6.14:515", ""), "unexpected unexpected-method syslog port"},
		{"expired exception", nil, tcp(host, "10.20.6.15:80", "http"), "unexpected unexpected-system old expired"},
		{"exception, inbound", nil, tcp("10.20.7.1:5", "10.20.4.17:22", "ssh"), "expected scan"},

		{"internal system", nil, tcp(host, "10.20.7.7:389", "ldap"), "unexpected unexpected-system"},
		{"the declared one", nil, tcp(host, "10.20.1.10:389", "ldap"), "expected ldap"},
		{"LDAP that turns to TLS", nil, with(tcp(host, "10.20.1.10:389", "tls"), func(c *Conversation) { c.AppBefore = "ldap" }), "expected ldap"},
		{"another protocol on its port", nil, tcp(host, "10.20.1.10:389", "ssh"), "unexpected unexpected-method ldap method"},
		{"an internal name", known("mail.corp.example", "10.20.3.3"), tcp(host, "10.20.3.3:25", "smtp"), "expected mail"},
		{"declared resolver", nil, udp(host, "10.20.0.53:53", "dns"), "expected dns"},
		{"public resolver", nil, udp(host, "8.8.8.8:53", "dns"), "unexpected unknown-address"},

		{"role to role", nil, tcp(host, "10.20.4.18:8443", "tls"), "expected raft"},
		{"role to role, other port", nil, tcp(host, "10.20.4.18:22", "ssh"), "unexpected unexpected-method raft port, method"},
		{"agent to server", nil, with(tcp("10.20.5.3:1", "10.20.4.18:8300", "tls"), func(c *Conversation) { c.VLAN = 120 }), "expected agents"},
		{"server to agent is not declared", nil, with(tcp("10.20.4.18:1", "10.20.5.3:8300", "tls"), func(c *Conversation) { c.VLAN = 120 }), "unexpected unexpected-system agents direction"},
		{"administrator", nil, tcp(admin, "10.20.4.17:8200", "tls"), "expected admin"},
		{"administrator in clear", nil, tcp(admin, "10.20.4.17:8200", "http"), "unexpected unexpected-method admin method"},
		{"administrator elsewhere", nil, tcp(admin, "10.20.4.17:22", "ssh"), "unexpected unexpected-inbound admin port, method"},
		{"a stranger", nil, tcp("10.20.9.20:9", "10.20.4.17:22", "ssh"), "unexpected unexpected-inbound"},
		{"a stranger from outside", nil, tcp("192.0.2.9:9", "10.20.4.17:8200", "tls"), "unexpected unexpected-inbound"},
		{"roles guessed wrongly", nil, with(tcp("10.20.4.18:8200", "10.9.0.5:50000", "tls"), func(c *Conversation) { c.RolesInferred = true }), "expected admin"},

		{"proxy: declared target", nil, with(tcp(host, "10.20.8.9:3128", "tls", target("telemetry.acme.example", 443)), func(c *Conversation) { c.AppBefore = "http" }), "expected telemetry"},
		{"proxy: declared target, other port", nil, tcp(host, "10.20.8.9:3128", "tls", target("telemetry.acme.example", 8443)), "unexpected unexpected-method telemetry port"},
		{"proxy: unknown target", nil, tcp(host, "10.20.8.9:3128", "http", target("drop.evil.test", 443)), "unexpected unknown-domain"},
		{"proxy: absolute URI", nil, tcp(host, "10.20.8.9:3128", "http", hostName("drop.evil.test")), "unexpected unknown-domain"},
		{"proxy: bare address", nil, tcp(host, "10.20.8.9:3128", "http", target("203.0.113.66", 443)), "unexpected unknown-address"},
		{"proxy: nothing asked", nil, tcp(host, "10.20.8.9:3128", "http"), "undecidable no-name"},
		{"not on the proxy's port", nil, tcp(host, "10.20.8.9:22", "ssh"), "unexpected unexpected-system"},

		{"two names at an address, the later one undeclared", func(j *Judge) {
			look(j, noon-60*second, "telemetry.acme.example", a("telemetry.acme.example", "192.0.2.7"))
			look(j, noon-5*second, "push.other.test", a("push.other.test", "192.0.2.7"))
		}, tcp(host, "192.0.2.7:5228", ""), "unexpected unknown-domain"},
		{"two names at an address, by the declared method", func(j *Judge) {
			look(j, noon-60*second, "telemetry.acme.example", a("telemetry.acme.example", "192.0.2.7"))
			look(j, noon-5*second, "push.other.test", a("push.other.test", "192.0.2.7"))
		}, tcp(host, "192.0.2.7:443", "tls"), "expected telemetry"},
		{"another address nearby, and the answer is old", func(j *Judge) {
			look(j, noon-600*second, "telemetry.acme.example", a("telemetry.acme.example", "192.0.2.1"))
		}, tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"another address nearby, and the answer is fresh", known("telemetry.acme.example", "192.0.2.1"),
			tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "unexpected name-mismatch telemetry address"},
		{"one of many addresses nearby", func(j *Judge) {
			look(j, noon-5*second, "telemetry.acme.example", a("telemetry.acme.example", "192.0.2.1"), a("telemetry.acme.example", "192.0.2.2"))
		}, tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"the address was given for another name of the entry", func(j *Judge) {
			look(j, noon-5*second, "telemetry.acme.example", a("telemetry.acme.example", "198.51.100.1"))
			look(j, noon-5*second, "eu.ingest.acme.example", a("eu.ingest.acme.example", "192.0.2.66"))
		}, tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"the address was given for a stranger's name", func(j *Judge) {
			look(j, noon-600*second, "telemetry.acme.example", a("telemetry.acme.example", "192.0.2.1"))
			look(j, noon-5*second, "c2.evil.test", a("c2.evil.test", "192.0.2.66"))
		}, tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "unexpected name-mismatch telemetry address"},
		{"spoofed SNI", known("telemetry.acme.example", "203.0.113.10"), tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "unexpected name-mismatch telemetry address"},
		{"spoofed SNI at an address that the entry lists", known("telemetry.acme.example", "192.0.2.1"), tcp(host, cdn, "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"no contradiction without a look-up", nil, tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), "expected telemetry"},
		{"the certificate speaks for it", known("telemetry.acme.example", "203.0.113.10"),
			with(tcp(host, "192.0.2.66:443", "tls", sni("telemetry.acme.example")), func(c *Conversation) { c.TLS.CertNames = []string{"*.acme.example"} }), "expected telemetry"},
		{"fronting: host is not the SNI", nil, tcp(host, evil, "tls", sni("telemetry.acme.example"), hostName("c2.evil.test")), "unexpected name-mismatch telemetry name"},

		{"TLS 1.1", nil, with(tcp(host, cdn, "tls", sni("telemetry.acme.example")), func(c *Conversation) { c.TLS.Version = 0x302 }), "unexpected tls-policy telemetry tls"},
		{"ALPN", nil, with(tcp(host, cdn, "tls", sni("telemetry.acme.example")), func(c *Conversation) { c.TLS.ALPN = "imap" }), "unexpected tls-policy telemetry tls"},
		{"issuer", nil, with(tcp(host, cdn, "tls", sni("pinned.acme.example")), func(c *Conversation) {
			c.TLS.Version, c.TLS.Cert, c.TLS.Issuer = 0x303, true, "CN=Inspection"
		}), "unexpected tls-policy pinned tls"},
		{"declared issuer", nil, with(tcp(host, cdn, "tls", sni("pinned.acme.example")), func(c *Conversation) {
			c.TLS.Version, c.TLS.Cert, c.TLS.Issuer = 0x303, true, "C=ZZ,O=Trust,CN=R1"
		}), "expected pinned"},
		{"issuer in TLS 1.3", nil, with(tcp(host, cdn, "tls", sni("pinned.acme.example")), func(c *Conversation) { c.TLS.Version = 0x304 }), "undecidable unobservable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := New(compile(t, site, vault), Config{})
			if tt.before != nil {
				tt.before(j)
			}
			out := j.Conversation(tt.c)
			if got := describe(&out); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (out.Verdict == Unexpected) != (len(out.Alerts) == 1) {
				t.Errorf("%v with %d alerts", out.Verdict, len(out.Alerts))
			}
			for _, al := range out.Alerts {
				if al.Rule != out.Rule || al.Why == "" || !strings.Contains(al.Why, al.Host.String()) {
					t.Errorf("alert %v: %q", al.Rule, al.Why)
				}
			}
		})
	}
}

func describe(o *Outcome) string {
	switch o.Verdict {
	case Expected:
		return "expected " + o.Entry.ID
	case Unexpected:
		s := "unexpected " + o.Rule.String()
		if o.Entry != nil {
			s += " " + o.Entry.ID + " " + o.Failed.String()
		}
		return s
	}
	return o.Verdict.String() + " " + o.Reason.String()
}

func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		name string
		typ  uint16
		want string
	}{
		{"telemetry.acme.example", 1, ""},
		{"a.ingest.acme.example", 28, ""},
		{"_srv._tcp.telemetry.acme.example", 33, ""},
		{"mail.corp.example", 1, ""},
		{"17.4.20.10.in-addr.arpa", 12, ""},
		{"telemetry.acme.example.lan", 1, ""},
		{"telemetry.acme.example.home.arpa.", 1, ""},
		{"support.acme.example.lan", 1, "feature-off"},
		{"c2.evil.test.lan", 1, "unknown-domain"},
		{"c2.evil.test", 1, "unknown-domain"},
		{"_srv._tcp.evil.test", 33, "unknown-domain"},
		{"telemetry.acme.example.evil.test", 1, "unknown-domain"},
		{"wpad", 1, "unknown-domain"},
		{"support.acme.example", 1, "feature-off"},
	} {
		j := New(compile(t, site, vault), Config{})
		l := Lookup{ID: 5, Now: noon, Client: netip.MustParseAddr("10.20.4.17"), Resolver: ap("10.20.0.53:53"), Proto: 17, Via: "dns",
			Questions: []Question{{tt.name, tt.typ}}}
		if as := j.Lookup(&l); len(as) != 0 {
			t.Errorf("%s: alert before the contact had its chance", tt.name)
		}
		c := udp("10.20.4.17:40000", "10.20.0.53:53", "dns")
		c.ID = 5
		out, got := j.Conversation(c), ""
		for _, al := range out.Alerts {
			got = al.Rule.String()
			if !al.Asked || len(al.Names) != 1 || al.Names[0].Source != "dns.question" {
				t.Errorf("%s: %+v", tt.name, al)
			}
		}
		if got != tt.want || out.Verdict != Expected || out.Alerted != (tt.want != "") {
			t.Errorf("%s: alert %q, want %q; %v, alerted %v", tt.name, got, tt.want, out.Verdict, out.Alerted)
		}
	}
}

// A name that is asked for and then contacted is one matter; the contact is the better evidence.
func TestQuestionThenContact(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	alerts := 0
	for i := range 5 {
		at := noon + int64(i)*30*second
		j.Lookup(&Lookup{ID: uint64(100 + i), Now: at, Client: netip.MustParseAddr("10.20.4.17"), Resolver: ap("10.20.0.53:53"), Via: "dns",
			Questions: []Question{{"c2.evil.test", 1}}})
		c := tcp(host, evil, "tls", Name{Text: "c2.evil.test", Source: SNI})
		for _, phase := range []Phase{Named, Settled, Ended} {
			c.ID, c.Phase, c.Start, c.Now = uint64(200+i), phase, at, at+int64(phase)*second
			out := j.Conversation(c)
			alerts += len(out.Alerts)
			if i == 0 && (len(out.Alerts) == 1) != (phase == Named) {
				t.Errorf("phase %d: %d alerts", phase, len(out.Alerts))
			}
			if phase == Ended && out.Alerted != (i == 0) {
				t.Errorf("conversation %d: alerted %v", i, out.Alerted)
			}
		}
		dns := udp(host, "10.20.0.53:53", "dns")
		dns.ID, dns.Start, dns.Now = uint64(100+i), at, at+10*second
		alerts += len(j.Conversation(dns).Alerts)
	}
	if r := j.Report(); alerts != 1 || r.Alerts != 1 || r.Folded != 9 || r.Unexpected != 5 || r.Expected != 5 {
		t.Errorf("%d alerts, report %+v", alerts, r)
	}
	// After the window the next alert says what was folded.
	c := tcp(host, evil, "tls", Name{Text: "c2.evil.test", Source: SNI})
	c.ID, c.Start, c.Now = 300, noon+7200*second, noon+7201*second
	if out := j.Conversation(c); len(out.Alerts) != 1 || out.Alerts[0].Folded != 9 {
		t.Errorf("after the window: %+v", out.Alerts)
	}
}

// A host that asks for thousands of names must not flood.
func TestNoFlood(t *testing.T) {
	j := New(compile(t, site, vault), Config{MaxFolds: 1000, MaxPeers: 10, MaxConversations: 100})
	alerts, full := 0, 0
	for i := range 20000 {
		c := tcp(host, evil, "tls", Name{Text: strings.Repeat("x", 1+i%50) + string(rune('a'+i%26)) + ".evil" + string(rune('a'+i/1000)) + ".test", Source: SNI})
		c.ID, c.Start = uint64(i), noon+int64(i)*second/10
		c.Now = c.Start
		for _, al := range j.Conversation(c).Alerts {
			alerts++
			if al.Overflow {
				full++
			}
		}
	}
	if alerts != 10 || full != 1 {
		t.Errorf("%d alerts, %d of them marked as the last", alerts, full)
	}
	if len(j.folds.byKey) > 1000 || len(j.seen.known) > 100 || len(j.seen.queue) > 100 {
		t.Errorf("%d folds, %d conversations", len(j.folds.byKey), len(j.seen.known))
	}
	if r := j.Report(); r.Alerts != 10 || r.Folded != 19990 {
		t.Errorf("%+v", r)
	}
}

func TestWarmUpAuditAndExpiry(t *testing.T) {
	warming := strings.Replace(site, `"mode": "enforce", "warmupSeconds": 0`, `"mode": "audit", "warmupSeconds": 600`, 1)
	j := New(compile(t, warming, vault), Config{})
	at := func(s int64) Outcome {
		c := tcp(host, evil, "tls", Name{Text: "c2.evil.test", Source: SNI})
		c.ID, c.Start = uint64(1000+s), noon+s*second
		c.Now = c.Start
		return j.Conversation(c)
	}
	if out := at(0); len(out.Alerts) != 0 || out.Verdict != Unexpected || j.Report().WarmUp != 1 {
		t.Errorf("in the warm-up: %+v", out)
	}
	out := at(601)
	if len(out.Alerts) != 1 || out.Alerts[0].Severity < 3 || !out.Alerts[0].Audit || out.Alerts[0].Expired {
		t.Errorf("after the warm-up, in audit: %+v", out.Alerts)
	}
	if out := at(200 * 86400); len(out.Alerts) != 1 || !out.Alerts[0].Expired || len(j.Report().Expired) != 1 {
		t.Errorf("after the manifest's end: %+v", out.Alerts)
	}
	suspend := strings.Replace(site, `"mode": "enforce"`, `"mode": "enforce", "onManifestExpiry": "suspend"`, 1)
	j = New(compile(t, suspend, vault), Config{})
	if out := at(200 * 86400); out.Verdict != NotJudged || out.Reason != Suspended {
		t.Errorf("suspended: %+v", out)
	}
}

func TestDefaultAccount(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	c := tcp(admin, "10.20.4.17:8200", "http")
	c.Phase = Named
	c.Logins = []Login{{User: "admin", Mechanism: "http-basic"}, {User: "eve", Mechanism: "http-basic", Outcome: loginAccepted}}
	if out := j.Conversation(c); len(out.Alerts) != 0 {
		t.Errorf("the outcome is not known yet: %+v", out.Alerts)
	}
	c.Logins = append(c.Logins, Login{User: "admin", Mechanism: "http-basic", Outcome: loginAccepted})
	out := j.Conversation(c)
	if len(out.Alerts) != 1 || out.Alerts[0].Rule != DefaultAccount || out.Alerts[0].Account.ID != "ui-admin" || out.Alerts[0].Login.Outcome != loginAccepted {
		t.Fatalf("%+v", out.Alerts)
	}
	c.Phase = Ended
	if out := j.Conversation(c); len(out.Alerts) != 1 || out.Alerts[0].Rule != UnexpectedMethod {
		t.Errorf("%+v", out.Alerts)
	}
}

func TestSameUser(t *testing.T) {
	for _, tt := range []struct {
		seen  string
		exact bool
		want  bool
	}{
		{"admin", false, true}, {"Admin", false, true}, {"Admin", true, false}, {`CORP\admin`, false, true}, {`admin\x`, false, false},
		{"admin@corp.example", false, true}, {"@admin", false, false}, {"uid=admin,ou=people", false, true}, {"cn=admin+uid=x", false, true},
		{"uid=Admin , ou=x", false, true}, {`cn=ad\6din,ou=x`, false, true}, {`cn=adm\in,ou=x`, false, true}, {"ou=x,uid=admin", false, false}, {"cn=\\", false, false}, {"", false, false},
		{"administrator", false, false},
	} {
		if got := sameUser(tt.seen, "admin", tt.exact); got != tt.want {
			t.Errorf("%q is %v", tt.seen, got)
		}
	}
	if !sameUser("administrator@vsphere.local", "Administrator@vsphere.local", false) || sameUser("administrator@corp", "administrator@vsphere.local", false) {
		t.Error("an account with a realm in its name")
	}
}

func TestScanIsFoldedAndLow(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	alerts := 0
	for port := range 1000 {
		c := tcp("192.0.2.9:9", "10.20.4.17:8200", "")
		c.Server = netip.AddrPortFrom(c.Server.Addr(), uint16(port+1))
		c.ID, c.Refused, c.Established, c.PayloadToServer, c.PayloadToClient = uint64(port), true, false, false, false
		for _, al := range j.Conversation(c).Alerts {
			alerts++
			if al.Confidence != Low || al.Severity != 3 {
				t.Errorf("confidence %v, severity %d", al.Confidence, al.Severity)
			}
		}
	}
	if alerts != 1 {
		t.Errorf("%d alerts for one scan", alerts)
	}
}

func TestTwoProducts(t *testing.T) {
	other := strings.NewReplacer("7c1f7f0e", "8c1f7f0e", "Acme Vault", "Beta Backup", "telemetry.acme.example", "api.beta.example").Replace(vault)
	both := `{"bindingsVersion": "1.0", "site": "x", "policy": {"mode": "enforce", "warmupSeconds": 0}, "products": [
	 {"manifest": {"id": "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11"}, "roles": {"server": {"endpoints": ["10.20.4.17"]}}},
	 {"manifest": {"id": "urn:uuid:8c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11"}, "roles": {"server": {"endpoints": ["10.20.4.0/24"]}}}]}`
	j := New(compile(t, both, vault, other), Config{})
	for _, name := range []string{"telemetry.acme.example", "api.beta.example"} {
		if out := j.Conversation(tcp(host, cdn, "tls", Name{Text: name, Source: SNI})); out.Verdict != Expected {
			t.Errorf("%s: %v", name, out.Verdict)
		}
	}
	if out := j.Conversation(tcp("10.20.4.9:1", cdn, "tls", Name{Text: "telemetry.acme.example", Source: SNI})); out.Verdict != Unexpected {
		t.Errorf("the other product's host: %v", out.Verdict)
	}
	out := j.Conversation(tcp(host, evil, "tls", Name{Text: "c2.evil.test", Source: SNI}))
	if len(out.Alerts) != 1 || len(out.Alerts[0].Products) != 2 {
		t.Errorf("%+v", out.Alerts)
	}
	// A contact of one host with another that both run products is judged from both ends.
	out = j.Conversation(tcp(host, "10.20.4.9:22", "ssh"))
	if len(out.Alerts) != 2 || out.Alerts[0].Host == out.Alerts[1].Host {
		t.Errorf("%+v", out.Alerts)
	}
}
