package convert

import "netsensor/internal/manifest"

// importFormats lists what can be imported. Where several would recognise a file, the first one takes it.
func importFormats() []format {
	return []format{
		{name: "mud", title: "manufacturer usage description (RFC 8520, RFC 9761)", is: isMUD, one: true, read: (*draft).mud},
		{name: "microsoft365", title: "Microsoft 365 endpoints", is: isMicrosoft365, one: true, read: (*draft).microsoft365},
		{name: "azure-service-tags", title: "ServiceTags_*.json of Microsoft Azure", is: isAzure, one: true, read: (*draft).azure},
		{name: "aws", title: "ip-ranges.json of Amazon Web Services", is: isAWS, one: true, read: (*draft).aws},
		{name: "google", title: "goog.json and cloud.json of Google", is: isGoogle, read: (*draft).google},
		{name: "github", title: "api.github.com/meta", is: isGitHub, one: true, read: (*draft).github},
		{name: "oracle", title: "public_ip_ranges.json of Oracle Cloud", is: isOracle, one: true, read: (*draft).oracle},
		{name: "atlassian", title: "ip-ranges.json of Atlassian", is: isAtlassian, one: true, read: (*draft).atlassian},
		{name: "cloudflare", title: "Cloudflare's addresses, JSON or text", is: isCloudflare, read: (*draft).cloudflare},
		{name: "fastly", title: "public-ip-list of Fastly", is: isFastly, one: true, read: (*draft).fastly},
		{name: "zscaler", title: "hubs of Zscaler", is: isZscaler, one: true, read: (*draft).zscaler},
		{name: "kubescape", title: "ContainerProfile, ApplicationProfile and NetworkNeighborhood of Kubescape", is: isKubescape, read: (*draft).kubescape},
		{name: "cyclonedx", title: "services of a CycloneDX document", is: isCycloneDX, one: true, read: (*draft).cyclonedx},
		{name: "harden-runner", title: "workflows of GitHub Actions with step-security/harden-runner", is: isHardenRunner, read: (*draft).hardenRunner},
		{name: "csv", title: "tables of hosts, with a header", is: isCSV, read: (*draft).csv},
		{name: "geofeed", title: "addresses by region (RFC 8805)", is: isGeofeed, read: geofeed("", "", "", "")},
		{name: "digitalocean", title: "google.csv of DigitalOcean", read: geofeed("DigitalOcean", "digitalocean.com", "DigitalOcean", manifest.Cloud)},
		{name: "linode", title: "geoip.csv of Linode", read: geofeed("Linode", "linode.com", "Linode", manifest.Cloud)},
		{name: "list", title: "a name, address or range on each line", is: isList, read: lines("", "", "", "")},
	}
}
