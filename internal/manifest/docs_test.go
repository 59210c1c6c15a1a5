package manifest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of docs/manifest.md and docs/bindings.md")

// The generated parts of the documents are those between `<!-- name -->` and `<!-- end -->`.
func TestDocs(t *testing.T) {
	parts := map[string]string{
		"manifest members": memberTables(t, Schema()),
		"bindings members": memberTables(t, BindingsSchema()),
		"methods":          methodTable(),
		"mechanisms":       "`" + strings.Join(mechanisms, "`, `") + "`\n",
		"manifest example": "```json\n" + vault(t) + "```\n",
		"bindings example": "```yaml\n" + edited(t, "testdata/bindings.yaml") + "```\n",
		"rules":            ruleTable(),
	}
	for _, file := range []string{"../../docs/manifest.md", "../../docs/bindings.md"} {
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(old)
		for name, part := range parts {
			begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
			i := strings.Index(text, begin)
			if i < 0 {
				continue
			}
			i += len(begin)
			n := strings.Index(text[i:], end)
			if n < 0 {
				t.Fatalf("%s: %q has no end", file, name)
			}
			text = text[:i] + part + text[i+n:]
		}
		if text == string(old) {
			continue
		}
		if !*update {
			t.Errorf("%s is stale: go test ./internal/manifest -run TestDocs -update", file)
		} else if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// memberTables describes every object of a schema, the outermost first, the others in the order of their use.
func memberTables(t *testing.T, schema []byte) string {
	var root schemaNode
	if err := json.Unmarshal(schema, &root); err != nil {
		t.Fatal(err)
	}
	order := memberOrder(t, schema)
	var b strings.Builder
	queue := []string{""}
	for i := 0; i < len(queue); i++ {
		s := &root
		if queue[i] != "" {
			s = root.Defs[queue[i]]
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", queue[i], s.Description)
		}
		if len(s.Properties) == 0 {
			continue
		}
		b.WriteString("\n| member | what it is | |\n|---|---|---|\n")
		for _, name := range order[queue[i]] {
			p := s.Properties[name]
			typ, refs := shape(&root, p)
			for _, r := range refs {
				if d := root.Defs[r]; (len(d.Properties) > 0 || d.Description != "") && !slices.Contains(queue, r) {
					queue = append(queue, r)
				}
			}
			need := ""
			if slices.Contains(s.Required, name) {
				need = "required, "
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s%s |\n", name, strings.ReplaceAll(p.Description, "|", `\|`), need, typ)
		}
	}
	return b.String()
}

// shape says in words what values a member has, and which definitions that refers to.
func shape(root, s *schemaNode) (text string, refs []string) {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		d := root.Defs[name]
		if len(d.Enum) > 0 {
			return "`" + strings.Join(d.Enum, "`, `") + "`", nil
		}
		if len(d.Properties) > 0 || d.Description != "" {
			return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name)), []string{name}
		}
		if name == "text" {
			name = "string"
		}
		return name, nil
	}
	switch {
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "`, `") + "`", nil
	case s.Items != nil:
		text, refs = shape(root, s.Items)
		return "list of " + text, refs
	case s.Type == "object":
		var members schemaNode
		if json.Unmarshal(s.Additional, &members) == nil {
			text, refs = shape(root, &members)
			return "map of " + text, refs
		}
	case s.Const != "":
		return "`" + s.Const + "`", nil
	}
	return s.Type, nil
}

// memberOrder returns the names of the properties of the root ("") and of each definition in the order of the text.
func memberOrder(t *testing.T, schema []byte) map[string][]string {
	names := func(object json.RawMessage) []string {
		d := json.NewDecoder(bytes.NewReader(object))
		var list []string
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, key.(string))
			var value json.RawMessage
			if err := d.Decode(&value); err != nil {
				t.Fatal(err)
			}
		}
		return list
	}
	type object struct {
		Properties json.RawMessage `json:"properties"`
	}
	var root struct {
		object
		Defs map[string]object `json:"$defs"`
	}
	if err := json.Unmarshal(schema, &root); err != nil {
		t.Fatal(err)
	}
	order := map[string][]string{"": names(root.Properties)}
	for name, d := range root.Defs {
		if d.Properties != nil {
			order[name] = names(d.Properties)
		}
	}
	return order
}

func methodTable() string {
	var b strings.Builder
	b.WriteString("\n| method | over | TLS | ports |\n|---|---|---|---|\n")
	for _, m := range methods {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Transport, [...]string{"", "may", "always"}[m.TLS], strings.Trim(strings.ReplaceAll(fmt.Sprint(m.Ports), " ", ", "), "[]"))
	}
	return b.String() + "\n"
}

func ruleTable() string {
	var b strings.Builder
	b.WriteString("\n| id | severity | |\n|---|---|---|\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Severity, r.Title)
	}
	return b.String() + "\n"
}
