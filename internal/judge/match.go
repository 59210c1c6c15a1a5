package judge

import (
	"net/netip"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// finding is what one end of a conversation, or one name in it, comes to.
type finding struct {
	verdict    Verdict
	reason     Reason
	rule       Rule
	entry      int // the entry that declares it, or the nearest; -1 for none
	failed     Failed
	host       *hostSet
	inbound    bool
	confidence Confidence
	name       string // what an unknown name, or a mismatch, is about
	source     NameSource
	login      *Login
	account    *manifest.Account
	product    *allowlist.Product
	fault      tlsFault
	file       *File    // UnknownHash, UnknownSigner
	bound      exceeded // BoundsExceeded
	silent     bool     // the other end's alert says it all
	extra      bool     // beside the conversation's own verdict
	target     bool
	port       uint16
}

// best is the entry that comes closest so far.
type best struct {
	entry  int
	failed Failed
	reason Reason
}

var noEntry = best{entry: -1, failed: ^Failed(0)}

// near is what failed at worst where an entry is about the endpoint in question.
const near = FailedVariable - 1

func (b *best) consider(i uint32, f Failed, r Reason) {
	if f < b.failed || f == b.failed && (r < b.reason || r == b.reason && int(i) < b.entry) {
		*b = best{int(i), f, r}
	}
}

func (b *best) of(other best) {
	if other.entry >= 0 {
		b.consider(uint32(other.entry), other.failed, other.reason)
	}
}

// byName returns the entry for a name that comes closest.
func (j *Judge) byName(l *leg, name []byte) best {
	b := noEntry
	j.ids = j.table.ByName(j.ids[:0], name)
	for _, i := range j.ids {
		f, r := j.compare(i, l)
		b.consider(i, f, r)
	}
	return b
}

// outbound judges a conversation that the host l.host initiated.
func (j *Judge) outbound(l *leg) finding {
	ev := &j.ev
	if j.proxied(l) {
		return j.byProxy(l)
	}
	f := j.server(l)
	if len(ev.targets) > 0 && f.verdict == Expected {
		// A proxy that is declared as such: what is asked of it counts as well.
		if t := j.targets(l, ev.targets); t.verdict > f.verdict {
			return t
		}
	}
	return f
}

// peer returns the other end of a leg.
func (j *Judge) peer(l *leg) *hostSet {
	if l.host == &j.local {
		return &j.remote
	}
	return &j.local
}

// byAddress returns the entry for an address that comes closest. Entries that name their servers count only where
// the names do not speak, and the addresses are the operator's own.
func (j *Judge) byAddress(l *leg, a netip.Addr, named bool) best {
	b := noEntry
	j.ids = j.table.ByAddress(j.ids[:0], a)
	if other := j.peer(l); other.addr == a {
		j.ids = append(j.ids, other.peers...)
	}
	for _, i := range j.ids {
		e := &j.table.Entries[i]
		f, r := j.compare(i, l)
		if !e.AddressCounts || named && e.Named && e.Comm != nil {
			f |= FailedName
		}
		b.consider(i, f, r)
	}
	return b
}

// server judges the server of an outbound conversation by its names, then by its address.
func (j *Judge) server(l *leg) finding {
	ev, c := &j.ev, l.c
	internal := j.table.Internal(l.peer)
	addr := j.byAddress(l, l.peer, len(ev.claims) > 0)
	if addr.failed == 0 {
		return j.conclude(l, addr, NoRule)
	}
	base := UnknownAddress
	if internal {
		base = UnexpectedSystem
	}
	if len(ev.claims) > 0 {
		return j.claimed(l, addr, base)
	}
	looked, latest := noEntry, noEntry
	for i := range ev.known[:ev.public] {
		j.scratch = append(j.scratch[:0], ev.known[i].Name...)
		b := j.byName(l, j.scratch)
		if i == 0 {
			latest = b
		}
		looked.of(b)
	}
	looked.of(addr)
	if looked.failed != 0 {
		if reason := j.nobody(c, l.peer); reason != NoReason {
			return finding{reason: reason, entry: -1, host: l.host}
		}
	}
	// Of several names at an address, the one that was asked for last explains what no declared one does.
	stranger := latest.failed > near && ev.public > 1 && !internal && looked.failed&(FailedPort|FailedMethod) != 0 && addr.failed > near
	if looked.failed <= near && !stranger {
		return j.named(j.conclude(l, looked, base))
	}
	if stranger {
		return j.named(j.conclude(l, latest, base))
	}
	if ev.public > 0 && !internal {
		return j.named(j.conclude(l, looked, base))
	}
	if c.TLS.ECH && !internal {
		return finding{verdict: Undecidable, reason: ECH, entry: looked.entry, failed: looked.failed, host: l.host}
	}
	if r := j.hidden(l, internal); r != NoReason {
		return finding{verdict: Undecidable, reason: r, entry: looked.entry, failed: looked.failed, host: l.host}
	}
	return j.conclude(l, looked, base)
}

// named turns an unknown address into an unknown domain where the client's look-ups give it a name.
func (j *Judge) named(f finding) finding {
	if f.rule == UnknownAddress && j.ev.public > 0 {
		f.rule, f.name, f.source = UnknownDomain, j.ev.known[0].Name, DNS
	}
	return f
}

// claimed judges a server by the names that the client claims.
func (j *Judge) claimed(l *leg, addr best, base Rule) finding {
	ev := &j.ev
	worst, declared := noEntry, 0
	worst.failed = 0
	var unknown *claim
	var first *claim
	for i := range ev.claims {
		cl := &ev.claims[i]
		b := j.byName(l, ev.name(cl))
		if b.failed > near {
			if unknown == nil {
				unknown = cl
			}
			addr.of(b)
			continue
		}
		if declared++; declared == 1 || b.failed > worst.failed || b.failed == worst.failed && b.reason > worst.reason {
			worst = b
		}
		if first == nil {
			first = cl
		}
	}
	if unknown == nil {
		f := j.conclude(l, worst, base)
		if cl := j.contradicted(l, worst.entry); cl != nil {
			return j.mismatch(l, f, cl)
		}
		if f.verdict == Unexpected {
			f.name, f.source = string(ev.name(first)), first.source
		}
		return f
	}
	if addr.failed <= near {
		return j.conclude(l, addr, base) // a declared address, another port, say
	}
	name := string(ev.name(unknown))
	if declared > 0 {
		// One name opens the door, another goes through it.
		f := j.conclude(l, worst, base)
		f.verdict, f.rule, f.reason, f.failed = Unexpected, NameMismatch, NoReason, FailedName
		f.name, f.source, f.confidence = name, unknown.source, High
		return f
	}
	if l.c.TLS.ECH && unknown.source == SNI {
		return j.encrypted(l, addr, base, name)
	}
	if base == UnknownAddress {
		base = UnknownDomain
	}
	f := j.conclude(l, addr, base)
	f.name, f.source = name, unknown.source
	return f
}

// encrypted judges a conversation whose name is encrypted and whose outer name is undeclared: by what the client
// looked up.
func (j *Judge) encrypted(l *leg, addr best, base Rule, outer string) finding {
	ev := &j.ev
	looked := noEntry
	for i := range ev.known[:ev.public] {
		j.scratch = append(j.scratch[:0], ev.known[i].Name...)
		looked.of(j.byName(l, j.scratch))
	}
	if looked.failed <= near {
		f := j.conclude(l, looked, base)
		f.confidence = min(f.confidence, Medium)
		return f
	}
	if ev.public > 0 && base == UnknownAddress {
		looked.of(addr)
		return j.named(j.conclude(l, looked, base))
	}
	return finding{verdict: Undecidable, reason: ECH, entry: addr.entry, failed: addr.failed, host: l.host, name: outer}
}

// nobody says why a conversation that nothing declares is nobody's business relation either.
func (j *Judge) nobody(c *Conversation, server netip.Addr) Reason {
	switch {
	case server.IsMulticast() || server == limitedBroadcast:
		return Multicast
	case c.Proto == 1 || c.Proto == 58:
		return Housekeeping
	case c.Proto == 17 && c.PktsToClient == 0 && lastOctet(server) == 255 && j.table.Internal(server):
		return Multicast // most likely a network's broadcast address: nobody answers there
	}
	return NoReason
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// hidden says why a bare address may yet be a declared name's. It is NoReason when no entry could explain the
// conversation, or when the name would have been seen.
func (j *Judge) hidden(l *leg, internal bool) Reason {
	c := l.c
	if !j.explicable(l, internal) {
		return NoReason
	}
	said := j.ev.literal || (c.App == "tls" || c.App == "quic") && c.PayloadToServer && !c.Midstream && !c.Gap
	u, ok := j.names.Client(l.local)
	switch {
	case said:
		return NoReason // the client spoke, and named nobody
	case c.Midstream:
		return Midstream
	case c.Gap:
		return Gap
	case c.OneWay && !c.PayloadToServer && c.PktsToServer == 0:
		return OneWay
	case ok && (u.Encrypted != 0 || u.Evicted):
		return NoName
	case !ok || u.FirstAnswer == 0 || u.FirstAnswer > c.Start || c.Start < j.start+int64(j.cfg.DNSWarmUp):
		return DNSCold
	}
	return NoReason
}

// maxExplain bounds the entries of one role that are looked at when nothing else speaks.
const maxExplain = 1024

// explicable reports whether an entry that goes by names would fit but for the name.
func (j *Judge) explicable(l *leg, internal bool) bool {
	for _, role := range l.host.roles {
		ids := j.table.ByRole(role)
		for _, i := range ids[:min(len(ids), maxExplain)] {
			e := &j.table.Entries[i]
			if !e.Named || !e.Outbound || internal && !e.Internal {
				continue
			}
			if f, _ := j.compare(i, l); f&^(FailedTLS|FailedSSH) == 0 {
				return true
			}
		}
	}
	return false
}

// inbound judges a conversation that reached the host l.host.
func (j *Judge) inbound(l *leg) finding {
	b := j.byAddress(l, l.peer, false)
	if b.failed != 0 {
		// A client that is declared by name is known by the host's own look-ups, if at all.
		j.callers = j.names.Names(j.callers[:0], l.local, l.peer, l.c.Start)
		for i := range j.callers {
			if !j.callers[i].Private {
				j.scratch = append(j.scratch[:0], j.callers[i].Name...)
				b.of(j.byName(l, j.scratch))
			}
		}
	}
	if b.failed != 0 {
		if reason := j.nobody(l.c, l.local); reason != NoReason {
			return finding{reason: reason, entry: -1, host: l.host}
		}
	}
	return j.conclude(l, b, UnexpectedInbound)
}
