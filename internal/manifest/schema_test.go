package manifest

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"netsensor/internal/strict"
)

func parsed(t testing.TB, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaAcceptsExamples(t *testing.T) {
	m, err := Load("testdata/acme-vault.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.ValidateSchema() {
		t.Error(f)
	}
	for _, f := range loadBindings(t).ValidateSchema() {
		t.Error(f)
	}
	m.doc = strict.NewJSON("f", vault(t, `"serial": 7`, `"serial": 0`), limits)
	if got := fmt.Sprint(m.ValidateSchema()); got != "[f:5:13: error: /serial: minimum: got 0, want 1 [schema]]" {
		t.Error(got)
	}
}

// The short form of the bindings and edits of it get the same answer from the schema and from DecodeBindings.
func TestBindingsSchemaAgrees(t *testing.T) {
	schema, err := compileSchema(BindingsSchema())
	if err != nil {
		t.Fatal(err)
	}
	const short = `{"bindingsVersion":"1.0","site":"s","manifest":{"id":"urn:a:b"},"roles":{"r":{"endpoints":["10.0.0.1"]}},
"variables":{"a":"x","b":7,"c":["x",8]},"features":{"f":"on"},"homeNetworks":["10.0.0.0/8","::1"],
"exceptions":[{"id":"e","from":{"role":"r"},"to":{"names":[{"suffix":"a.example","depth":"any","apex":true}]},"reason":"x"}]}`
	for _, test := range []struct {
		old, new string
		ok       bool
	}{
		{"", "", true},
		{`"site":"s"`, `"site":"s","x-a":null`, true},
		{`"site":"s"`, `"site":""`, false},
		{`"site":"s"`, `"site":"s","products":[]`, false},
		{`"manifest":{"id":"urn:a:b"},`, ``, false},
		{`"roles"`, `"x-roles"`, false},
		{`"manifest"`, `"products":[{"manifest":{"id":"urn:a:b"},"roles":{"r":{"vlans":[1]}}}],"x-manifest"`, false},
		{`{"endpoints":["10.0.0.1"]}`, `{"endpoints":[],"vlans":[1]}`, true},
		{`{"endpoints":["10.0.0.1"]}`, `{"endpoints":[]}`, false},
		{`{"endpoints":["10.0.0.1"]}`, `{"vlans":[0]}`, false},
		{`"10.0.0.1"`, `"10.0.0.256"`, false},
		{`"10.0.0.1"`, `"10.0.0.1-10.0.0.9"`, true},
		{`"10.0.0.1"`, `"2001:db8::1-2001:db8::9"`, true},
		{`"10.0.0.1"`, `"mac:00-00-5e-00-53-01"`, true},
		{`"10.0.0.1"`, `"dns:*.corp.example"`, true},
		{`"b":7`, `"b":[]`, false},
		{`"b":7`, `"b":true`, false},
		{`"b":7`, `"b":1.5`, false},
		{`"on"`, `true`, false},
		{`"to":{`, `"to":{"role":"r",`, false},
		{`"to":{`, `"to":{"endpoints":[],`, true},
		{`"apex":true`, `"apex":1`, false},
		{`"reason":"x"`, `"reason":"x","transport":"icmp"`, true},
		{`"reason":"x"`, `"reason":"x","transport":"icmp","ports":["1"]`, false},
		{`"reason":"x"`, `"reason":"x","ports":["${p}"]`, false},
		{`{"suffix":"a.example","depth":"any","apex":true}`, `{"exact":"${v}.example"}`, false},
	} {
		text := strings.Replace(short, test.old, test.new, 1)
		_, err := DecodeBindings("f.json", []byte(text))
		if (err == nil) != test.ok {
			t.Errorf("%s: decoding: %v", test.new, err)
		}
		if err := schema.Validate(parsed(t, text)); (err == nil) != test.ok {
			t.Errorf("%s: schema: %v", test.new, err)
		}
	}
}

// Every member of the types is in the schema, required in both or in neither, and the other way round.
func TestSchemaMatchesTypes(t *testing.T) {
	compare(t, Schema(), reflect.TypeFor[Manifest]())
	compare(t, BindingsSchema(), reflect.TypeFor[Bindings]())
}

type schemaNode struct {
	Ref         string                 `json:"$ref"`
	Description string                 `json:"description"`
	Required    []string               `json:"required"`
	Properties  map[string]*schemaNode `json:"properties"`
	Items       *schemaNode            `json:"items"`
	Additional  json.RawMessage        `json:"additionalProperties"`
	Pattern     map[string]any         `json:"patternProperties"`
	Enum        []string               `json:"enum"`
	Type        string                 `json:"type"`
	Const       string                 `json:"const"`
	Defs        map[string]*schemaNode `json:"$defs"`
}

func compare(t *testing.T, text []byte, root reflect.Type) {
	var schema schemaNode
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	used := map[string]bool{}
	var check func(path string, s *schemaNode, typ reflect.Type)
	check = func(path string, s *schemaNode, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if s.Ref != "" {
			name := strings.TrimPrefix(s.Ref, "#/$defs/")
			used[name] = true
			s = schema.Defs[name]
		}
		if e, ok := reflect.Zero(typ).Interface().(strict.Enum); ok {
			if !slices.Equal(e.Words(), s.Enum) {
				t.Errorf("%s: words %v, schema %v", path, e.Words(), s.Enum)
			}
			return
		}
		if typ == reflect.TypeFor[time.Time]() || typ == reflect.TypeFor[Value]() || reflect.PointerTo(typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return
		}
		switch typ.Kind() {
		case reflect.Slice:
			check(path+"[]", s.Items, typ.Elem())
		case reflect.Map:
			var members schemaNode
			if err := json.Unmarshal(s.Additional, &members); err != nil {
				t.Errorf("%s: %v", path, err)
				return
			}
			check(path+"{}", &members, typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			if string(s.Additional) != "false" || s.Pattern["^x-"] != true {
				t.Errorf("%s: the object is not closed", path)
			}
			var names []string
			for i := range typ.NumField() {
				f := typ.Field(i)
				name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
				if name == "" || name == "-" {
					continue
				}
				names = append(names, name)
				p := s.Properties[name]
				if p == nil {
					t.Errorf("%s/%s is not in the schema", path, name)
					continue
				}
				if p.Description == "" {
					t.Errorf("%s/%s has no description", path, name)
				}
				if required := !strings.Contains(options, "omit"); required != slices.Contains(s.Required, name) {
					t.Errorf("%s/%s: required by the type: %t", path, name, required)
				}
				check(path+"/"+name, p, f.Type)
			}
			for name := range s.Properties {
				if !slices.Contains(names, name) {
					t.Errorf("%s/%s is not in the type %s", path, name, typ)
				}
			}
		}
	}
	check("", &schema, root)
	for name := range schema.Defs {
		if !used[name] && !strings.Contains(string(text), `"#/$defs/`+name+`"`) {
			t.Errorf("definition %s is not used", name)
		}
	}
}
