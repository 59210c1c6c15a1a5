package judge

import (
	"net/netip"
	"slices"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// raise turns a finding about a conversation into an alert, unless it is to wait, is known, or is folded.
func (j *Judge) raise(c *Conversation, f *finding, client, server netip.AddrPort) {
	rule := f.rule
	if f.verdict == Undecidable && c.Phase == Ended && wantsUndecidable(f.host) {
		rule = UndecidableRule
	} else if f.verdict != Unexpected || f.silent || !j.decisive(c, f) {
		return
	}
	item := ""
	switch rule {
	case DefaultAccount:
		item = f.account.ID
	case UnknownHash, UnknownSigner:
		item = f.file.SHA256 + f.file.Name
	case BoundsExceeded:
		item = boundTexts[f.bound.kind]
	}
	if item == "" && !j.seen.first(c.ID, rule, f.inbound) || item != "" && !j.seen.firstItem(c.ID, rule, f.inbound, item) {
		return
	}
	if rule != NameMismatch && j.warming(f.host, c.Now) {
		j.report.warmUp++
		return
	}
	key := foldKey{rule: rule, host: f.host.addr, products: products(f.host)}
	peer := server
	if f.inbound {
		peer = client
	}
	switch rule {
	case UnknownDomain, NameMismatch:
		key.name = f.name
		if key.name == "" {
			key.peer = peer.Addr()
		}
	case UnknownAddress:
		key.peer, key.name = peer.Addr(), f.name
	case UnexpectedInbound:
		key.peer = peer.Addr()
		if confidence(c) != Low {
			key.port = server.Port()
		}
	case FeatureOff:
		key.name = j.table.Entries[f.entry].ID
	case UnexpectedMethod, TLSPolicy, UndecidableRule:
		// The same entry broken in the same way is the same matter, whichever server of many it was.
		key.port = server.Port()
		if f.entry >= 0 {
			key.name = j.table.Entries[f.entry].ID + " " + f.failed.String() + " " + c.App
			if f.failed&FailedTLS != 0 {
				f.fault, _ = j.checks[f.entry].handshake(c)
				key.name += " " + tlsFaults[f.fault]
			}
		} else {
			key.peer = peer.Addr()
		}
	case UnknownHash:
		key.name = f.file.SHA256
	case UnknownSigner:
		key.name = f.file.Signer.Kind + " " + f.file.Signer.Subject
	case BoundsExceeded:
		key.name = j.table.Entries[f.entry].ID + " " + item
	case DefaultAccount:
		key.name, key.peer, key.port = f.account.ID+" "+f.login.Mechanism, peer.Addr(), server.Port()
	default:
		key.peer, key.port = peer.Addr(), server.Port()
	}
	fire, folded, full := j.folds.alert(key, false, c.Now, window(f.host), j.cfg.MaxPeers)
	j.report.alert(rule, f.host, fire)
	if !fire {
		return
	}
	j.seen.wrote(c.ID)
	a := j.alert(f, rule, c, c.Now, folded, full)
	a.Source, a.Target = client, server
	if f.inbound {
		a.Peer = client
	} else {
		a.Peer = server
	}
	a.Proto, a.VLAN, a.App = c.Proto, c.VLAN, c.App
	a.Midstream, a.Gap, a.OneWay, a.ECH, a.RolesInferred = c.Midstream, c.Gap, c.OneWay, c.TLS.ECH, c.RolesInferred
	a.Refused = c.Refused
	if !f.inbound {
		j.cite(a, c)
	}
	a.Why = j.why(a, f)
	j.alerts = append(j.alerts, a)
}

// decisive reports whether nothing that may follow can take a finding back.
func (j *Judge) decisive(c *Conversation, f *finding) bool {
	if c.Phase != Named {
		return true
	}
	switch f.rule {
	case UnknownDomain, NameMismatch, UnknownHash, UnknownSigner, BoundsExceeded:
		return true
	case DefaultAccount:
		return f.login.Outcome != loginTried
	case FeatureOff:
		return f.failed&(FailedMethod|FailedTLS) == 0
	case UnexpectedInbound:
		return c.Established && !c.RolesInferred
	case UnknownAddress, UnexpectedSystem:
		return j.hadNames(c) && !c.RolesInferred
	case UnexpectedMethod:
		if !j.hadNames(c) || c.RolesInferred || len(j.ev.targets) > 0 {
			return false
		}
		return f.failed&(FailedPort|FailedSSH) != 0 || f.failed&FailedMethod != 0 && !turnsToTLS[c.App]
	}
	return false
}

// hadNames reports whether the client has said, by the content's own means, whom it speaks to.
func (j *Judge) hadNames(c *Conversation) bool {
	switch c.App {
	case "":
		return false
	case "tls", "quic", "dtls", "http", "http2", "socks":
		return len(j.ev.claims) > 0 || j.ev.literal
	}
	return true
}

// turnsToTLS are the protocols that may yet become what was declared: they have a STARTTLS or the like.
var turnsToTLS = map[string]bool{
	"smtp": true, "imap": true, "pop3": true, "ftp": true, "ldap": true, "pgsql": true, "mysql": true, "xmpp": true, "rdp": true, "socks": true,
}

// raiseQuestion is raise for a question that was asked at a time before now. Its conversation is the one with the
// resolver.
func (j *Judge) raiseQuestion(id uint64, asked, now int64, resolver netip.AddrPort, proto uint8, f *finding) {
	if j.warming(f.host, now) {
		j.report.warmUp++
		return
	}
	key := foldKey{rule: f.rule, host: f.host.addr, products: products(f.host), name: f.name}
	if f.rule == FeatureOff {
		key.name = j.table.Entries[f.entry].ID
	}
	fire, folded, full := j.folds.alert(key, true, asked, window(f.host), j.cfg.MaxPeers)
	j.report.alert(f.rule, f.host, fire)
	if !fire {
		return
	}
	j.seen.wrote(id)
	j.memory.forget(id)
	a := j.alert(f, f.rule, nil, now, folded, full)
	a.Source, a.Target = netip.AddrPortFrom(f.host.addr, 0), resolver
	a.Peer, a.Proto, a.Asked, a.App = resolver, proto, true, "dns"
	a.Names = append(a.Names, CitedName{Name: f.name, Source: "dns.question"})
	a.Why = j.why(a, f)
	j.alerts = append(j.alerts, a)
}

// alert fills what follows from the finding. c is nil for a question.
func (j *Judge) alert(f *finding, rule Rule, c *Conversation, now int64, folded uint64, full bool) *Alert {
	a := &Alert{
		Rule: rule, Confidence: f.confidence, Host: f.host.addr, Now: now, Folded: folded, Overflow: full,
		Inbound: f.inbound, Name: f.name, Failed: f.failed, Verdict: f.verdict, Reason: f.reason, Account: f.account,
		Audit: true, DNSWarm: j.warm(f.host.addr), Warming: j.warming(f.host, now),
	}
	for _, b := range f.host.bindings {
		if !slices.Contains(a.Roles, b.Role) {
			a.Roles = append(a.Roles, b.Role)
		}
	}
	for _, p := range f.host.products {
		a.Products = append(a.Products, p)
		a.Audit = a.Audit && p.Mode != manifest.Enforce
		a.Expired = a.Expired || p.NotAfter != 0 && now > p.NotAfter
	}
	a.Login = f.login
	if f.login != nil {
		login := *f.login
		a.Login = &login
	}
	if f.file != nil {
		file := *f.file
		a.File = &file
		a.Artifact = sameName(f.product, file.Name)
	}
	if f.product != nil {
		// The product that speaks comes first.
		if i := slices.Index(a.Products, f.product); i > 0 {
			a.Products[0], a.Products[i] = a.Products[i], a.Products[0]
		}
	}
	a.bound = f.bound
	if f.entry < 0 && rule != DefaultAccount && f.file == nil {
		f.entry, f.failed = j.nearest(f, c)
		a.Failed = f.failed
	}
	if f.entry >= 0 {
		a.Entry = &j.table.Entries[f.entry]
		// The product of the nearest entry comes first.
		if i := slices.Index(a.Products, a.Entry.Product); i > 0 {
			a.Products[0], a.Products[i] = a.Products[i], a.Products[0]
		}
	}
	a.Severity = severity(a)
	return a
}

// severity follows the rule and the confidence; audit keeps it low.
func severity(a *Alert) int {
	s := ruleInfos[a.Rule].severity
	if a.Confidence == Low {
		s++
	}
	if a.Audit {
		s = max(s, 3)
	}
	return min(s, 4)
}

// nearest returns the entry that is most like what was seen, where none is about the endpoint: by the name's labels
// below the top-level domain, by port and by method. What has none of these in common is not near.
func (j *Judge) nearest(f *finding, c *Conversation) (int, Failed) {
	at, most := -1, 0
	var failed Failed
	for _, role := range f.host.roles {
		ids := j.table.ByRole(role)
		for _, i := range ids[:min(len(ids), maxExplain)] {
			e := &j.table.Entries[i]
			if e.Outbound == f.inbound || e.Comm == nil {
				continue
			}
			n, miss := 0, FailedAddress
			if f.name != "" {
				miss = FailedName
				for k := range e.Comm.To.Names[:min(len(e.Comm.To.Names), 64)] {
					n = max(n, 8*commonLabels(f.name, e.Comm.To.Names[k].Text()))
				}
			}
			if f.port != 0 && e.Ports != nil && e.Port(f.port) {
				n += 4
			} else if f.port != 0 && !e.Port(f.port) {
				miss |= FailedPort
			}
			if c != nil && e.Transports&allowlist.TransportOf(c.Proto) == 0 && e.Transports != allowlist.AnyTransport {
				miss |= FailedPort
			}
			if m := &j.checks[i].method; c != nil && c.App != "" && !m.any && m.alike(c.App) {
				n += 4
			} else if c != nil && c.App != "" && m.seen(c) == methodOther {
				miss |= FailedMethod
			}
			if n == 0 {
				continue
			}
			if e.Internal == (f.rule == UnexpectedSystem || f.inbound) {
				n++
			}
			if n > most {
				at, most, failed = int(i), n, miss
			}
		}
	}
	return at, failed
}

// commonLabels counts the labels below the top-level domain that two names end in alike.
func commonLabels(a, b string) int {
	n := -1 // that both are in the same top-level domain says nothing
	for a != "" && b != "" {
		i, k := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
		if a[i+1:] != b[k+1:] {
			break
		}
		n++
		a, b = a[:max(i, 0)], b[:max(k, 0)]
	}
	return max(n, 0)
}

// products is the identity of what a host runs.
func products(h *hostSet) string {
	if len(h.products) == 1 {
		return h.products[0].Manifest.ID
	}
	ids := make([]string, 0, len(h.products))
	for _, p := range h.products {
		ids = append(ids, p.Manifest.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// warming reports whether all products of a host are still in their warm-up.
func (j *Judge) warming(h *hostSet, now int64) bool {
	if j.cfg.NoWarmUp {
		return false
	}
	return !slices.ContainsFunc(h.products, func(p *allowlist.Product) bool { return now-j.start >= p.WarmUp })
}

func window(h *hostSet) int64 {
	w := int64(0)
	for _, p := range h.products {
		w = max(w, p.Fold)
	}
	return w
}

func wantsUndecidable(h *hostSet) bool {
	return slices.ContainsFunc(h.products, func(p *allowlist.Product) bool { return p.Undecidable == manifest.UndecidableAlert })
}

// warm reports whether the host's look-ups were seen.
func (j *Judge) warm(a netip.Addr) bool {
	u, ok := j.names.Client(a)
	return ok && u.FirstAnswer != 0
}
