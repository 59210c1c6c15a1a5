package manifestdiff

import (
	"strconv"
	"strings"
	"time"

	"netsensor/internal/manifest"
)

func (c *comparer) product() {
	a, b := c.a, c.b
	c.at("product", "")
	if a.ID != b.ID {
		c.add(Neutral, "id", "another manifest: %s (was %s)", b.ID, a.ID)
	} else if b.Serial < a.Serial {
		c.add(Neutral, "serial", "serial %d is older than %d: is the order right?", b.Serial, a.Serial)
	} else if b.Serial == a.Serial && b.Digest != a.Digest {
		c.add(Neutral, "serial", "both have serial %d, and differ", b.Serial)
	}
	c.note("product.name", "product", a.Product.Name, b.Product.Name)
	c.note("product.purl", "package URL", a.Product.PURL, b.Product.PURL)
	c.note("product.cpe", "CPE", a.Product.CPE, b.Product.CPE)
	c.note("product.versions", "versions", a.Product.Versions, b.Product.Versions)
	c.note("publisher.name", "publisher", a.Publisher.Name, b.Publisher.Name)
	c.note("publisher.domain", "publisher's domain", a.Publisher.Domain, b.Publisher.Domain)
	added, removed := minus(b.Publisher.Zones, a.Publisher.Zones), minus(a.Publisher.Zones, b.Publisher.Zones)
	if len(added)+len(removed) > 0 {
		c.list(Neutral, "publisher.zones", added, removed, "the publisher's zones changed")
	}
	c.note("publisher.securityContact", "security contact", a.Publisher.SecurityContact, b.Publisher.SecurityContact)
	c.note("validity.notBefore", "valid from", date(a.Validity.NotBefore), date(b.Validity.NotBefore))
	c.note("validity.notAfter", "valid to", date(a.Validity.NotAfter), date(b.Validity.NotAfter))
	c.note("validity.supported", "supported", flag(a.Validity.Supported), flag(b.Validity.Supported))
	c.note("validity.updateUrl", "update URL", a.Validity.UpdateURL, b.Validity.UpdateURL)
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func flag(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func (c *comparer) featuresOf() {
	say := func(f manifest.Feature) string {
		switch {
		case f.Required:
			return "always on"
		case f.Default == manifest.On:
			return "on by default"
		}
		return "off by default"
	}
	about := func(name string, f manifest.Feature) {
		c.at("feature", name)
		c.reason = f.Description
		if f.Docs != "" {
			c.references = []string{f.Docs}
		}
	}
	paired(c.a.Features, c.b.Features, func(name string, f manifest.Feature) {
		about(name, f)
		// What it allows is told by the entries that cite it.
		c.add(Neutral, "", "new feature, %s", say(f))
	}, func(name string, f manifest.Feature) {
		about(name, f)
		c.add(Neutral, "", "feature gone (was %s)", say(f))
	}, func(name string, a, b manifest.Feature) {
		about(name, b)
		if before, after := say(a), say(b); before != after {
			e := Narrows
			if b.Required || !a.Required && b.Default == manifest.On {
				e = Widens
			}
			c.add(e, "default", "%s (was %s)", after, before)
		}
		c.sets("requires", "turns on", minus(b.Requires, a.Requires), minus(a.Requires, b.Requires))
		c.note("docs", "documentation", a.Docs, b.Docs)
	})
}

func (c *comparer) commands() {
	id := func(x *manifest.Command) string { return x.ID }
	about := func(x *manifest.Command, m *manifest.Manifest) string {
		c.at("command", x.ID)
		c.features, c.reason, c.references = defaults(x.Features, m), x.Reason, x.References
		text := x.Exec
		if x.Args != nil {
			text += " " + strings.Join(x.Args, " ")
		}
		if x.RunAs != "" {
			text += " as " + x.RunAs
		}
		return text
	}
	paired(byID(c.a.Commands, id), byID(c.b.Commands, id), func(_ string, x *manifest.Command) {
		c.add(Widens, "", "new: runs %s", about(x, c.b))
	}, func(_ string, x *manifest.Command) {
		c.add(Narrows, "", "gone: runs %s", about(x, c.a))
	}, func(_ string, a, b *manifest.Command) {
		about(b, c.b)
		c.limit("exec", "program", a.Exec, b.Exec)
		c.limit("args", "arguments", arguments(a), arguments(b))
		c.limit("runAs", "user", a.RunAs, b.RunAs)
		c.limit("parent", "parent", a.Parent, b.Parent)
		c.limit("role", "role", a.Role, b.Role)
		c.sets("features", "while one of these features is on", minus(b.Features, a.Features), minus(a.Features, b.Features))
		c.note("reason", "reason", a.Reason, b.Reason)
	})
}

// arguments is empty for any.
func arguments(x *manifest.Command) string {
	switch {
	case x.Args == nil:
		return ""
	case len(x.Args) == 0:
		return "none"
	}
	quoted := make([]string, len(x.Args))
	for i, a := range x.Args {
		quoted[i] = strconv.Quote(a)
	}
	return strings.Join(quoted, " ")
}

// lifetimes orders lifecycles by how long an account is of use to a stranger.
var lifetimes = map[manifest.Lifecycle]int{manifest.FirstBootOnly: 1, manifest.UntilChanged: 2, "": 3, manifest.Permanent: 3}

func (c *comparer) accounts() {
	id := func(x *manifest.Account) string { return x.ID }
	about := func(x *manifest.Account, m *manifest.Manifest) string {
		c.at("account", x.ID)
		c.features, c.references = defaults(x.Features, m), x.References
		text := x.Name + " (" + x.Realm + ")"
		if x.Lifecycle != "" {
			text += ", " + string(x.Lifecycle)
		}
		return text
	}
	paired(byID(c.a.Accounts, id), byID(c.b.Accounts, id), func(_ string, x *manifest.Account) {
		c.add(Widens, "", "new default account %s", about(x, c.b))
	}, func(_ string, x *manifest.Account) {
		c.add(Narrows, "", "default account gone: %s", about(x, c.a))
	}, func(_ string, a, b *manifest.Account) {
		about(b, c.b)
		c.limit("name", "name", a.Name, b.Name)
		c.limit("realm", "realm", a.Realm, b.Realm)
		c.limit("role", "role", a.Role, b.Role)
		if before, after := lifetimes[a.Lifecycle], lifetimes[b.Lifecycle]; before != after {
			e := Narrows
			if after > before {
				e = Widens
			}
			c.add(e, "lifecycle", "lives %s (was %s)", lifecycle(b), lifecycle(a))
		}
		if a.MustChange != b.MustChange {
			e, text := Narrows, "its password must be changed"
			if a.MustChange {
				e, text = Widens, "its password need not be changed any more"
			}
			c.add(e, "mustChange", "%s", text)
		}
		c.oneOf("protocols", "login by", a.Protocols, b.Protocols)
		c.note("interactive", "interactive", flag(a.Interactive), flag(b.Interactive))
	})
}

func lifecycle(a *manifest.Account) string {
	if a.Lifecycle == "" {
		return "as long as nobody says"
	}
	return string(a.Lifecycle)
}

func (c *comparer) signers() {
	id := func(x *manifest.Signer) string { return x.ID }
	about := func(x *manifest.Signer) string {
		c.at("signer", x.ID)
		c.references = x.References
		for _, name := range []string{x.Subject, x.Identity, x.Fingerprint} {
			if name != "" {
				return string(x.Kind) + " " + name
			}
		}
		return string(x.Kind) + " " + some(x.SPKISHA256)
	}
	paired(byID(c.a.Signers, id), byID(c.b.Signers, id), func(_ string, x *manifest.Signer) {
		c.add(Widens, "", "new signer: %s", about(x))
	}, func(_ string, x *manifest.Signer) {
		c.add(Narrows, "", "signer gone: %s", about(x))
	}, func(_ string, a, b *manifest.Signer) {
		about(b)
		c.limit("kind", "kind", string(a.Kind), string(b.Kind))
		c.limit("subject", "subject", a.Subject, b.Subject)
		c.limit("issuer", "issuer", a.Issuer, b.Issuer)
		c.limit("identity", "identity", a.Identity, b.Identity)
		c.limit("fingerprint", "fingerprint", a.Fingerprint, b.Fingerprint)
		c.oneOf("spkiSha256", "key", a.SPKISHA256, b.SPKISHA256)
		c.oneOf("uses", "signs", a.Uses, b.Uses)
		switch {
		case a.NotAfter.Equal(b.NotAfter):
		case b.NotAfter.IsZero() || !a.NotAfter.IsZero() && b.NotAfter.After(a.NotAfter):
			c.add(Widens, "notAfter", "trusted for longer")
		default:
			c.add(Narrows, "notAfter", "trusted until %s", date(b.NotAfter))
		}
	})
}

// artifacts are compared as one list: every release brings new files. One that a declared signer signs is no widening,
// for its signature would do by itself.
func (c *comparer) artifacts() {
	known := byID(c.a.Signers, func(x *manifest.Signer) string { return x.ID })
	hashes := func(m *manifest.Manifest) map[string]*manifest.Artifact {
		return byID(m.Artifacts, func(x *manifest.Artifact) string { return x.Hashes.SHA256 })
	}
	before, after := hashes(c.a), hashes(c.b)
	var signed, unsigned, gone []string
	for i := range c.b.Artifacts {
		x := &c.b.Artifacts[i]
		if before[x.Hashes.SHA256] != nil {
			continue
		}
		if _, is := known[x.Signer]; is {
			signed = append(signed, x.Name)
		} else {
			unsigned = append(unsigned, x.Name)
		}
	}
	for i := range c.a.Artifacts {
		if x := &c.a.Artifacts[i]; after[x.Hashes.SHA256] == nil {
			gone = append(gone, x.Name)
		}
	}
	c.at("artifact", "")
	if len(signed) > 0 {
		c.list(Neutral, "", signed, nil, "new files of signers that were declared before: %s", some(signed))
	}
	if len(unsigned) > 0 {
		c.list(Widens, "", unsigned, nil, "new files without a signer that was declared before: %s", some(unsigned))
	}
	if len(gone) > 0 {
		c.list(Narrows, "", nil, gone, "files gone: %s", some(gone))
	}
}

func (c *comparer) variables() {
	about := func(name string, v manifest.Variable) {
		c.at("variable", name)
		c.reason = v.Description
	}
	bind := func(v manifest.Variable) string {
		if v.Required && v.Default == "" {
			return "to be bound by the site"
		}
		return "optional"
	}
	paired(c.a.Variables, c.b.Variables, func(name string, v manifest.Variable) {
		about(name, v)
		c.add(Neutral, "", "new variable (%s), %s", v.Kind, bind(v))
	}, func(name string, v manifest.Variable) {
		about(name, v)
		c.add(Neutral, "", "variable gone (%s)", v.Kind)
	}, func(name string, a, b manifest.Variable) {
		about(name, b)
		c.limit("kind", "kind", string(a.Kind), string(b.Kind))
		c.limit("pattern", "pattern", a.Pattern, b.Pattern)
		if b.Default != a.Default {
			e := Widens
			if b.Default == "" {
				e = Narrows
			}
			c.add(e, "default", "stands for %s unless the site binds it (was %s)", orNothing(b.Default), orNothing(a.Default))
		}
		c.note("required", "binding", bind(a), bind(b))
		c.note("systemType", "system type", a.SystemType, b.SystemType)
	})
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func (c *comparer) roles() {
	paired(c.a.Roles, c.b.Roles, func(name string, r manifest.Role) {
		c.at("role", name)
		c.reason = r.Description
		c.add(Neutral, "", "new role")
	}, func(name string, r manifest.Role) {
		c.at("role", name)
		c.reason = r.Description
		c.add(Neutral, "", "role gone")
	}, func(name string, a, b manifest.Role) {
		c.at("role", name)
		c.reason = b.Description
		c.note("cardinality", "number of hosts", hosts(a.Cardinality), hosts(b.Cardinality))
	})
}

func hosts(c manifest.Cardinality) string {
	if !c.Given {
		return ""
	}
	// Any cardinality that was decoded has a text.
	text, _ := c.MarshalText()
	return string(text)
}
