package convert

import (
	"fmt"
	"strconv"
	"strings"

	"netsensor/internal/manifest"
)

// grouping gathers the prefixes of a vendor's list into one communication for each group.
type grouping struct {
	*draft
	operator string
	hosting  manifest.Hosting
	hostings func(group string) manifest.Hosting // nil: hosting
	order    []*group
	groups   map[string]*group
}

type group struct {
	at             spot
	words, feature string
	reason         string
	inbound        bool
	hosts          hosts
	hosting        manifest.Hosting
	transport      manifest.Transport
	ports          []manifest.Port
	method         string
	ssh            *manifest.SSH
	origin         map[string]any
}

func (d *draft) grouping(operator string, h manifest.Hosting) *grouping {
	d.role(spot{}, "client", "Hosts that use the services")
	return &grouping{draft: d, operator: operator, hosting: h, groups: make(map[string]*group)}
}

// group returns the group that words name. It belongs to the feature.
func (g *grouping) group(at spot, words, feature, reason string, inbound bool) *group {
	key := words
	if inbound {
		key += "\x00in"
	}
	x := g.groups[key]
	if x == nil {
		x = &group{at: at, words: words, feature: feature, reason: reason, inbound: inbound, hosting: g.hosting, transport: manifest.AnyIP}
		if g.hostings != nil {
			x.hosting = g.hostings(feature)
		}
		g.groups[key] = x
		g.order = append(g.order, x)
	}
	return x
}

func (g *grouping) add(at spot, prefix, words, feature, reason string, inbound bool) {
	g.prefix(at, prefix, &g.group(at, words, feature, reason, inbound).hosts)
}

// finish adds the groups that are not empty. What others begin is off until the customer turns it on.
func (g *grouping) finish() {
	for _, x := range g.order {
		if x.hosts.empty() {
			continue
		}
		peer := x.hosts.peer()
		g.draft.hosting(&peer, x.hosting)
		c := manifest.Communication{
			Party: manifest.ThirdParty, Operator: g.operator, Direction: manifest.Outbound, From: manifest.Peer{Role: "client"}, To: peer,
			Transport: x.transport, Ports: x.ports, Method: x.method, SSH: x.ssh, Reason: x.reason,
		}
		words := x.words
		if x.inbound {
			c.Direction, c.From, c.To = manifest.Inbound, c.To, c.From
			c.Features = []string{g.feature(x.at, x.feature+"-inbound", x.feature+": connections to the customer", manifest.Off)}
			words += "-inbound"
		} else {
			c.Features = []string{g.feature(x.at, x.feature, x.feature, manifest.On)}
		}
		g.draft.add(words, c, x.origin)
	}
}

// root returns a file's only document, which must be an object.
func (d *draft) root(s *source) *node {
	trees, err := s.trees()
	if err != nil {
		d.failWith(err)
		return nil
	}
	if !d.isObject(trees[0]) {
		return nil
	}
	return trees[0]
}

// token notes the vendor's word for the version; numbers count as serials.
func (d *draft) token(n *node) {
	if n == nil {
		return
	}
	d.version = n.str()
	if serial, err := strconv.ParseUint(n.str(), 10, 63); err == nil {
		d.m.Serial = max(d.m.Serial, serial)
	}
}

func isAWS(_ *source, root *node) bool {
	return root.member("syncToken") != nil && root.member("createDate") != nil && root.member("prefixes") != nil
}

// aws imports ip-ranges.json of Amazon Web Services.
func (d *draft) aws(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Amazon Web Services", Domain: "amazonaws.com"}
	d.m.Product.Name = "Amazon Web Services"
	d.token(root.member("syncToken"))
	d.others(root, "not known; left out", "syncToken", "createDate", "prefixes", "ipv6_prefixes")
	g := d.grouping("Amazon Web Services", "")
	g.hostings = func(service string) manifest.Hosting {
		switch {
		case strings.HasPrefix(service, "ROUTE53"):
			return ""
		case strings.HasPrefix(service, "CLOUDFRONT") || service == "GLOBALACCELERATOR":
			return manifest.SharedCDN
		}
		return manifest.Cloud
	}
	border := false
	for _, list := range []string{"prefixes", "ipv6_prefixes"} {
		for _, e := range d.array(root, list) {
			if !d.isObject(e) {
				continue
			}
			prefix := d.str(e, "ip_prefix") + d.str(e, "ipv6_prefix")
			service, region := d.str(e, "service"), d.str(e, "region")
			if b := d.str(e, "network_border_group"); b != "" && b != region && !border {
				border = true
				d.lose(e.spot(), "network border groups", "prefixes are grouped by service and region")
			}
			g.add(e.spot(), prefix, service+"-"+region, service, fmt.Sprintf("%s in %s", service, region), false)
		}
	}
	g.finish()
}

