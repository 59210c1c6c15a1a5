package flows

import (
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// Add puts p to its flow. hash and context are Hash(p). The payload is lent for the call.
func (t *Table) Add(p *packet.Packet, hash, context uint32) {
	f, n, d := t.find(p, hash, context)
	if f != nil && t.reused(f, p, d) {
		reason := Timeout
		if p.Time-f.Last <= t.timeout(f) {
			reason = Forced
			t.Stats.Reused++
		}
		t.end(f, n, nil, reason)
		f = nil
	}
	if f == nil {
		f, d = t.open(p, hash, context)
	}
	f.Last = max(f.Last, p.Time)
	f.Packets[d]++
	f.Bytes[d] += uint64(p.WireLen)
	f.MinTTL = min(f.MinTTL, p.TTL)
	f.MaxTTL = max(f.MaxTTL, p.TTL)
	if f.Start == p.Num {
		t.handler.Opened(f, p)
	}
	switch {
	case p.Proto == packet.ProtoTCP:
		t.addTCP(f, p, d)
	case p.Proto == packet.ProtoUDP:
		t.addUDP(f, p, d)
	default:
		if len(p.Payload) > 0 {
			f.bits |= bitData0 << d
		}
		if d == protocol.ToClient {
			f.state = StateEstablished
		}
	}
	if t.reversal.f == f {
		t.reverse(f, p, t.reversal.n)
	}
}

// reused reports that the tuple's old flow is over and p begins a new one.
func (t *Table) reused(f *Flow, p *packet.Packet, d protocol.Dir) bool {
	if p.Time-f.Last > t.timeout(f) {
		return true
	}
	if p.Proto != packet.ProtoTCP || p.Flags&(synMask) != packet.SYN {
		return false
	}
	// A SYN with another sequence number on a finished connection, or on one whose data is elsewhere in the
	// sequence space, is port reuse. Within the window of a live one it is a stray or an attack: RFC 5961 has the
	// receiver challenge it, so the connection lives on.
	if f.state >= StateFinWait1 || f.has(bitRst) {
		return !f.has(bitSeq0<<d) || p.Seq+1 != f.next[d]
	}
	return false
}

// synMask selects the flags that tell a SYN from a SYN-ACK.
const synMask = packet.SYN | packet.ACK

func (t *Table) open(p *packet.Packet, hash, context uint32) (*Flow, protocol.Dir) {
	t.wheel.start(p.Time)
	f, n := t.insert(hash)
	*f = Flow{
		Client: p.Src, Server: p.Dst, ClientPort: p.SrcPort, ServerPort: p.DstPort,
		context: context, hash: hash, First: p.Time, Last: p.Time, Start: p.Num,
		Proto: p.Proto, MinTTL: p.TTL, MaxTTL: p.TTL,
		VLAN: [2]uint16{p.VLANs[0], p.VLANs[1]}, VLANCount: min(p.VLANCount, 2),
	}
	t.wheel.put(t, n, p.Time+t.timeout(f))
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
	case packet.ProtoUDP:
		t.Stats.UDP++
		if serverLike(p.SrcPort, p.DstPort) {
			d = protocol.ToClient
			f.bits |= bitInferred
		}
	case packet.ProtoICMP:
		t.Stats.ICMPv4++
		if p.SrcPort == 0 && p.DstPort != 0 { // a reply, see Normalise
			d = protocol.ToClient
		}
	case packet.ProtoICMPv6:
		t.Stats.ICMPv6++
		if p.DstPort == 128 {
			d = protocol.ToClient
		}
	default:
		t.Stats.Other++
	}
	if d == protocol.ToClient {
		f.swapRoles()
	}
	return f, d
}

// serverLike guesses from ports alone that the sender of a first packet is the server: a system port that speaks
// to a user port (RFC 6335, section 6).
func serverLike(src, dst uint16) bool { return src < 1024 && dst >= 1024 && src != 0 }

