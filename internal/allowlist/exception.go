package allowlist

import (
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// exception adds what the customer accepts. It is seen from the hosts of the product at either end: a role, or all
// roles restricted to the hosts that are named.
func (c *compiler) exception(p *Product, x *manifest.Exception) {
	e := Entry{
		Product: p, ID: x.ID, Exception: x, Transports: transports(x.Transport), Method: strings.ToLower(x.Method), Internal: true,
	}
	if !x.Expires.IsZero() {
		e.Expires = x.Expires.UnixNano()
	}
	e.Ports, e.Unbound = c.ports(p, x.Ports)
	c.party(e, &x.From, &x.To, true)
	c.party(e, &x.To, &x.From, false)
}

func (c *compiler) party(e Entry, local, remote *manifest.Party, outbound bool) {
	p := e.Product
	e.Outbound = outbound
	switch {
	case local.Role != "":
		id, ok := p.roles[local.Role]
		if !ok {
			return
		}
		e.Role = id
	default:
		e.Role = p.AnyRole
		for _, endpoint := range c.endpoints(p, local) {
			for _, prefix := range endpoint.Prefixes() {
				if slices.ContainsFunc(c.hosts, func(h prefixID) bool { return h.prefix.Overlaps(prefix) }) {
					e.Local = append(e.Local, prefix)
				}
			}
		}
		if len(e.Local) == 0 {
			return // no host of the site can be this end
		}
	}
	eid := uint32(len(c.t.Entries))
	switch {
	case remote.Role != "":
		e.AddressCounts = true
		c.role(&e, eid, p.Bound, remote.Role)
	default:
		if remote.Variable != "" && len(values(p.Bound, p.Manifest, remote.Variable)) == 0 {
			e.Unbound = remote.Variable
		}
		for _, endpoint := range c.endpoints(p, remote) {
			c.endpoint(&e, eid, endpoint)
		}
		c.peerNames(&e, eid, remote.Names)
	}
	c.t.Entries = append(c.t.Entries, e)
}

// endpoints returns what a party names by address, by its variable or itself.
func (c *compiler) endpoints(p *Product, party *manifest.Party) []manifest.Endpoint {
	if party.Variable == "" {
		return party.Endpoints
	}
	var endpoints []manifest.Endpoint
	for _, item := range values(p.Bound, p.Manifest, party.Variable) {
		if e, err := manifest.ParseEndpoint(item.Text); err == nil {
			endpoints = append(endpoints, e)
		}
	}
	return endpoints
}
