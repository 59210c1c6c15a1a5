package http

import (
	"encoding/binary"

	"netsensor/internal/protocol/filetype"
)

const (
	// codedHead is how much of a coded body tells what kind of file it is.
	codedHead = 1 << 10
	// maxCoded is how much of a coded body is held that is worth a hash; smallCoded, of one that is not but whose size
	// nothing else tells.
	maxCoded   = 1 << 20
	smallCoded = 64 << 10
	// keepCoded is the largest buffer that is kept for the next body.
	keepCoded = 8 << 10
)

// payload is a file in a message. If it has a content coding, its beginning is looked at as soon as it is there, and
// the rest held until the end if it is worth it: the decoders of the libraries cannot be fed piece by piece.
type payload struct {
	file      filetype.Hasher
	coding    coding
	kind      filetype.Kind // of a coded file, once looked at
	looked    bool
	following bool // held is all that came
	message   bool // a DNS message: held although it has no coding
	lost      bool
	tail      [4]byte // the last bytes
	coded     int64   // bytes of a coded file
	charged   int64   // see decoders
	held      []byte
}

// begin begins a new file.
func (p *payload) begin(d *decoders, name []byte, k coding) {
	p.release(d)
	p.file.Reset(name)
	p.coding, p.kind, p.coded = k, filetype.Other, 0
	p.looked, p.lost, p.message, p.following = false, false, false, k == gzipped || k == deflated
	if k == opaque {
		p.coding = plain
		p.file.CountOnly()
	}
}

// beginMessage begins a DNS message.
func (p *payload) beginMessage(d *decoders, name []byte) {
	p.begin(d, name, plain)
	p.looked, p.message, p.following = true, true, true
}

// write takes the next bytes.
func (p *payload) write(d *decoders, b []byte) {
	if p.coding == plain {
		p.file.Write(b)
		if p.following {
			p.hold(d, b)
		}
		return
	}
	p.coded += int64(len(b))
	if n := len(b); n >= len(p.tail) {
		copy(p.tail[:], b[n-len(p.tail):])
	} else {
		copy(p.tail[:], p.tail[n:])
		copy(p.tail[len(p.tail)-n:], b)
	}
	if !p.following {
		return
	}
	if !p.looked {
		n := min(len(b), codedHead-len(p.held))
		p.hold(d, b[:n])
		if b = b[n:]; len(p.held) == codedHead {
			p.look(d)
		}
	}
	if len(b) > 0 && p.following {
		p.hold(d, b)
	}
}

// look tells from the first bytes whether the file is worth to be held.
func (p *payload) look(d *decoders) {
	p.looked = true
	d.decode(p.coding, p.held, filetype.HeadLen, &p.file)
	p.kind = p.file.Kind()
	p.file.Rewind()
	if p.kind == filetype.Other && p.coding == gzipped {
		p.release(d) // the trailer tells the size
	}
}

// hold keeps b if the bounds allow it.
func (p *payload) hold(d *decoders, b []byte) {
	limit := maxCoded
	if p.looked && p.kind == filetype.Other {
		limit = smallCoded
	}
	size := len(p.held) + len(b)
	if size > limit {
		p.release(d)
		return
	}
	room := cap(p.held)
	if size > room {
		room = min(max(size, 2*room, 2*codedHead), maxCoded)
	}
	if more := int64(room) - p.charged; more > 0 {
		if !d.charge(more) {
			p.release(d)
			return
		}
		p.charged += more
	}
	if room > cap(p.held) {
		p.held = append(make([]byte, 0, room), p.held...)
	}
	p.held = append(p.held, b...)
}

// release gives up what is held.
func (p *payload) release(d *decoders) {
	p.following = false
	clear(p.held)
	p.held = p.held[:0]
	if cap(p.held) > keepCoded {
		p.held = nil
	}
	if p.charged > 0 {
		d.held -= p.charged
		p.charged = 0
	}
}

// skip says that n bytes were lost.
func (p *payload) skip(d *decoders, n int64) {
	if p.coding == plain {
		p.file.Skip(n)
		p.release(d)
		return
	}
	p.coded += n
	p.lost = true
	p.release(d)
}

// count adds n bytes that were there but not shown; see wants.
func (p *payload) count(n int64) {
	if p.coding == plain {
		p.file.Count(n)
		return
	}
	p.coded += n
}

// wants reports whether the bytes to come matter, but for the last trailerLen.
func (p *payload) wants() bool {
	return p.coding == plain && p.file.Hashing() || p.following
}

// trailerLen is the length of what gzip (RFC 1952, section 2.3.1) ends with.
const trailerLen = 8

// moved returns how many bytes have come.
func (p *payload) moved() int64 {
	if p.coding == plain {
		return p.file.Size()
	}
	return p.coded
}

// end ends the file: from here on p.file and p.kind are those of the file as it is without its coding, as far as
// that is known. Otherwise its size is that of the coded one. whole says that the end of the body was seen.
func (p *payload) end(d *decoders, whole bool) {
	if p.coding == plain {
		p.kind = p.file.Kind()
		p.release(d)
		return
	}
	whole = whole && !p.lost
	if whole && p.following {
		limit := min(maxDecoded, int64(len(p.held))*maxRatio+smallCoded)
		if d.decode(p.coding, p.held, limit, &p.file) {
			p.kind = p.file.Kind()
			p.release(d)
			return
		}
		p.file.Rewind()
	}
	size := p.coded
	if whole && !p.following && p.coding == gzipped {
		// DEFLATE shrinks to a 1032nd at most. Files of 4 GiB and more have the remainder here.
		if n := int64(binary.LittleEndian.Uint32(p.tail[:])); n >= size/2 && n/1032 <= size {
			size = n
		}
	}
	p.release(d)
	p.file.CountOnly()
	p.file.Count(size)
	if p.lost {
		p.file.Skip(0)
	}
}
