package flows

import "netsensor/internal/packet"

// codeMark stands above an ICMP code in the place of a port, so that a type is told from a code: a request has its
// type in SrcPort and its code in DstPort, a reply the other way round.
const codeMark = 0x100

// replyOf gives the reply's type for each type of request; 0 for messages that are not answered. (Echo replies are
// of type 0 in ICMPv4, so the table holds type + 1.)
var (
	replyOf4 = [256]uint8{8: 0 + 1, 10: 9 + 1, 13: 14 + 1, 15: 16 + 1, 17: 18 + 1}
	replyOf6 = [256]uint8{128: 129 + 1, 133: 134 + 1, 135: 136 + 1, 139: 140 + 1, 144: 145 + 1, 146: 147 + 1, 148: 149 + 1}

	requestOf4, requestOf6 = inverse(&replyOf4), inverse(&replyOf6)
)

func inverse(replies *[256]uint8) (requests [256]uint8) {
	for request, reply := range replies {
		if reply != 0 {
			requests[reply-1] = uint8(request)
		}
	}
	return requests
}

// Normalise gives ICMP replies the type of their request, so that both fall into one flow. It is called before Hash.
func Normalise(p *packet.Packet) {
	if p.Proto != packet.ProtoICMP && p.Proto != packet.ProtoICMPv6 || !p.Ports {
		return
	}
	requests := &requestOf4
	if p.Proto == packet.ProtoICMPv6 {
		requests = &requestOf6
	}
	typ, code := uint8(p.SrcPort), p.DstPort&0xff|codeMark
	if request := requests[typ]; request != 0 {
		p.SrcPort, p.DstPort = code, uint16(request)
		return
	}
	p.SrcPort, p.DstPort = uint16(typ), code
}

// ICMP is what an ICMP flow is about.
type ICMP struct {
	Type, Code uint8
	// Reply is the type of the answers to Type. It is valid if Replies: there are such.
	Reply   uint8
	Replies bool
}

// ICMP returns type and code of the client's messages. It is valid iff Proto is ICMP or ICMPv6.
func (f *Flow) ICMP() ICMP {
	m := ICMP{Type: uint8(f.ClientPort), Code: uint8(f.ServerPort)}
	replies := &replyOf4
	if f.Proto == packet.ProtoICMPv6 {
		replies = &replyOf6
	}
	if reply := replies[m.Type]; reply != 0 {
		m.Reply, m.Replies = reply-1, true
	}
	return m
}
