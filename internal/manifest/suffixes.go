package manifest

import "strings"

// multiTenant are zones under which a platform gives names to its customers: whoever declares all of one declares
// strangers' names. Those that are in the public suffix list are found there; these are not, or not in all
// versions.
var multiTenant = []string{
	"akamaiedge.net", "akamaihd.net", "akamaized.net", "amazonaws.com", "api.us-east-1.amazonaws.com", "appspot.com",
	"auth0.com", "awsapps.com", "azure-api.net", "azure-devices.net", "azureedge.net", "azurefd.net", "azurewebsites.net",
	"b-cdn.net", "blob.core.windows.net", "cdn77.org", "cloudapp.azure.com", "cloudapp.net", "cloudflare.net",
	"cloudflarestorage.com", "cloudfront.net", "cloudfunctions.net", "core.windows.net", "database.windows.net",
	"digitaloceanspaces.com", "edgekey.net", "edgesuite.net", "elb.amazonaws.com", "fastly.net", "fastlylb.net",
	"firebaseapp.com", "firebaseio.com", "ghost.io", "github.io", "githubusercontent.com", "gitlab.io",
	"hwcdn.net", "herokuapp.com", "ngrok.app", "ngrok.io", "netlify.app", "myshopify.com", "oraclecloud.com",
	"pages.dev", "r2.dev", "run.app", "s3.amazonaws.com", "servicebus.windows.net", "sharepoint.com",
	"stackpathdns.com", "storage.googleapis.com", "trafficmanager.net", "vault.azure.net", "vercel.app", "web.app",
	"webflow.io", "workers.dev", "zendesk.com",
}

// within reports whether name is zone or below it.
func within(name, zone string) bool {
	rest, ok := strings.CutSuffix(name, zone)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// multiTenantUnder returns a platform's zone that suffix covers wholly, "" for none.
func multiTenantUnder(suffix string) string {
	for _, zone := range multiTenant {
		if within(zone, suffix) {
			return zone
		}
	}
	return ""
}

// SharedZone reports whether a name in its normal form is, covers or lies under a zone where a platform gives names to
// its customers, as far as such zones are known beside the public suffix list.
func SharedZone(name string) bool {
	for _, zone := range multiTenant {
		if within(zone, name) || within(name, zone) {
			return true
		}
	}
	return false
}

// encryptedResolvers are the names of public resolvers that speak DoH, DoT or DoQ.
var encryptedResolvers = []string{
	"1dot1dot1dot1.cloudflare-dns.com", "adblock.dns.mullvad.net", "anycast.dns.nextdns.io", "base.dns.mullvad.net",
	"chrome.cloudflare-dns.com", "cloudflare-dns.com", "dns-family.adguard.com", "dns-unfiltered.adguard.com",
	"dns.adguard-dns.com", "dns.adguard.com", "dns.alidns.com", "dns.cloudflare.com", "dns.controld.com",
	"dns.digitale-gesellschaft.ch", "dns.google", "dns.mullvad.net", "dns.nextdns.io", "dns.quad9.net", "dns.sb",
	"dns.umbrella.com", "dns0.eu", "dns10.quad9.net", "dns11.quad9.net", "dns64.cloudflare-dns.com", "dns64.dns.google",
	"dns9.quad9.net", "dnsforge.de", "doh.applied-privacy.net", "doh.cleanbrowsing.org", "doh.dns.apple.com",
	"doh.dns.sb", "doh.familyshield.opendns.com", "doh.opendns.com", "doh.pub", "doh.sb", "doh.xfinity.com",
	"doh3.dns.nextdns.io", "dot.pub", "family.cloudflare-dns.com", "freedns.controld.com", "mask.icloud.com",
	"mask-h2.icloud.com", "mozilla.cloudflare-dns.com", "one.one.one.one", "ordns.he.net",
	"security.cloudflare-dns.com", "unfiltered.adguard-dns.com", "unicast.censurfridns.dk", "use-application-dns.net",
	"wikimedia-dns.org", "zero.dns0.eu",
}

// KnownResolver reports whether a name in its normal form is a public resolver that speaks DoH, DoT or DoQ.
func KnownResolver(name string) bool {
	for _, r := range encryptedResolvers {
		if r == name {
			return true
		}
	}
	return strings.HasSuffix(name, ".dns.nextdns.io")
}
