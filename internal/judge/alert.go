package judge

import (
	"net/netip"
	"strconv"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
	"netsensor/internal/names"
)

// CitedName is a name that was evidence.
type CitedName struct {
	Name string
	// Source is "tls.sni", "http.host", "proxy.target", "dns.question", "dns.answer" or "tls.certificate".
	Source string
	// Chain are the aliases from the name to the address, for an answer.
	Chain string
	TTL   uint32 // seconds, for an answer
	Age   int64  // seconds since it was learnt
	// Status is "claimed", "confirmed" (the client was given this address for it), "contradicted" (it was given
	// others) or "private" (a public name with a private address, which counts for nothing).
	Status string
}

// Alert is what the judge has to say about a conversation or a look-up that breaks a rule. It is not changed any
// more and may be kept.
type Alert struct {
	Rule       Rule
	Verdict    Verdict
	Reason     Reason // of an undecidable conversation
	Confidence Confidence
	Severity   int // 1 is the worst
	Now        int64
	// Host is the monitored host, Peer the other end. Source initiated, Target was reached.
	Host           netip.Addr
	Peer           netip.AddrPort
	Source, Target netip.AddrPort
	Inbound        bool // Host was reached
	Asked          bool // a question only
	Proto          uint8
	VLAN           uint16
	App            string
	// Products are those that the host runs, the nearest entry's first. Roles are all that it plays.
	Products []*allowlist.Product
	Roles    []string
	// Name is what the rule is about, where it is about a name.
	Name  string
	Names []CitedName
	// Entry is the nearest entry, nil for none, and Failed what it failed.
	Entry   *allowlist.Entry
	Failed  Failed
	Account *manifest.Account // DefaultAccount
	Login   *Login
	// Audit: none of the products is enforced. Warming: all are in their warm-up. Expired: a manifest is.
	Audit, Warming, Expired bool
	// Folded is how many of the same matter were counted and not alerted since its last alert. Overflow: this is the
	// rule's last alert about the host in this window, whatever the peers.
	Folded   uint64
	Overflow bool
	// What the evidence is worth.
	Midstream, Gap, OneWay, ECH, RolesInferred, Refused, DNSWarm bool
	// Why is a sentence that says it all.
	Why string
}

// Signature returns the rule's text with the product's name.
func (a *Alert) Signature() string {
	return ruleInfos[a.Rule].text + " " + a.productName()
}

func (a *Alert) productName() string {
	if len(a.Products) == 0 {
		return "a monitored host"
	}
	return a.Products[0].Name
}

// References returns the vendor's documentation: of the nearest entry, its features and privileges.
func (a *Alert) References() []string {
	var refs []string
	add := func(s string) {
		for _, have := range refs {
			if have == s {
				return
			}
		}
		if s != "" {
			refs = append(refs, s)
		}
	}
	if a.Account != nil {
		for _, r := range a.Account.References {
			add(r)
		}
	}
	if a.Entry != nil && a.Entry.Comm != nil {
		for _, r := range a.Entry.Comm.References {
			add(r)
		}
		for _, f := range a.Entry.Comm.Features {
			add(a.Entry.Product.Manifest.Features[f].Docs)
		}
	}
	if len(refs) == 0 && len(a.Products) > 0 {
		if l := a.Products[0].Manifest.Links; l != nil {
			add(l.Docs)
		}
	}
	return refs
}

