// Package flows keeps the flow table: it finds the flow of each packet, tells client from server, puts TCP bytes in
// order, chooses a parser by content, feeds it, and ends flows by packet time. It never reads a clock.
//
// A Table belongs to one goroutine. Tables share nothing, so the engine runs a fixed number of them and the
// output does not depend on how many goroutines serve them.
package flows

import (
	"net/netip"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// Flow is the record of one flow: 128 bytes without pointers, because a sensor holds a million of them. What only
// few flows have (streams, held bytes) lives beside it, found by index. A *Flow is lent to the Handler for the call.
type Flow struct {
	// Client opened the flow, or is taken to have (see RolesInferred). For ICMP see ICMP.
	Client, Server         packet.Address
	ClientPort, ServerPort uint16
	context                uint32 // what else the key holds: VLAN and tunnel, hashed

	// First and Last are the times of the first and the last packet in ns; Start is the first packet's number.
	First, Last int64
	Start       uint64
	// Bytes and Packets are counted per protocol.Dir: frame lengths on the wire (of the inner packet in tunnels).
	Bytes   [2]uint64
	Packets [2]uint32

	next [2]uint32 // TCP: the next sequence number expected per direction
	side uint32    // index of the side state, 0 for none
	// User belongs to the Handler; 0 for a new flow.
	User uint32
	// wheelNext and wheelPrev link the flows of a slot of the timer wheel.
	wheelNext, wheelPrev uint32

	VLAN     [2]uint16 // the first two tags of the first packet, 0 for none
	Proto    uint8
	TCPFlags [2]uint8 // all flags seen, per direction
	state    State
	// App and AppBefore number parsers, see Table.App.
	App, AppBefore uint8
	bits           flowBits

	VLANCount uint8
	// odd holds oddEvent; for UDP it counts the datagrams that were shown to the probes, for TCP it holds oddAck and
	// the like.
	odd uint8
}

// State is a flow's state in EVE's terms, finer for TCP.
type State uint8

// TCP's states are those of the server in RFC 9293, as far as an observer can tell: it is in StateCloseWait after
// the client's FIN, in StateFinWait1 after its own. UDP and others know StateNew and StateEstablished.
const (
	StateNew State = iota
	StateSynSent
	StateSynRecv
	StateEstablished
	StateFinWait1
	StateFinWait2
	StateClosing
	StateCloseWait
	StateLastAck
	StateTimeWait
	StateClosed
)

var tcpStateNames = [...]string{"none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "closing", "close_wait", "last_ack", "time_wait", "closed"}

func (s State) String() string { return tcpStateNames[s] }

// TCPState is EVE's tcp.state.
func (f *Flow) TCPState() string { return f.state.String() }

// State is EVE's flow.state: new, established or closed.
func (f *Flow) State() string {
	switch {
	case f.state < StateEstablished:
		return "new"
	case f.state >= StateLastAck:
		return "closed"
	}
	return "established"
}

type flowBits uint16

const (
	bitMidstream flowBits = 1 << iota // TCP without its SYN
	bitInferred                       // the roles are a guess
	bitExtra                          // there is something in Table.more
	bitSynAck                         // SYN-ACK seen
	bitFin0                           // FIN from the client
	bitFin1                           // FIN from the server
	bitRst                            // a valid RST seen
	bitSeq0                           // next[0] is valid
	bitSeq1                           // next[1] is valid
	bitGap0                           // bytes of the client were lost
	bitGap1                           // bytes of the server were lost
	bitData0                          // the client sent payload
	bitData1                          // the server sent payload
	bitQuiet                          // not to be parsed (any more)
	bitRefused                        // the SYN was answered by RST
	bitDue                            // taken off the timer wheel, to be ended
)

// What is odd about a TCP connection.
const (
	// A generator of captures that does not count sequence numbers is told by a SYN-ACK that acknowledges nothing
	// together with data in the SYN's place; no real stack takes part in that. Such a flow is read as it comes.
	oddAck = 1 << iota
	oddSeq
	// Several SYN-ACKs with different sequence numbers came: the client's ACK tells which one counts.
	oddSynAcks
	// A SYN with another sequence number came; extra.syn is what the SYN-ACK must acknowledge for it to count.
	oddSyn
	// Both sides sent a SYN: simultaneous open (RFC 9293, section 3.5) or a split handshake.
	oddBoth

	// oddEvent is not about TCP: there was a transaction, the first.
	oddEvent = 0x80
)

func (f *Flow) has(b flowBits) bool { return f.bits&b != 0 }

// Midstream reports TCP that was picked up without its SYN.
func (f *Flow) Midstream() bool { return f.has(bitMidstream) }

// RolesInferred reports that who is the client was guessed from ports or content.
func (f *Flow) RolesInferred() bool { return f.has(bitInferred) }

// Settled reports that no parser looks at the flow (any more).
func (f *Flow) Settled() bool { return f.has(bitQuiet) }

// Gap reports that bytes of direction d that a parser waited for were lost.
func (f *Flow) Gap(d protocol.Dir) bool { return f.has(bitGap0 << d) }

// Payload reports that direction d carried transport payload.
func (f *Flow) Payload(d protocol.Dir) bool { return f.has(bitData0 << d) }

// Refused reports that the SYN was answered by a RST.
func (f *Flow) Refused() bool { return f.has(bitRefused) }

// OneWay reports that packets were seen in one direction only.
func (f *Flow) OneWay() bool { return f.Packets[0] == 0 || f.Packets[1] == 0 }

// Established reports that both sides took part: the TCP handshake (or data both ways), UDP both ways.
func (f *Flow) Established() bool { return f.state >= StateEstablished && !f.has(bitRefused) }

// ClientAddr returns the client's address and port; for ICMP that is the type of its messages.
func (f *Flow) ClientAddr() netip.AddrPort {
	return netip.AddrPortFrom(f.Client.Addr(), f.port(f.ClientPort))
}

// ServerAddr returns the server's address and port; for ICMP that is the code of the client's messages.
func (f *Flow) ServerAddr() netip.AddrPort {
	return netip.AddrPortFrom(f.Server.Addr(), f.port(f.ServerPort))
}

func (f *Flow) port(n uint16) uint16 {
	if f.Proto == packet.ProtoICMP || f.Proto == packet.ProtoICMPv6 {
		n &^= codeMark
	}
	return n
}

// Reason says why a flow ended, as EVE's flow.reason.
type Reason uint8

// Why a flow ended.
const (
	Timeout  Reason = iota // no packet for the state's timeout
	Forced                 // evicted: the table was full, or the port was used again
	Shutdown               // the input ended
)

var reasonNames = [...]string{"timeout", "forced", "shutdown"}

func (r Reason) String() string { return reasonNames[r] }

// swapRoles exchanges client and server.
func (f *Flow) swapRoles() {
	f.Client, f.Server = f.Server, f.Client
	f.ClientPort, f.ServerPort = f.ServerPort, f.ClientPort
	f.Bytes[0], f.Bytes[1] = f.Bytes[1], f.Bytes[0]
	f.Packets[0], f.Packets[1] = f.Packets[1], f.Packets[0]
	f.next[0], f.next[1] = f.next[1], f.next[0]
	f.TCPFlags[0], f.TCPFlags[1] = f.TCPFlags[1], f.TCPFlags[0]
	const first = bitFin0 | bitSeq0 | bitGap0 | bitData0
	low, high := f.bits&first, f.bits&(first<<1)
	f.bits = f.bits&^(first|first<<1) | low<<1 | high>>1
}
