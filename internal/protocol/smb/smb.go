// Package smb parses SMB 2 and 3 ([MS-SMB2]) and the beginning of SMB 1 ([MS-CIFS]): dialects, who logs in, shares,
// names of files, and the content of files that are read or written, which is hashed as it streams by. Encrypted and
// compressed messages are only counted.
package smb

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	// maxPending bounds the requests that wait for a response.
	maxPending = 128
	// maxLook is how much of a command is looked at, apart from the content of files.
	maxLook = 16 << 10

	frameHeader = 4  // RFC 1002, section 4.3.1; [MS-SMB2], section 2.1
	header2     = 64 // [MS-SMB2], section 2.2.1
	header1     = 32 // [MS-CIFS], section 2.2.3.1
)

// Types of session packets (RFC 1002, section 4.3.1).
const (
	sessionMessage  = 0x00
	sessionRequest  = 0x81
	positive        = 0x82
	negative        = 0x83
	retarget        = 0x84
	keepAlive       = 0x85
	calledNameField = 34
)

var (
	magic1     = []byte("\xffSMB")
	magic2     = []byte("\xfeSMB")
	encrypted  = []byte("\xfdSMB")
	compressed = []byte("\xfcSMB")
)

// Parser recognises SMB over TCP, directly or over a NetBIOS session, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "smb",
		Over:  protocol.TCP,
		Limit: 64 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// side is one direction.
type side struct {
	skip int // bytes to drop
	left int // bytes of the session message that no command has claimed
	rest int // unread bytes that the flow table holds
	seen bool
	lost bool
	// The content of a file that streams by, of which drop bytes were seen before.
	content *transfer
	data    int
	drop    int
	after   int // bytes of the command behind the content
}

// stream follows one connection.
type stream struct {
	sides    [2]side
	pending  []*transaction
	free     []*transaction
	files    files
	trees    []tree
	count    int
	dialect  dialect
	dialect1 []byte // the dialect of version 1
	maxRead  uint32
	maxWrite uint32
	sealed   bool
	broken   bool
	related  id // the file that a related command of the same message means
	opened   id // the file that was opened last
	fact     [1]protocol.Fact
	obs      protocol.Observation
	detail   detail
	moved    moved
	rpc      pipeCall
	name     []byte
}

func (s *stream) Reset() {
	for _, t := range s.pending {
		s.release(t)
	}
	s.free = keep(s.free, 8)
	s.files.reset()
	*s = stream{pending: s.pending[:0], free: s.free, files: s.files, trees: s.trees[:0], dialect1: s.dialect1[:0], name: s.name[:0], moved: moved{sum: s.moved.sum[:0]}}
}

// keep cuts a list of what is not in use: a stream that waits for its next flow holds little.
func keep[T any](list []*T, n int) []*T {
	if len(list) > n {
		clear(list[n:])
		list = list[:n]
	}
	return list
}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	side := &s.sides[d]
	side.rest = 0
	n := 0
	for n < len(b) {
		used := s.step(c, d, side, b[n:])
		if used == 0 {
			side.rest = len(b) - n
			break
		}
		n += used
	}
	return n, protocol.More
}

// step reads the next piece of b, which is not empty, and returns how many bytes it consumed, which may be more than
// there are; 0 when the piece is not whole.
func (s *stream) step(c *protocol.Context, d protocol.Dir, side *side, b []byte) int {
	if !side.seen {
		if c.Midstream {
			switch message(b) {
			case protocol.Maybe:
				return 0
			case protocol.No:
				side.lost = true
			}
		}
		side.seen = true
	}
	switch {
	case side.skip > 0:
		n := side.skip
		side.skip = 0
		return n
	case side.data > 0:
		return s.body(side, b)
	case side.lost:
		i := begins(b)
		switch {
		case i < len(b):
			side.lost = false
		case len(b) > frameHeader+6:
			i = len(b) - frameHeader - 6 // one may begin in what is left
		default:
			return 0
		}
		if i > 0 {
			return i
		}
		fallthrough
	case side.left == 0:
		return s.frame(c, d, side, b)
	}
	return s.command(c, d, side, b)
}

// body takes bytes of a file. As soon as they do not matter the rest of them is counted and skipped.
func (s *stream) body(side *side, b []byte) int {
	n := min(side.data, len(b))
	t := side.content
	if t != nil && t.hasher.Hashing() {
		drop := min(side.drop, n)
		side.drop -= drop
		t.hasher.Write(b[drop:n])
		side.data -= n
	} else {
		n = 0
	}
	if t == nil || !t.hasher.Hashing() {
		if t != nil {
			t.hasher.Count(int64(max(side.data-side.drop, 0)))
		}
		n += side.data
		side.data, side.drop = 0, 0
	}
	if side.data == 0 {
		side.skip, side.after, side.drop, side.content = side.after, 0, 0, nil
	}
	return n
}

