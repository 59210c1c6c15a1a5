package judge

import (
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// The outcomes of a login, as in package protocol.
const (
	loginTried    = 0
	loginAccepted = 1
	loginRefused  = 2
)

// accounts looks for default accounts in the logins to a host of a product, or, where the product keeps accounts on
// systems of others, in its own logins there.
func (j *Judge) accounts(c *Conversation, h *hostSet, inbound bool, port uint16) {
	for _, p := range h.products {
		for k := range p.Manifest.Accounts {
			a := &p.Manifest.Accounts[k]
			elsewhere := a.Realm == "database" || a.Realm == "directory"
			if !inbound && !elsewhere || a.Role != "" && !slices.ContainsFunc(h.bindings, func(b hostBinding) bool {
				return b.Product == p && b.Role == a.Role
			}) {
				continue
			}
			var login *Login
			for i := range c.Logins {
				// Of several attempts the one that was let in tells most.
				if l := &c.Logins[i]; holds(a, l) && (login == nil || outcomeRank(l) > outcomeRank(login)) {
					login = l
				}
			}
			if login == nil {
				continue
			}
			f := finding{
				verdict: Unexpected, rule: DefaultAccount, entry: -1, host: h, inbound: inbound, product: p,
				confidence: confidence(c), login: login, account: a, extra: true, port: port,
			}
			if login.Outcome == loginRefused {
				f.confidence = min(f.confidence, Medium)
			}
			j.findings = append(j.findings, f)
		}
	}
}

func outcomeRank(l *Login) int {
	switch l.Outcome {
	case loginAccepted:
		return 2
	case loginRefused:
		return 1
	}
	return 0
}

// holds reports whether a login is one with a default account.
func holds(a *manifest.Account, login *Login) bool {
	return strings.EqualFold(user(login.User), a.Name) && (len(a.Protocols) == 0 ||
		slices.ContainsFunc(a.Protocols, func(p string) bool { return sameMechanism(p, login.Mechanism) }))
}

// user takes the domain off a user name: "CORP\\admin", "admin@corp.example", "uid=admin,ou=people".
func user(s string) string {
	if i := strings.LastIndexByte(s, '\\'); i >= 0 {
		return s[i+1:]
	}
	first, _, _ := strings.Cut(s, ",")
	if _, v, ok := strings.Cut(first, "="); ok {
		return v
	}
	name, _, _ := strings.Cut(s, "@")
	return name
}

// sameMechanism compares a word of the manifest with a parser's, which may be finer: "smtp" and "smtp-plain".
func sameMechanism(declared, seen string) bool {
	rest, ok := strings.CutPrefix(seen, declared)
	return ok && (rest == "" || rest[0] == '-')
}
