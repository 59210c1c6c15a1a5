package judge

import (
	"net/netip"

	"netsensor/internal/names"
)

// contradicted returns a claim that the client's own look-ups contradict: it was given other addresses for the
// name, and this one neither for it nor in the declaration, and no certificate speaks for it.
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
		if entry >= 0 && j.listed(entry, l.peer) {
			continue
		}
		if ev.public == 0 && certCovers(c, ev.name(cl)) {
			continue
		}
		return cl
	}
	return nil
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
