package judge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
	"netsensor/internal/names"
)

// Query is a conversation that somebody asks about.
type Query struct {
	From netip.Addr
	// To is an address, a name, or a name that is spoken to at an address.
	ToAddr netip.Addr
	ToName string
	Port   uint16
	UDP    bool
	Method string // a word of the manifest, or an app_proto; empty: not known
	VLAN   uint16
	Time   int64 // ns; 0 means the beginning of the epoch: nothing has expired
}

// ParseEndpoint reads "api.acme.example:443/tls", "10.0.0.1:53/udp/dns", "[2001:db8::1]:443" into a query. A port is
// needed.
func (q *Query) ParseEndpoint(s string) error {
	at, rest, _ := strings.Cut(s, "/")
	colon := strings.LastIndexByte(at, ':')
	if colon < 0 {
		return fmt.Errorf("%q has no port: want name:port/method or address:port/method", s)
	}
	port, err := strconv.ParseUint(at[colon+1:], 10, 16)
	if err != nil {
		return fmt.Errorf("%q: %q is no port", s, at[colon+1:])
	}
	q.Port = uint16(port)
	host := strings.TrimSuffix(strings.TrimPrefix(at[:colon], "["), "]")
	if a, err := netip.ParseAddr(host); err == nil {
		q.ToAddr = a.Unmap()
	} else if name := names.AppendNormal(nil, host); len(name) > 0 && !strings.ContainsAny(host, " :") {
		q.ToName = string(name)
	} else {
		return fmt.Errorf("%q is neither an address nor a name", host)
	}
	for _, word := range strings.Split(rest, "/") {
		switch word = strings.ToLower(word); word {
		case "", "tcp":
		case "udp":
			q.UDP = true
		default:
			if q.Method != "" {
				return fmt.Errorf("%q names two methods", s)
			}
			q.Method = word
		}
	}
	return nil
}

// Candidate is an entry that could explain a conversation, and what of it does not hold.
type Candidate struct {
	Product    string   `json:"product"`
	ID         string   `json:"id"`
	Exception  bool     `json:"exception,omitempty"`
	Endpoint   string   `json:"endpoint,omitempty"`
	Failed     []string `json:"failed"` // empty: it explains it
	Reason     string   `json:"reason,omitempty"`
	Ticket     string   `json:"ticket,omitempty"`
	Features   []string `json:"features,omitempty"`
	Off        bool     `json:"off,omitempty"`
	Unbound    string   `json:"unbound,omitempty"` // a variable
	Necessity  string   `json:"necessity,omitempty"`
	Privileges []string `json:"privileges,omitempty"`
	References []string `json:"references,omitempty"`
	failed     Failed
	entry      int
}

// Explanation is the answer to a Query.
type Explanation struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
	Rule    string `json:"rule,omitempty"`
	Host    string `json:"host"`
	Inbound bool   `json:"inbound,omitempty"`
	// Plays are the product and role pairs of the host.
	Plays []string `json:"plays"`
	// Candidates are all entries of the host's products for that direction, the one that comes closest first.
	Candidates []Candidate `json:"candidates"`
}

// Explain answers q by a table: for each end that plays a role, what the judge would make of it, and how far each
// entry is from explaining it. Names are taken as claimed and not contradicted.
func Explain(table *allowlist.Table, q Query) []Explanation {
	j := New(table, Config{})
	c := &Conversation{
		Phase: Settled, Start: q.Time, Now: q.Time, Proto: 6, VLAN: q.VLAN, Established: true,
		Client: netip.AddrPortFrom(q.From, 0), Server: netip.AddrPortFrom(q.ToAddr, q.Port),
	}
	if q.UDP {
		c.Proto = 17
	}
	if q.Method != "" {
		c.App = content(q.Method)
		c.PayloadToServer, c.PayloadToClient = true, true
	}
	var all []Explanation
	if j.host(&j.local, q.From.Unmap(), "", q.VLAN, q.Time, q.Time) {
		l := leg{c: c, host: &j.local, local: q.From.Unmap(), peer: q.ToAddr, port: q.Port, outbound: true}
		var f finding
		if q.ToName != "" && q.ToAddr.IsValid() {
			c.Names = []Name{{Text: q.ToName, Source: Host}}
			j.ev.gather(j, c, q.From, q.ToAddr)
			f = j.outbound(&l)
		} else if q.ToName != "" {
			cl := j.ev.claim(q.ToName, q.Port)
			f = j.targets(&l, []claim{cl})
		} else {
			f = j.server(&l)
		}
		all = append(all, j.explain(&l, f, q.ToName))
	}
	if q.ToAddr.IsValid() && j.host(&j.remote, q.ToAddr, "", q.VLAN, q.Time, q.Time) {
		l := leg{c: c, host: &j.remote, local: q.ToAddr, peer: q.From.Unmap(), port: q.Port}
		all = append(all, j.explain(&l, j.inbound(&l), ""))
	}
	return all
}

// content returns the app_proto that a method looks like.
func content(word string) string {
	word = strings.ToLower(word)
	m, known := manifest.LookupMethod(word)
	switch {
	case word == "quic" || word == "http3" || word == "doq":
		return "quic"
	case known && m.TLS == manifest.TLSAlways:
		return "tls"
	}
	if apps := appsOf[word]; apps != nil {
		return apps[0]
	}
	return word
}

