package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Skipped is a file in a directory that is not read, and why.
type Skipped struct {
	Path string
	Err  error
}

// List expands the arguments of a replay: a directory becomes the captures in it and below it, in the order of
// filepath.WalkDir, which is by name within each directory. Files that by their first bytes are no captures, that are empty, cannot be opened or are
// no regular files are returned as skipped. Arguments that are no directories (and "-") are returned as they are, so
// that opening them tells what is wrong. The error names the first argument that does not exist.
func List(args []string) (captures []string, skipped []Skipped, err error) {
	for _, a := range args {
		if a == "-" {
			captures = append(captures, a)
			continue
		}
		info, err := os.Stat(a)
		if err != nil {
			return nil, nil, fmt.Errorf("capture: %w", err)
		}
		if !info.IsDir() {
			captures = append(captures, a)
			continue
		}
		// WalkDir walks a symbolic link to a directory only when it is named with a slash.
		err = filepath.WalkDir(filepath.Clean(a)+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
			path = filepath.Clean(path)
			switch {
			case err != nil:
				skipped = append(skipped, Skipped{path, err})
			case d.IsDir():
			default:
				if err := Sniff(path); err != nil {
					skipped = append(skipped, Skipped{path, err})
				} else {
					captures = append(captures, path)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, fmt.Errorf("capture: %w", err)
		}
	}
	return captures, skipped, nil
}

// errIrregular is the reason for skipping what is neither a file nor a link to one.
var errIrregular = errors.New("not a regular file")

// Sniff looks at the first bytes of a file and says whether it may be a capture: nil, ErrEmpty, ErrFormat or why it
// cannot be read.
func Sniff(path string) error {
	// Opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errIrregular
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err == io.EOF {
		return ErrEmpty
	} else if err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	head = head[:n]
	whole := io.MultiReader(bytes.NewReader(head), f)
	switch compression(head) {
	case gzipped:
		z, err := gzip.NewReader(whole)
		if err != nil {
			return ErrFormat
		}
		n, _ = io.ReadFull(z, head)
	case zstandard:
		z, err := zstd.NewReader(whole, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return ErrFormat
		}
		defer z.Close()
		n, _ = io.ReadFull(z, head)
	}
	if magic(head[:n]) == formatUnknown {
		return ErrFormat
	}
	return nil
}
