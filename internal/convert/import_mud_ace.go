package convert

import (
	"net/netip"
	"net/url"
	"strconv"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// mudMatches reads what an entry asks of packets. All of it must hold.
type mudMatches struct {
	*draft
	rule      *mudRule
	whole     string
	protocol  int // of the IP header, -1 for none
	hasProto  bool
	hosts     hosts
	names     int
	networks  int
	classes   []mudClass
	ethernet  bool
	hasIP     bool
	icmpType  string
	unmatched bool // a name or an address has been lost
}

// mudClass is one of the systems that RFC 8520, section 8, leaves to the site.
type mudClass struct {
	node        *node
	name, value string
}

// drop loses the whole entry.
func (c *mudMatches) drop(at *node, why string, args ...any) bool {
	c.lose(at.spot(), c.whole, why+"; left out", args...)
	return false
}

// container reads one member of "matches". False: the entry is lost.
func (c *mudMatches) container(m *node) bool {
	switch localName(m.name) {
	case "ipv4", "ipv4-acl", "ipv6", "ipv6-acl":
		c.hasIP = true
		return c.isObject(m) && c.ip(m)
	case "tcp", "tcp-acl":
		return c.isObject(m) && c.proto(m, 6) && c.ports(m)
	case "udp", "udp-acl":
		return c.isObject(m) && c.proto(m, 17) && c.ports(m)
	case "icmp", "icmp-acl":
		if !c.isObject(m) {
			return false
		}
		if !c.hasProto && !c.proto(m, 1) {
			return false
		}
		c.icmpType = c.draft.scalar(m, "type")
		c.lose(m.spot(), c.whole+": ICMP type "+strict.Quote(c.icmpType), "a manifest does not tell types of ICMP; all are allowed")
		return true
	case "eth", "eth-acl":
		c.ethernet = true
		if !c.isObject(m) {
			return false
		}
		for _, f := range m.items {
			if localName(f.name) != "ethertype" {
				c.lose(f.spot(), c.whole+": "+f.name+" "+strict.Quote(f.str()), "a manifest knows no Ethernet addresses; the rest of the entry holds for all")
			}
		}
		return true
	case "mud", "mud-acl":
		if !c.isObject(m) {
			return false
		}
		for _, f := range m.items {
			if !c.class(f) {
				return false
			}
		}
		return true
	case "client-profiles", "client-profile":
		return c.isObject(m) && c.profiles(m)
	case "actions":
		return true
	case "controller", "my-controller", "local-networks", "manufacturer", "same-manufacturer", "model", "direction-initiated":
		return c.class(m)
	}
	return c.drop(m, "it asks for %s, which is not known", strict.Quote(m.name))
}

// scalar returns a member as text, whatever scalar it is.
func (d *draft) scalar(n *node, name string) string { return n.member(name).str() }

// proto notes the protocol inside IP.
func (c *mudMatches) proto(at *node, p int) bool {
	if c.hasProto && c.protocol != p {
		return c.drop(at, "it asks for two protocols at once")
	}
	c.protocol, c.hasProto = p, true
	return true
}

func (c *mudMatches) ip(m *node) bool {
	mine := map[bool][3]string{true: {"source-ipv4-network", "source-ipv6-network", "src-dnsname"}, false: {"destination-ipv4-network", "destination-ipv6-network", "dst-dnsname"}}[c.rule.from]
	for _, f := range m.items {
		switch name := localName(f.name); name {
		case "protocol":
			p, err := strconv.ParseUint(f.str(), 10, 8)
			if err != nil {
				return c.drop(f, "%s is not the number of a protocol", strict.Quote(f.str()))
			}
			if !c.proto(f, int(p)) {
				return false
			}
		case mine[0], mine[1], mine[2]:
			c.lose(f.spot(), c.whole+": "+name+" "+strict.Quote(f.str()), "a manifest does not restrict the device's own address")
		case "dst-dnsname", "src-dnsname":
			c.names++
			// inet:host: a name or an address, no wildcards.
			if _, err := netip.ParseAddr(f.str()); err == nil {
				c.unmatched = !c.prefix(f.spot(), f.str(), &c.hosts) || c.unmatched
			} else {
				c.unmatched = !c.name(f.spot(), f.str(), &c.hosts) || c.unmatched
			}
		case "destination-ipv4-network", "destination-ipv6-network", "source-ipv4-network", "source-ipv6-network":
			c.networks++
			c.unmatched = !c.prefix(f.spot(), f.str(), &c.hosts) || c.unmatched
		case "dscp", "ecn", "length", "ttl", "flags", "ihl", "offset", "identification", "flow-label", "fragment":
			c.lose(f.spot(), c.whole+": "+name, "a manifest does not restrict it; the rest of the entry holds")
		default:
			return c.drop(f, "it asks for %s, which is not known", strict.Quote(f.name))
		}
	}
	return true
}

func (c *mudMatches) ports(m *node) bool {
	for _, f := range m.items {
		switch name := localName(f.name); name {
		case "source-port", "destination-port":
			p, ok := c.port(f)
			if !ok {
				return false
			}
			if (name == "source-port") == c.rule.from {
				c.rule.local = p
			} else {
				c.rule.remote = p
			}
		case "direction-initiated":
			if !c.class(f) {
				return false
			}
		case "sequence-number", "acknowledgement-number", "data-offset", "reserved", "flags", "window-size", "urgent-pointer", "options", "length":
			c.lose(f.spot(), c.whole+": "+name, "a manifest does not restrict it; the rest of the entry holds")
		default:
			return c.drop(f, "it asks for %s, which is not known", strict.Quote(f.name))
		}
	}
	return true
}

// port reads RFC 8519's port-range-or-operator. Ranges without an operator occur.
func (c *mudMatches) port(f *node) (manifest.Port, bool) {
	if f.kind == number || f.kind == text {
		p, ok := parsePorts(f.text)
		return p, ok || c.drop(f, "%s is not a port", strict.Quote(f.text))
	}
	if !c.isObject(f) {
		return manifest.Port{}, false
	}
	low, high := c.scalar(f, "lower-port"), c.scalar(f, "upper-port")
	operator := c.scalar(f, "operator")
	switch one := c.scalar(f, "port"); operator {
	case "eq":
		low, high = one, one
	case "gte":
		low, high = one, "65535"
	case "lte":
		low, high = "1", one
	case "neq":
		return manifest.Port{}, c.drop(f, "it asks for all ports but one")
	case "", "range":
		if one != "" {
			low, high = one, one
		}
	default:
		return manifest.Port{}, c.drop(f, "%s is not an operator", strict.Quote(operator))
	}
	if low == "0" && high != "0" {
		c.lose(f.spot(), c.whole+": port 0", "a manifest knows ports from 1 on")
		low = "1"
	}
	p, ok := parsePorts(low + "-" + high)
	return p, ok || c.drop(f, "%s to %s are not ports", strict.Quote(low), strict.Quote(high))
}

func (c *mudMatches) class(f *node) bool {
	switch name := localName(f.name); name {
	case "direction-initiated":
		switch f.str() {
		case "from-device":
			c.rule.device = true
		case "to-device":
			c.rule.other = true
		default:
			return c.drop(f, "%s is not a direction", strict.Quote(f.str()))
		}
	case "controller", "manufacturer", "model":
		if n := len(f.str()); n == 0 || n > 2000 {
			return c.drop(f, "%s wants a value of 1 to 2000 bytes", name)
		}
		c.classes = append(c.classes, mudClass{f, name, f.str()})
	case "my-controller", "local-networks", "same-manufacturer":
		c.classes = append(c.classes, mudClass{f, name, ""})
	default:
		return c.drop(f, "it asks for %s, which is not known", strict.Quote(f.name))
	}
	return true
}

// settle draws the conclusions.
func (c *mudMatches) settle() bool {
	r, at := c.rule, c.rule.node
	if c.ethernet && !c.hasIP && !c.hasProto {
		return c.drop(at, "it is about Ethernet and not about IP, which alone is judged")
	}
	if c.hasProto {
		switch c.protocol {
		case 6:
			r.transport = manifest.TCP
		case 17:
			r.transport = manifest.UDP
		case 132:
			r.transport = manifest.SCTP
		case 1, 58:
			r.transport = manifest.ICMP
		case 2:
			r.transport = manifest.IGMP
		case 47:
			r.transport = manifest.GRE
		case 50:
			r.transport = manifest.ESP
		case 51:
			r.transport = manifest.AH
		default:
			return c.drop(at, "IP protocol %d has no word in a manifest", c.protocol)
		}
	}
	if r.transport == manifest.ICMP {
		// The answer to an echo belongs to the conversation of who has asked: RFC 792, RFC 4443.
		answer := c.icmpType == "0" || c.icmpType == "129"
		r.device, r.other = r.from != answer, r.from == answer
	}
	switch {
	case r.method == "TLS" && r.transport == manifest.UDP:
		r.method = "QUIC" // TLS 1.3 without datagrams of its own
	case r.method == "DTLS" && r.transport == manifest.TCP, r.method != "" && r.transport != manifest.AnyIP && !r.transport.HasPorts():
		c.lose(at.spot(), c.whole+": a profile of "+r.method, "%s does not carry it", r.transport)
		r.method, r.tls = "", nil
	}
	if c.unmatched {
		return false // the loss of the name or address has been noted
	}
	if c.names > 0 && c.networks > 0 || c.networks > 1 {
		c.lose(at.spot(), c.whole+": several names and networks at once", "a manifest takes names and addresses as alternatives; one is kept")
		if len(c.hosts.names) > 0 {
			c.hosts.prefixes = nil
		} else {
			c.hosts.prefixes = c.hosts.prefixes[:1]
		}
	}
	return c.other()
}

// other says who is at the other end.
func (c *mudMatches) other() bool {
	r, at := c.rule, c.rule.node
	if !c.hosts.empty() {
		local := len(c.hosts.prefixes) > 0 && isLocal(c.hosts.prefixes[0])
		for _, k := range c.classes {
			if k.name != "local-networks" || !local {
				c.lose(k.node.spot(), c.whole+": "+k.name, "a manifest has either a class or names and addresses; these are kept")
			}
		}
		r.peer, r.party = c.hosts.peer(), manifest.ThirdParty
		if local {
			r.party = manifest.Customer
		}
		for _, n := range r.peer.Names {
			r.peerKey += " " + n.Exact
		}
		for _, p := range r.peer.CIDRs {
			r.peerKey += " " + p.String()
		}
		r.named = len(r.peer.Names) > 0
		return true
	}
	if len(c.classes) == 0 {
		return c.drop(at, "it allows any host")
	}
	k := c.classes[0]
	for _, o := range c.classes[1:] {
		// Every other class is narrower than all of the local networks.
		if k.name == "local-networks" {
			k, o = o, k
		}
		c.lose(o.node.spot(), c.whole+": "+o.name, "a manifest has one class of systems for an entry; %q is kept", k.name)
	}
	v, words := mudVariable(k)
	r.party, r.systemType, r.named = manifest.Customer, v.SystemType, true
	if k.name == "manufacturer" || k.name == "same-manufacturer" || k.name == "model" {
		r.systemType = "device"
	}
	origin := map[string]string{"class": k.name}
	if k.value != "" {
		origin["value"] = k.value
	}
	r.peer = manifest.Peer{Variable: c.variable(k.node.spot(), words, v, origin)}
	r.peerKey = "${" + r.peer.Variable
	return true
}

// mudVariable returns what the customer has to name for a class (RFC 8520, section 8).
func mudVariable(k mudClass) (v manifest.Variable, words string) {
	v.Kind = manifest.KindEndpoints
	switch k.name {
	case "local-networks":
		v.Kind, v.SystemType, v.Description = manifest.KindCIDRs, "local-network", "The local networks of the device"
		return v, "local_networks"
	case "my-controller":
		v.SystemType, v.Description = "controller", "The systems that control devices of this kind"
		return v, "my_controller"
	case "same-manufacturer":
		v.SystemType, v.Description = "device", "Devices of the same manufacturer"
		return v, "same_manufacturer"
	case "manufacturer":
		v.SystemType, v.Description = "device", "Devices whose manufacturer is "+clip(k.value)
		return v, "manufacturer_" + k.value
	case "model":
		v.SystemType, v.Description = "device", "Devices of the model "+clip(k.value)
		return v, "model_" + withoutScheme(k.value)
	}
	switch k.value {
	case "urn:ietf:params:mud:dns":
		v.SystemType, v.Description = "dns-resolver", "The resolvers of the site"
		return v, "dns_resolvers"
	case "urn:ietf:params:mud:ntp":
		v.SystemType, v.Description = "ntp-server", "The time servers of the site"
		return v, "ntp_servers"
	case "urn:ietf:params:mud:gateway": // of mudgee, not registered
		v.SystemType, v.Description = "gateway", "The router of the device's network"
		return v, "gateway"
	}
	v.SystemType, v.Description = "controller", "The controllers that are meant by "+clip(k.value)
	return v, "controller_" + withoutScheme(k.value)
}

func withoutScheme(s string) string {
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		return u.Host + u.Path
	}
	return s
}
