package judge

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/manifest"
	"netsensor/internal/names"
)

// oracle says, from the documents alone and by looking at everything, whether one end of a conversation could be
// expected: whether any communication or exception of what it runs fits.
type oracle struct {
	b *manifest.Bindings
	m *manifest.Manifest
}

func (o *oracle) plays(role string, a netip.Addr, vlan uint16) bool {
	rb := o.b.Products[0].Roles[role]
	return (len(rb.VLANs) == 0 || slices.Contains(rb.VLANs, vlan)) && inside(rb.Endpoints, a)
}

func inside(es []manifest.Endpoint, a netip.Addr) bool {
	return slices.ContainsFunc(es, func(e manifest.Endpoint) bool {
		return e.Kind == manifest.Network && e.First.BitLen() == a.BitLen() && e.First.Compare(a) <= 0 && a.Compare(e.Last) <= 0
	})
}

func (o *oracle) bound(a netip.Addr, vlan uint16) bool {
	return o.plays("server", a, vlan) || o.plays("agent", a, vlan)
}

func (o *oracle) variable(name string) (es []manifest.Endpoint) {
	for _, i := range o.b.Products[0].Variables[name].Items {
		if e, err := manifest.ParseEndpoint(i.Text); err == nil {
			es = append(es, e)
		}
	}
	return es
}

// peer reports whether p may be address a, or one of the names.
func (o *oracle) peer(p *manifest.Peer, a netip.Addr, evidence []string) bool {
	if p.Role != "" {
		return inside(o.b.Products[0].Roles[p.Role].Endpoints, a)
	}
	if p.Variable != "" {
		es := o.variable(p.Variable)
		return inside(es, a) || slices.ContainsFunc(es, func(e manifest.Endpoint) bool {
			return e.Kind == manifest.DNSName && slices.Contains(evidence, e.Text)
		})
	}
	for _, n := range p.Names {
		for _, e := range evidence {
			exact := strings.ReplaceAll(n.Exact, "${tenant}", "contoso")
			front, ok := strings.CutSuffix(e, "."+n.Suffix)
			if e == exact || n.Suffix != "" && ok && (n.Depth == manifest.DepthAny || !strings.Contains(front, ".")) || n.Apex && e == n.Suffix {
				return true
			}
		}
	}
	return p.Hosting == manifest.Dedicated && slices.ContainsFunc(p.CIDRs, func(c manifest.CIDR) bool { return c.Contains(a) })
}

func (o *oracle) party(p *manifest.Party, a netip.Addr, vlan uint16) bool {
	if p.Role != "" {
		return o.plays(p.Role, a, vlan)
	}
	return inside(p.Endpoints, a)
}

func portFits(ports []manifest.Port, n uint16) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p manifest.Port) bool { return p.First <= n && n <= p.Last })
}

// possible reports whether anything fits, with local initiating or being reached.
func (o *oracle) possible(c *Conversation, client, server netip.AddrPort, outbound bool, evidence []string) bool {
	local, remote := client.Addr(), server.Addr()
	if !outbound {
		local, remote = remote, local
	}
	fits := func(t manifest.Transport, ports []manifest.Port) bool {
		ok := t == manifest.TCP && c.Proto == 6 || t == manifest.UDP && c.Proto == 17 || (t == manifest.UDPTCP || t == "") && (c.Proto == 6 || c.Proto == 17)
		return ok && portFits(ports, server.Port())
	}
	for i := range o.m.Communications {
		m := &o.m.Communications[i]
		on := slices.ContainsFunc(m.Features, func(f string) bool { return o.b.Products[0].Enabled(o.m)[f] })
		if !on || !fits(m.Transport, m.Ports) {
			continue
		}
		for _, turned := range []bool{false, true} {
			if turned && m.Direction != manifest.Both {
				continue
			}
			mine, theirs := &m.From, &m.To
			if outbound == turned {
				mine, theirs = theirs, mine
			}
			if mine.Role != "" && o.plays(mine.Role, local, c.VLAN) && o.peer(theirs, remote, evidence) {
				return true
			}
		}
	}
	for i := range o.b.Products[0].Exceptions {
		x := &o.b.Products[0].Exceptions[i]
		if !x.Expires.IsZero() && c.Now > x.Expires.UnixNano() || !fits(x.Transport, x.Ports) {
			continue
		}
		if o.party(&x.From, client.Addr(), c.VLAN) && o.party(&x.To, server.Addr(), c.VLAN) {
			return true
		}
	}
	return false
}

