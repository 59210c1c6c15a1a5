// Package strict decodes documents of strangers into Go structs: JSON, and the part of YAML that means the same.
// What encoding/json forgives is an error here: unknown members, duplicate members, members that differ in case
// only, missing members, null, invalid UTF-8, lone surrogates, wrong types, numbers out of range. Every error names
// the file, the line, the column and the JSON pointer; up to MaxErrors of a document are collected.
//
// Structs carry ordinary json tags. A member whose tag has neither omitempty nor omitzero is required. Members that
// begin with "x-" are allowed in every object.
package strict

import "encoding/json"

// Limits bound what a document may hold. Zero values mean the defaults.
type Limits struct {
	Bytes   int // size of the document; default 64 MiB, at most 1 GiB
	Depth   int // nesting of objects and arrays; default 64
	String  int // bytes of one string as written; default 64 KiB
	Values  int // values in all; default 8 Mi
	Members int // members of one object; default 64 Ki
}

func (l Limits) withDefaults() Limits {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	def(&l.Bytes, 64<<20)
	def(&l.Depth, 64)
	def(&l.String, 64<<10)
	def(&l.Values, 8<<20)
	def(&l.Members, 64<<10)
	l.Bytes = min(l.Bytes, 1<<30)
	return l
}

// Pos is a place in a Document, opaque but to Document.Position. The zero Pos is no place. Decode stores the
// place of a value in a struct's field of this type, whatever its name.
type Pos uint32

// Extensions are the members of an object whose names begin with "x-", as raw JSON. Decode stores them in a
// struct's field of this type; where a struct has none, they are checked and dropped.
type Extensions map[string]json.RawMessage

// Enum is implemented by string types that have a closed set of values.
type Enum interface {
	// Words returns the values, in the order in which messages list them. It must not depend on the receiver.
	Words() []string
}

// List is, in the document, a string, an integer, or an array of these.
type List struct {
	Items []Item
	// Single: it was not written as an array.
	Single bool
	Pos    Pos
}

// Item is one element of a List.
type Item struct {
	Text string
	Pos  Pos
}
