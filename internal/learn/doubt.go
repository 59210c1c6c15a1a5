package learn

import (
	"net/netip"
	"strings"

	"netsensor/internal/judge"
	"netsensor/internal/names"
)

// maxGiven bounds the addresses of a name that are looked at.
const maxGiven = 64

// doubtful reports whether a client claims a name at an address that its own look-ups contradict, and nothing speaks
// for it: what the judge calls name-mismatch is not to be learnt as the name's.
func (l *Collector) doubtful(c *judge.Conversation, client, server netip.Addr, name string) bool {
	if c.RolesInferred || c.Midstream {
		return false
	}
	l.scratch = append(l.scratch[:0], name...)
	if r, _ := l.names.Resolve(client, l.scratch, server, c.Start); r != names.Elsewhere {
		return false
	}
	l.known = l.names.Names(l.known[:0], client, server, c.Start)
	looked := false
	for i := range l.known {
		if l.known[i].Private {
			continue
		}
		if registrable(l.known[i].Name) != registrable(name) {
			return true
		}
		looked = true
	}
	return !looked && !certified(c, name) && !l.neighbour(c, client, server, name)
}

// certified reports whether the server's certificate names name (RFC 6125, section 6.4.3: a star is one label).
func certified(c *judge.Conversation, name string) bool {
	_, parent, _ := strings.Cut(name, ".")
	for _, n := range c.TLS.CertNames {
		if wild, ok := strings.CutPrefix(n, "*."); ok && strings.EqualFold(wild, parent) || strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// neighbour reports whether the server is where those of name change their addresses: in a small network in which the
// client was given several, or one that had run out.
func (l *Collector) neighbour(c *judge.Conversation, client, server netip.Addr, name string) bool {
	l.scratch = append(l.scratch[:0], name...)
	near, stale := 0, false
	for _, g := range l.names.Given(nil, client, l.scratch, c.Start, maxGiven) {
		bits := 24
		if g.Addr.Is6() {
			bits = 48
		}
		if p, err := g.Addr.Prefix(bits); err == nil && p.Contains(server) {
			near++
			stale = stale || c.Start-g.Last > int64(g.TTL)*1e9
		}
	}
	return near > 1 || stale
}
