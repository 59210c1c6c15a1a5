//go:build !linux

package flows

func newChunk() *[chunkSize]Flow { return new([chunkSize]Flow) }
