package packet

// Counts are the counters of a Decoder. The zero value is empty.
type Counts struct {
	// Packets counts the frames, Bytes their lengths on the wire, MaxPacket is the longest.
	Packets, Bytes uint64
	MaxPacket      uint32
	// Invalid counts headers that could not be decoded, TooManyLayers the frames nested too deeply.
	Invalid, TooManyLayers uint64

	Ethernet, Raw, Null, SLL, SLL2, CHDLC, PPP, PPPoE uint64
	// VLAN counts the first tags, VLANQinQ the second and VLANQinQinQ the third ones.
	VLAN, VLANQinQ, VLANQinQinQ                uint64
	MPLS, IEEE8021ah, VNTag, ETag, NSH         uint64
	IPv4, IPv6                                 uint64
	TCP, UDP, SCTP, ICMPv4, ICMPv6, IGMP, ESP  uint64
	GRE, ERSPAN, VXLAN, GENEVE, Teredo         uint64
	IPv4InIPv4, IPv4InIPv6                     uint64
	IPv6InIPv4, IPv6InIPv6                     uint64
	GTP, L2TP, TZSP, OtherTunnel               uint64
	ARP, UnknownEtherType                      uint64
	LLC, STP, LLDP, EAPOL, MACsec              uint64
	WLANManagement, WLANEncrypted, Unsupported uint64

	// Events counts the decoder events, by Event.
	Events [eventCount]uint64
}

// fields lists every plain counter once, for Add.
func (c *Counts) fields() [52]*uint64 {
	return [52]*uint64{
		&c.Packets, &c.Bytes, &c.Invalid, &c.TooManyLayers,
		&c.Ethernet, &c.Raw, &c.Null, &c.SLL, &c.SLL2, &c.CHDLC, &c.PPP, &c.PPPoE,
		&c.VLAN, &c.VLANQinQ, &c.VLANQinQinQ, &c.MPLS, &c.IEEE8021ah, &c.VNTag, &c.ETag, &c.NSH,
		&c.IPv4, &c.IPv6, &c.TCP, &c.UDP, &c.SCTP, &c.ICMPv4, &c.ICMPv6, &c.IGMP, &c.ESP,
		&c.GRE, &c.ERSPAN, &c.VXLAN, &c.GENEVE, &c.Teredo,
		&c.IPv4InIPv4, &c.IPv4InIPv6, &c.IPv6InIPv4, &c.IPv6InIPv6, &c.GTP, &c.L2TP, &c.TZSP, &c.OtherTunnel,
		&c.ARP, &c.UnknownEtherType, &c.LLC, &c.STP, &c.LLDP, &c.EAPOL, &c.MACsec,
		&c.WLANManagement, &c.WLANEncrypted, &c.Unsupported,
	}
}

// Add adds o, the counters of another worker, to c.
func (c *Counts) Add(o *Counts) {
	c.MaxPacket = max(c.MaxPacket, o.MaxPacket)
	from, to := o.fields(), c.fields()
	for i := range to {
		*to[i] += *from[i]
	}
	for i := range c.Events {
		c.Events[i] += o.Events[i]
	}
}

// Walk calls f with each counter that EVE's stats.decoder has a key for, in the order of its schema. Keys are
// dotted below "event": "event.ipv4.trunc_pkt". Events that never happened are left out. What the schema has no
// key for is counted with the nearest one: frames of 802.3, LLDP, EAPOL and MACsec are unknown_ethertype.
func (c *Counts) Walk(f func(key string, value uint64)) {
	f("arp", c.ARP)
	if c.Packets != 0 {
		f("avg_pkt_size", c.Bytes/c.Packets)
	} else {
		f("avg_pkt_size", 0)
	}
	f("bytes", c.Bytes)
	f("chdlc", c.CHDLC)
	f("erspan", c.ERSPAN)
	f("esp", c.ESP)
	f("etag", c.ETag)
	f("ethernet", c.Ethernet)
	for e, n := range c.Events {
		if e := Event(e); n != 0 && e != EventTooManyLayers {
			f(eventKeys[e], n)
		}
	}
	f("geneve", c.GENEVE)
	f("gre", c.GRE)
	f("icmpv4", c.ICMPv4)
	f("icmpv6", c.ICMPv6)
	f("ieee8021ah", c.IEEE8021ah)
	f("igmp", c.IGMP)
	f("invalid", c.Invalid)
	f("ipv4", c.IPv4)
	f("ipv4_in_ipv4", c.IPv4InIPv4)
	f("ipv4_in_ipv6", c.IPv4InIPv6)
	f("ipv6", c.IPv6)
	f("ipv6_in_ipv4", c.IPv6InIPv4)
	f("ipv6_in_ipv6", c.IPv6InIPv6)
	f("max_pkt_size", uint64(c.MaxPacket))
	f("mpls", c.MPLS)
	f("nsh", c.NSH)
	f("null", c.Null)
	f("pkts", c.Packets)
	f("ppp", c.PPP)
	f("pppoe", c.PPPoE)
	f("raw", c.Raw)
	f("sctp", c.SCTP)
	f("sll", c.SLL)
	f("sll2", c.SLL2)
	f("tcp", c.TCP)
	f("teredo", c.Teredo)
	f("too_many_layers", c.TooManyLayers)
	f("udp", c.UDP)
	f("unknown_ethertype", c.UnknownEtherType+c.LLC+c.STP+c.LLDP+c.EAPOL+c.MACsec)
	f("vlan", c.VLAN)
	f("vlan_qinq", c.VLANQinQ)
	f("vlan_qinqinq", c.VLANQinQinQ)
	f("vntag", c.VNTag)
	f("vxlan", c.VXLAN)
}
