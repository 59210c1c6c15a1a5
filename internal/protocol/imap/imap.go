// Package imap reads from IMAP (RFC 3501, RFC 9051) who logs in to which software and where TLS begins. Mails are
// passed over; there is no IMAP object in EVE, so facts are all that it tells.
package imap

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
	"netsensor/internal/protocol/sasl"
)

// Bounds. RFC 9051, section 4 leaves lines unbounded; RFC 7162, section 4 asks servers for 8,192 bytes.
const (
	maxLine    = 8 << 10
	maxTag     = 64
	maxUser    = 256
	maxLiteral = 1 << 30
)

// Parser returns the parser of IMAP over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "imap",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// kind is a command whose answer matters.
type kind uint8

const (
	other kind = iota
	login
	authenticate
	startTLS
)

// side is one direction.
type side struct {
	reader  lines.Reader
	inside  bool // the next line continues a command or response, behind a literal
	literal int  // bytes of the user name to come in a literal
}

// stream follows one connection.
type stream struct {
	sides   [2]side
	asking  bool   // the client's lines are responses to challenges
	tag     []byte // of the last command whose answer matters
	kind    kind
	user    []byte
	sasl    sasl.Exchange
	greeted bool
	obs     protocol.Observation
	fact    [1]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	s.sasl.Reset()
	*s = stream{tag: s.tag[:0], user: s.user[:0], sasl: s.sasl}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	sd := &s.sides[d]
	for n := 0; ; {
		if sd.literal > 0 {
			if len(b)-n < sd.literal {
				c.Need = sd.literal
				return n, protocol.More
			}
			s.setUser(c, b[n:n+sd.literal])
			n += sd.literal
			sd.literal = 0
		}
		if lines.TLS(b[n:]) && !sd.inside {
			return n, protocol.Switch
		}
		line, k, ok := sd.reader.Next(b[n:], maxLine)
		n += k
		if !ok {
			return n, protocol.More
		}
		size := literal(line)
		if sd.reader.Long {
			size = -1
		}
		inside := sd.inside
		sd.inside = size >= 0
		if !inside {
			if d == protocol.ToServer {
				if s.command(c, line) && size > 0 && size <= maxUser {
					sd.literal = int(size)
					continue
				}
			} else if s.response(c, line) {
				return n, protocol.Switch
			}
		}
		if size > 0 {
			if n += int(size); n > len(b) {
				return n, protocol.More
			}
		}
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	sd := &s.sides[d]
	sd.reader.Lose()
	sd.inside, sd.literal = false, 0
	if d == protocol.ToServer {
		s.asking = false
	}
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}

// literal returns the size of the literal that the end of a line announces (RFC 9051, section 4.3; RFC 7888; RFC 3516),
// or -1.
func literal(line []byte) int64 {
	if len(line) < 3 || line[len(line)-1] != '}' {
		return -1
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return -1
	}
	digits := bytes.TrimRight(line[open+1:len(line)-1], "+-")
	n, ok := lines.Number(digits)
	if !ok || n > maxLiteral {
		return -1
	}
	return n
}

// command takes a line of the client. It reports whether a literal that follows is the user name of LOGIN.
func (s *stream) command(c *protocol.Context, line []byte) bool {
	tag, rest := lines.Word(line)
	verb, args := lines.Word(rest)
	k := classify(verb)
	if s.asking {
		if k == other && !lines.Is(verb, "LOGOUT") && !lines.Is(verb, "NOOP") && !lines.Is(verb, "CAPABILITY") {
			if s.sasl.Respond(line) {
				s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
			}
			return false
		}
		s.asking = false
	}
	if lines.Is(verb, "ID") {
		s.identify(c, protocol.ToServer, args)
		return false
	}
	if k == other || len(tag) > maxTag {
		return false
	}
	s.tag, s.kind, s.user = append(s.tag[:0], tag...), k, s.user[:0]
	s.sasl.Reset()
	switch k {
	case login:
		if len(args) > 0 && args[0] == '{' {
			return true
		}
		s.setUser(c, str(args))
	case authenticate:
		mechanism, initial := lines.Word(args)
		s.sasl.Begin(mechanism)
		s.asking = true
		if len(initial) > 0 && s.sasl.Respond(initial) {
			s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
		}
	}
	return false
}

func classify(verb []byte) kind {
	switch {
	case lines.Is(verb, "LOGIN"):
		return login
	case lines.Is(verb, "AUTHENTICATE"):
		return authenticate
	case lines.Is(verb, "STARTTLS"):
		return startTLS
	}
	return other
}

// str is the string or atom that b begins with, still with its backslashes.
func str(b []byte) []byte {
	if len(b) == 0 || b[0] != '"' {
		word, _ := lines.Word(b)
		return word
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i]
		}
	}
	return nil
}

