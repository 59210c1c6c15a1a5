package convert

import (
	"slices"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// profiles reads what RFC 9761 says about TLS. Its YANG and its example differ in the names of nearly everything;
// both are taken. Of the profiles, which are alternatives, a manifest can say the lowest version and the protocols.
func (c *mudMatches) profiles(m *node) bool {
	lists := make([]*node, 0, 4)
	for _, f := range m.items {
		if n := localName(f.name); (n == "tls-dtls-profile" || n == "tls-dtls-profiles") && f.kind == array {
			lists = append(lists, f.items...)
			continue
		}
		c.lose(f.spot(), c.whole+": "+strict.Quote(f.name), "not known; left out")
	}
	t := &manifest.TLS{}
	alpn, datagrams := true, false
	for _, p := range lists {
		if !c.isObject(p) {
			return false
		}
		version, dtls, protocols := c.profile(p)
		datagrams = datagrams || dtls
		if t.MinVersion == "" || version != "" && version < t.MinVersion {
			t.MinVersion = version
		}
		alpn = alpn && len(protocols) > 0
		for _, a := range protocols {
			if !slices.Contains(t.ALPN, a) {
				t.ALPN = append(t.ALPN, a)
			}
		}
	}
	if !alpn {
		t.ALPN = nil // one of the profiles leaves it open
	}
	if len(lists) == 0 {
		return true
	}
	c.rule.method = "TLS"
	if datagrams {
		c.rule.method = "DTLS"
	}
	if t.MinVersion != "" || len(t.ALPN) > 0 {
		c.rule.tls = t
	}
	return true
}

// profile reads one profile: the lowest version, whether it is DTLS, and the application protocols.
func (c *mudMatches) profile(p *node) (lowest manifest.TLSVersion, dtls bool, alpn []string) {
	highest := manifest.TLSVersion("")
	for _, f := range p.items {
		switch name := strings.TrimSuffix(localName(f.name), "s"); name {
		case "name":
		case "supported-tls-version", "supported-dtls-version":
			for _, v := range scalars(f) {
				n, known := mudVersions[strings.Map(alphanumeric, strings.ToLower(v.text))]
				if !known {
					c.lose(v.spot(), c.whole+": version "+strict.Quote(v.text), "not known; left out")
					continue
				}
				dtls = dtls || name == "supported-dtls-version"
				if lowest == "" || n < lowest {
					lowest = n
				}
				highest = max(highest, n)
			}
		case "application-protocol":
			for _, v := range scalars(f) {
				// RFC 7301, section 3.1: 1 to 255 bytes.
				if v.text == "" || len(v.text) > 255 {
					c.lose(v.spot(), c.whole+": protocol "+strict.Quote(v.text), "not the name of a protocol; left out")
					continue
				}
				alpn = append(alpn, v.text)
			}
		case "action":
		default:
			c.lose(f.spot(), c.whole+": "+localName(f.name)+" of a TLS profile", "a manifest says the lowest version and the application protocols only")
		}
	}
	if highest != "" && highest < "1.3" {
		c.lose(p.spot(), c.whole+": no version after "+string(highest), "a manifest says the lowest version; higher ones are allowed")
	}
	return lowest, dtls, alpn
}

// mudVersions are the words of iana-tls-profile and what the example of RFC 9761 has for them.
var mudVersions = map[string]manifest.TLSVersion{
	"tls10": "1.0", "tls11": "1.1", "tls12": "1.2", "tls13": "1.3", "dtls10": "1.1", "dtls12": "1.2", "dtls13": "1.3",
}

func alphanumeric(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
		return c
	}
	return -1
}

// scalars returns the elements of a leaf-list, or the one value that stands for it.
func scalars(n *node) []*node {
	all := []*node{n}
	if n.kind == array {
		all = n.items
	}
	var kept []*node
	for _, e := range all {
		if e.kind == text || e.kind == number {
			kept = append(kept, e)
		}
	}
	return kept
}
