package judge

import (
	"net/netip"
	"slices"
	"time"

	"netsensor/internal/allowlist"
	"netsensor/internal/names"
)

// Config bounds and tunes a Judge. The zero value means the defaults.
type Config struct {
	Names names.Config
	// NoWarmUp ignores the bindings' warm-up: for captures, which are often shorter.
	NoWarmUp bool
	// DNSWarmUp is how long after the beginning a look-up may have been before it. Default five minutes.
	DNSWarmUp time.Duration
	// Parsers are the app_proto values that the engine can tell. Nil means the usual ones.
	Parsers []string
	// MaxFolds bounds the alerts that are remembered, to be counted instead of repeated. Default 65536.
	MaxFolds int
	// MaxPeers bounds the alerts of one rule about one host in a window, whatever the peers. Default 32.
	MaxPeers int
	// MaxConversations bounds the conversations that are remembered because they caused an alert. Default 65536.
	MaxConversations int
	// MaxHosts bounds the hosts that the report tells apart, and the pairs of host and entry whose use is compared
	// with the entry's bounds. Default 65536.
	MaxHosts int
}

// Judge decides. One goroutine uses it. It sees no clock: the same calls in the same order give the same answers.
type Judge struct {
	cfg    Config
	table  *allowlist.Table
	checks []check // for each of the table's entries
	names  *names.Memory
	folds  folds
	seen   alerted
	report tally
	hosts  hosts
	memory memory
	used   usages

	start   int64 // the first time that was seen
	started bool
	pending map[uint64][]pendingQuestion // by conversation
	movers  movers

	local, remote hostSet
	ev, spare     evidence
	callers       []names.Known
	ids           []uint32
	relatives     []uint32
	given         []names.Given
	findings      []finding
	alerts        []*Alert
	answers       []names.Answer
	scratch       []byte
}

// New returns a judge of a table.
func New(table *allowlist.Table, cfg Config) *Judge {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&cfg.MaxFolds, 65536)
	def(&cfg.MaxPeers, 32)
	def(&cfg.MaxConversations, 65536)
	def(&cfg.MaxHosts, 65536)
	if cfg.DNSWarmUp <= 0 {
		cfg.DNSWarmUp = 5 * time.Minute
	}
	j := &Judge{cfg: cfg}
	j.report.init(cfg.MaxHosts)
	j.Restart()
	j.Swap(table)
	return j
}

// Restart forgets what depends on time: names, folded alerts, when it all began. The totals stay.
func (j *Judge) Restart() {
	j.names = names.New(j.cfg.Names)
	j.folds = newFolds(j.cfg.MaxFolds)
	j.seen = newAlerted(j.cfg.MaxConversations)
	j.movers = newMovers(maxMovers)
	j.pending = map[uint64][]pendingQuestion{}
	j.memory.clear()
	j.used = newUsages(j.cfg.MaxHosts)
	j.start, j.started = 0, false
}

// Swap judges by another table from now on. What was learnt and what was alerted stays.
func (j *Judge) Swap(table *allowlist.Table) {
	j.table = table
	j.checks = make([]check, len(table.Entries))
	for i := range table.Entries {
		j.checks[i] = j.compile(&table.Entries[i])
	}
	j.movers.swap(table)
	clear(j.pending) // they cite entries of the table before
	j.memory.compile(table)
	j.used = newUsages(j.cfg.MaxHosts)
	j.report.swap(table)
}

type hostBinding = allowlist.HostBinding

// hostSet is what a host plays, as far as it holds in one conversation.
type hostSet struct {
	addr      netip.Addr
	bindings  []allowlist.HostBinding
	roles     []allowlist.RoleID
	products  []*allowlist.Product
	peers     []uint32 // entries whose other end it may be by its hardware address or DHCP name
	suspended bool     // it would play something, were the manifest not expired
}

func (h *hostSet) plays(r allowlist.RoleID) bool {
	for _, x := range h.roles {
		if x == r {
			return true
		}
	}
	return false
}

func (h *hostSet) runs(p *allowlist.Product) bool {
	for _, x := range h.products {
		if x == p {
			return true
		}
	}
	return false
}

// host fills h with what the host with address a at the time start plays in a VLAN now.
func (j *Judge) host(h *hostSet, a netip.Addr, mac string, vlan uint16, start, now int64) bool {
	h.addr = a
	h.bindings, h.roles, h.products, h.suspended = h.bindings[:0], h.roles[:0], h.products[:0], false
	j.play(h, j.table.Bound(a), vlan, now)
	h.peers = nil
	if j.table.Moves() {
		if x := j.moved(a, mac, start); x != nil {
			j.play(h, x.hosts, vlan, now)
			h.peers = x.peers
		}
	}
	return len(h.roles) > 0
}

func (j *Judge) play(h *hostSet, bindings []allowlist.HostBinding, vlan uint16, now int64) {
	for i := range bindings {
		b := &bindings[i]
		if !b.In(vlan) || h.plays(b.ID) {
			continue
		}
		p := b.Product
		if p.Suspend && p.NotAfter != 0 && now > p.NotAfter {
			h.suspended = true
			continue
		}
		h.bindings = append(h.bindings, *b)
		h.roles = append(h.roles, b.ID)
		if !h.runs(p) {
			h.products = append(h.products, p)
			h.roles = append(h.roles, p.AnyRole)
		}
	}
}

