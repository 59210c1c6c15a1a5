package http

import (
	"bytes"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/filetype"
)

// coding is a content coding (RFC 9110, section 8.4.1).
type coding uint8

const (
	plain coding = iota
	gzipped
	deflated
	opaque // one that is not undone here, or several
)

// with adds the value of a Content-Encoding field.
func (k coding) with(value []byte) coding {
	next := opaque
	switch {
	case len(value) == 0, fold(value, "identity"):
		return k
	case k != plain:
	case fold(value, "gzip"), fold(value, "x-gzip"):
		next = gzipped
	case fold(value, "deflate"):
		next = deflated
	}
	return next
}

const (
	// maxHeld bounds the coded bytes that all streams of a flow table hold together.
	maxHeld = 64 << 20
	// maxDecoded and maxRatio bound what one body may become: nothing worth a hash shrinks further, bombs do.
	maxDecoded = 64 << 20
	maxRatio   = 32
	// maxMembers bounds the gzip members of a body (RFC 1952, section 2.2).
	maxMembers = 64
)

// decoders are what the streams of one parser, and thus of one flow table, share: a decoder, which is too large for
// each to have its own, the count of the bytes they hold, and what reads DNS.
type decoders struct {
	decoder *decoder // made when it is needed first
	held    int64
	dns     func() protocol.Stream // see newDNS
}

// charge adds n bytes to those that are held, if there is room.
func (d *decoders) charge(n int64) bool {
	if d.held+n > maxHeld {
		return false
	}
	d.held += n
	return true
}

// decode writes to f what b is without its coding, and reports whether that is what a client gets to see. Browsers do
// not mind a wrong checksum or a missing end, so these are no hiding place. At most limit bytes (or a few thousand
// more) are written.
func (d *decoders) decode(k coding, b []byte, limit int64, f *filetype.Hasher) bool {
	if d.decoder == nil {
		d.decoder = new(decoder)
	}
	r := d.decoder
	r.src.Reset(b)
	r.left = limit
	var ok bool
	if k == gzipped {
		ok = r.gunzip(f)
	} else {
		ok = r.inflate(f)
	}
	r.src.Reset(nil)
	return ok
}

type decoder struct {
	src   bytes.Reader
	gzip  gzip.Reader
	flate io.ReadCloser
	left  int64 // how much more may be written
	out   [4 << 10]byte
}

// gunzip ends where no further member begins: browsers, too, ignore what follows.
func (r *decoder) gunzip(f *filetype.Hasher) bool {
	for n := range maxMembers {
		if r.gzip.Reset(&r.src) != nil {
			return n > 0
		}
		r.gzip.Multistream(false)
		if err := r.copy(&r.gzip, f); err != io.EOF {
			return err == io.ErrUnexpectedEOF || err == gzip.ErrChecksum
		}
	}
	return false
}

// inflate undoes "deflate", which is zlib's format (RFC 1950), or for some senders the bare one (RFC 1951).
func (r *decoder) inflate(f *filetype.Hasher) bool {
	var head [2]byte
	if n, _ := r.src.Read(head[:]); n < 2 || !zlibHeader(head) {
		r.src.Seek(0, io.SeekStart)
	}
	if r.flate == nil {
		r.flate = flate.NewReader(&r.src)
	} else if r.flate.(flate.Resetter).Reset(&r.src, nil) != nil {
		return false
	}
	err := r.copy(r.flate, f)
	return err == io.EOF || err == io.ErrUnexpectedEOF
}

// zlibHeader knows RFC 1950's header, without a preset dictionary.
func zlibHeader(b [2]byte) bool {
	return b[0]&0x0f == 8 && b[0]>>4 <= 7 && b[1]&0x20 == 0 && (int(b[0])<<8|int(b[1]))%31 == 0
}

// copy returns the error that ended it, io.ErrShortWrite at the bound.
func (r *decoder) copy(from io.Reader, f *filetype.Hasher) error {
	for {
		n, err := from.Read(r.out[:])
		f.Write(r.out[:n])
		if r.left -= int64(n); r.left < 0 {
			return io.ErrShortWrite
		}
		if err != nil {
			return err
		}
	}
}
