package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"netsensor/pcaps"
)

// TestReadmeCommands runs the commands of README.md that need no network, in a folder with the files that they name.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := copyPcaps(filepath.Join(dir, "captures")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"acme-vault.json": pcaps.Manifest(), "site.json": pcaps.Bindings(), "capture.pcap": pcaps.Story()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	lines := regexp.MustCompile(`(?m)^    (?:netsensor|go run \./cmd/netsensor) (.*)$`).FindAllSubmatch(readme, -1)
	if len(lines) < 5 {
		t.Errorf("README.md shows %d commands; are they found?", len(lines))
	}
	for _, line := range lines {
		runLine(t, string(line[1]))
	}
}

// TestCommandsOfTheDemo runs what the demo advises at its end, where the reader is: in the repository.
func TestCommandsOfTheDemo(t *testing.T) {
	var out bytes.Buffer
	if code := run([]string{"demo"}, nil, &out, &out); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	t.Chdir("../..")
	lines := regexp.MustCompile(`: netsensor (.*)`).FindAllSubmatch(out.Bytes(), -1)
	if len(lines) == 0 {
		t.Error("the demo advises nothing")
	}
	for _, line := range lines {
		runLine(t, string(line[1]))
	}
}

// runLine runs the arguments of a command line without its comment and redirection.
func runLine(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, "#")
	line, _, _ = strings.Cut(line, ">")
	var out, errs bytes.Buffer
	if code := run(strings.Fields(line), strings.NewReader(""), &out, &errs); code != 0 {
		t.Errorf("netsensor %s: exit code %d\n%s", line, code, errs.String())
	}
	if out.Len() == 0 {
		t.Errorf("netsensor %s: no output", line)
	}
}

// TestLinks follows the relative links of all pages of the repository.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllSubmatch(page, -1) {
			target, anchor, _ := strings.Cut(string(m[1]), "#")
			if strings.Contains(target, ":") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), filepath.FromSlash(target))
			}
			text, err := os.ReadFile(file)
			if info, serr := os.Stat(file); serr == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, m[1])
			} else if anchor != "" && !hasHeading(text, anchor) {
				t.Errorf("%s: the link %s leads to no heading", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hasHeading reports whether a page has a heading whose anchor, as code hosts make them, is as given.
func hasHeading(page []byte, anchor string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.+?)\s*$`).FindAllSubmatch(page, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
				return r
			}
			return -1
		}, strings.ToLower(string(m[1])))
		if slug == anchor {
			return true
		}
	}
	return false
}

// TestMembersOfParsersAreDocumented looks for the keys that the registered parsers can write, whether or not a capture
// of ours makes them, and for the events' names.
func TestMembersOfParsersAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/eve.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllSubmatch(page, -1) {
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllSubmatch(row[1], -1) {
			for key := range strings.SplitSeq(string(code[1]), ".") {
				known[strings.TrimSuffix(key, "[]")] = true
			}
		}
	}
	registry, err := os.ReadFile("registry.go")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`\.(?:Str|StrIf|Bytes|BytesIf|Int|Uint|Bool|True|Addr|Time|Hex|Strs|Begin|Key)\("(\w+)"|"([a-z][a-z0-9_]*)":`)
	event := regexp.MustCompile(`Event: +"(\w+)"`)
	files := []string{"../../internal/eve/header.go", "../../internal/engine/events.go", "../../internal/engine/merge.go", "../../internal/judge/alerteve.go"}
	for _, pkg := range regexp.MustCompile(`"netsensor/(internal/[\w/]+)"`).FindAllSubmatch(registry, -1) {
		of, err := filepath.Glob(filepath.Join("../..", string(pkg[1]), "*.go"))
		if err != nil || len(of) == 0 {
			t.Fatalf("%s: no files: %v", pkg[1], err)
		}
		files = append(files, of...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") || !bytes.Contains(text, []byte("internal/eve")) && !bytes.Contains(text, []byte("Event:")) {
			continue
		}
		for _, m := range key.FindAllSubmatch(text, -1) {
			if k := string(m[1]) + string(m[2]); !known[k] {
				t.Errorf("%s: docs/eve.md has no member %q", file, k)
			}
		}
		for _, m := range event.FindAllSubmatch(text, -1) {
			if !slices.Contains(eventTypes(), string(m[1])) {
				t.Errorf("%s: --events does not know %q", file, m[1])
			}
		}
	}
}
