package convert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

func fromNames(name string) string {
	return mudWith(ace("a", `"ipv4": {"ietf-acldns:dst-dnsname": "`+name+`"}, "tcp": {}`), "")
}

// TestImportRefuses wants an error that names the place.
func TestImportRefuses(t *testing.T) {
	for _, c := range []struct{ name, from, text, want string }{
		{"deep", "mud", `{"a": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "in:1:70: /a/0/0/0"},
		{"deep YAML", "kubescape", "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "in:1:"},
		{"truncated", "mud", `{"ietf-mud:mud": {"mud-version": 1`, "in:1:35: /ietf-mud:mud: the document ends too early"},
		{"syntax", "aws", "{\n \"a\": 01}", "in:2:"},
		{"twice", "mud", `{"ietf-mud:mud": {}, "ietf-mud:mud": {}}`, "in:1:22: the member \"ietf-mud:mud\" is there twice"},
		{"more", "mud", `{} {}`, "in:1:4: after the end"},
		{"encoding", "mud", "{\"a\": \"\xff\"}", "in: the document is not valid UTF-8"},
		{"kind", "mud", `{"ietf-mud:mud": []}`, "in:1:18: /ietf-mud:mud: want an object, found an array"},
		{"kinds", "azure-service-tags", `{"values": [7, {"properties": {"addressPrefixes": [1]}}]}`, "in:1:13: /values/0: want an object, found a number\nin:1:52: /values/1/properties/addressPrefixes/0: want a string, found a number"},
		{"no MUD", "mud", `{}`, `in:1:1: want the member "ietf-mud:mud"`},
		{"version", "mud", strings.Replace(mudWith("", ""), `"mud-version": 1`, `"mud-version": 2`, 1), "want version 1"},
		{"alias", "kubescape", "apiVersion: &a spdx.softwarecomposition.kubescape.io/v1beta1\n", "in:1:13: /apiVersion: an anchor"},
		{"second document", "kubescape", container + "  egress: []\n---\na: *b\n", "unknown anchor"},
		{"not Kubescape", "kubescape", "apiVersion: v1\nkind: Pod\n", "want a profile"},
		{"quotes", "csv", "host,port\n\"a.example,1\n", "in:2:"},
		{"no host column", "csv", "port\n1\n", "in:1:1: want a header"},
		{"word", "csv", "host,direction\na.example,up\n", "in:2:1: direction: want"},
		{"no endpoints", "harden-runner", "name: x\n", "no allowed-endpoints"},
		{"half of all addresses", "list", func() string {
			var b strings.Builder
			for i := 1; i < 120; i++ {
				fmt.Fprintf(&b, "%d.0.0.0/8\n", i)
			}
			return b.String()
		}(), "/communications/0/to/cidrs: together they cover"},
		{"unknown", "", "hello there", "not a format"},
		{"format", "mudd", "{}", `did you mean "mud"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Import([]File{{Name: "in", Data: []byte(c.text)}}, Options{From: c.from})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if _, err := Import([]File{{Name: "a", Data: []byte(mudWith("", ""))}, {Name: "b", Data: []byte(mudWith("", ""))}}, Options{}); err == nil {
		t.Error("two MUD files made one manifest")
	}
	if _, err := Import([]File{{Name: "a", Data: []byte(mudWith("", ""))}, {Name: "b", Data: []byte("192.0.2.1\n")}}, Options{}); err == nil {
		t.Error("files of two formats made one manifest")
	}
	if _, err := Import(nil, Options{}); err == nil {
		t.Error("nothing made a manifest")
	}
}

// TestImportLosesHostile wants names and addresses that would let in more than they seem to, to be reported.
func TestImportLosesHostile(t *testing.T) {
	for _, c := range []struct{ name, why string }{
		{"fusi\u043encore.example", "mixes scripts"},   // a Cyrillic o
		{"fusionc\u03bfre.example", "mixes scripts"},   // a Greek omicron
		{"xn--fusincore-32h.example", "mixes scripts"}, // the first one again
		{"\uff41cme.example", "other characters than acme.example"},
		{"acme\u3002example", "other characters than acme.example"},
		{"*.acme.example", "no wildcards"},
		{"${x}.acme.example", "another language"},
		{"a..example", "empty label"},
		{"https://acme.example/", "not a host name"},
		{"0.0.0.0", ""},
	} {
		made, err := Import([]File{{Name: "in", Data: []byte(fromNames(c.name))}}, Options{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.why == "" {
			continue
		}
		if len(made.Manifest.Communications) != 0 || len(made.Losses) != 1 || !strings.Contains(made.Losses[0].Why, c.why) {
			t.Errorf("%s: %v, %+v; want %q", c.name, told(made.Manifest), made.Losses, c.why)
		}
	}
	for _, wide := range []string{"0.0.0.0/0", "::/0", "128.0.0.0/1", "2000::/3", "::ffff:0.0.0.0/96", "*.com", "*.co.uk", "*", "**.a.example"} {
		made, err := Import([]File{{Name: "in", Data: []byte(wide + "\nb.example\n")}}, Options{From: "list"})
		if err != nil || len(made.Losses) != 1 || !slices.Equal(told(made.Manifest), []string{"hosts: client > b.example any"}) {
			t.Errorf("%s: %v, %v", wide, err, made)
		}
	}
	made, err := Import([]File{{Name: "in", Data: []byte("bücher.example\n例え.example\nbücher例え.example\n")}}, Options{From: "list"})
	if err != nil || len(made.Losses) != 0 || len(made.Manifest.Communications[0].To.Names) != 3 {
		t.Errorf("honest names: %v, %+v", err, made)
	}
}

// TestImportBounded has inputs that grow where carelessness would grow faster.
func TestImportBounded(t *testing.T) {
	many := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(f(i))
		}
		return b.String()
	}
	profile := func(peers string) string {
		return `{"apiVersion": "spdx.softwarecomposition.kubescape.io/v1beta1", "kind": "ContainerProfile", "metadata": {"name": "x"}, "spec": {"egress": [` + peers + `]}}`
	}
	for _, c := range []struct{ name, text string }{
		// One line of megabytes, with a loss at every value.
		{"losses", profile(`{"identifier": "i", "dnsNames": [` + many(100_000, func(int) string { return `"**"` }) + `]}`)},
		{"same ids", profile(many(30_000, func(int) string { return `{"identifier": "same", "ipAddress": "192.0.2.1"}` }))},
		{"ids that look numbered", profile(many(20_000, func(i int) string {
			return fmt.Sprintf(`{"identifier": "same%s", "ipAddress": "192.0.2.1"}`, []string{"", "-2", "-3"}[i%3])
		}))},
		{"members", `{"ietf-mud:mud": {` + many(60_000, func(i int) string { return fmt.Sprintf(`"m%d": 1`, i) }) + `}}`},
		{"variables", profile(many(20_000, func(i int) string {
			return fmt.Sprintf(`{"identifier": "x", "podSelector": {"matchLabels": {"a": "%d"}}}`, i)
		}))},
		{"ports", profile(`{"identifier": "x", "ipAddress": "192.0.2.1", "ports": [` + many(65_000, func(i int) string { return fmt.Sprintf(`{"protocol": "TCP", "port": %d}`, i+1) }) + `]}`)},
		{"scattered ports", profile(`{"identifier": "x", "ipAddress": "192.0.2.1", "ports": [` + many(30_000, func(i int) string { return fmt.Sprintf(`{"protocol": "TCP", "port": %d}`, 2*i+1) }) + `]}`)},
		{"names", profile(`{"identifier": "x", "dnsNames": [` + many(100_000, func(i int) string { return fmt.Sprintf(`"n%d.example"`, i) }) + `]}`)},
		{"long words", mudWith(ace(strings.Repeat("a\\u0001", 50_000), `"ipv4": {"ietf-acldns:dst-dnsname": "a.example", "`+strings.Repeat("x", 100_000)+`": 1}`)+
			","+ace(strings.Repeat("b", 100_000), `"ietf-mud:mud": {"controller": "`+strings.Repeat("c", 100_000)+`"}`), "")},
		{"long arguments", strings.Replace(profile(""), `"egress": [`, `"execs": [{"path": "/bin/`+strings.Repeat("a", 70_000)+`"}, {"path": "/a", "args": ["a", "`+strings.Repeat("a", 70_000)+`"]}], "egress": [`, 1)},
		{"deep data", `{"bomFormat": "CycloneDX", "services": [{"name": "` + strings.Repeat("s", 100_000) + `", "endpoints": ["https://a.example"], "data": ` +
			strings.Repeat("[", 55) + `"` + strings.Repeat("d", 100_000) + `"` + strings.Repeat("]", 55) + `}]}`},
		{"documents", strings.Repeat("---\napiVersion: spdx.softwarecomposition.kubescape.io/v1beta1\n", 2000)},
	} {
		begun := time.Now()
		made, err := Import([]File{{Name: "in", Data: []byte(c.text)}}, Options{})
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: %v", c.name, took)
		}
		if err != nil && strings.Contains(err.Error(), "the manifest made of") {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && len(made.Losses) > maxLosses+1 {
			t.Errorf("%s: %d losses", c.name, len(made.Losses))
		}
		var faults strict.Errors
		if err != nil && !errors.As(err, &faults) {
			t.Errorf("%s: an error without its place: %v", c.name, err)
		}
	}
}

// FuzzImport gives every importer any text: it fails with a place, or makes a valid manifest, always the same.
func FuzzImport(f *testing.F) {
	names, _ := Formats()
	for i := range names {
		f.Add(uint8(i), "x")
	}
	add := func(format, text string) { f.Add(uint8(slices.Index(names, format)), text) }
	add("mud", mudWith(ace("a", `"ipv4": {"protocol": 6, "ietf-acldns:dst-dnsname": "a.example"}, "tcp": {"destination-port": {"operator": "eq", "port": 443}}`),
		ace("b", `"ietf-mud:mud": {"controller": "urn:x"}, "udp": {"source-port": {"lower-port": 1, "upper-port": 2}}, "icmp": {"type": 8}`)))
	add("microsoft365", `[{"id": 1, "serviceArea": "A", "urls": ["*.a.example", "*x"], "ips": ["192.0.2.0/24"], "tcpPorts": "80,443", "required": true}]`)
	add("azure-service-tags", `{"changeNumber": 3, "cloud": "P", "values": [{"name": "A", "properties": {"addressPrefixes": ["192.0.2.0/24"]}}]}`)
	add("aws", `{"syncToken": "17", "createDate": "d", "prefixes": [{"ip_prefix": "192.0.2.0/24", "region": "r", "service": "S3"}]}`)
	add("github", `{"hooks": ["192.0.2.0/24"], "web": [], "git": ["192.0.2.0/24"], "ssh_key_fingerprints": {"a": "b"}, "domains": {"a": {"b": ["*.c.example"]}}}`)
	add("atlassian", `{"creationDate": "d", "items": [{"cidr": "192.0.2.0/24", "direction": ["ingress"]}]}`)
	add("kubescape", container+"  egress:\n  - {identifier: a, dnsNames: [\"*.a.example\"], ports: [{port: 1}]}\n  execs:\n  - {path: /bin/sh, args: [a, ⋯]}\n---\n")
	add("cyclonedx", `{"bomFormat": "CycloneDX", "services": [{"name": "S", "endpoints": ["https://s.example:1/a"]}]}`)
	add("harden-runner", "jobs:\n  a:\n    with:\n      allowed-endpoints: >\n        a.example:443 [2001:db8::1]:1\n")
	add("csv", "host,port,method,transport\n*.a.example,1-2,TLS,tcp\n")
	add("geofeed", "192.0.2.0/24,NL,,,\n")
	add("list", "*.a.example\n192.0.2.1\n")
	f.Fuzz(func(t *testing.T, format uint8, text string) {
		o := Options{From: names[int(format)%len(names)]}
		in := []File{{Name: "in", Data: []byte(text)}}
		made, err := Import(in, o)
		if err != nil {
			var faults strict.Errors
			if !errors.As(err, &faults) {
				t.Fatalf("an error without its place: %v", err)
			}
			if strings.Contains(err.Error(), "the manifest made of") && !strings.Contains(err.Error(), "together they cover") && !strings.Contains(err.Error(), "the limit is") {
				t.Fatalf("not a manifest: %v", err)
			}
			return
		}
		if _, err := manifest.Decode("made", made.JSON); err != nil {
			t.Fatal(err)
		}
		if again, err := Import(in, o); err != nil || string(again.JSON) != string(made.JSON) {
			t.Fatalf("not deterministic: %v", err)
		}
		_, _ = Import(in, Options{}) // told by its content
	})
}
