// Package internal holds the test of the layers: nothing imports upward.
package internal

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport lists which packages of the project each package may import. Parsers know bytes only, judging knows no
// packets, outputs know no captures. A package that is missing here fails the test: say first where it belongs.
var mayImport = map[string][]string{
	"eve":       nil,
	"packet":    nil,
	"strict":    nil,
	"names":     nil,
	"output":    nil,
	"jsonl":     nil,
	"protocol":  {"eve"},
	"capture":   {"packet"},
	"flows":     {"packet", "protocol"},
	"manifest":  {"strict"},
	"envelope":  {"manifest"},
	"allowlist": {"manifest"},
	"convert":   {"manifest", "strict"},
	"judge":     {"allowlist", "names", "manifest", "eve"},
	"telemetry": {"judge", "jsonl"},
	"engine":    {"capture", "packet", "flows", "protocol", "judge", "eve", "output"},
	"learn":     {"judge", "names", "manifest", "strict"},
	"report":    {"judge", "allowlist", "manifest"},

	"tls":  {"protocol", "eve"},
	"quic": {"protocol", "eve", "tls"},
	"dns":  {"protocol", "eve"},
	"ssh":  {"protocol", "eve"},
	"http": {"protocol", "eve", "dns", "protocol/ntlm", "protocol/filetype"},

	"protocol/openvpn": {"protocol", "eve", "tls"}, // its control channel carries TLS

	"manifestdiff": {"manifest"},

	"benchcap":              nil,
	"benchcap/cmd/benchcap": {"benchcap"},
	"benchcap/cmd/bench":    {"benchcap"},
	"benchcap/certs":        nil,
}

// small is what the small protocols below internal/protocol may import, besides each other: what several of them
// need (BER, lines, NTLMSSP, …) lies there too.
var small = []string{"protocol", "eve"}

const module = "netsensor/internal/"

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		allowed, known := mayImport[pkg]
		if strings.HasPrefix(pkg, "protocol/") && !known {
			allowed, known = small, true
		}
		if !known && !seen[pkg] {
			t.Errorf("package %s has no place in the layers: add it to mayImport", pkg)
		}
		seen[pkg] = true
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			name, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			rest, internal := strings.CutPrefix(name, module)
			if internal && !slices.Contains(allowed, rest) && !(strings.HasPrefix(pkg, "protocol/") && strings.HasPrefix(rest, "protocol/")) {
				t.Errorf("%s imports %s, which its layer must not know", path, rest)
			}
			if name == "netsensor/pcaps" || strings.HasPrefix(name, "netsensor/cmd") {
				t.Errorf("%s imports %s", path, name)
			}
			checkFenced(t, path, pkg, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("mayImport lists %s, which does not exist", pkg)
		}
	}
}

// fenced are libraries that only one place may use, and why.
var fenced = map[string][]string{
	"github.com/google/gopacket": {"capture"}, // its decoders panic on hostile bytes
	"github.com/spf13/viper":     nil,         // it folds the case of keys and splits them at dots: settings only, in cmd
	"github.com/spf13/cobra":     nil,
	"github.com/miekg/dns":       {"dns"},
}

func checkFenced(t *testing.T, path, pkg, name string) {
	for lib, where := range fenced {
		if (name == lib || strings.HasPrefix(name, lib+"/")) && !slices.Contains(where, pkg) {
			t.Errorf("%s imports %s, which belongs to %v", path, name, where)
		}
	}
}
