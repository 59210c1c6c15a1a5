package http

import (
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

	"netsensor/internal/protocol"
)

// Parser2 returns the parser of HTTP/2 in the clear, with prior knowledge or after an upgrade.
func Parser2() protocol.Parser {
	d := new(decoders)
	return protocol.Parser{
		Name:  "http2",
		Over:  protocol.TCP,
		Limit: maxFrame + 1<<10,
		Probe: probe2,
		New:   func() protocol.Stream { return newStream2(d) },
	}
}

const (
	// maxOpen bounds the exchanges that are followed at the same time.
	maxOpen = 128
	// maxBlock bounds a header block with its continuations.
	maxBlock = 64 << 10
	// maxKept bounds the header fields of all open exchanges; beyond it, only what is short is kept.
	maxKept = 512 << 10
	// maxFaults is how many frames of a direction may be wrong before it is held to be something else.
	maxFaults = 3
	// reusable is how many bytes of header blocks a decoder may have seen to be kept for the next flow.
	reusable = 16 << 10
)

// stream2 follows HTTP/2.
type stream2 struct {
	side [2]side2
	open []*exchange // oldest first
	next int         // the next exchange's number
	kept int         // bytes of the header fields of the open exchanges
	teller
	control control
}

// side2 is one direction of the flow.
type side2 struct {
	decoder *hpack.Decoder
	role    role
	last    uint32    // the highest stream that a header block was seen for
	current *exchange // whose header block is being read; nil when it is ignored
	block   uint32    // stream of the header block that is being read; 0 when none is
	size    int       // of the block so far
	total   int       // of all blocks
	left    int       // of a DATA frame, padding included
	padding int
	unread  int
	data    uint32 // stream of the DATA frame
	end     bool   // the header block or the DATA frame ends its stream
	faults  int
	started bool
	opaque  bool // the header compression's state is lost
}

func newStream2(d *decoders) *stream2 {
	s := &stream2{}
	s.decoders = d
	for i := range s.side {
		s.side[i].decoder = s.newDecoder(&s.side[i])
	}
	return s
}

func (s *stream2) newDecoder(sd *side2) *hpack.Decoder {
	d := hpack.NewDecoder(startTable, func(f hpack.HeaderField) {
		if sd.current != nil {
			sd.current.add(s, sd.role, f)
		}
	})
	d.SetMaxStringLength(maxString)
	d.SetAllowedMaxDynamicTableSize(maxTable)
	return d
}

// Reset implements protocol.Stream.
func (s *stream2) Reset() {
	for i := range s.side {
		sd := &s.side[i]
		decoder := sd.decoder
		if sd.total > reusable {
			decoder = s.newDecoder(sd)
		}
		decoder.Close() // forgets a block that was cut
		decoder.SetMaxDynamicTableSize(0)
		decoder.SetMaxDynamicTableSize(startTable)
		*sd = side2{decoder: decoder}
	}
	for _, x := range s.open {
		x.release(s.decoders)
	}
	clear(s.open)
	s.open = s.open[:0]
	s.next, s.kept = 0, 0
	s.teller.reset()
}

// Feed implements protocol.Stream.
func (s *stream2) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	sd := &s.side[d]
	n := 0
	for n < len(b) {
		k, status := s.step(c, d, sd, b[n:])
		n += k
		if status != protocol.More {
			return n, status
		}
		if k == 0 {
			break
		}
	}
	sd.unread = max(0, len(b)-n)
	return n, protocol.More
}

// step takes one frame, or a part of a DATA frame; nothing when more bytes are needed.
func (s *stream2) step(c *protocol.Context, d protocol.Dir, sd *side2, b []byte) (int, protocol.Status) {
	if !sd.started {
		n := min(len(b), len(preface))
		switch {
		case string(b[:n]) != preface[:n]:
			return s.first(c, d, sd, b)
		case n < len(preface):
			return 0, protocol.More
		}
		sd.started, sd.role = true, requests
		s.side[d.Reverse()].role = responses
		return n, protocol.More
	}
	if sd.left > 0 {
		return s.body(c, d, sd, b), protocol.More
	}
	if len(b) < frameHeaderLen {
		c.Need = frameHeaderLen
		return 0, protocol.More
	}
	f := parseFrameHeader(b)
	if !f.valid() {
		s.complain(c, d, protocol.NoTx, invalidFrameData)
		if sd.faults++; sd.faults > maxFaults {
			return 0, protocol.Failed
		}
		sd.opaque = sd.opaque || f.hasHeaders()
		return frameHeaderLen + f.length, protocol.More
	}
	if sd.block != 0 && (f.kind != frameContinuation || f.id != sd.block) {
		s.complain(c, d, protocol.NoTx, invalidFrameData)
		return 0, protocol.Failed
	}
	switch f.kind {
	case frameData:
		return s.startData(c, d, sd, f, b)
	case frameHeaders, frameContinuation, framePushPromise, frameSettings, frameGoAway, frameReset:
		if f.length > maxFrame {
			s.complain(c, d, protocol.NoTx, invalidFrameLength)
			sd.opaque = sd.opaque || f.hasHeaders()
			return frameHeaderLen + f.length, protocol.More
		}
		if n := frameHeaderLen + f.length; len(b) >= n {
			s.frame(c, d, sd, f, b[frameHeaderLen:n])
			return n, protocol.More
		}
		c.Need = frameHeaderLen + f.length
		return 0, protocol.More
	}
	return frameHeaderLen + f.length, protocol.More
}

