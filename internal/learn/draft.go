package learn

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// Draft is what was learnt.
type Draft struct {
	Manifest *manifest.Manifest
	Bindings *manifest.Bindings
	// Hosts are the product's hosts. Unexplained are the communications of the feature of that name, Dropped what
	// did not fit into the tables, Unwritable what no manifest can hold: odd names, port 0.
	Hosts, Unexplained int
	Dropped            uint64
	Unwritable         int
}

// The features of a draft.
const (
	featureCore        = "core"
	featureUnexplained = "unexplained"
)

const reason = "observed; to be stated by the vendor"

// Draft turns what was seen so far into a manifest and bindings. The times in them are the evidence's.
func (l *Collector) Draft() *Draft {
	d := &drafter{Collector: l, roles: l.roles()}
	if len(l.cfg.Hosts) == 0 {
		d.clients = clientNets(d.roles)
	}
	b := &builder{drafter: d, ids: map[string]bool{}, variables: map[string]*variable{}, names: map[string][]manifest.Name{}}
	for _, g := range d.group() {
		b.communication(g)
	}
	b.lookups()
	return b.finish()
}

// variable is one that the draft makes up: what is bound to it, and whether it is about clients.
type variable struct {
	description, system string
	addrs               map[netip.Addr]bool
	clients             bool
}

// builder writes the draft.
type builder struct {
	*drafter
	ids       map[string]bool
	variables map[string]*variable
	names     map[string][]manifest.Name // declared, by role
	comms     []manifest.Communication
	odd       int
}

func (b *builder) communication(g *group) {
	c := manifest.Communication{
		Direction: manifest.Outbound, Party: manifest.Customer, From: manifest.Peer{Role: g.role}, Transport: transport(g.proto),
		Method: g.method.word(), Features: []string{featureCore}, Reason: reason,
	}
	if c.Transport.HasPorts() {
		c.Ports = foldPorts(g.ports)
	}
	service := b.service(g)
	var id string
	switch g.kind {
	case role:
		c.To.Role = g.other
		c.SystemType = "product-host"
		id = g.role + "-to-" + g.other + "-" + service
	case system:
		name, system := b.variable(g, service)
		c.SystemType = system
		if g.outbound {
			c.To.Variable = name
			id = g.role + "-" + service
		} else {
			c.Direction, c.From, c.To = manifest.Inbound, manifest.Peer{Variable: name}, manifest.Peer{Role: g.role}
			id = g.role + "-serves-" + service
		}
	case named:
		c.Party, c.Operator = manifest.ThirdParty, g.other
		c.To.Names = foldNames(g.names)
		b.names[g.role] = append(b.names[g.role], c.To.Names...)
		id = g.role + "-" + g.other + "-" + service
	case address:
		c.Party, c.Operator = manifest.ThirdParty, "not known"
		for _, p := range foldAddresses(g.peers, false) {
			c.To.CIDRs = append(c.To.CIDRs, manifest.CIDR{Prefix: p})
		}
		id = g.role + "-addresses-" + service
	}
	if g.why == "" && strictTLS(g) {
		c.TLS = &manifest.TLS{MinVersion: "1.2"}
	}
	if g.why != "" {
		id = "unexplained-" + id
	}
	c.ID = unique(b.ids, cut(slug(id), maxName))
	b.add(c, g)
}

// service is the method, or the transport and port, as a part of names.
func (b *builder) service(g *group) string {
	s := slug(g.method.word())
	if s == "" {
		s = string(transport(g.proto))
	}
	if g.port != 0 && (g.port != 443 || s != "tls" && s != "quic") {
		s += "-" + strconv.Itoa(int(g.port))
	} else if g.method.word() == "" && len(g.ports) == 1 && g.proto != 0 {
		for p := range g.ports {
			s += "-" + strconv.Itoa(int(p))
		}
	}
	return s
}

// strictTLS reports whether everybody negotiated TLS 1.2 or better.
func strictTLS(g *group) bool {
	if m, ok := manifest.LookupMethod(g.method.word()); !ok || m.TLS != manifest.TLSAlways || m.Name == "DTLS" {
		return false
	}
	return g.minTLS >= 0x0303 && g.minTLS <= 0x0304
}

