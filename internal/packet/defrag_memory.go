package packet

// open makes a tracker for key, giving up the oldest one when there are too many.
func (f *Defrag) open(key fragKey, now int64, q *queue) *tracker {
	limit := f.MaxTrackers
	if limit <= 0 {
		limit = defaultDefragTrackers
	}
	for len(f.trackers) >= limit {
		f.evict(nil)
	}
	if f.trackers == nil {
		f.trackers = make(map[fragKey]*tracker)
	}
	var t *tracker
	if n := len(f.spare); n > 0 {
		t, f.spare = f.spare[n-1], f.spare[:n-1]
	} else {
		t = new(tracker)
	}
	t.key, t.first = key, now
	f.trackers[key] = t
	q.push(t)
	return t
}

// charge accounts for what t holds now.
func (f *Defrag) charge(t *tracker) {
	cost := trackerCost + cap(t.header) + cap(t.data) + 12*cap(t.pieces)
	f.Stats.Memuse += cost - t.cost
	t.cost = cost
}

// shrink gives up the oldest datagrams, but not keep, until what is held is within the bound.
func (f *Defrag) shrink(keep *tracker) {
	limit := f.MaxMemory
	if limit <= 0 {
		limit = defaultDefragMemory
	}
	for f.Stats.Memuse > limit && f.evict(keep) {
	}
}

// evict gives up the oldest datagram that is not keep, or keep when there is no other.
func (f *Defrag) evict(keep *tracker) bool {
	var oldest *tracker
	for i := range f.queues {
		t := f.queues[i].head
		if t != nil && t == keep {
			t = t.next
		}
		if t != nil && (oldest == nil || t.first < oldest.first) {
			oldest = t
		}
	}
	if oldest == nil {
		oldest = keep
	}
	if oldest == nil {
		return false
	}
	f.Stats.MaxTrackersReached++
	f.close(oldest)
	return true
}

// expire gives up the datagrams that waited too long at the packet time now.
func (f *Defrag) expire(now int64) {
	for t := f.queues[0].head; t != nil && now-t.first > timeout4; t = f.queues[0].head {
		f.Stats.IPv4.Timeouts++
		f.close(t)
	}
	for t := f.queues[1].head; t != nil && now-t.first > timeout6; t = f.queues[1].head {
		f.Stats.IPv6.Timeouts++
		f.close(t)
	}
}

// release drops what t holds and stays, to be recognised.
func (t *tracker) release() {
	t.header, t.data, t.pieces = nil, nil, nil
	t.have, t.end, t.ended = 0, 0, false
}

// close forgets t. Its buffers are kept for another unless they grew large.
func (f *Defrag) close(t *tracker) {
	i := 0
	if t.key.version == 6 {
		i = 1
	}
	f.queues[i].remove(t)
	delete(f.trackers, t.key)
	f.Stats.Memuse -= t.cost
	if len(f.spare) >= spareTrackers || cap(t.data) > spareBuffer {
		return
	}
	*t = tracker{header: t.header[:0], data: t.data[:0], pieces: t.pieces[:0]}
	f.spare = append(f.spare, t)
}
