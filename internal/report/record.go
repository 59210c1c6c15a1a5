// Package report turns judgements into what people and pipelines read: text, JSON, JUnit XML, SARIF and Markdown.
package report

import (
	"cmp"
	"net/netip"
	"slices"

	"netsensor/internal/judge"
)

// Recorder is a judge that remembers what it said, by matter. A second judge, if there is one, goes by an older
// manifest: it is asked the same, and only its differences count. One goroutine uses it.
type Recorder struct {
	Judge *judge.Judge
	Old   *judge.Judge

	undeclared, beyond map[matter]*Issue
	undecidable        map[matter]*Issue
	dropped            uint64
}

// matter is what makes two findings the same.
type matter struct {
	rule    string
	product string
	inbound bool
	asked   bool
	peer    string // a name, or an address
	proto   uint8
	port    uint16
	entry   string
	failed  judge.Failed
}

// Issue is a matter that is not as declared, or cannot be decided.
type Issue struct {
	// Rule is the judge's rule, or for the undecidable the reason.
	Rule    string `json:"rule"`
	Product string `json:"product"`
	// Inbound: the peer initiated. Asked: a question for the peer's name, nothing more.
	Inbound bool   `json:"inbound,omitempty"`
	Asked   bool   `json:"asked,omitempty"`
	Peer    string `json:"peer"`
	// Transport is the IP protocol's name or number; Port is the server's, 0 where there is none.
	Transport string `json:"transport"`
	Port      uint16 `json:"port,omitempty"`
	App       string `json:"app,omitempty"`
	// Entry is the nearest communication, Failed what of it does not hold.
	Entry  string   `json:"entry,omitempty"`
	Failed []string `json:"failed,omitempty"`
	// Hosts are the first few of the product's hosts, HostCount is the number of all.
	Hosts     []string `json:"hosts"`
	HostCount int      `json:"hostCount"`
	// Count is the number of conversations, or of questions.
	Count     uint64 `json:"count"`
	FirstSeen string `json:"firstSeen"`
	Why       string `json:"why"`
	Remedy    string `json:"remedy,omitempty"`

	first int64
	hosts map[netip.Addr]bool
	line  Place
}

const (
	maxMatters = 1 << 16
	maxHosts   = 8 // that an issue lists
)

// NewRecorder returns a recorder around a judge, and around one that goes by an older manifest (nil for none).
func NewRecorder(j, old *judge.Judge) *Recorder {
	return &Recorder{Judge: j, Old: old, undeclared: map[matter]*Issue{}, beyond: map[matter]*Issue{}, undecidable: map[matter]*Issue{}}
}

// Restart forgets what depends on time.
func (r *Recorder) Restart() {
	r.Judge.Restart()
	if r.Old != nil {
		r.Old.Restart()
	}
}

// Lookup judges a DNS message.
func (r *Recorder) Lookup(l *judge.Lookup) []*judge.Alert {
	alerts := r.Judge.Lookup(l)
	r.alerts(r.undeclared, alerts)
	if r.Old != nil {
		r.alerts(r.beyond, r.Old.Lookup(l))
	}
	return alerts
}

// Conversation judges a conversation.
func (r *Recorder) Conversation(c *judge.Conversation) judge.Outcome {
	out := r.Judge.Conversation(c)
	r.alerts(r.undeclared, out.Alerts)
	if c.Phase == judge.Ended && out.Verdict == judge.Undecidable {
		r.undecided(c, &out)
	}
	if r.Old != nil {
		r.alerts(r.beyond, r.Old.Conversation(c).Alerts)
	}
	return out
}

func (r *Recorder) alerts(to map[matter]*Issue, alerts []*judge.Alert) {
	for _, a := range alerts {
		m := matter{rule: a.Rule.String(), inbound: a.Inbound, asked: a.Asked, peer: a.Name, proto: a.Proto, port: a.Target.Port(), failed: a.Failed}
		if m.peer == "" {
			m.peer = a.Peer.Addr().String()
		}
		if len(a.Products) > 0 {
			m.product = a.Products[0].Name
		}
		i := Issue{App: a.App, Why: a.Why, first: a.Now}
		if e := a.Entry; e != nil {
			m.entry = e.ID
			i.line = placeOf(e)
		}
		r.note(to, m, i, a.Host)
	}
}

