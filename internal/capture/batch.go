package capture

// Release gives the batch's blocks back to their source and empties the batch. Frames taken from it are invalid
// afterwards. It may be called from another goroutine than the source's Read, and more than once.
func (b *Batch) Release() {
	for i, k := range b.blocks {
		k.release()
		b.blocks[i] = nil
	}
	b.blocks = b.blocks[:0]
	b.Frames = b.Frames[:0]
}

// hold keeps k alive until the batch is released.
func (b *Batch) hold(k *block) {
	k.refs.Add(1)
	b.blocks = append(b.blocks, k)
}

// release drops one reference; with the last one the block goes back to its source, or to the garbage collector
// where the source has enough of them.
func (k *block) release() {
	if k.refs.Add(-1) != 0 {
		return
	}
	select {
	case k.free <- k:
	default:
	}
}
