// Package output takes finished EVE lines to where they are wanted. It knows events, not where they come from.
package output

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Event is one EVE line.
type Event struct {
	// Type is the event_type.
	Type string
	// Time is in ns since the Unix epoch.
	Time int64
	// Line is the JSON text with its line end, lent for the call.
	Line []byte
}

// Sink takes events. After an error it may be written to again, but the run is over for a replay.
type Sink interface {
	Write(e *Event) error
	// Flush makes all events visible to readers.
	Flush() error
	// Close flushes. A sink that is closed after an error, or abandoned, leaves nothing that looks complete.
	Close() error
}

const writeSize = 128 << 10

// stream writes lines to a writer that it does not own.
type stream struct{ w *bufio.Writer }

// NewStream returns a sink that writes lines to w in large pieces.
func NewStream(w io.Writer) Sink { return &stream{bufio.NewWriterSize(w, writeSize)} }

func (s *stream) Write(e *Event) error { _, err := s.w.Write(e.Line); return err }
func (s *stream) Flush() error         { return s.w.Flush() }
func (s *stream) Close() error         { return s.w.Flush() }

// File is a sink that writes a regular file beside its final name and puts it there when it is complete.
type File struct {
	stream
	f          *os.File
	name, part string
	failed     bool
}

// CreateFile opens a sink for the file name. A regular file appears (or is replaced) only at Close after
// everything was written; until then it is name with ".partial" added. A pipe or device is written to directly.
func CreateFile(name string) (*File, error) {
	part := name + ".partial"
	if st, err := os.Stat(name); err == nil && !st.Mode().IsRegular() {
		if st.IsDir() {
			return nil, fmt.Errorf("%s: is a directory", name)
		}
		part = name
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return nil, err
	}
	return &File{stream: stream{bufio.NewWriterSize(f, writeSize)}, f: f, name: name, part: part}, nil
}

// Write implements Sink.
func (s *File) Write(e *Event) error { return s.note(s.stream.Write(e)) }

// Flush implements Sink.
func (s *File) Flush() error { return s.note(s.stream.Flush()) }

func (s *File) note(err error) error {
	if err != nil {
		s.failed = true
	}
	return err
}

// Abandon makes Close leave the incomplete file under its partial name.
func (s *File) Abandon() { s.failed = true }

// Close implements Sink.
func (s *File) Close() error {
	err := errors.Join(s.Flush(), s.note(s.f.Close()))
	if err == nil && !s.failed && s.part != s.name {
		err = os.Rename(s.part, s.name)
	}
	return err
}
