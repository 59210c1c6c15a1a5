package manifest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"netsensor/internal/strict"
)

// bindingsLinter is a linter for one product of bindings.
type bindingsLinter struct {
	linter
	b *Bindings
}

// BindingsLint returns what is wrong or unwise in b against the manifests that are loaded, sorted by place.
func BindingsLint(b *Bindings, manifests []*Manifest, now time.Time) []Finding {
	return lintBindings(b, manifests, now, true)
}

func lintBindings(b *Bindings, manifests []*Manifest, now time.Time, full bool) []Finding {
	l := bindingsLinter{linter: linter{doc: b.doc, now: now, errors: !full}, b: b}
	for i := range b.Exceptions {
		l.exception([]any{"exceptions", i}, &b.Exceptions[i])
		l.siteWide([]any{"exceptions", i}, &b.Exceptions[i])
	}
	l.exceptionIDs(nil, b.Exceptions)
	for i := range b.Products {
		p := &b.Products[i]
		var at []any
		if p.pointer != "" {
			at = []any{"products", i}
		}
		l.product(at, p, p.Manifest.Select(manifests), manifests)
	}
	return l.finish(b.notes)
}

// BindingsCheck returns those findings of BindingsLint that must stop a run.
func BindingsCheck(b *Bindings, manifests []*Manifest, now time.Time) []Finding {
	return lintBindings(b, manifests, now, false)
}

func (l *bindingsLinter) product(at []any, p *Bound, m *Manifest, manifests []*Manifest) {
	l.trust(at, p)
	for i := range p.Exceptions {
		l.exception(join(at, "exceptions", i), &p.Exceptions[i])
	}
	l.exceptionIDs(at, p.Exceptions)
	if m == nil {
		var ids []string
		for _, other := range manifests {
			ids = append(ids, other.ID)
		}
		l.report("unknown-manifest", join(at, "manifest", "id"), "load the manifest as well", "no manifest with the id %s is loaded%s", strict.Quote(p.Manifest.ID), strict.DidYouMean(p.Manifest.ID, ids))
		return
	}
	if m.Serial < p.Manifest.MinSerial {
		l.report("serial-too-low", join(at, "manifest", "minSerial"), "get the newer one from the vendor", "%s has serial %d; at least %d is wanted", m.File, m.Serial, p.Manifest.MinSerial)
	}
	if p.Manifest.Digest != "" && p.Manifest.Digest != m.Digest {
		l.report("digest-mismatch", join(at, "manifest", "digest"), "", "%s has the digest %s", m.File, m.Digest)
	}
	for i := range p.Exceptions {
		l.parties(join(at, "exceptions", i), &p.Exceptions[i], m)
	}
	l.roles(at, p, m)
	l.features(at, p, m)
	l.variables(at, p, m)
}

func (l *bindingsLinter) trust(at []any, p *Bound) {
	for i, key := range p.Manifest.Trust {
		if _, known := l.b.Keys[key]; !known {
			unknown(&l.linter, "unknown-key", join(at, "manifest", "trust", i), `put the public key into "keys"`, "these bindings have no key", key, l.b.Keys)
		}
	}
	if n := len(p.Manifest.Trust); int(p.Manifest.Threshold) > n {
		l.report("threshold", join(at, "manifest", "threshold"), "", "%d signatures are wanted of %d keys", p.Manifest.Threshold, n)
	}
}

func (l *bindingsLinter) roles(at []any, p *Bound, m *Manifest) {
	home := l.b.Home()
	for _, name := range sortedKeys(p.Roles) {
		r := p.Roles[name]
		path := join(at, "roles", name)
		role, known := m.Roles[name]
		if !known {
			unknown(&l.linter, "unknown-role", path, "", "the manifest has no role", name, m.Roles)
			continue
		}
		single := 0
		for i, e := range r.Endpoints {
			l.endpoint(join(path, "endpoints", i), e)
			if e.Kind == MAC || e.Kind == DHCPName || e.Kind == Network && e.First == e.Last {
				single++
			}
			if e.Kind == Network && !slices.ContainsFunc(home, func(h netip.Prefix) bool { return h.Contains(e.First) && h.Contains(e.Last) }) {
				l.report("not-home", join(path, "endpoints", i), `add its network to "homeNetworks"`, "%s is not within the home networks: what it does with other hosts there is taken as external", e)
			}
		}
		if role.Cardinality.Given && role.Cardinality.Max >= 0 && single > role.Cardinality.Max {
			l.report("cardinality", path, "", "%d hosts; the manifest has room for %d", single, role.Cardinality.Max)
		}
	}
	for _, name := range sortedKeys(m.Roles) {
		if _, bound := p.Roles[name]; !bound && m.Roles[name].Cardinality.Min > 0 {
			l.report("unbound-role", join(at, "roles"), "", "the role %s must be played by a host and is not bound", strict.Quote(name))
		}
	}
}

