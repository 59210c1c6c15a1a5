// Package eve writes JSON in the vocabulary of Suricata's EVE format by appending to byte slices: the primitives
// that parsers and outputs share, and the header that every event begins with. Nothing here allocates but the
// growth of the slice that is appended to.
package eve

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Options are the choices of shape that consumers of EVE differ about.
type Options struct {
	// DNSVersion is 3 (Suricata 8) or 2 (Suricata 5 to 7). Zero means 3.
	DNSVersion int
	// CompressIPv6 writes IPv6 addresses in the short form of RFC 5952 instead of eight groups of four digits.
	CompressIPv6 bool
	// NoAlertContext leaves out alert.context, which came with Suricata 8.
	NoAlertContext bool
	// NoHTTPHeaders leaves out http.request_headers and http.response_headers.
	NoHTTPHeaders bool

	// second and date are the last second that AppendTime was asked for, as text: most events fall into the same.
	second int64
	date   [19]byte
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. Bytes that are not UTF-8 are written as \u00XX, so that no input can
// produce an invalid line and hostile bytes stay visible.
func AppendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	dst = AppendEscaped(dst, s)
	return append(dst, '"')
}

// AppendEscaped is AppendString without the quotes.
func AppendEscaped[S ~string | ~[]byte](dst []byte, s S) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			end := min(i+utf8.UTFMax, len(s))
			r, n := utf8.DecodeRune([]byte(s[i:end]))
			if r != utf8.RuneError && r >= 0xa0 && r != '\u2028' && r != '\u2029' {
				i += n
				continue
			}
			if r != utf8.RuneError {
				dst = append(dst, s[start:i]...)
				dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
				i += n
				start = i
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

// AppendHex appends b as lower-case hex, with sep between the bytes unless it is 0.
func AppendHex(dst, b []byte, sep byte) []byte {
	if sep == 0 {
		return hex.AppendEncode(dst, b)
	}
	for i, c := range b {
		if i > 0 {
			dst = append(dst, sep)
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// AppendAddr appends an address without quotes: IPv6 expanded unless o says otherwise, IPv4-mapped as IPv4.
func (o *Options) AppendAddr(dst []byte, a netip.Addr) []byte {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return appendIPv4(dst, b)
	}
	if o != nil && o.CompressIPv6 {
		return a.WithZone("").AppendTo(dst)
	}
	if !a.IsValid() {
		return dst
	}
	b := a.As16()
	for i := 0; i < 16; i += 2 {
		if i > 0 {
			dst = append(dst, ':')
		}
		v := binary.BigEndian.Uint16(b[i:])
		dst = append(dst, hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15])
	}
	return dst
}

// octets are the numbers from 0 to 255 in decimal, each followed by a dot: "7.", length in the last byte.
var octets = func() (t [256][5]byte) {
	for i := range t {
		n := copy(t[i][:4], strconv.AppendInt(nil, int64(i), 10))
		t[i][n] = '.'
		t[i][4] = byte(n + 1)
	}
	return t
}()

func appendIPv4(dst []byte, a [4]byte) []byte {
	for _, c := range a {
		t := &octets[c]
		dst = append(dst, t[0], t[1], t[2], t[3])
		dst = dst[:len(dst)-4+int(t[4])]
	}
	return dst[:len(dst)-1]
}

// AppendUint appends v in decimal. It is strconv's, but for small numbers, which most are.
func AppendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 10:
		return append(dst, byte('0'+v))
	case v < 100:
		return append(dst, byte('0'+v/10), byte('0'+v%10))
	case v < 1000:
		return append(dst, byte('0'+v/100), byte('0'+v/10%10), byte('0'+v%10))
	case v < 10000:
		return append(dst, byte('0'+v/1000), byte('0'+v/100%10), byte('0'+v/10%10), byte('0'+v%10))
	case v < 100000:
		return append(dst, byte('0'+v/10000), byte('0'+v/1000%10), byte('0'+v/100%10), byte('0'+v/10%10), byte('0'+v%10))
	}
	return strconv.AppendUint(dst, v, 10)
}

