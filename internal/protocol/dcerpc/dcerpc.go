// Package dcerpc parses DCE/RPC (The Open Group C706; [MS-RPCE]) over TCP and UDP, and, as a Conversation, where SMB
// carries it: the interfaces that a client binds to, the calls with their numbers and sizes, and who logs in by NTLM.
// Parameters of calls are not looked at.
package dcerpc

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

// HeaderSize is that of the header that all connection-oriented PDUs have (C706, section 12.6.3.1).
const HeaderSize = 16

const (
	// maxBind is how much is looked at of PDUs that carry interfaces or tokens, maxCall of calls.
	maxBind     = 16 << 10
	maxCall     = 32
	datagramHdr = 80 // C706, section 12.5.1
)

// Types of PDUs (C706, section 12.6.4.1; [MS-RPCE], section 2.2.2.1 for the last ones).
const (
	request      = 0
	response     = 2
	fault        = 3
	bind         = 11
	bindAck      = 12
	bindNak      = 13
	alterContext = 14
	alterAck     = 15
	auth3        = 16
	lastType     = 19
)

var typeNames = [...]string{
	"REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL", "FACK", "CANCEL_ACK", "BIND", "BINDACK",
	"BINDNAK", "ALTER_CONTEXT", "ALTER_CONTEXT_RESP", "AUTH3", "SHUTDOWN", "CO_CANCEL", "ORPHANED",
}

// Flags of PDUs.
const (
	firstFragment = 1 << 0
	lastFragment  = 1 << 1
	hasObject     = 1 << 7
)

// Parser recognises DCE/RPC over TCP and UDP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "dcerpc",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 32 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// order is the byte order that a data representation label says (C706, section 14.1).
func order(label byte) binary.ByteOrder {
	if label&0x10 != 0 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// Size reads the length of the connection-oriented PDU that b begins with; ok is false where none does, or b has not
// HeaderSize bytes.
func Size(b []byte) (n int, ok bool) {
	if len(b) < HeaderSize || !fits(b) {
		return 0, false
	}
	return int(order(b[4]).Uint16(b[8:])), true
}

// fits reports whether b, as far as it goes, can begin a connection-oriented PDU.
func fits(b []byte) bool {
	for i, c := range b[:min(len(b), HeaderSize)] {
		switch {
		case i == 0 && c != 5, i == 1 && c > 1, i == 2 && (c > lastType || c == 1 || c > fault && c < bind):
			return false
		case i == 4 && c != 0x10 && c != 0, i == 5 && c > 3, (i == 6 || i == 7) && c != 0:
			return false
		}
	}
	if len(b) < HeaderSize {
		return true
	}
	o := order(b[4])
	size := int(o.Uint16(b[8:]))
	return size >= HeaderSize && int(o.Uint16(b[10:])) <= size-HeaderSize
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Over == protocol.UDP {
		return probeDatagram(p)
	}
	switch {
	case !fits(b):
		return protocol.No
	case len(b) < HeaderSize:
		return protocol.Maybe
	}
	p.Reversed = fromServer(b[2]) == (p.Dir == protocol.ToServer)
	return protocol.Yes
}

func fromServer(kind byte) bool {
	switch kind {
	case response, fault, bindAck, bindNak, alterAck, 17:
		return true
	}
	return false
}

// probeDatagram knows the header of version 4.
func probeDatagram(p *protocol.Peek) protocol.Match {
	const (
		lastDatagram = 10
		flags2Unused = 0xfd
	)
	b := p.Data
	if len(b) < datagramHdr || b[0] != 4 || b[1] > lastDatagram || b[3]&flags2Unused != 0 || b[4] != 0x10 && b[4] != 0 || b[5] > 3 || b[6] != 0 {
		return protocol.No
	}
	if n := int(order(b[4]).Uint16(b[74:])); n > len(b)-datagramHdr {
		return protocol.No
	}
	p.Reversed = (b[1] == response || b[1] == fault) == (p.Dir == protocol.ToServer) && b[1] <= fault
	return protocol.Yes
}

// stream follows one connection, or the datagrams between two ports.
type stream struct {
	readers [2]frames.Reader
	talk    Conversation
	calls   []datagramCall
	count   int
	detail  tcpDetail
	event   datagramCall
	fact    [1]protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() {
	s.talk.Reset()
	*s = stream{talk: s.talk, calls: s.calls[:0]}
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		s.datagram(c, d, b)
		return len(b), protocol.More
	}
	return s.readers[d].Feed(s, c, d, b)
}

// Frame implements frames.Format.
func (s *stream) Frame(_ protocol.Dir, b []byte) (size, show int, ok bool) {
	if len(b) < HeaderSize {
		return 0, HeaderSize, b[0] == 5
	}
	if size, ok = Size(b); !ok {
		return 0, 0, false
	}
	return size, min(size, Look(b)), true
}

// Look is how many bytes of a PDU, of whose header b has all, Take wants to see.
func Look(b []byte) int {
	switch b[2] {
	case bind, bindAck, alterContext, alterAck, auth3:
		return maxBind
	}
	return maxCall
}

// Sync implements frames.Format.
func (s *stream) Sync(_ protocol.Dir, b []byte) bool { return len(b) >= HeaderSize && fits(b) }

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_data"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	if f, ok := s.talk.Login(b); ok {
		s.fact[0] = f
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
		c.Sink.Observe(&s.obs)
	}
	switch done, crowded := s.talk.Take(b); {
	case crowded:
		s.tell(c, 0)
	case done >= 0:
		s.tell(c, done)
	}
	return protocol.More
}

func (s *stream) tell(c *protocol.Context, i int) {
	s.detail = tcpDetail{&s.talk, &s.talk.calls[i]}
	s.obs = protocol.Observation{Event: "dcerpc", Dir: protocol.ToServer, TxID: s.count, Detail: &s.detail}
	s.count++
	c.Sink.Observe(&s.obs)
	s.obs.Detail, s.detail = nil, tcpDetail{}
	s.talk.Forget(i)
}

func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.readers[d].Gap(n)
	return protocol.More
}

func (s *stream) End(c *protocol.Context) {
	for len(s.talk.calls) > 0 {
		s.tell(c, 0)
	}
	for i := range s.calls {
		s.tellDatagram(c, &s.calls[i])
	}
	s.calls = s.calls[:0]
}
