package eve

import "net/netip"

// Header is what events have in common: when, where in the capture, and which conversation.
type Header struct {
	Time   int64 // ns since the Unix epoch
	FlowID uint64
	Iface  string
	// PcapFile and PcapCnt name the packet; empty and 0 where there is none.
	PcapFile         string
	PcapCnt          uint64
	VLAN             [2]uint16
	VLANCount        uint8
	Version          uint8 // of IP, 0 for none
	Proto            uint8
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16 // ICMP: type and code
	PktSrc           string // empty means "wire/pcap"
	// CommunityID is what AppendCommunityID wrote, or empty.
	CommunityID []byte
	Tunnel      Tunnel
}

// Tunnel is the outermost encapsulation; Depth 0 means none.
type Tunnel struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Proto            uint8
	Depth            uint8
}

// Begin starts an event of type event on dst and returns the open root object.
func (h *Header) Begin(dst []byte, event string, o *Options) Object {
	b := append(dst, `{"timestamp":"`...)
	b = o.AppendTime(b, h.Time)
	b = append(b, `","flow_id":`...)
	b = AppendUint(b, h.FlowID)
	if h.Iface != "" {
		b = append(b, `,"in_iface":`...)
		b = AppendString(b, h.Iface)
	}
	if h.PcapCnt != 0 {
		b = append(b, `,"pcap_cnt":`...)
		b = AppendUint(b, h.PcapCnt)
	}
	b = append(b, `,"event_type":"`...)
	b = append(b, event...)
	b = append(b, '"')
	if h.VLANCount > 0 {
		b = append(b, `,"vlan":[`...)
		b = AppendUint(b, uint64(h.VLAN[0]))
		if h.VLANCount > 1 {
			b = append(b, ',')
			b = AppendUint(b, uint64(h.VLAN[1]))
		}
		b = append(b, ']')
	}
	icmp := h.Proto == 1 || h.Proto == 58
	b = append(b, `,"src_ip":"`...)
	b = o.AppendAddr(b, h.Src)
	ports := h.Proto == 6 || h.Proto == 17 || h.Proto == 132
	if ports {
		b = append(b, `","src_port":`...)
		b = AppendUint(b, uint64(h.SrcPort))
		b = append(b, `,"dest_ip":"`...)
	} else {
		b = append(b, `","dest_ip":"`...)
	}
	b = o.AppendAddr(b, h.Dst)
	b = append(b, '"')
	if ports {
		b = append(b, `,"dest_port":`...)
		b = AppendUint(b, uint64(h.DstPort))
	}
	b = append(b, `,"proto":"`...)
	b = AppendProto(b, h.Proto)
	b = append(b, '"')
	if icmp {
		b = append(b, `,"icmp_type":`...)
		b = AppendUint(b, uint64(h.SrcPort))
		b = append(b, `,"icmp_code":`...)
		b = AppendUint(b, uint64(h.DstPort))
	}
	if h.Version != 0 {
		b = append(b, `,"ip_v":`...)
		b = AppendUint(b, uint64(h.Version))
	}
	b = append(b, `,"pkt_src":"`...)
	if h.PktSrc == "" {
		b = append(b, `wire/pcap"`...)
	} else {
		b = append(b, h.PktSrc...)
		b = append(b, '"')
	}
	if len(h.CommunityID) > 0 {
		b = append(b, `,"community_id":"`...)
		b = append(b, h.CommunityID...)
		b = append(b, '"')
	}
	obj := Object{B: b, Opts: o, more: true}
	if h.Tunnel.Depth > 0 {
		t := obj.Begin("tunnel")
		t.Addr("src_ip", h.Tunnel.Src)
		t.Uint("src_port", uint64(h.Tunnel.SrcPort))
		t.Addr("dest_ip", h.Tunnel.Dst)
		t.Uint("dest_port", uint64(h.Tunnel.DstPort))
		t.Key("proto")
		t.B = append(t.B, '"')
		t.B = AppendProto(t.B, h.Tunnel.Proto)
		t.B = append(t.B, '"')
		t.Uint("depth", uint64(h.Tunnel.Depth))
		obj.End(t)
	}
	return obj
}

// BeginPacket is Begin for an event that belongs to a packet and to no flow.
func (h *Header) BeginPacket(dst []byte, event string, o *Options) Object {
	obj := Open(dst, o)
	obj.Time("timestamp", h.Time)
	if h.PcapCnt != 0 {
		obj.Uint("pcap_cnt", h.PcapCnt)
	}
	obj.Str("event_type", event)
	if h.Version == 0 {
		return obj
	}
	obj.Addr("src_ip", h.Src)
	obj.Addr("dest_ip", h.Dst)
	obj.Key("proto")
	obj.B = append(obj.B, '"')
	obj.B = AppendProto(obj.B, h.Proto)
	obj.B = append(obj.B, '"')
	return obj
}

// Finish closes an event that Begin opened: the capture's name, the brace and the line end.
func (h *Header) Finish(o *Object) []byte {
	o.StrIf("pcap_filename", h.PcapFile)
	return append(o.B, '}', '\n')
}

// Section appends members that a Detail wrote; nothing if they are empty.
func (o *Object) Section(members []byte) {
	if len(members) == 0 {
		return
	}
	if o.more {
		o.B = append(o.B, ',')
	}
	o.more = true
	o.B = append(o.B, members...)
}

var protoNames = [256]string{1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 33: "DCCP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH", 58: "IPv6-ICMP", 89: "OSPFIGP", 94: "IPIP", 103: "PIM", 112: "VRRP", 115: "L2TP", 132: "SCTP"}

// AppendProto appends EVE's name of an IP protocol; Suricata writes those without a name as three digits.
func AppendProto(dst []byte, p uint8) []byte {
	if n := protoNames[p]; n != "" {
		return append(dst, n...)
	}
	return appendPadded(dst, int(p), 3)
}