// AppendTime appends ns (since the Unix epoch, UTC) as 2006-01-02T15:04:05.000000+0000, without quotes. Options that
// write times belong to one goroutine.
func (o *Options) AppendTime(dst []byte, ns int64) []byte {
	second := ns / 1e9
	if ns < 0 && ns%1e9 != 0 {
		second--
	}
	if second != o.second || o.date[0] == 0 {
		o.second = second
		t := time.Unix(second, 0).UTC()
		if y := t.Year(); y < 0 || y > 9999 {
			t = time.Unix(0, 0).UTC()
		}
		t.AppendFormat(o.date[:0], "2006-01-02T15:04:05")
	}
	dst = append(dst, o.date[:]...)
	micros := uint32((ns - second*1e9) / 1000)
	hi, lo := micros/1000, micros%1000
	return append(dst, '.', byte('0'+hi/100), byte('0'+hi/10%10), byte('0'+hi%10),
		byte('0'+lo/100), byte('0'+lo/10%10), byte('0'+lo%10), '+', '0', '0', '0', '0')
}

func appendPadded(dst []byte, v, width int) []byte {
	var b [20]byte
	i := len(b)
	for v > 0 || i > len(b)-width {
		i--
		b[i] = byte('0' + v%10)
		v /= 10
	}
	return append(dst, b[i:]...)
}

// Object helps to write the members of a JSON object: it places the commas. The zero value starts a new object
// in a nil buffer; B is the text so far.
type Object struct {
	B    []byte
	Opts *Options
	more bool
}

// Open starts an object on dst: it appends the brace.
func Open(dst []byte, o *Options) Object {
	return Object{B: append(dst, '{'), Opts: o}
}

// Key appends the key of a member whose value the caller appends to B. It must need no escaping.
func (o *Object) Key(k string) {
	if o.more {
		o.B = append(o.B, ',')
	}
	o.more = true
	o.B = append(o.B, '"')
	o.B = append(o.B, k...)
	o.B = append(o.B, '"', ':')
}

// Raw appends members whose text is given; the caller has placed the commas between them.
func (o *Object) Raw(members string) {
	if o.more {
		o.B = append(o.B, ',')
	}
	o.more = true
	o.B = append(o.B, members...)
}

// Str appends a string member.
func (o *Object) Str(k, v string) { o.Key(k); o.B = AppendString(o.B, v) }

// Bytes appends a string member.
func (o *Object) Bytes(k string, v []byte) { o.Key(k); o.B = AppendString(o.B, v) }

// StrIf appends a string member unless it is empty.
func (o *Object) StrIf(k, v string) {
	if v != "" {
		o.Str(k, v)
	}
}

// BytesIf appends a string member unless it is empty.
func (o *Object) BytesIf(k string, v []byte) {
	if len(v) > 0 {
		o.Bytes(k, v)
	}
}

// Int appends a number member.
func (o *Object) Int(k string, v int64) { o.Key(k); o.B = strconv.AppendInt(o.B, v, 10) }

// Uint appends a number member.
func (o *Object) Uint(k string, v uint64) { o.Key(k); o.B = AppendUint(o.B, v) }

// Bool appends a boolean member.
func (o *Object) Bool(k string, v bool) { o.Key(k); o.B = strconv.AppendBool(o.B, v) }

// True appends a boolean member when v is true.
func (o *Object) True(k string, v bool) {
	if v {
		o.Bool(k, true)
	}
}

// Addr appends an address member.
func (o *Object) Addr(k string, a netip.Addr) {
	o.Key(k)
	o.B = append(o.B, '"')
	o.B = o.Opts.AppendAddr(o.B, a)
	o.B = append(o.B, '"')
}

// Time appends a time member; see Options.AppendTime.
func (o *Object) Time(k string, ns int64) {
	o.Key(k)
	o.B = append(o.B, '"')
	o.B = o.Opts.AppendTime(o.B, ns)
	o.B = append(o.B, '"')
}

// Hex appends b as a string member of lower-case hex digits, with sep between the bytes unless it is 0.
func (o *Object) Hex(k string, b []byte, sep byte) {
	o.Key(k)
	o.B = append(o.B, '"')
	o.B = AppendHex(o.B, b, sep)
	o.B = append(o.B, '"')
}

// Strs appends an array of strings member.
func (o *Object) Strs(k string, v ...string) {
	o.Key(k)
	o.B = append(o.B, '[')
	for i, s := range v {
		if i > 0 {
			o.B = append(o.B, ',')
		}
		o.B = AppendString(o.B, s)
	}
	o.B = append(o.B, ']')
}

// Begin opens a nested object as member k and returns it; the caller ends it with o.End(inner).
func (o *Object) Begin(k string) Object {
	o.Key(k)
	return Object{B: append(o.B, '{'), Opts: o.Opts}
}

// End closes inner, which Begin returned.
func (o *Object) End(inner Object) { o.B = append(inner.B, '}') }

// Close closes the object and returns the text.
func (o *Object) Close() []byte { return append(o.B, '}') }
