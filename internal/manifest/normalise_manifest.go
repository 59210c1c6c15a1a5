package manifest

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"netsensor/internal/strict"
)

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func (n *normaliser) manifest(m *Manifest) {
	if m.ManifestVersion != Version {
		n.at("manifestVersion", func() {
			n.fail("this program understands version %q, not %s", Version, strict.Quote(m.ManifestVersion))
		})
		return
	}
	n.at("id", func() { n.checkURI(m.ID) })
	if m.Serial == 0 {
		n.at("serial", func() { n.fail("serials begin with 1") })
	}
	n.at("publisher", func() {
		n.at("domain", func() { n.name(&m.Publisher.Domain, NormalName) })
		each(n, "zones", m.Publisher.Zones, func(s *string) { n.name(s, NormalName) })
		n.uri("securityContact", m.Publisher.SecurityContact)
	})
	n.at("product", func() {
		n.uri("purl", m.Product.PURL)
		n.uri("cpe", m.Product.CPE)
		n.uri("versions", m.Product.Versions)
	})
	n.at("validity", func() {
		n.uri("updateUrl", m.Validity.UpdateURL)
	})
	n.vocabulary(m)
	each(n, "communications", m.Communications, n.communication)
	each(n, "commands", m.Commands, n.command)
	each(n, "accounts", m.Accounts, n.account)
	each(n, "signers", m.Signers, n.signer)
	each(n, "artifacts", m.Artifacts, n.artifact)
	if l := m.Links; l != nil {
		n.at("links", func() {
			n.uri("sbom", l.SBOM)
			n.uri("vex", l.VEX)
			n.uri("docs", l.Docs)
			n.uri("changelog", l.Changelog)
		})
	}
}

// maxPattern bounds regular expressions, in bytes.
const maxPattern = 256

// vocabulary checks roles, variables and features.
func (n *normaliser) vocabulary(m *Manifest) {
	if len(m.Roles) == 0 {
		n.at("roles", func() { n.fail("a product has at least one role") })
	}
	eachNamed(n, "roles", m.Roles, func(r Role) Role { return r })
	eachNamed(n, "variables", m.Variables, func(v Variable) Variable {
		n.reference("feature", v.Feature)
		if len(v.Pattern) > maxPattern {
			n.at("pattern", func() { n.fail("%d bytes; the limit is %d", len(v.Pattern), maxPattern) })
		}
		return v
	})
	eachNamed(n, "features", m.Features, func(f Feature) Feature {
		n.references("requires", f.Requires)
		n.uri("docs", f.Docs)
		return f
	})
}

// features checks a list that must not be empty.
func (n *normaliser) features(list []string) {
	if len(list) == 0 {
		n.at("features", func() { n.fail("name at least one feature") })
	}
	n.references("features", list)
}

func (n *normaliser) communication(c *Communication) {
	n.id("id", c.ID)
	n.at("from", func() { n.peer(&c.From) })
	n.at("to", func() { n.peer(&c.To) })
	n.ports(c.Transport, c.Ports)
	n.method(&c.Method)
	n.strings("app", c.App)
	for i := range c.App {
		c.App[i] = strings.ToLower(c.App[i])
	}
	n.features(c.Features)
	each(n, "privileges", c.Privileges, func(p *Privilege) {
		n.reference("feature", p.Feature)
		n.uris("references", p.References)
		if (p.Level == LevelFeature) != (p.Feature != "") {
			n.fail("\"feature\" is given if and only if \"level\" is \"feature\"")
		}
	})
	n.uris("references", c.References)
	if c.TLS != nil {
		n.at("tls", func() {
			n.strings("alpn", c.TLS.ALPN)
			n.strings("issuers", c.TLS.Issuers)
			each(n, "spkiSha256", c.TLS.SPKISHA256, func(s *string) { n.hex(*s, 64) })
		})
	}
	if c.SSH != nil {
		n.at("ssh", func() {
			each(n, "hostKeySha256", c.SSH.HostKeySHA256, n.hostKey)
			n.strings("clientSoftware", c.SSH.ClientSoftware)
			n.strings("serverSoftware", c.SSH.ServerSoftware)
		})
	}
	if c.Bounds != nil && c.Bounds.Period != nil && c.Bounds.Period.Seconds == 0 {
		n.at("bounds", func() {
			n.at("period", func() { n.at("seconds", func() { n.fail("must be at least 1") }) })
		})
	}
}

func (n *normaliser) hostKey(s *string) {
	b64, ok := strings.CutPrefix(*s, "SHA256:")
	sum, err := base64.RawStdEncoding.Strict().DecodeString(b64)
	if !ok || err != nil || len(sum) != 32 || len(b64) != 43 {
		n.fail("want \"SHA256:\" and 43 characters of base64 as ssh-keygen -l prints them, found %s", strict.Quote(*s))
	}
}

func (n *normaliser) peer(p *Peer) {
	forms := 0
	for _, given := range []bool{p.Role != "", p.Variable != "", len(p.Names)+len(p.CIDRs) > 0} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		n.fail("want one of \"role\", \"variable\", or \"names\" and \"cidrs\"")
	}
	if p.Hosting != "" && (p.Role != "" || p.Variable != "") {
		n.at("hosting", func() { n.fail("belongs to \"names\" and \"cidrs\"") })
	}
	n.reference("role", p.Role)
	n.reference("variable", p.Variable)
	each(n, "names", p.Names, n.domainName)
	each(n, "cidrs", p.CIDRs, n.cidr)
}

func (n *normaliser) command(c *Command) {
	n.id("id", c.ID)
	n.reference("role", c.Role)
	n.features(c.Features)
	n.uris("references", c.References)
}

func (n *normaliser) account(a *Account) {
	n.id("id", a.ID)
	n.reference("role", a.Role)
	n.strings("protocols", a.Protocols)
	n.references("features", a.Features)
	n.uris("references", a.References)
}

func (n *normaliser) signer(s *Signer) {
	n.id("id", s.ID)
	each(n, "spkiSha256", s.SPKISHA256, func(s *string) { n.hex(*s, 64) })
	if f := s.Fingerprint; f != "" {
		// RFC 9580, section 5.5.4: 20 octets for version 4 keys, 32 for version 6.
		if len(f) != 40 && len(f) != 64 || strings.ContainsFunc(f, func(r rune) bool { return !strings.ContainsRune("0123456789ABCDEF", r) }) {
			n.at("fingerprint", func() {
				n.fail("want 40 or 64 upper-case hexadecimal digits without spaces, found %s", strict.Quote(f))
			})
		}
	}
	n.strings("uses", s.Uses)
	n.uris("references", s.References)
}

func (n *normaliser) artifact(a *Artifact) {
	n.uri("purl", a.PURL)
	n.reference("signer", a.Signer)
	digest := func(member, s string, digits int) {
		if s != "" || member == "sha256" {
			n.at("hashes", func() { n.at(member, func() { n.hex(s, digits) }) })
		}
	}
	digest("sha256", a.Hashes.SHA256, 64)
	digest("sha384", a.Hashes.SHA384, 96)
	digest("sha512", a.Hashes.SHA512, 128)
}
