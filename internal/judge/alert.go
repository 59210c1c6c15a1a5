package judge

import (
	"net/netip"
	"slices"

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
	// File is what UnknownHash and UnknownSigner are about; Artifact is what the product declares under its name.
	File     *File
	Artifact *manifest.Artifact
	bound    exceeded
	// Process is what a host reported: the event that is alerted, or the process behind a conversation.
	Process       *HostEvidence
	command       *manifest.Command // the nearest one, of Products[0]
	commandFailed hostFailed
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
	return a.info().text + " " + a.productName()
}

func (a *Alert) productName() string {
	if len(a.Products) == 0 {
		return "a monitored host"
	}
	return a.Products[0].Name
}

// What an alert repeats of a manifest or of the bindings is bounded: they may hold thousands of anything.
const (
	maxListed     = 3
	maxReferences = 8
)

// References returns the vendor's documentation: of the nearest entry, its features and privileges.
func (a *Alert) References() []string {
	var refs []string
	add := func(s string) {
		if s != "" && len(refs) < maxReferences && !slices.Contains(refs, s) {
			refs = append(refs, s)
		}
	}
	if a.Account != nil {
		for _, r := range a.Account.References {
			add(r)
		}
	}
	a.commandReferences(add)
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