var (
	someAddrs = []string{"10.20.4.17", "10.20.4.18", "10.20.5.3", "10.20.1.10", "10.20.0.53", "10.9.0.5", "10.20.6.14", "10.20.6.15", "10.20.7.1", "10.20.9.9",
		"203.0.113.10", "203.0.113.66", "198.51.100.20", "198.51.100.40", "2001:db8:20:4::2", "2001:db8::9", "8.8.8.8", "::ffff:10.20.4.17"}
	somePorts = []uint16{22, 25, 53, 80, 389, 443, 514, 636, 3128, 7005, 8200, 8300, 8443, 50000}
	someNames = []string{"telemetry.acme.example", "a.ingest.acme.example", "a.b.ingest.acme.example", "support.acme.example", "c2.evil.test",
		"mail.corp.example", "contoso.vault.acme.example", "pinned.acme.example", "203.0.113.66", "", "."}
	someApps = []string{"", "tls", "http", "ssh", "dns", "ldap", "quic", "smtp"}
)

func randomConversation(r *rand.Rand) *Conversation {
	flip := func(n int) bool { return r.IntN(n) == 0 }
	port := func() uint16 { return somePorts[r.IntN(len(somePorts))] }
	at := func() netip.Addr { return netip.MustParseAddr(someAddrs[r.IntN(len(someAddrs))]) }
	c := &Conversation{
		ID: r.Uint64N(50), Phase: Phase(1 + r.IntN(3)), Start: noon + r.Int64N(3600)*second, Proto: []uint8{6, 6, 6, 17, 1, 47}[r.IntN(6)],
		Client: netip.AddrPortFrom(at(), port()), Server: netip.AddrPortFrom(at(), port()), VLAN: uint16(r.IntN(2) * 120),
		App: someApps[r.IntN(len(someApps))], RolesInferred: flip(10), Midstream: flip(10), Gap: flip(10), OneWay: flip(10),
		PayloadToServer: !flip(4), PayloadToClient: !flip(4), Established: !flip(4), Refused: flip(10),
	}
	c.Now = c.Start + r.Int64N(100)*second
	for range r.IntN(3) {
		c.Names = append(c.Names, Name{someNames[r.IntN(len(someNames))], NameSource(1 + r.IntN(6)), port()})
	}
	if c.App == "tls" {
		c.TLS = TLS{Hello: true, Version: uint16(0x0301 + r.IntN(4)), ECH: flip(10), Cert: flip(2), Issuer: "CN=x", ALPN: []string{"", "h2", "x"}[r.IntN(3)]}
	}
	if flip(5) {
		c.Logins = []Login{{User: "admin", Mechanism: "http-basic", Outcome: uint8(r.IntN(3))}}
	}
	return c
}

func randomLookup(r *rand.Rand, c *Conversation) *Lookup {
	name := someNames[r.IntN(len(someNames))]
	l := &Lookup{ID: c.ID, Now: c.Start, Client: c.Client.Addr(), Resolver: c.Server, Proto: 17, Via: "dns", Response: r.IntN(3) > 0,
		Questions: []Question{{name, uint16(1 + r.IntN(40))}}}
	if l.Response {
		l.Answers = []Answer{{Name: name, Addr: c.Server.Addr(), TTL: r.Uint32N(100)}}
	}
	return l
}