// setUser keeps a user name without the backslashes of a quoted string.
func (s *stream) setUser(c *protocol.Context, name []byte) {
	s.user = s.user[:0]
	for i := 0; i < len(name) && len(s.user) < maxUser; i++ {
		if name[i] == '\\' && i+1 < len(name) && (name[i+1] == '"' || name[i+1] == '\\') {
			i++
		}
		s.user = append(s.user, name[i])
	}
	s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
}

// response takes a line of the server. It reports whether TLS begins behind it.
func (s *stream) response(c *protocol.Context, line []byte) bool {
	tag, rest := lines.Word(line)
	if len(tag) == 1 && tag[0] == '*' {
		what, text := lines.Word(rest)
		switch {
		case lines.Is(what, "ID"):
			s.identify(c, protocol.ToClient, text)
		case !s.greeted && (lines.Is(what, "OK") || lines.Is(what, "PREAUTH")):
			s.greeted = true
			if v := software(text); len(v) > 0 {
				s.tell(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: v})
			}
		}
		return false
	}
	if s.kind == other || !bytes.Equal(tag, s.tag) {
		return false
	}
	status, _ := lines.Word(rest)
	ok := lines.Is(status, "OK")
	if !ok && !lines.Is(status, "NO") && !lines.Is(status, "BAD") {
		return false
	}
	k := s.kind
	s.kind, s.asking = other, false
	switch {
	case k == startTLS:
		return ok
	case ok:
		s.loggedIn(c, protocol.ToClient, protocol.LoginAccepted)
	default:
		s.loggedIn(c, protocol.ToClient, protocol.LoginRefused)
	}
	return false
}

// identify takes the parameters of ID (RFC 2971): the software's name and version.
func (s *stream) identify(c *protocol.Context, d protocol.Dir, b []byte) {
	name, version := parameter(b, "NAME"), parameter(b, "VERSION")
	if len(name) == 0 || len(name)+len(version) > maxUser {
		return
	}
	s.user = append(s.user[:0], name...)
	if len(version) > 0 {
		s.user = append(append(s.user, ' '), version...)
	}
	f := protocol.Fact{Kind: protocol.ClientSoftware, Text: s.user}
	if d == protocol.ToClient {
		f.Kind = protocol.ServerSoftware
	}
	s.tell(c, d, f)
}

// parameter finds the value behind a quoted key, which is in upper case.
func parameter(b []byte, key string) []byte {
	for len(b) > 0 && (b[0] == '(' || b[0] == ' ') {
		b = b[1:]
	}
	for len(b) > 0 && b[0] == '"' {
		k := str(b)
		if k == nil {
			return nil
		}
		b = lines.TrimLeft(b[len(k)+2:])
		v := str(b)
		if lines.Is(k, key) {
			if len(b) > 0 && b[0] == '"' {
				return v
			}
			return nil
		}
		if len(b) > 0 && b[0] == '"' {
			if v == nil {
				return nil
			}
			b = b[2:]
		}
		b = lines.TrimLeft(b[len(v):])
	}
	return nil
}

// software finds a product that is known to name itself in the greeting.
func software(text []byte) []byte {
	for _, w := range [...]string{"MICROSOFT EXCHANGE", "CYRUS IMAP", "COURIER-IMAP", "DOVECOT", "CYRUS", "HMAILSERVER", "ZIMBRA", "MDAEMON", "GIMAP"} {
		i := lines.Index(text, w)
		switch {
		case i < 0:
		case w == "MICROSOFT EXCHANGE", w == "GIMAP":
			return text[i : i+len(w)]
		case w == "CYRUS IMAP":
			// "Cyrus IMAP v2.4.17 server ready", "Cyrus IMAP4 v1.5 …"
			v := lines.Product(text[i+len("Cyrus "):])
			return text[i : i+len("Cyrus ")+len(v)]
		default:
			return lines.Product(text[i:])
		}
	}
	return nil
}

func (s *stream) loggedIn(c *protocol.Context, d protocol.Dir, outcome int64) {
	f := protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: byPassword, Num: outcome}
	if u := s.sasl.User(); len(u) > 0 {
		f.Text = u
		if s.sasl.NTLM() {
			f.Aux = byNTLM
		}
	}
	if len(f.Text) > 0 {
		s.tell(c, d, f)
	}
}

var byPassword, byNTLM = []byte("imap"), []byte("ntlmssp")

func (s *stream) tell(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
	s.fact[0] = protocol.Fact{}
}
