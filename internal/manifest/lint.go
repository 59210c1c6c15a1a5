package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"netsensor/internal/strict"
)

// maxPerRule is how many findings of one rule are given for one document.
const maxPerRule = 50

// linter collects findings about one document.
type linter struct {
	doc    *strict.Document
	now    time.Time
	found  []Finding
	counts map[string]int
	errors bool // only what must stop a run is wanted: no time is spent on telling where the rest is
}

// report adds a finding; path consists of names and indexes.
func (l *linter) report(id string, path []any, remedy, format string, args ...any) {
	if l.errors && ruleSeverity(id) != Error {
		return
	}
	if l.counts == nil {
		l.counts = make(map[string]int)
	}
	if l.counts[id]++; l.counts[id] > maxPerRule {
		return
	}
	tokens := make([]string, len(path))
	for i, p := range path {
		tokens[i] = fmt.Sprint(p)
	}
	l.found = append(l.found, Finding{
		ID: id, Severity: ruleSeverity(id), Pointer: strict.JoinPointer(tokens...), Message: fmt.Sprintf(format, args...), Remedy: remedy,
	})
}

// full reports whether there are enough findings of a rule, and then counts one more: for those that cost time.
func (l *linter) full(id string) bool {
	if l.counts[id] < maxPerRule {
		return false
	}
	l.counts[id]++
	return true
}

// unknown reports a name that is not among words; what begins the message.
func unknown[T any](l *linter, id string, path []any, remedy, what, name string, words map[string]T) {
	if !l.full(id) {
		l.report(id, path, remedy, "%s %s%s", what, strict.Quote(name), strict.DidYouMean(name, sortedKeys(words)))
	}
}

// finish returns the findings with their places.
func (l *linter) finish(notes []Finding) []Finding {
	if l.errors {
		notes = errorsOnly(notes)
	}
	found := place(l.doc, append(l.found, notes...))
	for _, r := range rules {
		if n := l.counts[r.ID] - maxPerRule; n > 0 {
			found = append(found, Finding{ID: r.ID, Severity: r.Severity, File: l.doc.Name(), Message: fmt.Sprintf("%d more like this", n)})
		}
	}
	return found
}

// join returns path with further elements, sharing nothing.
func join(path []any, further ...any) []any { return append(slices.Clip(path), further...) }

// manifestLinter is a linter for a manifest.
type manifestLinter struct {
	linter
	m    *Manifest
	used map[string]bool // "role x", "variable x", …
}

// Lint returns what is wrong or unwise in m at the time now, sorted by place.
func Lint(m *Manifest, now time.Time) []Finding { return lint(m, now, true) }

// Check returns those findings of Lint that must stop a run.
func Check(m *Manifest, now time.Time) []Finding { return lint(m, now, false) }

// lint may leave out what costs time and never stops a run.
func lint(m *Manifest, now time.Time, full bool) []Finding {
	l := manifestLinter{linter: linter{doc: m.doc, now: now, errors: !full}, m: m, used: make(map[string]bool)}
	l.validity()
	l.features()
	l.variables()
	l.ids()
	for i := range m.Communications {
		l.communication(i, &m.Communications[i])
	}
	if full {
		l.shadows()
	}
	l.host()
	l.unused()
	return l.finish(m.notes)
}

func (l *manifestLinter) validity() {
	v := l.m.Validity
	at := []any{"validity"}
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch {
	case v.NotAfter.IsZero():
		l.report("missing-expiry", at, `give "notAfter": a manifest that is never renewed goes stale unnoticed`, "no expiry")
	case !v.NotBefore.IsZero() && v.NotAfter.Before(v.NotBefore):
		l.report("validity-order", join(at, "notAfter"), "", "ends on %s, before it begins on %s", day(v.NotAfter), day(v.NotBefore))
	case l.now.After(v.NotAfter):
		l.report("expired", join(at, "notAfter"), "get a newer serial from the vendor", "expired on %s", day(v.NotAfter))
	}
	if l.now.Before(v.NotBefore) {
		l.report("not-yet-valid", join(at, "notBefore"), "", "holds only from %s on", day(v.NotBefore))
	}
	if v.Supported != nil && !*v.Supported {
		l.report("unsupported-product", join(at, "supported"), "", "the vendor no longer maintains %s", strict.Quote(l.m.Product.Name))
	}
}

// feature checks a reference to a feature.
func (l *manifestLinter) feature(path []any, name string) {
	l.used["feature "+name] = true
	if _, known := l.m.Features[name]; !known {
		unknown(&l.linter, "unknown-feature", path, `define it in "features"`, "the manifest has no feature", name, l.m.Features)
	}
}

func (l *manifestLinter) featureList(path []any, names []string) {
	for i, name := range names {
		l.feature(join(path, "features", i), name)
	}
}

// role checks a reference to a role that may be empty.
func (l *manifestLinter) role(path []any, name string) {
	if name == "" {
		return
	}
	l.used["role "+name] = true
	if _, known := l.m.Roles[name]; !known {
		unknown(&l.linter, "unknown-role", path, `define it in "roles"`, "the manifest has no role", name, l.m.Roles)
	}
}

// variable checks a reference to a variable and returns it.
func (l *manifestLinter) variable(path []any, name string, kinds ...VariableKind) {
	l.used["variable "+name] = true
	v, known := l.m.Variables[name]
	switch {
	case !known:
		unknown(&l.linter, "unknown-variable", path, `define it in "variables"`, "the manifest has no variable", name, l.m.Variables)
	case !slices.Contains(kinds, v.Kind):
		l.report("wrong-kind", path, "", "the variable %s is of kind %q; here it must be %s", strict.Quote(name), v.Kind, strict.OneOf(words(kinds...)))
	}
}

