package convert

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/manifest"
)

// told returns a manifest's communications as lines, for comparison.
func told(m *manifest.Manifest) []string {
	var all []string
	for _, c := range m.Communications {
		peer := func(p manifest.Peer) string {
			if p.Role != "" {
				return p.Role
			}
			if p.Variable != "" {
				return "${" + p.Variable + "}"
			}
			var words []string
			for _, n := range p.Names {
				switch n.Depth {
				case manifest.DepthOne:
					words = append(words, "one."+n.Suffix)
				case manifest.DepthAny:
					words = append(words, "any."+n.Suffix)
				default:
					words = append(words, n.Exact)
				}
			}
			for _, c := range p.CIDRs {
				words = append(words, c.String())
			}
			return strings.Join(words, ",")
		}
		var ports []string
		for _, p := range c.Ports {
			ports = append(ports, p.String())
		}
		line := fmt.Sprintf("%s: %s > %s %s", c.ID, peer(c.From), peer(c.To), c.Transport)
		if len(ports) > 0 {
			line += " " + strings.Join(ports, ",")
		}
		if c.Method != "" {
			line += " " + c.Method
		}
		if c.TLS != nil {
			line += fmt.Sprintf(" min%s %v", c.TLS.MinVersion, c.TLS.ALPN)
		}
		all = append(all, line)
	}
	for _, c := range m.Commands {
		args := "any"
		if c.Args != nil {
			args = strings.Join(c.Args, " ")
		}
		all = append(all, fmt.Sprintf("%s runs %s [%s]", c.Role, c.Exec, args))
	}
	return all
}

// mudWith returns a MUD file with entries from and to the device.
func mudWith(from, to string) string {
	return `{"ietf-mud:mud": {"mud-version": 1, "mud-url": "https://iot.acme.example/lamp", "last-update": "2026-01-02T03:04:05.6+02:00", "cache-validity": 24,
  "is-supported": true, "systeminfo": "Lamp", "mfg-name": "Acme", "from-device-policy": {"access-lists": {"access-list": [{"name": "f"}]}},
  "to-device-policy": {"access-lists": {"access-list": [{"name": "t"}]}}},
 "ietf-access-control-list:acls": {"acl": [
  {"name": "f", "type": "ipv4-acl-type", "aces": {"ace": [` + from + `]}}, {"name": "t", "type": "ipv4-acl-type", "aces": {"ace": [` + to + `]}}]}}`
}

func ace(name, matches string) string {
	return `{"name": "` + name + `", "matches": {` + matches + `}, "actions": {"forwarding": "accept"}}`
}

const container = "apiVersion: spdx.softwarecomposition.kubescape.io/v1beta1\nkind: ContainerProfile\nmetadata: {name: web}\nspec:\n"