func (ev *evidence) claim(name string, port uint16) claim {
	begin := len(ev.text)
	ev.text = names.AppendNormal(ev.text, name)
	return claim{begin, len(ev.text), Target, port}
}

func (j *Judge) explain(l *leg, f finding, name string) Explanation {
	x := Explanation{Verdict: f.verdict.String(), Reason: f.reason.String(), Rule: f.rule.String(), Host: l.local.String(), Inbound: !l.outbound}
	for i := range l.host.bindings {
		x.Plays = append(x.Plays, l.host.bindings[i].Product.Name+": "+l.host.bindings[i].Role)
	}
	about := map[uint32]Failed{}
	if name != "" {
		for _, i := range j.table.ByName(nil, []byte(name)) {
			about[i] = 0
		}
	}
	if l.peer.IsValid() {
		for _, i := range j.table.ByAddress(nil, l.peer) {
			if _, named := about[i]; named {
				continue
			}
			about[i] = 0
			if e := &j.table.Entries[i]; !e.AddressCounts || name != "" && e.Named && e.Comm != nil {
				about[i] = FailedName
			}
		}
	}
	for _, role := range l.host.roles {
		for _, i := range j.table.ByRole(role) {
			e := &j.table.Entries[i]
			if e.Outbound != l.outbound {
				continue
			}
			failed, _ := j.compare(i, l)
			if miss, ok := about[i]; ok {
				failed |= miss
			} else if e.Named && (name != "" || !e.AddressCounts) {
				failed |= FailedName
			} else if failed |= FailedAddress; name != "" {
				failed |= FailedName
			}
			c := candidate(e, failed)
			c.entry = int(i)
			x.Candidates = append(x.Candidates, c)
		}
	}
	nearest := -1
	if f.verdict == Unexpected && f.entry < 0 {
		nearest, _ = j.nearest(&f, l.c) // as an alert would say
	}
	slices.SortStableFunc(x.Candidates, func(a, b Candidate) int {
		if a.entry == nearest || b.entry == nearest {
			return cmp.Compare(first(b.entry == nearest), first(a.entry == nearest))
		}
		return cmp.Compare(a.failed, b.failed)
	})
	return x
}

func first(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func candidate(e *allowlist.Entry, failed Failed) Candidate {
	c := Candidate{
		Product: e.Product.Name, ID: e.ID, Endpoint: EndpointText(e), Failed: failed.Names(), Off: e.Off, Unbound: e.Unbound, failed: failed,
	}
	if c.Failed == nil {
		c.Failed = []string{}
	}
	if x := e.Exception; x != nil {
		c.Exception, c.Reason, c.Ticket = true, x.Reason, x.Ticket
		return c
	}
	m := e.Comm
	c.Reason, c.Features, c.Necessity, c.References = m.Reason, m.Features, string(m.Necessity), slices.Clone(m.References)
	for i := range m.Privileges {
		p := &m.Privileges[i]
		text := p.Grant
		if p.Feature != "" {
			text += " (" + p.Feature + ")"
		}
		c.Privileges = append(c.Privileges, text)
	}
	for _, f := range m.Features {
		if docs := e.Product.Manifest.Features[f].Docs; docs != "" && !slices.Contains(c.References, docs) {
			c.References = append(c.References, docs)
		}
	}
	return c
}

// JSON returns the explanation as indented JSON with a final line feed.
func (x *Explanation) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(x, "", "  ")
	return append(b, '\n'), err
}

// maxShown bounds the entries that WriteText shows of those that do not explain.
const maxShown = 5

// WriteText writes the explanation for people: the verdict, then the entries that come closest.
func (x *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString(x.Verdict)
	if x.Rule != "" {
		b.WriteString(": " + x.Rule)
	}
	if x.Reason != "" {
		b.WriteString(": " + x.Reason)
	}
	way := "initiates"
	if x.Inbound {
		way = "is reached"
	}
	fmt.Fprintf(&b, "\n%s (%s) %s\n", x.Host, strings.Join(x.Plays, ", "), way)
	for i := range x.Candidates {
		c := &x.Candidates[i]
		if len(c.Failed) > 0 && i >= maxShown {
			fmt.Fprintf(&b, "\nand %d more entries that do not explain it\n", len(x.Candidates)-i)
			break
		}
		c.writeText(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Candidate) writeText(b *strings.Builder) {
	kind := "entry"
	if c.Exception {
		kind = "exception"
	}
	fmt.Fprintf(b, "\n%s %s of %s: %s\n", kind, c.ID, c.Product, c.Endpoint)
	if len(c.Failed) > 0 {
		fmt.Fprintf(b, "  does not explain it: %s\n", strings.Join(c.Failed, ", "))
	} else {
		b.WriteString("  explains it\n")
	}
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(b, "  %s: %s\n", label, text)
		}
	}
	line("reason", c.Reason)
	line("ticket", c.Ticket)
	features := strings.Join(c.Features, ", ")
	if c.Off {
		features += " (off)"
	}
	line("features", features)
	line("variable that is not bound", c.Unbound)
	line("privileges", strings.Join(c.Privileges, "; "))
	line("documentation", strings.Join(c.References, " "))
}
