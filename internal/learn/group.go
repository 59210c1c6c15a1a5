package learn

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// kind says what the other end of a group is.
type kind uint8

const (
	role    kind = iota // other hosts of the product
	system              // hosts of the site, or its resolvers wherever they are: a variable
	named               // outside, by names
	address             // outside, without a name
)

// identity is what makes conversations one communication of the draft.
type identity struct {
	why      string // unexplained, and why; sorts behind what is explained
	kind     kind
	outbound bool
	role     string // of the product's end; the initiator's between two of them
	other    string // the other role, or the registrable domain
	method   method
	proto    uint8
	port     uint16 // where ports are not put together
}

func (a identity) compare(b identity) int {
	return cmp.Or(cmp.Compare(a.why, b.why), cmp.Compare(a.kind, b.kind), cmp.Compare(truth(b.outbound), truth(a.outbound)),
		cmp.Compare(a.role, b.role), cmp.Compare(a.other, b.other), cmp.Compare(a.method, b.method), cmp.Compare(a.proto, b.proto),
		cmp.Compare(a.port, b.port))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// group is one communication of the draft.
type group struct {
	identity
	tally
	ports map[uint16]bool
	peers map[netip.Addr]bool
	names map[string]bool
	hosts map[netip.Addr]bool
	apps  map[string]bool // content that the format has no word for
}

// The reasons for what is unexplained.
const (
	unanswered = "nobody answered"
	guessed    = "the beginning was never seen: who initiates is a guess"
	unreadable = "content that no parser knows"
	misnamed   = "the client claimed a name for which it was given other addresses"
	noWord     = "content that the format has no word for"
	lookedUp   = "names that were asked for and never contacted"
)

// endpoint is a service as one role reaches it.
type endpoint struct {
	role   string
	other  string
	server netip.Addr
	proto  uint8
	port   uint16
}

// drafter turns what was seen into a draft.
type drafter struct {
	*Collector
	roles   map[netip.Addr]string
	clients []netip.Prefix      // networks whose hosts are all taken for clients
	methods map[endpoint]method // the first one with a word
	groups  map[identity]*group
}

// role returns the role that a host plays, empty for none.
func (d *drafter) role(a netip.Addr) string {
	if r, ok := d.roles[a]; ok {
		return r
	}
	for _, p := range d.clients {
		if p.Contains(a) {
			return roleClient
		}
	}
	return ""
}

func (d *drafter) endpoint(k *key) endpoint {
	e := endpoint{role: d.role(k.client), other: k.name, server: k.server, proto: k.proto, port: k.port}
	if r := d.role(k.server); r != "" {
		e.other, e.server = r, netip.Addr{}
	}
	return e
}

// group puts everything that was seen into groups, in order.
func (d *drafter) group() []*group {
	d.methods, d.groups = map[endpoint]method{}, map[identity]*group{}
	for k := range d.seen {
		if k.note != plain {
			continue
		}
		e := d.endpoint(&k)
		if m := d.methods[e]; k.method.named() && (m == "" || k.method < m) {
			d.methods[e] = k.method
		}
	}
	for k, t := range d.seen {
		d.put(k, t)
	}
	groups := slices.Collect(maps.Values(d.groups))
	slices.SortFunc(groups, func(a, b *group) int { return a.compare(b.identity) })
	return groups
}

func (d *drafter) put(k key, t *tally) {
	if k.note == relayed {
		if !d.proxies[netip.AddrPortFrom(k.server, k.port)] {
			return
		}
		// What a proxy is asked for in clear says no port unless it is an odd one.
		k.server, k.port = netip.Addr{}, 80
	}
	from, to := d.role(k.client), d.role(k.server)
	id := identity{role: from, outbound: true, method: k.method, proto: k.proto}
	switch {
	case from != "" && to != "":
		id.kind, id.other = role, to
	case to != "":
		id.kind, id.role, id.outbound = system, to, false
	case from == "":
		return
	case k.name != "":
		id.kind, id.other, id.port = named, registrable(k.name), k.port
	case d.internal(k.server) || k.method == "DNS" || d.methods[d.endpoint(&k)] == "DNS":
		id.kind = system
	default:
		id.kind, id.port = address, k.port
	}
	app := ""
	if k.note == doubt {
		id.kind, id.port = address, k.port
	}
	switch m := d.methods[d.endpoint(&k)]; {
	case m != "" && (k.method == nothing || k.method == unknown && t.inferred == 0):
		// What was said elsewhere at this endpoint is what was meant here. Where even the direction is a guess, that
		// would be a second guess.
		id.method = m
	case k.method == nothing:
		id.why = unanswered
	case k.method == unknown:
		id.why, id.method = unreadable, nothing
	case !k.method.named():
		app = strings.TrimPrefix(string(k.method), wordless)
		id.why, id.method = noWord, nothing
	case k.note == doubt:
		id.why = misnamed
	case t.inferred == t.flows:
		id.why = guessed
	}
	if id.why != "" && id.kind == address {
		id.port = 0 // such as file sharing: thousands of peers, each on a port of its own
	}
	g := d.groups[id]
	if g == nil {
		g = &group{
			identity: id, ports: map[uint16]bool{}, peers: map[netip.Addr]bool{}, names: map[string]bool{}, hosts: map[netip.Addr]bool{},
			apps: map[string]bool{},
		}
		d.groups[id] = g
	}
	g.join(t)
	g.ports[k.port] = true
	if app != "" {
		g.apps[app] = true
	}
	host, peer := k.client, k.server
	if !id.outbound {
		host, peer = peer, host
	}
	g.hosts[host] = true
	if k.name != "" && id.kind == named {
		g.names[k.name] = true
	} else if id.kind != role {
		g.peers[peer] = true
	}
}

// registrable returns the domain that somebody registered, or the name where that is not known.
func registrable(name string) string {
	if d, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return d
	}
	return name
}
