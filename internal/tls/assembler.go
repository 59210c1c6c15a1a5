package tls

import "slices"

const (
	// maxPieces bounds the separate ranges of bytes that an Assembler keeps apart; more are dropped.
	maxPieces = 64
	// maxAhead bounds how far beyond what has come a piece may lie, so that memory stays in proportion to what a
	// stranger sends.
	maxAhead = 8 << 10
)

// Assembler puts pieces of handshake data in order that come in any order, several times or overlapping: CRYPTO
// frames of QUIC, fragments of DTLS. It holds at most 64 KiB. The zero value is empty.
type Assembler struct {
	buf    []byte
	pieces [maxPieces]piece
	n      int // pieces in use, in no order and apart from each other
	prefix int
}

// piece is a range of bytes that have come.
type piece struct{ from, to int }

// Add takes the bytes b at an offset. It returns all bytes from the beginning to the first that is missing; they
// are valid until the next call. Of bytes that came twice, the first are kept.
func (a *Assembler) Add(offset int, b []byte) []byte {
	if offset < a.prefix {
		b = b[min(a.prefix-offset, len(b)):]
		offset = a.prefix
	}
	from, to := offset, offset+len(b)
	if len(b) == 0 || to > maxMessage || from > len(a.buf)+maxAhead {
		return a.buf[:a.prefix]
	}
	if to > len(a.buf) {
		a.buf = slices.Grow(a.buf, to-len(a.buf))[:to]
	}
	a.fill(from, b)
	for i := 0; i < a.n; {
		if p := a.pieces[i]; p.from <= to && from <= p.to {
			from, to = min(from, p.from), max(to, p.to)
			a.n--
			a.pieces[i] = a.pieces[a.n]
			i = 0
			continue
		}
		i++
	}
	switch {
	case from == a.prefix:
		a.prefix = to
	case a.n < maxPieces:
		a.pieces[a.n] = piece{from, to}
		a.n++
	}
	return a.buf[:a.prefix]
}

// fill copies b to where nothing has come yet.
func (a *Assembler) fill(from int, b []byte) {
	for len(b) > 0 {
		end, known := from+len(b), false
		for _, p := range a.pieces[:a.n] {
			if p.from <= from && from < p.to {
				end, known = min(end, p.to), true
				break
			}
			if from < p.from {
				end = min(end, p.from)
			}
		}
		if !known {
			copy(a.buf[from:end], b)
		}
		b = b[end-from:]
		from = end
	}
}

// Reset empties the assembler. It keeps its buffer unless that is large.
func (a *Assembler) Reset() {
	if a.n, a.prefix, a.buf = 0, 0, a.buf[:0]; cap(a.buf) > keptBuffer {
		a.buf = nil
	}
}
