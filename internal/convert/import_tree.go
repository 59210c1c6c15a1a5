package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"netsensor/internal/strict"
)

// MaxBytes is the size of a file that is imported at most. The largest lists of vendors have some 5 MB.
const MaxBytes = 32 << 20

// Bounds of a document that is read. The largest lists of vendors have some 400,000 values.
const (
	maxValues  = 1 << 20
	maxDepth   = 64
	maxMembers = 64 << 10
	maxParts   = 1000 // YAML documents in one file
)

var readLimits = strict.Limits{Bytes: MaxBytes, Depth: maxDepth, Values: maxValues, Members: maxMembers}

// source is a file that is read.
type source struct {
	name   string // as given, for errors
	base   string // without its directories, for what is kept
	text   string
	digest string
	parsed bool
	parts  []*node // its JSON or YAML documents
	err    error
}

func newSource(f File) *source {
	return &source{name: f.Name, base: filepath.Base(f.Name), text: strings.TrimPrefix(string(f.Data), "\ufeff"), digest: digest(f.Data)}
}

// trees returns the documents of a JSON or YAML file.
func (s *source) trees() ([]*node, error) {
	if !s.parsed {
		s.parsed = true
		s.parts, s.err = s.parse()
	}
	return s.parts, s.err
}

// looksJSON is true for what can only be JSON, or a fragment of YAML that reads the same.
func (s *source) looksJSON() bool {
	t := strings.TrimLeft(s.text, " \t\r\n")
	return t != "" && (t[0] == '{' || t[0] == '[')
}

func (s *source) parse() ([]*node, error) {
	if len(s.text) > MaxBytes {
		return nil, strict.Errors{{File: s.name, Message: fmt.Sprintf("more than %d bytes", MaxBytes)}}
	}
	if !utf8.ValidString(s.text) {
		return nil, strict.Errors{{File: s.name, Message: "the document is not valid UTF-8"}}
	}
	if s.looksJSON() {
		r := reader{src: s, text: s.text, doc: strict.NewJSON(s.name, s.text, readLimits), json: true}
		n, err := r.read()
		if err != nil {
			return nil, err
		}
		return []*node{n}, nil
	}
	var all []*node
	for _, part := range splitYAML(s.text) {
		doc, err := strict.NewYAML(s.name, part.text, readLimits)
		if err != nil {
			var faults strict.Errors
			if errors.As(err, &faults) {
				for _, f := range faults {
					if f.Line > 0 {
						f.Line += part.line
					}
				}
			}
			return nil, err
		}
		if len(all) == maxParts {
			return nil, strict.Errors{{File: s.name, Line: part.line + 1, Column: 1, Message: fmt.Sprintf("more than %d documents", maxParts)}}
		}
		r := reader{src: s, text: doc.JSON(), doc: doc, line: part.line}
		n, err := r.read()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return nil, strict.Errors{{File: s.name, Message: "the document is empty"}}
	}
	return all, nil
}

type yamlPart struct {
	text string
	line int // how many lines precede it
}

// splitYAML cuts a stream of YAML documents at its markers (YAML 1.2, section 9.1.2): nothing else can begin a
// line so. Parts that hold comments only are left out.
func splitYAML(text string) []yamlPart {
	var parts []yamlPart
	line, first := 0, 0
	var b strings.Builder
	flush := func() {
		if strings.TrimSpace(stripComments(b.String())) != "" {
			parts = append(parts, yamlPart{b.String(), first})
		}
		b.Reset()
	}
	for l := range strings.Lines(text) {
		line++
		bare := strings.TrimRight(l, " \t\r\n")
		rest, marker := strings.CutPrefix(bare, "---")
		if marker = marker && (rest == "" || rest[0] == ' ' || rest[0] == '\t'); marker || bare == "..." {
			flush()
			first = line
			if !marker {
				continue
			}
			// What follows the marker on its line belongs to the document.
			first = line - 1
			b.WriteString("   " + rest + "\n")
			continue
		}
		b.WriteString(l)
	}
	flush()
	return parts
}

func stripComments(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimLeft(l, " \t"), "#") {
			b.WriteString(l)
		}
	}
	return b.String()
}

// kind is the type of a node's value.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "an array", "an object"}[k]
}

// node is a value of a document. Its methods may be called on nil: a value that is not there.
type node struct {
	kind  kind
	text  string  // of strings; numbers as they are written; "true" and "false"
	items []*node // elements, or the values of members in their order
	up    *node
	name  string // of the member, within an object
	index int    // within an array
	at    int32  // where its token begins in the reader's text
	in    *reader
}

