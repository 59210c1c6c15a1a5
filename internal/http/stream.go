// Package http follows HTTP/1.x and, in the clear, HTTP/2: who is asked for what, by which software and user, with
// which result, and which files are transferred.
package http

import "netsensor/internal/protocol"

// role is what a direction carries. It is told from the content: in midstream the flow's own guess may be wrong.
type role uint8

const (
	unknown role = iota
	requests
	responses
)

// state is where a direction stands within its messages.
type state uint8

const (
	atStart      state = iota
	inHead             // after the first line
	optionalBody       // the request was refused before its body, which may follow or not
	orphanBody         // a response to an unseen request: if that was HEAD, no body follows
	fixedBody          // left bytes
	chunkSize
	inChunk // left bytes
	chunkEnd
	inTrailer
	openBody // until the connection closes
	held     // after CONNECT: whose bytes these are, the response will tell
	turned   // what follows is another protocol's
	lost     // looking for the next message
)

// upgrade is what the Upgrade header asks for.
type upgrade uint8

const (
	noUpgrade upgrade = iota
	toHTTP2
	toTLS
	toWebSocket
	toOther
)

// framing is what the head of a message says about its body (RFC 9112, section 6).
type framing struct {
	length   int64 // of the Content-Length header; -1 without one
	chunked  bool
	transfer bool // some other transfer coding: until the connection closes
	coding   coding
	dns      bool // the body is a DNS message
	expect   bool // Expect: 100-continue
	upgrade  upgrade
}

// side is one direction of the flow.
type side struct {
	tx      *transaction // whose message this is
	file    *payload
	parts   *parts // of a multipart request body
	left    int64
	skipped int64 // of left, how much the flow table was told not to show
	size    int   // of the head so far
	scan    int   // see line
	unread  int
	next    state // after optionalBody or orphanBody
	frame   framing
	state   state
	role    role
	skip    bool // drop what is left of an overlong line
	filing  bool
	started bool // a message was seen
	touched bool // body bytes were seen
}

const (
	// maxQueue and maxQueueBytes bound the requests that wait for their response.
	maxQueue      = 64
	maxQueueBytes = 128 << 10
	// maxFree bounds the transactions that are kept for reuse.
	maxFree = 4
	// shown is how much of a body that is not hashed is looked at; the rest of a long one is skipped.
	shown = 1 << 20
)

// stream follows HTTP/1.
type stream struct {
	side  [2]side
	queue []*transaction // requests without final response, oldest first
	free  []*transaction
	next  int  // the next transaction's number
	gone  bool // responses may have been lost
	teller
}

func newStream(d *decoders) *stream { return &stream{teller: teller{decoders: d}} }

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	for i := range s.side {
		sd := &s.side[i]
		s.release(sd.tx)
		if sd.file != nil {
			sd.file.release(s.decoders)
		}
		*sd = side{file: sd.file}
	}
	for _, tx := range s.queue {
		s.release(tx)
	}
	clear(s.queue)
	s.queue = s.queue[:0]
	s.next, s.gone = 0, false
	s.teller.reset()
}

// outcome is what a step of Feed comes to.
type outcome uint8

const (
	again    outcome = iota // there may be more to do with what is left
	wait                    // more bytes are needed
	finished                // protocol.Done
	handover                // protocol.Switch
)

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	sd := &s.side[d]
	n := 0
	for n < len(b) {
		k, out := s.step(c, d, sd, b[n:])
		n += k
		switch out {
		case wait:
			sd.unread = max(0, len(b)-n)
			return n, protocol.More
		case finished:
			return n, protocol.Done
		case handover:
			return n, protocol.Switch
		}
	}
	sd.unread = 0
	return n, protocol.More
}

