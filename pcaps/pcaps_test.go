package pcaps_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"testing"

	"netsensor/internal/manifest"
	"netsensor/pcaps"
)

func TestDocuments(t *testing.T) {
	m, err := manifest.Decode("acme-vault.json", pcaps.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	b, err := manifest.DecodeBindings("site.json", pcaps.Bindings())
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Products) != 1 || b.Products[0].Manifest.Select([]*manifest.Manifest{m}) != m {
		t.Error("the bindings do not select the manifest")
	}
}

func TestReadmeListsEveryCapture(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+\\.pcap)` \\| [1-9]").FindAllSubmatch(readme, -1) {
		listed = append(listed, string(row[1]))
	}
	there, err := fs.Glob(pcaps.Captures(), "*")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(listed)
	if !slices.Equal(listed, there) {
		t.Errorf("README.md lists %q, there are %q", listed, there)
	}
}
