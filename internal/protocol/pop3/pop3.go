// Package pop3 follows POP3 (RFC 1939): commands and responses, who logs in, and where TLS begins (RFC 2595). Of
// secrets and of the mails nothing is kept.
package pop3

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
	"netsensor/internal/protocol/sasl"
)

// Bounds. RFC 2449, section 4: a command has at most 255 bytes, a response 512.
const (
	maxLine    = 4 << 10
	maxPending = 32 // commands that wait for their response
	maxText    = 4 << 10
	keepText   = 8 << 10 // that a stream keeps for the next connection
	maxData    = 128     // lines of a response that are kept
	maxUser    = 256
)

// Parser returns the parser of POP3 over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "pop3",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// kind is what a command means to the stream.
type kind uint8

const (
	other kind = iota
	user
	pass
	apop
	auth
	saslData // a response to a challenge
	stls
	list // many lines that are kept
	mail // many lines that are not
)

// span is a piece of stream.text.
type span struct{ from, to uint32 }

// request is a command that waits for its response.
type request struct {
	kind kind
	verb span
	args [3]span
	n    int // args in use
}

// stream follows one connection.
type stream struct {
	reader  [2]lines.Reader
	greeted bool
	asking  bool // the client's lines are responses to challenges
	inData  bool // lines until a single dot belong to response
	pending [maxPending]request
	first   int
	waiting int
	text    []byte // of the commands that wait
	login   sasl.Exchange
	user    []byte
	now     response
	obs     protocol.Observation
	fact    [1]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	s.login.Reset()
	if cap(s.text) > keepText {
		s.text = nil
	}
	s.now.reset()
	*s = stream{login: s.login, text: s.text[:0], user: s.user[:0], now: s.now}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	for n := 0; ; {
		if lines.TLS(b[n:]) && !s.inData {
			s.finish(c)
			return n, protocol.Switch
		}
		line, k, ok := s.reader[d].Next(b[n:], maxLine)
		n += k
		if !ok {
			return n, protocol.More
		}
		if d == protocol.ToServer {
			s.command(c, line)
		} else if s.responseLine(c, line) {
			s.finish(c)
			return n, protocol.Switch
		}
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.reader[d].Lose()
	if d == protocol.ToServer {
		s.asking = false
		return protocol.More
	}
	if s.inData && n > 0 && s.now.request.kind == mail {
		return protocol.More // within a mail, it is hoped
	}
	s.finish(c) // nobody knows which commands were answered
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.finish(c) }

// finish emits what waits.
func (s *stream) finish(c *protocol.Context) {
	if s.inData {
		s.inData = false
		s.emit(c)
	}
	for s.waiting > 0 {
		s.now.reset()
		s.now.request, s.now.asked = s.pop(), true
		s.emit(c)
	}
}

func (s *stream) push(r request) {
	s.pending[(s.first+s.waiting)%maxPending] = r
	s.waiting++
}

// pop takes the oldest command that waits, of which there must be one.
func (s *stream) pop() request {
	r := s.pending[s.first]
	s.first = (s.first + 1) % maxPending
	s.waiting--
	return r
}

// put keeps b, or the beginning of it, with the commands that wait.
func (s *stream) put(b []byte) span {
	from := len(s.text)
	s.text = append(s.text, b[:min(len(b), maxUser)]...)
	return span{uint32(from), uint32(len(s.text))}
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
	s.fact[0] = protocol.Fact{}
}

func (s *stream) loggedIn(c *protocol.Context, d protocol.Dir, outcome int64) {
	f := protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: byPassword, Num: outcome}
	if u := s.login.User(); len(u) > 0 {
		f.Text = u
		if s.login.NTLM() {
			f.Aux = byNTLM
		}
	}
	if len(f.Text) > 0 {
		s.tell(c, d, f)
	}
}

var byPassword, byNTLM = []byte("pop3"), []byte("ntlmssp")
