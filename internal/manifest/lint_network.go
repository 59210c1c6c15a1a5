package manifest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"netsensor/internal/strict"
)

func (l *manifestLinter) communication(i int, c *Communication) {
	at := []any{"communications", i}
	l.featureList(at, c.Features)
	l.role(join(at, "from", "role"), c.From.Role)
	l.role(join(at, "to", "role"), c.To.Role)
	for _, end := range []struct {
		name string
		peer *Peer
	}{{"from", &c.From}, {"to", &c.To}} {
		if end.peer.Variable != "" {
			l.variable(join(at, end.name, "variable"), end.peer.Variable, KindEndpoints, KindCIDRs, KindDNSName)
		}
		l.peer(join(at, end.name), c, end.peer)
	}
	for j, p := range c.Ports {
		if p.Variable != "" {
			l.variable(join(at, "ports", j), p.Variable, KindPort)
		}
	}
	switch {
	case c.Direction == Outbound && c.From.Role == "":
		l.report("direction", join(at, "from"), `give "from" a role`, `an outbound communication begins at a role of the product`)
	case c.Direction == Inbound && c.To.Role == "":
		l.report("direction", join(at, "to"), `give "to" a role`, `an inbound communication ends at a role of the product`)
	case c.Direction == Both && c.From.Role == "" && c.To.Role == "":
		l.report("direction", join(at, "direction"), "", "neither end is a role of the product")
	}
	if c.Party == ThirdParty && c.Operator == "" {
		l.report("missing-operator", at, `give "operator": the customer must know whom to trust`, "a third party without its operator")
	}
	if c.Party == Customer && c.SystemType == "" && c.From.Role+c.To.Role != "" && (c.From.Role == "" || c.To.Role == "") {
		l.report("missing-system-type", at, `give "systemType"`, "a system of the customer without its type")
	}
	if c.Transport == AnyIP {
		l.report("any-transport", join(at, "transport"), "name the transports and ports", "every protocol on every port is expected")
	}
	l.method(at, c)
	for j, p := range c.Privileges {
		if p.Feature != "" {
			l.feature(join(at, "privileges", j, "feature"), p.Feature)
			if len(p.References) == 0 {
				l.report("privilege-without-docs", join(at, "privileges", j), `give "references"`, "the privilege %s for the feature %s has no documentation", strict.Quote(p.Grant), strict.Quote(p.Feature))
			}
		}
	}
}

// method checks what a communication says about protocols.
func (l *manifestLinter) method(at []any, c *Communication) {
	for j, app := range c.App {
		if _, known := LookupMethod(app); !known {
			l.report("unknown-app", join(at, "app", j), "", "the protocol %s is not known here", strict.Quote(app))
		}
	}
	if t := c.TLS; t != nil {
		if v := t.MinVersion.Number(); v != 0 && v < TLSVersion("1.2").Number() {
			l.report("weak-tls", join(at, "tls", "minVersion"), "RFC 8996 retires TLS 1.0 and 1.1", "TLS %s is accepted", t.MinVersion)
		}
		if t.MinVersion == "1.3" && len(t.Issuers)+len(t.SPKISHA256) > 0 {
			l.report("unobservable-certificate", join(at, "tls"), "", "TLS 1.3 hides the certificate, so that issuers and keys cannot be checked on the wire")
		}
	}
	if c.Method == "" {
		return
	}
	m, known := LookupMethod(c.Method)
	if !known {
		if l.full("unknown-method") {
			return
		}
		all := make([]string, len(methods))
		for i := range methods {
			all[i] = methods[i].Name
		}
		l.report("unknown-method", join(at, "method"), "docs/manifest.md lists the known ones; leave the member out if none fits", "the method %s is not known%s", strict.Quote(c.Method), strict.DidYouMean(c.Method, all))
		return
	}
	if c.TLS != nil && m.TLS == TLSNever && !slices.ContainsFunc(c.App, func(a string) bool { return a == "tls" }) {
		l.report("impossible-constraint", join(at, "tls"), "", "%s does not use TLS", m.Name)
	}
	if c.SSH != nil && m.Name != "SSH" && m.Name != "SFTP" && m.Name != "SCP" {
		l.report("impossible-constraint", join(at, "ssh"), "", "%s does not use SSH", m.Name)
	}
	switch {
	case c.Transport == AnyIP:
	case m.Transport.HasPorts() != c.Transport.HasPorts() || !m.Transport.HasPorts() && m.Transport != c.Transport:
		l.report("impossible-constraint", join(at, "transport"), "", "%s does not run over %s", m.Name, c.Transport)
	case m.Transport == TCP && c.Transport == UDP || m.Transport == UDP && c.Transport == TCP:
		l.report("method-transport", join(at, "transport"), "", "%s is known over %s, not over %s", m.Name, m.Transport, c.Transport)
	}
	for j, p := range c.Ports {
		if p.Variable != "" || p.First != p.Last || slices.Contains(m.Ports, p.First) {
			continue
		}
		if other := portOwner(p.First, m); other != "" {
			l.report("method-port", join(at, "ports", j), "", "%s on port %d, which is known for %s", m.Name, p.First, other)
		}
	}
}

