package convert

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// hosts gathers names and addresses of the other end.
type hosts struct {
	names    []manifest.Name
	prefixes []netip.Prefix
	seen     map[manifest.Depth]map[string]bool
}

func (h *hosts) empty() bool { return len(h.names)+len(h.prefixes) == 0 }

func (h *hosts) peer() manifest.Peer {
	return manifest.Peer{Names: h.names, CIDRs: prefixList(h.prefixes)}
}

func (h *hosts) add(name string, depth manifest.Depth) {
	if h.seen[depth][name] {
		return
	}
	if h.seen == nil {
		h.seen = make(map[manifest.Depth]map[string]bool)
	}
	if h.seen[depth] == nil {
		h.seen[depth] = make(map[string]bool)
	}
	h.seen[depth][name] = true
	if depth == manifest.DepthNone {
		h.names = append(h.names, manifest.Name{Exact: name})
	} else {
		h.names = append(h.names, manifest.Name{Suffix: name, Depth: depth})
	}
}

// wideSpecial are the only ranges beyond a /8 or, of IPv6, a /16 that a manifest may declare.
var wideSpecial = []netip.Prefix{
	netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

// prefix adds an address or a range. False: it was lost.
func (d *draft) prefix(at spot, s string, h *hosts) bool {
	p, ok := parsePrefix(s)
	if !ok {
		d.lose(at, strict.Quote(s), "not an address range; left out")
		return false
	}
	if masked := p.Masked(); masked != p {
		d.lose(at, strict.Quote(s), "has bits beyond its length; taken as %s", masked)
		p = masked
	}
	least := 8
	if p.Addr().Is6() {
		least = 16
	}
	if p.Bits() < least {
		special := false
		for _, s := range wideSpecial {
			special = special || s.Bits() <= p.Bits() && s.Contains(p.Addr())
		}
		if !special {
			d.lose(at, strict.Quote(s), "so wide that nearly every address would be expected; left out")
			return false
		}
	}
	h.prefixes = append(h.prefixes, p)
	return true
}

func parsePrefix(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, true
}

// name adds a name without wildcards. False: it was lost.
func (d *draft) name(at spot, s string, h *hosts) bool {
	return d.suffix(at, s, s, manifest.DepthNone, h)
}

// suffix adds a name, or the names below it; whole is how it was written.
func (d *draft) suffix(at spot, whole, s string, depth manifest.Depth, h *hosts) bool {
	n, why := plainName(s)
	if why == "" && depth != manifest.DepthNone {
		if public, icann := publicsuffix.PublicSuffix(n); public == n && (icann || !strings.Contains(n, ".")) {
			why = "anybody can register names below it"
		}
	}
	if why != "" {
		d.lose(at, strict.Quote(whole), "%s; left out", why)
		return false
	}
	h.add(n, depth)
	return true
}

// plainName returns the normal form of a name, or why it cannot be taken. A name that reads like another one is
// not: whoever looks at the manifest would not see whom it lets in.
func plainName(s string) (name, why string) {
	if strings.Contains(s, "$") {
		return "", "a variable of another language"
	}
	n, err := manifest.NormalName(s)
	if err != nil {
		return "", strings.TrimPrefix(err.Error(), strict.Quote(s)+": ")
	}
	if strings.Contains(n, "xn--") {
		u, err := idna.ToUnicode(n)
		if err != nil {
			return "", "not a valid internationalised name"
		}
		for label := range strings.SplitSeq(u, ".") {
			if mixesScripts(label) {
				return "", "a label mixes scripts, as names do that imitate others"
			}
		}
		return n, ""
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return "", fmt.Sprintf("written in other characters than %s, which it stands for", n)
		}
	}
	return n, ""
}

