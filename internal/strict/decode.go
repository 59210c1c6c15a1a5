package strict

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Decode decodes the document into v, a pointer to a zero struct. The error is nil or of type Errors; then v holds
// whatever could be decoded.
//
// Structs, slices, maps with string keys, pointers, strings, booleans, integers, time.Time (RFC 3339), List, Enums
// and encoding.TextUnmarshalers (from strings) are understood; other types of fields panic. A value that is not
// given in the document stays as it is; an empty array becomes an empty slice that is not nil. A member that is a
// string must not be empty.
func (d *Document) Decode(v any) error {
	s := decoder{scanner: scanner{doc: d, s: d.text}, plans: make(map[reflect.Type]*plan)}
	if len(d.text) > d.limits.Bytes {
		return Errors{{File: d.name, Message: fmt.Sprintf("%d bytes; the limit is %d", len(d.text), d.limits.Bytes)}}
	}
	s.document(reflect.ValueOf(v).Elem())
	return s.errs.Err()
}

type decoder struct {
	scanner
	plans map[reflect.Type]*plan
}

func (d *decoder) document(v reflect.Value) {
	if strings.HasPrefix(d.s, "\ufeff") {
		d.fatal(0, "the document begins with a byte order mark; save it as UTF-8 without one")
		return
	}
	if strings.HasPrefix(d.s, "\xff\xfe") || strings.HasPrefix(d.s, "\xfe\xff") {
		d.fatal(0, "the document is UTF-16; save it as UTF-8")
		return
	}
	if !d.value(v, d.plan(v.Type())) {
		return
	}
	if d.space(); d.i < len(d.s) {
		d.fatal(d.i, "after the end of the document there is more: %s", d.found())
	}
}

// value decodes the value at the current place into v.
func (d *decoder) value(v reflect.Value, p *plan) bool {
	c, ok := d.peek()
	if !ok {
		return false
	}
	if p.kind == kindPointer {
		elem := reflect.New(p.elemType)
		v.Set(elem)
		return d.value(elem.Elem(), p.elem)
	}
	at := d.i
	if p.pos >= 0 {
		v.Field(p.pos).SetUint(uint64(at + 1))
	}
	switch p.kind {
	case kindStruct, kindMap:
		if c != '{' {
			return d.mismatch(p, c)
		}
		if p.kind == kindStruct {
			return d.count() && d.structure(v, p)
		}
		return d.count() && d.mapping(v, p)
	case kindSlice:
		if c != '[' {
			return d.mismatch(p, c)
		}
		return d.count() && d.slice(v, p)
	case kindList:
		return d.list(v.Addr().Interface().(*List))
	case kindString, kindEnum, kindText, kindTime:
		text, valid, ok := d.text(p, c)
		if !ok || !valid {
			return ok
		}
		return d.setText(v, p, text, at)
	case kindBool:
		if c != 't' && c != 'f' {
			return d.mismatch(p, c)
		}
		text, ok := d.literal()
		v.SetBool(text == "true")
		return ok && d.count()
	default:
		return d.integer(v, p, c)
	}
}

// mismatch reports a value of the wrong type, which begins with the byte c, and skips it.
func (d *decoder) mismatch(p *plan, c byte) bool {
	found, hint := "", ""
	switch {
	case c == '{':
		found = "an object"
	case c == '[':
		found = "an array"
	case c == '"':
		found = "a string"
	case c == 't' || c == 'f':
		found = "true or false"
	case c == 'n':
		found, hint = "null", "; leave the member out instead"
	case c == '-' || c >= '0' && c <= '9':
		found = "a number"
		if wants[p.kind] == "a string" {
			hint = "; write it in double quotes"
		}
	default:
		return d.fatal(d.i, "want %s, found %s", wants[p.kind], d.found())
	}
	return d.report(d.i, "want %s, found %s%s", wants[p.kind], found, hint) && d.skip()
}

// text reads what stands for a string: a string, or what YAML without quotes takes for a number or a boolean.
func (d *decoder) text(p *plan, c byte) (text string, valid, ok bool) {
	if !d.count() {
		return "", false, false
	}
	switch {
	case c == '"':
		return d.str()
	case d.doc.yaml && (c == '-' || c >= '0' && c <= '9'):
		text, _, ok = d.number()
		return text, true, ok
	case d.doc.yaml && (c == 't' || c == 'f'):
		text, ok = d.literal()
		return text, true, ok
	}
	return "", false, d.mismatch(p, c)
}

func (d *decoder) setText(v reflect.Value, p *plan, text string, at int) bool {
	switch p.kind {
	case kindString:
		if text == "" && p.notEmpty {
			return d.report(at, "must not be empty")
		}
		v.SetString(text)
	case kindEnum:
		if !slices.Contains(p.words, text) {
			return d.report(at, "want %s, found %s%s", OneOf(p.words), Quote(text), DidYouMean(text, p.words))
		}
		v.SetString(text)
	case kindTime:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return d.report(at, `want a time like "2026-03-01T00:00:00Z" (RFC 3339), found %s`, Quote(text))
		}
		v.Set(reflect.ValueOf(t))
	case kindText:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			return d.report(at, "%s", err)
		}
	}
	return true
}

