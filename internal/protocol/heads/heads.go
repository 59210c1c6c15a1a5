// Package heads reads text messages in the manner of RFC 822 as SIP and RTSP use them: a start line, header fields, an
// empty line, and a body as long as Content-Length says.
package heads

import (
	"bytes"
	"encoding/base64"

	"netsensor/internal/protocol/lines"
)

// Max is the longest head that is waited for.
const Max = 32 << 10

// MaxUser is the longest user name that is given.
const MaxUser = 256

// Reader finds the heads of one direction of a stream. The zero value begins at a message's start.
type Reader struct{ scanned int }

// Next returns the head that b, the unread bytes, begins with, and its length with the empty line. Without a whole head
// n is 0, or -1 if it would be too long.
func (r *Reader) Next(b []byte) (head []byte, n int) {
	b = b[:min(len(b), Max)]
	at := max(min(r.scanned, len(b))-len("\r\n\r"), 0)
	for {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			if len(b) == Max {
				return nil, -1
			}
			r.scanned = len(b)
			return nil, 0
		}
		at += i + 1
		rest := b[at:]
		switch {
		case len(rest) >= 1 && rest[0] == '\n':
			r.scanned = 0
			return b[:at], at + 1
		case len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n':
			r.scanned = 0
			return b[:at], at + 2
		}
	}
}

// Reset begins at a message's start.
func (r *Reader) Reset() { r.scanned = 0 }

// Field cuts the first field off the lines of a head. Folds stay in the value. A line without a colon is passed
// over; ok is false at the end.
func Field(b []byte) (name, value, rest []byte, ok bool) {
	for len(b) > 0 {
		end := 0
		for {
			i := bytes.IndexByte(b[end:], '\n')
			if i < 0 {
				end = len(b)
				break
			}
			end += i + 1
			if end == len(b) || b[end] != ' ' && b[end] != '\t' {
				break
			}
		}
		line := bytes.TrimRight(b[:end], "\r\n")
		b = b[end:]
		if colon := bytes.IndexByte(line, ':'); colon > 0 {
			return lines.Trim(line[:colon]), bytes.Trim(line[colon+1:], " \t\r\n"), b, true
		}
	}
	return nil, nil, nil, false
}

// StartLine cuts the start line off a head.
func StartLine(head []byte) (line, fields []byte) {
	line, fields, _ = lines.First(head)
	return line, fields
}

// User appends the user name of an Authorization field (RFC 7616, RFC 7617) to dst, and nothing else of it.
func User(dst, value []byte) []byte {
	scheme, rest := lines.Word(value)
	switch {
	case lines.Is(scheme, "DIGEST"):
		return append(dst, digest(rest)...)
	case lines.Is(scheme, "BASIC"):
		return basic(dst, rest)
	}
	return dst
}

// digest is the parameter username.
func digest(b []byte) []byte {
	const key = "USERNAME="
	for from := 0; ; {
		i := lines.Index(b[from:], key)
		if i < 0 {
			return nil
		}
		i += from
		v := b[i+len(key):]
		from = i + len(key)
		if i > 0 && b[i-1] != ' ' && b[i-1] != ',' && b[i-1] != '\t' && b[i-1] != '\n' {
			continue
		}
		if len(v) == 0 || v[0] != '"' {
			continue
		}
		if end := bytes.IndexByte(v[1:], '"'); end >= 0 {
			return v[1 : 1+min(end, MaxUser)]
		}
		return nil
	}
}

// basic decodes up to the colon, so that the password hardly ever is. Without a colon it is a secret of another kind.
func basic(dst, b []byte) []byte {
	before := len(dst)
	var group [3]byte
	for len(b) >= 4 && len(dst)-before < MaxUser {
		n, err := base64.StdEncoding.Decode(group[:], b[:4])
		if err != nil {
			break
		}
		b = b[4:]
		if i := bytes.IndexByte(group[:n], ':'); i >= 0 {
			dst = append(dst, group[:i]...)
			clear(group[:])
			return dst
		}
		dst = append(dst, group[:n]...)
	}
	clear(dst[before:])
	return dst[:before]
}
