// Package ftp follows the control connection of FTP (RFC 959): commands and their replies, who logs in, where data
// connections will be, and where TLS begins (RFC 4217). Passwords are not kept.
package ftp

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// Bounds.
const (
	maxLine    = 4 << 10
	maxPending = 32       // commands that wait for their reply
	maxReplies = 64       // lines of a reply that are kept
	maxText    = 8 << 10  // of a transaction
	maxHeld    = 32 << 10 // of all that wait
	keepText   = 4 << 10
	maxFree    = 4
	maxUser    = 256
)

// Parser returns the parser of FTP's control connections, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "ftp",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// stream follows one connection.
type stream struct {
	reader  [2]lines.Reader
	greeted bool
	inside  int // the code of the reply that more lines belong to; 0 between replies
	pending []*transaction
	free    []*transaction
	held    int // bytes of text that pending holds
	orphan  *transaction
	user    []byte
	obs     protocol.Observation
	fact    [1]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	for _, t := range s.pending {
		s.release(t)
	}
	clear(s.pending)
	if s.orphan != nil {
		s.release(s.orphan)
	}
	*s = stream{pending: s.pending[:0], free: s.free, user: s.user[:0]}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	for n := 0; ; {
		if lines.TLS(b[n:]) {
			s.finish(c)
			return n, protocol.Switch
		}
		line, k, ok := s.reader[d].Next(b[n:], maxLine)
		n += k
		if !ok {
			return n, protocol.More
		}
		if d == protocol.ToServer {
			s.command(c, line, s.reader[d].Long)
		} else if s.reply(c, line, s.reader[d].Long) {
			s.finish(c)
			return n, protocol.Switch
		}
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.reader[d].Lose()
	if d == protocol.ToClient {
		// Nobody knows which commands were answered.
		s.finish(c)
		s.inside = 0
	}
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.finish(c) }

// finish emits what waits for replies.
func (s *stream) finish(c *protocol.Context) {
	for len(s.pending) > 0 {
		s.emit(c, s.pop())
	}
	if t := s.orphan; t != nil {
		s.orphan = nil
		s.emit(c, t)
	}
}

func (s *stream) begin() *transaction {
	n := len(s.free)
	if n == 0 {
		return new(transaction)
	}
	t := s.free[n-1]
	s.free = s.free[:n-1]
	return t
}

func (s *stream) release(t *transaction) {
	if len(s.free) < maxFree {
		t.reset()
		s.free = append(s.free, t)
	}
}

func (s *stream) push(c *protocol.Context, t *transaction) {
	for len(s.pending) >= maxPending || s.held > maxHeld {
		s.emit(c, s.pop())
	}
	s.held += len(t.text)
	s.pending = append(s.pending, t)
}

// pop takes the oldest command that waits, of which there must be one.
func (s *stream) pop() *transaction {
	t := s.pending[0]
	n := copy(s.pending, s.pending[1:])
	s.pending[n] = nil
	s.pending = s.pending[:n]
	s.held -= t.request
	return t
}

// emit writes the event of a transaction and gives it back.
func (s *stream) emit(c *protocol.Context, t *transaction) {
	s.obs = protocol.Observation{Event: "ftp", TxID: protocol.NoTx, Detail: t}
	if t.verb.empty() {
		s.obs.Dir = protocol.ToClient
	}
	c.Sink.Observe(&s.obs)
	s.obs.Detail = nil
	s.release(t)
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
	s.fact[0] = protocol.Fact{}
}