// first is for a direction that begins without the preface: the server's, or in midstream.
func (s *stream2) first(c *protocol.Context, d protocol.Dir, sd *side2, b []byte) (int, protocol.Status) {
	if len(b) < frameHeaderLen {
		return 0, protocol.More
	}
	f := parseFrameHeader(b)
	if !c.Midstream && (f.kind != frameSettings || !f.valid()) {
		s.complain(c, d, protocol.NoTx, invalidFrameData)
		return 0, protocol.Failed
	}
	sd.started = true
	if sd.role == unknown {
		sd.role = responses
		if c.Midstream && d == protocol.ToServer {
			sd.role = requests
		}
	}
	return s.step(c, d, sd, b)
}

// startData reads the beginning of a DATA frame.
func (s *stream2) startData(c *protocol.Context, d protocol.Dir, sd *side2, f frameHeader, b []byte) (int, protocol.Status) {
	n := frameHeaderLen
	sd.padding = 0
	if f.flags&flagPadded != 0 {
		if len(b) == n {
			return 0, protocol.More
		}
		sd.padding = int(b[n])
		n++
		f.length--
	}
	if sd.padding > f.length || f.length < 0 {
		s.complain(c, d, protocol.NoTx, invalidFrameData)
		return 0, protocol.Failed
	}
	sd.left, sd.data, sd.end = f.length, f.id, f.flags&flagEndStream != 0
	if sd.left == 0 && sd.end {
		s.ended(c, d, sd, s.find(sd.data))
	}
	return n, protocol.More
}

// body takes bytes of a DATA frame.
func (s *stream2) body(c *protocol.Context, d protocol.Dir, sd *side2, b []byte) int {
	n := min(len(b), sd.left)
	x := s.find(sd.data)
	if real := min(n, sd.left-sd.padding); x != nil && real > 0 {
		x.data(s, sd.role, b[:real], 0)
	}
	if sd.left -= n; sd.left == 0 && sd.end {
		s.ended(c, d, sd, x)
	}
	sd.padding = min(sd.padding, sd.left)
	return n
}

// frame takes a whole frame that is not DATA.
func (s *stream2) frame(c *protocol.Context, d protocol.Dir, sd *side2, f frameHeader, p []byte) {
	switch f.kind {
	case frameSettings:
		if f.flags&flagAck == 0 && len(p) > 0 {
			s.control.settings = s.control.settings[:0]
			for ; len(p) >= 6 && len(s.control.settings) < 32; p = p[6:] {
				s.control.settings = append(s.control.settings, setting{binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:])})
			}
			s.control.role, s.control.goAway = sd.role, false
			s.observe(c, protocol.Observation{Event: "http", Dir: d, TxID: protocol.NoTx, Detail: &s.control})
		}
	case frameGoAway:
		s.control.role, s.control.goAway, s.control.code = sd.role, true, binary.BigEndian.Uint32(p[4:])
		s.observe(c, protocol.Observation{Event: "http", Dir: d, TxID: protocol.NoTx, Detail: &s.control})
	case frameReset:
		if x := s.find(f.id); x != nil {
			m := &x.message[sd.role]
			m.reset, m.code = true, binary.BigEndian.Uint32(p)
			s.close(c, x)
		}
	default:
		s.headerFrame(c, d, sd, f, p)
	}
}

// find returns the exchange on a stream, or nil.
func (s *stream2) find(id uint32) *exchange {
	for i := len(s.open) - 1; i >= 0; i-- {
		if s.open[i].stream == id {
			return s.open[i]
		}
	}
	return nil
}

// ended is called when sd will send no more on x, which may be nil.
func (s *stream2) ended(c *protocol.Context, d protocol.Dir, sd *side2, x *exchange) {
	if x == nil {
		return
	}
	s.endFile(c, x, sd.role, true)
	x.message[sd.role].ended = true
	if x.message[responses].ended {
		s.close(c, x)
	}
}

// endFile writes the event of the file that one side of x sent.
func (s *stream2) endFile(c *protocol.Context, x *exchange, r role, whole bool) {
	m := &x.message[r]
	if m.file == nil {
		return
	}
	d := x.dir
	if r == responses {
		d = d.Reverse()
	}
	s.fileMoved(c, d, x.id, x, m.file, x.filename(r), whole)
	m.file = nil
}

// close writes x's event and forgets it.
func (s *stream2) close(c *protocol.Context, x *exchange) {
	s.endFile(c, x, requests, false)
	s.endFile(c, x, responses, false)
	s.observe(c, protocol.Observation{Event: "http", Dir: x.dir, TxID: x.id, Detail: x})
	s.kept -= x.kept
	for i := range s.open {
		if s.open[i] == x {
			n := i + copy(s.open[i:], s.open[i+1:])
			s.open[n] = nil
			s.open = s.open[:n]
			break
		}
	}
	for i := range s.side {
		if s.side[i].current == x {
			s.side[i].current = nil
		}
	}
}

// Gap implements protocol.Stream. Only within DATA is it known where the next frame begins.
func (s *stream2) Gap(c *protocol.Context, d protocol.Dir, n int) protocol.Status {
	sd := &s.side[d]
	lost := n + sd.unread
	sd.unread = 0
	if n == 0 || lost > sd.left {
		return protocol.Failed
	}
	x := s.find(sd.data)
	if real := min(lost, sd.left-sd.padding); x != nil && real > 0 {
		x.data(s, sd.role, nil, real)
	}
	if sd.left -= lost; sd.left == 0 && sd.end {
		s.ended(c, d, sd, x)
	}
	sd.padding = min(sd.padding, sd.left)
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream2) End(c *protocol.Context) {
	for len(s.open) > 0 {
		s.close(c, s.open[0])
	}
}
