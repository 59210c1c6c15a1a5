// Package learn drafts a behaviour manifest and bindings from what was seen. It stands where the judge stands and
// sees what the judge sees, so that a draft declares what would otherwise be reported, in the judge's own terms.
//
// A draft says what happened, never why: reasons are left to the vendor. What it cannot explain (attempts that
// nobody answered, content that no parser knows, names that were asked for only) goes to a feature of its own that is
// off unless the bindings turn it on. The same evidence gives the same draft.
package learn

import (
	"net/netip"

	"netsensor/internal/judge"
	"netsensor/internal/manifest"
	"netsensor/internal/names"
)

// Config says what to learn.
type Config struct {
	// Product names the product in the draft.
	Product string
	// Home are the site's networks; nil means manifest.DefaultHomeNetworks.
	Home []netip.Prefix
	// Hosts are the product's hosts with their roles; of several that fit, the first counts. Without any, all hosts of
	// the home networks are taken, and their roles are told from what they serve.
	Hosts []Host
	// Max bounds the different things that are remembered, and the hosts. Default 262144.
	Max int
}

// Host says that the hosts of a network play a role.
type Host struct {
	Net  netip.Prefix
	Role string
}

// Collector remembers what hosts did. One goroutine uses it, except for Watched.
type Collector struct {
	cfg     Config
	home    []netip.Prefix
	names   *names.Memory
	known   []names.Known
	answers []names.Answer
	scratch []byte

	seen    map[key]*tally
	asked   map[asking]*tally
	hosts   map[netip.Addr]*served
	proxies map[netip.AddrPort]bool
	// dropped counts what came when the tables were full; unwritable is what no manifest can hold.
	dropped     uint64
	unwritable  map[string]uint64
	first, last int64
}

// served is what a home host was seen to offer: methods.
type served map[string]bool

// New returns an empty collector.
func New(cfg Config) *Collector {
	if cfg.Max <= 0 {
		cfg.Max = 1 << 18
	}
	if cfg.Product == "" {
		cfg.Product = "Learnt product"
	}
	l := &Collector{
		cfg: cfg, home: cfg.Home, seen: map[key]*tally{}, asked: map[asking]*tally{}, hosts: map[netip.Addr]*served{},
		proxies: map[netip.AddrPort]bool{}, unwritable: map[string]uint64{},
	}
	if l.home == nil {
		l.home = manifest.DefaultHomeNetworks()
	}
	l.Restart()
	return l
}

// Watched reports whether a conversation between two addresses is of interest. It may be called by several goroutines.
func (l *Collector) Watched(a, b netip.Addr) bool { return l.candidate(a) || l.candidate(b) }

// candidate reports whether a host may be the product's.
func (l *Collector) candidate(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if len(l.cfg.Hosts) > 0 {
		_, ok := l.given(a)
		return ok
	}
	return l.internal(a) && !a.IsMulticast() && !a.IsUnspecified()
}

// given returns the role that the configuration gives to a host.
func (l *Collector) given(a netip.Addr) (string, bool) {
	for _, h := range l.cfg.Hosts {
		if h.Net.Contains(a) {
			return h.Role, true
		}
	}
	return "", false
}

func (l *Collector) internal(a netip.Addr) bool {
	for _, p := range l.home {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Restart forgets which names belong to which addresses: the input begins anew.
func (l *Collector) Restart() { l.names = names.New(names.Config{}) }

// Lookup learns from a DNS message. It never alerts.
func (l *Collector) Lookup(m *judge.Lookup) []*judge.Alert {
	client := m.Client.Unmap().WithZone("")
	if m.Via != "" && m.Via != "dns" || !l.candidate(client) {
		return nil
	}
	l.clock(m.Now)
	for i := range m.Questions {
		q := &m.Questions[i]
		l.question(client, q, m.Now)
		switch {
		case !m.Response:
			l.names.Ask(client, m.Now, q.Name)
		case m.Rcode == 0:
			l.answers = l.answers[:0]
			for k := range m.Answers {
				a := &m.Answers[k]
				l.answers = append(l.answers, names.Answer{Name: a.Name, To: a.To, Addr: a.Addr, TTL: a.TTL})
			}
			l.names.Learn(client, m.Now, q.Name, l.answers, false)
		}
	}
	return nil
}

func (l *Collector) clock(now int64) {
	if l.first == 0 || now < l.first {
		l.first = now
	}
	l.last = max(l.last, now)
}
