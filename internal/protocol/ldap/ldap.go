// Package ldap parses LDAP (RFC 4511) over TCP and the connection-less LDAP of Active Directory over UDP: the
// operations with their results, who binds, and StartTLS. Messages behind a SASL security layer are read where they
// are signed only. Passwords, SASL credentials, and the values of attributes that hold secrets are not kept.
package ldap

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ber"
)

const (
	// maxMessage is the longest message that is read whole; of longer ones (photos, certificates, lists of
	// members) only the head is.
	maxMessage = 60 << 10
	headLen    = 32
	// maxSkipped bounds the length that a message may claim.
	maxSkipped = 64 << 20
	maxPending = 64
	// keepText is the capacity of a transaction's text that is kept for the next one, keepFree the number of
	// transactions that a stream keeps for its next flow.
	keepText = 2 << 10
	keepFree = 4
)

// Parser recognises LDAP over TCP and UDP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "ldap",
		Over:  protocol.TCP | protocol.UDP,
		Limit: 64 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// head is what the first bytes of a message tell.
type head struct {
	id   int64
	op   op
	size int // of the whole message
	body int // where the operation's contents begin
	end  int // where they end
}

// readHead reads the envelope (RFC 4511, section 4.1.1) up to the operation.
func readHead(b []byte) (h head, r ber.Result) {
	tag, n, length, r := ber.Header(b)
	if r != ber.Whole {
		return h, r
	}
	if tag != ber.Sequence || length < 5 || length > maxSkipped {
		return h, ber.Wrong
	}
	h.size = n + length
	tag, m, length, r := ber.Header(b[n:])
	if r != ber.Whole {
		return h, r
	}
	if tag != ber.Integer || length < 1 || length > 4 {
		return h, ber.Wrong
	}
	n += m
	if len(b) < n+length {
		return h, ber.Short
	}
	h.id, _ = ber.Reader(b[n : n+length]).Value()
	n += length
	tag, m, length, r = ber.Header(b[n:])
	if r != ber.Whole {
		return h, r
	}
	h.op = op(tag)
	h.body, h.end = n+m, n+m+length
	if h.id < 0 || h.end > h.size || !h.op.known() {
		return h, ber.Wrong
	}
	return h, ber.Whole
}

// probe wants the envelope and the first element of the operation.
func probe(p *protocol.Peek) protocol.Match {
	h, r := readHead(p.Data)
	switch {
	case r == ber.Wrong, r == ber.Short && p.Over == protocol.UDP:
		return protocol.No
	case r == ber.Short:
		return protocol.Maybe
	}
	first := p.Data[h.body:]
	switch want := h.op.first(); {
	case want == 0 && h.op == abandonRequest:
		if n := h.end - h.body; n < 1 || n > 4 {
			return protocol.No
		}
	case want == 0 && h.op == unbindRequest:
		if h.end != h.body {
			return protocol.No
		}
	case want == 0:
	case h.end-h.body < 2:
		return protocol.No
	case len(first) == 0:
		return protocol.Maybe
	case first[0] != want:
		return protocol.No
	}
	p.Reversed = h.op.response() == (p.Dir == protocol.ToServer)
	return protocol.Yes
}

// side is one direction.
type side struct {
	skip int // bytes of a long message that are still to come
	want int // size of the message that rest is the beginning of, 0 when not known
	rest int // unread bytes that the flow table holds
	lost bool
	read bool // a message was read: the place in the stream is known
}

// stream follows one connection, or the datagrams between two ports.
type stream struct {
	sides   [2]side
	pending []*transaction
	free    []*transaction
	count   int
	login   login
	scratch []byte
	sasl    bool // a SASL security layer may be in place
	sealed  bool // the Encrypted fact was told
	fact    [2]protocol.Fact
	obs     protocol.Observation
}

func (s *stream) Reset() {
	for _, t := range s.pending {
		s.release(t)
	}
	if len(s.free) > keepFree {
		clear(s.free[keepFree:])
		s.free = s.free[:keepFree]
	}
	*s = stream{pending: s.pending[:0], free: s.free, login: login{user: s.login.user[:0]}, scratch: s.scratch[:0]}
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		s.datagram(c, d, b)
		return len(b), protocol.More
	}
	side := &s.sides[d]
	n := min(side.skip, len(b))
	side.skip -= n
	side.want, side.rest = 0, 0
	for n < len(b) {
		if side.lost {
			n += s.resume(side, b[n:])
			if side.lost {
				break
			}
		}
		used, status := s.step(c, d, b[n:])
		if status == protocol.Failed && c.Midstream && !side.read {
			side.lost = true
			continue
		}
		side.read = side.read || used > 0
		n += used
		if status != protocol.More {
			return n, status
		}
		if n > len(b) {
			side.skip = n - len(b)
			return len(b), protocol.More
		}
		if used == 0 {
			side.rest = len(b) - n
			if side.want > 0 {
				c.Need = side.want
			}
			break
		}
	}
	return n, protocol.More
}

