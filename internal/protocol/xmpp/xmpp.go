// Package xmpp reads the clear beginning of XMPP streams (RFC 6120): which domain is asked for, who logs in, and where
// TLS begins. There is no XMPP object in EVE, so facts are all that it tells.
package xmpp

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
	"netsensor/internal/protocol/sasl"
)

const (
	maxTag  = 8 << 10
	maxText = 16 << 10 // of an element whose text is wanted
	maxName = 256
)

// Parser returns the parser of XMPP over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "xmpp",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows the stream header, which an XML declaration may precede; in midstream, on the ports of XMPP, stanzas.
func probe(p *protocol.Peek) protocol.Match {
	b := bytes.TrimLeft(p.Data, " \t\r\n")
	const declaration, header = "<?xml", "<stream:stream"
	if bytes.HasPrefix(b, []byte(declaration)) {
		end := bytes.Index(b, []byte("?>"))
		if end < 0 {
			if p.End || len(b) > 256 {
				return protocol.No
			}
			return protocol.Maybe
		}
		b = bytes.TrimLeft(b[end+2:], " \t\r\n")
	} else if len(b) > 0 && len(b) < len(declaration) && bytes.HasPrefix([]byte(declaration), b) && !p.End {
		return protocol.Maybe
	}
	switch {
	case bytes.HasPrefix(b, []byte(header)):
		return protocol.Yes
	case p.Port(5222) || p.Port(5269):
		for _, stanza := range [...]string{"<iq ", "<presence", "<message "} {
			if bytes.HasPrefix(b, []byte(stanza)) {
				return protocol.Yes
			}
		}
	}
	switch {
	case len(b) < len(header) && bytes.HasPrefix([]byte(header), b) && !p.End && len(p.Data) > 0:
		return protocol.Maybe
	}
	return protocol.No
}

// capture is the element whose text is wanted.
type capture uint8

const (
	none capture = iota
	response
	username
)

// side is one direction.
type side struct {
	scanned int  // unread bytes of a tag that hold no end
	quote   byte // that a value in them has begun with
	capture capture
}

// stream follows one connection.
type stream struct {
	sides [2]side
	name  []byte // the domain that was told
	user  []byte // of the old way to log in
	sasl  sasl.Exchange
	obs   protocol.Observation
	fact  [1]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	s.sasl.Reset()
	*s = stream{name: s.name[:0], user: s.user[:0], sasl: s.sasl}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	sd := &s.sides[d]
	for n := 0; n < len(b); {
		if b[n] != '<' {
			if lines.TLS(b[n:]) {
				return n, protocol.Switch
			}
			if b[n] == 0x16 && n+1 == len(b) {
				return n, protocol.More
			}
			i := bytes.IndexByte(b[n:], '<')
			if sd.capture == none {
				if i < 0 {
					i = len(b) - n
					if j := bytes.IndexByte(b[n+1:], 0x16); j >= 0 {
						i = j + 1
					}
				}
				n += i
				continue
			}
			if i < 0 && len(b)-n < maxText {
				return n, protocol.More
			}
			if i >= 0 && i <= maxText {
				s.text(c, d, b[n:n+i])
				n += i
			}
			sd.capture = none
			continue
		}
		k := sd.tagEnd(b[n:])
		switch {
		case k > 0:
			if s.tag(c, d, b[n+1:n+k-1]) {
				return n + k, protocol.Switch
			}
			n += k
		case len(b)-n > maxTag:
			sd.scanned, sd.quote = 0, 0
			n++
		default:
			return n, protocol.More
		}
	}
	return len(b), protocol.More
}

// tagEnd returns the length of the tag that b begins with, or 0 when its end is not there. Each byte is looked at once.
func (sd *side) tagEnd(b []byte) int {
	b = b[:min(len(b), maxTag)]
	for i := sd.scanned; i < len(b); i++ {
		switch x := b[i]; {
		case sd.quote != 0:
			if x == sd.quote {
				sd.quote = 0
			}
		case x == '"' || x == '\'':
			sd.quote = x
		case x == '>':
			sd.scanned = 0
			return i + 1
		}
	}
	sd.scanned = len(b)
	return 0
}

// tag takes what stands between the angle brackets. It reports whether TLS begins behind it.
func (s *stream) tag(c *protocol.Context, d protocol.Dir, b []byte) bool {
	sd := &s.sides[d]
	sd.capture = none
	end := bytes.IndexAny(b, " \t\r\n/")
	if end < 0 {
		end = len(b)
	}
	name := b[:end]
	if i := bytes.LastIndexByte(name, ':'); i >= 0 && !bytes.Equal(name, []byte("stream:stream")) {
		name = name[i+1:]
	}
	empty := len(b) > 0 && b[len(b)-1] == '/'
	if d == protocol.ToClient {
		switch string(name) {
		case "stream:stream":
			s.domain(c, d, attribute(b, "from"))
		case "proceed":
			return bytes.Contains(b, []byte("xmpp-tls"))
		case "success":
			s.loggedIn(c, d, protocol.LoginAccepted)
		case "failure":
			s.loggedIn(c, d, protocol.LoginRefused)
		}
		return false
	}
	switch string(name) {
	case "stream:stream":
		s.domain(c, d, attribute(b, "to"))
	case "auth", "authenticate":
		s.sasl.Begin(attribute(b, "mechanism"))
		if !empty && string(name) == "auth" {
			sd.capture = response
		}
	case "response", "initial-response":
		if !empty {
			sd.capture = response
		}
	case "username":
		if !empty {
			sd.capture = username
		}
	}
	return false
}

// text takes the text of the element that is captured.
func (s *stream) text(c *protocol.Context, d protocol.Dir, b []byte) {
	switch s.sides[d].capture {
	case response:
		if s.sasl.Respond(b) {
			s.loggedIn(c, d, protocol.LoginTried)
		}
	case username: // XEP-0078
		s.user = append(s.user[:0], b[:min(len(b), maxName)]...)
		if len(s.sasl.User()) == 0 {
			s.loggedIn(c, d, protocol.LoginTried)
		}
	}
}

// attribute returns the value of an attribute, with its entities.
func attribute(b []byte, name string) []byte {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(name))
		if i < 0 {
			return nil
		}
		i += from
		from = i + len(name)
		if i == 0 || b[i-1] != ' ' && b[i-1] != '\n' && b[i-1] != '\t' && b[i-1] != '\r' {
			continue
		}
		rest := bytes.TrimLeft(b[from:], " ")
		if len(rest) < 2 || rest[0] != '=' {
			continue
		}
		rest = bytes.TrimLeft(rest[1:], " ")
		if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			continue
		}
		if end := bytes.IndexByte(rest[1:], rest[0]); end >= 0 {
			return rest[1 : 1+min(end, maxName)]
		}
		return nil
	}
}

// domain tells, once, for which domain the stream is. An address is no name.
func (s *stream) domain(c *protocol.Context, d protocol.Dir, name []byte) {
	if len(bytes.Trim(name, "0123456789.")) == 0 || bytes.EqualFold(name, s.name) {
		return
	}
	s.name = append(s.name[:0], name...)
	s.tell(c, d, protocol.Fact{Kind: protocol.NameService, Text: s.name})
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

var byPassword, byNTLM = []byte("xmpp"), []byte("ntlmssp")

func (s *stream) tell(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
	s.fact[0] = protocol.Fact{}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.sides[d] = side{}
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}