// member returns the value of a member, nil when there is none or it is null: exporters write null for absence.
func (n *node) member(name string) *node {
	if n == nil || n.kind != object {
		return nil
	}
	for _, m := range n.items {
		if m.name == name {
			if m.kind == null {
				return nil
			}
			return m
		}
	}
	return nil
}

// str returns a string's text, or that of a scalar for which YAML needs no quotes.
func (n *node) str() string {
	if n == nil || n.kind == array || n.kind == object {
		return ""
	}
	return n.text
}

// isTrue also takes the string, which some documents have.
func (n *node) isTrue() bool { return n != nil && n.text == "true" }

func (n *node) pointer() string {
	var path []string
	for ; n.up != nil; n = n.up {
		if n.up.kind == array {
			path = append(path, strconv.Itoa(n.index))
		} else {
			path = append(path, n.name)
		}
	}
	slices.Reverse(path)
	return strict.JoinPointer(path...)
}

// reader makes a tree of one document.
type reader struct {
	src    *source
	text   string // JSON
	doc    *strict.Document
	json   bool
	line   int // lines before the document in its file
	dec    *json.Decoder
	values int
}

// position returns line and column of an offset. For long lines of JSON it is slow.
func (r *reader) position(off int) (line, column int) {
	line, column = r.doc.Position(strict.Pos(off + 1))
	return line + r.line, column
}

func (r *reader) fault(off int, pointer, format string, args ...any) error {
	e := &strict.Error{File: r.src.name, Pointer: pointer, Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column = r.position(min(off, len(r.text)))
	return strict.Errors{e}
}

func (r *reader) read() (*node, error) {
	r.dec = json.NewDecoder(strings.NewReader(r.text))
	r.dec.UseNumber()
	n := &node{in: r}
	err := r.value(n, 0)
	if err != nil {
		return nil, err
	}
	rest := r.next()
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, r.fault(rest, "", "after the end of the document there is more")
	}
	return n, nil
}

// next returns where the next token begins.
func (r *reader) next() int {
	i := int(r.dec.InputOffset())
	for i < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[i]) >= 0 {
		i++
	}
	return i
}

// token reads the next token; n is what it belongs to.
func (r *reader) token(n *node) (json.Token, int, error) {
	at := r.next()
	t, err := r.dec.Token()
	if err == nil {
		return t, at, nil
	}
	pointer := n.pointer()
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, at, r.fault(max(at, int(syntax.Offset)-1), pointer, "not valid JSON: %s", syntax)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, at, r.fault(len(r.text), pointer, "the document ends too early")
	}
	return nil, at, r.fault(at, pointer, "not valid JSON: %s", err)
}

// value reads what n is.
func (r *reader) value(n *node, depth int) error {
	t, at, err := r.token(n)
	if err != nil {
		return err
	}
	n.at = int32(at)
	if r.values++; r.values > maxValues {
		return r.fault(at, "", "more than %d values", maxValues)
	}
	switch t := t.(type) {
	case json.Delim:
		if depth == maxDepth {
			return r.fault(at, n.pointer(), "nested deeper than %d levels", maxDepth)
		}
		n.kind = array
		if t == '{' {
			n.kind = object
		}
		return r.fill(n, depth)
	case string:
		n.kind, n.text = text, t
	case json.Number:
		n.kind, n.text = number, t.String()
	case bool:
		n.kind, n.text = boolean, strconv.FormatBool(t)
	}
	return nil
}

// fill reads what is in n up to its end.
func (r *reader) fill(n *node, depth int) error {
	var seen map[string]bool
	for r.dec.More() {
		var name string
		at := r.next()
		if n.kind == object {
			t, _, err := r.token(n)
			if err != nil {
				return err
			}
			name, _ = t.(string)
			if seen == nil {
				seen = make(map[string]bool)
			}
			if seen[name] {
				return r.fault(at, n.pointer(), "the member %s is there twice", strict.Quote(name))
			}
			if seen[name] = true; len(seen) > maxMembers {
				return r.fault(at, n.pointer(), "more than %d members", maxMembers)
			}
		}
		v := &node{up: n, in: r, name: name, index: len(n.items)}
		if err := r.value(v, depth+1); err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, _, err := r.token(n)
	return err
}
