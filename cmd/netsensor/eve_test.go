package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"netsensor/internal/judge"
)

// The forms in which all captures are replayed, beside the arguments.
var forms = map[string][]string{
	"judged":     {"-m", "pcaps/acme-vault.json", "-b", "pcaps/site.json"},
	"not judged": {},
	"dns v2":     {"--eve-dns-version", "2"},
	"for old consumers": {"-m", "pcaps/acme-vault.json", "-b", "pcaps/site.json", "--eve-dns-version", "2", "--eve-no-context",
		"--eve-compress-ipv6"},
}

// replayed returns the events of all captures in a form, by capture and line.
func replayed(t *testing.T, form string) map[string][][]byte {
	t.Helper()
	t.Chdir("../..")
	lines := map[string][][]byte{}
	for _, name := range captureNames(t) {
		var out, errs bytes.Buffer
		args := append(append([]string{"replay", "-q", "-w", "1"}, forms[form]...), "pcaps/"+name)
		if code := run(args, nil, &out, &errs); code != 0 || errs.Len() > 0 {
			t.Fatalf("netsensor %s: exit code %d, %s", strings.Join(args, " "), code, errs.String())
		}
		lines[name] = bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	}
	return lines
}

// schemaFile is the official EVE schema of Suricata (etc/schema.json of its source), which is not part of this
// repository: it has another licence.
const schemaFile = "../../../shared/eve/schema.json"

func TestEventsAreValid(t *testing.T) {
	path, err := filepath.Abs(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the EVE schema is absent: %v", err)
		}
		t.Skipf("the EVE schema is absent: %v", err)
	}
	schema, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	for form := range forms {
		t.Run(form, func(t *testing.T) {
			for name, lines := range replayed(t, form) {
				for i, line := range lines {
					v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
					if err == nil {
						err = schema.Validate(v)
					}
					if err != nil {
						t.Errorf("%s, event %d: %v\n%s", name, i+1, err, line)
					}
				}
			}
		})
	}
}

func TestEventsNameTheirCapture(t *testing.T) {
	for name, lines := range replayed(t, "judged") {
		for _, line := range lines {
			var e struct {
				Type string `json:"event_type"`
				File string `json:"pcap_filename"`
			}
			if err := json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if e.File != "pcaps/"+name && e.Type != "engine" && e.Type != "stats" {
				t.Errorf("%s: pcap_filename %q in %s", name, e.File, line)
			}
		}
	}
}

// TestEventsAreDocumented fails when an event has a member that docs/eve.md does not describe.
func TestEventsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/eve.md")
	if err != nil {
		t.Fatal(err)
	}
	known := documented(page)
	for _, form := range []string{"judged", "dns v2"} {
		t.Run(form, func(t *testing.T) {
			missing := map[string]string{}
			for name, lines := range replayed(t, form) {
				for _, line := range lines {
					var v map[string]any
					if err := json.Unmarshal(line, &v); err != nil {
						t.Fatal(err)
					}
					eachPath("", v, func(path string) {
						if !slices.ContainsFunc(known, func(k *regexp.Regexp) bool { return k.MatchString(path) }) {
							missing[path] = name
						}
					})
				}
			}
			for _, path := range slices.Sorted(maps.Keys(missing)) {
				t.Errorf("docs/eve.md does not describe %s (seen in %s)", path, missing[path])
			}
		})
	}
}

// documented returns patterns of the members that the tables of a page describe: the code in their first columns. An
// asterisk stands for any one key.
func documented(page []byte) (known []*regexp.Regexp) {
	code := regexp.MustCompile("`([^`]+)`")
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllSubmatch(page, -1) {
		for _, c := range code.FindAllSubmatch(row[1], -1) {
			pattern := strings.ReplaceAll(regexp.QuoteMeta(string(c[1])), `\*`, `[^.\[\]]+`)
			known = append(known, regexp.MustCompile("^"+pattern+"$"))
		}
	}
	return known
}

// eachPath calls f with the path of every value in v that is no object or array: "dns.answers[].rdata".
func eachPath(at string, v any, f func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if at == "" {
				eachPath(k, inner, f)
			} else {
				eachPath(at+"."+k, inner, f)
			}
		}
	case []any:
		for _, inner := range v {
			eachPath(at+"[]", inner, f)
		}
	default:
		f(at)
	}
}

func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/eve.md")
	if err != nil {
		t.Fatal(err)
	}
	for r := judge.NoRule + 1; r.String() != ""; r++ {
		if row := fmt.Sprintf("| %d | `%s` |", r.SignatureID(), r); !bytes.Contains(page, []byte(row)) {
			t.Errorf("docs/eve.md has no row %q", row)
		}
	}
}

// TestPromisedRules compares the alerts of each capture with the table of pcaps/README.md: the rules that it names are
// the ones that alert.
func TestPromisedRules(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("pcaps/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range promised(readme) {
		var out, errs bytes.Buffer
		if code := run([]string{"replay", "-q", "-e", "alert", "-m", "pcaps/acme-vault.json", "-b", "pcaps/site.json", "pcaps/" + name}, nil, &out, &errs); code != 0 {
			t.Fatalf("%s: exit code %d: %s", name, code, errs.String())
		}
		got := map[string]bool{}
		for _, m := range regexp.MustCompile(`"netsensor_rule":\["([^"]+)"\]`).FindAllSubmatch(out.Bytes(), -1) {
			got[string(m[1])] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: alerts of %q, pcaps/README.md promises %q", name, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// promised returns the rules that the table of a page names for each capture.
func promised(page []byte) map[string]map[string]bool {
	rules := map[string]bool{}
	for r := judge.NoRule + 1; r.String() != ""; r++ {
		rules[r.String()] = true
	}
	want := map[string]map[string]bool{}
	name := ""
	for line := range strings.Lines(string(page)) {
		col := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(col) != 4 {
			continue
		}
		if c := strings.Trim(col[0], " `"); strings.HasSuffix(c, ".pcap") {
			name = c
			want[name] = map[string]bool{}
		}
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(col[3], -1) {
			if name != "" && rules[code[1]] {
				want[name][code[1]] = true
			}
		}
	}
	// The story is all of them.
	for name, rules := range want {
		if name != "story.pcap" && !strings.HasPrefix(name, "13-") {
			maps.Copy(want["story.pcap"], rules)
		}
	}
	return want
}
