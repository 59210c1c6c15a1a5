package capture

import (
	"io"
	"sync/atomic"
)

const (
	// blockSize is the unit of reading: large enough that system calls do not count, small enough for the cache.
	blockSize = 512 << 10
	// minBlock is the smallest block, for small files.
	minBlock = 4 << 10
	// maxFrame is the number of bytes kept of a frame: the largest snapshot length that tcpdump and Wireshark know.
	maxFrame = 256 << 10
	// maxRecord is the longest record that is believed; beyond it the length field is corrupt.
	maxRecord = 16 << 20
	// freeBlocks is how many blocks a source keeps for reuse.
	freeBlocks = 32
)

// input shows a stream as contiguous windows into reference-counted blocks. Bytes that were shown stay where they are
// as long as a batch holds their block: a window that would cross the end of its block begins a new one.
type input struct {
	r    io.Reader
	size int // of blocks
	free chan *block

	cur      *block // holds one reference for the input
	pos, end int    // unread bytes of cur
	base     int64  // position in the stream of cur's first byte
	held     bool   // the batch being filled holds cur
	err      error  // what r ended with
}

// newInput reads lead, then r. No window may be asked for that is larger than max(size, what the stream has).
func newInput(lead []byte, r io.Reader, size int) *input {
	in := &input{r: r, size: size, free: make(chan *block, freeBlocks)}
	in.cur = in.block(len(lead))
	in.end = copy(in.cur.data, lead)
	return in
}

// block returns a block of at least n bytes with one reference.
func (in *input) block(n int) *block {
	for {
		select {
		case k := <-in.free:
			if len(k.data) < n {
				continue
			}
			k.refs.Store(1)
			return k
		default:
			k := &block{data: make([]byte, max(n, in.size)), free: in.free}
			k.refs.Store(1)
			return k
		}
	}
}

// offset is the stream position of the first unread byte.
func (in *input) offset() int64 { return in.base + int64(in.pos) }

// window returns the unread bytes that lie together, at least n. The error is io.EOF where nothing is left,
// io.ErrUnexpectedEOF where less than n is left, else what the reader said.
func (in *input) window(n int) ([]byte, error) {
	if in.end-in.pos < n {
		if err := in.fill(n); err != nil {
			return in.cur.data[in.pos:in.end], err
		}
	}
	return in.cur.data[in.pos:in.end], nil
}

func (in *input) fill(n int) error {
	if len(in.cur.data)-in.pos < n {
		next := in.block(n)
		rest := copy(next.data, in.cur.data[in.pos:in.end])
		in.cur.release()
		in.base += int64(in.pos)
		in.cur, in.pos, in.end, in.held = next, 0, rest, false
	}
	for idle := 0; in.end-in.pos < n; {
		if in.err != nil {
			if in.err == io.EOF && in.end > in.pos {
				return io.ErrUnexpectedEOF
			}
			return in.err
		}
		m, err := in.r.Read(in.cur.data[in.end:])
		if in.end += m; m > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			err = io.ErrNoProgress
		}
		in.err = err
	}
	return nil
}

// skip moves over n bytes, of which none need to lie together.
func (in *input) skip(n int) error {
	for {
		step := min(n, in.end-in.pos)
		in.pos += step
		if n -= step; n == 0 {
			return nil
		}
		err := in.fill(min(n, len(in.cur.data)))
		if err == nil || in.pos < in.end {
			continue
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
}

// add appends a frame to b and makes b hold the current block, in which data lies.
func (in *input) add(b *Batch, f Frame) {
	if !in.held {
		b.hold(in.cur)
		in.held = true
	}
	b.Frames = append(b.Frames, f)
}

// drop takes back the last frame of b.
func (in *input) drop(b *Batch) { b.Frames = b.Frames[:len(b.Frames)-1] }

// counter counts what is read of the file as it lies on disk.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}