// portOwner returns the first method that port is well known for, unless m is a form of it.
func portOwner(port uint16, m Method) string {
	owner := ""
	for _, o := range methods {
		if !slices.Contains(o.Ports, port) {
			continue
		}
		// TLS and QUIC are at home on every port of what runs inside of them.
		if o.TLS == m.TLS && m.TLS == TLSAlways || m.Name == "TLS" && o.TLS != TLSNever || m.Name == "gRPC" || m.Name == "STUN" {
			return ""
		}
		if owner == "" {
			owner = o.Name
		}
	}
	return owner
}

// peer checks names and addresses.
func (l *manifestLinter) peer(at []any, c *Communication, p *Peer) {
	var outside, bare []int
	for j := range p.Names {
		n := &p.Names[j]
		if strings.Contains(n.Text(), "$") {
			l.template(join(at, "names", j), n.Text())
		}
		if n.Suffix != "" {
			l.suffix(join(at, "names", j), n.Suffix)
			if !n.Apex {
				bare = append(bare, j)
			}
		} else if KnownResolver(n.Exact) {
			l.report("doh-fallback", join(at, "names", j), "say in the reason why the site's own resolvers are not enough", "%s is a public encrypted resolver", n.Exact)
		}
		if c.Party == ThirdParty && !l.inZone(n.Text()) {
			outside = append(outside, j)
		}
	}
	more := func(list []int) string {
		if len(list) == 1 {
			return ""
		}
		return fmt.Sprintf(" (and so are %d more names of this entry)", len(list)-1)
	}
	if len(bare) > 0 {
		s := p.Names[bare[0]].Suffix
		l.report("apex-not-covered", join(at, "names", bare[0]), `"apex": true covers it`, "%s itself is not covered, only names below it%s", s, strings.Replace(more(bare), "so are", "likewise", 1))
	}
	if len(outside) > 0 {
		l.report("outside-zone", join(at, "names", outside[0]), `RFC 9726 advises names that the publisher controls; list further ones in "zones"`,
			"%s is outside of the publisher's zones%s", strict.Quote(p.Names[outside[0]].Text()), more(outside))
	}
	if len(p.CIDRs) == 0 {
		return
	}
	switch {
	case p.Hosting == SharedCDN || p.Hosting == Cloud:
		l.report("shared-hosting-address", join(at, "cidrs"), "leave the addresses out, or say that the hosting is dedicated", "addresses prove nothing where the hosting is %q", p.Hosting)
	case c.Party == ThirdParty && len(p.Names) == 0:
		l.report("address-only", join(at, "cidrs"), "give the names that the product asks for: addresses change owners", "a third party known by its addresses only")
	}
	prefixes := make([]netip.Prefix, len(p.CIDRs))
	for j := range p.CIDRs {
		prefixes[j] = p.CIDRs[j].Prefix
		l.width(join(at, "cidrs", j), prefixes[j], c.Party == ThirdParty)
	}
	if fraction := coverage(prefixes); fraction > 1.0/8 {
		l.report("any-address", join(at, "cidrs"), "name the operator's own ranges", "together they cover %.0f%% of the addresses of their family", 100*fraction)
	}
	l.shadowedPrefixes(join(at, "cidrs"), prefixes)
}

