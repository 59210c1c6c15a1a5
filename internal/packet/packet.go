// Package packet decodes frames: link layer, tunnels, IP, transport. It owns the Packet that the flow table works
// on, and puts IP fragments together. It knows no files, flows or protocols above the transport.
package packet

import "net/netip"

// LinkType is a pcap link type (LINKTYPE_…, as registered by the tcpdump group).
type LinkType uint32

// IP protocol numbers that get more than a count.
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
	ProtoSCTP   = 132
)

// TCP flags, as on the wire.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Endpoint addresses are kept as 16 bytes, IPv4 in its IPv4-mapped form, because fixed arrays compare and hash
// faster than netip.Addr and hold no pointer.
type Address [16]byte

// Addr returns a as a netip.Addr, IPv4 unmapped.
func (a *Address) Addr() netip.Addr { return netip.AddrFrom16(*a).Unmap() }

// Packet is one decoded packet: the innermost IP packet of a frame. Only Payload points anywhere.
type Packet struct {
	// Num is the packet's number within the whole run, from 1; Count its number within its capture file.
	Num, Count uint64
	// Time is the capture time in ns since the Unix epoch.
	Time int64
	// Src, Dst and the ports are the innermost ones. For ICMP the ports hold type and code.
	Src, Dst         Address
	SrcPort, DstPort uint16
	// Version is 4 or 6, 0 when no IP layer was found. Proto is the IP protocol (after IPv6 extension headers).
	Version, Proto uint8
	TTL            uint8
	// Flags, Seq, Ack, Window and Options are valid iff Proto is TCP and Ports is true.
	Flags    uint8
	Seq, Ack uint32
	Window   uint16
	Urgent   uint16
	// Ports says that the transport header was whole and the ports are valid.
	Ports bool
	// BadChecksum says that a checksum (IP header, TCP, UDP) is wrong although the whole packet was captured. Set only when asked for.
	BadChecksum bool
	// Cut says that the payload is shorter than the headers say: snapped or truncated. Missing is by how many bytes.
	Cut     bool
	Missing uint32
	// Payload is the transport payload (UDP: bounded by the UDP length; without link padding), lent.
	Payload []byte
	// WireLen is the length of the frame on the wire, IPLen that of the innermost IP packet by its header.
	WireLen, IPLen uint32
	// VLANs holds the 802.1Q/ad tags outside in, VLANCount how many were seen (counts beyond three are not kept).
	VLANs     [3]uint16
	VLANCount uint8
	// Iface is the capture interface's index in its source.
	Iface          uint16
	SrcMAC, DstMAC [6]byte
	HasMAC         bool
	// Tunnel describes the outermost tunnel; Tunnel.Depth is 0 when there is none.
	Tunnel Tunnel
	// Events are the decoder's complaints about this packet, EventCount how many are valid.
	Events     [4]Event
	EventCount uint8
}

// TunnelKind names an encapsulation.
type TunnelKind uint8

// Tunnel is the encapsulation of a packet: the outermost IP header's endpoints and the identifier.
type Tunnel struct {
	Kind             TunnelKind
	Depth            uint8
	Proto            uint8 // IP protocol of the outer packet
	Src, Dst         Address
	SrcPort, DstPort uint16
	// ID is the innermost VNI, GRE key, ERSPAN session, GTP TEID …; HasID says whether there is one.
	ID    uint32
	HasID bool
}

// Event is a decoder event: Suricata's name for it where it has one.
type Event uint16
