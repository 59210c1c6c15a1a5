package manifestdiff

import (
	"fmt"
	"strconv"
	"strings"

	"netsensor/internal/manifest"
)

// coverBudget bounds the search for entries that cover a new or lost one, in names and ranges looked at.
const coverBudget = 4 << 20

func (c *comparer) communications() {
	id := func(e *manifest.Communication) string { return e.ID }
	before, after := byID(c.a.Communications, id), byID(c.b.Communications, id)
	for i := range c.b.Communications {
		e := &c.b.Communications[i]
		old, known := before[e.ID]
		c.about(e, c.b)
		if known {
			c.communication(old, e)
			continue
		}
		if by := c.covering(c.a.Communications, e); by != "" {
			c.add(Neutral, "", "new entry, but within what %s declared: %s", by, sentence(e))
			continue
		}
		c.add(Widens, "", "new: %s", sentence(e))
	}
	for i := range c.a.Communications {
		e := &c.a.Communications[i]
		if _, still := after[e.ID]; still {
			continue
		}
		c.about(e, c.a)
		if by := c.covering(c.b.Communications, e); by != "" {
			c.add(Neutral, "", "entry gone, but %s declares it still: %s", by, sentence(e))
			continue
		}
		c.add(Narrows, "", "gone: %s", sentence(e))
	}
}

func (c *comparer) about(e *manifest.Communication, m *manifest.Manifest) {
	c.at("communication", e.ID)
	c.features, c.reason, c.references = defaults(e.Features, m), e.Reason, e.References
}

// covering returns the id of an entry that allows all that e does, empty for none (or none found within the budget).
func (c *comparer) covering(list []manifest.Communication, e *manifest.Communication) string {
	for i := range list {
		o := &list[i]
		if o.From.Role != e.From.Role || o.From.Variable != e.From.Variable || o.To.Role != e.To.Role || o.To.Variable != e.To.Variable {
			continue
		}
		c.budget -= 1 + size(o) + size(e)
		if c.budget < 0 {
			return ""
		}
		try := comparer{a: c.a, b: c.b}
		try.communication(o, e)
		widens := false
		for _, ch := range try.changes {
			widens = widens || ch.Effect == Widens
		}
		if !widens {
			return o.ID
		}
	}
	return ""
}

func size(e *manifest.Communication) int {
	return len(e.To.Names) + len(e.To.CIDRs) + len(e.From.Names) + len(e.From.CIDRs) + len(e.Ports)
}

// defaults adds to features whether they are on by default.
func defaults(features []string, m *manifest.Manifest) []string {
	var list []string
	for _, f := range features {
		switch d := m.Features[f]; {
		case d.Required:
			f += " (always on)"
		case d.Default == manifest.On:
			f += " (on by default)"
		default:
			f += " (off by default)"
		}
		list = append(list, f)
	}
	return list
}

// sentence says what an entry allows.
func sentence(e *manifest.Communication) string {
	var b strings.Builder
	verb := "may reach"
	if e.Direction == manifest.Both {
		verb = "may speak with"
	}
	fmt.Fprintf(&b, "%s %s %s", peer(&e.From, ""), verb, peer(&e.To, e.SystemType))
	if e.Operator != "" {
		fmt.Fprintf(&b, " (run by %s)", e.Operator)
	}
	fmt.Fprintf(&b, " over %s", e.Transport)
	if len(e.Ports) > 0 {
		ports := make([]string, len(e.Ports))
		for i, p := range e.Ports {
			ports[i] = p.String()
		}
		fmt.Fprintf(&b, " %s", some(ports))
	}
	if e.Method != "" {
		fmt.Fprintf(&b, " by %s", e.Method)
	}
	return b.String()
}

