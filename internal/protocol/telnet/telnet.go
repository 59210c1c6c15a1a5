// Package telnet knows Telnet (RFC 854) by its option negotiation and reads the user name that is typed at a login
// prompt. Passwords are not kept: nothing is, but what is typed at a prompt for a name.
package telnet

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

const (
	maxUser   = 64
	maxPrompt = 128
	// maxInspected bounds the bytes of a direction that are looked at: logins stand at the beginning.
	maxInspected = 64 << 10
	skipAll      = 1 << 30
)

// Commands of RFC 854.
const (
	se   = 240
	sb   = 250
	will = 251
	dont = 254
	iac  = 255
)

// Parser returns the parser of Telnet over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "telnet",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows negotiations: IAC, WILL to DONT, and an option that is assigned.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	options := 0
	for len(b) >= 3 && b[0] == iac && b[1] >= will && b[1] <= dont && assigned(b[2]) {
		b = b[3:]
		options++
	}
	mine := p.Port(23)
	switch {
	case options > 1, options == 1 && mine:
		return protocol.Yes
	case options == 1 && len(b) > 0 && b[0] != iac:
		return protocol.Likely
	case len(b) > 0 && len(b) < 3 && b[0] == iac && (len(b) < 2 || b[1] >= sb), options == 1 && len(b) < 3:
		switch {
		case !p.End:
			return protocol.Maybe
		case options == 1:
			return protocol.Likely
		}
		return protocol.No
	case options == 0 && mine && len(b) > 0 && (b[0] == iac || lines.Printable(b[:min(len(b), 64)])):
		return protocol.Likely
	}
	return protocol.No
}

// assigned knows the options that IANA has assigned.
func assigned(option byte) bool {
	return option <= 49 || option >= 138 && option <= 140 || option == 255
}

// state is where a direction stands in Telnet's commands.
type state uint8

const (
	text state = iota
	command
	option      // the option of WILL, WONT, DO or DONT
	negotiation // a subnegotiation, until IAC SE
	negotiationEnd
)

// asking is what the server wants to hear.
type asking uint8

const (
	nothing asking = iota
	name
	password
)

// stream follows one connection.
type stream struct {
	states [2]state
	seen   [2]int
	line   []byte // of the server's output, the last line so far
	asking asking
	user   []byte // what is typed at the prompt for a name
	known  bool   // user is whole
	judged bool   // the outcome of the login was told
	typed  bool   // the password was
	obs    protocol.Observation
	fact   [1]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() { *s = stream{line: s.line[:0], user: s.user[:0]} }

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if s.seen[d] > maxInspected {
		if s.seen[d.Reverse()] > maxInspected {
			return len(b), protocol.Done
		}
		return len(b) + skipAll, protocol.More
	}
	s.seen[d] += len(b)
	for _, x := range b {
		if data := s.filter(d, x); !data {
			continue
		}
		if d == protocol.ToServer {
			s.key(c, x)
		} else {
			s.output(c, x)
		}
	}
	return len(b), protocol.More
}

// filter takes Telnet's own commands out and reports whether x is data.
func (s *stream) filter(d protocol.Dir, x byte) bool {
	switch s.states[d] {
	case text:
		if x != iac {
			return true
		}
		s.states[d] = command
	case command:
		switch {
		case x >= will && x <= dont:
			s.states[d] = option
		case x == sb:
			s.states[d] = negotiation
		default:
			s.states[d] = text
			return x == iac // doubled: data
		}
	case option:
		s.states[d] = text
	case negotiation:
		if x == iac {
			s.states[d] = negotiationEnd
		}
	case negotiationEnd:
		s.states[d] = negotiation
		if x == se {
			s.states[d] = text
		}
	}
	return false
}

// output takes a byte of the server's text.
func (s *stream) output(c *protocol.Context, x byte) {
	switch {
	case x == '\n':
		s.lineEnd(c)
		s.line = s.line[:0]
	case x < ' ' && x != '\t':
		// Carriage returns, NULs and the beginnings of escape sequences.
	case len(s.line) < maxPrompt:
		s.line = append(s.line, x)
		if x == ':' || x == ' ' && len(s.line) > 1 && s.line[len(s.line)-2] == ':' {
			s.prompt(c)
		}
	}
}

