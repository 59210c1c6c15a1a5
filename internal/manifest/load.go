package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"netsensor/internal/strict"
)

// limits of both kinds of documents: a million names are about 60 MB and two million values.
var limits = strict.Limits{Bytes: 64 << 20}

// Decode decodes a manifest; name stands for it in messages. It keeps no part of b. The error is of type
// strict.Errors and lists up to strict.MaxErrors faults, each with its place.
func Decode(name string, b []byte) (*Manifest, error) {
	if len(b) > limits.Bytes {
		return nil, tooLarge(name)
	}
	return decode(name, string(b))
}

func decode(name, text string) (*Manifest, error) {
	m := &Manifest{File: name, Digest: digest(text), doc: strict.NewJSON(name, text, limits)}
	if err := m.doc.Decode(m); err != nil {
		return nil, err
	}
	n := normaliser{doc: m.doc}
	n.manifest(m)
	m.notes = n.notes
	if err := n.faults(); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeBindings is like Decode. A name that ends in .yaml or .yml is decoded as YAML, every other as JSON.
func DecodeBindings(name string, b []byte) (*Bindings, error) {
	if len(b) > limits.Bytes {
		return nil, tooLarge(name)
	}
	return decodeBindings(name, string(b))
}

func decodeBindings(name, text string) (*Bindings, error) {
	b := &Bindings{File: name, Digest: digest(text)}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		doc, err := strict.NewYAML(name, text, limits)
		if err != nil {
			return nil, err
		}
		b.doc = doc
	default:
		b.doc = strict.NewJSON(name, text, limits)
	}
	if err := b.doc.Decode(b); err != nil {
		return nil, err
	}
	n := normaliser{doc: b.doc}
	n.bindings(b)
	b.notes = n.notes
	if err := n.faults(); err != nil {
		return nil, err
	}
	return b, nil
}

func digest(text string) string {
	h := sha256.New()
	// Writing to a hash does not fail; io.WriteString spares the copy of a large text.
	_, _ = io.WriteString(h, text)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func tooLarge(name string) error {
	return strict.Errors{{File: name, Message: fmt.Sprintf("more than %d bytes", limits.Bytes)}}
}

// Load reads a manifest from a file. A fault of what the file holds is of type strict.Errors.
func Load(path string) (*Manifest, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return decode(path, text)
}

// LoadBindings reads bindings from a file: YAML if its name ends in .yaml or .yml, else JSON.
func LoadBindings(path string) (*Bindings, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return decodeBindings(path, text)
}

// readFile reads a file into a string without a second copy.
func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return "", fmt.Errorf("%s: a directory; want a file", path)
	}
	var b strings.Builder
	b.Grow(int(min(info.Size(), int64(limits.Bytes))) + 1)
	if _, err := io.Copy(&b, io.LimitReader(f, int64(limits.Bytes)+1)); err != nil {
		return "", err
	}
	if b.Len() > limits.Bytes {
		return "", tooLarge(path)
	}
	return b.String(), nil
}

// LoadAll reads manifests from files and from directories: of a directory all files in it that end in .json, not
// those in further directories. They come back sorted by path, each file once. Two manifests with the same id and
// serial but different bytes are an error. Errors of several files are joined.
func LoadAll(paths []string) ([]*Manifest, error) { return LoadAllWith(paths, Load) }

// LoadAllWith is LoadAll with another way to read one file: one that verifies signatures.
func LoadAllWith(paths []string, load func(path string) (*Manifest, error)) ([]*Manifest, error) {
	files, err := expandPaths(paths)
	if err != nil {
		return nil, err
	}
	type version struct {
		id     string
		serial uint64
	}
	var all []*Manifest
	var errs []error
	seen := make(map[version]*Manifest)
	for _, f := range files {
		m, err := load(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v := version{m.ID, m.Serial}
		earlier := seen[v]
		switch {
		case earlier == nil:
			seen[v] = m
			all = append(all, m)
		case earlier.Digest != m.Digest:
			errs = append(errs, fmt.Errorf("%s: serial %d of %s differs from the same serial in %s", f, m.Serial, strict.Quote(m.ID), earlier.File))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return all, nil
}

func expandPaths(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, filepath.Clean(p))
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, err
		}
		found := 0
		for _, e := range entries {
			if strings.EqualFold(filepath.Ext(e.Name()), ".json") && e.Type()&fs.ModeDir == 0 {
				files = append(files, filepath.Join(p, e.Name()))
				found++
			}
		}
		if found == 0 {
			return nil, fmt.Errorf("%s: no manifest (*.json) in this directory", p)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// Encode returns the manifest as indented JSON with a final line feed. The same manifest gives the same bytes;
// decoding them gives the same manifest.
func (m *Manifest) Encode() ([]byte, error) { return strict.Encode(m) }

// Encode returns the bindings as indented JSON, with a list of products.
func (b *Bindings) Encode() ([]byte, error) { return strict.Encode(b) }

// Select returns, of the manifests with r's id, the one with the highest serial; nil for none.
func (r *ManifestRef) Select(manifests []*Manifest) *Manifest {
	var best *Manifest
	for _, m := range manifests {
		if m.ID == r.ID && (best == nil || m.Serial > best.Serial) {
			best = m
		}
	}
	return best
}
