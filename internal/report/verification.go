package report

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"netsensor/internal/allowlist"
	"netsensor/internal/judge"
	"netsensor/internal/manifest"
)

// Verification is how captures of a product compare with its manifest, both ways.
type Verification struct {
	Schema   int    `json:"schema"` // 1
	Product  string `json:"product"`
	Manifest struct {
		File   string `json:"file"`
		ID     string `json:"id"`
		Serial uint64 `json:"serial"`
		Digest string `json:"digest"`
	} `json:"manifest"`
	// Against is the older manifest's file, empty for none.
	Against       string `json:"against,omitempty"`
	Captures      int    `json:"captures"`
	Packets       uint64 `json:"packets"`
	Conversations struct {
		Expected    uint64 `json:"expected"`
		Unexpected  uint64 `json:"unexpected"`
		Undecidable uint64 `json:"undecidable"`
		NotJudged   uint64 `json:"notJudged"`
	} `json:"conversations"`
	// Undeclared is what was seen and not declared, Unseen what was declared and not seen.
	Undeclared  []Issue   `json:"undeclared"`
	Unseen      []Entry   `json:"unseen"`
	Undecidable []Issue   `json:"undecidable"`
	Seen        []Entry   `json:"seen"`
	Features    []Feature `json:"features"`
	// BeyondOld is what was seen and is declared now, but was not in the older manifest.
	BeyondOld []Issue `json:"beyondOld,omitempty"`
	// Dropped are findings that were not kept because there were too many.
	Dropped uint64 `json:"dropped,omitempty"`
	// Failed names the lists for which the verification fails; it passes when there are none.
	Failed []string `json:"failed"`
}

// Entry is a communication of the manifest.
type Entry struct {
	ID            string   `json:"id"`
	Endpoint      string   `json:"endpoint"`
	Features      []string `json:"features"`
	Necessity     string   `json:"necessity,omitempty"`
	Conversations uint64   `json:"conversations"`
	// State of one that was not seen: "not-seen", "feature-off", "unbound".
	State string `json:"state,omitempty"`
	Place Place  `json:"place"`
}

// Feature is a feature of the manifest.
type Feature struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
	// Entries cite the feature, Seen of them were seen.
	Entries       int    `json:"entries"`
	Seen          int    `json:"seen"`
	Conversations uint64 `json:"conversations"`
	// Off but seen anyhow, or on and not exercised: see the entries.
	Exercised bool `json:"exercised"`
}

// Place is where a document says something: from 1, 0 for the document as a whole.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// The lists for which a verification may fail.
const (
	FailUndeclared  = "undeclared"
	FailUnseen      = "unseen"
	FailUndecidable = "undecidable"
	FailBeyondOld   = "beyond-old"
)

// Run is what a verification has to know about the replay.
type Run struct {
	Captures int
	Packets  uint64
}

// Verify sums up what a recorder saw of one product. It fails for the lists of failOn, and for BeyondOld always.
func Verify(r *Recorder, p *allowlist.Product, against string, run Run, failOn []string) *Verification {
	m, j := p.Manifest, r.Judge.Report()
	v := &Verification{Schema: 1, Product: m.Product.Name, Against: against, Captures: run.Captures, Packets: run.Packets, Dropped: r.dropped,
		Unseen: []Entry{}, Seen: []Entry{}, Features: []Feature{}, Failed: []string{}}
	v.Manifest.File, v.Manifest.ID, v.Manifest.Serial, v.Manifest.Digest = m.File, m.ID, m.Serial, m.Digest
	v.Conversations.Expected, v.Conversations.Unexpected = j.Expected, j.Unexpected
	v.Conversations.Undecidable, v.Conversations.NotJudged = j.Undecidable, j.NotJudged
	v.Undeclared, v.Undecidable = issues(r.undeclared), issues(r.undecidable)
	if r.Old != nil {
		v.BeyondOld = r.beyondOld()
	}
	v.entries(p, &j)
	v.features(p)
	for _, list := range []struct {
		name string
		n    int
		on   bool
	}{
		{FailUndeclared, len(v.Undeclared), slices.Contains(failOn, FailUndeclared)},
		{FailUnseen, v.unseenOn(), slices.Contains(failOn, FailUnseen)},
		{FailUndecidable, len(v.Undecidable), slices.Contains(failOn, FailUndecidable)},
		{FailBeyondOld, len(v.BeyondOld), true},
	} {
		if list.on && list.n > 0 {
			v.Failed = append(v.Failed, list.name)
		}
	}
	return v
}

// unseenOn is the number of communications that were not seen although they could have been.
func (v *Verification) unseenOn() int {
	n := 0
	for i := range v.Unseen {
		if v.Unseen[i].State == notSeen {
			n++
		}
	}
	return n
}

// The states of what was not seen.
const (
	notSeen    = "not-seen"
	featureOff = "feature-off"
	unbound    = "unbound"
)

// entries sorts the manifest's communications by whether they were seen. Those that hold for no host of the site are
// unbound.
func (v *Verification) entries(p *allowlist.Product, j *judge.Report) {
	at := map[string]*judge.EntryReport{}
	for i := range j.Entries {
		if e := &j.Entries[i]; e.Entry.Product == p && e.Entry.Comm != nil {
			at[e.Entry.ID] = e
		}
	}
	for i := range p.Manifest.Communications {
		c := &p.Manifest.Communications[i]
		e := Entry{ID: c.ID, Features: c.Features, Necessity: string(c.Necessity), Place: place(p.Manifest, c)}
		r := at[c.ID]
		if r == nil {
			e.State = unbound
			v.Unseen = append(v.Unseen, e)
			continue
		}
		e.Endpoint, e.Conversations = judge.EndpointText(r.Entry), r.Hits
		switch {
		case r.Hits > 0:
			v.Seen = append(v.Seen, e)
			continue
		case r.Entry.Off:
			e.State = featureOff
		case r.Entry.Unbound != "":
			e.State = unbound
		default:
			e.State = notSeen
		}
		v.Unseen = append(v.Unseen, e)
	}
}

func (v *Verification) features(p *allowlist.Product) {
	for _, name := range slices.SortedFunc(maps.Keys(p.Manifest.Features), cmp.Compare[string]) {
		f := Feature{Name: name, On: p.Enabled[name]}
		for _, list := range [][]Entry{v.Seen, v.Unseen} {
			for i := range list {
				if slices.Contains(list[i].Features, name) {
					f.Entries++
					if f.Conversations += list[i].Conversations; list[i].Conversations > 0 {
						f.Seen++
					}
				}
			}
		}
		f.Exercised = f.Seen > 0
		v.Features = append(v.Features, f)
	}
}

func placeOf(e *allowlist.Entry) Place {
	if e.Comm == nil {
		return Place{}
	}
	return place(e.Product.Manifest, e.Comm)
}

func place(m *manifest.Manifest, c *manifest.Communication) Place {
	line, column := m.Position(c.Pos)
	return Place{m.File, line, column}
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }

func transport(proto uint8) string {
	switch proto {
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 132:
		return "sctp"
	}
	return "ip-" + strconv.Itoa(int(proto))
}
