package http

import (
	"bytes"

	"netsensor/internal/protocol"
)

// counted takes the bytes of a body or chunk whose length is known.
func (s *stream) counted(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	n := int(min(int64(len(b)), sd.left))
	s.data(c, d, sd, b[:n])
	sd.left -= int64(n)
	if sd.left == 0 {
		sd.skipped = 0
		s.afterCounted(c, d, sd)
		return n, again
	}
	if sd.state != fixedBody || sd.left < shown || sd.parts != nil || sd.file == nil || sd.file.moved() < shown || sd.filing && sd.file.wants() {
		return n, again
	}
	// The last bytes are asked for: they tell that the body came to its end, and the size of a gzipped file.
	jump := min(sd.left-trailerLen, 1<<30)
	s.add(sd, jump)
	sd.left -= jump
	sd.skipped = jump
	return n + int(jump), again
}

// afterCounted is called when a body or chunk of known length is complete.
func (s *stream) afterCounted(c *protocol.Context, d protocol.Dir, sd *side) {
	if sd.state == inChunk {
		sd.state = chunkEnd
		return
	}
	s.endMessage(c, d, sd, true)
}

// maxChunkLine bounds a chunk's size with its extensions.
const maxChunkLine = 4 << 10

// chunk reads a chunk's size (RFC 9112, section 7.1).
func (s *stream) chunk(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	i := bytes.IndexByte(b[sd.scan:], '\n')
	if i < 0 && len(b) <= maxChunkLine {
		sd.scan = len(b)
		return 0, wait
	}
	i += sd.scan
	sd.scan = 0
	size, ok := int64(0), false
	if i >= 0 && i <= maxChunkLine {
		size, ok = chunkLength(b[:i])
	}
	if !ok {
		s.anomaly(c, d, invalidChunkLength.of(sd.role))
		s.endMessage(c, d, sd, false)
		s.lose(sd)
		return 0, again
	}
	sd.touched = true
	sd.framed(i + 1)
	if sd.left = size; size == 0 {
		sd.state = inTrailer
	} else {
		sd.state = inChunk
	}
	return i + 1, again
}

// chunkLength reads hexadecimal digits that blanks may surround and extensions follow.
func chunkLength(b []byte) (n int64, ok bool) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	i := 0
	for ; i < len(b) && i < 15; i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			n = n<<4 | int64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | int64(c|0x20-'a'+10)
		default:
			return n, i > 0 && (isSpace(c) || c == ';')
		}
	}
	return n, i > 0 && i == len(b)
}

// chunkEnd takes the line end behind a chunk.
func (s *stream) chunkEnd(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	n := 0
	if b[0] == '\r' {
		if len(b) == 1 {
			return 0, wait
		}
		n = 1
	}
	if b[n] != '\n' {
		s.anomaly(c, d, invalidChunkLength.of(sd.role))
		s.endMessage(c, d, sd, false)
		s.lose(sd)
		return 0, again
	}
	sd.state = chunkSize
	sd.framed(n + 1)
	return n + 1, again
}

// framed counts n bytes of chunk framing: Suricata's http.length is that of the message's body as it was sent.
func (sd *side) framed(n int) {
	if sd.role == responses {
		sd.tx.length += int64(n)
	}
}

// trailer skips the fields behind the last chunk.
func (s *stream) trailer(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	line, n, ok := sd.line(b, false)
	if !ok {
		return 0, wait
	}
	if len(line) == 0 {
		s.endMessage(c, d, sd, true)
	}
	return n, again
}

// orphan looks at the first body bytes of a response to an unseen request. If that was HEAD, the next response
// follows at once; if it was CONNECT, the tunnel.
func (s *stream) orphan(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	const prefix = "HTTP/1."
	sd.state = sd.next
	if sd.next == openBody && sd.tx.status/100 == 2 && b[0] == 0x16 {
		if len(b) == 1 {
			sd.state = orphanBody
			return 0, wait
		}
		if b[1] == 3 {
			s.emit(c, sd.tx)
			s.leave(sd)
			return 0, handover
		}
	}
	if sd.next == fixedBody && sd.left < int64(len(prefix)) {
		return 0, again
	}
	if n := min(len(b), len(prefix)); string(b[:n]) == prefix[:n] {
		if n < len(prefix) {
			sd.state = orphanBody
			return 0, wait
		}
		s.endMessage(c, d, sd, true)
	}
	return 0, again
}

// data takes body bytes.
func (s *stream) data(c *protocol.Context, d protocol.Dir, sd *side, b []byte) {
	sd.touched = true
	if sd.role == responses {
		sd.tx.length += int64(len(b))
	}
	switch {
	case sd.parts != nil:
		s.part(c, d, sd, b)
	case sd.filing:
		sd.file.write(s.decoders, b)
	}
}

// add counts n body bytes that were not shown.
func (s *stream) add(sd *side, n int64) {
	if sd.role == responses {
		sd.tx.length += n
	}
	if sd.filing {
		sd.file.count(n)
	}
}

// missed counts n body bytes that were lost.
func (s *stream) missed(sd *side, n int64) {
	if sd.role == responses {
		sd.tx.length += n
	}
	if sd.filing {
		sd.file.skip(s.decoders, n)
	}
}

// endMessage ends a message with a body; whole says that nothing of the body is missing at its end.
func (s *stream) endMessage(c *protocol.Context, d protocol.Dir, sd *side, whole bool) {
	s.endBody(c, d, sd, whole)
	if sd.role == responses {
		s.emit(c, sd.tx)
	}
	s.leave(sd)
}

// endBody tells what file the body was.
func (s *stream) endBody(c *protocol.Context, d protocol.Dir, sd *side, whole bool) {
	if !whole && sd.skipped > 0 {
		// Nobody knows how much of it came.
		s.add(sd, -sd.skipped)
	}
	sd.skipped = 0
	switch {
	case sd.parts != nil:
		if sd.filing {
			s.emitFile(c, d, sd, sd.parts.filename, false)
		}
	case sd.filing:
		s.emitFile(c, d, sd, sd.tx.filename(sd.role), whole)
	}
	sd.filing, sd.parts = false, nil
}
