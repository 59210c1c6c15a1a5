// Package packet decodes frames: link layer, tunnels, IP, transport. It owns the Packet that the flow table works
// on, and puts IP fragments together. It knows no files, flows or protocols above the transport.
package packet

import (
	"encoding/binary"
	"net/netip"
)

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

// AddressFrom returns addr as an Address; IPv6 zones are dropped. The invalid netip.Addr gives the zero Address.
func AddressFrom(addr netip.Addr) Address {
	if !addr.IsValid() {
		return Address{}
	}
	return addr.As16()
}

// Addr returns a as a netip.Addr, IPv4 unmapped.
func (a *Address) Addr() netip.Addr { return netip.AddrFrom16(*a).Unmap() }

// set4 writes the IPv4 address at the start of b in its mapped form, in two stores.
func (a *Address) set4(b []byte) {
	binary.LittleEndian.PutUint64(a[:8], 0)
	binary.LittleEndian.PutUint64(a[8:], 0xffff<<16|uint64(binary.LittleEndian.Uint32(b))<<32)
}

// Packet is one decoded packet: the innermost IP packet of a frame. Only Payload points anywhere.
type Packet struct {
	// Num is the packet's number within the whole run, from 1; Count its number within its capture file.
	Num, Count uint64
	// Time is the capture time in ns since the Unix epoch.
	Time int64
	// Src, Dst and the ports are the innermost ones. For ICMP the ports hold type and code. A packet that is still
	// on a source route has its final destination in Dst, a mobile node's packet its home address in Src: the
	// ends of the conversation, which the transport checksum covers too.
	Src, Dst         Address
	SrcPort, DstPort uint16
	// Version is 4 or 6, 0 when no IP layer was found. Proto is the IP protocol (after IPv6 extension headers).
	Version, Proto uint8
	TTL            uint8
	// Flags, Seq, Ack, Window and Urgent are valid iff Proto is TCP and Ports is true.
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
	// Reassembled is how many layers of fragments this packet was put together from, 0 for most packets.
	Reassembled uint8
	// Payload is the transport payload (UDP: bounded by the UDP length; without link padding; ICMP: what follows
	// its 8 bytes of header), lent. Without a valid transport header it is what follows the IP header; for a
	// Fragment it is the whole IP packet, header included, which is what Defrag takes.
	Payload []byte
	// WireLen is the length of the frame on the wire, IPLen that of the innermost IP packet by its header.
	WireLen, IPLen uint32
	// VLANs holds the 802.1Q/ad tags outside in, VLANCount how many were seen (tags beyond three are not kept).
	// Like the MAC addresses they are those of the Ethernet frame next to the innermost IP packet: an Ethernet
	// frame within a tunnel begins anew, an IP packet within a tunnel keeps the outer ones.
	VLANs     [3]uint16
	VLANCount uint8
	// Iface is the capture interface's index in its source.
	Iface uint16
	// SrcMAC and DstMAC are valid iff HasMAC. One that the link does not tell (cooked captures know the sender
	// only) is zero.
	SrcMAC, DstMAC [6]byte
	HasMAC         bool
	// Tunnel describes the outermost tunnel; Tunnel.Depth is 0 when there is none.
	Tunnel Tunnel
	// Events are the decoder's complaints about this packet, EventCount how many are valid.
	Events     [4]Event
	EventCount uint8
}

// Tunnel is the encapsulation of a packet: the outermost IP header's endpoints and the identifier.
type Tunnel struct {
	Kind             TunnelKind
	Depth            uint8
	Proto            uint8 // IP protocol of the outer packet
	Src, Dst         Address
	SrcPort, DstPort uint16
	// ID is the innermost VNI, GRE key, ERSPAN session, GTP TEID …. HasID says that there is one and that it names a
	// network: both directions have it. GTP TEIDs, PPTP calls and L2TP sessions are each direction's own and leave
	// HasID false.
	ID    uint32
	HasID bool
}

// SrcAddr returns the source address. Other than Address.Addr it leaves an IPv4-mapped address of an IPv6 packet be.
func (p *Packet) SrcAddr() netip.Addr { return p.addr(&p.Src) }

// DstAddr returns the destination address, like SrcAddr.
func (p *Packet) DstAddr() netip.Addr { return p.addr(&p.Dst) }

func (p *Packet) addr(a *Address) netip.Addr {
	if p.Version == 6 {
		return netip.AddrFrom16(*a)
	}
	return a.Addr()
}

// SrcAddrPort returns the source address and port.
func (p *Packet) SrcAddrPort() netip.AddrPort { return netip.AddrPortFrom(p.SrcAddr(), p.SrcPort) }

// DstAddrPort returns the destination address and port.
func (p *Packet) DstAddrPort() netip.AddrPort { return netip.AddrPortFrom(p.DstAddr(), p.DstPort) }

// reset clears what Decode fills. The larger fields are cleared only when they were used: this runs for every packet.
func (p *Packet) reset(wire uint32) {
	p.Src, p.Dst = Address{}, Address{}
	p.WireLen = wire
	p.IPLen = 0
	p.Reassembled = 0
	if p.VLANCount != 0 {
		p.VLANs, p.VLANCount = [3]uint16{}, 0
	}
	if p.HasMAC {
		p.SrcMAC, p.DstMAC, p.HasMAC = [6]byte{}, [6]byte{}, false
	}
	if p.Tunnel.Depth != 0 {
		p.Tunnel = Tunnel{}
	}
	if p.EventCount != 0 {
		p.Events, p.EventCount = [4]Event{}, 0
	}
	p.resetIP()
}

// resetIP clears what the IP and transport layers fill, except what ipv4 and ipv6 always write.
func (p *Packet) resetIP() {
	p.SrcPort, p.DstPort = 0, 0
	p.Version, p.Proto, p.TTL, p.Flags = 0, 0, 0, 0
	p.Seq, p.Ack, p.Window, p.Urgent = 0, 0, 0, 0
	p.Ports, p.BadChecksum, p.Cut = false, false, false
	p.Missing = 0
	p.Payload = nil
}

// event notes e; events beyond the room of p are not kept.
func (p *Packet) event(e Event) {
	if int(p.EventCount) < len(p.Events) {
		p.Events[p.EventCount] = e
		p.EventCount++
	}
}
