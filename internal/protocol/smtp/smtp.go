// Package smtp follows SMTP, submission and LMTP (RFC 5321, RFC 6409, RFC 2033): who sends mail to whom, who logs in,
// which software answers, and where TLS begins.
package smtp

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
	"netsensor/internal/protocol/sasl"
)

// Bounds. RFC 5321, section 4.5.3.1 asks for 512 bytes of command and 1,000 of text; servers take more.
const (
	maxLine    = 4 << 10
	maxPending = 64 // commands that wait for their reply
	maxHelo    = 256
	maxSkip    = 1 << 30
)

// Parser returns the parser of SMTP over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "smtp",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// command is what the client asked for.
type command uint8

const (
	other command = iota
	ehlo
	starttls
	auth
	mail
	rcpt
	data
	content // the end of the message after DATA
	bdat
	rset
	quit
)

func classify(word []byte) command {
	switch len(word) {
	case 4:
		switch {
		case lines.Is(word, "EHLO"), lines.Is(word, "HELO"), lines.Is(word, "LHLO"):
			return ehlo
		case lines.Is(word, "MAIL"):
			return mail
		case lines.Is(word, "RCPT"):
			return rcpt
		case lines.Is(word, "DATA"):
			return data
		case lines.Is(word, "BDAT"):
			return bdat
		case lines.Is(word, "RSET"):
			return rset
		case lines.Is(word, "QUIT"):
			return quit
		case lines.Is(word, "AUTH"):
			return auth
		}
	case 8:
		if lines.Is(word, "STARTTLS") {
			return starttls
		}
	}
	return other
}

// state is what the client's next bytes are.
type state uint8

const (
	commands       state = iota
	authenticating       // responses to challenges
	inBody               // lines until a single dot
	inChunk              // left bytes
)

// stream follows one connection.
type stream struct {
	reader  [2]lines.Reader
	state   state
	greeted bool
	dirty   bool  // bytes of the body were lost, perhaps its end too
	last    bool  // of BDAT
	left    int64 // of the chunk
	unread  int   // bytes of the chunk that the flow table holds
	asked   bool  // 354 was seen for the body
	pending [maxPending]command
	first   int // index of the oldest of pending
	waiting int
	login   sasl.Exchange
	helo    []byte
	message message
	next    int // number of the next mail transaction
	obs     protocol.Observation
	fact    [1]protocol.Fact
	moved   file
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	s.login.Reset()
	s.message.reset()
	*s = stream{login: s.login, helo: s.helo[:0], message: s.message, moved: file{sum: s.moved.sum[:0]}}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	for n := 0; ; {
		if d == protocol.ToServer && s.state == inChunk {
			k := s.chunk(c, b[n:])
			if n += k; n > len(b) || s.state == inChunk {
				return n, protocol.More
			}
			continue
		}
		if lines.TLS(b[n:]) && (d == protocol.ToClient || s.state == commands) {
			s.finish(c)
			return n, protocol.Switch
		}
		line, k, ok := s.reader[d].Next(b[n:], maxLine)
		n += k
		if !ok {
			return n, protocol.More
		}
		if d == protocol.ToServer {
			s.clientLine(c, line)
		} else if s.reply(c, line) {
			s.finish(c)
			return n, protocol.Switch
		}
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	if d == protocol.ToClient {
		s.reader[d].Lose()
		return protocol.More
	}
	switch s.state {
	case inChunk:
		s.message.lost(int64(n))
		if missing := int64(n) + int64(s.unread); n > 0 && missing <= s.left {
			s.reader[d].Skipped()
			s.unread = 0
			s.advance(c, missing)
			return protocol.More
		}
		s.state = commands
	case inBody:
		s.message.lost(int64(n))
		s.dirty = true
	case authenticating:
		s.state = commands
	}
	s.reader[d].Lose()
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.finish(c) }

// finish emits what is pending: a transaction without its end, or that the client said who it is.
func (s *stream) finish(c *protocol.Context) {
	if s.message.open || s.next == 0 && len(s.helo) > 0 {
		s.emit(c)
	}
}

// emit writes the event of the mail transaction and ends it.
func (s *stream) emit(c *protocol.Context) {
	s.message.finish()
	s.fileEnded(c)
	s.obs = protocol.Observation{Event: "smtp", TxID: s.next, Detail: s}
	c.Sink.Observe(&s.obs)
	s.message.reset()
	s.next++
}

func (s *stream) push(k command) {
	if s.waiting == maxPending {
		s.pop()
	}
	s.pending[(s.first+s.waiting)%maxPending] = k
	s.waiting++
}

// pop takes the oldest command that waits.
func (s *stream) pop() command {
	if s.waiting == 0 {
		return other
	}
	k := s.pending[s.first]
	s.first = (s.first + 1) % maxPending
	s.waiting--
	return k
}

// oldest returns the command whose reply comes next, without taking it.
func (s *stream) oldest() command {
	if s.waiting == 0 {
		return other
	}
	return s.pending[s.first]
}

// resync drops the commands before the first of kind k, which the reply must be to. It is for when replies were lost.
func (s *stream) resync(k command) bool {
	for i := range s.waiting {
		if s.pending[(s.first+i)%maxPending] == k {
			s.first = (s.first + i) % maxPending
			s.waiting -= i
			return true
		}
	}
	return false
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
	s.fact[0] = protocol.Fact{}
}