func (l *manifestLinter) features() {
	for _, name := range sortedKeys(l.m.Features) {
		f := l.m.Features[name]
		at := []any{"features", name}
		for i, r := range f.Requires {
			l.feature(join(at, "requires", i), r)
			if other, known := l.m.Features[r]; known && f.Default == On && other.Default == Off && !other.Required {
				l.report("requires-off", join(at, "requires", i), "give both the same default", "%s is on by default but requires %s, which is off", strict.Quote(name), strict.Quote(r))
			}
		}
		if f.Docs == "" && !f.Required {
			l.report("feature-without-docs", at, `give "docs": the customer must know what to turn off`, "the optional feature %s has no documentation", strict.Quote(name))
		}
		if f.Required && f.Default == Off {
			l.report("requires-off", join(at, "default"), "", "%s cannot be turned off, yet is off by default", strict.Quote(name))
		}
	}
	l.cycles()
}

// cycles reports each circle of requirements once, at the feature whose name comes first.
func (l *manifestLinter) cycles() {
	const open, done = 1, 2
	state := make(map[string]int)
	type frame struct {
		name string
		next int
	}
	for _, start := range sortedKeys(l.m.Features) {
		if state[start] != 0 {
			continue
		}
		state[start] = open
		stack := []frame{{name: start}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			requires := l.m.Features[top.name].Requires
			if top.next == len(requires) {
				state[top.name] = done
				stack = stack[:len(stack)-1]
				continue
			}
			r := requires[top.next]
			top.next++
			switch state[r] {
			case open:
				if l.full("feature-cycle") {
					continue
				}
				var circle []string
				for i := range stack {
					if stack[i].name == r || len(circle) > 0 {
						circle = append(circle, stack[i].name)
					}
				}
				l.report("feature-cycle", []any{"features", top.name, "requires", top.next - 1}, "", "%s require each other", strings.Join(append(circle, r), " → "))
			case 0:
				state[r] = open
				stack = append(stack, frame{name: r})
			}
		}
	}
}

func (l *manifestLinter) variables() {
	for _, name := range sortedKeys(l.m.Variables) {
		v := l.m.Variables[name]
		at := []any{"variables", name}
		if v.Feature != "" {
			l.feature(join(at, "feature"), v.Feature)
		}
		if v.Pattern != "" {
			if v.Kind != KindDNSLabel && v.Kind != KindDNSName {
				l.report("wrong-kind", join(at, "pattern"), "", "a pattern for a variable of kind %q", v.Kind)
			}
			if _, err := regexp.Compile(v.Pattern); err != nil {
				l.report("bad-pattern", join(at, "pattern"), "write an RE2 expression", "%s: %s", strict.Quote(v.Pattern), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
			}
		}
		if v.Default != "" {
			if v.Kind == KindEndpoints || v.Kind == KindCIDRs {
				l.report("wrong-kind", join(at, "default"), "", "the vendor cannot know the customer's %s", v.Kind)
			}
			if err := v.check(v.Default); err != nil {
				l.report("wrong-kind", join(at, "default"), "", "%s", err)
			}
		}
	}
}

// check reports why text cannot be bound to v.
func (v Variable) check(text string) error {
	switch v.Kind {
	case KindEndpoints:
		_, err := ParseEndpoint(text)
		return err
	case KindCIDRs:
		_, err := parsePrefix(text)
		return err
	case KindPort:
		_, _, err := parsePorts(text)
		return err
	case KindDNSLabel:
		if strings.ContainsAny(text, ".") {
			return fmt.Errorf("%s: one label, without dots", strict.Quote(text))
		}
	}
	// A label may be a part of one, so that a final hyphen is left to the name that it ends up in.
	normal, err := NormalName(strings.TrimSuffix(text, "-"))
	if v.Kind == KindDNSLabel && strings.Trim(text, "0123456789") == "" && text != "" && len(text) <= 63 {
		normal, err = text, nil
	}
	if err != nil {
		return err
	}
	if normal != strings.TrimSuffix(text, "-") {
		return fmt.Errorf("%s: write it as %s", strict.Quote(text), strict.Quote(normal))
	}
	if v.Pattern != "" {
		// A pattern that does not compile is a finding about the manifest.
		if re, err := regexp.Compile(`\A(?:` + v.Pattern + `)\z`); err == nil && !re.MatchString(text) {
			return fmt.Errorf("%s does not match %s", strict.Quote(text), strict.Quote(v.Pattern))
		}
	}
	return nil
}

// ids reports ids that are used twice in one list.
func (l *manifestLinter) ids() {
	check := func(list string, n int, id func(int) string) {
		first := make(map[string]int, n)
		for i := range n {
			if j, twice := first[id(i)]; twice {
				l.report("duplicate-id", []any{list, i, "id"}, "", "%s is the id of entry %d already", strict.Quote(id(i)), j)
				continue
			}
			first[id(i)] = i
		}
	}
	m := l.m
	check("communications", len(m.Communications), func(i int) string { return m.Communications[i].ID })
	check("commands", len(m.Commands), func(i int) string { return m.Commands[i].ID })
	check("accounts", len(m.Accounts), func(i int) string { return m.Accounts[i].ID })
	check("signers", len(m.Signers), func(i int) string { return m.Signers[i].ID })
}

func (l *manifestLinter) unused() {
	check := func(list, word string, names []string) {
		for _, name := range names {
			if !l.used[word+" "+name] {
				l.report("unused", []any{list, name}, "", "nothing refers to the %s %s", word, strict.Quote(name))
			}
		}
	}
	check("roles", "role", sortedKeys(l.m.Roles))
	check("variables", "variable", sortedKeys(l.m.Variables))
	check("features", "feature", sortedKeys(l.m.Features))
}
