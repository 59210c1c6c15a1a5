// Package ber reads the subset of BER (X.690) that LDAP, Kerberos, SNMP and SPNEGO use: definite lengths,
// identifiers of one octet. It copies nothing and does not recurse; nesting is as deep as its caller goes.
package ber

import "strconv"

// Universal identifiers, and the bits of others.
const (
	Boolean     = 0x01
	Integer     = 0x02
	OctetString = 0x04
	Null        = 0x05
	OID         = 0x06
	Enumerated  = 0x0a
	Sequence    = 0x30
	Set         = 0x31
	Application = 0x40
	Context     = 0x80
	Constructed = 0x20
)

// MaxHeader is the longest header: an identifier, the length of the length, four octets of length.
const MaxHeader = 6

// Result is what Header found.
type Result uint8

// Short is not wrong: more bytes may make it Whole.
const (
	Whole Result = iota
	Short
	Wrong
)

// Header reads an identifier of one octet and a length. n is the size of the header, length that of the contents,
// which need not be there. Indefinite lengths, lengths of more than four octets or above 1 GiB, and identifiers of
// more than one octet are Wrong.
func Header(b []byte) (tag byte, n, length int, r Result) {
	if len(b) == 0 {
		return 0, 0, 0, Short
	}
	tag = b[0]
	if tag&0x1f == 0x1f {
		return 0, 0, 0, Wrong
	}
	n, length, r = Length(b[1:])
	return tag, n + 1, length, r
}

// Length reads the length octets that b begins with (X.690, section 8.1.3) and tells how many there are.
func Length(b []byte) (n, length int, r Result) {
	switch {
	case len(b) == 0:
		return 0, 0, Short
	case b[0] < 0x80:
		return 1, int(b[0]), Whole
	}
	size := int(b[0] & 0x7f)
	switch {
	case size == 0 || size > 4:
		return 0, 0, Wrong
	case len(b) < 1+size:
		return 0, 0, Short
	}
	var v uint32
	for _, c := range b[1 : 1+size] {
		v = v<<8 | uint32(c)
	}
	if v > 1<<30 {
		return 0, 0, Wrong
	}
	return 1 + size, int(v), Whole
}

// Reader reads one value after the other. What it returns are parts of itself. After a failure it is empty.
type Reader []byte

// Next returns the identifier and the contents of the next value; ok is false at the end, and where the value is
// broken or not whole.
func (r *Reader) Next() (tag byte, body Reader, ok bool) {
	tag, n, length, res := Header(*r)
	if res != Whole || length > len(*r)-n {
		*r = nil
		return 0, nil, false
	}
	body = (*r)[n : n+length : n+length]
	*r = (*r)[n+length:]
	return tag, body, true
}

// Peek returns the identifier of the next value, 0 at the end.
func (r Reader) Peek() byte {
	if len(r) == 0 {
		return 0
	}
	return r[0]
}

// Take returns the contents of the next value if its identifier is tag.
func (r *Reader) Take(tag byte) (body Reader, ok bool) {
	if r.Peek() != tag {
		*r = nil
		return nil, false
	}
	_, body, ok = r.Next()
	return body, ok
}

// Option is Take for a value that may be missing: then r is left as it is.
func (r *Reader) Option(tag byte) (body Reader, ok bool) {
	if r.Peek() != tag {
		return nil, false
	}
	_, body, ok = r.Next()
	return body, ok
}

// Int takes a number of at most eight octets that has the identifier tag.
func (r *Reader) Int(tag byte) (v int64, ok bool) {
	b, ok := r.Take(tag)
	if !ok {
		return 0, false
	}
	return b.Value()
}

// Value is the number whose contents r is: two's complement, at most eight octets.
func (r Reader) Value() (v int64, ok bool) {
	if len(r) == 0 || len(r) > 8 {
		return 0, false
	}
	v = int64(int8(r[0]))
	for _, c := range r[1:] {
		v = v<<8 | int64(c)
	}
	return v, true
}

// AppendOID appends the dotted form of an object identifier's contents (X.690, section 8.19). Broken contents are
// rendered as far as they are valid.
func AppendOID(dst, b []byte) []byte {
	first := true
	for len(b) > 0 {
		var v uint64
		i := 0
		for ; ; i++ {
			if i == len(b) || i == 9 {
				return dst
			}
			v = v<<7 | uint64(b[i]&0x7f)
			if b[i] < 0x80 {
				break
			}
		}
		b = b[i+1:]
		if first {
			root := min(v/40, 2)
			dst = strconv.AppendUint(dst, root, 10)
			v -= root * 40
			first = false
		}
		dst = append(dst, '.')
		dst = strconv.AppendUint(dst, v, 10)
	}
	return dst
}
