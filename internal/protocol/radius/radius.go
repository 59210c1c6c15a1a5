// Package radius parses RADIUS (RFC 2865, 2866, 5176): who logs in where, and whether the server agrees.
package radius

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Codes (RFC 2865, section 4; RFC 2866, section 4; RFC 5176, section 2.3).
const (
	accessRequest     = 1
	accessAccept      = 2
	accessReject      = 3
	accountingRequest = 4
	accountingAnswer  = 5
	accessChallenge   = 11
	statusServer      = 12
	disconnectRequest = 40
	coaNAK            = 45
)

// Attributes (RFC 2865, section 5; 40: RFC 2866).
const (
	attrUserName   = 1
	attrStatusType = 40
)

// statusStart is the Acct-Status-Type at the beginning of a service.
const statusStart = 1

const (
	headerLen = 20
	maxLen    = 4096
	minAttr   = 2
	maxName   = 253
)

// maxPending bounds the requests that wait for an answer; the oldest is told of as unanswered.
const maxPending = 16

// Parser returns the parser of RADIUS over UDP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "radius",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func known(code byte) bool {
	switch {
	case code >= accessRequest && code <= accountingAnswer, code >= accessChallenge && code <= 13, code >= disconnectRequest && code <= coaNAK:
		return true
	}
	return false
}

func wellKnown(p *protocol.Peek) bool {
	return p.Port(1812) || p.Port(1813) || p.Port(1645) || p.Port(1646) || p.Port(3799) || p.Port(1700)
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < headerLen || !known(b[0]) {
		return protocol.No
	}
	port := wellKnown(p)
	n := int(binary.BigEndian.Uint16(b[2:]))
	// RFC 2865, section 3: bytes beyond the length are padding.
	if n < headerLen || n > maxLen || n != len(b) && (!port || n > len(b)) {
		if port && n >= headerLen && n <= maxLen {
			return protocol.Likely // cut off in the capture
		}
		return protocol.No
	}
	attributes := 0
	for rest := b[headerLen:n]; len(rest) > 0; attributes++ {
		if len(rest) < minAttr || rest[1] < minAttr || int(rest[1]) > len(rest) || rest[0] == 0 {
			if port && attributes > 0 {
				return protocol.Likely
			}
			return protocol.No
		}
		rest = rest[rest[1]:]
	}
	request := b[0] == accessRequest || b[0] == accountingRequest || b[0] == statusServer || b[0] == disconnectRequest || b[0] == 43
	if !port && (attributes < 3 || !request) {
		return protocol.No // a length and two lengths may agree by chance
	}
	p.Reversed = request == (p.Dir == protocol.ToClient)
	return protocol.Yes
}

// pending is a request that waits for an answer.
type pending struct {
	id   byte
	dir  protocol.Dir
	len  uint8
	name [maxName]byte
}

// stream follows one flow.
type stream struct {
	pending []pending
	facts   [1]protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() {
	clear(s.pending[:cap(s.pending)])
	s.pending = s.pending[:0]
}

var mechanism = []byte("radius")

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if len(b) < headerLen {
		return len(b), protocol.More
	}
	n := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	if n < headerLen {
		return len(b), protocol.More
	}
	id := b[1]
	switch b[0] {
	case accessRequest:
		if name := attribute(b[headerLen:n], attrUserName); len(name) > 0 {
			s.ask(c, d, id, name)
		}
	case accessAccept:
		s.answered(c, d.Reverse(), id, protocol.LoginAccepted)
	case accessReject:
		s.answered(c, d.Reverse(), id, protocol.LoginRefused)
	case accessChallenge: // the next request has the name again
		if i := s.find(d.Reverse(), id); i >= 0 {
			s.remove(i)
		}
	case accountingRequest:
		// Whoever is given a service was let in before, perhaps unseen.
		status := attribute(b[headerLen:n], attrStatusType)
		if name := attribute(b[headerLen:n], attrUserName); len(name) > 0 && len(status) == 4 && binary.BigEndian.Uint32(status) == statusStart {
			s.tell(c, d, name, protocol.LoginAccepted)
		}
	}
	return len(b), protocol.More
}

// attribute returns the value of the first attribute of a kind.
func attribute(b []byte, kind byte) []byte {
	for len(b) >= minAttr && b[1] >= minAttr && int(b[1]) <= len(b) {
		if b[0] == kind {
			return b[minAttr:b[1]]
		}
		b = b[b[1]:]
	}
	return nil
}

func (s *stream) find(d protocol.Dir, id byte) int {
	for i := range s.pending {
		if s.pending[i].id == id && s.pending[i].dir == d {
			return i
		}
	}
	return -1
}

func (s *stream) remove(i int) { s.pending = append(s.pending[:i], s.pending[i+1:]...) }

// ask remembers who wants to log in. The same request again is a retransmission.
func (s *stream) ask(c *protocol.Context, d protocol.Dir, id byte, name []byte) {
	if i := s.find(d, id); i >= 0 {
		old := &s.pending[i]
		if string(old.name[:old.len]) == string(name) {
			return
		}
		s.give(c, i)
	}
	if len(s.pending) == maxPending {
		s.give(c, 0)
	}
	s.pending = append(s.pending, pending{id: id, dir: d, len: uint8(len(name))})
	copy(s.pending[len(s.pending)-1].name[:], name)
}

// give tells of a request that is not waited for any longer.
func (s *stream) give(c *protocol.Context, i int) {
	p := &s.pending[i]
	s.tell(c, p.dir, p.name[:p.len], protocol.LoginTried)
	s.remove(i)
}

func (s *stream) answered(c *protocol.Context, d protocol.Dir, id byte, outcome int64) {
	if i := s.find(d, id); i >= 0 {
		p := &s.pending[i]
		s.tell(c, d, p.name[:p.len], outcome)
		s.remove(i)
	}
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, name []byte, outcome int64) {
	s.facts[0] = protocol.Fact{Kind: protocol.Login, Text: name, Aux: mechanism, Num: outcome}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	s.facts[0] = protocol.Fact{}
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(c *protocol.Context) {
	for len(s.pending) > 0 {
		s.give(c, 0)
	}
}
