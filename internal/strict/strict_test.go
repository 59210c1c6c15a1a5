package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

type colour string

func (colour) Words() []string { return []string{"red", "green"} }

type inner struct {
	Exact string `json:"exact"`
	Apex  bool   `json:"apex,omitempty"`
	Place Pos    `json:"-"`
}

type doc struct {
	ID     string           `json:"id"`
	Count  uint16           `json:"count,omitempty"`
	Signed int8             `json:"signed,omitempty"`
	On     *bool            `json:"on,omitempty"`
	Colour colour           `json:"colour,omitempty"`
	At     time.Time        `json:"at,omitzero"`
	Names  []inner          `json:"names,omitempty"`
	Map    map[string]inner `json:"map,omitempty"`
	List   List             `json:"list,omitzero"`
	Words  []string         `json:"words,omitempty"`
	Ext    Extensions       `json:"-"`
}

func decodeJSON(text string) (doc, *Document, error) {
	var v doc
	d := NewJSON("f", text, Limits{Depth: 8, String: 100, Members: 20})
	err := d.Decode(&v)
	return v, d, err
}

func TestDecode(t *testing.T) {
	v, d, err := decodeJSON(`{
  "id": "a\u00e9\ud83d\ude00\n", "count": 65535, "signed": -128, "on": false, "colour": "green",
  "at": "2026-03-01T00:00:00Z", "words": [], "list": [1, "b"], "x-b": {"deep": [1.5e3, null]}, "x-a": 7,
  "map": {"k": {"exact": "é", "apex": true}}, "names": [ {"exact": "one"},
  {"exact": "two"} ]
}`)
	if err != nil {
		t.Fatal(err)
	}
	if v.ID != "aé😀\n" || v.Count != 65535 || v.Signed != -128 || v.On == nil || *v.On || v.Colour != "green" ||
		v.At.Year() != 2026 || v.Words == nil || v.List.Items[0].Text != "1" || v.List.Items[1].Text != "b" ||
		!v.Map["k"].Apex || len(v.Names) != 2 || v.Names[1].Exact != "two" {
		t.Errorf("%+v", v)
	}
	if got := string(v.Ext["x-b"]); got != `{"deep": [1.5e3, null]}` || len(v.Ext) != 2 {
		t.Errorf("extensions: %q", v.Ext)
	}
	if line, column := d.Position(v.Names[1].Place); line != 5 || column != 3 {
		t.Errorf("second name at %d:%d", line, column)
	}
	if line, column := d.Position(v.Map["k"].Place); line != 4 || column != 16 {
		t.Errorf("map member at %d:%d", line, column)
	}
	out, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := decodeJSON(string(out))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	twice, _ := Encode(again)
	if string(out) != string(twice) {
		t.Errorf("encoding is not stable:\n%s\n%s", out, twice)
	}
}