// frame reads the header of a session packet.
func (s *stream) frame(c *protocol.Context, d protocol.Dir, side *side, b []byte) int {
	if len(b) < frameHeader {
		c.Need = frameHeader
		return 0
	}
	size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	switch b[0] {
	case sessionMessage:
		side.left = size
		return frameHeader
	case sessionRequest:
		size &= 0x1ffff
		if want := frameHeader + min(size, calledNameField); len(b) < want {
			c.Need = want
			return 0
		}
		s.called(c, d, b[frameHeader:][:min(size, calledNameField)])
		return frameHeader + size
	case positive, negative, retarget, keepAlive:
		return frameHeader + size&0x1ffff
	}
	s.malformed(c, d)
	side.lost = true
	return 1
}

// called tells the server's NetBIOS name (RFC 1001, section 14.1).
func (s *stream) called(c *protocol.Context, d protocol.Dir, b []byte) {
	if len(b) < 33 {
		return
	}
	s.name = s.name[:0]
	for _, x := range b[1:33] {
		if x < 'A' || x > 'P' {
			return
		}
	}
	for i := 1; i < 31; i += 2 { // the sixteenth is the name's type
		s.name = append(s.name, (b[i]-'A')<<4|(b[i+1]-'A'))
	}
	s.name = bytes.TrimRight(s.name, " \x00")
	if len(s.name) > 0 && !bytes.Equal(s.name, []byte("*SMBSERVER")) {
		s.observe(c, d, protocol.Fact{Kind: protocol.NameService, Text: s.name})
	}
}

// command reads one command of a session message. All of it is claimed at once: what is not looked at is skipped.
func (s *stream) command(c *protocol.Context, d protocol.Dir, side *side, b []byte) int {
	if len(b) < min(4, side.left) {
		c.Need = min(4, side.left)
		return 0
	}
	magic := b[:min(4, side.left, len(b))]
	switch {
	case bytes.Equal(magic, magic2) && side.left >= header2:
		return s.command2(c, d, side, b)
	case bytes.Equal(magic, magic1) && side.left > header1:
		look := min(side.left, maxLook)
		if len(b) < look {
			c.Need = look
			return 0
		}
		s.command1(c, d, b[:look])
	case bytes.Equal(magic, encrypted):
		if !s.sealed {
			s.sealed = true
			s.observe(c, d, protocol.Fact{Kind: protocol.Encrypted})
		}
	case bytes.Equal(magic, compressed):
	default:
		s.malformed(c, d)
	}
	n := side.left
	side.left = 0
	return n
}

// Gap goes on where the lost bytes belong to one message whose size was seen, else at the next message.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	side := &s.sides[d]
	if t := side.content; t != nil && side.data > 0 {
		lost := max(side.data-side.drop, 0)
		if n > 0 {
			lost = min(lost, n)
		}
		t.hasher.Skip(int64(lost))
	}
	n0 := n
	for _, held := range []*int{&side.skip, &side.data, &side.after} {
		m := min(n, *held)
		*held -= m
		n -= m
	}
	if side.data == 0 {
		side.content, side.skip, side.after, side.drop = nil, side.skip+side.after, 0, 0
	}
	if n > 0 && side.rest+n <= side.left {
		// The command that was waited for, and those behind it.
		side.skip, side.left, n = side.left-side.rest-n, 0, 0
	}
	if n0 == 0 || n > 0 {
		side.skip, side.data, side.after, side.left, side.content = 0, 0, 0, 0, nil
		side.lost = true
	}
	side.rest = 0
	return protocol.More
}

func (s *stream) End(c *protocol.Context) {
	for len(s.pending) > 0 {
		s.tell(c, 0)
	}
	for len(s.files.open) > 0 {
		s.closeFile(c, len(s.files.open)-1)
	}
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, f protocol.Fact) {
	s.fact[0] = f
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
	c.Sink.Observe(&s.obs)
}

// malformed says once that a message is.
func (s *stream) malformed(c *protocol.Context, d protocol.Dir) {
	if s.broken {
		return
	}
	s.broken = true
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_data"}
	c.Sink.Observe(&s.obs)
}

func le16(b []byte) int    { return int(binary.LittleEndian.Uint16(b)) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
