package flows

import (
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// synMask selects the flags that tell a SYN from a SYN-ACK.
const synMask = packet.SYN | packet.ACK

// nearby is how far from the expected sequence number a RST or FIN may lie: the receiver's window is not known.
const nearby = 1 << 20

// reused reports that the tuple's old connection is over and p, which has SYN set, begins a new one.
func (t *Table) reused(f *Flow, p *packet.Packet, d protocol.Dir) bool {
	if p.Flags&packet.ACK != 0 {
		// A SYN within a live connection counts once the server has accepted it. Until then it may be a stray or an
		// attack: RFC 5961 has the receiver challenge it.
		return d == protocol.ToClient && f.odd&oddSyn != 0 && f.state >= StateEstablished && p.Ack == t.extra(f).syn
	}
	if f.state >= StateLastAck || f.has(bitRst) {
		return !f.has(bitSeq0<<d) || p.Seq+1 != f.next[d]
	}
	return false
}

func (t *Table) addTCP(f *Flow, p *packet.Packet, d protocol.Dir) {
	if !p.Ports {
		return
	}
	f.TCPFlags[d] |= p.Flags
	seq := p.Seq
	switch {
	case p.Flags&packet.SYN != 0:
		t.synchronise(f, p, d)
		seq++ // data in a SYN (RFC 7413) begins after it
	case p.Flags&packet.RST != 0:
		t.reset(f, p, d)
		return
	case f.state < StateEstablished:
		t.confirm(f, p, d)
	}
	if p.Flags&packet.URG != 0 {
		t.Stats.Urg++
		if p.Urgent > 0 && !f.has(bitQuiet) {
			t.urge(f, d, seq+uint32(p.Urgent)-1)
		}
	}
	if len(p.Payload) > 0 || p.Cut {
		f.bits |= bitData0 << d
		if p.Flags&synMask == packet.SYN {
			t.early(f, p, d, seq)
		} else {
			t.segment(f, p, d, seq, p.Payload, p.Missing)
		}
	}
	if f.side != 0 {
		t.acknowledged(f, p, d)
	}
	switch {
	case p.Flags&packet.FIN != 0 && p.Flags&packet.SYN != 0:
		t.anomaly(f, p, FinSyn) // no stack takes both for more than the SYN
	case p.Flags&packet.FIN != 0:
		t.fin(f, p, d, seq+uint32(len(p.Payload))+p.Missing)
	case f.state >= StateFinWait1 && p.Flags&packet.ACK != 0:
		t.finAcknowledged(f, p, d)
	}
}

// synchronise takes a SYN or SYN-ACK.
func (t *Table) synchronise(f *Flow, p *packet.Packet, d protocol.Dir) {
	known := f.has(bitSeq0 << d)
	if p.Flags&packet.ACK == 0 {
		t.Stats.Syn++
		switch {
		case !known:
			f.next[d] = p.Seq + 1
			f.bits |= bitSeq0 << d
			if d == protocol.ToServer {
				f.state = max(f.state, StateSynSent)
			} else {
				f.odd |= oddBoth
				f.state = max(f.state, StateSynRecv)
			}
		case p.Seq+1 == f.next[d] || d == protocol.ToClient: // again
		case f.state == StateSynSent && !f.has(bitData0):
			// The client has begun anew; the server may still accept the former.
			t.extra(f).syn = f.next[d]
			f.odd |= oddSyn
			f.next[d] = p.Seq + 1
		default:
			t.extra(f).syn = p.Seq + 1
			f.odd |= oddSyn
			if f.state == StateSynRecv {
				t.anomaly(f, p, SynDifferentSeqOnSynRecv)
			} else if f.state > StateSynRecv {
				t.anomaly(f, p, SynDifferentSeq)
			}
		}
		return
	}
	t.Stats.SynAck++
	if d == protocol.ToServer && f.odd&oddBoth == 0 {
		return // the client of a connection that was opened has nothing to acknowledge
	}
	if !f.has(bitSynAck) {
		f.bits |= bitSynAck
		t.Stats.Sessions++
		f.state = max(f.state, StateSynRecv)
	}
	switch {
	case !known:
		f.next[d] = p.Seq + 1
		f.bits |= bitSeq0 << d
	case p.Seq+1 != f.next[d] && !f.has(bitData0<<d):
		f.odd |= oddSynAcks
		t.anomaly(f, p, SynAckDifferentSeq)
	}
	o := d.Reverse()
	switch {
	case !f.has(bitSeq0 << o):
		f.next[o] = p.Ack
		f.bits |= bitSeq0 << o
	case p.Ack == f.next[o]:
	case f.odd&oddSyn != 0 && p.Ack == t.extra(f).syn && !f.has(bitData0<<o):
		f.next[o] = p.Ack
	case f.has(bitData0 << o):
	default:
		f.odd |= oddAck
	}
	if s := t.sideOf(f); s != nil && s.halves != nil {
		t.earlyAnswered(f, p, s, o)
	}
}

// confirm moves the state of a connection that is not established yet at a packet that is neither SYN nor RST.
func (t *Table) confirm(f *Flow, p *packet.Packet, d protocol.Dir) {
	both := f.has(bitData0) && f.has(bitData1)
	switch f.state {
	case StateNew: // its beginning was missed
		f.state = StateEstablished
	case StateSynSent:
		// The SYN-ACK was missed: data both ways, or data of the client where nothing of the server is seen.
		if both || d == protocol.ToServer && len(p.Payload) > 0 && f.Packets[protocol.ToClient] == 0 {
			f.state = StateEstablished
		}
	case StateSynRecv:
		if p.Flags&packet.ACK != 0 && (d == protocol.ToServer || f.odd&oddBoth != 0) || both {
			f.state = StateEstablished
		}
	}
	if f.odd&oddSynAcks != 0 && d == protocol.ToServer && p.Flags&packet.ACK != 0 && !f.has(bitData1) {
		f.next[protocol.ToClient] = p.Ack
		f.odd &^= oddSynAcks
	}
}

// reset accepts a RST that the receiver would accept (RFC 9293, section 3.10.7), leniently, since the receiver's
// window is not known. Data that still comes is read all the same.
func (t *Table) reset(f *Flow, p *packet.Packet, d protocol.Dir) {
	switch {
	case f.has(bitSeq0 << d):
		if ahead := int32(p.Seq - f.next[d]); ahead < -1 || ahead > nearby {
			t.Stats.WrongRst++
			t.anomaly(f, p, SuspectedRst)
			return
		}
	case f.state == StateSynSent && d == protocol.ToClient:
		if p.Flags&packet.ACK == 0 || p.Ack-f.next[protocol.ToServer] > nearby {
			t.Stats.WrongRst++
			return
		}
	}
	t.Stats.Rst++
	if f.state == StateSynSent && d == protocol.ToClient {
		f.bits |= bitRefused
	}
	f.bits |= bitRst
	t.flushHeld(f, p)
	t.become(f, StateClosed)
}

// become moves the state, and the end of the flow when it is closed.
func (t *Table) become(f *Flow, s State) {
	before := t.timeout(f)
	f.state = s
	if t.timeout(f) < before {
		t.wheel.sooner(t, f)
	}
}

// fin takes the FIN of direction d, which stands at seq.
func (t *Table) fin(f *Flow, p *packet.Packet, d protocol.Dir, seq uint32) {
	if f.has(bitSeq0<<d) && f.odd&oddSeq == 0 {
		ahead := int32(seq - f.next[d])
		if ahead < -1 || ahead > nearby {
			t.Stats.WrongFin++
			t.anomaly(f, p, FinOutOfWindow)
			return
		}
		switch {
		case ahead == 0:
			f.next[d] = seq + 1
		case ahead > 0 && f.has(bitQuiet):
			f.next[d] = seq + 1
		case ahead > 0:
			t.hold(f, p, d, segment{seq: seq, fin: true})
		}
	}
	if f.has(bitFin0 << d) {
		return
	}
	f.bits |= bitFin0 << d
	switch {
	case f.state >= StateLastAck:
	case d == protocol.ToClient && f.state == StateCloseWait:
		t.become(f, StateLastAck)
	case d == protocol.ToClient:
		t.become(f, StateFinWait1)
	case f.state == StateFinWait1 && p.Flags&packet.ACK == 0:
		f.state = StateClosing
	case f.state == StateFinWait1, f.state == StateFinWait2:
		t.become(f, StateTimeWait)
	default:
		t.become(f, StateCloseWait)
	}
}

// finAcknowledged moves the state of a connection that is being closed at an acknowledgement without FIN.
func (t *Table) finAcknowledged(f *Flow, p *packet.Packet, d protocol.Dir) {
	o := d.Reverse()
	if f.has(bitSeq0<<o) && int32(p.Ack-f.next[o]) < 0 {
		return // of what came before the FIN
	}
	switch f.state {
	case StateLastAck:
		if d == protocol.ToServer {
			t.become(f, StateClosed)
		}
	case StateFinWait1:
		if d == protocol.ToServer {
			f.state = StateFinWait2
		}
	case StateClosing:
		t.become(f, StateTimeWait)
	case StateTimeWait:
		f.state = StateClosed
	}
}
