package manifestdiff

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"netsensor/internal/manifest"
)

// nameSet answers which names a list covers.
type nameSet struct {
	exact    map[string]bool
	suffixes map[string]reach
}

// reach is what a suffix covers.
type reach struct {
	depth manifest.Depth
	apex  bool
}

func newNameSet(names []manifest.Name) nameSet {
	s := nameSet{exact: make(map[string]bool, len(names)), suffixes: make(map[string]reach)}
	for i := range names {
		n := &names[i]
		if n.Suffix == "" {
			s.exact[n.Exact] = true
			continue
		}
		r := s.suffixes[n.Suffix]
		r.depth, r.apex = max(r.depth, n.Depth), r.apex || n.Apex
		s.suffixes[n.Suffix] = r
	}
	return s
}

// covers reports whether all that n stands for is in the set, whatever variables are bound to.
func (s nameSet) covers(n *manifest.Name) bool {
	if n.Suffix == "" {
		return s.coversExact(n.Exact)
	}
	if n.Apex && !s.coversExact(n.Suffix) {
		return false
	}
	return s.suffixes[n.Suffix].depth >= n.Depth || s.below(n.Suffix)
}

func (s nameSet) coversExact(name string) bool {
	if s.exact[name] || s.suffixes[name].apex || s.below(name) {
		return true
	}
	label, parent, found := strings.Cut(name, ".")
	// A variable can stand for more than one label.
	return found && !strings.Contains(label, "$") && s.suffixes[parent].depth >= manifest.DepthOne
}

// below reports whether name is below a suffix that covers names of any depth.
func (s nameSet) below(name string) bool {
	for {
		_, parent, found := strings.Cut(name, ".")
		if !found {
			return false
		}
		if s.suffixes[parent].depth == manifest.DepthAny {
			return true
		}
		name = parent
	}
}

// uncovered returns the names of list that set does not cover, in the manifest's words.
func (s nameSet) uncovered(list []manifest.Name) []string {
	var rest []string
	for i := range list {
		if !s.covers(&list[i]) {
			rest = append(rest, nameText(&list[i]))
		}
	}
	slices.Sort(rest)
	return slices.Compact(rest)
}

func nameText(n *manifest.Name) string {
	switch {
	case n.Suffix == "":
		return n.Exact
	case n.Depth == manifest.DepthOne && n.Apex:
		return n.Suffix + " and one label below"
	case n.Depth == manifest.DepthOne:
		return "one label below " + n.Suffix
	case n.Apex:
		return n.Suffix + " and everything below"
	}
	return "everything below " + n.Suffix
}

// addrSet is a union of address ranges: sorted, apart from each other.
type addrSet []addrRange

type addrRange struct{ first, last netip.Addr }

func newAddrSet(list []manifest.CIDR) addrSet {
	all := make(addrSet, len(list))
	for i, p := range list {
		all[i] = rangeOf(p.Prefix)
	}
	slices.SortFunc(all, func(a, b addrRange) int { return a.first.Compare(b.first) })
	merged := all[:0]
	for _, r := range all {
		if n := len(merged); n > 0 && touches(merged[n-1].last, r.first) {
			if merged[n-1].last.Less(r.last) {
				merged[n-1].last = r.last
			}
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// touches reports whether a range that begins at first overlaps or continues one that begins earlier and ends at last.
func touches(last, first netip.Addr) bool {
	if last.BitLen() != first.BitLen() {
		return false
	}
	next := last.Next()
	return !next.IsValid() || !next.Less(first)
}

func rangeOf(p netip.Prefix) addrRange {
	p = p.Masked()
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return addrRange{p.Addr(), last}
}

func (s addrSet) covers(p netip.Prefix) bool {
	r := rangeOf(p)
	i := sort.Search(len(s), func(i int) bool { return r.first.Less(s[i].first) })
	return i > 0 && r.first.BitLen() == s[i-1].last.BitLen() && !s[i-1].last.Less(r.last)
}

func (s addrSet) uncovered(list []manifest.CIDR) []string {
	var rest []string
	for _, p := range list {
		if !s.covers(p.Prefix) {
			rest = append(rest, p.String())
		}
	}
	slices.Sort(rest)
	return slices.Compact(rest)
}

// portSet is a union of port ranges, sorted and apart from each other, and variables.
type portSet struct {
	ranges    []manifest.Port
	variables map[string]bool
}

func newPortSet(list []manifest.Port) portSet {
	s := portSet{variables: make(map[string]bool)}
	for _, p := range list {
		if p.Variable != "" {
			s.variables[p.Variable] = true
		} else {
			s.ranges = append(s.ranges, p)
		}
	}
	slices.SortFunc(s.ranges, func(a, b manifest.Port) int { return cmp.Compare(a.First, b.First) })
	merged := s.ranges[:0]
	for _, p := range s.ranges {
		if n := len(merged); n > 0 && int(p.First) <= int(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, p.Last)
			continue
		}
		merged = append(merged, p)
	}
	s.ranges = merged
	return s
}

func (s portSet) uncovered(list []manifest.Port) []string {
	var rest []string
	for _, p := range list {
		if !s.covers(p) {
			rest = append(rest, p.String())
		}
	}
	return rest
}

func (s portSet) covers(p manifest.Port) bool {
	if p.Variable != "" {
		return s.variables[p.Variable]
	}
	i := sort.Search(len(s.ranges), func(i int) bool { return p.First < s.ranges[i].First })
	return i > 0 && p.Last <= s.ranges[i-1].Last
}
