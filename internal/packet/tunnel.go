package packet

// TunnelKind names an encapsulation.
type TunnelKind uint8

// The encapsulations that are looked into.
const (
	TunnelNone TunnelKind = iota
	TunnelGRE
	TunnelERSPAN
	TunnelIPv4 // any IP in IPv4 (protocol 4 or 41)
	TunnelIPv6 // any IP in IPv6
	TunnelTeredo
	TunnelVXLAN
	TunnelGENEVE
	TunnelGTP
	TunnelL2TP
	TunnelMPLS // MPLS in IP or in UDP
	TunnelEtherIP
	TunnelTZSP
	TunnelGUE
	TunnelPIM
	TunnelCAPWAP
	TunnelAYIYA
)

// pktSrc are the words that EVE's pkt_src uses; from GTP on they are formed alike, Suricata knows no such tunnels.
var pktSrc = [...]string{
	TunnelNone:    "wire/pcap",
	TunnelGRE:     "gre tunnel",
	TunnelERSPAN:  "gre tunnel",
	TunnelIPv4:    "ipv4 tunnel",
	TunnelIPv6:    "ipv6 tunnel",
	TunnelTeredo:  "teredo tunnel",
	TunnelVXLAN:   "vxlan encapsulation",
	TunnelGENEVE:  "geneve encapsulation",
	TunnelGTP:     "gtp tunnel",
	TunnelL2TP:    "l2tp tunnel",
	TunnelMPLS:    "mpls tunnel",
	TunnelEtherIP: "etherip tunnel",
	TunnelTZSP:    "tzsp encapsulation",
	TunnelGUE:     "gue tunnel",
	TunnelPIM:     "pim tunnel",
	TunnelCAPWAP:  "capwap tunnel",
	TunnelAYIYA:   "ayiya tunnel",
}

// PktSrc returns the value of EVE's pkt_src for a packet out of such a tunnel: "vxlan encapsulation"; "wire/pcap"
// for TunnelNone.
func (k TunnelKind) PktSrc() string {
	if int(k) >= len(pktSrc) {
		return pktSrc[TunnelNone]
	}
	return pktSrc[k]
}

// PktSrc returns the value of EVE's pkt_src for p: a reassembled datagram comes from "defrag".
func (p *Packet) PktSrc() string {
	if p.Reassembled != 0 && p.Tunnel.Depth == 0 {
		return "defrag"
	}
	return p.Tunnel.Kind.PktSrc()
}
