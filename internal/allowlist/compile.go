package allowlist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// Site is what a table is compiled from. Every product of the bindings needs its manifest.
type Site struct {
	Bindings  *manifest.Bindings
	Manifests []*manifest.Manifest
}

// Compile builds the table of a site.
func Compile(site Site) (*Table, error) {
	c := compiler{t: &Table{
		macs: map[string][]HostBinding{}, dhcp: map[string][]HostBinding{}, peerMACs: map[string][]uint32{},
		peerDHCP: map[string][]uint32{},
	}}
	b := site.Bindings
	if b == nil {
		b = &manifest.Bindings{}
	}
	c.t.Site = b.Site
	c.home = b.Home()
	for i := range b.Products {
		m, err := pick(site.Manifests, &b.Products[i].Manifest)
		if err != nil {
			return nil, err
		}
		c.product(&b.Products[i], m)
	}
	for _, p := range c.t.Products {
		c.communications(p)
		for i := range p.Bound.Exceptions {
			c.exception(p, &p.Bound.Exceptions[i])
		}
		for i := range b.Exceptions {
			c.exception(p, &b.Exceptions[i])
		}
	}
	if len(c.t.Entries) > maxPosting {
		return nil, fmt.Errorf("%s: %d entries are more than %d", b.File, len(c.t.Entries), maxPosting)
	}
	c.resolvers(b)
	c.finish()
	return c.t, nil
}

// pick returns the manifest that ref means: of several serials the highest.
func pick(manifests []*manifest.Manifest, ref *manifest.ManifestRef) (*manifest.Manifest, error) {
	m := ref.Select(manifests)
	if m == nil {
		return nil, fmt.Errorf("no manifest %s among those given", ref.ID)
	}
	if m.Serial < ref.MinSerial {
		return nil, fmt.Errorf("manifest %s has serial %d, and the bindings want %d or later", ref.ID, m.Serial, ref.MinSerial)
	}
	return m, nil
}

// compiler gathers what the indexes are built from.
type compiler struct {
	t     *Table
	home  []netip.Prefix
	hosts []prefixID
	peers []prefixID
	names []nameID
	roles RoleID
}

func (c *compiler) product(b *manifest.Bound, m *manifest.Manifest) {
	p := &Product{
		Index: len(c.t.Products), Manifest: m, Bound: b, Name: m.Product.Name, PURL: m.Product.PURL,
		Enabled: b.Enabled(m), Mode: b.Policy.Mode, Undecidable: b.Policy.Undecidable,
		Suspend: b.Policy.OnManifestExpiry == manifest.Suspend, roles: map[string]RoleID{},
	}
	if p.PURL != "" && b.InstalledVersion != "" {
		p.PURL += "@" + b.InstalledVersion
	}
	if t := m.Validity.NotBefore; !t.IsZero() {
		p.NotBefore = t.UnixNano()
	}
	if t := m.Validity.NotAfter; !t.IsZero() {
		p.NotAfter = t.UnixNano()
	}
	if s := b.Policy.WarmupSeconds; s != nil {
		p.WarmUp = int64(*s) * 1e9
	}
	p.Fold = 3600 * 1e9
	if s := b.Policy.FoldSeconds; s != nil {
		p.Fold = int64(*s) * 1e9
	}
	if len(m.Artifacts) > 0 {
		p.Artifacts = make(map[string]*manifest.Artifact, len(m.Artifacts))
	}
	for i := range m.Artifacts {
		p.Artifacts[m.Artifacts[i].Hashes.SHA256] = &m.Artifacts[i]
	}
	p.AnyRole = c.roles
	c.roles++
	roles := make([]string, 0, len(b.Roles))
	for role := range b.Roles {
		roles = append(roles, role)
	}
	slices.Sort(roles)
	for _, role := range roles {
		rb := b.Roles[role]
		h := HostBinding{Product: p, Role: role, ID: c.roles, VLANs: rb.VLANs}
		p.roles[role] = c.roles
		c.roles++
		id := uint32(len(c.t.bindings))
		c.t.bindings = append(c.t.bindings, h)
		if len(rb.Endpoints) == 0 && len(rb.VLANs) > 0 {
			for _, h := range c.home {
				c.hosts = append(c.hosts, prefixID{h, id})
			}
		}
		for _, e := range rb.Endpoints {
			switch e.Kind {
			case manifest.Network:
				for _, prefix := range e.Prefixes() {
					c.hosts = append(c.hosts, prefixID{prefix, id})
				}
			case manifest.MAC:
				c.t.macs[e.Text] = append(c.t.macs[e.Text], h)
			case manifest.DHCPName:
				c.t.dhcp[e.Text] = append(c.t.dhcp[e.Text], h)
			}
		}
	}
	c.t.Products = append(c.t.Products, p)
}