// add appends a communication with its evidence.
func (b *builder) add(c manifest.Communication, g *group) {
	e := evidence{
		Flows: g.flows, Hosts: len(g.hosts), FirstSeen: stamp(g.first), LastSeen: stamp(g.last), BytesToServer: g.toServer, BytesToClient: g.toClient,
		Unanswered: g.silent, Content: sortedKeys(g.apps),
	}
	c.Extensions = strict.Extensions{"x-evidence": encoded(e)}
	if g.why != "" {
		b.odd++
		c.Features = []string{featureUnexplained}
		c.Extensions["x-unexplained"] = encoded(g.why)
	}
	b.comms = append(b.comms, c)
}

// evidence is what x-evidence holds.
type evidence struct {
	Flows         uint64   `json:"flows"`
	Hosts         int      `json:"hosts"`
	FirstSeen     string   `json:"firstSeen"`
	LastSeen      string   `json:"lastSeen"`
	BytesToServer uint64   `json:"bytesToServer,omitempty"`
	BytesToClient uint64   `json:"bytesToClient,omitempty"`
	Unanswered    uint64   `json:"unanswered,omitempty"`
	Content       []string `json:"content,omitempty"`
}

func encoded(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic("learn: " + err.Error()) // strings and numbers only
	}
	return text
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }

// variable finds or makes the variable for the other ends of a group, and says what they are.
func (b *builder) variable(g *group, service string) (name, system string) {
	switch {
	case !g.outbound:
		name, system = strings.ReplaceAll(service, "-", "_")+"_clients", service+"-client"
	case g.method.named():
		name, system = g.method.purpose()
	default:
		name, system = strings.ReplaceAll(service, "-", "_")+"_servers", service+"-server"
	}
	if g.why != "" {
		name = "unexplained_" + name
	}
	name = cut(name, maxName)
	v := b.variables[name]
	if v == nil {
		v = &variable{description: "observed; to be described by the vendor", system: system, addrs: map[netip.Addr]bool{}, clients: !g.outbound}
		b.variables[name] = v
	}
	for a := range g.peers {
		v.addrs[a] = true
	}
	return name, system
}

// lookups declares the names that were asked for and never contacted: for look-ups nothing else about them matters.
func (b *builder) lookups() {
	byRole := map[string]*group{}
	for k, t := range b.asked {
		r := b.role(k.client)
		if r == "" || covers(b.names[r], k.name) {
			continue
		}
		g := byRole[r]
		if g == nil {
			g = &group{identity: identity{why: lookedUp}, names: map[string]bool{}, hosts: map[netip.Addr]bool{}}
			byRole[r] = g
		}
		g.join(t)
		g.names[k.name], g.hosts[k.client] = true, true
	}
	for _, r := range sortedKeys(byRole) {
		b.add(manifest.Communication{
			ID: unique(b.ids, cut("unexplained-"+r+"-names", maxName)), Party: manifest.ThirdParty, Operator: "not known", Direction: manifest.Outbound,
			From: manifest.Peer{Role: r}, To: manifest.Peer{Names: foldNames(byRole[r].names)}, Transport: manifest.UDPTCP,
			Ports: []manifest.Port{{First: 53, Last: 53}}, Method: "DNS", Reason: reason,
		}, byRole[r])
	}
}

func (b *builder) finish() *Draft {
	issued := time.Unix(0, b.last).UTC().Truncate(time.Second)
	m := &manifest.Manifest{
		ManifestVersion: manifest.Version, ID: identifier(b.cfg.Product), Serial: 1,
		Publisher: manifest.Publisher{Name: "to be stated", Domain: "vendor.invalid"}, Product: manifest.Product{Name: b.cfg.Product},
		Validity:  manifest.Validity{Issued: issued, NotBefore: time.Unix(0, b.first).UTC().Truncate(time.Second), NotAfter: issued.AddDate(1, 0, 0)},
		Roles:     map[string]manifest.Role{},
		Variables: map[string]manifest.Variable{},
		Features: map[string]manifest.Feature{
			featureCore: {Description: "Everything that was seen and could be explained; to be divided by the vendor", Default: manifest.On},
		},
		Communications: merged(b.comms),
	}
	bound := manifest.Bound{
		Manifest: manifest.ManifestRef{ID: m.ID, MinSerial: 1}, Roles: map[string]manifest.RoleBinding{}, Variables: map[string]manifest.Value{},
		Features: map[string]manifest.Switch{},
	}
	if b.odd > 0 {
		m.Features[featureUnexplained] = manifest.Feature{Description: "What was seen and could not be explained; to be declared or stopped", Default: manifest.Off}
		bound.Features[featureUnexplained] = manifest.Switch{On: true}
	}
	b.hostsOf(m, &bound)
	for _, name := range sortedKeys(b.variables) {
		v := b.variables[name]
		m.Variables[name] = manifest.Variable{Kind: manifest.KindEndpoints, Description: v.description, SystemType: v.system, Required: true}
		bound.Variables[name] = value(foldAddresses(v.addrs, v.clients))
	}
	s := &manifest.Bindings{BindingsVersion: manifest.BindingsVersion, Site: "learnt", Products: []manifest.Bound{bound}}
	for _, p := range b.cfg.Home {
		s.HomeNetworks = append(s.HomeNetworks, manifest.CIDR{Prefix: p.Masked()})
	}
	for _, p := range slices.SortedFunc(keysOf(b.proxies), netip.AddrPort.Compare) {
		s.EgressProxies = append(s.EgressProxies, manifest.Proxy{
			Endpoints: []manifest.Endpoint{host(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))}, Ports: []manifest.Port{{First: p.Port(), Last: p.Port()}},
		})
	}
	if b.dropped > 0 || len(b.unwritable) > 0 {
		m.Extensions = strict.Extensions{"x-unexplained": encoded(struct {
			Dropped uint64   `json:"dropped,omitempty"`
			Names   []string `json:"noManifestCanHold,omitempty"`
		}{b.dropped, sortedKeys(b.unwritable)})}
	}
	return &Draft{Manifest: m, Bindings: s, Hosts: len(b.roles), Unexplained: b.odd, Dropped: b.dropped, Unwritable: len(b.unwritable)}
}

