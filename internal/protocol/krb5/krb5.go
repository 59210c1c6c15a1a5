// Package krb5 parses the Kerberos key distribution exchanges (RFC 4120) over UDP and TCP: who asks for which service
// of which realm, with what encryption, and how it ended. Tickets and keys are encrypted and not looked at.
package krb5

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ber"
	"netsensor/internal/protocol/frames"
)

const (
	// maxShown is how much of a message is looked at; tickets with many groups are the longest.
	maxShown = 60 << 10
	// maxMessage bounds the length that a message over TCP may claim (RFC 4120, section 7.2.2).
	maxMessage = 1 << 20
	maxName    = 256
)

// Message types are application tags (RFC 4120, section 5.10).
const (
	asReq    = 10
	asRep    = 11
	tgsReq   = 12
	tgsRep   = 13
	krbError = 30
)

// Parser recognises Kerberos over TCP and UDP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "krb5",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 64 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// begins reads the beginning of a message: its type and its size.
func begins(b []byte) (kind, size int, r ber.Result) {
	tag, n, length, r := ber.Header(b)
	if r != ber.Whole {
		return 0, 0, r
	}
	kind, size = int(tag&0x1f), n+length
	first := byte(context(0)) // pvno, of replies and errors
	switch {
	case tag&0xe0 != ber.Application|ber.Constructed:
		return 0, 0, ber.Wrong
	case kind == asReq || kind == tgsReq:
		first = context(1)
	case kind != asRep && kind != tgsRep && kind != krbError:
		return 0, 0, ber.Wrong
	}
	tag, m, inner, r := ber.Header(b[n:])
	if r != ber.Whole {
		return kind, size, r
	}
	if tag != ber.Sequence || m+inner != length {
		return 0, 0, ber.Wrong
	}
	for i, c := range [...]byte{first, 3, ber.Integer, 1, 5} {
		switch {
		case n+m+i >= len(b):
			return kind, size, ber.Short
		case b[n+m+i] != c:
			return 0, 0, ber.Wrong
		}
	}
	return kind, size, ber.Whole
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	size := 0
	if p.Over == protocol.TCP {
		if len(b) > 0 && b[0] != 0 {
			return protocol.No
		}
		if len(b) < 5 {
			return protocol.Maybe
		}
		size = int(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	kind, total, r := begins(b)
	switch {
	case r == ber.Wrong, r == ber.Short && p.Over == protocol.UDP, p.Over == protocol.UDP && total > len(b):
		return protocol.No
	case p.Over == protocol.TCP && (size > maxMessage || total != 0 && total != size):
		return protocol.No
	case r == ber.Short:
		return protocol.Maybe
	}
	p.Reversed = (kind == asReq || kind == tgsReq) != (p.Dir == protocol.ToServer)
	return protocol.Yes
}

// stream follows one connection, or the datagrams between two ports.
type stream struct {
	readers [2]frames.Reader
	count   int
	asked   int    // the type of the last request, 0 for none
	user    []byte // who asked, if that was an AS-REQ
	message message
	realm   []byte // the realm that was told
	fact    [3]protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() {
	*s = stream{user: s.user[:0], message: s.message.fresh(), realm: s.realm[:0]}
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		if kind, _, r := begins(b); r == ber.Whole {
			s.take(c, d, kind, b)
		} else {
			s.malformed(c, d)
		}
		return len(b), protocol.More
	}
	return s.readers[d].Feed(s, c, d, b)
}

// Frame implements frames.Format.
func (s *stream) Frame(_ protocol.Dir, b []byte) (size, show int, ok bool) {
	if len(b) < 4 {
		return 0, 4, true
	}
	size = int(binary.BigEndian.Uint32(b))
	if size == 0 || size > maxMessage {
		return 0, 0, false
	}
	return 4 + size, 4 + min(size, maxShown), true
}

// Sync implements frames.Format.
func (s *stream) Sync(_ protocol.Dir, b []byte) bool {
	if len(b) < 5 {
		return false
	}
	_, size, r := begins(b[4:])
	return r == ber.Whole && size == int(binary.BigEndian.Uint32(b))
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	if kind, _, r := begins(b[4:]); r == ber.Whole {
		s.take(c, d, kind, b[4:])
	} else {
		s.malformed(c, d)
	}
	return protocol.More
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) { s.malformed(c, d) }

func (s *stream) malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_data"}
	c.Sink.Observe(&s.obs)
}

func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.readers[d].Gap(n)
	return protocol.More
}

// End has nothing to tell: every message has its own event.
func (s *stream) End(*protocol.Context) {}

// take reads one message and tells it.
func (s *stream) take(c *protocol.Context, d protocol.Dir, kind int, b []byte) {
	m := &s.message
	*m = m.fresh()
	m.kind = kind
	r := inside(inside(ber.Reader(b)))
	facts := s.fact[:0]
	switch kind {
	case asReq, tgsReq:
		m.request(r)
		s.asked, s.user = kind, s.user[:0]
		if len(m.realm) > 0 && string(s.realm) != string(m.realm) {
			s.realm = append(s.realm[:0], m.realm...)
			facts = append(facts, protocol.Fact{Kind: protocol.NameService, Text: s.realm})
		}
		if kind == asReq && len(m.client) > 0 {
			s.user = append(s.user, m.client...)
			facts = append(facts, login(s.user, protocol.LoginTried))
		}
		if kind == tgsReq && len(m.service) > 0 {
			facts = append(facts, protocol.Fact{Kind: protocol.NameService, Text: m.service})
		}
	case asRep, tgsRep:
		m.reply(r)
		if kind == asRep && len(m.client) > 0 {
			facts = append(facts, login(m.client, protocol.LoginAccepted))
		}
		s.asked = 0
	case krbError:
		m.failure(r)
		m.failed = s.asked
		if s.asked == asReq && len(s.user) > 0 && m.code != preauthRequired && m.code != responseTooBig {
			facts = append(facts, login(s.user, protocol.LoginRefused))
		}
		s.asked = 0
	}
	s.obs = protocol.Observation{Event: "krb5", Dir: d, TxID: s.count, Detail: m, Facts: facts}
	s.count++
	c.Sink.Observe(&s.obs)
}

var mechanism = []byte("kerberos")

func login(user []byte, outcome int64) protocol.Fact {
	return protocol.Fact{Kind: protocol.Login, Text: user, Aux: mechanism, Num: outcome}
}
