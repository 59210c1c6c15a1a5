package convert

import (
	"fmt"
	"net/url"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

func isCycloneDX(_ *source, root *node) bool { return root.member("bomFormat").str() == "CycloneDX" }

// cyclonedx imports the services of CycloneDX documents.
func (d *draft) cyclonedx(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	about := d.object(d.object(root, "metadata"), "component")
	if about == nil {
		d.role(root.spot(), "product", "")
	} else {
		d.cyclonedxProduct(about)
	}
	d.token(root.member("version"))
	if s := d.str(root, "serialNumber"); isURI(s) {
		d.m.ID = s
	}
	role := sortedNames(d.m.Roles)[0]
	for _, part := range root.items {
		switch part.name {
		case "bomFormat", "specVersion", "serialNumber", "version", "metadata", "$schema":
		case "services":
			for _, s := range d.array(root, "services") {
				d.cyclonedxService(s, role)
			}
		default:
			if n := len(part.items); n > 0 {
				d.lose(part.spot(), fmt.Sprintf("%d %s", n, strict.Quote(part.name)), "only services are read; link the document as links.sbom")
			}
		}
	}
}

func (d *draft) cyclonedxProduct(c *node) {
	maker := d.str(d.object(c, "supplier"), "name")
	if maker == "" {
		maker = d.str(d.object(c, "manufacturer"), "name")
	}
	if maker == "" {
		maker = d.str(c, "publisher")
	}
	d.m.Publisher.Name = clip(maker)
	d.m.Product.Name = clip(d.str(c, "name"))
	if purl := d.str(c, "purl"); isURI(purl) {
		d.m.Product.PURL, _, _ = strings.Cut(purl, "@")
	}
	if cpe := d.str(c, "cpe"); isURI(cpe) {
		d.m.Product.CPE = cpe
	}
	if v := d.str(c, "version"); v != "" {
		if versions := "vers:generic/" + url.PathEscape(v); isURI(versions) {
			d.m.Product.Versions = versions
		}
	}
	name := d.str(c, "name")
	if name == "" {
		name = "product"
	}
	d.role(c.spot(), name, d.str(c, "description"))
}

func (d *draft) cyclonedxService(s *node, role string) {
	if !d.isObject(s) {
		return
	}
	name := d.str(s, "name")
	d.others(s, "not known; left out", "bom-ref", "provider", "group", "name", "version", "description", "endpoints", "authenticated",
		"trustZone", "data", "licenses", "externalReferences", "services", "properties", "tags", "signature", "patentAssertions", "releaseNotes")
	words := d.str(s, "bom-ref")
	if words == "" {
		words = name
	}
	provider := d.str(d.object(s, "provider"), "name")
	origin := map[string]any{"service": words}
	for _, keep := range []string{"authenticated", "data", "trustZone", "x-trust-boundary", "version"} {
		if m := s.member(keep); m != nil {
			origin[keep] = rawNode(m)
		}
	}
	endpoints := d.array(s, "endpoints")
	if len(endpoints) == 0 && name != "" {
		d.lose(s.spot(), "the service "+strict.Quote(name), "it has no endpoints; left out")
	}
	// Endpoints of a service often differ in their paths only.
	type at struct{ host, scheme, ports string }
	seen := make(map[at]bool)
	for _, e := range endpoints {
		d.eachString(e, func(e *node) {
			var h hosts
			l, ok := d.pattern(e.spot(), e.text, manifest.DepthNone, &h)
			if !ok {
				return
			}
			key := at{fmt.Sprint(h.names, h.prefixes), l.scheme, fmt.Sprint(l.first, l.last)}
			if seen[key] {
				return
			}
			seen[key] = true
			d.cyclonedxEndpoint(e, s, role, provider, words, l, h.peer(), origin)
		})
	}
	for _, below := range d.array(s, "services") {
		d.cyclonedxService(below, role)
	}
}

func (d *draft) cyclonedxEndpoint(e, s *node, role, provider, words string, l location, peer manifest.Peer, origin map[string]any) {
	name := d.str(s, "name")
	known, ok := schemes[l.scheme]
	if !ok {
		known.transport = manifest.TCP
		d.lose(e.spot(), "the scheme of "+strict.Quote(e.text), "not known; any protocol over TCP is allowed")
	}
	c := manifest.Communication{
		Party: manifest.Customer, Direction: manifest.Outbound, From: manifest.Peer{Role: role}, To: peer,
		Transport: known.transport, Method: known.method, Features: []string{d.feature(s.spot(), words, name, manifest.On)}, Reason: d.str(s, "description"),
	}
	if c.Reason == "" {
		c.Reason = "The service " + name
	}
	// Whoever has a provider, or lies beyond a boundary, is not the customer's.
	if provider != "" || s.member("x-trust-boundary").isTrue() {
		c.Party, c.Operator = manifest.ThirdParty, provider
	} else {
		c.SystemType = name
	}
	switch {
	case l.first > 0:
		c.Ports = []manifest.Port{{First: l.first, Last: l.last}}
	case len(known.ports) > 0:
		for _, p := range known.ports {
			c.Ports = append(c.Ports, manifest.Port{First: p, Last: p})
		}
	default:
		c.Ports = allPorts()
	}
	for _, r := range d.array(s, "externalReferences") {
		if r.kind == object && d.str(r, "type") == "documentation" {
			if u := d.uri(r.spot(), "the reference", d.str(r, "url")); u != "" {
				c.References = append(c.References, u)
			}
		}
	}
	d.add(words, c, origin)
}