// mixesScripts reports whether letters of several scripts are in a label, those aside that are written together
// (UTS 39, section 5.2, highly restrictive).
func mixesScripts(label string) bool {
	const (
		latin = 1 << iota
		east  // Han and what is mixed with it
		other
	)
	var found int
	var script *unicode.RangeTable
	for _, c := range label {
		if c < 0x80 {
			if unicode.IsLetter(c) {
				found |= latin
			}
			continue
		}
		switch {
		case !unicode.IsLetter(c):
		case unicode.Is(unicode.Latin, c):
			found |= latin
		case unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo):
			found |= east
		default:
			found |= other
			if script == nil || !unicode.Is(script, c) {
				if script != nil {
					return true
				}
				script = scriptOf(c)
			}
		}
	}
	return found&other != 0 && found != other
}

func scriptOf(c rune) *unicode.RangeTable {
	for _, t := range unicode.Scripts {
		if unicode.Is(t, c) && t != unicode.Common && t != unicode.Inherited {
			return t
		}
	}
	return unicode.Common
}

// location is what a pattern says beside the host.
type location struct {
	scheme      string
	first, last uint16 // ports; 0 when not given
}

// pattern adds what vendors write for hosts: a name, "*.name", ".name", an address or range, any of them with a
// scheme, a port, a path. star is what "*." covers there; DepthNone: it is no wildcard. False: nothing was added.
func (d *draft) pattern(at spot, whole string, star manifest.Depth, h *hosts) (location, bool) {
	var l location
	drop := func(why string) (location, bool) {
		d.lose(at, strict.Quote(whole), "%s; left out", why)
		return l, false
	}
	s := strings.TrimSpace(whole)
	if scheme, rest, found := strings.Cut(s, "://"); found {
		l.scheme, s = strings.ToLower(scheme), rest
	}
	if _, ok := parsePrefix(s); ok {
		return l, d.prefix(at, s, h)
	}
	host, path := s, ""
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		host, path = s[:i], s[i:]
	}
	if _, after, found := strings.Cut(host, "@"); found {
		d.lose(at, strict.Quote(whole), "a manifest has no credentials in names; the host is kept")
		host = after
	}
	if host == "" {
		return drop("no host in it")
	}
	if path != "" && path != "/" && path != "/*" {
		d.lose(at, strict.Quote(whole), "a manifest knows hosts and no paths; the host is kept")
	}
	if strings.HasPrefix(host, "[") {
		inner, after, closed := strings.Cut(host[1:], "]")
		if !closed || after != "" && after[0] != ':' {
			return drop("not a host")
		}
		if after != "" && !l.setPorts(after[1:]) {
			return drop("not a port")
		}
		return l, d.prefix(at, inner, h)
	}
	if name, port, found := strings.Cut(host, ":"); found {
		if !l.setPorts(port) {
			return drop("not a port")
		}
		host = name
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return l, d.prefix(at, host, h)
	}
	// "www.acme.example*": the star belongs to the path that begins there.
	if rest, ok := strings.CutSuffix(host, "*"); ok && strings.Contains(rest, ".") && !strings.HasSuffix(rest, ".") && !strings.Contains(rest, "*") && path == "" {
		d.lose(at, strict.Quote(whole), "the final star stands for paths, and a manifest knows hosts only; the host is kept")
		host = rest
	}
	depth := manifest.DepthNone
	if below, ok := strings.CutPrefix(host, "*."); ok && star != manifest.DepthNone {
		depth, host = star, below
	} else if below, ok := strings.CutPrefix(host, "."); ok {
		depth, host = manifest.DepthAny, below
	}
	switch {
	case host == "":
		return drop("no host in it")
	case host == "*":
		return drop("every host there is")
	case strings.Contains(host, "*"):
		return drop("a manifest has wildcards for whole labels in front of a name only")
	case strings.ContainsAny(host, "<>{}$()") || host == "SUBDOMAIN" || strings.Contains(host, "YOUR-"):
		return drop("a placeholder that the customer has to fill in")
	}
	return l, d.suffix(at, whole, host, depth, h)
}

func (l *location) setPorts(s string) bool {
	p, ok := parsePorts(s)
	l.first, l.last = p.First, p.Last
	return ok
}

// parsePorts parses "443" and "8200-8201".
func parsePorts(s string) (manifest.Port, bool) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	first, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	last, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	return manifest.Port{First: uint16(first), Last: uint16(last)}, err1 == nil && err2 == nil && first > 0 && first <= last
}
