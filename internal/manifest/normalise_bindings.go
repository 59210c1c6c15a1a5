package manifest

import (
	"strings"

	"netsensor/internal/strict"
)

func (n *normaliser) bindings(b *Bindings) {
	if b.BindingsVersion != BindingsVersion {
		n.at("bindingsVersion", func() {
			n.fail("this program understands version %q, not %s", BindingsVersion, strict.Quote(b.BindingsVersion))
		})
		return
	}
	each(n, "homeNetworks", b.HomeNetworks, n.cidr)
	each(n, "egressProxies", b.EgressProxies, func(p *Proxy) {
		if len(p.Endpoints) == 0 {
			n.at("endpoints", func() { n.fail("name at least one endpoint") })
		}
		n.plainPorts(p.Ports)
	})
	eachNamed(n, "keys", b.Keys, func(k Key) Key { return k })
	short := b.Manifest != nil || b.InstalledVersion != "" || b.Roles != nil || b.Variables != nil || b.Features != nil
	switch {
	case short && b.Products != nil:
		n.fail("either \"products\" or one product's members, not both")
	case short && b.Manifest == nil:
		n.fail("member \"manifest\" is missing")
	case short && b.Roles == nil:
		n.fail("member \"roles\" is missing")
	case !short && len(b.Products) == 0:
		n.fail("no product: want \"manifest\" and \"roles\", or \"products\" with at least one element")
	}
	if short {
		b.Products = []Bound{{
			InstalledVersion: b.InstalledVersion, Roles: b.Roles, Variables: b.Variables, Features: b.Features,
			Exceptions: b.Exceptions, Policy: b.Policy,
		}}
		if b.Manifest != nil {
			b.Products[0].Manifest = *b.Manifest
		}
		b.Manifest, b.InstalledVersion, b.Roles, b.Variables, b.Features, b.Exceptions = nil, "", nil, nil, nil, nil
		n.bound(&b.Products[0], b)
	} else {
		each(n, "exceptions", b.Exceptions, n.exception)
		each(n, "products", b.Products, func(p *Bound) {
			p.pointer = pointer(n.path)
			n.bound(p, b)
		})
	}
	b.Policy = b.Policy.over(defaultPolicy())
	for i := range b.Products {
		b.Products[i].Policy = b.Products[i].Policy.over(b.Policy)
	}
}

func (n *normaliser) bound(p *Bound, b *Bindings) {
	n.at("manifest", func() {
		n.at("id", func() { n.checkURI(p.Manifest.ID) })
		n.references("trust", p.Manifest.Trust)
		if d := p.Manifest.Digest; d != "" {
			n.at("digest", func() {
				hex, ok := strings.CutPrefix(d, "sha256:")
				if !ok {
					n.fail("want \"sha256:\" and 64 lower-case hexadecimal digits, found %s", strict.Quote(d))
					return
				}
				n.hex(hex, 64)
			})
		}
	})
	if len(p.Roles) == 0 {
		n.at("roles", func() { n.fail("bind at least one role") })
	}
	eachNamed(n, "roles", p.Roles, func(r RoleBinding) RoleBinding {
		if len(r.Endpoints)+len(r.VLANs) == 0 {
			n.fail("want \"endpoints\" or \"vlans\"")
		}
		each(n, "vlans", r.VLANs, func(v *uint16) {
			if *v == 0 || *v > 4094 {
				n.fail("want a VLAN from 1 to 4094, found %d", *v)
			}
		})
		return r
	})
	eachNamed(n, "variables", p.Variables, func(v Value) Value {
		if len(v.Items) == 0 {
			n.fail("an empty list; leave the variable out")
		}
		for _, item := range v.Items {
			if item.Text == "" {
				n.fail("must not be empty")
			}
		}
		return v
	})
	eachNamed(n, "features", p.Features, func(s Switch) Switch { return s })
	each(n, "exceptions", p.Exceptions, n.exception)
}

func (n *normaliser) exception(e *Exception) {
	n.id("id", e.ID)
	n.at("from", func() { n.party(&e.From) })
	n.at("to", func() { n.party(&e.To) })
	n.method(&e.Method)
	if e.Transport != "" && !e.Transport.HasPorts() && len(e.Ports) > 0 {
		n.at("ports", func() { n.fail("%s has no ports", e.Transport) })
	}
	if len(e.Ports) > maxPorts {
		n.at("ports", func() { n.fail("%d elements; the limit is %d", len(e.Ports), maxPorts) })
	}
	n.plainPorts(e.Ports)
}

// plainPorts checks ports that may not be variables.
func (n *normaliser) plainPorts(ports []Port) {
	each(n, "ports", ports, func(p *Port) {
		if p.Variable != "" {
			n.fail("want a port or a range, found a variable")
		}
	})
}

func (n *normaliser) party(p *Party) {
	forms := 0
	for _, given := range []bool{p.Role != "", p.Variable != "", len(p.Endpoints)+len(p.Names) > 0} {
		if given {
			forms++
		}
	}
	if forms != 1 {
		n.fail("want one of \"role\", \"variable\", or \"endpoints\" and \"names\"")
	}
	n.reference("role", p.Role)
	n.reference("variable", p.Variable)
	each(n, "names", p.Names, func(d *Name) {
		if strings.Contains(d.Text(), "$") {
			n.fail("%s: no variables here", strict.Quote(d.Text()))
			return
		}
		n.domainName(d)
	})
}

func defaultPolicy() Policy {
	warmup, fold := uint32(600), uint32(3600)
	return Policy{Mode: Audit, WarmupSeconds: &warmup, FoldSeconds: &fold, Undecidable: UndecidableLog, OnManifestExpiry: KeepAndWarn}
}

// over returns p, completed from base.
func (p Policy) over(base Policy) Policy {
	if p.Mode == "" {
		p.Mode = base.Mode
	}
	if p.WarmupSeconds == nil {
		p.WarmupSeconds = base.WarmupSeconds
	}
	if p.FoldSeconds == nil {
		p.FoldSeconds = base.FoldSeconds
	}
	if p.Undecidable == "" {
		p.Undecidable = base.Undecidable
	}
	if p.OnManifestExpiry == "" {
		p.OnManifestExpiry = base.OnManifestExpiry
	}
	return p
}
