package flows

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hugePage = 2 << 20
	// smallSlab is the size up to which a slab is taken from the Go heap.
	smallSlab = 1 << 20
)

// newSlab returns n zero records that live as long as t. Large slabs are taken from the system and not from the Go
// heap: a million flows would otherwise double the heap's target size. The system gives memory only as it is touched,
// beyond the first two megabytes in huge pages, which spare most of the misses in the TLB.
func newSlab[R any](t *Table, n int) []R {
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
	runtime.AddCleanup(t, func(b []byte) { _ = unix.Munmap(b) }, b)
	return unsafe.Slice((*R)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
