// Package manifestdiff says what a new version of a manifest allows or drops, in the words of the product: features,
// systems, names, ports, accounts.
//
// Whether a change widens is decided by what is covered, not by how it is written: a name below a suffix that was
// declared before, a range within others, an entry under another id are no widening. Where that cannot be told (other
// systems, other patterns), the change counts as widening.
package manifestdiff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// Effect is what a change means to whoever accepts the new version.
type Effect uint8

// The effects.
const (
	Neutral Effect = iota // nothing more and nothing less is expected
	Narrows               // less is expected
	Widens                // more is expected, or the product has more of what attackers look for
)

// String returns "neutral", "narrows" or "widens".
func (e Effect) String() string {
	switch e {
	case Narrows:
		return "narrows"
	case Widens:
		return "widens"
	}
	return "neutral"
}

// MarshalText is String.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Change is one difference.
type Change struct {
	Effect Effect `json:"effect"`
	// Subject is what changed: "product", "role", "variable", "feature", "communication", "command", "account",
	// "signer" or "artifact". ID is its identifier, Member the member of it that changed, empty for all of it.
	Subject string `json:"subject"`
	ID      string `json:"id,omitempty"`
	Member  string `json:"member,omitempty"`
	Text    string `json:"text"`
	// Added and Removed are the elements of lists, complete, in the manifest's notation.
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	// Features are those that the subject belongs to in the new version (in the old one, if it is gone), with their
	// defaults: "telemetry (on by default)".
	Features   []string `json:"features,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	References []string `json:"references,omitempty"`
}

// Version names one of the two manifests.
type Version struct {
	File    string `json:"file"`
	ID      string `json:"id"`
	Serial  uint64 `json:"serial"`
	Digest  string `json:"digest"`
	Product string `json:"product"`
}

// Diff is the difference of two manifests.
type Diff struct {
	Old     Version  `json:"old"`
	New     Version  `json:"new"`
	Widens  int      `json:"widens"`
	Narrows int      `json:"narrows"`
	Changes []Change `json:"changes"` // by subject, then as in the manifests
}

// subjects in the order of their output.
var subjects = []string{"product", "feature", "communication", "command", "account", "signer", "artifact", "variable", "role"}

// comparer collects the changes of one subject after the other.
type comparer struct {
	a, b    *manifest.Manifest
	changes []Change

	// What is compared at the moment.
	subject, id string
	features    []string
	reason      string
	references  []string

	budget int // for the search of entries that cover others
}

// Compare compares two versions; a is the older one. Both must have been loaded by the manifest package.
func Compare(a, b *manifest.Manifest) *Diff {
	c := comparer{a: a, b: b, budget: coverBudget}
	c.product()
	c.featuresOf()
	c.communications()
	c.commands()
	c.accounts()
	c.signers()
	c.artifacts()
	c.variables()
	c.roles()
	d := &Diff{Old: version(a), New: version(b), Changes: c.changes}
	if d.Changes == nil {
		d.Changes = []Change{}
	}
	slices.SortStableFunc(d.Changes, func(x, y Change) int {
		return cmp.Compare(slices.Index(subjects, x.Subject), slices.Index(subjects, y.Subject))
	})
	for _, ch := range d.Changes {
		switch ch.Effect {
		case Widens:
			d.Widens++
		case Narrows:
			d.Narrows++
		}
	}
	return d
}

func version(m *manifest.Manifest) Version {
	return Version{File: m.File, ID: m.ID, Serial: m.Serial, Digest: m.Digest, Product: m.Product.Name}
}

// at says what the following changes are about.
func (c *comparer) at(subject, id string) {
	c.subject, c.id, c.features, c.reason, c.references = subject, id, nil, "", nil
}

func (c *comparer) add(e Effect, member, format string, args ...any) {
	c.list(e, member, nil, nil, format, args...)
}

func (c *comparer) list(e Effect, member string, added, removed []string, format string, args ...any) {
	c.changes = append(c.changes, Change{
		Effect: e, Subject: c.subject, ID: c.id, Member: member, Text: fmt.Sprintf(format, args...),
		Added: added, Removed: removed, Features: c.features, Reason: c.reason, References: c.references,
	})
}

// note reports two texts that differ and mean nothing to judging.
func (c *comparer) note(member, what, a, b string) {
	switch {
	case a == b:
	case a == "":
		c.add(Neutral, member, "%s is now %s", what, b)
	case b == "":
		c.add(Neutral, member, "%s is no longer given (was %s)", what, a)
	default:
		c.add(Neutral, member, "%s is now %s (was %s)", what, b, a)
	}
}

// limit compares a constraint of one word, where empty means none.
func (c *comparer) limit(member, what, a, b string) {
	switch {
	case a == b:
	case a == "":
		c.add(Narrows, member, "%s must be %s", what, b)
	case b == "":
		c.add(Widens, member, "%s may be anything (was %s)", what, a)
	default:
		c.add(Widens, member, "%s is now %s (was %s)", what, b, a)
	}
}

// oneOf compares a constraint of several words, any of which may hold, where none means no constraint.
func (c *comparer) oneOf(member, what string, a, b []string) {
	added, removed := minus(b, a), minus(a, b)
	switch {
	case len(added)+len(removed) == 0:
	case len(a) == 0:
		c.list(Narrows, member, added, nil, "%s must be one of %s", what, some(b))
	case len(b) == 0:
		c.list(Widens, member, nil, removed, "%s may be anything (was one of %s)", what, some(a))
	default:
		c.sets(member, what, added, removed)
	}
}

// sets reports what came to a list and what left it.
func (c *comparer) sets(member, what string, added, removed []string) {
	if len(added) > 0 {
		c.list(Widens, member, added, nil, "%s also: %s", what, some(added))
	}
	if len(removed) > 0 {
		c.list(Narrows, member, nil, removed, "%s no longer: %s", what, some(removed))
	}
}

// minus returns what of x is not in y, sorted.
func minus[S ~string](x, y []S) []string {
	in := make(map[S]bool, len(y))
	for _, s := range y {
		in[s] = true
	}
	var rest []string
	for _, s := range x {
		if !in[s] {
			in[s] = true
			rest = append(rest, string(s))
		}
	}
	slices.Sort(rest)
	return rest
}

// shown is how many elements of a list a sentence names.
const shown = 5

func some(list []string) string {
	if len(list) <= shown+1 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
}

// paired calls both for each key in both maps, and the others for keys in one only, sorted.
func paired[V any](a, b map[string]V, added, removed func(string, V), both func(string, V, V)) {
	keys := slices.Collect(maps.Keys(b))
	for k := range a {
		if _, too := b[k]; !too {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		x, inA := a[k]
		y, inB := b[k]
		switch {
		case inA && inB:
			both(k, x, y)
		case inB:
			added(k, y)
		default:
			removed(k, x)
		}
	}
}

// byID returns a map to a list's elements.
func byID[V any](list []V, id func(*V) string) map[string]*V {
	m := make(map[string]*V, len(list))
	for i := range list {
		m[id(&list[i])] = &list[i]
	}
	return m
}
