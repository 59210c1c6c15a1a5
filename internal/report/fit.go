package report

import (
	"maps"
	"slices"

	"netsensor/internal/manifest"
)

// Fit takes out of a product's bindings what an older manifest does not know, so that it can be judged by.
func Fit(b *manifest.Bound, m *manifest.Manifest) {
	b.Manifest.MinSerial, b.Manifest.Digest = 0, ""
	maps.DeleteFunc(b.Roles, func(name string, _ manifest.RoleBinding) bool { _, known := m.Roles[name]; return !known })
	maps.DeleteFunc(b.Variables, func(name string, _ manifest.Value) bool { _, known := m.Variables[name]; return !known })
	maps.DeleteFunc(b.Features, func(name string, _ manifest.Switch) bool { _, known := m.Features[name]; return !known })
	strange := func(p *manifest.Party) bool {
		if _, known := m.Roles[p.Role]; p.Role != "" && !known {
			return true
		}
		_, known := m.Variables[p.Variable]
		return p.Variable != "" && !known
	}
	b.Exceptions = slices.DeleteFunc(b.Exceptions, func(x manifest.Exception) bool { return strange(&x.From) || strange(&x.To) })
}