func isGoogle(_ *source, root *node) bool {
	return root.member("syncToken") != nil && root.member("creationTime") != nil && root.member("prefixes") != nil
}

// google imports goog.json and cloud.json.
func (d *draft) google(sources []*source) {
	d.m.Publisher = manifest.Publisher{Name: "Google", Domain: "google.com"}
	d.m.Product.Name = "Google"
	g := d.grouping("Google", manifest.Cloud)
	for _, s := range sources {
		root := d.root(s)
		if root == nil {
			return
		}
		d.token(root.member("syncToken"))
		d.others(root, "not known; left out", "syncToken", "creationTime", "prefixes")
		for _, e := range d.array(root, "prefixes") {
			if !d.isObject(e) {
				continue
			}
			service, scope := d.str(e, "service"), d.str(e, "scope")
			if service == "" {
				service = "Google"
			}
			words := strings.TrimSuffix(service+"-"+scope, "-")
			g.add(e.spot(), d.str(e, "ipv4Prefix")+d.str(e, "ipv6Prefix"), words, service, strings.TrimSuffix(service+" in "+scope, " in "), false)
		}
	}
	g.finish()
}

func isAzure(_ *source, root *node) bool {
	values := root.member("values")
	return root.member("changeNumber") != nil && root.member("cloud") != nil && values != nil
}

// azure imports ServiceTags_*.json.
func (d *draft) azure(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Microsoft", Domain: "microsoft.com"}
	d.m.Product.Name = strings.TrimSpace("Microsoft Azure " + d.str(root, "cloud"))
	d.token(root.member("changeNumber"))
	d.others(root, "not known; left out", "changeNumber", "cloud", "values")
	g := d.grouping("Microsoft", "")
	for _, tag := range d.array(root, "values") {
		if !d.isObject(tag) {
			continue
		}
		name, p := d.str(tag, "name"), d.object(tag, "properties")
		service := d.str(p, "systemService")
		if service == "" {
			service, _, _ = strings.Cut(name, ".")
		}
		x := g.group(tag.spot(), name, service, "Service tag "+name, false)
		switch {
		case strings.HasPrefix(name, "AzureCloud"):
			x.hosting = manifest.Cloud
		case strings.HasPrefix(name, "AzureFrontDoor"):
			x.hosting = manifest.SharedCDN
		}
		x.origin = map[string]any{"tag": name, "region": d.str(p, "region"), "changeNumber": d.scalar(p, "changeNumber")}
		d.strings(p, "addressPrefixes", func(e *node) { d.prefix(e.spot(), e.text, &x.hosts) })
	}
	g.finish()
}

func isOracle(_ *source, root *node) bool {
	return root.member("last_updated_timestamp") != nil && root.member("regions") != nil
}

// oracle imports public_ip_ranges.json of Oracle Cloud.
func (d *draft) oracle(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Oracle", Domain: "oraclecloud.com"}
	d.m.Product.Name = "Oracle Cloud Infrastructure"
	d.version = d.str(root, "last_updated_timestamp")
	d.others(root, "not known; left out", "last_updated_timestamp", "regions")
	g := d.grouping("Oracle", "")
	g.hostings = func(tag string) manifest.Hosting {
		if tag == "OSN" {
			return ""
		}
		return manifest.Cloud
	}
	for _, region := range d.array(root, "regions") {
		if !d.isObject(region) {
			continue
		}
		name := d.str(region, "region")
		for _, e := range d.array(region, "cidrs") {
			if !d.isObject(e) {
				continue
			}
			prefix, tags := d.str(e, "cidr"), 0
			d.strings(e, "tags", func(t *node) {
				tags++
				g.add(e.spot(), prefix, t.text+"-"+name, t.text, t.text+" in "+name, false)
			})
			if tags == 0 {
				g.add(e.spot(), prefix, name, "OCI", name, false)
			}
		}
	}
	g.finish()
}

func isAtlassian(_ *source, root *node) bool {
	items := root.member("items")
	return root.member("creationDate") != nil && items != nil && items.kind == array
}