// prompt looks whether the server's last line, which has no end yet, asks for a name or a password.
func (s *stream) prompt(c *protocol.Context) {
	line := bytes.TrimRight(s.line, ": ")
	switch {
	case lines.Contains(line, "PASSW"), lines.Contains(line, "PASSCODE"), lines.Contains(line, "PASSPHRASE"), lines.Contains(line, "SECRET"), ends(line, "PIN"):
		s.finishName(c)
		s.asking = password
	case ends(line, "LOGIN"), ends(line, "USERNAME"), ends(line, "USER NAME"), ends(line, "USER"), ends(line, "LOGIN NAME"), ends(line, "USER ID"),
		ends(line, "ACCOUNT"):
		if lines.Contains(line, "LAST LOGIN") {
			return
		}
		if s.asking != name {
			s.outcome(c, protocol.LoginRefused) // it asks again
			s.user, s.known, s.judged = s.user[:0], false, false
		}
		s.asking = name
	}
}

func ends(line []byte, w string) bool {
	if len(line) < len(w) || !lines.Is(line[len(line)-len(w):], w) {
		return false
	}
	if len(line) == len(w) {
		return true
	}
	c := line[len(line)-len(w)-1] | 0x20
	return c < 'a' || c > 'z'
}

// lineEnd looks at a whole line of the server for how the login ended.
func (s *stream) lineEnd(c *protocol.Context) {
	if !s.known || s.judged {
		return
	}
	for _, w := range [...]string{"LOGIN INCORRECT", "LOGIN FAILED", "ACCESS DENIED", "AUTHENTICATION FAILED", "BAD PASSWORD", "INVALID PASSWORD", "INVALID LOGIN",
		"LOGIN INVALID", "INCORRECT PASSWORD", "PERMISSION DENIED"} {
		if lines.Contains(s.line, w) {
			s.outcome(c, protocol.LoginRefused)
			return
		}
	}
	for _, w := range [...]string{"LAST LOGIN", "WELCOME", "LOGIN SUCCESSFUL"} {
		if s.typed && lines.Contains(s.line, w) {
			s.outcome(c, protocol.LoginAccepted)
			return
		}
	}
}

// key takes a byte that the client typed.
func (s *stream) key(c *protocol.Context, x byte) {
	switch {
	case s.asking == password:
		if x == '\r' || x == '\n' {
			s.asking, s.typed = nothing, true
		}
	case s.asking != name:
	case x == '\r' || x == '\n':
		if len(s.user) > 0 {
			s.finishName(c)
			s.asking = nothing
		}
	case x == 8 || x == 0x7f:
		if len(s.user) > 0 {
			s.user = s.user[:len(s.user)-1]
		}
	case x == 0x15: // ^U
		s.user = s.user[:0]
	case x >= ' ' && len(s.user) < maxUser:
		s.user = append(s.user, x)
	}
}

// finishName tells the name once it is whole.
func (s *stream) finishName(c *protocol.Context) {
	if s.asking == name && len(s.user) > 0 && !s.known {
		s.known, s.typed = true, false
		s.tell(c, protocol.ToServer, protocol.LoginTried)
	}
}

func (s *stream) outcome(c *protocol.Context, outcome int64) {
	if s.known && !s.judged {
		s.judged = true
		s.tell(c, protocol.ToClient, outcome)
	}
}

var mechanism = []byte("telnet")

func (s *stream) tell(c *protocol.Context, d protocol.Dir, outcome int64) {
	s.fact[0] = protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism, Num: outcome}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
	s.fact[0] = protocol.Fact{}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.states[d] = text
	if d == protocol.ToClient {
		s.line = s.line[:0]
	}
	// What is typed now may be anything.
	s.asking, s.user, s.known = nothing, s.user[:0], false
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}
