package strict

import (
	"encoding"
	"reflect"
	"strings"
	"time"
)

type kind uint8

const (
	kindStruct kind = iota
	kindMap
	kindSlice
	kindPointer
	kindString
	kindEnum
	kindText
	kindTime
	kindList
	kindBool
	kindInt
	kindUint
)

// wants are what messages say that was expected.
var wants = [...]string{
	kindStruct: "an object", kindMap: "an object", kindSlice: "an array", kindString: "a string", kindEnum: "a string",
	kindText: "a string", kindTime: "a string", kindList: "a string, an integer or an array of these",
	kindBool: "true or false", kindInt: "an integer", kindUint: "an integer",
}

// plan is what has to be known about a Go type.
type plan struct {
	kind     kind
	elem     *plan // of maps, slices and pointers
	elemType reflect.Type
	words    []string // of enums
	fields   []field  // of structs
	names    []string // of the fields
	pos, ext int      // indexes of the fields of type Pos and Extensions, -1 for none
	bits     int      // of numbers
	// notEmpty holds for strings that are members of structs: an empty one would be taken for an absent one.
	notEmpty bool
}

type field struct {
	name     string
	index    int
	required bool
	plan     *plan
}

func (d *decoder) plan(t reflect.Type) *plan {
	if p := d.plans[t]; p != nil {
		return p
	}
	p := &plan{pos: -1, ext: -1}
	d.plans[t] = p
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if t.Field(i).Type == reflect.TypeFor[Pos]() {
				p.pos = i
			}
		}
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		p.kind = kindTime
	case t == reflect.TypeFor[List]():
		p.kind = kindList
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		p.kind = kindText
	case t.Implements(reflect.TypeFor[Enum]()):
		p.kind, p.words = kindEnum, reflect.Zero(t).Interface().(Enum).Words()
	default:
		d.planKind(p, t)
	}
	return p
}

func (d *decoder) planKind(p *plan, t reflect.Type) {
	switch t.Kind() {
	case reflect.Struct:
		p.kind = kindStruct
		d.planFields(p, t)
	case reflect.Map, reflect.Slice, reflect.Pointer:
		p.kind = map[reflect.Kind]kind{reflect.Map: kindMap, reflect.Slice: kindSlice, reflect.Pointer: kindPointer}[t.Kind()]
		p.elemType = t.Elem()
		p.elem = d.plan(t.Elem())
	case reflect.String:
		p.kind = kindString
	case reflect.Bool:
		p.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.kind, p.bits = kindInt, t.Bits()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.kind, p.bits = kindUint, t.Bits()
	default:
		panic("strict: cannot decode into " + t.String())
	}
}

func (d *decoder) planFields(p *plan, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type == reflect.TypeFor[Extensions]() {
			p.ext = i
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		fp := d.plan(f.Type)
		if fp.kind == kindString {
			fp = &plan{kind: kindString, pos: -1, ext: -1, notEmpty: true}
		}
		p.fields = append(p.fields, field{name: name, index: i, required: !strings.Contains(options, "omit"), plan: fp})
		p.names = append(p.names, name)
	}
	if len(p.fields) > 64 {
		panic("strict: more than 64 members in " + t.String())
	}
}

// find returns the number of the field called name, -1 for none. Writers keep an order: guess is tried first.
func (p *plan) find(name string, guess int) int {
	for i := guess; i < len(p.fields); i++ {
		if p.fields[i].name == name {
			return i
		}
	}
	for i := range min(guess, len(p.fields)) {
		if p.fields[i].name == name {
			return i
		}
	}
	return -1
}
