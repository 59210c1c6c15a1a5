package flows

// wheel is a lazy timer wheel: a flow is put into the slot of the second in which it would expire; packets do not
// move it. When its slot comes up the flow expires or is put where it belongs by now.
type wheel struct {
	slots [wheelSlots]uint32 // heads of lists through Flow.wheel; record number+1
	now   int64              // the second up to which slots have been emptied
	begun bool
}

const wheelSlots = 1024 // > the longest default timeout in seconds; longer ones go round again

func (w *wheel) put(t *Table, n uint32, at int64) {
	s := max(at/second+1, w.now+1)
	s = min(s, w.now+wheelSlots-1)
	slot := &w.slots[s&(wheelSlots-1)]
	t.at(n).wheel = *slot
	*slot = n + 1
}

func (w *wheel) start(now int64) {
	if !w.begun {
		w.begun = true
		w.now = now/second - 1
	}
}

func (w *wheel) advance(t *Table, now int64, dst []Due) []Due {
	if !w.begun {
		return dst
	}
	to := now / second
	if to-w.now > wheelSlots {
		w.now = to - wheelSlots // every slot is visited once; nothing lies further ahead
	}
	for w.now < to {
		w.now++
		slot := &w.slots[w.now&(wheelSlots-1)]
		n := *slot
		*slot = 0
		for n != 0 {
			n--
			f := t.at(n)
			next := f.wheel
			if f.has(bitDead) {
				t.release(n)
			} else if at := f.Last + t.timeout(f); at/second+1 <= w.now {
				dst = append(dst, Due{Start: f.Start, n: n, t: t, r: Timeout})
			} else {
				w.put(t, n, at)
			}
			n = next
		}
	}
	return dst
}

func (w *wheel) drain(t *Table, dst []Due) []Due {
	for i := range w.slots {
		n := w.slots[i]
		w.slots[i] = 0
		for n != 0 {
			n--
			f := t.at(n)
			next := f.wheel
			if f.has(bitDead) {
				t.release(n)
			} else {
				dst = append(dst, Due{Start: f.Start, n: n, t: t, r: Shutdown})
			}
			n = next
		}
	}
	w.begun = false
	return dst
}

// soonest takes the flow off the wheel that expires first, as far as a bounded look tells.
func (w *wheel) soonest(t *Table) (uint32, bool) {
	const look = 64
	for s := w.now + 1; s < w.now+wheelSlots; s++ {
		slot := &w.slots[s&(wheelSlots-1)]
		for steps := 0; *slot != 0; steps++ {
			n := *slot - 1
			f := t.at(n)
			*slot = f.wheel
			if f.has(bitDead) {
				t.release(n)
				continue
			}
			if at := f.Last + t.timeout(f); at/second+1 > s && steps < look {
				w.put(t, n, at)
				continue
			}
			return n, true
		}
	}
	return 0, false
}
