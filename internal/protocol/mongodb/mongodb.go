// Package mongodb parses what MongoDB's wire protocol says in the clear of who speaks: the client's driver, who logs
// in by which mechanism and whether that is accepted, the server's version. Other commands are passed over.
package mongodb

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

const (
	header = 16
	// maxMessage is what a server accepts (maxMessageSizeBytes).
	maxMessage = 48_000_000
	// shown is how much of a message is looked at: hellos and logins are shorter.
	shown   = 4 << 10
	maxUser = 256
)

// Operation codes.
const (
	opReply      = 1
	opUpdate     = 2001
	opInsert     = 2002
	opQuery      = 2004
	opGetMore    = 2005
	opDelete     = 2006
	opKill       = 2007
	opCommand    = 2010
	opCommandRe  = 2011
	opCompressed = 2012
	opMsg        = 2013
)

// Parser returns the parser of MongoDB over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "mongodb",
		Over:  protocol.TCP,
		Limit: 2 * shown,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// head is a message's header.
type head struct {
	size, id, to, op uint32
}

func parseHead(b []byte) head {
	return head{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])}
}

func (h *head) ok() bool {
	if h.size < header || h.size > maxMessage {
		return false
	}
	switch h.op {
	case opReply, opUpdate, opInsert, opQuery, opGetMore, opDelete, opKill, opCommand, opCommandRe, opCompressed, opMsg:
		return true
	}
	return false
}

// request reports whether only clients send such a message, or for OP_MSG, whether it answers none.
func (h *head) request() bool {
	switch h.op {
	case opReply, opCommandRe:
		return false
	case opMsg, opCompressed:
		return h.to == 0
	}
	return true
}

