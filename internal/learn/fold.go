package learn

import (
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"netsensor/internal/manifest"
)

// siblings is how many names below one parent are evidence that there are more.
const siblings = 3

// foldNames turns names into entries: siblings become a suffix of depth one, where their parent belongs to one owner
// alone, the others stay as they are.
func foldNames(names map[string]bool) []manifest.Name {
	children := map[string]int{}
	for n := range names {
		if _, parent, ok := strings.Cut(n, "."); ok {
			children[parent]++
		}
	}
	covered := func(parent string) bool { return children[parent] >= siblings && owned(parent) }
	var folded []manifest.Name
	for _, n := range sortedKeys(names) {
		_, parent, _ := strings.Cut(n, ".")
		if covered(n) || covered(parent) {
			continue
		}
		folded = append(folded, manifest.Name{Exact: n})
	}
	for _, parent := range sortedKeys(children) {
		if covered(parent) {
			folded = append(folded, manifest.Name{Suffix: parent, Depth: manifest.DepthOne, Apex: names[parent]})
		}
	}
	return folded
}

// owned reports whether all names below a domain are one owner's.
func owned(domain string) bool {
	if _, err := publicsuffix.EffectiveTLDPlusOne(domain); err != nil {
		return false
	}
	return !manifest.SharedZone(domain)
}

// covers reports whether a name is one of declared.
func covers(declared []manifest.Name, name string) bool {
	return slices.ContainsFunc(declared, func(n manifest.Name) bool {
		if n.Suffix == "" {
			return n.Exact == name
		}
		if n.Apex && n.Suffix == name {
			return true
		}
		label, ok := strings.CutSuffix(name, "."+n.Suffix)
		return ok && (n.Depth == manifest.DepthAny || !strings.Contains(label, "."))
	})
}

// The bounds of lists of addresses and ports.
const (
	neighbours   = 8 // addresses of one small network that are evidence of more
	maxAddresses = 1024
	dynamicPorts = 3  // ports of the dynamic range (RFC 6335, section 6)
	maxPorts     = 64 // single ports
	firstDynamic = 49152
)

// foldAddresses returns the shortest honest list of networks: many clients of one /24 or /64 become that, and where
// there are too many, ever wider networks.
func foldAddresses(addrs map[netip.Addr]bool, fold bool) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(addrs))
	for a := range addrs {
		list = append(list, netip.PrefixFrom(a, a.BitLen()))
	}
	least := neighbours
	for _, w := range [...]struct{ v4, v6 int }{{24, 64}, {20, 56}, {16, 48}, {12, 40}} {
		if !fold && len(list) <= maxAddresses {
			break
		}
		list = widen(list, w.v4, w.v6, least)
		fold, least = false, 2
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list
}

// widen puts prefixes together where at least so many lie in one wider network.
func widen(list []netip.Prefix, v4, v6, least int) []netip.Prefix {
	wider := func(p netip.Prefix) netip.Prefix {
		bits := v6
		if p.Addr().Is4() {
			bits = v4
		}
		return netip.PrefixFrom(p.Addr(), min(bits, p.Bits())).Masked()
	}
	count := map[netip.Prefix]int{}
	for _, p := range list {
		count[wider(p)]++
	}
	var out []netip.Prefix
	for _, p := range list {
		if count[wider(p)] < least {
			out = append(out, p)
		}
	}
	for w, n := range count {
		if n >= least {
			out = append(out, w)
		}
	}
	return out
}

// foldPorts returns ports in order: several of the dynamic range are the range, and where there are very many, so are
// all above 1023.
func foldPorts(ports map[uint16]bool) []manifest.Port {
	list := sortedKeys(ports)
	dynamic := 0
	for _, p := range list {
		if p >= firstDynamic {
			dynamic++
		}
	}
	first := uint32(1 << 16)
	if dynamic >= dynamicPorts {
		first = firstDynamic
	}
	if len(list) > maxPorts {
		first = 1024
	}
	var out []manifest.Port
	for _, p := range list {
		if uint32(p) >= first {
			out = append(out, manifest.Port{First: uint16(first), Last: 65535})
			break
		}
		if n := len(out); n > 0 && out[n-1].Last+1 == p {
			out[n-1].Last = p
			continue
		}
		out = append(out, manifest.Port{First: p, Last: p})
	}
	return out
}
