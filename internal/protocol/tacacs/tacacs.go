// Package tacacs recognises TACACS+ (RFC 8907), and who logs in where its bodies are in the clear.
package tacacs

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const port = 49

// Offsets in the header (RFC 8907, section 4.1).
const (
	offType   = 1
	offSeq    = 2
	offFlags  = 3
	offLength = 8
	headerLen = 12
	maxBody   = 64 << 10
)

// Versions, types and the flag of a body in the clear.
const (
	version0       = 0xc0
	version1       = 0xc1
	authentication = 1
	accounting     = 3
	flagClear      = 0x01
	flagSingle     = 0x04
)

// Statuses of authentication (section 5.2).
const (
	statusPass = 1
	statusFail = 2
)

const startLen = 8

// Parser returns the parser of TACACS+.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "tacacs",
		Over:  protocol.TCP,
		Limit: 1 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	switch {
	case len(b) == 0 || !p.Port(port) || b[0] != version0 && b[0] != version1, len(b) > offType && (b[offType] == 0 || b[offType] > accounting),
		len(b) > offFlags && (b[offSeq] == 0 || b[offFlags]&^(flagClear|flagSingle) != 0):
		return protocol.No
	case len(b) < headerLen:
		if p.End {
			return protocol.No
		}
		return protocol.Maybe
	case binary.BigEndian.Uint32(b[offLength:]) > maxBody:
		return protocol.No
	}
	return protocol.Yes
}

// stream follows one connection, which may carry several sessions.
type stream struct {
	asked bool
	name  []byte
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() { *s = stream{name: s.name[:0]} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for {
		unread := b[n:]
		if len(unread) < headerLen {
			c.Need = headerLen
			return n, protocol.More
		}
		length := int(min(binary.BigEndian.Uint32(unread[offLength:]), maxBody+1))
		if unread[0] != version0 && unread[0] != version1 || length > maxBody {
			return n, protocol.Done
		}
		// Only the beginning of an authentication and its end are of interest. What the user types is not.
		first := unread[offType] == authentication && unread[offFlags]&flagClear != 0 && unread[offSeq] == 1 && d == protocol.ToServer
		last := unread[offType] == authentication && unread[offFlags]&flagClear != 0 && d == protocol.ToClient
		want := 0
		switch {
		case first && length >= startLen:
			want = headerLen + min(length, startLen+255)
		case last && length >= 1:
			want = headerLen + 1
		}
		if len(unread) < want {
			c.Need = want
			return n, protocol.More
		}
		switch {
		case want == 0:
		case first:
			s.start(c, unread[headerLen:want])
		case s.asked && unread[headerLen] == statusPass:
			s.give(c, protocol.LoginAccepted)
		case s.asked && unread[headerLen] == statusFail:
			s.give(c, protocol.LoginRefused)
		}
		if n += headerLen + length; n > len(b) {
			return n, protocol.More
		}
	}
}

// start reads the user of an authentication (section 5.1).
func (s *stream) start(c *protocol.Context, b []byte) {
	const offUserLen = 4
	n := int(b[offUserLen])
	if n == 0 || startLen+n > len(b) {
		return
	}
	if s.asked {
		s.give(c, protocol.LoginTried)
	}
	s.asked, s.name = true, append(s.name[:0], b[startLen:startLen+n]...)
}

var mechanism = []byte("tacacs")

func (s *stream) give(c *protocol.Context, outcome int64) {
	s.asked = false
	s.facts[0] = protocol.Fact{Kind: protocol.Login, Text: s.name, Aux: mechanism, Num: outcome}
	s.obs = protocol.Observation{Dir: protocol.ToServer, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (s *stream) End(c *protocol.Context) {
	if s.asked {
		s.give(c, protocol.LoginTried)
	}
}