func peer(p *manifest.Peer, system string) string {
	switch {
	case p.Role != "":
		return "role " + p.Role
	case p.Variable != "" && system != "":
		return fmt.Sprintf("the site's %s (%s)", p.Variable, system)
	case p.Variable != "":
		return "the site's " + p.Variable
	}
	var parts []string
	for i := range p.Names[:min(len(p.Names), shown+1)] {
		parts = append(parts, nameText(&p.Names[i]))
	}
	for _, r := range p.CIDRs[:min(len(p.CIDRs), shown+1)] {
		parts = append(parts, r.String())
	}
	if n := len(p.Names) + len(p.CIDRs); n > shown {
		parts = append(parts[:shown], fmt.Sprintf("%d more", n-shown))
	}
	if len(parts) == 0 {
		return "anything"
	}
	return strings.Join(parts, ", ")
}

func (c *comparer) communication(a, b *manifest.Communication) {
	c.peers("from", &a.From, &b.From, a.SystemType, b.SystemType)
	c.peers("to", &a.To, &b.To, a.SystemType, b.SystemType)
	switch {
	case a.Direction == b.Direction:
	case a.Direction == manifest.Both:
		c.add(Narrows, "direction", "only %s (was both ways)", b.Direction)
	default:
		c.add(Widens, "direction", "direction is now %s (was %s)", b.Direction, a.Direction)
	}
	c.transport(a, b)
	c.limit("method", "method", a.Method, b.Method)
	c.oneOf("app", "protocol inside", a.App, b.App)
	c.tls(a.TLS, b.TLS)
	c.ssh(a.SSH, b.SSH)
	c.sets("features", "while one of these features is on", minus(b.Features, a.Features), minus(a.Features, b.Features))
	c.bounds(a.Bounds, b.Bounds)
	c.sets("privileges", "rights on the site's system", minus(grants(b.Privileges), grants(a.Privileges)), minus(grants(a.Privileges), grants(b.Privileges)))
	c.note("necessity", "necessity", string(a.Necessity), string(b.Necessity))
	c.note("operator", "operator", a.Operator, b.Operator)
	c.note("systemType", "system type", a.SystemType, b.SystemType)
	c.note("party", "party", string(a.Party), string(b.Party))
	c.note("reason", "reason", a.Reason, b.Reason)
}

func grants(list []manifest.Privilege) []string {
	var texts []string
	for _, p := range list {
		text := p.Grant
		if p.Feature != "" {
			text += " (feature " + p.Feature + ")"
		}
		texts = append(texts, text)
	}
	return texts
}

func (c *comparer) peers(member string, a, b *manifest.Peer, systemA, systemB string) {
	what := "reaches"
	if member == "from" {
		what = "is reached by"
	}
	if a.Role != b.Role || a.Variable != b.Variable {
		c.add(Widens, member, "%s %s instead of %s", what, peer(b, systemB), peer(a, systemA))
		return
	}
	c.sets(member+".names", what, newNameSet(a.Names).uncovered(b.Names), newNameSet(b.Names).uncovered(a.Names))
	c.sets(member+".cidrs", what, newAddrSet(a.CIDRs).uncovered(b.CIDRs), newAddrSet(b.CIDRs).uncovered(a.CIDRs))
	if a.Hosting == b.Hosting {
		return
	}
	alone := func(p *manifest.Peer) bool { return p.Hosting == manifest.Dedicated || p.Hosting == "" }
	switch {
	case len(b.CIDRs) == 0 || alone(a) == alone(b):
		c.note(member+".hosting", "hosting", string(a.Hosting), string(b.Hosting))
	case alone(b):
		c.add(Widens, member+".hosting", "an address counts as evidence by itself (hosting was %s)", a.Hosting)
	default:
		c.add(Narrows, member+".hosting", "an address no longer counts as evidence by itself (hosting is %s)", b.Hosting)
	}
}

