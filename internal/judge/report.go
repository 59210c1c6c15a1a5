package judge

import (
	"cmp"
	"net/netip"
	"slices"

	"netsensor/internal/allowlist"
	"netsensor/internal/names"
)

// Count is a number for a name.
type Count struct {
	Name string
	N    uint64
}

// HostReport is what became of one monitored host's conversations.
type HostReport struct {
	Addr                              netip.Addr
	Expected, Unexpected, Undecidable uint64
	Alerts                            uint64
}

// EntryReport is how often an entry or exception explained a conversation.
type EntryReport struct {
	Entry *allowlist.Entry
	Hits  uint64
}

// Report is what a judge has decided so far. All lists are in a fixed order.
type Report struct {
	// Conversations that have ended, by verdict.
	Expected, Unexpected, Undecidable, NotJudged uint64
	// Alerts that were written, and those that were counted instead: folded into another, or during warm-up.
	Alerts, Folded, WarmUp uint64
	ByRule                 []Count // alerts written
	FoldedByRule           []Count
	ByProduct              []Count      // alerts written
	Reasons                []Count      // of undecidable conversations
	NotJudgedReasons       []Count      // of those that are not judged
	Hosts                  []HostReport // by address; those beyond the bound are not told apart
	// Entries have an element for each communication and exception that holds for a host of the site: Hits 0 means
	// declared and not seen.
	Entries []EntryReport
	// Files that hosts received: Declared by hash or signer, Unknown, and Unseen where there is no whole file to hash.
	FilesDeclared, FilesUnknown, FilesUnseen uint64
	// Untracked are the conversations that could not be compared with the bounds of their entry.
	Untracked uint64
	// Expired are the products whose manifest had expired at the time of the last packet.
	Expired []*allowlist.Product
	Names   names.Stats
	Evicted uint64 // folded matters that were given up
}

// tally counts.
type tally struct {
	verdicts      [4]uint64
	reasons       [len(reasonNames)]uint64
	skipped       [len(reasonNames)]uint64
	rules, folded [rules]uint64
	warmUp        uint64
	files         [fileUnknownSigner + 1]uint64
	products      map[string]uint64
	hosts         map[netip.Addr]*HostReport
	maxHosts      int
	hits          []uint64
	last          int64
}

func (t *tally) init(maxHosts int) {
	t.products, t.hosts, t.maxHosts = map[string]uint64{}, map[netip.Addr]*HostReport{}, maxHosts
}

// swap begins to count the entries of another table.
func (t *tally) swap(table *allowlist.Table) { t.hits = make([]uint64, len(table.Entries)) }

func (t *tally) host(a netip.Addr) *HostReport {
	h := t.hosts[a]
	if h == nil {
		if len(t.hosts) >= t.maxHosts {
			a = netip.Addr{}
			if h = t.hosts[a]; h != nil {
				return h
			}
		}
		h = &HostReport{Addr: a}
		t.hosts[a] = h
	}
	return h
}

func (t *tally) conversation(j *Judge, c *Conversation, out *Outcome) {
	t.last = max(t.last, c.Now)
	t.verdicts[out.Verdict]++
	switch out.Verdict {
	case NotJudged:
		t.skipped[out.Reason]++
		return
	case Undecidable:
		t.reasons[out.Reason]++
	}
	for i := range j.findings {
		f := &j.findings[i]
		if f.extra || f.verdict == NotJudged {
			continue
		}
		if f.failed == 0 && f.entry >= 0 && (f.verdict == Expected || f.verdict == Undecidable) {
			t.hits[f.entry]++
		}
		h := t.host(f.host.addr)
		switch f.verdict {
		case Expected:
			h.Expected++
		case Unexpected:
			h.Unexpected++
		case Undecidable:
			h.Undecidable++
		}
	}
}

func (t *tally) alert(r Rule, h *hostSet, fired bool) {
	if !fired {
		t.folded[r]++
		return
	}
	t.rules[r]++
	t.host(h.addr).Alerts++
	for _, p := range h.products {
		t.products[p.Name]++
	}
}

// Report returns the totals so far.
func (j *Judge) Report() Report {
	t := &j.report
	r := Report{
		Expected: t.verdicts[Expected], Unexpected: t.verdicts[Unexpected], Undecidable: t.verdicts[Undecidable],
		FilesDeclared: t.files[fileDeclared], FilesUnknown: t.files[fileUnknownHash] + t.files[fileUnknownSigner], FilesUnseen: t.files[fileUnseen],
		Untracked: j.used.untracked, NotJudged: t.verdicts[NotJudged], WarmUp: t.warmUp, Names: j.names.Stats(), Evicted: j.folds.evicted,
	}
	for i := Rule(1); i < rules; i++ {
		r.Alerts += t.rules[i]
		r.Folded += t.folded[i]
		if t.rules[i] > 0 {
			r.ByRule = append(r.ByRule, Count{i.String(), t.rules[i]})
		}
		if t.folded[i] > 0 {
			r.FoldedByRule = append(r.FoldedByRule, Count{i.String(), t.folded[i]})
		}
	}
	for i := range t.reasons {
		if t.reasons[i] > 0 {
			r.Reasons = append(r.Reasons, Count{Reason(i).String(), t.reasons[i]})
		}
		if t.skipped[i] > 0 {
			r.NotJudgedReasons = append(r.NotJudgedReasons, Count{Reason(i).String(), t.skipped[i]})
		}
	}
	for name, n := range t.products {
		r.ByProduct = append(r.ByProduct, Count{name, n})
	}
	slices.SortFunc(r.ByProduct, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	for _, h := range t.hosts {
		r.Hosts = append(r.Hosts, *h)
	}
	slices.SortFunc(r.Hosts, func(a, b HostReport) int { return a.Addr.Compare(b.Addr) })
	// A communication between two roles has an entry for each end: they are one here.
	type key struct {
		p  *allowlist.Product
		id string
		x  bool
	}
	at := map[key]int{}
	for i := range j.table.Entries {
		e := &j.table.Entries[i]
		k := key{e.Product, e.ID, e.Exception != nil}
		if have, ok := at[k]; ok {
			r.Entries[have].Hits += t.hits[i]
			continue
		}
		at[k] = len(r.Entries)
		r.Entries = append(r.Entries, EntryReport{e, t.hits[i]})
	}
	for _, p := range j.table.Products {
		if p.NotAfter != 0 && t.last > p.NotAfter {
			r.Expired = append(r.Expired, p)
		}
	}
	return r
}