func (c *compiler) communications(p *Product) {
	for i := range p.Manifest.Communications {
		comm := &p.Manifest.Communications[i]
		e := Entry{
			Product: p, ID: comm.ID, Comm: comm, Transports: transports(comm.Transport), Method: strings.ToLower(comm.Method),
			Off: len(comm.Features) > 0 && !slices.ContainsFunc(comm.Features, func(f string) bool { return p.Enabled[f] }),
		}
		e.Ports, e.Unbound = c.ports(p, comm.Ports)
		// From initiates; with Both, either end may. A role at both ends gives an entry for each.
		both := comm.Direction == manifest.Both
		if comm.From.Role != "" {
			c.peer(e, comm.From.Role, true, &comm.To, comm.Party)
			if both {
				c.peer(e, comm.From.Role, false, &comm.To, comm.Party)
			}
		}
		if comm.To.Role != "" && !(both && comm.To.Role == comm.From.Role) {
			c.peer(e, comm.To.Role, false, &comm.From, comm.Party)
			if both {
				c.peer(e, comm.To.Role, true, &comm.From, comm.Party)
			}
		}
	}
}

// peer adds the entry e as it is seen by the hosts of role, with the other end peer.
func (c *compiler) peer(e Entry, role string, outbound bool, peer *manifest.Peer, party manifest.PartyKind) {
	id, ok := e.Product.roles[role]
	if !ok {
		return // nothing at this site plays it
	}
	e.Role, e.Outbound, e.Internal = id, outbound, party == manifest.Customer
	eid := uint32(len(c.t.Entries))
	b, m := e.Product.Bound, e.Product.Manifest
	switch {
	case peer.Role != "":
		e.AddressCounts = true
		c.role(&e, eid, b, peer.Role)
	case peer.Variable != "":
		items := values(b, m, peer.Variable)
		if len(items) == 0 {
			e.Unbound = peer.Variable
			break
		}
		for _, item := range items {
			if m.Variables[peer.Variable].Kind == manifest.KindDNSName {
				c.name(&e, eid, manifest.Name{Exact: item.Text})
				continue
			}
			if endpoint, err := manifest.ParseEndpoint(item.Text); err == nil {
				c.endpoint(&e, eid, endpoint)
			}
		}
	default:
		e.AddressCounts = len(peer.CIDRs) > 0 && (peer.Hosting == manifest.Dedicated || peer.Hosting == "")
		for _, cidr := range peer.CIDRs {
			c.peers = append(c.peers, prefixID{cidr.Prefix, eid})
		}
		c.peerNames(&e, eid, peer.Names)
	}
	c.t.Entries = append(c.t.Entries, e)
}

func (c *compiler) peerNames(e *Entry, eid uint32, names []manifest.Name) {
	e.Named = e.Named || len(names) > 0
	for i := range names {
		if !strings.Contains(names[i].Text(), "${") {
			c.name(e, eid, names[i])
			continue
		}
		expanded := e.Product.Bound.Expand(e.Product.Manifest, names[i])
		if len(expanded) == 0 && len(names) == 1 {
			_, after, _ := strings.Cut(names[i].Text(), "${")
			e.Unbound, _, _ = strings.Cut(after, "}")
		}
		for _, n := range expanded {
			c.name(e, eid, n)
		}
	}
}

func (c *compiler) name(e *Entry, eid uint32, n manifest.Name) {
	e.Named = true
	cover := coversSelf
	if n.Suffix != "" {
		cover = coversOne
		if n.Depth == manifest.DepthAny {
			cover |= coversMore
		}
		if n.Apex {
			cover |= coversSelf
		}
	}
	c.names = append(c.names, newNameID(n.Text(), eid, cover))
}

func (c *compiler) endpoint(e *Entry, eid uint32, p manifest.Endpoint) {
	switch p.Kind {
	case manifest.Network:
		e.AddressCounts = true
		for _, prefix := range p.Prefixes() {
			c.peers = append(c.peers, prefixID{prefix, eid})
		}
	case manifest.MAC:
		e.AddressCounts = true
		c.t.peerMACs[p.Text] = append(c.t.peerMACs[p.Text], eid)
	case manifest.DHCPName:
		e.AddressCounts = true
		c.t.peerDHCP[p.Text] = append(c.t.peerDHCP[p.Text], eid)
	case manifest.DNSName:
		n := manifest.Name{Exact: p.Text}
		if suffix, ok := strings.CutPrefix(p.Text, "*."); ok {
			n = manifest.Name{Suffix: suffix, Depth: manifest.DepthAny}
		}
		c.name(e, eid, n)
	}
}

