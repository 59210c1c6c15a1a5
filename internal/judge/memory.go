package judge

import (
	"math"
	"slices"

	"netsensor/internal/allowlist"
)

// memory holds conversations that were found to be expected, so that what is put before the judge again unchanged
// costs next to nothing. It is direct-mapped: a newer conversation takes an older one's place.
type memory struct {
	items []remembered
	// changes are the times at which an answer may change by itself: something expires. In order.
	changes []int64
}

// remembered is an expected conversation: for each end that is judged, the entry and where it is counted.
type remembered struct {
	id       uint64
	until    int64 // when something expires
	host     [2]*HostReport
	entry    [2]int32
	revision uint32
	ends     uint32 // 0: nothing is remembered here
}

const memorySize = 1 << 15

func (m *memory) clear() { clear(m.items) }

// compile forgets everything and notes when entries of a table expire.
func (m *memory) compile(t *allowlist.Table) {
	m.clear()
	m.changes = m.changes[:0]
	for i := range t.Entries {
		if x := t.Entries[i].Expires; x != 0 {
			m.changes = append(m.changes, x)
		}
	}
	for _, p := range t.Products {
		if p.Suspend && p.NotAfter != 0 {
			m.changes = append(m.changes, p.NotAfter)
		}
	}
	slices.Sort(m.changes)
}

// forget makes sure that a conversation is judged anew.
func (m *memory) forget(id uint64) {
	if len(m.items) > 0 {
		if r := &m.items[id%memorySize]; r.id == id {
			r.ends = 0
		}
	}
}

// remember notes that the findings about c are final unless c changes.
func (j *Judge) remember(c *Conversation) {
	if len(c.Files) > 0 {
		return // they are counted at the end
	}
	r := remembered{id: c.ID, revision: c.Revision, until: math.MaxInt64}
	for i := range j.findings {
		f := &j.findings[i]
		if f.extra || f.verdict != Expected || f.entry < 0 || j.checks[f.entry].late || r.ends == 2 {
			return
		}
		r.entry[r.ends], r.host[r.ends] = int32(f.entry), j.report.host(f.host.addr)
		r.ends++
	}
	if _, pending := j.pending[c.ID]; pending {
		return
	}
	if _, alerted := j.seen.known[c.ID]; alerted {
		return
	}
	if i, _ := slices.BinarySearch(j.memory.changes, c.Now); i < len(j.memory.changes) {
		r.until = j.memory.changes[i]
	}
	if j.memory.items == nil {
		j.memory.items = make([]remembered, memorySize)
	}
	j.memory.items[c.ID%memorySize] = r
}

// recall returns what is remembered of a conversation, and counts it when it has ended.
func (j *Judge) recall(c *Conversation) (Outcome, bool) {
	if c.Revision == 0 || len(j.memory.items) == 0 {
		return Outcome{}, false
	}
	r := &j.memory.items[c.ID%memorySize]
	if r.id != c.ID || r.revision != c.Revision || r.ends == 0 || c.Now > r.until {
		return Outcome{}, false
	}
	if c.Phase == Ended {
		t := &j.report
		t.last = max(t.last, c.Now)
		t.verdicts[Expected]++
		for i := range r.ends {
			t.hits[r.entry[i]]++
			r.host[i].Expected++
		}
		r.ends = 0
	}
	return Outcome{Verdict: Expected, Entry: &j.table.Entries[r.entry[0]]}, true
}