// why writes the sentence that explains an alert.
func (j *Judge) why(a *Alert, f *finding) string {
	var b strings.Builder
	b.WriteString(a.Host.String())
	if len(a.Products) > 0 {
		b.WriteString(" (")
		b.WriteString(a.Products[0].Name)
		if len(a.Roles) > 0 {
			b.WriteString(" " + a.Roles[0])
		}
		b.WriteString(")")
	}
	peer := a.Peer.String()
	if a.Inbound || !ported(a.Proto) {
		peer = a.Peer.Addr().String()
	}
	port := strconv.Itoa(int(a.Target.Port()))
	switch a.Rule {
	case UnknownDomain:
		if a.Asked {
			b.WriteString(" asked for " + a.Name)
		} else if f.target {
			b.WriteString(" asked the proxy " + peer + " for " + a.Name)
		} else {
			b.WriteString(" contacted " + a.Name + " at " + peer + " (" + sourceText(f.source) + ")")
		}
		b.WriteString("; no entry of " + a.declarer() + " declares it")
	case UnknownAddress:
		if f.target {
			b.WriteString(" asked the proxy " + peer + " for the address " + a.Name)
		} else {
			b.WriteString(" contacted the external address " + peer + ", for which it gave and looked up no name")
		}
		b.WriteString("; no entry of " + a.declarer() + " declares it")
	case UnexpectedSystem:
		b.WriteString(" contacted the internal system " + peer)
		if a.App != "" {
			b.WriteString(" by " + a.App)
		}
		b.WriteString(", which is bound to no variable or role of " + a.declarer())
	case UnexpectedInbound:
		b.WriteString(" was contacted")
		if ported(a.Proto) {
			b.WriteString(" on port " + port)
		}
		b.WriteString(" by " + peer)
		if !ported(a.Proto) {
			b.WriteString(" over " + transportText(a.Proto))
		}
		if a.App != "" {
			b.WriteString(" by " + a.App)
		}
		b.WriteString("; no entry of " + a.declarer() + " declares that")
	case UnexpectedMethod:
		if a.Inbound {
			b.WriteString(" was contacted by " + peer + " on the declared port " + port)
		} else {
			b.WriteString(" contacted the declared endpoint " + peer)
			if a.Name != "" {
				b.WriteString(" (" + a.Name + ")")
			}
		}
		b.WriteString(" by " + transportText(a.Proto))
		if a.App != "" {
			b.WriteString(" and " + a.App)
		}
		b.WriteString(", which " + a.declarer() + " does not declare")
	case FeatureOff:
		verb := " contacted " + peer
		if a.Asked {
			verb = " asked for " + a.Name
		} else if a.Inbound {
			verb = " was contacted by " + peer
		}
		b.WriteString(verb + ", which only a feature that is off would do")
	case NameMismatch:
		b.WriteString(" claimed to speak to " + a.Name + " (" + sourceText(f.source) + ") at " + peer)
		if f.failed&FailedName != 0 {
			b.WriteString(", beside another, declared name")
		} else {
			b.WriteString(", but was given other addresses for that name")
		}
	case TLSPolicy:
		b.WriteString(" spoke TLS with " + peer + " otherwise than " + a.declarer() + " declares: " + tlsFaults[f.fault])
	case DefaultAccount:
		verb := " saw a login"
		switch a.Login.Outcome {
		case loginAccepted:
			verb = " accepted a login"
		case loginRefused:
			verb = " refused a login"
		}
		if !a.Inbound {
			verb = " logged in at " + peer
		}
		b.WriteString(verb + " with the default account " + strconv.Quote(a.Account.Name) + " (" + a.Login.Mechanism + ")")
		if a.Inbound {
			b.WriteString(" from " + peer)
		}
	case UndecidableRule:
		b.WriteString(" and " + peer + ": not decidable (" + a.Reason.String() + ")")
	}
	if a.Entry != nil && a.Rule != DefaultAccount {
		b.WriteString("; nearest: " + a.Entry.ID)
		if text := EndpointText(a.Entry); text != "" {
			b.WriteString(" (" + text + ")")
		}
		if a.Failed != 0 {
			b.WriteString(", differs in " + a.Failed.String())
		}
		if a.Rule == FeatureOff && a.Entry.Comm != nil {
			b.WriteString("; off: " + strings.Join(a.Entry.Comm.Features, ", "))
		}
	}
	return b.String()
}