func (r *Recorder) undecided(c *judge.Conversation, out *judge.Outcome) {
	m := matter{rule: out.Reason.String(), peer: c.Server.Addr().String(), proto: c.Proto, port: c.Server.Port(), failed: out.Failed}
	host := c.Client.Addr()
	for _, n := range c.Names {
		if n.Source == judge.SNI || n.Source == judge.Host {
			m.peer = n.Text
			break
		}
	}
	i := Issue{App: c.App, first: c.Start, Why: undecidableWhy[out.Reason], Remedy: undecidableRemedy[out.Reason]}
	if e := out.Entry; e != nil {
		m.entry, m.product = e.ID, e.Product.Name
		if m.inbound = !e.Outbound; m.inbound {
			m.peer, host = c.Client.Addr().String(), c.Server.Addr()
		}
		i.line = placeOf(e)
	}
	r.note(r.undecidable, m, i, host)
}

var undecidableWhy = map[judge.Reason]string{
	judge.ECH:          "the server's name is encrypted (ECH)",
	judge.NoName:       "a bare address that only a declared name could explain, and the look-ups are hidden",
	judge.DNSCold:      "a bare address, and its name may have been looked up before the capture began",
	judge.Midstream:    "the beginning, with the evidence, was not captured",
	judge.Gap:          "packets with the evidence are missing in the capture",
	judge.OneWay:       "only one direction was captured",
	judge.Unobservable: "the wire does not show it: content that no parser knows, or a certificate that TLS 1.3 hides",
}

var undecidableRemedy = map[judge.Reason]string{
	judge.ECH:          "declare the outer name, or turn ECH off on the test bench",
	judge.NoName:       "let the test bench use a resolver in clear, or declare the address as dedicated",
	judge.DNSCold:      "begin the capture before the product starts, and flush its caches",
	judge.Midstream:    "begin the capture before the product starts",
	judge.Gap:          "capture without loss: a larger buffer, a shorter snap length never",
	judge.OneWay:       "capture both directions",
	judge.Unobservable: "leave the method out, or do not pin the issuer or key of TLS 1.3",
}

func (r *Recorder) note(to map[matter]*Issue, m matter, i Issue, host netip.Addr) {
	have := to[m]
	if have == nil {
		if len(to) >= maxMatters {
			r.dropped++
			return
		}
		i.Rule, i.Product, i.Inbound, i.Asked, i.Peer, i.Port, i.Entry = m.rule, m.product, m.inbound, m.asked, m.peer, m.port, m.entry
		i.Transport, i.Failed = transport(m.proto), m.failed.Names()
		i.hosts = map[netip.Addr]bool{}
		have = &i
		to[m] = have
	}
	have.Count++
	have.hosts[host] = true
}

// issues returns what was noted, in a fixed order.
func issues(m map[matter]*Issue) []Issue {
	list := make([]Issue, 0, len(m))
	for _, i := range m {
		hosts := make([]netip.Addr, 0, len(i.hosts))
		for a := range i.hosts {
			hosts = append(hosts, a)
		}
		slices.SortFunc(hosts, netip.Addr.Compare)
		c := *i
		c.HostCount, c.FirstSeen = len(hosts), stamp(i.first)
		for _, a := range hosts[:min(len(hosts), maxHosts)] {
			c.Hosts = append(c.Hosts, a.String())
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Product, b.Product), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Port, b.Port),
			cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.Entry, b.Entry), slices.Compare(a.Failed, b.Failed), cmp.Compare(a.first, b.first),
			cmp.Compare(a.Why, b.Why))
	})
	return list
}

// beyondOld returns what the older manifest does not declare although this one does.
func (r *Recorder) beyondOld() []Issue {
	type about struct {
		inbound bool
		peer    string
		proto   uint8
		port    uint16
	}
	known := map[about]bool{}
	for m := range r.undeclared {
		known[about{m.inbound, m.peer, m.proto, m.port}] = true
	}
	news := map[matter]*Issue{}
	for m, i := range r.beyond {
		if !known[about{m.inbound, m.peer, m.proto, m.port}] {
			news[m] = i
		}
	}
	return issues(news)
}