// step reads one message, or nothing when it is not whole.
func (s *stream) step(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	switch {
	case b[0] == ber.Sequence:
		return s.message(c, d, b)
	case b[0] == 0x16:
		// A TLS record: StartTLS was accepted where it could not be seen.
		if len(b) < 3 {
			return 0, protocol.More
		}
		if b[1] == 3 && b[2] <= 4 {
			return 0, protocol.Switch
		}
	case s.sasl || c.Midstream:
		if len(b) < 4 {
			return 0, protocol.More
		}
		if size := binary.BigEndian.Uint32(b); size > 0 && size <= maxSkipped {
			return s.layer(c, d, b, 4+int(size))
		}
	}
	return s.broken(c, d)
}

// broken gives the connection up, unless its beginning was not seen.
func (s *stream) broken(c *protocol.Context, d protocol.Dir) (int, protocol.Status) {
	if !c.Midstream || s.sides[d].read {
		s.anomaly(c, d)
	}
	return 0, protocol.Failed
}

// message reads one message that stands in the clear.
func (s *stream) message(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	h, r := readHead(b)
	if r == ber.Wrong {
		return s.broken(c, d)
	}
	if r == ber.Short {
		return 0, protocol.More
	}
	want := h.size
	if want > maxMessage {
		want = headLen
	}
	if len(b) < want {
		s.sides[d].want = want
		return 0, protocol.More
	}
	status := s.operation(c, d, h, b[h.body:min(h.end, len(b))], h.size <= maxMessage)
	return h.size, status
}

// layer reads one buffer of a SASL security layer (RFC 4422, section 3.7) of size bytes, its length included.
func (s *stream) layer(c *protocol.Context, d protocol.Dir, b []byte, size int) (int, protocol.Status) {
	if size > maxMessage {
		return size, protocol.More
	}
	if len(b) < size {
		s.sides[d].want = size
		return 0, protocol.More
	}
	inner := unwrap(b[4:size])
	if len(inner) == 0 || inner[0] != ber.Sequence {
		if !s.sealed {
			s.sealed = true
			s.observe(c, d, protocol.Fact{Kind: protocol.Encrypted})
		}
		return size, protocol.More
	}
	s.each(c, d, inner)
	return size, protocol.More
}

// unwrap returns what a token protects if it is signed only: of Kerberos (RFC 4121, section 4.2.6.2) or NTLM
// ([MS-NLMP], section 2.2.2.9).
func unwrap(b []byte) []byte {
	const header = 16
	switch {
	case len(b) < header:
	case b[0] == 5 && b[1] == 4 && b[2]&2 == 0:
		sum, rotated := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
		b = b[header:]
		switch {
		case sum > len(b):
		case rotated == 0:
			return b[:len(b)-sum]
		case rotated == sum:
			return b[sum:]
		}
	case binary.LittleEndian.Uint32(b) == 1:
		return b[header:]
	}
	return nil
}

// each reads the messages of a buffer that is whole.
func (s *stream) each(c *protocol.Context, d protocol.Dir, b []byte) {
	for len(b) > 0 {
		h, r := readHead(b)
		if r != ber.Whole || h.size > len(b) {
			s.anomaly(c, d)
			return
		}
		s.operation(c, d, h, b[h.body:h.end], true)
		b = b[h.size:]
	}
}

func (s *stream) datagram(c *protocol.Context, d protocol.Dir, b []byte) {
	if h, r := readHead(b); r == ber.Whole && h.size > len(b) {
		s.operation(c, d, h, b[min(h.body, len(b)):], false)
		return
	}
	s.each(c, d, b)
}

// Gap goes on where the lost bytes belong to one message whose size was seen; else at the next message.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	side := &s.sides[d]
	switch {
	case n > 0 && n <= side.skip:
		side.skip -= n
	case n > 0 && n <= side.want-side.rest:
		side.skip = side.want - side.rest - n
	default:
		side.skip, side.lost = 0, true
	}
	side.want, side.rest = 0, 0
	return protocol.More
}

// resume looks for the beginning of a message and returns how many bytes stand before it.
func (s *stream) resume(side *side, b []byte) int {
	for i, x := range b {
		if x != ber.Sequence {
			continue
		}
		h, r := readHead(b[i:])
		if r == ber.Short {
			return i
		}
		if r == ber.Whole && (h.op.first() == 0 || len(b) > i+h.body && b[i+h.body] == h.op.first()) {
			side.lost = false
			return i
		}
	}
	return len(b)
}

func (s *stream) End(c *protocol.Context) {
	for len(s.pending) > 0 {
		s.tell(c, 0)
	}
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, facts ...protocol.Fact) {
	n := copy(s.fact[:], facts)
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:n]}
	c.Sink.Observe(&s.obs)
}

func (s *stream) anomaly(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "invalid_data"}
	c.Sink.Observe(&s.obs)
}
