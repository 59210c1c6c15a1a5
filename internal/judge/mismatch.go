package judge

import (
	"net/netip"
	"slices"

	"golang.org/x/net/publicsuffix"

	"netsensor/internal/names"
)

// contradicted returns a claim that the client's own look-ups contradict: it was given other addresses for the
// name, and this one neither for it nor in the declaration, no certificate speaks for it, and there is no other
// explanation either.
func (j *Judge) contradicted(l *leg, entry int) *claim {
	ev, c := &j.ev, l.c
	if c.RolesInferred || c.Midstream {
		return nil
	}
	for i := range ev.claims {
		cl := &ev.claims[i]
		if ev.given(ev.name(cl)) {
			continue
		}
		if res, _ := j.names.Resolve(l.local, ev.name(cl), l.peer, c.Start); res != names.Elsewhere {
			continue
		}
		if entry >= 0 && j.listed(entry, l.peer) || j.related(ev.name(cl)) {
			continue
		}
		if ev.public == 0 && (certCovers(c, ev.name(cl)) || j.neighbour(l, ev.name(cl))) {
			continue
		}
		return cl
	}
	return nil
}

// related reports whether all names for which the client was given the server's address are of a kind with name: a
// name of the same entry, or of the same registrable domain. A client that speaks HTTP/2 uses one connection for all
// names that the server's certificate covers (RFC 9113, section 9.1.1).
func (j *Judge) related(name []byte) bool {
	ev := &j.ev
	if ev.public == 0 {
		return false
	}
	j.relatives = j.table.ByName(j.relatives[:0], name)
	for i := range ev.known[:ev.public] {
		known := ev.known[i].Name
		j.scratch = append(j.scratch[:0], known...)
		j.ids = j.table.ByName(j.ids[:0], j.scratch)
		same := slices.ContainsFunc(j.ids, func(e uint32) bool { return slices.Contains(j.relatives, e) })
		if !same && !sameOwner(known, string(name)) {
			return false
		}
	}
	return true
}

// sameOwner reports whether two names are of one registrable domain.
func sameOwner(a, b string) bool {
	x, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil {
		return false
	}
	y, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && x == y
}

// maxGiven bounds the addresses of a name that are looked at.
const maxGiven = 64

// neighbour reports whether the server is where the servers of name are known to change their addresses: in the same
// IPv4 /24 or IPv6 /48 as an address that the client was given, where either several were given there, or that one
// must have been asked for again since, unseen.
func (j *Judge) neighbour(l *leg, name []byte) bool {
	j.given = j.names.Given(j.given[:0], l.local, name, l.c.Start, maxGiven)
	near, stale := 0, false
	for i := range j.given {
		g := &j.given[i]
		bits := 24
		if g.Addr.Is6() {
			bits = 48
		}
		if p, err := g.Addr.Prefix(bits); err == nil && p.Contains(l.peer) {
			near++
			stale = stale || l.c.Start-g.Last > int64(g.TTL)*1e9
		}
	}
	return near > 1 || stale
}

// listed reports whether an entry declares an address, beside its names.
func (j *Judge) listed(entry int, a netip.Addr) bool {
	j.ids = j.table.ByAddress(j.ids[:0], a)
	for _, i := range j.ids {
		if int(i) == entry {
			return true
		}
	}
	return false
}

func (j *Judge) mismatch(l *leg, f finding, cl *claim) finding {
	f.verdict, f.rule, f.reason, f.failed = Unexpected, NameMismatch, NoReason, FailedAddress
	f.name, f.source = string(j.ev.name(cl)), cl.source
	f.confidence = Medium
	if j.ev.public > 0 {
		f.confidence = High // it looked the address up, by another name
	}
	if u, ok := j.names.Client(l.local); ok && u.Evicted {
		f.confidence = Low
	}
	return f
}

// certCovers reports whether the server's certificate names name.
func certCovers(c *Conversation, name []byte) bool {
	for _, n := range c.TLS.CertNames {
		if len(n) > 2 && n[0] == '*' && n[1] == '.' {
			// RFC 6125, section 6.4.3: the wildcard is one label.
			for i, b := range name {
				if b == '.' {
					if equalFold(n[1:], name[i:]) {
						return true
					}
					break
				}
			}
		} else if equalFold(n, name) {
			return true
		}
	}
	return false
}

func equalFold(s string, b []byte) bool {
	if len(s) != len(b) {
		return false
	}
	for i := range b {
		c := s[i]
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		if c != b[i] {
			return false
		}
	}
	return true
}
