package filetype

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// Hasher follows one file at a time as its bytes stream by: it counts them, tells the kind from the first ones
// and computes the SHA-256 if the kind is worth it. Its state is bounded. The zero value must be Reset before use.
type Hasher struct {
	size    int64
	sum     hash.Hash // made when the first file needs it, then reused
	head    [HeadLen]byte
	digest  [sha256.Size]byte // here because the interface would make a local one escape
	name    [16]byte          // the end of the file's name
	nameLen uint8
	headLen uint16
	kind    Kind
	decided bool
	gaps    bool
	off     bool // the bytes are not the file's own: count only
}

// Reset begins a new file. The name may be empty; it is not kept.
func (h *Hasher) Reset(name []byte) {
	h.Rewind()
	if len(name) > len(h.name) {
		name = name[len(name)-len(h.name):]
	}
	h.nameLen = uint8(copy(h.name[:], name))
}

// Rewind begins the same file anew.
func (h *Hasher) Rewind() {
	h.size, h.headLen, h.kind, h.decided, h.gaps, h.off = 0, 0, Other, false, false, false
}

// CountOnly says that the file's bytes are not shown as they are (compressed in transfer, or only a part of it),
// so that neither kind nor hash can be known.
func (h *Hasher) CountOnly() { h.off, h.decided, h.kind = true, true, Other }

// Write takes the next bytes of the file.
func (h *Hasher) Write(b []byte) {
	h.size += int64(len(b))
	if h.decided {
		if h.kind != Other && !h.gaps {
			h.sum.Write(b)
		}
		return
	}
	if h.headLen == 0 && len(b) >= HeadLen {
		h.decide(b)
		return
	}
	n := copy(h.head[h.headLen:], b)
	h.headLen += uint16(n)
	if h.headLen == HeadLen {
		h.decide(h.head[:])
		if rest := b[n:]; h.kind != Other && len(rest) > 0 {
			h.sum.Write(rest)
		}
	}
}

func (h *Hasher) decide(b []byte) {
	h.decided = true
	h.kind = Of(b, h.name[:h.nameLen])
	if h.kind == Other {
		return
	}
	if h.sum == nil {
		h.sum = sha256.New()
	} else {
		h.sum.Reset()
	}
	h.sum.Write(b)
}

// Skip says that n bytes of the file were lost: from here on there is no hash.
func (h *Hasher) Skip(n int64) {
	if !h.decided {
		h.kind, h.decided = Of(h.head[:h.headLen], h.name[:h.nameLen]), true
	}
	h.size += n
	h.gaps = true
}

// Count adds n bytes that were there but not shown, of a file that is not hashed; see Hashing.
func (h *Hasher) Count(n int64) { h.size += n }

// Hashing reports whether the bytes to come matter: false once the kind is known not to be worth a hash, or
// the hash can no longer be right.
func (h *Hasher) Hashing() bool { return !h.decided || h.kind != Other && !h.gaps }

// Size returns the number of bytes so far, lost ones included.
func (h *Hasher) Size() int64 { return h.size }

// Gaps reports whether bytes were lost.
func (h *Hasher) Gaps() bool { return h.gaps }

// Kind returns the file's kind as far as the bytes so far tell.
func (h *Hasher) Kind() Kind {
	if !h.decided {
		return Of(h.head[:h.headLen], h.name[:h.nameLen])
	}
	return h.kind
}

// AppendSum appends the SHA-256 of the whole file in lower-case hex, or nothing when the kind is not worth it or
// bytes were lost. It ends the file: call Reset before the next.
func (h *Hasher) AppendSum(dst []byte) []byte {
	if !h.decided {
		h.decide(h.head[:h.headLen])
	}
	if h.kind == Other || h.gaps {
		return dst
	}
	return hex.AppendEncode(dst, h.sum.Sum(h.digest[:0]))
}
