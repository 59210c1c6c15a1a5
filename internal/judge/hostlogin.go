package judge

import (
	"slices"

	"netsensor/internal/manifest"
)

// login judges a login at a host by the product's default accounts that exist on hosts. Those of the product itself or
// of a database are other accounts, whatever their names.
func (j *Judge) login(m *monitored, set *hostSet, e *HostEvent) hostFinding {
	f := hostFinding{rule: DefaultAccount, reason: NotAnAccount, confidence: High}
	for _, hp := range m.products {
		if !set.runs(hp.Product) {
			continue
		}
		for i := range hp.Manifest.Accounts {
			a := &hp.Manifest.Accounts[i]
			if a.Realm != "os" && a.Realm != "directory" || !holds(a, &e.Login, &Conversation{}) || !playsRole(set, hp, a.Role) {
				continue
			}
			// A service that runs under its own account logs in, too.
			if e.Unattended && (a.Interactive == nil || !*a.Interactive) {
				return hostFinding{verdict: Expected, rule: DefaultAccount, product: hp, account: a}
			}
			f.verdict, f.reason, f.product, f.account = Unexpected, NoHostReason, hp, a
			if e.Login.Outcome == loginRefused {
				f.confidence = Medium
			}
		}
	}
	if f.account != nil {
		f.key = f.account.ID + " " + e.Login.Mechanism + " " + e.From.String()
	}
	return f
}

// playsRole reports whether a host plays a role of a product; every host plays none in particular.
func playsRole(set *hostSet, hp *hostProduct, role string) bool {
	return role == "" || slices.ContainsFunc(set.bindings, func(b hostBinding) bool { return b.Product == hp.Product && b.Role == role })
}

// commandReferences gives the documentation of the nearest command and of its features.
func (a *Alert) commandReferences(add func(string)) {
	c := a.command
	if c == nil {
		return
	}
	for _, r := range c.References {
		add(r)
	}
	for _, f := range c.Features {
		add(a.Products[0].Manifest.Features[f].Docs)
	}
}

// commandText says in a few words what a command declares.
func commandText(c *manifest.Command) string {
	text := c.Exec
	for i, arg := range c.Args {
		if i == 16 {
			return text + " …"
		}
		text += " " + arg
	}
	return text
}