// What the judge expects must be possible by the documents; nothing it is shown may upset it; and what it says
// twice must be the same.
func playRandom(t *testing.T, seed uint64, rounds int) []byte {
	b, err := manifest.DecodeBindings("b", []byte(site))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Decode("m", []byte(vault))
	if err != nil {
		t.Fatal(err)
	}
	o := oracle{b, m}
	j := New(compile(t, site, vault), Config{MaxFolds: 50, MaxConversations: 20, MaxHosts: 3, Names: names.Config{MaxPerClient: 8}})
	r := rand.New(rand.NewPCG(seed, 9))
	var log []byte
	for range rounds {
		c := randomConversation(r)
		if r.IntN(3) == 0 {
			for _, al := range j.Lookup(randomLookup(r, c)) {
				log = al.AppendEVE(log, &eve.Options{})
			}
		}
		out := j.Conversation(c)
		log = fmt.Appendf(log, "%v %v %v %v\n", out.Verdict, out.Reason, out.Rule, out.Failed)
		for _, al := range out.Alerts {
			log = al.AppendEVE(log, &eve.Options{})
		}
		client := netip.AddrPortFrom(c.Client.Addr().Unmap(), c.Client.Port())
		server := netip.AddrPortFrom(c.Server.Addr().Unmap(), c.Server.Port())
		atClient, atServer := o.bound(client.Addr(), c.VLAN), o.bound(server.Addr(), c.VLAN)
		if !atClient && !atServer && out.Verdict != NotJudged {
			t.Fatalf("%+v: %v, and nobody is bound", c, out.Verdict)
		}
		if out.Verdict != Expected {
			continue
		}
		var evidence []string
		for _, n := range c.Names {
			evidence = append(evidence, strings.TrimSuffix(n.Text, "."))
		}
		for _, k := range j.names.Names(nil, client.Addr(), server.Addr(), c.Start) {
			evidence = append(evidence, k.Name)
		}
		for _, k := range j.names.Names(nil, server.Addr(), client.Addr(), c.Start) {
			evidence = append(evidence, k.Name)
		}
		ok := (!atClient || o.possible(c, client, server, true, evidence)) && (!atServer || o.possible(c, client, server, false, evidence))
		if !ok && c.RolesInferred {
			ok = (!atClient || o.possible(c, server, client, false, evidence)) && (!atServer || o.possible(c, server, client, true, evidence))
		}
		if !ok {
			t.Fatalf("%+v: expected by %s, and the documents do not declare it", c, out.Entry.ID)
		}
	}
	rep := j.Report()
	if n := rep.Expected + rep.Unexpected + rep.Undecidable + rep.NotJudged; n == 0 || len(rep.Hosts) > 4 {
		t.Errorf("%+v", rep)
	}
	return fmt.Appendf(log, "%+v", rep.ByRule)
}

func TestOracle(t *testing.T) {
	for seed := range uint64(20) {
		first := playRandom(t, seed, 2000)
		if seed < 3 && !bytes.Equal(first, playRandom(t, seed, 2000)) {
			t.Errorf("seed %d: the same input gave another output", seed)
		}
	}
}

func FuzzConversation(f *testing.F) {
	f.Add(uint64(1), "telemetry.acme.example", "[::1]", []byte{10, 20, 4, 17}, []byte{203, 0, 113, 1})
	f.Fuzz(func(t *testing.T, seed uint64, n1, n2 string, from, to []byte) {
		j := New(compile(t, site, vault), Config{})
		r := rand.New(rand.NewPCG(seed, 1))
		c := randomConversation(r)
		c.Names = append(c.Names, Name{n1, SNI, 1}, Name{n2, Host, 2}, Name{n1, Target, 3})
		c.TLS.CertNames = []string{n1, n2}
		c.Logins = []Login{{User: n1, Mechanism: n2}}
		c.Files = []File{{Name: n1, SHA256: n2}, {Name: n2, ToServer: true, Signer: Signer{Kind: "openpgp", Subject: n1}}}
		c.Leases = []Lease{{MAC: n1, Host: n2}, {MAC: n1, Addr: c.Client.Addr()}, {MAC: "00:00:5e:00:53:01", Addr: c.Server.Addr()}}
		c.ClientMAC, c.ServerMAC = n1, "00:00:5e:00:53:01"
		if a, ok := netip.AddrFromSlice(from); ok {
			c.Client = netip.AddrPortFrom(a, 1)
		}
		if a, ok := netip.AddrFromSlice(to); ok {
			c.Server = netip.AddrPortFrom(a, 443)
		}
		l := randomLookup(r, c)
		l.Questions = append(l.Questions, Question{n1, 1}, Question{n2, 33})
		l.Answers = append(l.Answers, Answer{Name: n1, To: n2}, Answer{Name: n2, Addr: c.Server.Addr()})
		j.Lookup(l)
		for _, al := range j.Conversation(c).Alerts {
			al.AppendEVE(nil, &eve.Options{})
		}
	})
}
