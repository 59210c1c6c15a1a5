package convert

import (
	"strings"
	"unicode/utf8"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// isGeofeed recognises RFC 8805: lines of "prefix,country,region,city,postal code".
func isGeofeed(s *source, root *node) bool {
	prefix, _, found := strings.Cut(firstLine(s), ",")
	if _, ok := parsePrefix(strings.TrimSpace(prefix)); root != nil || !ok || !found {
		return false
	}
	return true
}

// geofeed returns an importer for the feeds of operator, "" for any.
func geofeed(operator, domain, product string, hosting manifest.Hosting) func(*draft, []*source) {
	return func(d *draft, sources []*source) {
		d.m.Publisher = manifest.Publisher{Name: operator, Domain: domain}
		d.m.Product.Name = product
		g := d.grouping(operator, hosting)
		places := false
		for _, s := range sources {
			d.table(s, func(at spot, fields []string) {
				prefix := strings.TrimSpace(fields[0])
				place := "unknown"
				if len(fields) > 1 && strings.TrimSpace(fields[1]) != "" {
					place = strings.ToUpper(strings.TrimSpace(fields[1]))
				}
				if len(fields) > 2 && strings.TrimSpace(fields[2]) != "" {
					place = strings.ToUpper(strings.TrimSpace(fields[2]))
				}
				if len(fields) > 3 && !places && strings.TrimSpace(strings.Join(fields[3:], "")) != "" {
					places = true
					d.lose(at, "cities and postal codes", "prefixes are grouped by region")
				}
				g.add(at, prefix, place, place, "Addresses in "+place, false)
			})
		}
		g.finish()
	}
}

// isList recognises lines that each hold a name, an address or a range.
func isList(s *source, root *node) bool {
	l := firstLine(s)
	if root != nil || l == "" || strings.ContainsAny(l, " \t,;{}<>=\"") {
		return false
	}
	if _, ok := parsePrefix(l); ok {
		return true
	}
	_, why := plainName(strings.TrimPrefix(strings.TrimPrefix(l, "*"), "."))
	return why == "" && strings.Contains(l, ".")
}

// lines returns an importer for lists of operator, "" for any.
func lines(operator, domain, product string, hosting manifest.Hosting) func(*draft, []*source) {
	return func(d *draft, sources []*source) {
		d.m.Publisher = manifest.Publisher{Name: operator, Domain: domain}
		d.m.Product.Name = product
		d.role(spot{}, "client", "Hosts that talk to these")
		var h hosts
		for _, s := range sources {
			if !utf8.ValidString(s.text) || len(s.text) > MaxBytes {
				d.fail(spot{src: s}, "more than %d bytes, or not valid UTF-8", MaxBytes)
				return
			}
			n := 0
			for l := range strings.Lines(s.text) {
				n++
				l, _, _ = strings.Cut(l, "#")
				l = strings.TrimSpace(l)
				if l == "" {
					continue
				}
				at := spot{src: s, line: n, column: 1}
				if strings.ContainsAny(l, " \t,;\"") {
					d.lose(at, strict.Quote(l), "not one name, address or range; left out")
					continue
				}
				if l, ok := d.pattern(at, l, manifest.DepthAny, &h); ok && l.first > 0 {
					d.lose(at, "a port", "a list of hosts has none; use csv for hosts with ports")
				}
			}
		}
		if h.empty() {
			return
		}
		peer := h.peer()
		d.hosting(&peer, hosting)
		d.add("hosts", manifest.Communication{
			Party: manifest.ThirdParty, Operator: operator, Direction: manifest.Outbound, From: manifest.Peer{Role: "client"}, To: peer,
			Transport: manifest.AnyIP, Features: d.core(), Reason: "Listed in " + sources[0].base,
		}, nil)
	}
}

// hosting says what addresses are worth as evidence, and that they are worth nothing where that is so.
func (d *draft) hosting(p *manifest.Peer, h manifest.Hosting) {
	p.Hosting = h
	if len(p.CIDRs) > 0 && (h == manifest.Cloud || h == manifest.SharedCDN) {
		if d.shared == nil {
			d.shared = make(map[manifest.Hosting]int)
		}
		d.shared[h]++
	}
}
