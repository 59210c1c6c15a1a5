package judge

import (
	"net/netip"
	"strconv"

	"netsensor/internal/eve"
)

// AppendEVE appends the members "alert" and "verdict" of an EVE alert, separated by a comma.
func (a *Alert) AppendEVE(dst []byte, o *eve.Options) []byte {
	info := a.info()
	dst = append(dst, `"alert":`...)
	al := eve.Open(dst, o)
	al.Str("action", "allowed")
	al.Int("gid", 1)
	al.Int("signature_id", int64(a.Rule.SignatureID()))
	al.Int("rev", 1)
	al.Str("signature", a.Signature())
	al.Str("category", info.category)
	al.Int("severity", int64(a.Severity))
	end(&al, "source", a.Source)
	end(&al, "target", a.Target)
	if refs := a.References(); len(refs) > 0 {
		al.Strs("references", refs...)
	}
	a.metadata(&al, info)
	if o == nil || !o.NoAlertContext {
		a.context(&al)
	}
	dst = al.Close()
	return append(dst, `,"verdict":{"action":"alert"}`...)
}

func end(al *eve.Object, key string, at netip.AddrPort) {
	if !at.IsValid() {
		return
	}
	m := al.Begin(key)
	m.Addr("ip", at.Addr())
	if p := at.Port(); p != 0 {
		m.Uint("port", uint64(p))
	}
	al.End(m)
}

var outcomes = [...]string{"tried", "accepted", "refused"}

var severityWords = [...]string{"", "Critical", "Major", "Minor", "Informational"}

// metadata writes flat arrays of strings: what every consumer can search.
func (a *Alert) metadata(al *eve.Object, info *ruleInfo) {
	m := al.Begin("metadata")
	m.Strs("signature_severity", severityWords[min(max(a.Severity, 1), 4)])
	m.Strs("tag", "netsensor", info.name)
	if info.tactic != "" {
		m.Strs("mitre_tactic_id", info.tactic)
		m.Strs("mitre_tactic_name", info.tacticN)
		m.Strs("mitre_technique_id", info.technique)
		m.Strs("mitre_technique_name", info.techN)
	}
	m.Strs("netsensor_rule", info.name)
	m.Strs("netsensor_verdict", a.Verdict.String())
	m.Strs("netsensor_confidence", a.Confidence.String())
	mode := "enforce"
	if a.Audit {
		mode = "audit"
	}
	m.Strs("netsensor_mode", mode)
	m.Key("netsensor_host")
	m.B = append(m.B, '[', '"')
	if a.Host.IsValid() {
		m.B = m.Opts.AppendAddr(m.B, a.Host)
	} else if a.Process != nil {
		m.B = eve.AppendEscaped(m.B, a.Process.Host)
	}
	m.B = append(m.B, '"', ']')
	if len(a.Products) > 0 {
		products, manifests := make([]string, 0, len(a.Products)), make([]string, 0, len(a.Products))
		for _, p := range a.Products[:min(len(a.Products), maxListed)] {
			id := p.PURL
			if id == "" {
				id = p.Name
			}
			products = append(products, id)
			ref := p.Manifest.ID
			if p.Manifest.Digest != "" {
				ref += "#" + p.Manifest.Digest
			}
			manifests = append(manifests, ref)
		}
		m.Strs("netsensor_product", products...)
		m.Strs("netsensor_manifest", manifests...)
		if n := len(a.Products) - len(products); n > 0 {
			m.Strs("netsensor_more_products", strconv.Itoa(n))
		}
	}
	if len(a.Roles) > 0 {
		m.Strs("netsensor_role", a.Roles[:min(len(a.Roles), maxListed)]...)
	}
	if a.Entry != nil {
		m.Strs("netsensor_nearest", a.Entry.ID)
		if a.Failed != 0 {
			m.Strs("netsensor_failed", a.Failed.Names()...)
		}
		if a.Entry.Comm != nil && len(a.Entry.Comm.Features) > 0 {
			m.Strs("netsensor_feature", a.Entry.Comm.Features...)
		}
	}
	if len(a.Names) > 0 {
		list, sources := make([]string, 0, len(a.Names)), make([]string, 0, len(a.Names))
		for i := range a.Names {
			list = append(list, a.Names[i].Name)
			sources = append(sources, a.Names[i].Source)
		}
		m.Strs("netsensor_name", list...)
		m.Strs("netsensor_name_source", sources...)
	}
	if a.Account != nil {
		m.Strs("netsensor_account", a.Account.ID)
		m.Strs("netsensor_user", a.Login.User)
		m.Strs("netsensor_login", outcomes[min(a.Login.Outcome, 2)])
	}
	if a.File != nil {
		m.Strs("netsensor_file", clip(a.File.Name))
		if a.File.SHA256 != "" {
			m.Strs("netsensor_sha256", a.File.SHA256)
		}
		if a.File.Signer.Kind != "" {
			m.Strs("netsensor_signer", clip(a.File.Signer.Subject))
		}
	}
	if a.bound.kind != noBound {
		m.Strs("netsensor_bound", boundTexts[a.bound.kind])
	}
	a.hostMetadata(&m)
	if a.Folded > 0 {
		m.Strs("netsensor_folded", strconv.FormatUint(a.Folded, 10))
	}
	if a.Overflow {
		m.Strs("netsensor_overflow", "true")
	}
	m.Strs("netsensor_why", a.Why)
	al.End(m)
}