// step does one thing with b, which is not empty.
func (s *stream) step(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	if sd.skip {
		return sd.dropLine(b), again
	}
	switch sd.state {
	case atStart:
		return s.start(c, d, sd, b)
	case inHead:
		return s.head(c, d, sd, b)
	case optionalBody:
		return s.optional(sd, b)
	case orphanBody:
		return s.orphan(c, d, sd, b)
	case fixedBody, inChunk:
		return s.counted(c, d, sd, b)
	case chunkSize:
		return s.chunk(c, d, sd, b)
	case chunkEnd:
		return s.chunkEnd(c, d, sd, b)
	case inTrailer:
		return s.trailer(c, d, sd, b)
	case openBody:
		s.data(c, d, sd, b)
		return len(b), again
	case held:
		return s.hold(b)
	case turned:
		return 0, handover
	default:
		return s.search(sd, b)
	}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	sd := &s.side[d]
	missing := int64(n)
	if n > 0 {
		missing += int64(sd.unread)
	}
	sd.unread, sd.scan, sd.skip = 0, 0, false
	if sd.state == optionalBody || sd.state == orphanBody {
		sd.state = sd.next
	}
	switch sd.state {
	case openBody:
		s.missed(sd, missing)
		return protocol.More
	case turned:
		return protocol.Done
	case held, lost:
		return protocol.More
	case fixedBody, inChunk:
		if missing > 0 && missing <= sd.left {
			s.missed(sd, missing)
			if sd.left -= missing; sd.left == 0 {
				s.afterCounted(c, d, sd)
			}
			return protocol.More
		}
		s.missed(sd, sd.left)
		s.endMessage(c, d, sd, false)
	case chunkSize, chunkEnd, inTrailer:
		s.missed(sd, 0)
		s.endMessage(c, d, sd, false)
	case inHead:
		s.cutHead(c, d, sd)
	}
	s.lose(sd)
	return protocol.More
}

// lose makes sd look for the next message.
func (s *stream) lose(sd *side) {
	sd.state = lost
	s.gone = s.gone || sd.role == responses
}

// search consumes what cannot be the beginning of a message.
func (s *stream) search(sd *side, b []byte) (int, outcome) {
	at, found := findMessage(b, sd.role)
	if found == unknown {
		return at, wait
	}
	sd.state, sd.role = atStart, found
	return at, again
}

// hold waits with what follows a CONNECT until its response comes. Bytes that begin no request are the tunnel's:
// the response is not in the capture, or the client did not wait for it.
func (s *stream) hold(b []byte) (int, outcome) {
	if tokenLen(b[:1]) == 0 && !isSpace(b[0]) {
		return 0, handover
	}
	return 0, wait
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) {
	for d := range s.side {
		sd := &s.side[d]
		dir := protocol.Dir(d)
		switch sd.state {
		case inHead:
			s.cutHead(c, dir, sd)
		case atStart, held, lost, turned:
		default:
			if sd.role == responses {
				s.endMessage(c, dir, sd, sd.state == openBody && c.Closed[d])
			} else {
				s.endBody(c, dir, sd, false)
			}
		}
	}
	for len(s.queue) > 0 {
		s.drop(c)
	}
}

// begin starts a transaction whose request travels in direction d.
func (s *stream) begin(d protocol.Dir) *transaction {
	var tx *transaction
	if n := len(s.free); n > 0 {
		tx = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		tx = new(transaction)
	}
	tx.reset()
	tx.id, tx.dir = s.next, d
	s.next++
	return tx
}

// release gives up one reference to tx, which may be nil.
func (s *stream) release(tx *transaction) {
	if tx == nil {
		return
	}
	if tx.refs--; tx.refs == 0 && len(s.free) < maxFree {
		clear(tx.arena)
		s.free = append(s.free, tx)
	}
}

// enqueue puts a request behind those that wait for their response, and drops the oldest when they are too many.
func (s *stream) enqueue(c *protocol.Context, tx *transaction) {
	for len(s.queue) >= maxQueue {
		s.drop(c)
	}
	if len(s.queue) >= maxQueueBytes/maxArena {
		total := 0
		for _, t := range s.queue {
			total += len(t.arena)
		}
		for ; total > maxQueueBytes; s.drop(c) {
			total -= len(s.queue[0].arena)
		}
	}
	tx.refs++
	s.queue = append(s.queue, tx)
}

// dequeue takes the oldest request out of the queue; its reference passes to the caller.
func (s *stream) dequeue() *transaction {
	tx := s.queue[0]
	n := copy(s.queue, s.queue[1:])
	s.queue[n] = nil
	s.queue = s.queue[:n]
	return tx
}

// drop emits the oldest request as it is.
func (s *stream) drop(c *protocol.Context) {
	tx := s.dequeue()
	s.emit(c, tx)
	s.release(tx)
}

// emit writes the transaction's event, once.
func (s *stream) emit(c *protocol.Context, tx *transaction) {
	if tx.emitted {
		return
	}
	tx.emitted = true
	s.observe(c, protocol.Observation{Event: "http", Dir: tx.dir, TxID: tx.id, Detail: tx})
}