// endpoint reports ranges that are too wide.
func (l *bindingsLinter) endpoint(path []any, e Endpoint) {
	if e.Kind == DNSName {
		if rest, wild := strings.CutPrefix(e.Text, "*."); wild && !strings.Contains(rest, ".") {
			l.report("any-address", path, "", "%s covers a whole top-level domain", e)
		}
	}
	prefixes := e.Prefixes()
	for _, p := range prefixes {
		if l.width(path, p, false) {
			return
		}
	}
	if fraction := coverage(prefixes); fraction > 1.0/8 {
		l.report("any-address", path, "", "%s covers %.0f%% of all addresses", e, 100*fraction)
	}
}

func (l *bindingsLinter) features(at []any, p *Bound, m *Manifest) {
	for _, name := range sortedKeys(p.Features) {
		path := join(at, "features", name)
		f, known := m.Features[name]
		switch {
		case !known:
			unknown(&l.linter, "unknown-feature", path, "", "the manifest has no feature", name, m.Features)
		case f.Required && !p.Features[name].On:
			l.report("required-feature-off", path, "", "%s cannot be turned off; it counts as on", strict.Quote(name))
		}
	}
	for _, name := range sortedKeys(m.Features) {
		f := m.Features[name]
		on := f.Default == On || f.Required
		if s, bound := p.Features[name]; bound {
			on = s.On || f.Required
		}
		for _, r := range f.Requires {
			if s, bound := p.Features[r]; on && bound && !s.On && !m.Features[r].Required {
				l.report("requires-unmet", join(at, "features", r), fmt.Sprintf("turn %s off as well, or this one on", strict.Quote(name)),
					"%s is off, but %s, which is on, requires it", strict.Quote(r), strict.Quote(name))
			}
		}
	}
}

func (l *bindingsLinter) variables(at []any, p *Bound, m *Manifest) {
	for _, name := range sortedKeys(p.Variables) {
		path := join(at, "variables", name)
		v, known := m.Variables[name]
		if !known {
			unknown(&l.linter, "unknown-variable", path, "", "the manifest has no variable", name, m.Variables)
			continue
		}
		value := p.Variables[name]
		for i, item := range value.Items {
			itemPath := join(path, i)
			if value.Single {
				itemPath = path
			}
			if err := v.check(item.Text); err != nil {
				id := "wrong-kind"
				if v.Kind == KindDNSLabel || v.Kind == KindDNSName {
					id = "bad-value"
				}
				l.report(id, itemPath, "", "the variable %s is of kind %q: %s", strict.Quote(name), v.Kind, err)
				continue
			}
			if v.Kind == KindEndpoints || v.Kind == KindCIDRs {
				// check has parsed it.
				e, _ := ParseEndpoint(item.Text)
				l.endpoint(itemPath, e)
			}
		}
	}
	enabled := p.Enabled(m)
	for _, name := range sortedKeys(m.Variables) {
		v := m.Variables[name]
		if _, bound := p.Variables[name]; !bound && v.Required && v.Default == "" && (v.Feature == "" || enabled[v.Feature]) {
			why := "the product"
			if v.Feature != "" {
				why = "the feature " + strict.Quote(v.Feature)
			}
			l.report("unbound-variable", join(at, "variables"), "bind it", "the variable %s is not bound; %s needs it (%s)", strict.Quote(name), why, v.Kind)
		}
	}
	l.expansions(at, p, m)
}

// maxExpansions bounds how many names expansions looks at.
const maxExpansions = 1 << 20