func (c *comparer) transport(a, b *manifest.Communication) {
	switch {
	case a.Transport == b.Transport:
	case a.Transport == manifest.AnyIP, a.Transport == manifest.UDPTCP && (b.Transport == manifest.TCP || b.Transport == manifest.UDP):
		c.add(Narrows, "transport", "only over %s (was %s)", b.Transport, a.Transport)
	default:
		c.add(Widens, "transport", "over %s (was %s)", b.Transport, a.Transport)
	}
	if a.Transport.HasPorts() && b.Transport.HasPorts() {
		c.sets("ports", "ports", newPortSet(a.Ports).uncovered(b.Ports), newPortSet(b.Ports).uncovered(a.Ports))
	}
}

func (c *comparer) tls(a, b *manifest.TLS) {
	if a == nil {
		a = &manifest.TLS{}
	}
	if b == nil {
		b = &manifest.TLS{}
	}
	switch before, after := a.MinVersion.Number(), b.MinVersion.Number(); {
	case before == after:
	case after == 0:
		c.add(Widens, "tls.minVersion", "any TLS version (was at least %s)", a.MinVersion)
	case after < before:
		c.add(Widens, "tls.minVersion", "TLS %s suffices (was at least %s)", b.MinVersion, a.MinVersion)
	default:
		c.add(Narrows, "tls.minVersion", "TLS %s at least", b.MinVersion)
	}
	c.limit("tls.sni", "server name in the ClientHello", demanded(a.SNI), demanded(b.SNI))
	c.limit("tls.ech", "Encrypted ClientHello", demanded(a.ECH), demanded(b.ECH))
	c.oneOf("tls.alpn", "ALPN", a.ALPN, b.ALPN)
	c.oneOf("tls.issuers", "certificate issuer", a.Issuers, b.Issuers)
	c.oneOf("tls.spkiSha256", "certificate key", a.SPKISHA256, b.SPKISHA256)
	c.limit("tls.clientAuth", "client certificate", presented(a.ClientAuth), presented(b.ClientAuth))
}

// demanded leaves out what is no constraint.
func demanded(r manifest.Requirement) string {
	if r == manifest.May {
		return ""
	}
	return string(r)
}

func presented(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "presented"
	}
	return "absent"
}

func (c *comparer) ssh(a, b *manifest.SSH) {
	if a == nil {
		a = &manifest.SSH{}
	}
	if b == nil {
		b = &manifest.SSH{}
	}
	c.oneOf("ssh.hostKeySha256", "SSH host key", a.HostKeySHA256, b.HostKeySHA256)
	c.oneOf("ssh.clientSoftware", "SSH client", a.ClientSoftware, b.ClientSoftware)
	c.oneOf("ssh.serverSoftware", "SSH server", a.ServerSoftware, b.ServerSoftware)
}

func (c *comparer) bounds(a, b *manifest.Bounds) {
	if a == nil {
		a = &manifest.Bounds{}
	}
	if b == nil {
		b = &manifest.Bounds{}
	}
	c.bound("bounds.bytesOutPerDay", "bytes out a day", a.BytesOutPerDay, b.BytesOutPerDay)
	c.bound("bounds.bytesInPerDay", "bytes in a day", a.BytesInPerDay, b.BytesInPerDay)
	c.bound("bounds.flowsPerHour", "flows an hour", a.FlowsPerHour, b.FlowsPerHour)
	c.note("bounds.period", "period", period(a.Period), period(b.Period))
}

func (c *comparer) bound(member, what string, a, b uint64) {
	switch {
	case a == b:
	case b == 0:
		c.add(Widens, member, "any number of %s (was %d)", what, a)
	case a == 0 || b < a:
		c.add(Narrows, member, "at most %d %s", b, what)
	default:
		c.add(Widens, member, "up to %d %s (was %d)", b, what, a)
	}
}

func period(p *manifest.Period) string {
	if p == nil {
		return ""
	}
	return strconv.FormatUint(uint64(p.Seconds), 10) + " s ± " + strconv.FormatUint(uint64(p.Jitter), 10) + " s"
}
