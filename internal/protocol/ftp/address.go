package ftp

import (
	"bytes"

	"netsensor/internal/protocol/lines"
)

// hostPort reads the port of "h1,h2,h3,h4,p1,p2" (RFC 959, section 4.1.2), as in PORT and somewhere in the reply to
// PASV.
func hostPort(b []byte) (port int, ok bool) {
	var v [6]byte
	for i := range v {
		b = lines.TrimLeft(b)
		n, digits := 0, 0
		for len(b) > 0 && b[0] >= '0' && b[0] <= '9' && digits < 3 {
			n = n*10 + int(b[0]-'0')
			b = b[1:]
			digits++
		}
		if digits == 0 || n > 255 {
			return 0, false
		}
		v[i] = byte(n)
		if i < len(v)-1 {
			if len(b) == 0 || b[0] != ',' {
				return 0, false
			}
			b = b[1:]
		}
	}
	return int(v[4])<<8 | int(v[5]), true
}

// passive finds the port in the reply to PASV: servers differ in what stands around it (RFC 1123, section 4.1.2.6).
func passive(text []byte) (port int, ok bool) {
	text = text[:min(len(text), maxLine)]
	for i := range text {
		if text[i] >= '0' && text[i] <= '9' && (i == 0 || text[i-1] < '0' || text[i-1] > '9') {
			if n, ok := hostPort(text[i:]); ok {
				return n, true
			}
		}
	}
	return 0, false
}

// extended reads the port of "|2|2001:db8::1|5282|" in EPRT and "(|||6446|)" in the reply to EPSV (RFC 2428).
func extended(b []byte) (port int, ok bool) {
	if i := bytes.IndexByte(b, '('); i >= 0 {
		b = b[i+1:]
	}
	b = lines.TrimLeft(b)
	if len(b) < 2 || b[0] < 33 || b[0] > 126 {
		return 0, false
	}
	sep := b[:1]
	_, b, _ = bytes.Cut(b[1:], sep) // the network protocol
	_, b, _ = bytes.Cut(b, sep)     // the address
	number, _, found := bytes.Cut(b, sep)
	n, isNumber := lines.Number(number)
	if !found || !isNumber || n > 0xffff {
		return 0, false
	}
	return int(n), true
}
