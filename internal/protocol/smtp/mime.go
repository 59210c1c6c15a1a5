package smtp

import (
	"bytes"

	"netsensor/internal/protocol/filetype"
	"netsensor/internal/protocol/lines"
)

// Bounds of what is followed of a message's structure (RFC 2046).
const (
	maxDepth    = 8  // multiparts within each other
	maxBoundary = 70 // RFC 2046, section 5.1.1
	maxFilename = 255
	maxFiles    = 64 // whose names are kept
)

// encoding is how a part's bytes are written (RFC 2045, section 6).
type encoding uint8

const (
	identity encoding = iota
	base64Encoding
	quotedPrintable
)

// boundary separates the parts of a multipart.
type boundary struct {
	text [maxBoundary]byte
	n    uint8
}

// parts follows the MIME structure of a message's content and hashes the files in it as they stream by.
type parts struct {
	stack    [maxDepth]boundary
	depth    int
	encoding encoding // of the part whose header was read last
	next     boundary // that its Content-Type announces
	name     []byte   // that its header gives
	titled   bool     // name is Content-Disposition's, which goes before Content-Type's

	open     bool   // a file is being read
	done     bool   // file and filename are those of a file that has ended
	whole    bool   // and its end was seen
	filename []byte // of the file
	file     filetype.Hasher
	bits     uint32 // of base64, not yet written
	nbits    uint8
	eol      bool // a line end of the file that is not written: it may belong to the boundary
	escape   [3]byte
	nescape  uint8
	out      [512]byte
}

func (p *parts) reset() {
	p.depth, p.open, p.done = 0, false, false
	p.header()
}

// header begins the header of a part.
func (p *parts) header() {
	p.encoding, p.next.n, p.name, p.titled = identity, 0, p.name[:0], false
}

// field takes a field of a part's header, or of the message's.
func (p *parts) field(name, value []byte) {
	switch {
	case lines.Is(name, "CONTENT-TYPE"):
		if lines.Begins(value, "MULTIPART/") {
			var text [maxBoundary]byte
			p.next.n = uint8(len(appendParameter(text[:0:maxBoundary], value, "BOUNDARY", maxBoundary)))
			p.next.text = text
		}
		if !p.titled {
			p.name = appendParameter(p.name[:0], value, "NAME", maxFilename)
		}
	case lines.Is(name, "CONTENT-DISPOSITION"):
		before := len(p.name)
		p.name = appendParameter(p.name, value, "FILENAME", before+maxFilename)
		if p.titled = len(p.name) > before; p.titled {
			p.name = append(p.name[:0], p.name[before:]...)
		}
	case lines.Is(name, "CONTENT-TRANSFER-ENCODING"):
		switch {
		case lines.Begins(value, "BASE64"):
			p.encoding = base64Encoding
		case lines.Begins(value, "QUOTED-PRINTABLE"):
			p.encoding = quotedPrintable
		default:
			p.encoding = identity
		}
	}
}

// body begins the body of the part whose header has ended.
func (p *parts) body() {
	switch {
	case p.next.n > 0:
		if p.depth < maxDepth {
			p.stack[p.depth] = p.next
			p.depth++
		}
	case len(p.name) > 0:
		p.open, p.eol, p.nbits, p.nescape = true, false, 0, 0
		p.filename = append(p.filename[:0], p.name...)
		p.file.Reset(p.filename)
	}
}

// wants reports whether a body's next bytes are of interest.
func (p *parts) wants() bool { return p.depth > 0 || p.open }

// delimiter reports whether a line separates parts, and whether another part follows it.
func (p *parts) delimiter(line []byte) (found, more bool) {
	if p.depth == 0 || len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return false, false
	}
	line = lines.Trim(line[2:])
	for i := p.depth - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line, p.stack[i].text[:p.stack[i].n])
		switch {
		case !ok:
		case len(rest) == 0:
			p.depth = i + 1
			return true, true
		case string(rest) == "--":
			p.depth = i
			return true, false
		}
	}
	return false, false
}

// data takes a line of the open file, or a piece of one.
func (p *parts) data(b []byte, whole bool) {
	switch p.encoding {
	case base64Encoding:
		p.base64(b)
	case quotedPrintable:
		p.quoted(b, whole)
	default:
		p.line(b, whole)
	}
}

// line writes what is as it is; its line end is kept back.
func (p *parts) line(b []byte, whole bool) {
	if p.eol {
		p.out[0], p.out[1] = '\r', '\n'
		p.file.Write(p.out[:2])
	}
	if len(b) > 0 {
		p.file.Write(b)
	}
	p.eol = whole
}

