package smb

import (
	"unicode/utf16"
	"unicode/utf8"
)

// maxName bounds names in characters.
const maxName = 256

// appendUTF16 appends little-endian UTF-16 as UTF-8, at most limit units of it. Unpaired surrogates become U+FFFD, NULs
// and a last odd byte are dropped.
func appendUTF16(dst, b []byte, limit int) []byte {
	b = b[:min(len(b), 2*limit)]
	for len(b) >= 2 {
		r := rune(le16(b))
		b = b[2:]
		if r == 0 {
			continue
		}
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(b) >= 2 {
				pair = utf16.DecodeRune(r, rune(le16(b)))
			}
			if pair != utf8.RuneError {
				b = b[2:]
			}
			r = pair
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