func (d *decoder) integer(v reflect.Value, p *plan, c byte) bool {
	if c != '-' && (c < '0' || c > '9') {
		return d.mismatch(p, c)
	}
	at := d.i
	text, integer, ok := d.number()
	if !ok || !d.count() {
		return false
	}
	if !integer {
		return d.report(at, "want an integer, found %s", Quote(text))
	}
	if p.kind == kindInt {
		n, err := strconv.ParseInt(text, 10, p.bits)
		if err != nil {
			return d.report(at, "%s is out of range", Quote(text))
		}
		v.SetInt(n)
		return true
	}
	n, err := strconv.ParseUint(text, 10, p.bits)
	if err != nil {
		return d.report(at, "%s is out of range: 0 to %d", text[:min(len(text), maxQuoted)], ^uint64(0)>>(64-p.bits))
	}
	v.SetUint(n)
	return true
}

func (d *decoder) list(l *List) bool {
	l.Pos = Pos(d.i + 1)
	one := func() bool {
		at := d.i
		c, ok := d.peek()
		if !ok {
			return false
		}
		var text string
		valid := true
		if c == '-' || c >= '0' && c <= '9' {
			var integer bool
			if text, integer, ok = d.number(); ok && !integer && !d.doc.yaml {
				valid = false
				ok = d.report(at, "want an integer or a string, found %s", Quote(text))
			}
			ok = ok && d.count()
		} else {
			text, valid, ok = d.text(&plan{kind: kindText}, c)
		}
		if ok && valid {
			l.Items = append(l.Items, Item{Text: text, Pos: Pos(at + 1)})
		}
		return ok
	}
	switch c := d.s[d.i]; c {
	case '[':
		l.Items = []Item{}
		return d.count() && d.array(func(int) bool { return one() })
	case '{', 'n':
		return d.mismatch(&plan{kind: kindList}, c)
	}
	l.Single = true
	return one()
}

func (d *decoder) slice(v reflect.Value, p *plan) bool {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return d.array(func(i int) bool {
		if i == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(i + 1)
		elem := v.Index(i)
		return d.value(elem, p.elem)
	})
}

func (d *decoder) mapping(v reflect.Value, p *plan) bool {
	v.Set(reflect.MakeMap(v.Type()))
	return d.object(func(name string, _ int) bool {
		elem := reflect.New(p.elemType).Elem()
		ok := d.value(elem, p.elem)
		v.SetMapIndex(reflect.ValueOf(name), elem)
		return ok
	})
}

// structure is object for the members of a struct, without its map of names.
func (d *decoder) structure(v reflect.Value, p *plan) bool {
	at := d.i
	if !d.enter() {
		return false
	}
	var seen uint64
	var extensions Extensions
	var folded map[string]string
	d.path = append(d.path, step{})
	here := len(d.path) - 1
	for i, guess := 0, 0; ; i++ {
		d.path[here].between = true
		more, ok := d.next(i == 0, '}')
		if !ok {
			return false
		}
		if !more {
			break
		}
		if i >= d.doc.limits.Members {
			return d.fatal(d.i, "an object with more than %d members", d.doc.limits.Members)
		}
		keyAt := d.i
		name, valid, ok := d.key()
		if !ok {
			return false
		}
		d.path[here] = step{name: name}
		if !valid {
			if !d.skip() {
				return false
			}
			continue
		}
		n := p.find(name, guess)
		switch {
		case n >= 0 && seen&(1<<n) == 0:
			seen |= 1 << n
			guess = n + 1
			f := &p.fields[n]
			ok = d.value(v.Field(f.index), f.plan)
		case n >= 0:
			ok = d.report(keyAt, "duplicate member %s", Quote(name)) && d.skip()
		case strings.HasPrefix(name, "x-"):
			if extensions == nil {
				extensions, folded = make(Extensions), make(map[string]string)
			}
			ok = d.extension(extensions, folded, name, keyAt)
		default:
			ok = d.report(keyAt, "unknown member %s%s", Quote(name), DidYouMean(name, p.names)) && d.skip()
		}
		if !ok {
			return false
		}
	}
	d.path = d.path[:here]
	if p.ext >= 0 && extensions != nil {
		v.Field(p.ext).Set(reflect.ValueOf(extensions))
	}
	for i := range p.fields {
		if p.fields[i].required && seen&(1<<i) == 0 && !d.report(at, "member %q is missing", p.fields[i].name) {
			return false
		}
	}
	return true
}

// extension keeps the value at the current place as it is. names holds the extensions' names, folded.
func (d *decoder) extension(e Extensions, names map[string]string, name string, keyAt int) bool {
	if earlier, known := names[fold(name)]; known {
		if earlier == name {
			return d.report(keyAt, "duplicate member %s", Quote(name)) && d.skip()
		}
		return d.report(keyAt, "member %s differs from %s in case only", Quote(name), Quote(earlier)) && d.skip()
	}
	names[fold(name)] = name
	start := d.i
	if !d.skip() {
		return false
	}
	e[name] = json.RawMessage(d.s[start:d.i])
	return true
}

// fold returns the same string for all strings that strings.EqualFold takes for equal.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
