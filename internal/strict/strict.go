// Package strict decodes documents of strangers into Go structs: JSON, and the part of YAML that means the same.
// What encoding/json forgives is an error here: unknown members, duplicate members, members that differ in case
// only, invalid UTF-8, wrong types. Every error names the file, the line, the column and the JSON pointer.
package strict

import "encoding/json"

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

// Document is a text that is decoded strictly, with what is needed to find places in it again.
type Document struct {
	name, text string
}

// Position returns the line and the column (in characters) of p, both counted from 1; 0 for no place.
func (d *Document) Position(p Pos) (line, column int) { return 0, 0 }
