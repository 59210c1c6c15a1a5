package flows

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hugePage = 2 << 20
	// smallSlab is the size up to which a slab is taken from the Go heap.
	smallSlab = 64 << 10
)

// memory is what a table has taken from the system.
type memory struct{ maps [][]byte }

// newMemory returns memory that is given back when nobody knows t any more.
func newMemory(t *Table) *memory {
	m := &memory{}
	runtime.AddCleanup(t, func(m *memory) {
		for _, b := range m.maps {
			_ = unix.Munmap(b)
		}
	}, m)
	return m
}

// newSlab returns n zero records. Large slabs are taken from the system and not from the Go heap: a million flows would
// otherwise double the heap's target size. The system gives memory only as it is touched, beyond the first two
// megabytes in huge pages, which spare most of the misses in the TLB.
func newSlab[R any](m *memory, n int) []R {
	size := n * int(unsafe.Sizeof(*new(R)))
	if size <= smallSlab {
		return make([]R, n)
	}
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return make([]R, n)
	}
	if at := uintptr(unsafe.Pointer(unsafe.SliceData(b))); size > 2*hugePage {
		from := int(-at&(hugePage-1)) + hugePage
		_ = unix.Madvise(b[from:], unix.MADV_HUGEPAGE) // a hint: without it the slab is only slower
	}
	m.maps = append(m.maps, b)
	return unsafe.Slice((*R)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// freeSlab gives a slab back before its table's end.
func freeSlab[R any](m *memory, records []R) {
	for i, b := range m.maps {
		if unsafe.Pointer(unsafe.SliceData(b)) == unsafe.Pointer(unsafe.SliceData(records)) {
			m.maps = append(m.maps[:i], m.maps[i+1:]...)
			_ = unix.Munmap(b)
			return
		}
	}
}