func (b *builder) hostsOf(m *manifest.Manifest, bound *manifest.Bound) {
	byRole := map[string]map[netip.Addr]bool{}
	for a, r := range b.roles {
		if byRole[r] == nil {
			byRole[r] = map[netip.Addr]bool{}
		}
		byRole[r][a] = true
	}
	given := map[string][]netip.Prefix{}
	for _, h := range b.cfg.Hosts {
		given[h.Role] = append(given[h.Role], h.Net)
		if byRole[h.Role] == nil {
			byRole[h.Role] = map[netip.Addr]bool{}
		}
	}
	for _, r := range sortedKeys(byRole) {
		m.Roles[r] = manifest.Role{Description: "observed; to be described by the vendor"}
		nets := given[r]
		if len(b.cfg.Hosts) == 0 {
			nets = foldAddresses(byRole[r], r == roleClient)
		}
		var rb manifest.RoleBinding
		for _, p := range nets {
			rb.Endpoints = append(rb.Endpoints, host(p))
		}
		bound.Roles[r] = rb
	}
}

func keysOf[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// merged puts entries together that differ in TCP and UDP only.
func merged(comms []manifest.Communication) []manifest.Communication {
	var out []manifest.Communication
	at := map[string]int{}
	for _, c := range comms {
		key := ""
		if c.Method == "DNS" || c.Method == "Kerberos" || c.Method == "LDAP" || c.Method == "Syslog" {
			key = fmt.Sprint(c.Direction, c.From.Role, c.From.Variable, c.To.Role, c.To.Variable, c.Ports, c.Method, c.Features)
		}
		i, known := at[key]
		if key == "" || !known || len(c.To.Names)+len(c.To.CIDRs) > 0 || out[i].Transport == c.Transport {
			if key != "" {
				at[key] = len(out)
			}
			out = append(out, c)
			continue
		}
		out[i].Transport = manifest.UDPTCP
		out[i].Extensions["x-evidence-"+string(c.Transport)] = c.Extensions["x-evidence"]
	}
	return out
}

func transport(proto uint8) manifest.Transport {
	for _, t := range []manifest.Transport{manifest.TCP, manifest.UDP, manifest.SCTP, manifest.GRE, manifest.ESP, manifest.AH} {
		if slices.Contains(t.Protocols(), proto) {
			return t
		}
	}
	return manifest.AnyIP
}

// identifier makes a product's URN from its name (RFC 9562, section 5.8).
func identifier(product string) string {
	h := sha256.Sum256([]byte("netsensor learn " + product))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

func host(p netip.Prefix) manifest.Endpoint {
	e, err := manifest.ParseEndpoint(endpointText(p))
	if err != nil {
		panic("learn: " + err.Error()) // the text of a prefix
	}
	return e
}

func endpointText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.Masked().String()
}

func value(list []netip.Prefix) manifest.Value {
	var v manifest.Value
	for _, p := range list {
		v.Items = append(v.Items, manifest.Item{Text: endpointText(p)})
	}
	return v
}
