package mqtt

import (
	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

const (
	// maxWaiting bounds the transactions that wait for an answer; then the oldest is told as it is.
	maxWaiting = 4
	// keepText bounds the buffers that a stream keeps for the next connection.
	keepText = 4 << 10
)

// transaction is a message and those that answer it, as EVE writes them.
type transaction struct {
	kind byte // of the first message; 0: the slot is free
	dir  protocol.Dir
	id   uint16
	born uint64
	text []byte // members of the object "mqtt"
}

func (t *transaction) fresh() transaction {
	if cap(t.text) > keepText {
		return transaction{}
	}
	return transaction{text: t.text[:0]}
}

// member begins the object of a message with what all of them have.
func (t *transaction) member(m *message) eve.Object {
	if len(t.text) > 0 {
		t.text = append(t.text, ',')
	}
	t.text = append(append(append(t.text, '"'), names[m.kind]...), '"', ':')
	o := eve.Open(t.text, nil)
	o.Int("qos", int64(m.flags>>1&3))
	o.Bool("retain", m.flags&1 != 0)
	o.Bool("dup", m.flags&8 != 0)
	return o
}

// AppendEVE appends the member "mqtt" of the transaction that is being told.
func (s *stream) AppendEVE(dst []byte, _ *eve.Options) []byte {
	if s.telling == nil {
		return dst
	}
	dst = append(dst, `"mqtt":{`...)
	dst = append(dst, s.telling.text...)
	return append(dst, '}')
}

// open returns a slot for a transaction that waits for an answer.
func (s *stream) open(c *protocol.Context, m *message, id uint16) *transaction {
	var t *transaction
	for i := range s.waiting {
		if s.waiting[i].kind == 0 {
			t = &s.waiting[i]
			break
		}
	}
	if t == nil {
		t = s.oldest()
		s.tell(c, t)
	}
	s.born++
	t.kind, t.dir, t.id, t.born = m.kind, m.dir, id, s.born
	return t
}

// find returns the transaction that m answers, or nil.
func (s *stream) find(kind byte, dir protocol.Dir, id uint16) *transaction {
	for i := range s.waiting {
		if t := &s.waiting[i]; t.kind == kind && t.dir == dir && t.id == id {
			return t
		}
	}
	return nil
}

// oldest returns the transaction that waits longest, nil when none does.
func (s *stream) oldest() *transaction {
	var t *transaction
	for i := range s.waiting {
		if w := &s.waiting[i]; w.kind != 0 && (t == nil || w.born < t.born) {
			t = w
		}
	}
	return t
}

// tell emits a transaction's event and frees it. A connection's carries the login, as far as it was decided.
func (s *stream) tell(c *protocol.Context, t *transaction) {
	if t.kind == connect {
		s.tellConnect(c, t, protocol.LoginTried)
		return
	}
	s.emit(c, t, nil)
}

func (s *stream) tellConnect(c *protocol.Context, t *transaction, outcome int64) {
	s.text = append(append(s.text[:0], "mqtt"...), versionText(s.level)...)
	s.facts[0] = protocol.Fact{Kind: protocol.Version, Text: s.text[len("mqtt"):]}
	facts := s.facts[:1]
	if s.pending {
		s.pending = false
		s.facts[1] = protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.text[:len("mqtt")], Num: outcome}
		facts = s.facts[:2]
	}
	s.emit(c, t, facts)
}

func (s *stream) emit(c *protocol.Context, t *transaction, facts []protocol.Fact) {
	s.telling = t
	s.obs = protocol.Observation{Event: "mqtt", Dir: t.dir, TxID: protocol.NoTx, Detail: s, Facts: facts}
	c.Sink.Observe(&s.obs)
	s.telling = nil
	*t = t.fresh()
}
