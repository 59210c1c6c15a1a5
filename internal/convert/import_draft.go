package convert

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// spot is a place in a file: a node, or a line and column.
type spot struct {
	node         *node
	src          *source
	line, column int
}

func (n *node) spot() spot { return spot{node: n} }

// draft is a manifest that is being made.
type draft struct {
	opts    Options
	format  string
	sources []*source
	m       manifest.Manifest
	version string // the vendor's token
	losses  []pendingLoss
	more    int
	errs    strict.Errors
	// ids counts what was asked for, by its space; variables are in the order of their definition.
	ids       map[string]int
	variables []string
	assumed   []string
	// shared counts the entries whose addresses prove nothing.
	shared map[manifest.Hosting]int
	// regions: that they are lost has been said.
	regions bool
	// folded: there are more features than a manifest may have.
	folded bool
}

func newDraft(o Options) *draft {
	d := &draft{opts: o, ids: make(map[string]int)}
	d.m.Roles = make(map[string]manifest.Role)
	d.m.Variables = make(map[string]manifest.Variable)
	d.m.Features = make(map[string]manifest.Feature)
	return d
}

// object, array and str return a member of the kind that the name says, nil or empty when there is none.
// Another kind is an error.
func (d *draft) object(n *node, name string) *node { return d.want(n, name, object) }
func (d *draft) array(n *node, name string) []*node {
	if m := d.want(n, name, array); m != nil {
		return m.items
	}
	return nil
}

func (d *draft) want(n *node, name string, k kind) *node {
	m := n.member(name)
	if m != nil && m.kind != k {
		d.fail(m.spot(), "want %s, found %s", k, m.kind)
		return nil
	}
	return m
}

func (d *draft) str(n *node, name string) string {
	m := n.member(name)
	if m == nil {
		return ""
	}
	// What YAML takes for a number or a boolean without quotes is a string where one is wanted.
	if m.kind == text || !m.in.json && m.kind != object && m.kind != array {
		return m.text
	}
	d.fail(m.spot(), "want %s, found %s", text, m.kind)
	return ""
}

// isObject fails for what is none: the root, or an element.
func (d *draft) isObject(n *node) bool {
	if n.kind != object {
		d.fail(n.spot(), "want %s, found %s", object, n.kind)
	}
	return n.kind == object
}

// strings calls f for the strings of an array.
func (d *draft) strings(n *node, name string, f func(*node)) {
	for _, e := range d.array(n, name) {
		d.eachString(e, f)
	}
}

func (d *draft) eachString(e *node, f func(*node)) {
	if e.kind != text {
		d.fail(e.spot(), "want %s, found %s", text, e.kind)
		return
	}
	f(e)
}

// others reports the members of n that are not in known, except those that begin with "x-".
func (d *draft) others(n *node, why string, known ...string) {
	if n == nil {
		return
	}
	for _, m := range n.items {
		if m.kind != null && !slices.Contains(known, m.name) && !strings.HasPrefix(m.name, "x-") {
			d.lose(m.spot(), strict.Quote(m.name), why)
		}
	}
}

// maxID is how long names and ids of a manifest may be, in bytes.
const maxID = 64

// identifier makes of a stranger's words what may be a name in a manifest.
func identifier(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c < 0x80 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'):
			b.WriteRune(c)
		case b.Len() == 0:
		case c == '.' || c == '_' || c == '-':
			b.WriteRune(c)
		default:
			if !strings.HasSuffix(b.String()[max(0, b.Len()-1):], "-") {
				b.WriteByte('-')
			}
		}
		if b.Len() == maxID {
			break
		}
	}
	if id := strings.TrimRight(b.String(), "-._"); id != "" {
		return id
	}
	return "unnamed"
}

// unique returns an id that has not been given out before within its space.
func (d *draft) unique(space, words string) string {
	id := identifier(words)
	key := space + " " + id
	d.ids[key]++
	for n := d.ids[key]; n > 1; n = d.ids[key] {
		suffix := fmt.Sprintf("-%d", n)
		next := id[:min(len(id), maxID-len(suffix))] + suffix
		if other := space + " " + next; d.ids[other] == 0 {
			d.ids[other]++
			return next
		}
		d.ids[key]++
	}
	return id
}

// maxNamed leaves room below the manifest's limit of 1000.
const maxNamed = 990

// core is the feature of products whose documents know no features.
const core = "core"

// feature returns the id of the feature that words name, and defines it where it is new.
func (d *draft) feature(at spot, words, description string, state manifest.State) string {
	id := identifier(words)
	if _, known := d.m.Features[id]; known {
		return id
	}
	if len(d.m.Features) >= maxNamed {
		if !d.folded {
			d.folded = true
			d.lose(at, "the feature "+strict.Quote(words), "a manifest has at most 1000 features; this one and what follows belong to the feature %q", core)
		}
		id, description, state = core, "Everything else", manifest.On
	}
	if _, known := d.m.Features[id]; !known {
		d.m.Features[id] = manifest.Feature{Description: clip(description), Default: state}
	}
	return id
}