func (j *Judge) tick(now int64) {
	if !j.started {
		j.start, j.started = now, true
	}
}

// Conversation judges a conversation as far as it is known. Alerts come as soon as nothing that may follow could
// change them, once for each rule.
func (j *Judge) Conversation(c *Conversation) Outcome {
	j.tick(c.Start)
	if out, known := j.recall(c); known {
		return out
	}
	j.findings, j.alerts = j.findings[:0], j.alerts[:0]
	for i := range c.Leases {
		j.lease(&c.Leases[i], c.Now)
	}
	client := netip.AddrPortFrom(c.Client.Addr().Unmap().WithZone(""), c.Client.Port())
	server := netip.AddrPortFrom(c.Server.Addr().Unmap().WithZone(""), c.Server.Port())
	atClient := j.host(&j.local, client.Addr(), c.ClientMAC, c.VLAN, c.Start, c.Now)
	atServer := j.host(&j.remote, server.Addr(), c.ServerMAC, c.VLAN, c.Start, c.Now)
	if !atClient && !atServer {
		reason := Unbound
		if j.local.suspended || j.remote.suspended {
			reason = Suspended
		}
		return j.settle(c, Outcome{Reason: reason})
	}
	if reason := housekeeping(c, client, server); reason != NoReason {
		return j.settle(c, Outcome{Reason: reason})
	}
	j.ev.gather(j, c, client.Addr(), server.Addr())
	if atClient && j.encryptedDNS(c, server) {
		j.names.Encrypted(client.Addr(), c.Now)
	}
	if atClient {
		l := leg{c: c, host: &j.local, local: client.Addr(), peer: server.Addr(), port: server.Port(), outbound: true}
		j.add(j.outbound(&l))
	}
	if atServer {
		l := leg{c: c, host: &j.remote, local: server.Addr(), peer: client.Addr(), port: server.Port()}
		f := j.inbound(&l)
		// One manifest has nothing to say twice.
		f.silent = len(j.findings) > 0 && j.findings[0].verdict == Unexpected && slices.Equal(j.local.products, j.remote.products)
		j.add(f)
	}
	if c.RolesInferred {
		j.reconsider(c, client, server, atClient, atServer)
	}
	if len(c.Logins) > 0 {
		j.accounts(c, &j.local, false, server.Port())
		j.accounts(c, &j.remote, true, server.Port())
	}
	if len(c.Files) > 0 {
		j.files(c, &j.local, false, server.Port())
		j.files(c, &j.remote, true, server.Port())
	}
	if c.Phase == Ended {
		for i := range j.findings {
			if f := &j.findings[i]; f.verdict == Expected && !f.extra && f.entry >= 0 {
				j.bounds(c, *f)
			}
		}
	}
	out := Outcome{}
	for i := range j.findings {
		f := &j.findings[i]
		if f.extra {
			continue
		}
		if f.verdict > out.Verdict || out.Verdict == NotJudged {
			out.Verdict, out.Reason, out.Rule, out.Failed = f.verdict, f.reason, f.rule, f.failed
			out.Entry = nil
			if f.entry >= 0 {
				out.Entry = &j.table.Entries[f.entry]
			}
		}
	}
	for i := range j.findings {
		j.raise(c, &j.findings[i], client, server)
	}
	if atClient && c.Phase == Ended {
		j.questions(c.ID, c.Now, server, c.Proto, true)
	}
	out.Alerts = j.alerts
	if out.Verdict == Expected && c.Phase != Ended && c.Revision != 0 {
		j.remember(c)
	}
	return j.settle(c, out)
}

// settle counts an outcome when the conversation is over.
func (j *Judge) settle(c *Conversation, out Outcome) Outcome {
	if c.Phase == Ended {
		out.Alerted = j.seen.forget(c.ID)
		delete(j.pending, c.ID)
		j.report.conversation(j, c, &out)
	}
	return out
}

func (j *Judge) add(f finding) {
	if f.verdict != NotJudged || f.reason != NoReason {
		j.findings = append(j.findings, f)
	}
}

// housekeeping tells what keeps the network itself going, and is nobody's business relation.
func housekeeping(c *Conversation, client, server netip.AddrPort) Reason {
	switch c.Proto {
	case 17:
		switch server.Port() {
		case 67, 68, 546, 547: // DHCP
			return Housekeeping
		case 5353, 5355, 1900, 3702: // mDNS, LLMNR, SSDP, WS-Discovery
			if group(server.Addr()) {
				return Housekeeping
			}
		case 137, 138: // NetBIOS
			if group(server.Addr()) || client.Port() == server.Port() {
				return Housekeeping
			}
		}
	case 2, 103: // IGMP, PIM
		return Housekeeping
	}
	return NoReason
}

// group reports whether an address is that of many: multicast, or broadcast as far as the address itself tells.
func group(a netip.Addr) bool { return a.IsMulticast() || lastOctet(a) == 255 }

// lastOctet returns the last octet of an IPv4 address, 0 for IPv6.
func lastOctet(a netip.Addr) byte {
	if !a.Is4() {
		return 0
	}
	return a.As4()[3]
}
