package judge

import (
	"encoding/hex"
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
			if !inbound && !elsewhere(a) || a.Role != "" && !slices.ContainsFunc(h.bindings, func(b hostBinding) bool {
				return b.Product == p && b.Role == a.Role
			}) {
				continue
			}
			var login *Login
			for i := range c.Logins {
				// Of several attempts the one that was let in tells most.
				if l := &c.Logins[i]; holds(a, l, c) && (login == nil || outcomeRank(l) > outcomeRank(login)) {
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

// elsewhere reports whether an account is one that the product has on systems of others, and ought not to keep.
func elsewhere(a *manifest.Account) bool {
	return (a.Realm == "database" || a.Realm == "directory") && a.Lifecycle != manifest.Permanent
}

// holds reports whether a login is one with a default account.
func holds(a *manifest.Account, login *Login, c *Conversation) bool {
	mechanism := manifestWord(login.Mechanism)
	if len(a.Protocols) == 0 {
		// Whom a domain knows is not whom the product or its database knows.
		if domain := mechanism == "kerberos" || mechanism == "ntlmssp"; domain && a.Realm != "os" && a.Realm != "directory" {
			return false
		}
	} else if app, before := manifestWord(c.App), manifestWord(c.AppBefore); !slices.ContainsFunc(a.Protocols, func(p string) bool {
		return sameMechanism(p, mechanism) || p == app || p == before
	}) {
		return false
	}
	return sameUser(login.User, a.Name, a.Realm == "database" || strings.HasPrefix(mechanism, "snmp"))
}

// manifestWord turns what parsers call a protocol into the manifest's word.
func manifestWord(s string) string {
	if rest, ok := strings.CutPrefix(s, "pgsql"); ok {
		return "postgresql" + rest
	}
	switch s {
	case "krb5":
		return "kerberos"
	case "rfb":
		return "vnc"
	}
	return s
}

// sameUser reports whether a user name as it was seen means an account: as a whole, without its domain (DOMAIN\user,
// user@realm), or as the first value of a distinguished name.
func sameUser(seen, name string, exact bool) bool {
	same := strings.EqualFold
	if exact {
		same = func(a, b string) bool { return a == b }
	}
	if same(seen, name) {
		return true
	}
	if i := strings.LastIndexByte(seen, '\\'); i >= 0 && same(seen[i+1:], name) {
		return true
	}
	if rdn, ok := firstRDN(seen); ok {
		return same(rdn, name)
	}
	i := strings.LastIndexByte(seen, '@')
	return i > 0 && same(seen[:i], name)
}

// firstRDN returns the value of a distinguished name's first attribute, unescaped (RFC 4514, section 2.4).
func firstRDN(dn string) (string, bool) {
	_, v, ok := strings.Cut(dn, "=")
	if !ok {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		switch c := v[i]; c {
		case ',', '+', ';':
			return strings.TrimRight(b.String(), " "), true
		case '\\':
			if i+2 < len(v) {
				if x, err := hex.DecodeString(v[i+1 : i+3]); err == nil {
					b.WriteByte(x[0])
					i += 2
					continue
				}
			}
			if i++; i < len(v) {
				b.WriteByte(v[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// sameMechanism compares a word of the manifest with a parser's, which may be finer: "smtp" and "smtp-plain".
func sameMechanism(declared, seen string) bool {
	rest, ok := strings.CutPrefix(seen, declared)
	return ok && (rest == "" || rest[0] == '-')
}