// TestImport has for each format what is written, what it becomes, and what is lost.
func TestImport(t *testing.T) {
	const eq = `-port": {"operator": "eq", "port": `
	for _, c := range []struct {
		name, format, text string
		want, lost         []string // lost: parts of the losses, in their order
	}{
		{"asked by the device, answered", "mud", mudWith(
			ace("a", `"ipv4": {"protocol": 6, "ietf-acldns:dst-dnsname": "UP.Acme.example."}, "tcp": {"destination`+eq+`443}, "ietf-mud:direction-initiated": "from-device"}`),
			ace("b", `"ipv4": {"protocol": 6, "ietf-acldns:src-dnsname": "UP.Acme.example."}, "tcp": {"source`+eq+`443}}`)),
			[]string{"a: device > up.acme.example tcp 443"}, []string{"1 entry for IPv4 only"}},
		{"asked by others", "mud", mudWith(
			ace("a", `"ietf-mud:mud": {"local-networks": [null]}, "ipv4": {"protocol": 6}, "tcp": {"source`+eq+`80}}`),
			ace("b", `"ietf-mud:mud": {"local-networks": [null]}, "ipv4": {"protocol": 6}, "tcp": {"destination`+eq+`80}, "ietf-mud:direction-initiated": "to-device"}`)),
			[]string{"b: ${local_networks} > device tcp 80"}, []string{"IPv4 only"}},
		{"answers to nothing", "mud", mudWith("", ace("b", `"ietf-mud:mud": {"my-controller": [null]}, "udp": {"source`+eq+`80}}`)),
			nil, []string{"answers only"}},
		{"classes", "mud", mudWith(
			ace("dns", `"ietf-mud:mud": {"controller": "urn:ietf:params:mud:dns"}, "udp": {"destination`+eq+`53}}`)+","+
				ace("ctl", `"ietf-mud:mud": {"controller": "https://acme.example/ctl"}, "tcp": {"destination-port": {"lower-port": 5, "upper-port": 9}}`)+","+
				ace("peers", `"ietf-mud:same-manufacturer": [null]`)+","+
				ace("maker", `"ietf-mud:mud": {"manufacturer": "other.example", "local-networks": [null]}, "udp": {}`), ""),
			[]string{"dns: device > ${dns_resolvers} udp 53", "ctl: device > ${controller_acme.example-ctl} tcp 5-9",
				"peers: device > ${same_manufacturer} any", "maker: device > ${manufacturer_other.example} udp 1-65535"},
			[]string{"IPv4 only", "one class of systems"}},
		{"what a manifest cannot say", "mud", mudWith(
			ace("src", `"ipv4": {"protocol": 17, "destination-ipv4-network": "192.0.2.1/24", "dscp": 3}, "udp": {"destination`+eq+`5}, "source`+eq+`6}}`)+","+
				ace("ping", `"ipv4": {"protocol": 1, "ietf-acldns:dst-dnsname": "a.example"}, "icmp": {"type": 8, "code": 0}`)+","+
				ace("eth", `"eth": {"ethertype": "0x888e"}`)+","+ace("any", `"ipv4": {"protocol": 6}`)+","+
				ace("hop", `"ipv6": {"protocol": 0, "destination-ipv6-network": "ff02::1/128"}`)+","+
				ace("new", `"acme:phase-of-moon": 3`)+","+
				`{"name": "deny", "matches": {"ipv4": {"ietf-acldns:dst-dnsname": "b.example"}}, "actions": {"forwarding": "drop"}}`, ""),
			[]string{"src: device > 192.0.2.0/24 udp 5", "ping: device > a.example icmp"},
			[]string{"source port 6", "192.0.2.1/24", "dscp", "IPv4 only", "ICMP type", "Ethernet", "any host", "IP protocol 0", "phase-of-moon", `its action is "drop"`}},
		{"draft", "mud", strings.Replace(mudWith("", ""), `{"name": "f", "type"`, `{"acl-name": "f", "acl-type"`, 1), nil, []string{`"f"`, "before RFC 8519"}},
		{"TLS profile", "mud", mudWith(ace("a", `"ipv4": {"ietf-acldns:dst-dnsname": "a.example"}, "tcp": {"destination`+eq+`443}}, "ietf-acl-tls:client-profiles":
			{"tls-dtls-profile": [{"name": "p", "supported-tls-version": ["tls12", "tls13"], "application-protocol": ["h2"], "cipher-suite": [4865]}]}`), ""),
			[]string{"a: device > a.example tcp 443 TLS min1.2 [h2]"}, []string{"IPv4 only", "cipher-suite"}},
		{"TLS profile as in the RFC's example", "mud", mudWith(`{"name": "a", "matches": {"ipv4": {"ietf-acldns:dst-dnsname": "a.example"}, "ietf-acl-tls:client-profile":
			{"tls-dtls-profiles": [{"name": "p", "supported-tls-versions": ["tls-1.3"], "application-protocols": ["h2"]}]}, "actions": {"forwarding": "accept"}}}`, ""),
			[]string{"a: device > a.example any TLS min1.3 [h2]"}, []string{"IPv4 only"}},

		{"sets", "microsoft365", `[{"id": 31, "serviceArea": "SharePoint", "urls": ["*.Sharepoint.example", "*-files.x.example", "autodiscover.*.x.example"], "ips": ["192.0.2.0/24"],
			"tcpPorts": "80,443", "udpPorts": "3478,3479", "required": true}, {"id": 4, "serviceArea": "Common", "urls": ["*a.example"], "tcpPorts": "443"}]`,
			[]string{"set-31-tcp: client > any.sharepoint.example,192.0.2.0/24 tcp 80,443", "set-31-udp: client > any.sharepoint.example,192.0.2.0/24 udp 3478-3479"},
			[]string{"*-files.x.example", "autodiscover.*", "set-4", "*a.example"}},

		{"prefixes by service and region", "aws", `{"syncToken": "17", "createDate": "d", "prefixes": [{"ip_prefix": "198.51.100.0/24", "region": "r-1", "service": "S3", "network_border_group": "r-1"},
			{"ip_prefix": "198.51.100.0/25", "region": "r-1", "service": "S3"}, {"ip_prefix": "0.0.0.0/0", "region": "r-1", "service": "S3"}], "ipv6_prefixes": [{"ipv6_prefix": "2001:db8::/32", "region": "r-1", "service": "ROUTE53"}]}`,
			[]string{"S3-r-1: client > 198.51.100.0/24 any", "ROUTE53-r-1: client > 2001:db8::/32 any"}, []string{`hosting is "cloud"`, "0.0.0.0/0"}},
		{"tags", "azure-service-tags", `{"changeNumber": 3, "cloud": "Public", "values": [{"name": "A.west", "properties": {"systemService": "AzureA", "addressPrefixes": ["192.0.2.0/24"]}}]}`,
			[]string{"A.west: client > 192.0.2.0/24 any"}, nil},
		{"scopes", "google", `{"syncToken": "5", "creationTime": "t", "prefixes": [{"ipv4Prefix": "192.0.2.0/24", "service": "Google Cloud", "scope": "eu"}, {"ipv6Prefix": "2001:db8::/32"}]}`,
			[]string{"Google-Cloud-eu: client > 192.0.2.0/24 any", "Google: client > 2001:db8::/32 any"}, []string{"2 entries"}},
		{"meta", "github", `{"hooks": ["192.0.2.0/24"], "web": ["198.51.100.0/24"], "git": ["203.0.113.0/24"], "ssh_key_fingerprints": {"SHA256_RSA": "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s", "BAD": "x"},
			"domains": {"website": ["*.acme.example"], "in": {"full": ["b.example"], "trust_domain": ""}}}`,
			[]string{"hooks-inbound: 192.0.2.0/24 > client any", "web: client > 198.51.100.0/24 any", "git: client > 203.0.113.0/24 tcp 80,443",
				"git-ssh: client > github.com,203.0.113.0/24 tcp 22 SSH", "domains-website: client > any.acme.example any", "domains-in: client > b.example any"}, []string{"BAD"}},
		{"directions", "atlassian", `{"creationDate": "d", "syncToken": 4, "items": [{"cidr": "192.0.2.0/24", "region": ["global"], "product": ["jira"], "direction": ["ingress", "egress"], "perimeter": "c"}]}`,
			[]string{"jira-c: client > 192.0.2.0/24 any", "jira-c-inbound: 192.0.2.0/24 > client any"}, nil},
		{"regions", "oracle", `{"last_updated_timestamp": "t", "regions": [{"region": "r", "cidrs": [{"cidr": "192.0.2.0/24", "tags": ["OSN"]}]}]}`, []string{"OSN-r: client > 192.0.2.0/24 any"}, nil},
		{"edge", "fastly", `{"addresses": ["192.0.2.0/24"], "ipv6_addresses": ["2001:db8::/32"]}`, []string{"edge: client > 192.0.2.0/24,2001:db8::/32 any"}, []string{"shared-cdn"}},
		{"edge", "cloudflare", `{"success": true, "result": {"ipv4_cidrs": ["192.0.2.0/24"], "ipv6_cidrs": []}}`, []string{"edge: client > 192.0.2.0/24 any"}, []string{"shared-cdn"}},
		{"hubs", "zscaler", `{"cloudName": "z", "hubPrefixes": ["192.0.2.1/32"]}`, []string{"hubs: client > 192.0.2.1/32 any"}, nil},

		{"columns", "csv", "id;host;port;transport;method;role;direction;depth;reason;zip\n# comment\n;https://API.acme.example/v1;;;;;;;Sync;12\nldap;192.0.2.7;389,636;tcp;;agent;inbound;;;\nlog;*.acme.example;514;udp;Syslog;;;one;;\n;*.acme.example;;;DNS;;;;;\n;a.example;0;;;;;;;\n;www.b.example*;;TLSv1.2/HTTP;;;;;;\n",
			[]string{"API.acme.example-v1: host > api.acme.example tcp 443 HTTPS", "ldap: 192.0.2.7/32 > agent tcp 389,636", "log: host > one.acme.example udp 514 Syslog",
				"acme.example: host > any.acme.example udp+tcp 53 DNS", "www.b.example: host > www.b.example tcp 80,443"},
			[]string{`"zip"`, "no paths", `the port "0"`, "final star", "TLSv1.2/HTTP"}},
		{"regions and cities", "geofeed", "# feed\n192.0.2.0/24,NL,NL-NH,Amsterdam,1098\n2001:db8::/32,de,,,\n", []string{"NL-NH: client > 192.0.2.0/24 any", "DE: client > 2001:db8::/32 any"}, []string{"cities"}},
		{"lines", "list", "192.0.2.1\n*.acme.example # comment\n\nb.example\n1 2\n", []string{"hosts: client > any.acme.example,b.example,192.0.2.1/32 any"}, []string{`"1 2"`}},

		{"neighbours", "kubescape", container + `  egress:
  - {identifier: a, type: external, dnsNames: ["API.acme.example.", "*.acme.example.", "⋯.b.example", "svc.⋯.c.example", "d.example.*", "**.e.example"], ipAddresses: ["192.0.2.0/24", "*"], ports: [{protocol: TCP, port: 443}, {protocol: UDP, port: 443}]}
  - {identifier: any, ipAddresses: ["0.0.0.0/0"], ports: [{protocol: TCP, port: 1}]}
  - {identifier: pods, podSelector: {matchLabels: {app: db}}, ports: [{protocol: TCP, port: 5432}]}
  ingress:
  - {identifier: in, ipAddress: 10.0.0.9, ports: [{port: 80}, {port: 0}]}
  syscalls: [read]
`, []string{"a: web > api.acme.example,one.acme.example,one.b.example,192.0.2.0/24 udp+tcp 443", "pods: web > ${pods_db} tcp 5432", "in: 10.0.0.9/32 > web tcp 80"},
			[]string{"svc.⋯", "d.example.*", "**.e", `"*"`, `the neighbour "any"`, "0.0.0.0/0", `the port "0"`, "syscalls"}},
		{"commands", "kubescape", container + `  execs:
  - {path: /bin/sh, args: [/bin/sh, -c, ⋯⋯]}
  - {path: /proc/⋯/exe, args: [exe, ⋯, x⋯]}
  - {path: /bin/true, args: [/bin/true]}
  - {path: /bin/any}
  - {path: /bin/most, args: [⋯⋯]}
  - {path: /bin/*, args: []}
  - {path: sh}
`, []string{"web runs /bin/sh [-c *]", "web runs /proc/*/exe [* x*]", "web runs /bin/true []", "web runs /bin/any [any]", "web runs /bin/most [any]"},
			[]string{"x⋯", "/bin/*", `"sh"`}},
		{"two documents", "kubescape", "# first\n---\n" + container + "  egress: []\n---\n" + strings.Replace(container, "name: web", "name: db", 1) + "  ingress:\n  - {identifier: i, ipAddress: 10.0.0.1/8}\n",
			[]string{"i: 10.0.0.0/8 > db any"}, []string{"in:14:"}},

		{"services", "cyclonedx", `{"bomFormat": "CycloneDX", "version": 4, "metadata": {"component": {"name": "App", "purl": "pkg:generic/app@1", "version": "1 b"}}, "components": [{}],
			"services": [{"bom-ref": "s", "name": "S", "provider": {"name": "Acme"}, "endpoints": ["https://s.example/a", "https://s.example/", "ldaps://d.example:1636", "x-y://e.example"], "services": [{"name": "T", "endpoints": ["/v1"]}]}]}`,
			[]string{"s: App > s.example tcp 443 HTTPS", "s-2: App > d.example tcp 1636 LDAPS", "s-3: App > e.example tcp 1-65535"},
			[]string{"components", "s.example/a", "x-y", "/v1"}},
		{"jobs", "harden-runner", "name: CI\non: push\njobs:\n  build:\n    steps:\n    - uses: step-security/harden-runner@v2\n      with:\n        allowed-endpoints: >\n          API.acme.example:443\n          *.acme.example:8443 b.example\n          ${{vars.X}}:443\n",
			[]string{"build-API.acme.example-443: build > api.acme.example tcp 443", "build-acme.example-8443: build > any.acme.example tcp 8443", "build-b.example: build > b.example tcp 443"},
			[]string{"vars.X"}},
	} {
		t.Run(c.format+"/"+c.name, func(t *testing.T) {
			made, err := Import([]File{{Name: "dir/in", Data: []byte(c.text)}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if made.Format != c.format {
				t.Errorf("taken for %s", made.Format)
			}
			if got := told(made.Manifest); !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
			var lost []string
			for _, l := range made.Losses {
				if !strings.HasPrefix(l.Place, "in") {
					t.Errorf("a loss without its place: %+v", l)
				}
				lost = append(lost, l.Place+": "+l.What+": "+l.Why)
			}
			for i := range max(len(lost), len(c.lost)) {
				if i >= len(lost) || i >= len(c.lost) || !strings.Contains(lost[i], c.lost[i]) {
					t.Fatalf("lost\n\t%s\nwant these parts\n\t%s", strings.Join(lost, "\n\t"), strings.Join(c.lost, "\n\t"))
				}
			}
		})
	}
}

// TestImportHeader checks what is kept of where a manifest comes from.
func TestImportHeader(t *testing.T) {
	text := mudWith("", "")
	made, err := Import([]File{{Name: "/some/where/lamp.json", Data: []byte(text)}}, Options{Product: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	m := made.Manifest
	if m.ID != "https://iot.acme.example/lamp" || m.Serial != 1767315845 || m.Publisher.Name != "Acme" || m.Publisher.Domain != "acme.example" ||
		m.Product.Name != "Other" || m.Validity.RefreshHours != 24 || m.Validity.Supported == nil || !*m.Validity.Supported {
		t.Errorf("%+v", m)
	}
	source := decoded(t, made.JSON)["x-source"].(map[string]any)
	if source["file"] != "lamp.json" || source["format"] != "mud" || source["version"] != "2026-01-02T03:04:05.6+02:00" || source["digest"] != digest([]byte(text)) {
		t.Errorf("x-source: %v", source)
	}
	again, err := Import([]File{{Name: "/some/where/lamp.json", Data: []byte(text)}}, Options{Product: "Other"})
	if err != nil || string(again.JSON) != string(made.JSON) {
		t.Error("not deterministic")
	}
}

// TestImportDocs wants every format in docs/convert.md.
func TestImportDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/convert.md")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := Formats()
	for _, n := range names {
		if !strings.Contains(string(text), "`"+n+"`") {
			t.Errorf("docs/convert.md does not tell of %s", n)
		}
	}
	for _, c := range columns {
		if !strings.Contains(string(text), "`"+c.name+"`") {
			t.Errorf("docs/convert.md does not tell of the column %s", c.name)
		}
	}
}