func TestDecodeErrors(t *testing.T) {
	long := strings.Repeat("x", 101)
	many := `{"id":"a"`
	for i := range 21 {
		many += fmt.Sprintf(`,"x-%d":1`, i)
	}
	for _, test := range []struct{ text, want string }{
		{``, `f:1:1: the document ends before it is complete`},
		{"\ufeff{}", `f:1:1: the document begins with a byte order mark; save it as UTF-8 without one`},
		{"\xff\xfe{\x00", `f:1:1: the document is UTF-16; save it as UTF-8`},
		{`[]`, `f:1:1: want an object, found an array`},
		{`{}`, `f:1:1: member "id" is missing`},
		{`{"id":"a"} x`, `f:1:12: after the end of the document there is more: 'x'`},
		{`{"id":"a",}`, `f:1:10: a comma before '}'`},
		{`{"id":"a" "b"}`, `f:1:11: want ',' or '}', found '"'`},
		{`{"id" "b"}`, `f:1:7: want ':' after "id", found '"'`},
		{`{id:1}`, `f:1:2: want a member's name in double quotes, found 'i'`},
		{`{"id":'a'}`, `f:1:7: /id: want a string, found '\''`},
		{`{"id":"a","x-a":nope}`, `f:1:17: /x-a: want a value, found 'n'`},
		{"{\n \"é\": 1, \"idd\":\"a\"}", "f:2:2: /é: unknown member \"é\"\nf:2:10: /idd: unknown member \"idd\"; did you mean \"id\"?\nf:1:1: member \"id\" is missing"},
		{`{"ID":"a"}`, "f:1:2: /ID: unknown member \"ID\"; did you mean \"id\"?\nf:1:1: member \"id\" is missing"},
		{`{"id":"a","id":"b"}`, `f:1:11: /id: duplicate member "id"`},
		{`{"id":"a","x-a":1,"x-a":2,"x-A":3}`, "f:1:19: /x-a: duplicate member \"x-a\"\nf:1:27: /x-A: member \"x-A\" differs from \"x-a\" in case only"},
		{`{"id":"a","map":{"k":{"exact":"a"},"K":{"exact":"a"}}}`, `f:1:36: /map/K: member "K" differs from "k" in case only`},
		{`{"id":"a","x-a":{"b":1,"b":2}}`, `f:1:24: /x-a/b: duplicate member "b"`},
		{`{"id":1}`, `f:1:7: /id: want a string, found a number; write it in double quotes`},
		{`{"id":null}`, `f:1:7: /id: want a string, found null; leave the member out instead`},
		{`{"id":"a","count":65536}`, `f:1:19: /count: 65536 is out of range: 0 to 65535`},
		{`{"id":"a","count":-1}`, `f:1:19: /count: -1 is out of range: 0 to 65535`},
		{`{"id":"a","count":1e3}`, `f:1:19: /count: want an integer, found "1e3"`},
		{`{"id":"a","count":01}`, `f:1:19: /count: not a JSON number: "01}"`},
		{`{"id":"a","on":"yes"}`, `f:1:16: /on: want true or false, found a string`},
		{`{"id":"a","colour":"gren"}`, `f:1:20: /colour: want "red" or "green", found "gren"; did you mean "green"?`},
		{`{"id":"a","at":"yesterday"}`, `f:1:16: /at: want a time like "2026-03-01T00:00:00Z" (RFC 3339), found "yesterday"`},
		{`{"id":"a","names":[{"exact":"a"},{"apex":1}]}`, "f:1:42: /names/1/apex: want true or false, found a number\nf:1:34: /names/1: member \"exact\" is missing"},
		{`{"id":"a","names":[1,]}`, "f:1:20: /names/0: want an object, found a number\nf:1:21: /names: a comma before ']'"},
		{`{"id":"a","list":{}}`, `f:1:18: /list: want a string, an integer or an array of these, found an object`},
		{`{"id":"a","map":{"a/b~":{"exact":2}}}`, `f:1:34: /map/a~1b~0/exact: want a string, found a number; write it in double quotes`},
		{"{\"id\":\"a\xff\"}", `f:1:7: /id: a string that is not valid UTF-8`},
		{`{"id":"\ud800"}`, `f:1:7: /id: a lone surrogate, \ud800`},
		{`{"id":"\ud800\u0041"}`, `f:1:7: /id: a lone surrogate, \ud800`},
		{`{"id":"\x41"}`, `f:1:7: /id: an unknown escape, \'x'`},
		{`{"id":"\u00g0"}`, `f:1:7: /id: an escape \u without four hexadecimal digits`},
		{`{"id":"\u`, `f:1:7: /id: a string without an end`},
		{"{\"id\":\"a\nb\"}", `f:1:9: /id: control character 0x0a in a string: a string must be on one line, or write \u000a`},
		{`{"id":"` + long + `"}`, `f:1:7: /id: a string of 101 bytes; the limit is 100`},
		{`{"id":"a","x-a":[[[[[[[[[1]]]]]]]]]}`, `f:1:24: /x-a/0/0/0/0/0/0/0: nested deeper than 8 levels`},
		{many + "}", `f:1:172: an object with more than 20 members`},
		{`{"id":"\u001b[2J` + "\u202e" + `","\u001b":1}`, `f:1:20: /\x1b: unknown member "\x1b"`},
	} {
		_, _, err := decodeJSON(test.text)
		var list Errors
		if !errors.As(err, &list) || err.Error() != test.want {
			t.Errorf("%s\n got %v\nwant %v", test.text, err, test.want)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, _, err := decodeJSON(`{"id":"a","words":[` + strings.Repeat("1,", 100) + `1]}`)
	var list Errors
	if !errors.As(err, &list) || len(list) != MaxErrors || !strings.HasSuffix(err.Error(), "\nfurther errors are not shown") {
		t.Errorf("%v", err)
	}
	d := NewJSON("f", strings.Repeat(" ", 11), Limits{Bytes: 10})
	if err := d.Decode(&doc{}); err == nil || err.Error() != "f: 11 bytes; the limit is 10" {
		t.Errorf("%v", err)
	}
	d = NewJSON("f", `{"id":"a","words":["","",""]}`, Limits{Values: 4})
	if err := d.Decode(&doc{}); err == nil || err.Error() != "f:1:23: /words/1: more than 4 values" {
		t.Errorf("%v", err)
	}
}

func decodeYAML(text string) (doc, *Document, error) {
	var v doc
	d, err := NewYAML("f", text, Limits{Depth: 8, String: 100, Members: 20})
	if err == nil {
		err = d.Decode(&v)
	}
	return v, d, err
}

func TestYAML(t *testing.T) {
	v, d, err := decodeYAML(`# a comment
id: 8.20
count: 7
on: true
at: 2026-03-01T00:00:00Z
list: [0443, off, 8200-8201]
words: [on, true, 1_000, 'q', "\u00e9"]
x-n: {a: 1, b: "1", c: ~}
names:
  - exact: é   # here
    apex: true
  - {exact: b}
`)
	if err != nil {
		t.Fatal(err)
	}
	if v.ID != "8.20" || v.Count != 7 || !*v.On || v.At.IsZero() || fmt.Sprint(v.Words) != "[on true 1_000 q é]" ||
		v.List.Items[0].Text != "0443" || v.List.Items[2].Text != "8200-8201" || v.Names[0].Exact != "é" {
		t.Errorf("%+v", v)
	}
	if got := string(v.Ext["x-n"]); got != `{"a":1,"b":"1","c":null}` {
		t.Errorf("extension: %s", got)
	}
	if line, column := d.Position(v.Names[1].Place); line != 12 || column != 5 {
		t.Errorf("second name at %d:%d", line, column)
	}
}

func TestYAMLErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "f: the document is empty"},
		{"\ufeffid: a", "f: the document begins with a byte order mark; save it as UTF-8 without one"},
		{"id: \xff", "f: the document is not valid UTF-8"},
		{"id: a\nid: b", `f:2:1: /id: duplicate member "id"`},
		{"id:\n", `f:1:4: /id: want a string, found null; leave the member out instead`},
		{"id: a\nwrods: []", `f:2:1: /wrods: unknown member "wrods"; did you mean "words"?`},
		{"id: a\ncount: x", `f:2:8: /count: want an integer, found a string`},
		{"id: a\ncount: 0x10", `f:2:8: /count: want an integer, found a string`},
		{"id: &a b\nwords: [*a]", `f:1:5: /id: an anchor; anchors and aliases are not allowed`},
		{"id: !!binary YQ==", `f:1:5: /id: a tag, "!!binary"; tags are not allowed`},
		{"<<: {id: a}", `f:1:1: a merge key; write the members themselves`},
		{"? [a]\n: b", `f:1:3: want a plain or quoted string as a member's name`},
		{"id: a\n---\nid: b", `f: more than one document in the file`},
		{"id: a\n b: c", `f:2:1: mapping values are not allowed in this context`},
		{"x-a: [[[[[[[[[[1]]]]]]]]]]", `f:1:14: /x-a/0/0/0/0/0/0/0/0: nested deeper than 8 levels`},
	} {
		_, _, err := decodeYAML(test.text)
		var list Errors
		if !errors.As(err, &list) || err.Error() != test.want {
			t.Errorf("%s\n got %v\nwant %v", test.text, err, test.want)
		}
	}
}

