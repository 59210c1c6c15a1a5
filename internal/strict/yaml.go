package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxYAML bounds YAML documents: their trees take some twenty times their size.
const maxYAML = 8 << 20

// NewYAML reads a YAML document of the kind that JSON could say as well: one document, no aliases, anchors, merge
// keys or tags. Whether a plain scalar is a string is decided by what is wanted in its place ("8.20" stays "8.20"
// and "on" stays "on"). The error is of type Errors.
func NewYAML(name, text string, l Limits) (*Document, error) {
	l = l.withDefaults()
	d := &Document{name: name, yaml: true, limits: l}
	whole := func(format string, args ...any) error {
		return Errors{{File: name, Message: fmt.Sprintf(format, args...)}}
	}
	switch {
	case len(text) > min(maxYAML, l.Bytes):
		return nil, whole("%d bytes; the limit is %d", len(text), min(maxYAML, l.Bytes))
	case strings.HasPrefix(text, "\ufeff"):
		return nil, whole("the document begins with a byte order mark; save it as UTF-8 without one")
	case !utf8.ValidString(text):
		return nil, whole("the document is not valid UTF-8")
	}
	root, err := parseYAML(text)
	if err != nil {
		return nil, Errors{yamlError(name, err)}
	}
	t := transcriber{doc: d}
	t.node(root, 1)
	if len(t.errs) > 0 {
		return nil, t.errs
	}
	d.text = string(t.json)
	return d, nil
}

var errSeveral = errors.New("more than one document in the file")

func parseYAML(text string) (root *yaml.Node, err error) {
	// The library answers some malformed input by panicking.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not valid YAML (%v)", r)
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("the document is empty")
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errSeveral
		}
		return nil, err
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func yamlError(name string, err error) *Error {
	e := &Error{File: name, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Column = 1
		e.Message = err.Error()[len(m[0]):]
	}
	return e
}

// transcriber writes a tree of YAML as JSON.
type transcriber struct {
	doc    *Document
	json   []byte
	path   []string
	values int
	errs   Errors
}

func (t *transcriber) mark(n *yaml.Node) {
	t.doc.marks = append(t.doc.marks, mark{uint32(len(t.json)), uint32(n.Line), uint32(n.Column)})
}

func (t *transcriber) fail(n *yaml.Node, format string, args ...any) bool {
	t.errs = append(t.errs, &Error{
		File: t.doc.name, Line: n.Line, Column: n.Column, Pointer: JoinPointer(t.path...), Message: fmt.Sprintf(format, args...),
	})
	return false
}

// node returns false when it has failed; the first failure ends the transcription.
func (t *transcriber) node(n *yaml.Node, depth int) bool {
	t.values++
	switch {
	case depth > t.doc.limits.Depth+1:
		return t.fail(n, "nested deeper than %d levels", t.doc.limits.Depth)
	case t.values > t.doc.limits.Values:
		return t.fail(n, "more than %d values", t.doc.limits.Values)
	case n.Kind == yaml.AliasNode:
		return t.fail(n, "an alias; write the value itself")
	case n.Anchor != "":
		return t.fail(n, "an anchor; anchors and aliases are not allowed")
	case n.Style&yaml.TaggedStyle != 0:
		return t.fail(n, "a tag, %s; tags are not allowed", Quote(n.Tag))
	}
	t.mark(n)
	switch n.Kind {
	case yaml.MappingNode:
		return t.mapping(n, depth)
	case yaml.SequenceNode:
		t.json = append(t.json, '[')
		t.path = append(t.path, "")
		for i, e := range n.Content {
			if i > 0 {
				t.json = append(t.json, ',')
			}
			t.path[len(t.path)-1] = strconv.Itoa(i)
			if !t.node(e, depth+1) {
				return false
			}
		}
		t.path = t.path[:len(t.path)-1]
		t.json = append(t.json, ']')
		return true
	}
	t.scalar(n)
	return true
}

func (t *transcriber) mapping(n *yaml.Node, depth int) bool {
	t.json = append(t.json, '{')
	t.path = append(t.path, "")
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if fault := memberFault(k); fault != "" {
			t.path = t.path[:len(t.path)-1]
			return t.fail(k, "%s", fault)
		}
		t.path[len(t.path)-1] = k.Value
		if i > 0 {
			t.json = append(t.json, ',')
		}
		t.mark(k)
		t.string(k.Value)
		t.json = append(t.json, ':')
		if !t.node(n.Content[i+1], depth+1) {
			return false
		}
	}
	t.path = t.path[:len(t.path)-1]
	t.json = append(t.json, '}')
	return true
}

// memberFault says why k cannot be a member's name, "" when it can.
func memberFault(k *yaml.Node) string {
	switch {
	case k.Kind != yaml.ScalarNode || k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
		return "want a plain or quoted string as a member's name"
	case k.ShortTag() == "!!merge":
		return "a merge key; write the members themselves"
	}
	return ""
}

// jsonNumber is the grammar of RFC 8259, section 6. What else YAML takes for a number stays a string.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func (t *transcriber) scalar(n *yaml.Node) {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		switch tag := n.ShortTag(); {
		case tag == "!!null":
			t.json = append(t.json, "null"...)
			return
		case n.Value == "true" || n.Value == "false", (tag == "!!int" || tag == "!!float") && jsonNumber.MatchString(n.Value):
			t.json = append(t.json, n.Value...)
			return
		}
	}
	t.string(n.Value)
}

func (t *transcriber) string(s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("strict: a string that cannot be marshalled: " + err.Error())
	}
	t.json = append(t.json, quoted...)
}