// probe knows a message by its header and the beginning of what it must hold.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	m := protocol.Maybe
	if len(b) < header {
		if len(b) > 3 && binary.LittleEndian.Uint32(b) > maxMessage || len(b) > 14 && (b[13] != 0 && b[13] != 7 || b[14] != 0) {
			m = protocol.No
		}
	} else if h := parseHead(b); !h.ok() || !h.fits() {
		m = protocol.No
	} else if m = probeBody(&h, b[header:]); m == protocol.Yes {
		p.Reversed = h.request() != (p.Dir == protocol.ToServer)
		if p.Reversed && !p.Midstream {
			m = protocol.No
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// fits reports whether the size is enough for the fixed fields of the operation.
func (h *head) fits() bool {
	switch h.op {
	case opReply:
		return h.size >= header+20
	case opCompressed:
		return h.size > header+9
	}
	return h.size > header+8
}

func probeBody(h *head, b []byte) protocol.Match {
	switch h.op {
	case opMsg:
		if len(b) < 9 {
			return protocol.Maybe
		}
		// Bits of 16 and more are optional; only checksumPresent, moreToCome and exhaustAllowed are known.
		if flags := binary.LittleEndian.Uint32(b); flags&^(1<<16|3) != 0 || b[4] > 1 {
			return protocol.No
		}
		if n := binary.LittleEndian.Uint32(b[5:]); n < 5 || n > h.size-header {
			return protocol.No
		}
		return protocol.Yes
	case opReply:
		if len(b) < 20 {
			return protocol.Maybe
		}
		if binary.LittleEndian.Uint32(b) > 15 || binary.LittleEndian.Uint32(b[16:]) > 1<<20 {
			return protocol.No
		}
		if len(b) >= 24 && h.size > header+20 {
			if n := binary.LittleEndian.Uint32(b[20:]); n < 5 || n > h.size-header-20 {
				return protocol.No
			}
		}
		return protocol.Yes
	case opCompressed:
		if len(b) < 9 {
			return protocol.Maybe
		}
		inner := head{size: header, op: binary.LittleEndian.Uint32(b)}
		if inner.op == opCompressed || !inner.ok() || b[8] > 3 || binary.LittleEndian.Uint32(b[4:]) > maxMessage {
			return protocol.No
		}
		return protocol.Yes
	case opCommand, opCommandRe:
		return protocol.No // too rare, and too little to go by
	case opKill:
		if len(b) < 8 {
			return protocol.Maybe
		}
		if n := binary.LittleEndian.Uint32(b[4:]); binary.LittleEndian.Uint32(b) == 0 && n > 0 && n < 1<<16 && h.size == header+8+8*n {
			return protocol.Yes
		}
		return protocol.No
	}
	// A number, and the name of a collection.
	if len(b) < 5 {
		return protocol.Maybe
	}
	name, _, ok := bytes.Cut(b[4:], []byte{0})
	for _, c := range name {
		if c <= ' ' || c == 0x7f {
			return protocol.No
		}
	}
	switch {
	case b[1]|b[2]|b[3] != 0, len(name) > 255:
		return protocol.No
	case !ok:
		return protocol.Maybe
	case bytes.IndexByte(name, '.') > 0:
		return protocol.Yes
	}
	return protocol.No
}

// stream follows one connection.
type stream struct {
	sides   [2]frames.Reader
	login   login
	awaited bool // a request waits for an answer
	request uint32
	asked   asked
	text    []byte
	facts   [1]protocol.Fact
	obs     protocol.Observation
}

// asked says what kind of request waits for an answer.
type asked uint8

const (
	hello asked = iota + 1
	saslStart
	authenticate
	buildInfo
)

// login is the last login that was seen.
type login struct {
	user, mechanism []byte
	pending         bool
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{login: login{user: s.login.user[:0], mechanism: s.login.mechanism[:0]}, text: s.text[:0]}
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
	if len(b) < header {
		return 0, header, true
	}
	h := parseHead(b)
	if !h.ok() {
		return 0, 0, false
	}
	size = int(h.size)
	switch {
	case h.op != opMsg && h.op != opQuery && h.op != opReply:
	case d == protocol.ToServer, s.awaited && h.to == s.request:
		show = min(size, shown)
	}
	return size, show, true
}

// Sync implements frames.Format.
func (s *stream) Sync(d protocol.Dir, b []byte) bool {
	if len(b) < header {
		return false
	}
	h := parseHead(b)
	return h.ok() && h.fits() && h.request() == (d == protocol.ToServer) && probeBody(&h, b[header:]) == protocol.Yes
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_message"}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, _ int) protocol.Status {
	h := parseHead(b)
	doc := body(h.op, b[header:])
	if doc == nil {
		return protocol.More
	}
	if d == protocol.ToServer {
		s.command(c, h.id, doc)
	} else {
		s.awaited = false
		s.answer(c, doc)
	}
	return protocol.More
}

// body returns the document of a message, or its beginning.
func body(op uint32, b []byte) []byte {
	skip := 0
	switch op {
	case opReply:
		skip = 20
	case opQuery:
		if len(b) < 4 {
			return nil
		}
		name, _, ok := bytes.Cut(b[4:], []byte{0})
		if !ok || !bytes.HasSuffix(name, []byte(".$cmd")) {
			return nil
		}
		skip = 4 + len(name) + 1 + 8
	case opMsg:
		skip = 4
		// Sections of kind 1 may stand before the one of kind 0.
		for range 4 {
			if len(b) <= skip {
				return nil
			}
			kind := b[skip]
			skip++
			if kind == 0 {
				break
			}
			if kind != 1 || len(b) < skip+4 {
				return nil
			}
			n := binary.LittleEndian.Uint32(b[skip:])
			if n < 5 || uint64(n) > uint64(len(b)-skip) {
				return nil
			}
			skip += int(n)
		}
	}
	if len(b) < skip+5 {
		return nil
	}
	return b[skip:]
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.facts[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
}

// tell emits the login that is waiting.
func (s *stream) tell(c *protocol.Context, outcome int64) {
	if s.login.pending {
		s.login.pending = false
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.Login, Text: s.login.user, Aux: s.login.mechanism, Num: outcome})
	}
}