// role lets all hosts of a role be the other end of entry eid.
func (c *compiler) role(e *Entry, eid uint32, b *manifest.Bound, role string) {
	rb := b.Roles[role]
	for _, endpoint := range rb.Endpoints {
		c.endpoint(e, eid, endpoint)
	}
	if len(rb.Endpoints) == 0 && len(rb.VLANs) > 0 {
		for _, h := range c.home {
			c.peers = append(c.peers, prefixID{h, eid})
		}
	}
}

func (c *compiler) ports(p *Product, ports []manifest.Port) (ranges []PortRange, unbound string) {
	for _, port := range ports {
		if port.Variable == "" {
			ranges = append(ranges, PortRange{port.First, port.Last})
			continue
		}
		items := values(p.Bound, p.Manifest, port.Variable)
		if len(items) == 0 {
			unbound = port.Variable
		}
		for _, item := range items {
			if r, err := parsePorts(item.Text); err == nil {
				ranges = append(ranges, r)
			}
		}
	}
	if unbound != "" && len(ranges) > 0 {
		unbound = ""
	}
	return ranges, unbound
}

func transports(t manifest.Transport) Transports {
	switch t {
	case manifest.TCP:
		return TCP
	case manifest.UDP:
		return UDP
	case manifest.UDPTCP, "":
		return TCP | UDP
	case manifest.SCTP:
		return SCTP
	case manifest.ICMP:
		return ICMP
	case manifest.IGMP:
		return IGMP
	case manifest.GRE:
		return GRE
	case manifest.ESP:
		return ESP
	case manifest.AH:
		return AH
	case manifest.AnyIP:
		return AnyTransport
	}
	return 0
}

// resolvers notes what the site says about its proxies and encrypted resolvers.
func (c *compiler) resolvers(b *manifest.Bindings) {
	var proxies, doh []prefixID
	var proxyNames, dohNames []nameID
	add := func(prefixes *[]prefixID, names *[]nameID, id uint32, endpoints []manifest.Endpoint) {
		for _, e := range endpoints {
			switch e.Kind {
			case manifest.Network:
				for _, p := range e.Prefixes() {
					*prefixes = append(*prefixes, prefixID{p, id})
				}
			case manifest.DNSName:
				if suffix, ok := strings.CutPrefix(e.Text, "*."); ok {
					*names = append(*names, newNameID(suffix, id, coversOne|coversMore))
				} else {
					*names = append(*names, newNameID(e.Text, id, coversSelf))
				}
			}
		}
	}
	for i, p := range b.EgressProxies {
		add(&proxies, &proxyNames, uint32(i), p.Endpoints)
		var ranges []PortRange
		for _, port := range p.Ports {
			ranges = append(ranges, PortRange{port.First, port.Last})
		}
		c.t.proxyList = append(c.t.proxyList, ranges)
	}
	add(&doh, &dohNames, 0, b.DoHResolvers)
	c.t.proxies, c.t.proxyName = newAddressIndex(proxies), newDomainIndex(proxyNames)
	c.t.doh, c.t.dohName = newAddressIndex(doh), newDomainIndex(dohNames)
}

func (c *compiler) finish() {
	t := c.t
	t.peers, t.names = newAddressIndex(c.peers), newDomainIndex(c.names)
	t.hosts = newAddressIndex(c.hosts)
	t.hostLists = make([][]HostBinding, len(t.hosts.nodes))
	for n := 1; n < len(t.hosts.nodes); n++ {
		node := t.hosts.nodes[n]
		// A parent is made before its children: its list is complete.
		list := make([]HostBinding, 0, int(node.end-node.begin)+len(t.hostLists[node.parent]))
		for _, id := range t.hosts.ids[node.begin:node.end] {
			list = append(list, t.bindings[id])
		}
		for _, h := range t.hostLists[node.parent] {
			if !slices.ContainsFunc(list, func(l HostBinding) bool { return l.ID == h.ID }) {
				list = append(list, h)
			}
		}
		t.hostLists[n] = list
	}
	home := make([]prefixID, len(c.home))
	for i, p := range c.home {
		home[i] = prefixID{p, 0}
	}
	t.home = newAddressIndex(home)
	t.byRole = make([][]uint32, c.roles)
	for i := range t.Entries {
		r := t.Entries[i].Role
		t.byRole[r] = append(t.byRole[r], uint32(i))
	}
}
