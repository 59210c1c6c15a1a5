package jsonl

import (
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Errors of the scanner. ErrTruncated means that the text ends before its value does.
var (
	ErrTruncated = errors.New("the line ends before its JSON does")
	ErrMalformed = errors.New("not JSON")
)

// maxDepth bounds how deep values may nest.
const maxDepth = 64

// Value is the text of one JSON value as it is in the line; it is lent.
type Value []byte

// Object walks the members of an object without decoding what is not asked for:
//
//	for o := v.Object(); o.Next(); {
//		switch string(o.Key) { … }
//	}
//
// Members come in their order; of a name that is used twice both come. Only brackets, strings and separators are
// checked, what numbers look like is not.
type Object struct {
	// Key is the member's name, without its quotes and with its escapes resolved. Both are lent until the next call.
	Key   []byte
	Value Value
	b     []byte
	i     int
	err   error
}

// Object begins to walk an object. One of anything else has no members.
func (v Value) Object() Object {
	o := Object{b: v, i: space(v, 0)}
	switch {
	case o.i == len(v):
		o.err = ErrTruncated
	case v[o.i] != '{':
		o.err = ErrMalformed
	default:
		o.i++
	}
	return o
}

// Next goes to the next member. It returns false after the last one and where the text is faulty.
func (o *Object) Next() bool {
	if o.err != nil {
		return false
	}
	o.i = space(o.b, o.i)
	first := o.Key == nil
	if o.i < len(o.b) && o.b[o.i] == '}' {
		o.err = errEnd
		o.i++
		return false
	}
	if !first {
		if !o.take(',') {
			return false
		}
		o.i = space(o.b, o.i)
	}
	end, escaped, err := stringEnd(o.b, o.i)
	if err != nil {
		o.err = err
		return false
	}
	o.Key = o.b[o.i+1 : end-1]
	if escaped {
		o.Key = appendUnescaped(make([]byte, 0, len(o.Key)), o.Key)
	}
	o.i = space(o.b, end)
	if !o.take(':') {
		return false
	}
	o.i = space(o.b, o.i)
	if end, err = skip(o.b, o.i); err != nil {
		o.err = err
		return false
	}
	o.Value, o.i = o.b[o.i:end], end
	return true
}

func (o *Object) take(c byte) bool {
	switch {
	case o.i == len(o.b):
		o.err = ErrTruncated
	case o.b[o.i] != c:
		o.err = ErrMalformed
	default:
		o.i++
		return true
	}
	return false
}

// errEnd is how an Object or an Array remembers that it came to its end.
var errEnd = errors.New("end")

// Err returns what is wrong with the text that was walked so far, ErrTruncated or ErrMalformed; nil at the end.
func (o *Object) Err() error {
	if o.err == errEnd {
		return nil
	}
	return o.err
}

// Rest returns what follows the object, after Next returned false without an error.
func (o *Object) Rest() []byte { return o.b[space(o.b, o.i):] }

// Array walks the elements of an array; see Object.
type Array struct {
	Value Value
	b     []byte
	i     int
	any   bool
	err   error
}

// Array begins to walk an array. One of anything else has no elements.
func (v Value) Array() Array {
	a := Array{b: v, i: space(v, 0)}
	if a.i == len(v) || v[a.i] != '[' {
		a.err = ErrMalformed
	} else {
		a.i++
	}
	return a
}

// Next goes to the next element. It returns false after the last one and where the text is faulty.
func (a *Array) Next() bool {
	if a.err != nil {
		return false
	}
	a.i = space(a.b, a.i)
	if a.i == len(a.b) {
		a.err = ErrTruncated
		return false
	}
	if a.b[a.i] == ']' {
		a.err = errEnd
		return false
	}
	if a.any {
		if a.b[a.i] != ',' {
			a.err = ErrMalformed
			return false
		}
		a.i = space(a.b, a.i+1)
	}
	end, err := skip(a.b, a.i)
	if err != nil {
		a.err = err
		return false
	}
	a.Value, a.i, a.any = a.b[a.i:end], end, true
	return true
}

// Is tells what a value begins with: '{', '[', '"', a digit or a letter; 0 for an empty one.
func (v Value) Is() byte {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// AppendText appends a string's text, or a number, true or false as they are written; nothing for null, objects and arrays.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Is() {
	case '"':
		in := v[1 : len(v)-1]
		for _, c := range in {
			if c == '\\' {
				return appendUnescaped(dst, in)
			}
		}
		return append(dst, in...)
	case 0, 'n', '{', '[':
		return dst
	}
	return append(dst, v...)
}

