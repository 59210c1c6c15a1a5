package manifest

import (
	"slices"
	"strings"
)

// maxCovers bounds how many entries with the same suffix are looked at.
const maxCovers = 8

// declared is a name in a communication.
type declared struct{ communication, name int }

// shadows reports names that another name covers: of the same communication, or of one that accepts the same
// traffic, so that it cannot be told which of them was meant.
func (l *manifestLinter) shadows() {
	exact := make(map[string]declared) // the first of each
	suffixes := make(map[string][]declared)
	for i := range l.m.Communications {
		names := l.m.Communications[i].To.Names
		for j := range names {
			if s := names[j].Suffix; s != "" && len(suffixes[s]) < maxCovers {
				suffixes[s] = append(suffixes[s], declared{i, j})
			}
		}
	}
	for i := range l.m.Communications {
		names := l.m.Communications[i].To.Names
		for j := range names {
			n := &names[j]
			d := declared{i, j}
			if n.Suffix == "" {
				if first, twice := exact[n.Exact]; twice {
					l.shadowed(d, first)
				} else {
					exact[n.Exact] = d
				}
			}
			if len(suffixes) > 0 {
				l.shadowedBySuffix(d, n, suffixes)
			}
		}
	}
}

// shadowedBySuffix looks for suffixes that cover n, from the whole name up.
func (l *manifestLinter) shadowedBySuffix(d declared, n *Name, suffixes map[string][]declared) {
	zone := n.Text()
	for depth := 0; ; depth++ {
		for _, s := range suffixes[zone] {
			cover := &l.m.Communications[s.communication].To.Names[s.name]
			if s != d && covers(cover, n, depth) && (s.communication != d.communication || !covers(n, cover, 0) || s.name < d.name) && l.shadowed(d, s) {
				return
			}
		}
		_, above, found := strings.Cut(zone, ".")
		if !found {
			return
		}
		zone = above
	}
}

// covers reports whether the suffix s covers all that n does, where depth labels of n are in front of s.
func covers(s, n *Name, depth int) bool {
	if s.Suffix == "" || depth == 0 && n.Text() != s.Suffix {
		return false
	}
	if n.Suffix == "" {
		return depth == 0 && s.Apex || depth == 1 || depth > 1 && s.Depth == DepthAny
	}
	if depth == 0 {
		return (s.Apex || !n.Apex) && (s.Depth == DepthAny || n.Depth == DepthOne)
	}
	return s.Depth == DepthAny
}

// shadowed reports d if o, which covers its name, accepts its traffic as well.
func (l *manifestLinter) shadowed(d, o declared) bool {
	c, other := &l.m.Communications[d.communication], &l.m.Communications[o.communication]
	name, by := c.To.Names[d.name].Text(), other.To.Names[o.name].Text()
	at := []any{"communications", d.communication, "to", "names", d.name}
	switch {
	case o.communication == d.communication:
		l.report("shadowed-entry", at, "leave one of them out", "%s is covered by %s of the same entry", name, by)
	case sameTraffic(c, other):
		l.report("shadowed-entry", at, "tell them apart by port, method or name", "%s is covered by %s of the entry %q: its traffic is taken as either", name, by, other.ID)
	default:
		return false
	}
	return true
}

// sameTraffic reports whether some conversation could belong to both but for its name.
func sameTraffic(a, b *Communication) bool {
	if a.From.Role != b.From.Role || a.Direction != b.Direction || a.Method != b.Method {
		return false
	}
	if a.Transport != b.Transport && a.Transport != UDPTCP && b.Transport != UDPTCP {
		return false
	}
	return slices.ContainsFunc(a.Ports, func(p Port) bool {
		return slices.ContainsFunc(b.Ports, func(q Port) bool {
			return p.Variable == q.Variable && p.First <= q.Last && q.First <= p.Last
		})
	})
}
