package judge

import (
	"net/netip"
	"testing"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

const vault = `{
 "manifestVersion": "1.0", "id": "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11", "serial": 7,
 "publisher": {"name": "Acme Inc", "domain": "acme.example"},
 "product": {"name": "Acme Vault", "purl": "pkg:generic/acme/vault"},
 "validity": {"issued": "2026-03-01T00:00:00Z", "notBefore": "2026-03-01T00:00:00Z", "notAfter": "2026-09-01T00:00:00Z"},
 "roles": {"server": {}, "agent": {}},
 "variables": {
  "ldap_directory": {"kind": "endpoints"}, "resolvers": {"kind": "endpoints"}, "admin_nets": {"kind": "cidrs"},
  "mail": {"kind": "endpoints"}, "tenant": {"kind": "dns-label"}},
 "features": {
  "core": {"default": "on", "required": true, "docs": "https://docs.acme.example/core"},
  "support": {"default": "off", "docs": "https://docs.acme.example/support"}, "telemetry": {"default": "on"}},
 "communications": [
  {"id": "telemetry", "party": "third-party", "direction": "outbound", "from": {"role": "server"},
   "to": {"names": [{"exact": "telemetry.acme.example"}, {"suffix": "ingest.acme.example", "depth": "one"}, {"exact": "${tenant}.vault.acme.example"}],
          "cidrs": ["203.0.113.0/28"], "hosting": "shared-cdn"},
   "transport": "tcp", "ports": ["443"], "method": "TLS", "tls": {"minVersion": "1.2", "alpn": ["h2"]},
   "features": ["telemetry"], "reason": "Usage figures", "references": ["https://docs.acme.example/telemetry"]},
  {"id": "pinned", "party": "third-party", "direction": "outbound", "from": {"role": "server"},
   "to": {"names": [{"exact": "pinned.acme.example"}]}, "transport": "tcp", "ports": ["443"], "method": "TLS",
   "tls": {"issuers": ["C=ZZ, O=Trust, CN=R1"]}, "features": ["core"], "reason": "Licence"},
  {"id": "support", "party": "third-party", "direction": "outbound", "from": {"role": "server"},
   "to": {"names": [{"exact": "support.acme.example"}], "cidrs": ["198.51.100.16/28"], "hosting": "dedicated"},
   "transport": "tcp", "ports": ["22"], "method": "SSH", "features": ["support"], "reason": "Support"},
  {"id": "licence", "party": "third-party", "direction": "outbound", "from": {"role": "server"},
   "to": {"cidrs": ["198.51.100.40/32"], "hosting": "dedicated"},
   "transport": "tcp", "ports": ["7000-7010"], "features": ["core"], "reason": "Licence server"},
  {"id": "ldap", "party": "customer", "direction": "outbound", "from": {"role": "server"}, "to": {"variable": "ldap_directory"},
   "transport": "tcp", "ports": ["636", "389"], "method": "LDAP", "features": ["core"], "reason": "Users"},
  {"id": "mail", "party": "customer", "direction": "outbound", "from": {"role": "server"}, "to": {"variable": "mail"},
   "transport": "tcp", "ports": ["25"], "method": "SMTP", "features": ["core"], "reason": "Notices"},
  {"id": "dns", "party": "customer", "direction": "outbound", "from": {"role": "server"}, "to": {"variable": "resolvers"},
   "transport": "udp+tcp", "ports": ["53"], "method": "DNS", "features": ["core"], "reason": "Names"},
  {"id": "raft", "party": "customer", "direction": "both", "from": {"role": "server"}, "to": {"role": "server"},
   "transport": "tcp", "ports": ["8443"], "method": "TLS", "features": ["core"], "reason": "Replication"},
  {"id": "agents", "party": "customer", "direction": "inbound", "from": {"role": "agent"}, "to": {"role": "server"},
   "transport": "tcp", "ports": ["8300"], "method": "TLS", "features": ["core"], "reason": "Agents"},
  {"id": "admin", "party": "customer", "direction": "inbound", "from": {"variable": "admin_nets"}, "to": {"role": "server"},
   "transport": "tcp", "ports": ["8200-8201"], "method": "HTTPS", "features": ["core"], "reason": "Administration"}],
 "accounts": [{"id": "ui-admin", "name": "admin", "realm": "product", "role": "server", "protocols": ["http-basic"]}]
}`

const site = `{
 "bindingsVersion": "1.0", "site": "fra1",
 "egressProxies": [{"endpoints": ["10.20.8.9"], "ports": ["3128"]}],
 "manifest": {"id": "urn:uuid:7c1f7f0e-6a0b-4f0d-9f58-2f6f0e0c5a11", "minSerial": 7}, "installedVersion": "8.2.4",
 "roles": {"server": {"endpoints": ["10.20.4.16/30", "2001:db8:20:4::/126", "mac:00:00:5e:00:53:01"]}, "agent": {"endpoints": ["10.20.5.0/24"], "vlans": [120]}},
 "variables": {"ldap_directory": ["10.20.1.10"], "resolvers": ["10.20.0.53"], "admin_nets": ["10.9.0.0/24"], "tenant": "contoso", "mail": ["dns:mail.corp.example"]},
 "exceptions": [
  {"id": "syslog", "from": {"role": "server"}, "to": {"endpoints": ["10.20.6.14"]}, "transport": "udp", "ports": ["514"], "reason": "logs", "ticket": "CHG-1"},
  {"id": "old", "from": {"role": "server"}, "to": {"endpoints": ["10.20.6.15"]}, "reason": "move", "expires": "2026-03-02T00:00:00Z"},
  {"id": "scan", "from": {"endpoints": ["10.20.7.1"]}, "to": {"role": "server"}, "reason": "vulnerability scanner"}],
 "policy": {"mode": "enforce", "warmupSeconds": 0}
}`

func compile(t testing.TB, bindings string, manifests ...string) *allowlist.Table {
	t.Helper()
	b, err := manifest.DecodeBindings("site.json", []byte(bindings))
	if err != nil {
		t.Fatal(err)
	}
	s := allowlist.Site{Bindings: b}
	for _, text := range manifests {
		m, err := manifest.Decode("manifest.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		s.Manifests = append(s.Manifests, m)
	}
	table, err := allowlist.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

const (
	second = int64(1e9)
	noon   = int64(1772712000) * second // 2026-03-05T12:00:00Z
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// tcp is a whole TCP conversation that has ended.
func tcp(client, server, app string, names ...Name) *Conversation {
	return &Conversation{
		ID: 1, Phase: Ended, Start: noon, Now: noon + second, Proto: 6, Client: ap(client), Server: ap(server), App: app, Names: names,
		PktsToServer: 5, PktsToClient: 5, BytesToServer: 500, BytesToClient: 500, PayloadToServer: true, PayloadToClient: true, Established: true,
		TLS: TLS{Hello: app == "tls"},
	}
}

func udp(client, server, app string) *Conversation {
	c := tcp(client, server, app)
	c.Proto = 17
	return c
}

// look teaches j that the client was given addresses for name.
func look(j *Judge, at int64, name string, answers ...Answer) {
	l := Lookup{ID: 99, Now: at, Client: netip.MustParseAddr("10.20.4.17"), Resolver: ap("10.20.0.53:53"), Proto: 17, Via: "dns", Response: true,
		Questions: []Question{{Name: name, Type: 1}}, Answers: answers}
	j.Lookup(&l)
}

func a(name, addr string) Answer {
	return Answer{Name: name, Addr: netip.MustParseAddr(addr), TTL: 60}
}