func (t *Table) addUDP(f *Flow, p *packet.Packet, d protocol.Dir) {
	if d == protocol.ToClient && f.Packets[protocol.ToServer] > 0 || d == protocol.ToServer && f.Packets[protocol.ToClient] > 0 {
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

func (t *Table) addTCP(f *Flow, p *packet.Packet, d protocol.Dir) {
	if !p.Ports {
		return
	}
	f.TCPFlags[d] |= p.Flags
	seq := p.Seq
	if p.Flags&packet.SYN != 0 {
		t.synchronise(f, p, d)
		seq++ // data in a SYN (RFC 7413) begins after it
	}
	if p.Flags&packet.RST != 0 {
		t.reset(f, p, d)
		return
	}
	if p.Flags&packet.ACK != 0 && p.Flags&packet.SYN == 0 && f.state == StateSynRecv && d == protocol.ToServer {
		f.state = StateEstablished
	}
	if f.has(bitMidstream) && f.state == StateNew {
		f.state = StateEstablished
	}
	if f.state == StateSynSent && f.has(bitData0) && f.has(bitData1) {
		f.state = StateEstablished // the SYN-ACK was lost
	}
	if len(p.Payload) > 0 || p.Cut {
		f.bits |= bitData0 << d
		t.segment(f, p, d, seq)
	}
	if f.side != 0 {
		t.acknowledged(f, p, d)
	}
	if p.Flags&packet.FIN != 0 {
		t.finish(f, p, d, seq+uint32(len(p.Payload))+p.Missing)
	} else if f.state >= StateFinWait1 {
		t.closeStep(f, p, d)
	}
}

func (t *Table) synchronise(f *Flow, p *packet.Packet, d protocol.Dir) {
	if p.Flags&packet.ACK == 0 {
		t.Stats.Syn++
	} else {
		t.Stats.SynAck++
	}
	if f.has(bitSeq0 << d) {
		return // a retransmission, or a stray SYN within the connection
	}
	f.next[d] = p.Seq + 1
	f.bits |= bitSeq0 << d
	switch {
	case p.Flags&packet.ACK == 0:
		f.bits |= bitSyn
		if d == protocol.ToServer {
			f.state = max(f.state, StateSynSent)
		} else { // simultaneous or split handshake (RFC 9293, 3.5)
			f.state = max(f.state, StateSynRecv)
		}
	default:
		f.bits |= bitSynAck
		if f.has(bitSeq0<<d.Reverse()) && p.Ack != f.next[d.Reverse()] {
			f.odd |= oddAck
		}
		f.state = max(f.state, StateSynRecv)
		t.Stats.Sessions++
	}
}

// reset accepts a RST whose sequence number the receiver would accept (RFC 9293, 3.10.7.4), leniently: the
// receiver's window is not known, so anything up to a megabyte ahead of the expected number counts.
func (t *Table) reset(f *Flow, p *packet.Packet, d protocol.Dir) {
	if f.has(bitSeq0 << d) {
		if ahead := int32(p.Seq - f.next[d]); ahead < -1 || ahead > 1<<20 {
			t.Stats.WrongRst++
			return
		}
	}
	t.Stats.Rst++
	if f.state == StateSynSent && d == protocol.ToClient {
		f.bits |= bitRefused
	}
	f.bits |= bitRst
	f.state = StateClosed
	t.flushHeld(f, p)
}

func (t *Table) finish(f *Flow, p *packet.Packet, d protocol.Dir, seq uint32) {
	if f.has(bitSeq0<<d) && int32(seq-f.next[d]) > 0 && f.side != 0 {
		// Data before the FIN is missing: the FIN counts when it comes, or the hole is given up at the end.
	} else if f.has(bitSeq0 << d) {
		f.next[d] = seq + 1
	}
	f.bits |= bitFin0 << d
	t.closeStep(f, p, d)
}

// closeStep moves the state when both FINs, or their acknowledgements, have been seen.
func (t *Table) closeStep(f *Flow, p *packet.Packet, d protocol.Dir) {
	fin := f.bits & (bitFin0 | bitFin1)
	both := bitFin0 | bitFin1
	isFin := p.Flags&packet.FIN != 0
	switch {
	case f.state >= StateTimeWait:
	case fin == both && !isFin && p.Flags&packet.ACK != 0:
		if f.state == StateLastAck {
			f.state = StateClosed
		} else {
			f.state = StateTimeWait
		}
	case fin == both && f.state != StateLastAck:
		f.state = StateLastAck
	case fin == bitFin0 && f.state < StateFinWait1:
		f.state = StateFinWait1
	case fin == bitFin1 && f.state < StateFinWait1:
		f.state = StateCloseWait
	case f.state == StateFinWait1 && d == protocol.ToClient && p.Flags&packet.ACK != 0:
		f.state = StateFinWait2
	}
}
