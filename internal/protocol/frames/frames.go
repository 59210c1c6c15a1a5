// Package frames cuts one direction of a TCP stream into messages that say their own length: it hands over the
// beginning of each, skips what nobody looks at, and finds its place again after lost bytes. It keeps no bytes: the
// flow table holds what is incomplete.
package frames

import "netsensor/internal/protocol"

// skipAll is how far a direction is skipped at a time when nothing more is wanted of it.
const skipAll = 1 << 30

// MaxSize is the largest size that a Format may give.
const MaxSize = 1 << 40

// Format knows the messages of one protocol.
type Format interface {
	// Frame reads the head of the message that b (never empty) begins with: its size in all, and how many bytes of
	// it Message is to be shown, none if 0. A size of 0 says that show bytes are needed to tell. It is false where no
	// message can begin so.
	Frame(d protocol.Dir, b []byte) (size, show int, ok bool)
	// Sync reports whether a message certainly begins where b does, which is the start of a segment after a loss.
	Sync(d protocol.Dir, b []byte) bool
	// Message takes the first bytes of a message of size bytes. What it says but More ends the stream behind that
	// message.
	Message(c *protocol.Context, d protocol.Dir, b []byte, size int) protocol.Status
	// Malformed is told once that no message of direction d can be read any more.
	Malformed(c *protocol.Context, d protocol.Dir)
}

type state uint8

const (
	aligned state = iota
	lost          // the next segment that begins like a message does is taken for one
	resting       // what comes is dropped as it comes
	closed        // nothing more is wanted of the direction
)

// Reader is the position in one direction. The zero value stands before a message.
type Reader struct {
	skip  int // bytes to drop
	have  int // unread bytes that the flow table holds
	want  int // size of the message that they begin, 0 when not known
	state state
	found bool // the position was guessed after a loss: what does not fit is no one's fault
}

// Feed reads the unread bytes of direction d; it returns what Stream.Feed has to.
func (r *Reader) Feed(f Format, c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := min(r.skip, len(b))
	r.skip -= n
	r.have, r.want = 0, 0
	for n < len(b) {
		rest := b[n:]
		switch r.state {
		case closed:
			return n + skipAll, protocol.More
		case resting:
			return len(b), protocol.More
		case lost:
			if !f.Sync(d, rest) {
				return len(b), protocol.More
			}
			r.state, r.found = aligned, true
		}
		size, show, ok := f.Frame(d, rest)
		switch {
		case !ok && (r.found || c.Midstream):
			r.state = lost
			return len(b), protocol.More
		case !ok:
			r.state = closed
			f.Malformed(c, d)
			continue
		case size == 0 || len(rest) < show:
			r.have, r.want = len(rest), size
			c.Need = max(show, len(rest)+1)
			return n, protocol.More
		}
		n += size
		if show > 0 {
			if st := f.Message(c, d, rest[:show], size); st != protocol.More {
				return n, st
			}
		}
	}
	return n, protocol.More
}

// Gap takes the loss of n bytes. It reports whether the place in the stream is still known: the loss fell into one
// message, which is not shown.
func (r *Reader) Gap(n int) bool {
	have, want := r.have, r.want
	r.have, r.want = 0, 0
	switch {
	case r.state != aligned:
	case n > 0 && n <= r.skip:
		r.skip -= n
		return true
	case n > 0 && r.skip == 0 && n <= want-have:
		r.skip = want - have - n
		return true
	default:
		r.state = lost
	}
	r.skip = 0
	return false
}

// Rest drops what comes until Wake is called.
func (r *Reader) Rest() {
	if r.state != closed {
		r.state = resting
	}
}

// Wake ends a rest: the next byte begins a message.
func (r *Reader) Wake() {
	if r.state == resting || r.state == lost {
		r.state, r.found = aligned, true
	}
}

// Close drops all that is to come.
func (r *Reader) Close() { r.state = closed }

// Closed reports whether nothing more is read.
func (r *Reader) Closed() bool { return r.state == closed }
