package mongodb

import (
	"bytes"
	"encoding/binary"
)

// Types of BSON elements that are read; see bsonspec.org.
const (
	typeDouble   = 0x01
	typeString   = 0x02
	typeDocument = 0x03
	typeBinary   = 0x05
	typeBool     = 0x08
	typeInt32    = 0x10
	typeInt64    = 0x12
)

// element is one member of a document. Its value is lent.
type element struct {
	kind  byte
	name  []byte
	value []byte
}

// elements are those of a document that are left; a document that is cut ends before the first element that is.
type elements []byte

// members returns the elements of a document, or of its beginning.
func members(doc []byte) elements {
	if len(doc) < 5 {
		return nil
	}
	if n := binary.LittleEndian.Uint32(doc); n >= 5 && uint64(n) < uint64(len(doc)) {
		doc = doc[:n]
	}
	return elements(doc[4:])
}

// next cuts the first element off.
func (e *elements) next() (m element, ok bool) {
	b := []byte(*e)
	if len(b) < 2 || b[0] == 0 {
		return element{}, false
	}
	m.kind = b[0]
	if m.name, b, ok = bytes.Cut(b[1:], []byte{0}); !ok {
		return element{}, false
	}
	n, ok := valueSize(m.kind, b)
	if !ok || n > len(b) {
		return element{}, false
	}
	m.value = b[:n]
	*e = elements(b[n:])
	return m, true
}

// valueSize returns the size of a value of the type that b begins with.
func valueSize(kind byte, b []byte) (int, bool) {
	switch kind {
	case 0x06, 0x0a, 0x7f, 0xff:
		return 0, true
	case typeBool:
		return 1, true
	case typeInt32:
		return 4, true
	case typeDouble, 0x09, 0x11, typeInt64:
		return 8, true
	case 0x07:
		return 12, true
	case 0x13:
		return 16, true
	case 0x0b:
		n := 0
		for range 2 {
			i := bytes.IndexByte(b[n:], 0)
			if i < 0 {
				return 0, false
			}
			n += i + 1
		}
		return n, true
	}
	if len(b) < 4 {
		return 0, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxMessage {
		return 0, false
	}
	switch kind {
	case typeString, 0x0d, 0x0e:
		return 4 + int(n), n > 0
	case typeDocument, 0x04, 0x0f:
		return int(n), n >= 5
	case typeBinary:
		return 5 + int(n), true
	case 0x0c:
		return 4 + int(n) + 12, n > 0
	}
	return 0, false
}

// text returns the value of a string or of binary data, nil for other types.
func (m *element) text() []byte {
	switch m.kind {
	case typeString:
		return m.value[4 : len(m.value)-1]
	case typeBinary:
		return m.value[5:]
	}
	return nil
}

// truth reports whether a boolean or number is not zero.
func (m *element) truth() bool {
	switch m.kind {
	case typeBool, typeDouble, typeInt32, typeInt64:
		for _, c := range m.value {
			if c != 0 {
				return true
			}
		}
	}
	return false
}

// number returns a 32-bit number, 0 for other types.
func (m *element) number() uint32 {
	if m.kind == typeInt32 {
		return binary.LittleEndian.Uint32(m.value)
	}
	return 0
}
