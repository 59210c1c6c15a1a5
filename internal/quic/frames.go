package quic

import "encoding/binary"

// Frame types of Initial packets: RFC 9000, section 12.4.
const (
	framePadding = 0x00
	framePing    = 0x01
	frameACK     = 0x02
	frameACKECN  = 0x03
	frameCrypto  = 0x06
	frameClose   = 0x1c
	// Google's CRYPTO frame of Q050, T050 and T051.
	frameGoogleCrypto = 0x08
)

// cryptoFrames calls f with each CRYPTO frame of an Initial packet's payload. It reports false if the payload is
// malformed or holds a frame that must not be there; what came before it counts.
func cryptoFrames(b []byte, google bool, f func(offset int, data []byte)) bool {
	for len(b) > 0 {
		typ := b[0]
		b = b[1:]
		switch {
		case typ == framePadding:
			// Most of an Initial packet (RFC 9000, section 14.1).
			for len(b) >= 8 && binary.NativeEndian.Uint64(b) == 0 {
				b = b[8:]
			}
		case typ == framePing:
		case typ == frameCrypto && !google, typ == frameGoogleCrypto && google:
			offset, n := varint(b)
			if n == 0 {
				return false
			}
			b = b[n:]
			size, n := varint(b)
			if n == 0 || size > uint64(len(b)-n) || offset > 1<<20 {
				return false
			}
			b = b[n:]
			f(int(offset), b[:size])
			b = b[size:]
		case typ == frameACK || typ == frameACKECN:
			var ok bool
			if b, ok = skipACK(b, typ == frameACKECN); !ok {
				return false
			}
		case typ == frameClose:
			return true
		case google && typ&0xc0 == 0x40:
			n := googleACK(typ, b)
			if n > len(b) {
				return false
			}
			b = b[n:]
		default:
			return false
		}
	}
	return true
}

// googleACK returns the size of the rest of an ACK frame of Google's, of the type byte 01NTLLMM: the largest
// acknowledged in LL, the delay, the number of further blocks if N, the first block in MM, the further blocks, and
// time stamps. It is more than len(b) if that is too short.
func googleACK(typ byte, b []byte) int {
	sizes := [...]int{1, 2, 4, 6}
	block := sizes[typ&3]
	n := sizes[typ>>2&3] + 2
	blocks := 0
	if typ&0x20 != 0 {
		if n >= len(b) {
			return n + 1
		}
		blocks = int(b[n])
		n++
	}
	n += block + blocks*(1+block)
	if n >= len(b) {
		return n + 1
	}
	stamps := int(b[n])
	n++
	if stamps > 0 {
		n += 5 + 3*(stamps-1)
	}
	return n
}

// skipACK skips the rest of an ACK frame (RFC 9000, section 19.3).
func skipACK(b []byte, ecn bool) ([]byte, bool) {
	next := func() uint64 {
		v, n := varint(b)
		if n == 0 {
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	next()
	next()
	ranges := next()
	if b == nil || ranges > uint64(len(b)) {
		return nil, false
	}
	next()
	for range ranges {
		next()
		next()
	}
	if ecn {
		next()
		next()
		next()
	}
	return b, b != nil
}
