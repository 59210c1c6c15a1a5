package judge

import "net/netip"

// publicDoH are the names of well-known public resolvers that speak DNS over HTTPS, beside those of the site.
var publicDoH = map[string]bool{
	"cloudflare-dns.com":               true,
	"mozilla.cloudflare-dns.com":       true,
	"chrome.cloudflare-dns.com":        true,
	"one.one.one.one":                  true,
	"1dot1dot1dot1.cloudflare-dns.com": true,
	"dns.google":                       true,
	"dns.google.com":                   true,
	"dns.quad9.net":                    true,
	"dns9.quad9.net":                   true,
	"dns10.quad9.net":                  true,
	"dns11.quad9.net":                  true,
	"doh.opendns.com":                  true,
	"doh.familyshield.opendns.com":     true,
	"dns.nextdns.io":                   true,
	"doh.cleanbrowsing.org":            true,
	"dns.adguard-dns.com":              true,
	"dns.adguard.com":                  true,
	"unfiltered.adguard-dns.com":       true,
	"doh.dns.sb":                       true,
	"dns.alidns.com":                   true,
	"doh.pub":                          true,
	"doh.applied-privacy.net":          true,
	"dns.mullvad.net":                  true,
	"doh.mullvad.net":                  true,
	"freedns.controld.com":             true,
	"dns.controld.com":                 true,
	"ordns.he.net":                     true,
	"dns0.eu":                          true,
	"doh.libredns.gr":                  true,
}

// encryptedDNS reports whether a conversation is a look-up that hides its names: DNS over TLS or QUIC by port or
// ALPN, DNS over HTTPS by the resolver.
func (j *Judge) encryptedDNS(c *Conversation, server netip.AddrPort) bool {
	if c.App != "tls" && c.App != "quic" {
		return false
	}
	if server.Port() == 853 || c.TLS.ALPN == "dot" || c.TLS.ALPN == "doq" || j.table.IsDoH(server.Addr()) {
		return true
	}
	for i := range j.ev.claims {
		name := j.ev.name(&j.ev.claims[i])
		if j.table.IsDoHName(j.ids, name) || publicDoH[string(name)] {
			return true
		}
	}
	return false
}