// context writes the evidence with its structure.
func (a *Alert) context(al *eve.Object) {
	outer := al.Begin("context")
	m := outer.Begin("netsensor")
	m.Int("schema", 1)
	m.Str("verdict", a.Verdict.String())
	m.StrIf("reason", a.Reason.String())
	m.Str("rule", a.Rule.String())
	m.Str("why", a.Why)
	m.Key("products")
	m.B = append(m.B, '[')
	for i, p := range a.Products {
		if i == maxListed {
			break
		}
		if i > 0 {
			m.B = append(m.B, ',')
		}
		e := eve.Open(m.B, m.Opts)
		e.Str("name", p.Name)
		e.StrIf("purl", p.PURL)
		mf := e.Begin("manifest")
		mf.Str("id", p.Manifest.ID)
		mf.Uint("serial", p.Manifest.Serial)
		mf.StrIf("digest", p.Manifest.Digest)
		mf.True("expired", p.NotAfter != 0 && a.Now > p.NotAfter)
		e.End(mf)
		m.B = e.Close()
	}
	m.B = append(m.B, ']')
	if n := len(a.Products) - maxListed; n > 0 {
		m.Uint("more_products", uint64(n))
	}
	if len(a.Roles) > 0 {
		m.Strs("roles", a.Roles[:min(len(a.Roles), maxListed)]...)
	}
	if len(a.Names) > 0 {
		m.Key("names")
		m.B = append(m.B, '[')
		for i := range a.Names {
			if i > 0 {
				m.B = append(m.B, ',')
			}
			n := &a.Names[i]
			e := eve.Open(m.B, m.Opts)
			e.Str("name", n.Name)
			e.Str("source", n.Source)
			e.StrIf("status", n.Status)
			e.StrIf("chain", n.Chain)
			if n.Source == "dns.answer" || n.TTL != 0 {
				e.Uint("ttl", uint64(n.TTL))
			}
			e.Int("age_s", n.Age)
			m.B = e.Close()
		}
		m.B = append(m.B, ']')
	}
	if a.Entry != nil {
		a.nearest(&m)
	}
	if a.Account != nil {
		acc := m.Begin("account")
		acc.Str("id", a.Account.ID)
		acc.Str("user", a.Login.User)
		acc.Str("mechanism", a.Login.Mechanism)
		acc.Str("outcome", outcomes[min(a.Login.Outcome, 2)])
		m.End(acc)
	}
	if a.File != nil {
		a.file(&m)
	}
	if a.bound.kind != noBound {
		b := m.Begin("bound")
		b.Str("of", boundTexts[a.bound.kind])
		b.Uint("seen", a.bound.seen)
		b.Uint("declared", a.bound.permitted)
		m.End(b)
	}
	a.hostContext(&m)
	if a.ofHost() {
		outer.End(m)
		al.End(outer)
		return
	}
	e := m.Begin("evidence")
	e.Bool("midstream", a.Midstream)
	e.Bool("gap", a.Gap)
	e.Bool("one_way", a.OneWay)
	e.Bool("roles_inferred", a.RolesInferred)
	e.Bool("refused", a.Refused)
	e.Bool("dns_warm", a.DNSWarm)
	e.Bool("ech", a.ECH)
	m.End(e)
	m.True("warm_up", a.Warming)
	if a.Folded > 0 {
		m.Uint("folded", a.Folded)
	}
	m.True("overflow", a.Overflow)
	outer.End(m)
	al.End(outer)
}

// file writes what was transferred, and what was declared under its name.
func (a *Alert) file(m *eve.Object) {
	f := m.Begin("file")
	f.Str("name", clip(a.File.Name))
	f.StrIf("sha256", a.File.SHA256)
	f.Int("size", a.File.Size)
	if s := &a.File.Signer; s.Kind != "" {
		by := f.Begin("signer")
		by.Str("kind", s.Kind)
		by.Str("subject", clip(s.Subject))
		by.StrIf("issuer", clip(s.Issuer))
		by.StrIf("spki_sha256", s.SPKI)
		f.End(by)
	}
	if a.Artifact != nil {
		f.Str("declared_sha256", a.Artifact.Hashes.SHA256)
	}
	m.End(f)
}

// nearest writes the entry that comes closest, with what the vendor says about it.
func (a *Alert) nearest(m *eve.Object) {
	m.Key("nearest")
	m.B = append(m.B, '[')
	n := eve.Open(m.B, m.Opts)
	n.Str("id", a.Entry.ID)
	n.Str("product", a.Entry.Product.Name)
	n.StrIf("endpoint", EndpointText(a.Entry))
	n.Strs("failed", a.Failed.Names()...)
	if c := a.Entry.Comm; c != nil {
		n.Str("reason", c.Reason)
		n.Strs("features", c.Features...)
		n.StrIf("necessity", string(c.Necessity))
		if len(c.Privileges) > 0 {
			n.Key("privileges")
			n.B = append(n.B, '[')
			for i := range c.Privileges[:min(len(c.Privileges), maxReferences)] {
				if i > 0 {
					n.B = append(n.B, ',')
				}
				n.B = eve.AppendString(n.B, c.Privileges[i].Grant)
			}
			n.B = append(n.B, ']')
		}
	} else if x := a.Entry.Exception; x != nil {
		n.Str("reason", x.Reason)
		n.StrIf("ticket", x.Ticket)
	}
	m.B = append(n.Close(), ']')
}
