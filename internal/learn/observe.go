package learn

import (
	"net/netip"
	"strings"

	"netsensor/internal/judge"
	"netsensor/internal/manifest"
	"netsensor/internal/names"
)

// key is one thing that is done: who talks to whom, by what.
type key struct {
	client netip.Addr
	// server is not valid where a name outside of the site says it better.
	server netip.Addr
	name   string
	proto  uint8
	port   uint16
	method method
	note   note
}

// note is what else is to be said about a key.
type note uint8

const (
	plain   note = iota
	doubt        // a name was claimed that belongs elsewhere
	relayed      // a name at a host of the site: it matters if that is an egress proxy
)

// asking is a name that a host asked for.
type asking struct {
	client netip.Addr
	name   string
}

// tally is how often something was done.
type tally struct {
	flows, inferred, silent uint64
	toServer, toClient      uint64 // bytes
	first, last             int64
	minTLS                  uint16 // the lowest version negotiated, 0 when none was seen
}

func (t *tally) add(c *judge.Conversation) {
	t.flows++
	if c.RolesInferred {
		t.inferred++
	}
	if !c.PayloadToClient {
		t.silent++
	}
	t.toServer += c.BytesToServer
	t.toClient += c.BytesToClient
	t.during(c.Start, c.Now)
	if v := c.TLS.Version; v != 0 && (t.minTLS == 0 || v < t.minTLS) {
		t.minTLS = v
	}
}

func (t *tally) during(first, last int64) {
	if t.first == 0 || first < t.first {
		t.first = first
	}
	t.last = max(t.last, last)
}

// join adds what another one counted.
func (t *tally) join(o *tally) {
	t.flows, t.inferred, t.silent = t.flows+o.flows, t.inferred+o.inferred, t.silent+o.silent
	t.toServer, t.toClient = t.toServer+o.toServer, t.toClient+o.toClient
	t.during(o.first, o.last)
	if o.minTLS != 0 && (t.minTLS == 0 || o.minTLS < t.minTLS) {
		t.minTLS = o.minTLS
	}
}

// Conversation learns from a conversation that has ended. It never judges.
func (l *Collector) Conversation(c *judge.Conversation) judge.Outcome {
	if c.Phase != judge.Ended || l.housekeeping(c) {
		return judge.Outcome{}
	}
	client, clientPort := c.Client.Addr().Unmap().WithZone(""), c.Client.Port()
	server, port := c.Server.Addr().Unmap().WithZone(""), c.Server.Port()
	if !l.candidate(client) && !l.candidate(server) {
		return judge.Outcome{}
	}
	l.clock(c.Now)
	// Where the beginning was not seen, the lower port is the server's; what was claimed was then claimed by the other end.
	flipped := c.RolesInferred && clientPort < port && clientPort != 0
	if flipped {
		client, server, port = server, client, clientPort
	}
	m := methodOf(c, port)
	l.present(c, client, server, m)
	if flipped || l.internal(server) || m == "DNS" {
		k := key{client: client, server: server, proto: c.Proto, port: port, method: m}
		l.record(k, c)
		if !flipped && m == "HTTP" && l.candidate(client) {
			l.relayed(k, c)
		}
	} else {
		l.outside(c, client, server, port, m)
	}
	if !flipped && l.candidate(client) {
		l.proxy(c, client, netip.AddrPortFrom(server, port))
	}
	return judge.Outcome{}
}

// relayed records the names that an HTTP client claims at a host of the site.
func (l *Collector) relayed(k key, c *judge.Conversation) {
	k.note = relayed
	for i := range c.Names {
		if n := &c.Names[i]; n.Source == judge.Host {
			if name, ok := l.name(n.Text); ok {
				k.name = name
				l.record(k, c)
			}
		}
	}
}

// outside records a conversation with a server outside of the site: by the names that the client claims, else by
// what it looked up, else by the address.
func (l *Collector) outside(c *judge.Conversation, client, server netip.Addr, port uint16, m method) {
	k := key{client: client, proto: c.Proto, port: port, method: m}
	claimed := ""
	for i := range c.Names {
		n := &c.Names[i]
		if n.Source != judge.SNI && n.Source != judge.Host {
			continue
		}
		name, ok := l.name(n.Text)
		if !ok || name == claimed {
			continue
		}
		claimed = name
		if k.name = name; l.doubtful(c, client, server, name) {
			l.record(key{client: client, server: server, proto: c.Proto, port: port, method: m, note: doubt}, c)
			continue
		}
		l.record(k, c)
	}
	if claimed != "" {
		return
	}
	l.known = l.names.Names(l.known[:0], client, server, c.Start)
	for i := range l.known {
		if l.known[i].Private {
			continue
		}
		if name, ok := l.name(l.known[i].Name); ok {
			k.name = name
			l.record(k, c)
			return
		}
	}
	k.server = server
	l.record(k, c)
}

