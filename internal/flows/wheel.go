package flows

// wheel is a lazy timer wheel: a flow is put into the slot of the second in which it would expire; packets do not
// move it. When its slot comes up the flow expires or is put where it belongs by now. Only a flow whose time has
// become shorter, because its connection was closed, is moved at once.
//
// A slot is a list in the order in which flows were put there. Links are record numbers, or atSlot and the slot's
// number at either end.
type wheel struct {
	slots [wheelSlots]struct{ first, last uint32 }
	now   int64 // the second up to which slots have been emptied
}

const (
	wheelSlots = 1024 // > the longest default timeout in seconds; longer ones go round again
	atSlot     = 1 << 31
)

// reset empties the wheel.
func (w *wheel) reset() {
	w.now = 0
	for i := range w.slots {
		w.slots[i].first, w.slots[i].last = atSlot|uint32(i), atSlot|uint32(i)
	}
}

func (w *wheel) put(t *Table, n uint32, at int64) {
	s := max(at/second+1, w.now+1)
	s = min(s, w.now+wheelSlots-1) & (wheelSlots - 1)
	slot := &w.slots[s]
	last := slot.last
	f := t.at(n)
	f.wheelPrev, f.wheelNext = last, atSlot|uint32(s)
	if last&atSlot != 0 {
		slot.first = n
	} else {
		t.at(last).wheelNext = n
	}
	slot.last = n
}

// take takes a flow off its slot.
func (w *wheel) take(t *Table, n uint32) {
	f := t.at(n)
	prev, next := f.wheelPrev, f.wheelNext
	if prev&atSlot != 0 {
		w.slots[prev&^atSlot].first = next
	} else {
		t.at(prev).wheelNext = next
	}
	if next&atSlot != 0 {
		w.slots[next&^atSlot].last = prev
	} else {
		t.at(next).wheelPrev = prev
	}
}

// clear empties slot s and returns the first of the list that was in it.
func (w *wheel) clear(s uint32) uint32 {
	slot := &w.slots[s]
	first := slot.first
	slot.first, slot.last = atSlot|s, atSlot|s
	return first
}

func (w *wheel) advance(t *Table, now int64, table uint8, dst []Due) []Due {
	to := now / second
	if to-w.now > wheelSlots {
		w.now = to - wheelSlots // every slot is visited once; nothing lies further ahead
	}
	for w.now < to {
		w.now++
		for n := w.clear(uint32(w.now & (wheelSlots - 1))); n&atSlot == 0; {
			f := t.at(n)
			next := f.wheelNext
			if at := f.Last + t.timeout(f); at/second+1 <= w.now {
				dst = append(dst, t.due(f, n, table, Timeout))
			} else {
				w.put(t, n, at)
			}
			n = next
		}
	}
	return dst
}

func (w *wheel) drain(t *Table, table uint8, dst []Due) []Due {
	for i := range uint32(wheelSlots) {
		for n := w.clear(i); n&atSlot == 0; n = t.at(n).wheelNext {
			dst = append(dst, t.due(t.at(n), n, table, Shutdown))
		}
	}
	w.now = 0
	return dst
}

func (t *Table) due(f *Flow, n uint32, table uint8, r Reason) Due {
	f.bits |= bitDue
	return Due{Start: f.Start, n: n, Table: table, r: r}
}

// soonest takes the flow off the wheel that expires first, as far as a bounded look tells; among equals, that which
// was put there first.
func (w *wheel) soonest(t *Table) (uint32, bool) {
	const look = 64
	for s := w.now + 1; s < w.now+wheelSlots; s++ {
		slot := &w.slots[s&(wheelSlots-1)]
		for steps := 0; slot.first&atSlot == 0; steps++ {
			n := slot.first
			f := t.at(n)
			w.take(t, n)
			if at := f.Last + t.timeout(f); at/second+1 > s && steps < look {
				w.put(t, n, at)
				continue
			}
			return n, true
		}
	}
	return 0, false
}

// sooner moves a flow whose timeout has become shorter.
func (w *wheel) sooner(t *Table, f *Flow) {
	if f.has(bitDue) {
		return
	}
	n := t.number(f)
	w.take(t, n)
	w.put(t, n, f.Last+t.timeout(f))
}