// base64 decodes, passing over what is not of the alphabet (RFC 2045, section 6.8).
func (p *parts) base64(b []byte) {
	n := 0
	for _, c := range b {
		v := sextet(c)
		if v > 63 {
			continue
		}
		p.bits = p.bits<<6 | uint32(v)
		if p.nbits += 6; p.nbits < 8 {
			continue
		}
		p.nbits -= 8
		p.out[n] = byte(p.bits >> p.nbits)
		if n++; n == len(p.out) {
			p.file.Write(p.out[:n])
			n = 0
		}
	}
	if n > 0 {
		p.file.Write(p.out[:n])
	}
}

func sextet(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 255
}

// quoted decodes quoted-printable (RFC 2045, section 6.7).
func (p *parts) quoted(b []byte, whole bool) {
	if whole && p.nescape == 0 {
		b = bytes.TrimRight(b, " \t")
	}
	if p.eol {
		p.out[0], p.out[1] = '\r', '\n'
		p.file.Write(p.out[:2])
		p.eol = false
	}
	n := 0
	for _, c := range b {
		switch {
		case p.nescape == 0 && c == '=':
			p.nescape = 1
			continue
		case p.nescape == 1:
			p.escape[1], p.nescape = c, 2
			continue
		case p.nescape == 2:
			p.nescape = 0
			hi, lo := digit(p.escape[1]), digit(c)
			if hi > 15 || lo > 15 {
				continue
			}
			c = hi<<4 | lo
		}
		p.out[n] = c
		if n++; n == len(p.out) {
			p.file.Write(p.out[:n])
			n = 0
		}
	}
	if n > 0 {
		p.file.Write(p.out[:n])
	}
	if whole {
		p.eol = p.nescape == 0 // else a soft line break
		p.nescape = 0
	}
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// end ends the open file.
func (p *parts) end(whole bool) {
	if p.open {
		p.open, p.done, p.whole = false, true, whole
	}
}

// lost says that n bytes are missing; 0 where nobody knows how many.
func (p *parts) lost(n int64) {
	if p.open {
		p.file.Skip(n)
		p.nbits, p.nescape, p.eol = 0, 0, false
	}
}

// appendParameter appends the value of a parameter, whose name is in upper case: also in pieces and with percent
// signs (RFC 2231). dst grows to at most limit bytes.
func appendParameter(dst, b []byte, name string, limit int) []byte {
	before := len(dst)
	for {
		i := semicolon(b)
		if i < 0 {
			return dst
		}
		b = bytes.TrimLeft(b[i+1:], " \t\r\n")
		eq := bytes.IndexByte(b, '=')
		if eq < 0 {
			return dst
		}
		key := lines.Trim(b[:eq])
		if bytes.IndexByte(key, ';') >= 0 {
			continue
		}
		b = lines.TrimLeft(b[eq+1:])
		if !lines.Begins(key, name) || len(key) > len(name) && key[len(name)] != '*' {
			continue
		}
		suffix := key[len(name):]
		extended := len(suffix) > 0 && suffix[len(suffix)-1] == '*'
		first := len(suffix) < 2 || suffix[1] == '0'
		if first {
			dst = dst[:before]
		}
		v := value(b)
		if extended && first {
			if i := bytes.IndexByte(v, '\''); i >= 0 {
				if j := bytes.IndexByte(v[i+1:], '\''); j >= 0 {
					v = v[i+1+j+1:]
				}
			}
		}
		for len(v) > 0 && len(dst) < limit {
			c := v[0]
			v = v[1:]
			if extended && c == '%' && len(v) >= 2 && digit(v[0]) < 16 && digit(v[1]) < 16 {
				c = digit(v[0])<<4 | digit(v[1])
				v = v[2:]
			}
			dst = append(dst, c)
		}
	}
}

// semicolon finds the next one outside of quotes.
func semicolon(b []byte) int {
	quoted := false
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			return i
		}
	}
	return -1
}

// value is a token or a quoted string without its quotes.
func value(b []byte) []byte {
	if len(b) > 0 && b[0] == '"' {
		if end := bytes.IndexByte(b[1:], '"'); end >= 0 {
			return b[1 : 1+end]
		}
		return b[1:]
	}
	if end := bytes.IndexAny(b, "; \t"); end >= 0 {
		return b[:end]
	}
	return b
}
