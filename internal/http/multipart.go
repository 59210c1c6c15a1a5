package http

import (
	"bytes"

	"netsensor/internal/protocol"
)

// Where in a multipart body (RFC 2046, section 5.1) the next bytes stand.
const (
	inPreamble = iota
	afterDelimiter
	inPartHead
	inPart
	inEpilogue
)

// parts follows a multipart/form-data body. It holds back what may be the beginning of a delimiter, so that it
// sees the same parts however the body is cut into segments and chunks.
type parts struct {
	delimiter []byte // with the line end before it
	filename  []byte
	window    []byte
	state     int
	named     bool // the part has a file name
}

// partWindow bounds the bytes that are held back, and thereby a line of a part's head.
const partWindow = 4 << 10

// startParts begins a multipart body if value, a Content-Type, says that there is one.
func (sd *side) startParts(value []byte) {
	const multipart = "multipart/form-data"
	if len(value) < len(multipart) || !fold(value[:len(multipart)], multipart) {
		return
	}
	boundary := parameter(value, "boundary")
	// RFC 2046, section 5.1.1: a boundary has at most 70 characters.
	if len(boundary) == 0 || len(boundary) > 70 {
		return
	}
	sd.parts = &parts{
		delimiter: append([]byte("\r\n--"), boundary...),
		window:    []byte("\r\n"),
	}
}

// part takes the next bytes of a multipart body.
func (s *stream) part(c *protocol.Context, d protocol.Dir, sd *side, b []byte) {
	p := sd.parts
	for len(b) > 0 && p.state != inEpilogue {
		n := min(len(b), partWindow-len(p.window))
		p.window = append(p.window, b[:n]...)
		b = b[n:]
		used := 0
		for {
			n := s.partStep(c, d, sd, p.window[used:])
			if n == 0 {
				break
			}
			used += n
		}
		if used == 0 && len(p.window) == partWindow {
			used = partWindow / 2
		}
		p.window = p.window[:copy(p.window, p.window[used:])]
	}
}

// partStep does one thing with w and returns how many bytes it used, 0 when it needs more.
func (s *stream) partStep(c *protocol.Context, d protocol.Dir, sd *side, w []byte) int {
	p := sd.parts
	switch p.state {
	case inPreamble, inPart:
		i := bytes.Index(w, p.delimiter)
		n := i
		if i < 0 {
			n = max(0, len(w)-len(p.delimiter)+1)
		}
		if sd.filing && n > 0 {
			sd.file.write(s.decoders, w[:n])
		}
		if i < 0 {
			return n
		}
		if sd.filing {
			s.emitFile(c, d, sd, p.filename, true)
		}
		p.state = afterDelimiter
		return n + len(p.delimiter)
	case afterDelimiter:
		if len(w) < 2 {
			return 0
		}
		if w[0] == '-' && w[1] == '-' {
			p.state = inEpilogue
			return len(w)
		}
		i := bytes.IndexByte(w, '\n')
		if i < 0 {
			return 0
		}
		p.state, p.named = inPartHead, false
		return i + 1
	case inPartHead:
		i := bytes.IndexByte(w, '\n')
		if i < 0 {
			return 0
		}
		if line := trimEOL(w[:i]); len(line) == 0 {
			p.state = inPart
			if p.named {
				sd.file.begin(s.decoders, p.filename, plain)
				sd.filing = true
			}
		} else {
			p.field(line)
		}
		return i + 1
	}
	return 0
}

// field reads a line of a part's head.
func (p *parts) field(line []byte) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !fold(trim(name), "content-disposition") {
		return
	}
	if f := parameter(value, "filename"); len(f) > 0 {
		p.filename = append(p.filename[:0], f[:min(len(f), maxName)]...)
		p.named = true
	}
}
