package judge

import (
	"net/netip"
	"slices"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// HostReason says why a host event is undecidable or not judged.
type HostReason uint8

// The reasons. Those from HostUnbound on belong to NotJudged.
const (
	NoHostReason       HostReason = iota
	NoExecutable                  // the event does not tell which program
	NoArguments                   // arguments are declared, and not (all) reported
	AmbiguousArguments            // they came as one text that can be read in several ways
	NoUser                        // the user is declared, and reported by number only or not at all
	NoParent                      // the parent is declared, and not known
	OwnProgram                    // started as a service under the product's account, and the manifest does not list it
	NoHash                        // a hash is declared, and no SHA-256 reported
	SignerHidden                  // the signer is declared by its key, and the host reports its name only
	HostUnbound                   // the host plays no role
	HostSuspended                 // its manifest has expired, and its hosts are not to be judged then
	ElsewhereOnHost               // nothing of a product: not its account, its program, or a child of one
	CommandsUndeclared            // the manifest has no commands at all
	SoftwareUndeclared            // the manifest lists no signers of programs, and no artifacts or packages only
	NotAnAccount                  // a login with an account that no manifest names
	ForJoining                    // connections and look-ups: evidence about traffic, not judged by themselves
	hostReasons                   // their number
)

var hostReasonNames = [hostReasons]string{"", "no-executable", "no-arguments", "ambiguous-arguments", "no-user", "no-parent", "own-program",
	"no-hash", "signer-hidden", "unbound", "suspended", "not-the-products", "commands-undeclared", "software-undeclared",
	"no-default-account", "for-joining"}

// String returns the name that users see, empty for NoHostReason.
func (r HostReason) String() string { return hostReasonNames[r] }

// hosts is what is known of the hosts that report about themselves.
type hosts struct {
	table   *allowlist.Table
	byName  map[string][]hostBinding // full names and, where they are no one else's, first labels
	of      map[*allowlist.Product]*hostProduct
	known   map[string]*monitored
	procs   processTable
	tally   hostTally
	evicted uint64
}

// monitored is a host that reported something.
type monitored struct {
	number   uint32
	name     string
	addrs    []netip.Addr
	set      hostSet
	products []*hostProduct
}

type hostTally struct {
	verdicts [4]uint64
	reasons  [hostReasons]uint64
	kinds    [LoggedIn + 1]uint64
}

// HostTally is what became of host events. All lists are in a fixed order.
type HostTally struct {
	Expected, Unexpected, Undecidable, NotJudged uint64
	UndecidableReasons, NotJudgedReasons         []Count
	Kinds                                        []Count
	// Hosts and Bound are how many hosts reported, and how many of them play a role.
	Hosts, Bound int
	// Evicted processes and hosts were forgotten for want of room.
	Evicted uint64
}

// Bounds of what is remembered.
const (
	maxReporting     = 65536 // hosts
	maxHostAddresses = 16
)

// compileHosts prepares a table for host events. It is called when the table has changed.
func (j *Judge) compileHosts() {
	h := &j.hosts
	if h.table == j.table {
		return
	}
	if h.known == nil {
		h.known = map[string]*monitored{}
		h.procs = newProcessTable(maxProcesses)
	}
	h.table = j.table
	h.byName = map[string][]hostBinding{}
	h.of = map[*allowlist.Product]*hostProduct{}
	owner := map[string]string{} // of a first label, "" where several have it
	for _, p := range j.table.Products {
		h.of[p] = compileHostProduct(p)
		roles := make([]string, 0, len(p.Bound.Roles))
		for role := range p.Bound.Roles {
			roles = append(roles, role)
		}
		slices.Sort(roles)
		for _, role := range roles {
			for _, e := range p.Bound.Roles[role].Endpoints {
				if e.Kind != manifest.DHCPName && e.Kind != manifest.DNSName || strings.HasPrefix(e.Text, "*") {
					continue
				}
				h.byName[e.Text] = append(h.byName[e.Text], hostBinding{Product: p, Role: role})
				if first, _, more := strings.Cut(e.Text, "."); more {
					if full, known := owner[first]; known && full != e.Text {
						owner[first] = ""
					} else {
						owner[first] = e.Text
					}
				}
			}
		}
	}
	for first, full := range owner {
		if _, taken := h.byName[first]; full != "" && !taken {
			h.byName[first] = h.byName[full]
		}
	}
	for _, m := range h.known {
		m.products = nil
	}
	h.procs.clear() // whose a process is was said by the table before
}

// reporting returns the host that an event comes from.
func (j *Judge) reporting(e *HostEvent) *monitored {
	h := &j.hosts
	key := strings.ToLower(strings.TrimSuffix(e.Host, "."))
	if key == "" && len(e.Addrs) > 0 {
		key = e.Addrs[0].String()
	}
	m := h.known[key]
	if m == nil {
		if len(h.known) >= maxReporting {
			clear(h.known)
			h.procs.clear()
			h.evicted++
		}
		m = &monitored{number: uint32(len(h.known)), name: key}
		h.known[key] = m
	}
	fresh := m.products == nil
	for _, a := range e.Addrs {
		fresh = m.add(a) || fresh
	}
	if e.Kind == Connected && !e.Inbound {
		fresh = m.add(e.Source.Addr()) || fresh
	}
	if fresh {
		j.bindHost(m)
	}
	return m
}

// add notes an address of the host. Those that every host has say nothing.
func (m *monitored) add(a netip.Addr) bool {
	if !a.IsValid() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || len(m.addrs) >= maxHostAddresses ||
		slices.Contains(m.addrs, a) {
		return false
	}
	m.addrs = append(m.addrs, a)
	return true
}

// bindHost finds what a host plays, by its addresses and by its names.
func (j *Judge) bindHost(m *monitored) {
	set := &m.set
	*set = hostSet{}
	m.products = []*hostProduct{}
	play := func(bindings []hostBinding, a netip.Addr) {
		for _, b := range bindings {
			// A role that is bound by VLAN alone takes every internal host: nobody knows in which VLAN an event was.
			if len(b.Product.Bound.Roles[b.Role].Endpoints) == 0 {
				continue
			}
			if !set.addr.IsValid() {
				set.addr = a
			}
			if slices.ContainsFunc(set.bindings, func(x hostBinding) bool { return x.Product == b.Product && x.Role == b.Role }) {
				continue
			}
			set.bindings = append(set.bindings, b)
			if !set.runs(b.Product) {
				set.products = append(set.products, b.Product)
				m.products = append(m.products, j.hosts.of[b.Product])
			}
		}
	}
	for _, a := range m.addrs {
		play(j.table.Bound(a), a)
	}
	var none netip.Addr
	play(j.hosts.byName[m.name], none)
	if first, _, more := strings.Cut(m.name, "."); more {
		// A DHCP client gives the first label only. A full name of another domain is another host.
		play(j.table.BoundDHCP(first), none)
	}
	if !set.addr.IsValid() && len(set.bindings) > 0 && len(m.addrs) > 0 {
		set.addr = m.addrs[0]
	}
}

// hostFinding is what one event of a host amounts to, as far as one rule is concerned.
type hostFinding struct {
	verdict    Verdict
	reason     HostReason
	rule       Rule
	product    *hostProduct
	command    *manifest.Command // the nearest
	failed     hostFailed
	artifact   *manifest.Artifact
	account    *manifest.Account
	fault      string // of a signature
	confidence Confidence
	key        string // what makes it the same matter
}

// HostEvent judges what a host reports about itself. The alerts are the judge's, and valid until the next call.
func (j *Judge) HostEvent(e *HostEvent) []*Alert {
	j.alerts = j.alerts[:0]
	j.tick(e.Now)
	j.compileHosts()
	h := &j.hosts
	h.tally.kinds[e.Kind]++
	m := j.reporting(e)
	if len(m.products) == 0 {
		h.tally.count(hostFinding{reason: HostUnbound})
		return nil
	}
	set := m.set
	set.products = nil
	for _, p := range m.products {
		if p.Suspend && p.NotAfter != 0 && e.Now > p.NotAfter {
			continue
		}
		set.products = append(set.products, p.Product)
	}
	if len(set.products) == 0 {
		h.tally.count(hostFinding{reason: HostSuspended})
		return nil
	}
	var found [3]hostFinding
	list := found[:0]
	switch e.Kind {
	case ProcessStarted:
		owners := j.track(m, e)
		list = append(list, j.command(m, &set, e, owners))
		list = j.software(list, m, e, owners)
	case ProcessEnded:
		h.procs.remove(processKey{m.number, e.Process.PID})
		return nil
	case ImageLoaded:
		list = j.software(list, m, e, j.owners(m, e))
		if len(list) == 0 {
			list = append(list, hostFinding{reason: SoftwareUndeclared})
		}
	case LoggedIn:
		list = append(list, j.login(m, &set, e))
	default:
		list = append(list, hostFinding{reason: ForJoining})
	}
	// An event counts once, by the worst that it shows.
	worst := 0
	for i := range list {
		if list[i].verdict > list[worst].verdict {
			worst = i
		}
	}
	h.tally.count(list[worst])
	for i := range list {
		j.raiseHost(m, &set, e, &list[i])
	}
	return j.alerts
}

func (t *hostTally) count(f hostFinding) {
	t.verdicts[f.verdict]++
	if f.verdict == NotJudged || f.verdict == Undecidable {
		t.reasons[f.reason]++
	}
}

// HostTally returns the totals of host events so far.
func (j *Judge) HostTally() HostTally {
	h := &j.hosts
	t := &h.tally
	r := HostTally{
		Expected: t.verdicts[Expected], Unexpected: t.verdicts[Unexpected], Undecidable: t.verdicts[Undecidable], NotJudged: t.verdicts[NotJudged],
		Hosts: len(h.known), Evicted: h.evicted + h.procs.evicted,
	}
	for i, n := range t.reasons {
		switch c := (Count{HostReason(i).String(), n}); {
		case n == 0:
		case HostReason(i) < HostUnbound:
			r.UndecidableReasons = append(r.UndecidableReasons, c)
		default:
			r.NotJudgedReasons = append(r.NotJudgedReasons, c)
		}
	}
	for i, n := range t.kinds {
		if n > 0 {
			r.Kinds = append(r.Kinds, Count{HostEventKind(i).String(), n})
		}
	}
	for _, m := range h.known {
		if len(m.products) > 0 {
			r.Bound++
		}
	}
	return r
}

// raiseHost turns a finding about a host event into an alert, unless it is folded.
func (j *Judge) raiseHost(m *monitored, set *hostSet, e *HostEvent, f *hostFinding) {
	rule := f.rule
	if f.verdict == Undecidable && wantsUndecidable(set) {
		rule, f.key, f.confidence = UndecidableRule, f.reason.String()+" "+e.Process.Exe, Low
	} else if f.verdict != Unexpected {
		return
	}
	if j.warming(set, e.Now) {
		j.report.warmUp++
		return
	}
	key := foldKey{rule: rule, host: set.addr, products: products(set), name: "host " + f.key}
	if e.Host != "" {
		// Its addresses become known in the course of time, its name does not change.
		key.host, key.products = netip.Addr{}, key.products+" at "+m.name
	}
	fire, folded, full := j.folds.alert(key, false, e.Now, window(set), j.cfg.MaxPeers)
	j.report.alert(rule, set, fire)
	if !fire {
		return
	}
	a := &Alert{
		Rule: rule, Confidence: f.confidence, Host: set.addr, Now: e.Now, Folded: folded, Overflow: full, Verdict: f.verdict,
		Account: f.account, Artifact: f.artifact, Audit: true, Process: evidenceOf(e), command: f.command, commandFailed: f.failed,
	}
	a.Process.Reason, a.Process.Fault = f.reason, f.fault
	for _, b := range set.bindings {
		if !slices.Contains(a.Roles, b.Role) {
			a.Roles = append(a.Roles, b.Role)
		}
	}
	for _, p := range set.products {
		a.Products = append(a.Products, p)
		a.Audit = a.Audit && p.Mode != manifest.Enforce
		a.Expired = a.Expired || p.NotAfter != 0 && e.Now > p.NotAfter
	}
	if f.product != nil {
		if i := slices.Index(a.Products, f.product.Product); i > 0 {
			a.Products[0], a.Products[i] = a.Products[i], a.Products[0]
		}
	}
	if f.account != nil {
		login := e.Login
		a.Login = &login
		a.Peer = netip.AddrPortFrom(e.From, 0)
		if e.From.IsValid() {
			a.Source = a.Peer
		}
	}
	a.Severity = severity(a)
	a.Why = j.whyHost(a, e, f)
	j.alerts = append(j.alerts, a)
}