// expansions checks the names that variables complete.
func (l *bindingsLinter) expansions(at []any, p *Bound, m *Manifest) {
	budget := maxExpansions
	for i := range m.Communications {
		for _, peer := range []*Peer{&m.Communications[i].From, &m.Communications[i].To} {
			for j := range peer.Names {
				if text := peer.Names[j].Text(); budget > 0 && strings.Contains(text, "$") {
					budget -= 1 + l.expansion(at, p, m, text, m.Communications[i].ID)
				}
			}
		}
	}
}

// expansion checks what one name becomes, and returns how many names that is.
func (l *bindingsLinter) expansion(at []any, p *Bound, m *Manifest, text, entry string) int {
	names, err := p.expand(m, text)
	if err != nil {
		l.report("too-many-names", join(at, "variables"), "bind fewer values", "%s of the entry %q: %s", strict.Quote(text), entry, err)
	}
	for _, n := range names {
		if err := checkLabels(n); err != nil {
			l.report("bad-value", join(at, "variables"), "", "%s of the entry %q becomes %s: %s", strict.Quote(text), entry, strict.Quote(n), err)
			break
		}
	}
	return len(names)
}

// exception checks what does not depend on a manifest.
func (l *bindingsLinter) exception(at []any, e *Exception) {
	switch {
	case e.Expires.IsZero():
		l.report("exception-without-expiry", at, `give "expires"`, "the exception %s never expires", strict.Quote(e.ID))
	case l.now.After(e.Expires):
		l.report("exception-expired", join(at, "expires"), "renew it or leave it out", "the exception %s expired on %s; it is not applied", strict.Quote(e.ID), e.Expires.UTC().Format(time.DateOnly))
	}
	if e.Ticket == "" {
		l.report("exception-without-ticket", at, `give "ticket": who accepted this, and where is that written?`, "the exception %s names no ticket", strict.Quote(e.ID))
	}
	if e.Method != "" {
		if _, known := LookupMethod(e.Method); !known {
			l.report("unknown-method", join(at, "method"), "", "the method %s is not known", strict.Quote(e.Method))
		}
	}
	for i, p := range e.From.Endpoints {
		l.endpoint(join(at, "from", "endpoints", i), p)
	}
	for i, p := range e.To.Endpoints {
		l.endpoint(join(at, "to", "endpoints", i), p)
	}
}

// ends are the two ends of an exception.
var ends = []struct {
	name string
	of   func(*Exception) *Party
}{
	{"from", func(e *Exception) *Party { return &e.From }},
	{"to", func(e *Exception) *Party { return &e.To }},
}

// siteWide reports what an exception of all products cannot say.
func (l *bindingsLinter) siteWide(at []any, e *Exception) {
	for _, end := range ends {
		p := end.of(e)
		if p.Role != "" {
			l.report("unknown-role", join(at, end.name, "role"), "put the exception into its product", "an exception of all products cannot name the role %s", strict.Quote(p.Role))
		}
		if p.Variable != "" {
			l.report("unknown-variable", join(at, end.name, "variable"), "put the exception into its product", "an exception of all products cannot name the variable %s", strict.Quote(p.Variable))
		}
	}
}

// parties checks what an exception takes from the manifest.
func (l *bindingsLinter) parties(at []any, e *Exception, m *Manifest) {
	for _, end := range ends {
		p := end.of(e)
		if _, known := m.Roles[p.Role]; p.Role != "" && !known {
			unknown(&l.linter, "unknown-role", join(at, end.name, "role"), "", "the manifest has no role", p.Role, m.Roles)
		}
		if _, known := m.Variables[p.Variable]; p.Variable != "" && !known {
			unknown(&l.linter, "unknown-variable", join(at, end.name, "variable"), "", "the manifest has no variable", p.Variable, m.Variables)
		}
	}
}

func (l *bindingsLinter) exceptionIDs(at []any, list []Exception) {
	first := make(map[string]int)
	for i := range list {
		if j, twice := first[list[i].ID]; twice {
			l.report("duplicate-id", join(at, "exceptions", i, "id"), "", "%s is the id of exception %d already", strict.Quote(list[i].ID), j)
			continue
		}
		first[list[i].ID] = i
	}
}
