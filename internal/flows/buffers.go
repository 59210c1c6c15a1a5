package flows

import "math/bits"

// buffers recycles byte slices in classes of powers of two from 512 bytes to 256 KiB.
type buffers struct {
	free [10][][]byte
}

const (
	minClass    = 9
	maxPerClass = 256
)

// get returns an empty slice with room for n bytes.
func (b *buffers) get(n int) []byte {
	c := max(bits.Len(uint(max(n, 1)-1)), minClass) - minClass
	if c >= len(b.free) {
		return make([]byte, 0, n)
	}
	if l := len(b.free[c]); l > 0 {
		s := b.free[c][l-1]
		b.free[c] = b.free[c][:l-1]
		return s[:0]
	}
	return make([]byte, 0, 1<<(c+minClass))
}

func (b *buffers) put(s []byte) {
	c := bits.Len(uint(cap(s))) - 1 - minClass
	if c < 0 || c >= len(b.free) || cap(s) != 1<<(c+minClass) || len(b.free[c]) >= maxPerClass>>(c/2) {
		return
	}
	b.free[c] = append(b.free[c], s)
}