// proxy records what an egress proxy was asked for.
func (l *Collector) proxy(c *judge.Conversation, client netip.Addr, server netip.AddrPort) {
	for i := range c.Names {
		n := &c.Names[i]
		if n.Source != judge.Target || !c.PayloadToClient {
			continue
		}
		if len(l.proxies) < l.cfg.Max {
			l.proxies[server] = true
		}
		k := key{client: client, proto: c.Proto, port: n.Port, method: inner(c)}
		if k.port == 0 {
			k.port = server.Port()
		}
		if a, err := netip.ParseAddr(strings.Trim(n.Text, "[]")); err == nil {
			k.server = a.Unmap().WithZone("")
		} else if name, ok := l.name(n.Text); ok {
			k.name = name
		} else {
			continue
		}
		l.record(k, c)
	}
}

// name returns a name as a manifest writes it. Addresses are none.
func (l *Collector) name(s string) (string, bool) {
	l.scratch = names.AppendNormal(l.scratch[:0], s)
	text := string(l.scratch)
	if text == "" || strings.Contains(text, ":") {
		return "", false
	}
	if strings.Trim(text, "0123456789.") == "" {
		return "", false
	}
	n, err := manifest.NormalName(text)
	if err != nil || n != text {
		l.cannotWrite(text)
		return "", false
	}
	return n, true
}

func (l *Collector) cannotWrite(name string) {
	if len(l.unwritable) < maxUnwritable {
		l.unwritable[name]++
	}
}

// maxUnwritable bounds what is reported because no manifest can hold it.
const maxUnwritable = 256

func (l *Collector) record(k key, c *judge.Conversation) {
	if k.port == 0 && transport(k.proto).HasPorts() {
		l.cannotWrite("port 0 of " + k.server.String())
		return
	}
	t := l.seen[k]
	if t == nil {
		if len(l.seen) >= l.cfg.Max {
			l.dropped++
			return
		}
		t = &tally{}
		l.seen[k] = t
	}
	t.add(c)
}

// present remembers that hosts exist, and what they serve.
func (l *Collector) present(c *judge.Conversation, client, server netip.Addr, m method) {
	l.host(client)
	// Half of a conversation is often all that is captured: what was said to a server counts as well as what it said.
	if c.PktsToClient > 0 || m.named() {
		if h := l.host(server); h != nil && m.named() && !c.RolesInferred {
			(*h)[string(m)] = true
		}
	}
}

func (l *Collector) host(a netip.Addr) *served {
	if !l.candidate(a) {
		return nil
	}
	h := l.hosts[a]
	if h == nil {
		if len(l.hosts) >= l.cfg.Max {
			l.dropped++
			return nil
		}
		h = &served{}
		l.hosts[a] = h
	}
	return h
}

// The query types that ask for something other than a host.
const (
	typeNS  = 2
	typeSOA = 6
	typePTR = 12
)

// question records a name that is asked for, as the judge looks at it: _ldap._tcp.corp.example is about corp.example.
func (l *Collector) question(client netip.Addr, q *judge.Question, now int64) {
	l.scratch = names.AppendNormal(l.scratch[:0], q.Name)
	name := string(l.scratch)
	if name == "" || q.Type == typePTR || q.Type == typeSOA || q.Type == typeNS && !strings.Contains(name, ".") || strings.HasSuffix(name, ".arpa") {
		return
	}
	if i := strings.LastIndex(name, "._"); i >= 0 || name[0] == '_' {
		if _, rest, ok := strings.Cut(name[i+1:], "."); ok {
			name = rest
		}
	}
	name, ok := l.name(name)
	if !ok {
		l.cannotWrite(q.Name)
		return
	}
	k := asking{client, name}
	t := l.asked[k]
	if t == nil {
		if len(l.asked) >= l.cfg.Max {
			l.dropped++
			return
		}
		t = &tally{}
		l.asked[k] = t
		l.host(client)
	}
	t.flows++
	t.during(now, now)
}

// housekeeping reports whether a conversation keeps the network itself going, or goes to a group: the judge looks at
// neither.
func (l *Collector) housekeeping(c *judge.Conversation) bool {
	server := c.Server.Addr().Unmap()
	last := server.AsSlice()
	broadcast := server.Is4() && last[3] == 255
	switch c.Proto {
	case 1, 2, 58, 103: // ICMP, IGMP, PIM
		return true
	case 17:
		switch p := c.Server.Port(); {
		case p == 67, p == 68, p == 546, p == 547: // DHCP
			return true
		case p == 137 || p == 138: // NetBIOS
			if broadcast || c.Client.Port() == p {
				return true
			}
		}
		if broadcast && c.PktsToClient == 0 && l.internal(server) {
			return true
		}
	}
	return !server.IsValid() || server.IsMulticast() || server == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
