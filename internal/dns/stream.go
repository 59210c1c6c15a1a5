package dns

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// maxDamaged is how many messages in a row may be unreadable before a TCP stream is taken for something else.
const maxDamaged = 3

// Transactions are remembered by the low bits of their id: a few in the stream itself, which is enough for nearly
// all flows, many once a flow has shown that it carries many.
const (
	fewTransactions  = 8
	manyTransactions = 256
)

// transaction is a question that was asked, by its id on the wire.
type transaction struct {
	id    uint16
	known bool
	tx    uint32
}

// side is the state of one direction of a TCP stream.
type side struct {
	skip    int32 // bytes to drop before the next length prefix: the rest of a message that was partly lost
	rest    int32 // unread bytes that the flow table holds
	want    int32 // bytes of the message (with its length prefix) that rest is the beginning of; 0 when not known
	lost    bool  // not aligned: wait for bytes that look like the beginning of a message
	damaged uint8 // unreadable messages in a row
}

// stream follows one flow.
type stream struct {
	flavour flavour
	message *message // shared with the parser's other streams
	next    uint32   // number of the next transaction
	asked   []transaction
	few     [fewTransactions]transaction
	many    []transaction // nil until needed
	sides   [2]side
	queries [2]bool // a query was seen in this direction
}

func (s *stream) Reset() {
	many := s.many
	clear(many)
	*s = stream{flavour: s.flavour, message: s.message, many: many}
	s.asked = s.few[:]
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over != protocol.TCP {
		s.read(c, d, b)
		return len(b), protocol.More
	}
	side := &s.sides[d]
	n := 0
	if side.skip > 0 {
		n = min(int(side.skip), len(b))
		side.skip -= int32(n)
	}
	if side.lost && n < len(b) {
		if !plausibleFrame(b[n:]) {
			side.rest, side.want = 0, 0
			return len(b), protocol.More
		}
		side.lost = false
	}
	for {
		unread := b[n:]
		side.rest, side.want = int32(len(unread)), 0
		if len(unread) < lengthPrefix {
			c.Need = lengthPrefix
			return n, protocol.More
		}
		size := lengthPrefix + int(binary.BigEndian.Uint16(unread))
		if len(unread) < size {
			side.want, c.Need = int32(size), size
			return n, protocol.More
		}
		if s.read(c, d, unread[lengthPrefix:size]) {
			side.damaged = 0
		} else if side.damaged++; side.damaged >= maxDamaged {
			return n, protocol.Failed
		}
		n += size
	}
}

// Gap goes on at the next message where the lost bytes are the rest of one whose length was seen, else at the next
// segment that looks like the beginning of a message.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	side := &s.sides[d]
	switch {
	case n > 0 && n <= int(side.skip):
		side.skip -= int32(n)
	case n > 0 && side.skip == 0 && n <= int(side.want-side.rest):
		side.skip = side.want - side.rest - int32(n)
	default:
		side.skip, side.lost = 0, true
	}
	side.rest, side.want = 0, 0
	return protocol.More
}

func (s *stream) End(*protocol.Context) {}

// read parses and emits one message. It reports whether it could be read.
func (s *stream) read(c *protocol.Context, d protocol.Dir, b []byte) bool {
	m := s.message
	defer m.release()
	if !m.parse(b, s.flavour) {
		m.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_data"}
		c.Sink.Observe(&m.obs)
		return false
	}
	readable := m.anomaly == "" || len(m.questions) > 0 || len(m.records) > 0
	m.tx = s.number(m)
	m.gather()
	m.obs = protocol.Observation{
		// In EVE the number is in the section, and not beside it.
		Event: events[s.flavour], Dir: d, TxID: protocol.NoTx, Facts: m.facts, Anomaly: m.anomaly,
	}
	if m.obs.Anomaly == "" && s.flavour == unicast {
		m.obs.Anomaly = s.oddity(c, d, m)
	}
	if !readable {
		m.obs.Event = ""
	}
	if m.obs.Event != "" {
		m.obs.Detail = m
	}
	c.Sink.Observe(&m.obs)
	return readable
}

// oddity names what is wrong with a well-formed message of unicast DNS.
func (s *stream) oddity(c *protocol.Context, d protocol.Dir, m *message) string {
	reversed := false
	// Servers that ask each other from port to port may do so both ways in one flow.
	if c.ClientPort != c.ServerPort {
		if m.response() {
			reversed = s.queries[d]
		} else {
			reversed = s.queries[d.Reverse()]
			s.queries[d] = true
		}
	}
	switch {
	case m.opcode() > maxOpcode || m.opcode() == 3:
		return "invalid_opcode"
	case reversed && m.response():
		return "not_request"
	case reversed:
		return "not_response"
	case m.flags&flagZ != 0:
		return "z_flag_set"
	}
	return ""
}

// number gives a query the next number, and a response its query's. A transfer has many responses to one query, so
// a query is not forgotten when it is answered.
func (s *stream) number(m *message) int {
	slot := &s.asked[int(m.id)&(len(s.asked)-1)]
	if m.response() && slot.known && slot.id == m.id {
		return int(slot.tx)
	}
	tx := s.next
	s.next++
	if tx == fewTransactions {
		s.widen()
		slot = &s.asked[int(m.id)&(len(s.asked)-1)]
	}
	*slot = transaction{id: m.id, known: true, tx: tx}
	return int(tx)
}

func (s *stream) widen() {
	if s.many == nil {
		s.many = make([]transaction, manyTransactions)
	}
	s.asked = s.many
	for _, t := range s.few {
		if t.known {
			s.asked[int(t.id)&(manyTransactions-1)] = t
		}
	}
}