// atlassian imports ip-ranges.json of Atlassian. Its directions are seen from Atlassian: what is ingress there is
// outbound here.
func (d *draft) atlassian(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Atlassian", Domain: "atlassian.com"}
	d.m.Product.Name = "Atlassian Cloud"
	d.token(root.member("syncToken"))
	d.others(root, "not known; left out", "creationDate", "syncToken", "items")
	g := d.grouping("Atlassian", "")
	for _, e := range d.array(root, "items") {
		if !d.isObject(e) {
			continue
		}
		d.others(e, "not known; left out", "cidr", "mask", "mask_len", "network", "region", "product", "direction", "perimeter")
		prefix := d.str(e, "cidr")
		regions := listed(e.member("region"))
		if regions == "" {
			regions = "global"
		}
		perimeter := d.str(e, "perimeter")
		products := []string{"Atlassian"}
		if p := scalarsOf(e.member("product")); len(p) > 0 {
			products = p
		}
		all := scalarsOf(e.member("direction"))
		if len(all) == 0 {
			d.lose(e.spot(), "the range "+prefix, "it has no direction; taken as addresses that the customer connects to")
			all = []string{"ingress"}
		}
		for _, direction := range all {
			if direction != "ingress" && direction != "egress" {
				d.lose(e.spot(), "the direction "+direction, "not known; left out")
				continue
			}
			for _, p := range products {
				words := strings.TrimSuffix(p+"-"+perimeter, "-")
				g.add(e.spot(), prefix, words, p, strings.TrimSuffix(p+", "+perimeter, ", "), direction == "egress")
			}
		}
		if regions != "global" && !d.regions {
			d.regions = true
			d.lose(e.spot(), "regions", "ranges are grouped by product")
		}
	}
	g.finish()
}

// scalarsOf returns the texts of an array, or of the one value that stands for it.
func scalarsOf(n *node) []string {
	if n == nil {
		return nil
	}
	var all []string
	for _, e := range scalars(n) {
		all = append(all, e.text)
	}
	return all
}

func listed(n *node) string { return strings.Join(scalarsOf(n), ", ") }

func isCloudflare(_ *source, root *node) bool {
	result := root.member("result")
	return result.member("ipv4_cidrs") != nil || result.member("ipv6_cidrs") != nil
}

// cloudflare imports what Cloudflare's API returns, and the text lists.
func (d *draft) cloudflare(sources []*source) {
	if !sources[0].looksJSON() {
		lines("Cloudflare", "cloudflare.com", "Cloudflare", manifest.SharedCDN)(d, sources)
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Cloudflare", Domain: "cloudflare.com"}
	d.m.Product.Name = "Cloudflare"
	g := d.grouping("Cloudflare", manifest.SharedCDN)
	for _, s := range sources {
		root := d.root(s)
		if root == nil {
			return
		}
		result := d.object(root, "result")
		d.version = d.str(result, "etag")
		d.others(result, "not known; left out", "ipv4_cidrs", "ipv6_cidrs", "etag")
		for _, list := range []string{"ipv4_cidrs", "ipv6_cidrs"} {
			d.strings(result, list, func(e *node) { g.add(e.spot(), e.text, "edge", core, "The edge of Cloudflare", false) })
		}
	}
	g.finish()
}

func isFastly(_ *source, root *node) bool {
	return root.member("addresses") != nil && root.member("ipv6_addresses") != nil
}

// fastly imports public-ip-list.
func (d *draft) fastly(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Fastly", Domain: "fastly.com"}
	d.m.Product.Name = "Fastly"
	d.others(root, "not known; left out", "addresses", "ipv6_addresses")
	g := d.grouping("Fastly", manifest.SharedCDN)
	for _, list := range []string{"addresses", "ipv6_addresses"} {
		d.strings(root, list, func(e *node) { g.add(e.spot(), e.text, "edge", core, "The edge of Fastly", false) })
	}
	g.finish()
}

func isZscaler(_ *source, root *node) bool {
	return root.member("cloudName") != nil && root.member("hubPrefixes") != nil
}

// zscaler imports the lists of hubs.
func (d *draft) zscaler(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Zscaler", Domain: "zscaler.net"}
	d.m.Product.Name = strings.TrimSpace("Zscaler " + d.str(root, "cloudName"))
	d.version = d.str(root, "type")
	d.others(root, "not known; left out", "cloudName", "type", "hubPrefixes")
	g := d.grouping("Zscaler", "")
	d.strings(root, "hubPrefixes", func(e *node) { g.add(e.spot(), e.text, "hubs", core, "The hubs of Zscaler", false) })
	g.finish()
}
