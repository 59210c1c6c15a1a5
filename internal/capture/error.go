package capture

import (
	"errors"
	"fmt"
)

// Error says what is wrong with a capture file.
type Error struct {
	// File is the name that the source was opened by.
	File string
	// Offset is the position of the record that is wrong; in compressed input that of the decompressed bytes.
	Offset int64
	Err    error
}

// Reasons that callers tell apart; always wrapped in an Error.
var (
	ErrEmpty  = errors.New("empty file")
	ErrFormat = errors.New("not a capture file")
)

func (e *Error) Error() string {
	return fmt.Sprintf("capture: %s: offset %d: %v", e.File, e.Offset, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
