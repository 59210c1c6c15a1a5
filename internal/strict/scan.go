package strict

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads tokens of JSON (RFC 8259). Its methods return false when the document cannot be read any further:
// the syntax is wrong, a limit is exceeded, or there are enough errors.
type scanner struct {
	doc    *Document
	s      string
	i      int
	depth  int
	values int
	path   []step
	errs   Errors
}

// step is one element of the path to the value that is being read.
type step struct {
	name  string
	index int // when name is not used: in an array
	array bool
	// between elements the place is the array or object itself.
	between bool
}

func (s *scanner) pointer() string {
	path := make([]string, 0, len(s.path))
	for _, p := range s.path {
		switch {
		case p.between:
		case p.array:
			path = append(path, strconv.Itoa(p.index))
		default:
			path = append(path, p.name)
		}
	}
	return JoinPointer(path...)
}

// report notes an error at offset off and returns whether there is room for more.
func (s *scanner) report(off int, format string, args ...any) bool {
	line, column := s.doc.Position(Pos(off + 1))
	s.errs = append(s.errs, &Error{
		File: s.doc.name, Line: line, Column: column, Pointer: s.pointer(), Message: fmt.Sprintf(format, args...),
	})
	return len(s.errs) < MaxErrors
}

// fatal notes an error after which reading cannot go on.
func (s *scanner) fatal(off int, format string, args ...any) bool {
	s.report(off, format, args...)
	return false
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (s *scanner) space() {
	for s.i < len(s.s) && isSpace(s.s[s.i]) {
		s.i++
	}
}

// found describes what stands at the current place.
func (s *scanner) found() string {
	if s.i >= len(s.s) {
		return "the end of the document"
	}
	r, _ := utf8.DecodeRuneInString(s.s[s.i:])
	return strconv.QuoteRune(r)
}

// peek returns the next byte after white space.
func (s *scanner) peek() (byte, bool) {
	s.space()
	if s.i >= len(s.s) {
		return 0, s.fatal(s.i, "the document ends before it is complete")
	}
	return s.s[s.i], true
}

// enter begins an object or array.
func (s *scanner) enter() bool {
	if s.depth++; s.depth > s.doc.limits.Depth {
		return s.fatal(s.i, "nested deeper than %d levels", s.doc.limits.Depth)
	}
	s.i++
	return true
}

// next is called before each element of an object or array that ends with the byte end: it returns whether there
// is one. first is true before the first element.
func (s *scanner) next(first bool, end byte) (more, ok bool) {
	c, ok := s.peek()
	switch {
	case !ok:
		return false, false
	case c == end:
		s.i++
		s.depth--
		return false, true
	case first:
		return true, true
	case c != ',':
		return false, s.fatal(s.i, "want ',' or %q, found %s", end, s.found())
	}
	comma := s.i
	s.i++
	if c, ok = s.peek(); !ok {
		return false, false
	}
	if c == end {
		return false, s.fatal(comma, "a comma before %q", end)
	}
	return true, true
}

// key reads a member's name and the colon. valid is false when the name was reported as wrong.
func (s *scanner) key() (name string, valid, ok bool) {
	if s.s[s.i] != '"' {
		return "", false, s.fatal(s.i, "want a member's name in double quotes, found %s", s.found())
	}
	if name, valid, ok = s.str(); !ok {
		return "", false, false
	}
	c, ok := s.peek()
	if !ok {
		return "", false, false
	}
	if c != ':' {
		return "", false, s.fatal(s.i, "want ':' after %s, found %s", Quote(name), s.found())
	}
	s.i++
	_, ok = s.peek()
	return name, valid, ok
}

// count counts a value.
func (s *scanner) count() bool {
	if s.values++; s.values > s.doc.limits.Values {
		return s.fatal(s.i, "more than %d values", s.doc.limits.Values)
	}
	return true
}

// skip reads one value and checks all but its meaning.
func (s *scanner) skip() bool {
	if !s.count() {
		return false
	}
	c, ok := s.peek()
	if !ok {
		return false
	}
	switch {
	case c == '"':
		_, _, ok = s.str()
		return ok
	case c == '-' || c >= '0' && c <= '9':
		_, _, ok = s.number()
		return ok
	case c == '[':
		return s.array(func(int) bool { return s.skip() })
	case c == '{':
		return s.object(func(string, int) bool { return s.skip() })
	}
	_, ok = s.literal()
	return ok
}

// array calls element for each element of the array at the current place, with the path set to it.
func (s *scanner) array(element func(i int) bool) bool {
	if !s.enter() {
		return false
	}
	s.path = append(s.path, step{array: true})
	here := len(s.path) - 1
	for i := 0; ; i++ {
		s.path[here].between = true
		more, ok := s.next(i == 0, ']')
		if !more || !ok {
			s.path = s.path[:here]
			return ok
		}
		s.path[here] = step{array: true, index: i}
		if !element(i) {
			return false
		}
	}
}

// object calls member for each member of the object at the current place, with the path set to it; at is the
// offset of its name. Members whose names are wrong, or have come before (in whatever case), are reported and
// skipped.
func (s *scanner) object(member func(name string, at int) bool) bool {
	if !s.enter() {
		return false
	}
	var few [8]string
	seen := few[:0]
	var many map[string]string // by folded name; when few is full
	s.path = append(s.path, step{})
	here := len(s.path) - 1
	for i := 0; ; i++ {
		s.path[here].between = true
		more, ok := s.next(i == 0, '}')
		if !more || !ok {
			s.path = s.path[:here]
			return ok
		}
		if i >= s.doc.limits.Members {
			return s.fatal(s.i, "an object with more than %d members", s.doc.limits.Members)
		}
		at := s.i
		name, valid, ok := s.key()
		if !ok {
			return false
		}
		s.path[here] = step{name: name}
		earlier, known := "", false
		if many != nil {
			earlier, known = many[fold(name)]
		} else {
			for _, e := range seen {
				if len(e) == len(name) && e == name || strings.EqualFold(e, name) {
					earlier, known = e, true
					break
				}
			}
		}
		switch {
		case !valid:
			if !s.skip() {
				return false
			}
			continue
		case known:
			ok = true
			if earlier == name {
				ok = s.report(at, "duplicate member %s", Quote(name))
			} else {
				ok = s.report(at, "member %s differs from %s in case only", Quote(name), Quote(earlier))
			}
			if !ok || !s.skip() {
				return false
			}
			continue
		case many != nil:
			many[fold(name)] = name
		case len(seen) < len(few):
			seen = append(seen, name)
		default:
			many = make(map[string]string)
			for _, e := range seen {
				many[fold(e)] = e
			}
			many[fold(name)] = name
		}
		if !member(name, at) {
			return false
		}
	}
}