// Plain returns the text like AppendText, without copying it, if it has no escapes.
func (v Value) Plain() ([]byte, bool) {
	switch v.Is() {
	case '"':
		in := v[1 : len(v)-1]
		for _, c := range in {
			if c == '\\' {
				return nil, false
			}
		}
		return in, true
	case 0, 'n', '{', '[':
		return nil, true
	}
	return v, true
}

// Uint returns a number that is written in decimal, or in hexadecimal after 0x, as a number or as a string.
func (v Value) Uint() (uint64, bool) {
	b, ok := v.Plain()
	if !ok || len(b) == 0 || len(b) > 24 {
		return 0, false
	}
	base := 10
	if len(b) > 2 && b[0] == '0' && (b[1] == 'x' || b[1] == 'X') {
		b, base = b[2:], 16
	}
	n := uint64(0)
	for _, c := range b {
		d := uint64(99)
		switch {
		case '0' <= c && c <= '9':
			d = uint64(c - '0')
		case base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f':
			d = uint64(c|0x20-'a') + 10
		}
		if d >= uint64(base) || n > (1<<63)/uint64(base) {
			return 0, false
		}
		n = n*uint64(base) + d
	}
	return n, true
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// stringEnd returns the index after the closing quote of the string that begins at i.
func stringEnd(b []byte, i int) (end int, escaped bool, err error) {
	if i == len(b) {
		return i, false, ErrTruncated
	}
	if b[i] != '"' {
		return i, false, ErrMalformed
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, escaped, nil
		case '\\':
			escaped = true
			i++
		}
	}
	return i, false, ErrTruncated
}

// skip returns the index after the value that begins at i.
func skip(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, ErrTruncated
	}
	switch c := b[i]; {
	case c == '"':
		end, _, err := stringEnd(b, i)
		return end, err
	case c == '{' || c == '[':
		return skipNested(b, i)
	case c == '-' || '0' <= c && c <= '9' || c == 't' || c == 'f' || c == 'n':
		for i++; i < len(b); i++ {
			switch b[i] {
			case ',', '}', ']', ' ', '\t', '\r', '\n':
				return i, nil
			case '"', '{', '[', ':':
				return i, ErrMalformed
			}
		}
		return i, nil
	}
	return i, ErrMalformed
}

func skipNested(b []byte, i int) (int, error) {
	objects, depth := uint64(0), 0 // a bit for each level, the innermost last
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			end, _, err := stringEnd(b, i)
			if err != nil {
				return end, err
			}
			i = end - 1
		case '{', '[':
			if depth == maxDepth {
				return i, ErrMalformed
			}
			objects = objects<<1 | uint64(b[i]>>5&1) // '{' is 0x7b, '[' is 0x5b
			depth++
		case '}', ']':
			if objects&1 != uint64(b[i]>>5&1) {
				return i, ErrMalformed
			}
			objects >>= 1
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return i, ErrTruncated
}

// appendUnescaped appends the text of a string. What is no escape stays as it is.
func appendUnescaped(dst, in []byte) []byte {
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c != '\\' || i+1 == len(in) {
			dst = append(dst, c)
			continue
		}
		i++
		switch in[i] {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			r, ok := hex4(in[i+1:])
			if !ok {
				dst = append(dst, '\\', 'u')
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+2 < len(in) && in[i+1] == '\\' && in[i+2] == 'u' {
					low, ok = hex4(in[i+3:])
				}
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r = pair
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, in[i])
		}
	}
	return dst
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}
