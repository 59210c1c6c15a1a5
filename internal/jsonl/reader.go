// Package jsonl reads JSON lines that strangers wrote: line by line within bounds, and of each line only what is
// asked for. Nothing is allocated per line.
package jsonl

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// MaxLine is the longest line that is read, in bytes. Longer ones are skipped and counted.
const MaxLine = 1 << 20

// longest is MaxLine with its line end.
const longest = MaxLine + len("\r\n")

// Reader cuts a stream into lines.
type Reader struct {
	in      *bufio.Reader
	long    []byte
	zstd    *zstd.Decoder
	skipped uint64
	bytes   uint64
	cut     bool
}

// Memory that a compressed stream may ask for, and what is read at once.
const (
	maxWindow = 64 << 20
	readSize  = 256 << 10
)

// NewReader returns a reader of lines. Streams that are compressed with gzip or zstd are told by their content.
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, readSize)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	l := &Reader{in: in}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		l.in = bufio.NewReaderSize(z, readSize)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		l.zstd, l.in = z, bufio.NewReaderSize(z, readSize)
	}
	if b, err := l.in.Peek(3); err == nil && string(b) == "\xef\xbb\xbf" {
		_, _ = l.in.Discard(3)
	}
	return l, nil
}

// Close frees what the reader holds, but does not close the stream below.
func (l *Reader) Close() {
	if l.zstd != nil {
		l.zstd.Close()
	}
}

// Next returns the next line without its end; empty lines and longer ones than MaxLine are passed over. The line is
// lent until the next call. At the end it returns io.EOF, otherwise what kept it from reading on.
func (l *Reader) Next() ([]byte, error) {
	for {
		line, whole, err := l.read()
		if !whole {
			if err != nil {
				return nil, err
			}
			l.skipped++
			continue
		}
		if line = bytes.TrimRight(line, "\r\n"); len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// read reads to the next line end. Not whole without an error: the line was too long. An error after the last bytes
// comes with the next call.
func (l *Reader) read() (line []byte, whole bool, err error) {
	l.cut = false
	line, err = l.in.ReadSlice('\n')
	l.bytes += uint64(len(line))
	if err == nil {
		return line, true, nil
	}
	l.long = l.long[:0]
	dropped := false
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(l.long)+len(line) > longest {
			dropped, l.long = true, l.long[:0]
		}
		if !dropped {
			l.long = append(l.long, line...)
		}
		line, err = l.in.ReadSlice('\n')
		l.bytes += uint64(len(line))
	}
	if dropped || len(l.long)+len(line) > longest {
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		return nil, false, nil
	}
	if len(l.long) > 0 {
		l.long = append(l.long, line...)
		line = l.long
	}
	if err != nil && len(line) == 0 {
		return nil, false, err
	}
	l.cut = err != nil
	return line, true, nil
}

// Cut reports whether the line that Next returned last had no line end.
func (l *Reader) Cut() bool { return l.cut }

// Skipped is how many lines were too long.
func (l *Reader) Skipped() uint64 { return l.skipped }

// Bytes is how many bytes were read, after decompression.
func (l *Reader) Bytes() uint64 { return l.bytes }