// declarer names the product and the versions that its manifest is about.
func (a *Alert) declarer() string {
	if len(a.Products) == 0 {
		return "any product"
	}
	list := make([]string, 0, len(a.Products))
	for _, p := range a.Products {
		name := p.Name
		if p.Bound != nil && p.Bound.InstalledVersion != "" {
			name += " " + p.Bound.InstalledVersion
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func sourceText(s NameSource) string {
	switch s {
	case SNI:
		return "tls.sni"
	case Host:
		return "http.host"
	case Target:
		return "proxy.target"
	case DNS:
		return "dns.answer"
	case Cert:
		return "tls.certificate"
	}
	return "protocol"
}

func transportText(proto uint8) string {
	switch proto {
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 132:
		return "sctp"
	case 1, 58:
		return "icmp"
	}
	return "IP protocol " + strconv.Itoa(int(proto))
}

// cite lists the names that were evidence about a conversation.
func (j *Judge) cite(a *Alert, c *Conversation) {
	ev := &j.ev
	for _, list := range [][]claim{ev.claims, ev.targets} {
		for i := range list {
			cl := &list[i]
			n := CitedName{Name: string(ev.name(cl)), Source: sourceText(cl.source), Status: "claimed"}
			if cl.source != Target {
				switch res, known := j.names.Resolve(a.Host, ev.name(cl), a.Peer.Addr(), c.Start); res {
				case names.Here:
					n.Status, n.TTL, n.Age, n.Chain = "confirmed", known.TTL, (c.Now-known.First)/1e9, known.Chain
				case names.Elsewhere:
					n.Status = "contradicted"
				}
			}
			a.Names = append(a.Names, n)
		}
	}
	for i := range ev.known {
		k := &ev.known[i]
		n := CitedName{Name: k.Name, Source: "dns.answer", Chain: k.Chain, TTL: k.TTL, Age: (c.Now - k.First) / 1e9, Status: "confirmed"}
		if k.Private {
			n.Status = "private"
		}
		a.Names = append(a.Names, n)
		if len(a.Names) >= maxCited {
			break
		}
	}
}

const maxCited = 16

// EndpointText says in a few words what an entry declares: "*.ingest.acme.example:443/tls".
func EndpointText(e *allowlist.Entry) string {
	var parts []string
	if e.Exception != nil {
		x := &e.Exception.To
		if !e.Outbound {
			x = &e.Exception.From
		}
		switch {
		case x.Role != "":
			parts = append(parts, "role "+x.Role)
		case x.Variable != "":
			parts = append(parts, "${"+x.Variable+"}")
		}
		for _, p := range x.Endpoints {
			parts = append(parts, p.String())
		}
		parts = nameTexts(parts, x.Names)
	} else {
		p := &e.Comm.To
		if !e.Outbound {
			p = &e.Comm.From
			if e.Comm.Direction == manifest.Both && p.Role == "" {
				p = &e.Comm.To
			}
		}
		switch {
		case p.Role != "":
			parts = append(parts, "role "+p.Role)
		case p.Variable != "":
			parts = append(parts, "${"+p.Variable+"}")
		}
		parts = nameTexts(parts, p.Names)
		for _, c := range p.CIDRs {
			parts = append(parts, c.Prefix.String())
		}
	}
	if len(parts) > 3 {
		parts = append(parts[:3], "…")
	}
	s := strings.Join(parts, ", ")
	for i, r := range e.Ports {
		if i == 0 {
			s += " port "
		} else {
			s += ","
		}
		s += strconv.Itoa(int(r.First))
		if r.Last != r.First {
			s += "-" + strconv.Itoa(int(r.Last))
		}
	}
	if e.Comm != nil && e.Comm.Method != "" {
		s += " " + e.Comm.Method
	} else if e.Exception != nil && e.Exception.Method != "" {
		s += " " + e.Exception.Method
	}
	return strings.TrimSpace(s)
}

func nameTexts(parts []string, declared []manifest.Name) []string {
	for i := range declared {
		if len(parts) > 3 {
			break
		}
		n := &declared[i]
		switch {
		case n.Suffix == "":
			parts = append(parts, n.Exact)
		case n.Depth == manifest.DepthAny:
			parts = append(parts, "**."+n.Suffix)
		default:
			parts = append(parts, "*."+n.Suffix)
		}
	}
	return parts
}
