package flows

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// newChunk takes the memory from the system and not from the Go heap: a million flows would otherwise double the
// heap's target size. Chunks are reused for the life of the process and never given back.
func newChunk() *[chunkSize]Flow {
	b, err := unix.Mmap(-1, 0, int(unsafe.Sizeof([chunkSize]Flow{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return new([chunkSize]Flow)
	}
	return (*[chunkSize]Flow)(unsafe.Pointer(unsafe.SliceData(b)))
}
