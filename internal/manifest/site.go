package manifest

import (
	"fmt"
	"strings"
)

// maxExpanded bounds what one name may expand to, whatever the variables are bound to.
const maxExpanded = 1024

// Enabled returns which of m's features are on at this site: what the binding says, else the default; required
// features always. A feature that is on turns on what it requires.
func (b *Bound) Enabled(m *Manifest) map[string]bool {
	on := make(map[string]bool, len(m.Features))
	var turnOn func(name string)
	turnOn = func(name string) {
		f, known := m.Features[name]
		if !known || on[name] {
			return
		}
		on[name] = true
		for _, r := range f.Requires {
			turnOn(r)
		}
	}
	for name, f := range m.Features {
		enabled := f.Default == On
		if s, bound := b.Features[name]; bound {
			enabled = s.On
		}
		if enabled || f.Required {
			turnOn(name)
		}
	}
	return on
}

// values returns what a variable is bound to, else its default, else nil.
func (b *Bound) values(m *Manifest, variable string) []Item {
	if v, bound := b.Variables[variable]; bound {
		return v.Items
	}
	if v := m.Variables[variable]; v.Default != "" {
		return []Item{{Text: v.Default, Pos: v.Pos}}
	}
	return nil
}

// Expand returns the names that n stands for at this site: n itself where it holds no variable, else one for each
// combination of what its variables are bound to. There are none where a variable is neither bound nor has a
// default, or where there would be too many (which BindingsCheck reports).
func (b *Bound) Expand(m *Manifest, n Name) []Name {
	text := n.Text()
	if !strings.Contains(text, "${") {
		return []Name{n}
	}
	texts, err := b.expand(m, text)
	if err != nil {
		return nil
	}
	names := make([]Name, len(texts))
	for i, t := range texts {
		names[i] = n
		if n.Suffix != "" {
			names[i].Suffix = t
		} else {
			names[i].Exact = t
		}
	}
	return names
}

// expand replaces the variables of text one after the other; a value is never looked at for variables again.
func (b *Bound) expand(m *Manifest, text string) ([]string, error) {
	done := []string{""}
	for {
		before, rest, found := strings.Cut(text, "${")
		for i := range done {
			done[i] += before
		}
		if !found {
			return done, nil
		}
		variable, after, _ := strings.Cut(rest, "}")
		values := b.values(m, variable)
		if len(values) == 0 {
			return nil, nil
		}
		if len(done)*len(values) > maxExpanded {
			return nil, fmt.Errorf("more than %d names", maxExpanded)
		}
		next := make([]string, 0, len(done)*len(values))
		for _, d := range done {
			for _, v := range values {
				next = append(next, d+v.Text)
			}
		}
		done, text = next, after
	}
}

// ExpandPorts returns ports with the ranges that their variables are bound to in place of these.
func (b *Bound) ExpandPorts(m *Manifest, ports []Port) []Port {
	var expanded []Port
	for _, p := range ports {
		if p.Variable == "" {
			expanded = append(expanded, p)
			continue
		}
		for _, v := range b.values(m, p.Variable) {
			// BindingsLint reports values that are no ports.
			if first, last, err := parsePorts(v.Text); err == nil {
				expanded = append(expanded, Port{First: first, Last: last, Pos: p.Pos})
			}
		}
	}
	return expanded
}

// Endpoints returns the hosts that a variable of kind endpoints, cidrs or dns-name stands for at this site.
func (b *Bound) Endpoints(m *Manifest, variable string) []Endpoint {
	kind := m.Variables[variable].Kind
	var hosts []Endpoint
	for _, v := range b.values(m, variable) {
		text := v.Text
		if kind == KindDNSName {
			text = "dns:" + text
		}
		// BindingsLint reports values that are no endpoints.
		if e, err := ParseEndpoint(text); err == nil {
			e.Pos = v.Pos
			hosts = append(hosts, e)
		}
	}
	return hosts
}

// Text returns the name or the suffix.
func (n *Name) Text() string {
	if n.Suffix != "" {
		return n.Suffix
	}
	return n.Exact
}
