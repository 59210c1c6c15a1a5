package flows

import (
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// Add puts p to its flow. hash and context are Hash(p). The payload is lent for the call.
func (t *Table) Add(p *packet.Packet, hash, context uint32) {
	if t.dedup != nil && t.dedup.seen(p, hash, context) {
		t.Stats.Duplicates++
		return
	}
	f, _, d := t.find(p, hash, context)
	switch {
	case f == nil:
		var n uint32
		f, n = t.insert(hash)
		d = t.open(f, p, context)
		t.wheel.put(t, n, p.Time+t.timeout(f))
	case p.Time-f.Last > t.timeout(f):
		d = t.again(f, p, context, Timeout)
	case p.Flags&packet.SYN != 0 && p.Proto == packet.ProtoTCP && t.reused(f, p, d):
		t.Stats.Reused++
		d = t.again(f, p, context, Forced)
	}
	f.Last = max(f.Last, p.Time)
	f.Packets[d]++
	f.Bytes[d] += uint64(p.WireLen)
	if t.cfg.TTL {
		t.ttls(f, p.TTL, d)
	}
	if f.Start == p.Num {
		t.handler.Opened(f, p)
	}
	switch p.Proto {
	case packet.ProtoTCP:
		t.addTCP(f, p, d)
	case packet.ProtoUDP:
		t.addUDP(f, p, d)
	default:
		if len(p.Payload) > 0 {
			f.bits |= bitData0 << d
		}
		if f.Packets[d.Reverse()] > 0 {
			f.state = StateEstablished
		}
	}
	if t.reversal.f == f {
		t.reverse(f, p)
	}
}

// again ends f, whose tuple begins to be used anew with p, and opens the next flow in its record: a stranger that
// uses a tuple again and again takes no more memory for it.
func (t *Table) again(f *Flow, p *packet.Packet, context uint32, r Reason) protocol.Dir {
	t.finish(f, r)
	n := t.number(f)
	t.wheel.take(t, n)
	d := t.open(f, p, context)
	t.wheel.put(t, n, p.Time+t.timeout(f))
	return d
}

// open makes f the flow that p begins, and returns p's direction.
func (t *Table) open(f *Flow, p *packet.Packet, context uint32) protocol.Dir {
	*f = Flow{
		Client: p.Src, Server: p.Dst, ClientPort: p.SrcPort, ServerPort: p.DstPort,
		context: context, First: p.Time, Last: p.Time, Start: p.Num,
		Proto: p.Proto, VLAN: [2]uint16{p.VLANs[0], p.VLANs[1]}, VLANCount: min(p.VLANCount, 2),
	}
	t.Stats.Total++
	d := protocol.ToServer
	switch p.Proto {
	case packet.ProtoTCP:
		t.Stats.TCP++
		switch {
		case p.Flags&synMask == packet.SYN:
		case p.Flags&synMask == synMask: // its SYN was missed
			d = protocol.ToClient
		default:
			f.bits |= bitMidstream | bitInferred
			t.Stats.Midstream++
			if serverLike(p.SrcPort, p.DstPort) {
				d = protocol.ToClient
			}
		}
	case packet.ProtoUDP, packet.ProtoSCTP:
		if p.Proto == packet.ProtoUDP {
			t.Stats.UDP++
		} else {
			t.Stats.Other++
		}
		if serverLike(p.SrcPort, p.DstPort) {
			d = protocol.ToClient
			f.bits |= bitInferred
		}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if p.Proto == packet.ProtoICMP {
			t.Stats.ICMPv4++
		} else {
			t.Stats.ICMPv6++
		}
		if p.SrcPort&codeMark != 0 { // a reply, see Normalise
			d = protocol.ToClient
			f.bits |= bitInferred
		}
	default:
		t.Stats.Other++
	}
	if d == protocol.ToClient {
		f.swapRoles()
	}
	return d
}

// serverLike guesses from ports alone that the sender of a first packet is the server: a system port that speaks
// to a user port (RFC 6335, section 6).
func serverLike(src, dst uint16) bool { return src < 1024 && dst >= 1024 && src != 0 }

func (t *Table) addUDP(f *Flow, p *packet.Packet, d protocol.Dir) {
	if f.Packets[d.Reverse()] > 0 {
		f.state = StateEstablished
	}
	if len(p.Payload) == 0 {
		return
	}
	f.bits |= bitData0 << d
	if !f.has(bitQuiet) {
		t.datagram(f, p, d)
	}
}
