package http

import (
	"bytes"

	"netsensor/internal/protocol"
)

// teller tells what HTTP/1 and HTTP/2 have in common, and remembers what it told last: on a connection that is
// kept open, most of it is the same every time.
type teller struct {
	host, agent, login, server []byte
	outcome                    int64  // of login
	past                       uint64 // anomalies that were reported, by bit

	decoders *decoders
	dns      protocol.Stream  // of DNS over HTTP, made when it is needed first
	inner    protocol.Context // its

	obs     protocol.Observation
	facts   [6]protocol.Fact
	moved   fileDetail
	scratch []byte
}

func (s *teller) reset() {
	s.outcome, s.past, s.dns = 0, 0, nil
	s.host, s.agent, s.login, s.server = s.host[:0], s.agent[:0], s.login[:0], s.server[:0]
	if cap(s.scratch) > keepArena {
		s.scratch = nil
	}
}

// announce tells, as early as it is known, whom a request is for and who sends it.
func (s *teller) announce(c *protocol.Context, tx *transaction, detail protocol.Detail) {
	f := s.facts[:0]
	if h := tx.get(tx.host); len(h) > 0 {
		if tx.connect {
			f = append(f, protocol.Fact{Kind: protocol.NameTarget, Text: h, Num: int64(max(tx.port, 0))})
		} else if other := tx.get(tx.otherHost); len(other) > 0 || !bytes.Equal(h, s.host) {
			s.host = append(s.host[:0], h...)
			f = append(f, protocol.Fact{Kind: protocol.NameHost, Text: h})
			if len(other) > 0 {
				f = append(f, protocol.Fact{Kind: protocol.NameHost, Text: other})
			}
		}
	}
	if a := product(tx.get(tx.agent)); len(a) > 0 && !bytes.Equal(a, s.agent) {
		s.agent = append(s.agent[:0], a...)
		f = append(f, protocol.Fact{Kind: protocol.ClientSoftware, Text: a})
	}
	if u := tx.get(tx.user); len(u) > 0 && !bytes.Equal(u, s.login) {
		s.login, s.outcome = append(s.login[:0], u...), protocol.LoginTried
		f = append(f, protocol.Fact{Kind: protocol.Login, Text: u, Aux: mechanisms[tx.mechanism], Num: protocol.LoginTried})
	}
	s.tell(c, tx, detail, f)
	s.lookupInURL(c, tx)
}

// answer tells, when the response's head is known, how a login ended and who answers.
func (s *teller) answer(c *protocol.Context, tx *transaction, detail protocol.Detail) {
	f := s.facts[:0]
	if u := tx.get(tx.user); len(u) > 0 {
		outcome := int64(protocol.LoginTried)
		switch {
		case tx.status == 401 || tx.status == 407:
			outcome = protocol.LoginRefused
		case tx.status/100 == 2 || tx.status/100 == 3:
			outcome = protocol.LoginAccepted
		}
		// A login that is repeated with every request is told again when its outcome changes.
		if outcome != protocol.LoginTried && (outcome != s.outcome || !bytes.Equal(u, s.login)) {
			s.login, s.outcome = append(s.login[:0], u...), outcome
			f = append(f, protocol.Fact{Kind: protocol.Login, Text: u, Aux: mechanisms[tx.mechanism], Num: outcome})
		}
	}
	if v := product(tx.get(tx.server)); len(v) > 0 && !bytes.Equal(v, s.server) {
		s.server = append(s.server[:0], v...)
		f = append(f, protocol.Fact{Kind: protocol.ServerSoftware, Text: v})
	}
	s.tell(c, tx, detail, f)
}

// product is the first product of a User-Agent or Server header (RFC 9110, section 10.1.5).
func product(b []byte) []byte {
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		b = b[:i]
	}
	return b
}

// tell emits facts without an event.
func (s *teller) tell(c *protocol.Context, tx *transaction, detail protocol.Detail, f []protocol.Fact) {
	if len(f) > 0 {
		s.observe(c, protocol.Observation{Dir: tx.dir, TxID: tx.id, Detail: detail, Facts: f})
	}
}

// complain reports each kind of anomaly once per flow.
func (s *teller) complain(c *protocol.Context, d protocol.Dir, id int, a code) {
	if s.past&(1<<a) != 0 {
		return
	}
	s.past |= 1 << a
	s.observe(c, protocol.Observation{Dir: d, TxID: id, Anomaly: anomalies[a]})
}

// observe goes through the teller's own Observation, because one on the stack would escape.
func (s *teller) observe(c *protocol.Context, o protocol.Observation) {
	s.obs = o
	c.Sink.Observe(&s.obs)
	s.obs = protocol.Observation{}
}