func (l *manifestLinter) inZone(name string) bool {
	if within(name, l.m.Publisher.Domain) {
		return true
	}
	return slices.ContainsFunc(l.m.Publisher.Zones, func(zone string) bool { return within(name, zone) })
}

// template checks the variables in a name: whole labels or parts of labels, as their kinds allow.
func (l *manifestLinter) template(path []any, text string) {
	variables, frame, err := cutVariables(text)
	if err != nil {
		return // Decode has checked it
	}
	for i, v := range variables {
		whole := (frame[i] == "" && i == 0 || strings.HasSuffix(frame[i], ".")) &&
			(frame[i+1] == "" && i+1 == len(variables) || strings.HasPrefix(frame[i+1], "."))
		if whole {
			l.variable(path, v, KindDNSLabel, KindDNSName)
		} else {
			l.variable(path, v, KindDNSLabel)
		}
	}
}

func (l *manifestLinter) suffix(path []any, suffix string) {
	if strings.Contains(suffix, "$") {
		return
	}
	public, icann := publicsuffix.PublicSuffix(suffix)
	switch {
	case public == suffix && (icann || !strings.Contains(suffix, ".")):
		l.report("public-suffix", path, "name the zones of the operator", "anybody can register names under %q", suffix)
	case public == suffix:
		l.report("multi-tenant-suffix", path, "name the operator's own host names", "%q gives names to anybody", suffix)
	default:
		if zone := multiTenantUnder(suffix); zone != "" {
			l.report("multi-tenant-suffix", path, "name the operator's own host names", "%q covers %q, which gives names to anybody", suffix, zone)
		}
	}
}

// special are ranges that may be declared whole: they are nobody's hosts on the internet.
var special = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8"),
}

// width reports ranges that are too wide, and returns true for those that stop a run. Public /8s exist, and so do
// /16s of IPv6.
func (l *linter) width(path []any, p netip.Prefix, public bool) bool {
	for _, s := range special {
		if s.Bits() <= p.Bits() && s.Contains(p.Addr()) {
			return false
		}
	}
	widest, wide := 8, 16
	if p.Addr().Is6() {
		widest, wide = 16, 32
	}
	switch {
	case p.Bits() < widest:
		l.report("any-address", path, "name the operator's own ranges", "%s is %s", p, share(p))
		return true
	case public && p.Bits() < wide:
		l.report("wide-cidr", path, "narrow it to what the product talks to", "%s is %s", p, share(p))
	}
	return false
}

func share(p netip.Prefix) string {
	if p.Bits() == 0 {
		return "every address there is"
	}
	return fmt.Sprintf("one in %d of all addresses", uint64(1)<<min(p.Bits(), 63))
}

// coverage returns the largest part of a family of addresses that prefixes cover, special ones aside. Prefixes
// that overlap count twice.
func coverage(prefixes []netip.Prefix) float64 {
	var v4, v6 float64
	for _, p := range prefixes {
		if slices.ContainsFunc(special, func(s netip.Prefix) bool { return s.Overlaps(p) && s.Bits() <= p.Bits() }) || p.Bits() == 0 {
			continue
		}
		if p.Addr().Is4() {
			v4 += 1 / float64(uint64(1)<<p.Bits())
		} else if p.Bits() < 64 {
			v6 += 1 / float64(uint64(1)<<p.Bits())
		}
	}
	return max(v4, v6)
}

// shadowedPrefixes reports prefixes that another one of the same list covers.
func (l *linter) shadowedPrefixes(path []any, prefixes []netip.Prefix) {
	order := make([]int, len(prefixes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if c := prefixes[a].Addr().Compare(prefixes[b].Addr()); c != 0 {
			return c
		}
		return prefixes[a].Bits() - prefixes[b].Bits()
	})
	for k, widest := 1, order[0]; k < len(order); k++ {
		i := order[k]
		if prefixes[widest].Contains(prefixes[i].Addr()) && prefixes[widest].Bits() <= prefixes[i].Bits() {
			l.report("shadowed-entry", join(path, i), "leave one of them out", "%s is covered by %s", prefixes[i], prefixes[widest])
			continue
		}
		widest = i
	}
}
