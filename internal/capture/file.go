package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Options tune reading of files. The zero value is right except for tests.
type Options struct {
	// BlockSize is the unit of reading in bytes; 512 KiB by default.
	BlockSize int
	// MaxFrame is how many bytes of a frame are kept at most; 256 KiB by default. Longer frames are shortened and
	// counted in Stats.Oversized.
	MaxFrame int
}

// maxWindow is the largest zstd window that is decoded: what the zstd tool accepts without being asked for more.
const maxWindow = 128 << 20

// Open opens a capture file; "-" is standard input. The content decides the format, the name does not matter: pcap,
// pcapng or snoop, plain or compressed with gzip or zstd. The error is an *Error where the content is at fault.
//
// A file that ends within a record, or a compressed file that was cut off, yields all whole records, then io.EOF with
// Stats.Truncated. A corrupt one yields what precedes the damage, then an *Error.
//
// Read fills every batch to exactly max frames except the last one, however the bytes arrive. Stats and Interfaces
// may be called at any time from any goroutine.
func Open(path string, o Options) (Source, error) {
	if path == "-" {
		return NewReader(os.Stdin, "-", o)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a directory", path)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("capture: %w", err)
	}
	var size int64
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	src, err := newFile(f, path, size, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	src.file = f
	return src, nil
}

// NewReader is Open for a stream; name is used in errors only. Close does not close r.
func NewReader(r io.Reader, name string, o Options) (Source, error) {
	return newFile(r, name, 0, o)
}

// walker walks the records of one format. It appends frames to b until there are limit, and ends with io.EOF,
// io.ErrUnexpectedEOF (cut within a record), or an *Error without file name.
type walker interface {
	walk(b *Batch, limit int) error
}

// file is a Source over a file or stream.
type file struct {
	name  string
	raw   counter
	size  int64
	file  io.Closer
	unzip func() // ends the decompressor
	in    *input
	walk  walker
	done  error

	packets, bytes, oversized atomic.Uint64
	truncated                 atomic.Bool

	mu     sync.Mutex
	ifaces []Interface // append-only
}

func newFile(r io.Reader, name string, size int64, o Options) (*file, error) {
	if o.BlockSize <= 0 {
		o.BlockSize = blockSize
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = maxFrame
	}
	f := &file{name: name, raw: counter{r: r}, size: size, unzip: func() {}}
	lead := make([]byte, 4)
	n, err := io.ReadFull(&f.raw, lead)
	switch {
	case err == io.EOF:
		return nil, f.fault(0, ErrEmpty)
	case err != nil && err != io.ErrUnexpectedEOF:
		return nil, f.fault(0, err)
	}
	lead = lead[:n]
	if err := f.decompress(lead, size, o); err != nil {
		return nil, f.fault(0, err)
	}
	if f.walk, err = f.detect(o); err != nil {
		f.unzip()
		var e *Error
		if errors.As(err, &e) {
			e.File = name
			return nil, e
		}
		return nil, f.fault(0, err)
	}
	return f, nil
}

// decompress sets up the input: lead are the first bytes of the raw stream.
func (f *file) decompress(lead []byte, size int64, o Options) error {
	whole := io.MultiReader(bytes.NewReader(lead), &f.raw)
	switch compression(lead) {
	case gzipped:
		z, err := gzip.NewReader(whole)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		f.in = newInput(nil, z, o.BlockSize)
	case zstandard:
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
		f.unzip = z.Close
		f.in = newInput(nil, z, o.BlockSize)
	default:
		if size > 0 && size < int64(o.BlockSize) {
			// Room for one byte more, so that the end is seen without a second block.
			o.BlockSize = max(minBlock, int(size)+1)
		}
		f.in = newInput(lead, &f.raw, o.BlockSize)
	}
	return nil
}

// detect chooses the walker by the first bytes of the decompressed stream; eight make a better error than four.
func (f *file) detect(o Options) (walker, error) {
	head, err := f.in.window(8)
	switch {
	case err == io.EOF:
		return nil, ErrEmpty
	case err != nil && err != io.ErrUnexpectedEOF:
		return nil, err
	}
	switch magic(head) {
	case formatPcap:
		return newPcap(f, o.MaxFrame)
	case formatPcapng:
		return newPcapng(f, o.MaxFrame)
	case formatSnoop:
		return newSnoop(f, o.MaxFrame)
	}
	head = head[:min(len(head), 8)]
	return nil, fmt.Errorf("%w: it begins with % x (%q)", ErrFormat, head, head)
}

func (f *file) fault(offset int64, err error) error {
	return &Error{File: f.name, Offset: offset, Err: err}
}

// Read implements Source.
func (f *file) Read(b *Batch, max int) error {
	b.Release()
	if f.done != nil {
		return f.done
	}
	f.in.held = false
	err := f.walk.walk(b, max)
	var n uint64
	for i := range b.Frames {
		n += uint64(len(b.Frames[i].Data))
	}
	f.packets.Add(uint64(len(b.Frames)))
	f.bytes.Add(n)
	if err != nil {
		if f.done = f.ending(err); len(b.Frames) == 0 {
			return f.done
		}
	}
	return nil
}

// ending turns what a walker ended with into what Read returns.
func (f *file) ending(err error) error {
	var e *Error
	switch {
	case err == io.EOF:
		return io.EOF
	case err == io.ErrUnexpectedEOF:
		f.truncated.Store(true)
		return io.EOF
	case errors.As(err, &e):
		e.File = f.name
		return e
	}
	return f.fault(f.in.offset(), err)
}

// iface gives the index of an interface that is the nth of its section. Sections that repeat the interfaces of the
// sections before them, as concatenated files do, share them.
func (f *file) iface(nth int, i Interface) (uint16, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if nth < len(f.ifaces) && f.ifaces[nth] == i {
		return uint16(nth), true
	}
	if len(f.ifaces) == maxInterfaces {
		return 0, false
	}
	f.ifaces = append(f.ifaces, i)
	return uint16(len(f.ifaces) - 1), true
}

// Interfaces implements Source.
func (f *file) Interfaces() []Interface {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clip(f.ifaces)
}

// Stats implements Source.
func (f *file) Stats() Stats {
	return Stats{
		Packets: f.packets.Load(), Bytes: f.bytes.Load(), Oversized: f.oversized.Load(),
		BytesRead: f.raw.n.Load(), Size: f.size, Truncated: f.truncated.Load(),
	}
}

// Close implements Source. Batches that are still held stay valid.
func (f *file) Close() error {
	if f.done == nil || f.done == io.EOF {
		f.done = os.ErrClosed
	}
	f.unzip()
	f.unzip = func() {}
	if f.file == nil {
		return nil
	}
	c := f.file
	f.file = nil
	return c.Close()
}
