package allowlist

import "netsensor/internal/manifest"

// values returns what the site binds a variable to, else its default, else nil.
func values(b *manifest.Bound, m *manifest.Manifest, variable string) []manifest.Item {
	if v, bound := b.Variables[variable]; bound {
		return v.Items
	}
	if v := m.Variables[variable]; v.Default != "" {
		return []manifest.Item{{Text: v.Default}}
	}
	return nil
}

// parsePorts reads what a variable of kind port is bound to.
func parsePorts(s string) (PortRange, error) {
	var p manifest.Port
	if err := p.UnmarshalText([]byte(s)); err != nil {
		return PortRange{}, err
	}
	return PortRange{p.First, p.Last}, nil
}