func (d *draft) core() []string {
	return []string{d.feature(spot{}, core, "The product as a whole", manifest.On)}
}

// role defines a role unless it is known.
func (d *draft) role(at spot, words, description string) string {
	id := identifier(words)
	if _, known := d.m.Roles[id]; !known {
		if len(d.m.Roles) >= maxNamed {
			d.fail(at, "more than %d roles", maxNamed)
			return id
		}
		d.m.Roles[id] = manifest.Role{Description: clip(description)}
	}
	return id
}

// variable returns the name of the variable that stands for origin, which tells variables apart.
func (d *draft) variable(at spot, words string, v manifest.Variable, origin map[string]string) string {
	v.Extensions = strict.Extensions{"x-origin": raw(origin)}
	key := "variable\x00" + string(v.Extensions["x-origin"])
	if n := d.ids[key]; n > 0 {
		return d.variables[n-1]
	}
	if len(d.m.Variables) >= maxNamed {
		d.fail(at, "more than %d kinds of systems that the customer has to name", maxNamed)
		return "unnamed"
	}
	id := d.unique("variable", words)
	d.m.Variables[id] = v
	d.variables = append(d.variables, id)
	d.ids[key] = len(d.variables)
	return id
}

// maxPorts is how many ranges of ports one communication of a manifest may have.
const maxPorts = 1000

// add appends a communication and gives it an id made of words.
func (d *draft) add(words string, c manifest.Communication, origin map[string]any) {
	c.Reason = clip(c.Reason)
	c.Operator = clip(c.Operator)
	c.SystemType = clip(c.SystemType)
	if origin != nil {
		for _, name := range sortedNames(origin) {
			if s, ok := origin[name].(string); ok {
				origin[name] = clip(s)
			}
		}
		c.Extensions = strict.Extensions{"x-origin": raw(origin)}
	}
	for ports := c.Ports; ; {
		n := min(len(ports), maxPorts)
		c.Ports, ports = ports[:n:n], ports[n:]
		c.ID = d.unique("communication", words)
		d.m.Communications = append(d.m.Communications, c)
		if len(ports) == 0 {
			return
		}
	}
}

// uri returns s when a manifest may hold it; else it is lost.
func (d *draft) uri(at spot, what, s string) string {
	if s == "" || isURI(s) {
		return s
	}
	d.lose(at, what+" "+strict.Quote(s), "not a URI; left out")
	return ""
}

// isURI is RFC 3986, section 4.3, as far as a manifest asks for it.
func isURI(s string) bool {
	scheme, rest, found := strings.Cut(s, ":")
	if !found || scheme == "" || rest == "" || len(s) > 2000 {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		if !(c >= 'a' && c <= 'z') && (i == 0 || !(scheme[i] >= '0' && scheme[i] <= '9' || scheme[i] == '+' || scheme[i] == '-' || scheme[i] == '.')) {
			return false
		}
	}
	return strings.IndexFunc(rest, func(c rune) bool { return c <= 0x20 || c >= 0x7f }) < 0
}

// portList sorts and merges ports; a manifest takes 1000 ranges for one entry.
func portList(ports []manifest.Port) []manifest.Port {
	slices.SortFunc(ports, func(a, b manifest.Port) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	var merged []manifest.Port
	for _, p := range ports {
		if n := len(merged); n > 0 && int(p.First) <= int(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, p.Last)
			continue
		}
		merged = append(merged, p)
	}
	return merged
}

// allPorts is every port that a manifest can name.
func allPorts() []manifest.Port { return []manifest.Port{{First: 1, Last: 65535}} }

// prefixList sorts prefixes and leaves out those that others cover.
func prefixList(all []netip.Prefix) []manifest.CIDR {
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var kept []manifest.CIDR
	for _, p := range all {
		if n := len(kept); n > 0 && kept[n-1].Bits() <= p.Bits() && kept[n-1].Contains(p.Addr()) {
			continue
		}
		kept = append(kept, manifest.CIDR{Prefix: p})
	}
	return kept
}

// rawNode returns a node as JSON, for x- members. What is nested deep is cut off, as are long strings.
func rawNode(n *node) json.RawMessage { return raw(n.plain(16)) }

func (n *node) plain(depth int) any {
	switch {
	case n.kind == text:
		return clip(n.text)
	case n.kind == number && len(n.text) < 100:
		return json.Number(n.text)
	case n.kind == boolean:
		return n.text == "true"
	case n.kind == array && depth > 0:
		list := make([]any, len(n.items))
		for i, e := range n.items {
			list[i] = e.plain(depth - 1)
		}
		return list
	case n.kind == object && depth > 0:
		all := make(map[string]any, len(n.items))
		for _, e := range n.items {
			all[clip(e.name)] = e.plain(depth - 1)
		}
		return all
	}
	return nil
}
