package flows

import "math/bits"

// buffers recycles byte slices in classes of powers of two from 64 bytes to 256 KiB.
type buffers struct {
	free [spareLists][][]byte
	size int // bytes in free
}

const (
	minClass   = 6
	maxClass   = 18
	maxSpare   = 1 << 20 // bytes kept for reuse
	spareLists = maxClass - minClass + 1
)

// get returns an empty slice with room for n bytes.
func (b *buffers) get(n int) []byte {
	c := max(bits.Len(uint(max(n, 1)-1)), minClass) - minClass
	if c >= spareLists {
		return make([]byte, 0, n)
	}
	if l := len(b.free[c]); l > 0 {
		s := b.free[c][l-1]
		b.free[c][l-1] = nil
		b.free[c] = b.free[c][:l-1]
		b.size -= cap(s)
		return s[:0]
	}
	return make([]byte, 0, 1<<(c+minClass))
}

func (b *buffers) put(s []byte) {
	c := bits.Len(uint(cap(s))) - 1 - minClass
	if c < 0 || c >= spareLists || cap(s) != 1<<(c+minClass) || b.size+cap(s) > maxSpare {
		return
	}
	b.size += cap(s)
	b.free[c] = append(b.free[c], s)
}
