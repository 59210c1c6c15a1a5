package strict

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Document is a text that is decoded strictly, with what is needed to find places in it again. It may be used by
// several goroutines once it has been decoded.
type Document struct {
	name   string
	text   string // JSON
	yaml   bool   // the text was written as YAML: a plain scalar is a string where a string is wanted
	marks  []mark // YAML only: where the tokens of text come from, ascending
	limits Limits

	once  sync.Once
	lines []uint32 // offsets of the lines' first bytes
}

// mark says where the token that begins at offset was written.
type mark struct {
	offset       uint32
	line, column uint32
}

// NewJSON returns a document that stands under the given name in messages. Nothing is checked before Decode.
// The decoded strings share the text's memory.
func NewJSON(name, text string, l Limits) *Document {
	return &Document{name: name, text: text, limits: l.withDefaults()}
}

// Name returns the name that the document was made with.
func (d *Document) Name() string { return d.name }

// JSON returns the document as JSON.
func (d *Document) JSON() string { return d.text }

// Position returns the line and the column (in characters) of p, both counted from 1; 0 for no place.
func (d *Document) Position(p Pos) (line, column int) {
	if d == nil || p == 0 || int(p) > len(d.text)+1 {
		return 0, 0
	}
	off := uint32(p - 1)
	if d.yaml {
		i, found := slices.BinarySearchFunc(d.marks, off, func(m mark, o uint32) int { return int(m.offset) - int(o) })
		if !found {
			i--
		}
		if i < 0 {
			return 0, 0
		}
		return int(d.marks[i].line), int(d.marks[i].column)
	}
	d.once.Do(d.indexLines)
	i, found := slices.BinarySearch(d.lines, off)
	if !found {
		i--
	}
	return i + 1, utf8.RuneCountInString(d.text[d.lines[i]:off]) + 1
}

func (d *Document) indexLines() {
	d.lines = make([]uint32, 1, strings.Count(d.text, "\n")+1)
	for i := 0; ; {
		n := strings.IndexByte(d.text[i:], '\n')
		if n < 0 {
			return
		}
		i += n + 1
		d.lines = append(d.lines, uint32(i))
	}
}

// Locate returns the places of the values that the JSON pointers lead to. Where a pointer leads to nothing, it is
// the place of the innermost value on its way that exists. The document must have been decoded without error.
func (d *Document) Locate(pointers []string) []Pos {
	unescaper := strings.NewReplacer("~1", "/", "~0", "~")
	root := &target{}
	places := make([]Pos, len(pointers))
	for i, p := range pointers {
		t := root
		for _, token := range strings.Split(p, "/")[1:] {
			token = unescaper.Replace(token)
			next := t.below[token]
			if next == nil {
				next = &target{}
				if t.below == nil {
					t.below = make(map[string]*target)
				}
				t.below[token] = next
			}
			t = next
		}
		t.asked = append(t.asked, i)
	}
	w := walker{s: d.text, places: places}
	w.walk(root)
	return places
}

// target is a value that Locate is looking for, or that lies on the way to one.
type target struct {
	asked []int
	below map[string]*target
}

// walker walks through text that is known to be well formed.
type walker struct {
	s      string
	i      int
	places []Pos
}

func (w *walker) found(t *target, p Pos) {
	for _, i := range t.asked {
		w.places[i] = p
	}
	for _, b := range t.below {
		w.found(b, p)
	}
}

func (w *walker) space() {
	for w.i < len(w.s) && isSpace(w.s[w.i]) {
		w.i++
	}
}

func (w *walker) walk(t *target) {
	w.space()
	if w.i >= len(w.s) {
		return
	}
	w.found(t, Pos(w.i+1))
	open := w.s[w.i]
	if len(t.below) == 0 || open != '{' && open != '[' {
		w.skip()
		return
	}
	w.i++
	for n := 0; ; n++ {
		w.space()
		if w.i >= len(w.s) {
			return
		}
		switch w.s[w.i] {
		case '}', ']':
			w.i++
			return
		case ',':
			w.i++
			w.space()
		}
		key := strconv.Itoa(n)
		if open == '{' {
			start := w.i
			w.skip()
			key = w.s[start+1 : w.i-1]
			if strings.IndexByte(key, '\\') >= 0 {
				key, _ = unescape(key)
			}
			w.space()
			w.i++ // the colon
		}
		if b := t.below[key]; b != nil {
			w.walk(b)
		} else {
			w.space()
			w.skip()
		}
	}
}

// skip passes over one value.
func (w *walker) skip() {
	for depth := 0; w.i < len(w.s); {
		switch w.s[w.i] {
		case '{', '[':
			depth++
			w.i++
		case '}', ']':
			depth--
			w.i++
		case '"':
			for w.i++; w.i < len(w.s) && w.s[w.i] != '"'; w.i++ {
				if w.s[w.i] == '\\' {
					w.i++
				}
			}
			w.i++
		case ',', ':', ' ', '\t', '\n', '\r':
			w.i++
			continue
		default:
			for w.i < len(w.s) && !strings.ContainsRune(",]} \t\r\n", rune(w.s[w.i])) {
				w.i++
			}
		}
		if depth <= 0 {
			return
		}
	}
}
