package judge

import (
	"net/netip"
	"slices"
)

// foldKey is what makes two alerts the same matter.
type foldKey struct {
	rule     Rule
	host     netip.Addr
	products string
	peer     netip.Addr
	port     uint16
	name     string
}

// fold is one matter that was alerted.
type fold struct {
	key          foldKey
	since        int64  // the beginning of the window
	last         int64  // when it was last seen
	folded       uint64 // counted and not alerted since then
	asked        bool   // alerted for a question only; the contact itself is worth another alert
	newer, older uint32
}

// groupKey is a rule about a host; a group bounds the alerts about it.
type groupKey struct {
	rule     Rule
	host     netip.Addr
	products string
}

type hostAlerts struct {
	since  int64
	alerts int
	folded uint64
}

// folds remembers the matters that were alerted, the ones seen last for longest.
type folds struct {
	max            int
	byKey          map[foldKey]uint32
	items          []fold // 0 is none
	newest, oldest uint32
	groups         map[groupKey]*hostAlerts
	evicted        uint64
}

func newFolds(limit int) folds {
	return folds{max: limit, byKey: map[foldKey]uint32{}, items: make([]fold, 1), groups: map[groupKey]*hostAlerts{}}
}

// alert reports whether a matter is to be alerted now, how many were folded into its last alert since, and whether
// this is the last alert that its rule may give about its host in this window.
func (f *folds) alert(key foldKey, asked bool, now, window int64, maxPeers int) (fire bool, folded uint64, full bool) {
	if i, ok := f.byKey[key]; ok {
		it := &f.items[i]
		it.last = now
		f.unlink(i)
		f.push(i)
		if now-it.since < window && (asked || !it.asked) {
			it.folded++
			return false, 0, false
		}
		if fire, full = f.admit(key, now, window, maxPeers); !fire {
			it.folded++
			return false, 0, false
		}
		folded, it.since, it.folded, it.asked = it.folded, max(it.since, now), 0, asked
		return true, folded, full
	}
	if fire, full = f.admit(key, now, window, maxPeers); !fire {
		return false, 0, false
	}
	var i uint32
	if len(f.byKey) >= f.max {
		i = f.oldest
		f.unlink(i)
		delete(f.byKey, f.items[i].key)
		f.evicted++
	} else {
		f.items = append(f.items, fold{})
		i = uint32(len(f.items) - 1)
	}
	f.items[i] = fold{key: key, since: now, last: now, asked: asked}
	f.byKey[key] = i
	f.push(i)
	return true, 0, full
}

// admit counts an alert against what its rule may give about its host in a window.
func (f *folds) admit(key foldKey, now, window int64, maxPeers int) (fire, full bool) {
	gk := groupKey{key.rule, key.host, key.products}
	g := f.groups[gk]
	if g == nil {
		if len(f.groups) >= f.max {
			clear(f.groups)
			f.evicted++
		}
		g = &hostAlerts{since: now}
		f.groups[gk] = g
	}
	if now-g.since >= window {
		*g = hostAlerts{since: now}
	}
	if g.alerts >= maxPeers {
		g.folded++
		return false, false
	}
	g.alerts++
	return true, g.alerts == maxPeers
}

func (f *folds) push(i uint32) {
	it := &f.items[i]
	it.newer, it.older = 0, f.newest
	if f.newest != 0 {
		f.items[f.newest].newer = i
	} else {
		f.oldest = i
	}
	f.newest = i
}

func (f *folds) unlink(i uint32) {
	it := &f.items[i]
	if it.newer != 0 {
		f.items[it.newer].older = it.older
	} else {
		f.newest = it.older
	}
	if it.older != 0 {
		f.items[it.older].newer = it.newer
	} else {
		f.oldest = it.newer
	}
}

// alerted remembers which rules a conversation has already been found to break, until it ends, so that what comes
// again in a later phase is not counted again.
type alerted struct {
	max   int
	known map[uint64]broken // by conversation
	queue []uint64          // in the order of arrival, a ring
	head  int
}

// broken is what a conversation was found to break.
type broken struct {
	rules uint32   // a bit for each rule, and written
	items []uint32 // files, accounts: things of which one conversation may have several
}

const (
	written  = 1 << 31
	maxItems = 64
)

func newAlerted(limit int) alerted {
	return alerted{max: limit, known: map[uint64]broken{}}
}

// first reports whether a conversation breaks a rule, as seen from one of its ends, for the first time.
func (a *alerted) first(id uint64, r Rule, inbound bool) bool {
	bit := uint32(1) << r // the upper half is for the end that was reached
	if inbound {
		bit <<= 15
	}
	b := a.of(id)
	have := b.rules
	b.rules |= bit
	a.known[id] = b
	return have&bit == 0
}

// firstItem is first for one of several things in a conversation.
func (a *alerted) firstItem(id uint64, r Rule, inbound bool, item string) bool {
	h := uint32(r)
	if inbound {
		h |= 1 << 8
	}
	for i := range len(item) {
		h = (h ^ uint32(item[i])) * 0x01000193
	}
	b := a.of(id)
	if slices.Contains(b.items, h) || len(b.items) >= maxItems {
		return false
	}
	b.items = append(b.items, h)
	a.known[id] = b
	return true
}

// wrote notes that an alert was written for a conversation.
func (a *alerted) wrote(id uint64) {
	b := a.of(id)
	b.rules |= written
	a.known[id] = b
}

// of returns what is known of a conversation, and makes room for it.
func (a *alerted) of(id uint64) broken {
	have, known := a.known[id]
	if known {
		return have
	}
	if len(a.queue) < a.max {
		a.queue = append(a.queue, id)
	} else {
		delete(a.known, a.queue[a.head])
		a.queue[a.head] = id
		a.head = (a.head + 1) % a.max
	}
	return broken{}
}

// forget forgets a conversation, and reports whether an alert was written for it.
func (a *alerted) forget(id uint64) bool {
	if len(a.known) == 0 {
		return false
	}
	have, known := a.known[id]
	if known {
		delete(a.known, id)
	}
	return have.rules&written != 0
}