func TestLocate(t *testing.T) {
	text := `{"a": {"b/c": [10, {"d": "}]"}, 12]}, "\u0065": [true]}`
	d := NewJSON("f", text, Limits{})
	pointers := []string{"", "/a/b~1c/1/d", "/a/b~1c/2", "/e/0", "/a/nothing/here", "/a/b~1c/1/d"}
	places := d.Locate(pointers)
	for i, want := range []string{`{"a"`, `"}]"`, `12]`, `true`, `{"b/c`, `"}]"`} {
		if places[i] == 0 || !strings.HasPrefix(text[places[i]-1:], want) {
			t.Errorf("%s: at %d, want %s", pointers[i], places[i], want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	words := []string{"outbound", "inbound", "both"}
	for in, want := range map[string]string{"outbond": "outbound", "INBOUND": "inbound", "bohT": "both", "zebra": "", "": ""} {
		if want != "" {
			want = fmt.Sprintf("; did you mean %q?", want)
		}
		if got := DidYouMean(in, words); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// A document that is accepted means to encoding/json what it means here.
func FuzzDecode(f *testing.F) {
	f.Add(`{"id":"a","count":3,"names":[{"exact":"x","apex":true}],"map":{"k":{"exact":"\u00e9"}},"x-a":[1,{"b":null}]}`)
	f.Add(`{"id":"\ud83d\ude00","list":["a",1],"on":true,"at":"2026-03-01T00:00:00Z","words":[]}`)
	f.Add(`{"id":"\ud83d","Id":1,"x-A":1,"x-a":1e400}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, d, err := decodeJSON(text)
		if err != nil {
			var list Errors
			if !errors.As(err, &list) || len(list) == 0 || len(list) > MaxErrors {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		var std struct {
			ID    string   `json:"id"`
			Count uint16   `json:"count"`
			Words []string `json:"words"`
			Names []struct {
				Exact string `json:"exact"`
				Apex  bool   `json:"apex"`
			} `json:"names"`
		}
		if err := json.Unmarshal([]byte(text), &std); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if std.ID != v.ID || std.Count != v.Count || len(std.Names) != len(v.Names) || !reflect.DeepEqual(std.Words, v.Words) {
			t.Fatalf("%+v\n%+v", std, v)
		}
		for i, n := range std.Names {
			if n.Exact != v.Names[i].Exact || n.Apex != v.Names[i].Apex {
				t.Fatalf("name %d: %+v, %+v", i, n, v.Names[i])
			}
			pointer := fmt.Sprintf("/names/%d", i)
			if at := d.Locate([]string{pointer})[0]; at != v.Names[i].Place {
				t.Fatalf("%s at %d, decoded at %d", pointer, at, v.Names[i].Place)
			}
		}
		out, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := decodeJSON(string(out)); err != nil {
			t.Fatalf("its encoding is refused: %v\n%s", err, out)
		}
	})
}

func FuzzYAML(f *testing.F) {
	f.Add("id: a\nnames:\n  - exact: b\n    apex: true\nx-a: {b: [1, ~]}\n")
	f.Add("id: &x [*x]\n--- !!map\n<<: 1")
	f.Fuzz(func(t *testing.T, text string) {
		_, d, err := decodeYAML(text)
		if err == nil && !json.Valid([]byte(d.JSON())) {
			t.Fatalf("not JSON: %s", d.JSON())
		}
		var list Errors
		if err != nil && !errors.As(err, &list) {
			t.Fatalf("%T %v", err, err)
		}
	})
}
