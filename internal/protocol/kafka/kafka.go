// Package kafka parses the beginning of connections to Apache Kafka: the client's software, who logs in by which SASL
// mechanism and whether that is accepted. Once it is, or where nobody logs in, the connection is only counted.
package kafka

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
	"netsensor/internal/protocol/saslname"
)

const (
	// requestHeader is size, API key, API version, correlation and the length of the client's identifier.
	requestHeader = 4 + 2 + 2 + 4 + 2
	// maxMessage is what a broker accepts (socket.request.max.bytes); answers are not longer in practice.
	maxMessage = 1 << 30
	shown      = 4 << 10
	maxText    = 256
)

// APIs.
const (
	apiHandshake    = 17
	apiVersions     = 18
	apiAuthenticate = 36
	maxAPI          = 100
	maxAPIVersion   = 24
)

// saslAuthenticationFailed is the error code of a refused login.
const saslAuthenticationFailed = 58

// Parser returns the parser of Kafka over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "kafka",
		Over:  protocol.TCP,
		Limit: 2 * shown,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows a request by its header. Answers have nothing to be known by.
func probe(p *protocol.Peek) protocol.Match {
	m := probeRequest(p)
	if m == protocol.Yes && p.Dir == protocol.ToClient {
		p.Reversed = true
		if !p.Midstream {
			m = protocol.No
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

func probeRequest(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Dir == protocol.ToClient && !p.Midstream || len(b) > 0 && b[0] > 6 || len(b) > 4 && b[4] != 0 || len(b) > 6 && b[6] != 0 {
		return protocol.No
	}
	if len(b) < requestHeader {
		return protocol.Maybe
	}
	size, key, version := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	client := int(int16(binary.BigEndian.Uint16(b[12:])))
	switch {
	case size > 100<<20, key > maxAPI, version > maxAPIVersion, client < -1, client > maxText, size < requestHeader-4+max(client, 0):
		return protocol.No
	case len(b) > 4+size && key != apiVersions && key != apiHandshake:
		return protocol.No // more than one request at once is rare, and this may be anything
	}
	name := b[requestHeader:]
	for _, c := range name[:min(len(name), max(client, 0))] {
		if c < ' ' || c > '~' {
			return protocol.No
		}
	}
	switch {
	case len(name) < client:
		return protocol.Maybe
	case client > 2, key == apiVersions && version <= 4 && size < 200, key == apiHandshake && version <= 1 && size < 100:
		return protocol.Yes
	case p.Port(9092):
		return protocol.Likely
	}
	return protocol.No
}

// stream follows one connection.
type stream struct {
	sides       [2]frames.Reader
	first       bool   // the next token is the first
	raw         bool   // tokens follow without a header, as SaslHandshake 0 has it
	await       bool   // an answer to a token is awaited
	flexible    bool   // it has a header with tags
	correlation uint32 // of the request
	rounds      int    // answers until the login is decided
	pending     bool   // a login waits for its outcome
	mechanism   []byte
	user        []byte
	text        []byte
	facts       [1]protocol.Fact
	obs         protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{mechanism: s.mechanism[:0], user: s.user[:0], text: s.text[:0]}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n, st := s.sides[d].Feed(s, c, d, b)
	if st == protocol.More && s.sides[0].Closed() && s.sides[1].Closed() {
		st = protocol.Failed
	}
	return n, st
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.sides[d].Gap(n)
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) { s.tell(c, protocol.LoginTried) }

// Frame implements frames.Format.
func (s *stream) Frame(d protocol.Dir, b []byte) (size, show int, ok bool) {
	if len(b) < 4 {
		return 0, 4, true
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxMessage {
		return 0, 0, false
	}
	size = 4 + int(n)
	if d == protocol.ToServer {
		return size, min(size, shown), s.raw || n >= requestHeader-4
	}
	return size, min(size, 4+4+1+2), true
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	if d == protocol.ToClient {
		return len(b) >= 8 && s.await && binary.BigEndian.Uint32(b[4:]) == s.correlation
	}
	return probeRequest(&protocol.Peek{Data: b, Dir: d}) == protocol.Yes
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_message"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	if d == protocol.ToServer {
		return s.request(c, b)
	}
	return s.answer(c, b)
}

func (s *stream) request(c *protocol.Context, b []byte) protocol.Status {
	if s.raw {
		s.token(b[4:])
		s.await = true
		return protocol.More
	}
	key, version := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	_, body, ok := cutString(b[12:])
	switch {
	case !ok:
	case key == apiVersions:
		if version >= 3 {
			s.software(c, body)
		}
	case key == apiHandshake:
		mechanism, _, _ := cutString(body)
		s.begin(mechanism, version == 0)
	case key == apiAuthenticate:
		s.await, s.flexible, s.correlation = true, version >= 2, binary.BigEndian.Uint32(b[8:])
		if s.flexible {
			body, _, ok = cutCompact(skipTags(body))
		} else if ok = len(body) >= 4; ok {
			body = body[4:]
		}
		if ok {
			s.token(body)
		}
	default:
		// Who may ask for anything else is logged in, or needs not be.
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	return protocol.More
}

// begin starts a login by the mechanism of that name.
func (s *stream) begin(mechanism []byte, raw bool) {
	s.mechanism = append(s.mechanism[:0], mechanism[:min(len(mechanism), 32)]...)
	s.raw, s.first = raw, true
	s.rounds = 1
	if string(mechanism) == "GSSAPI" {
		s.rounds = 3
	} else if len(mechanism) > 5 && string(mechanism[:5]) == "SCRAM" {
		s.rounds = 2
	}
}

// token takes a client's token: the first tells the user, the rest are not looked at.
func (s *stream) token(b []byte) {
	if !s.first {
		return
	}
	s.first = false
	s.user = saslname.Append(s.user[:0], s.mechanism, b)
	s.pending = len(s.user) > 0
}

// answer takes the beginning of what the broker says to a token.
func (s *stream) answer(c *protocol.Context, b []byte) protocol.Status {
	if !s.await {
		return protocol.More
	}
	code := uint16(0) // of tokens without a header there are answers to the good ones only
	if !s.raw {
		if len(b) < 10 || binary.BigEndian.Uint32(b[4:]) != s.correlation {
			return protocol.More
		}
		if b = b[8:]; s.flexible {
			b = b[1:]
		}
		if len(b) < 2 {
			return protocol.More
		}
		code = binary.BigEndian.Uint16(b)
	}
	s.await = false
	s.rounds--
	switch {
	case code == saslAuthenticationFailed:
		s.tell(c, protocol.LoginRefused)
	case code != 0:
		s.tell(c, protocol.LoginTried)
	case s.rounds <= 0:
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	return protocol.More
}

// software tells what ApiVersions 3 says of the client.
func (s *stream) software(c *protocol.Context, body []byte) {
	name, rest, ok := cutCompact(skipTags(body))
	if !ok || len(name) == 0 {
		return
	}
	version, _, _ := cutCompact(rest)
	if len(name)+len(version) > maxText {
		return
	}
	s.text = append(append(append(s.text[:0], name...), ' '), version...)
	s.facts[0] = protocol.Fact{Kind: protocol.ClientSoftware, Text: s.text}
	s.observe(c)
}

// tell emits the login that is waiting.
func (s *stream) tell(c *protocol.Context, outcome int64) {
	if !s.pending {
		return
	}
	s.pending = false
	s.text = append(s.text[:0], "kafka-"...)
	for _, b := range s.mechanism {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		s.text = append(s.text, b)
	}
	s.facts[0] = protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: s.text, Num: outcome}
	s.observe(c)
}

func (s *stream) observe(c *protocol.Context) {
	s.obs = protocol.Observation{TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// cutString cuts a nullable string off b.
func cutString(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	if b = b[2:]; n > len(b) {
		return nil, nil, false
	}
	n = max(n, 0)
	return b[:n], b[n:], true
}

// cutCompact cuts a compact string, or compact bytes, off b: its length and one as an unsigned varint.
func cutCompact(b []byte) (v, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n == 0 || n-1 > uint64(len(b)-k) {
		return nil, nil, false
	}
	b = b[k:]
	return b[:n-1], b[n-1:], true
}

// skipTags returns what follows the tagged fields that b begins with. Headers have none in practice.
func skipTags(b []byte) []byte {
	if len(b) == 0 || b[0] != 0 {
		return nil
	}
	return b[1:]
}
