package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// hostile is what a stranger may put into names: markup of every format, control characters, broken UTF-8.
const hostile = "x|</a>]]>&\x00\x1b[31m\xff\u202e`@team`"

func sample() *Verification {
	v := &Verification{
		Schema: 1, Product: "Acme " + hostile, Against: "old.json", Failed: []string{FailUndeclared},
		Undeclared: []Issue{
			{Rule: "unknown-domain", Peer: hostile, Transport: "tcp", Port: 443, Count: 2, Why: hostile, Entry: "api", line: Place{"my manifest#1.json", 12, 5}},
			{Rule: "unexpected-inbound", Inbound: true, Peer: "2001:db8::1", Transport: "tcp", Port: 22, Count: 1, Why: "why"},
		},
		Undecidable: []Issue{{Rule: "ech", Peer: "2001:db8::2", Transport: "udp", Port: 443, Count: 1, Why: "why", Remedy: "do"}},
		Unseen:      []Entry{{ID: "ntp", Features: []string{"core"}, State: notSeen, Place: Place{"my manifest#1.json", 30, 5}}},
		Seen:        []Entry{{ID: "api", Features: []string{"core"}, Conversations: 3}},
		Features:    []Feature{{Name: "core", On: true, Entries: 2, Seen: 1, Conversations: 3, Exercised: true}},
		BeyondOld:   []Issue{},
	}
	v.Manifest.File = "my manifest#1.json"
	return v
}

func written(t *testing.T, format string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, sample()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	for _, format := range []string{"text", "markdown"} {
		got := written(t, format)
		for _, bad := range []string{"\x00", "\x1b", "\xff", "\u202e"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s: %q gets through", format, bad)
			}
		}
		if !strings.Contains(got, "from 2001:db8::1 to port 22/tcp") {
			t.Errorf("%s: %s", format, got)
		}
	}
	for line := range strings.Lines(written(t, "markdown")) {
		if strings.Contains(strings.ReplaceAll(line, `\|`, ""), "x|") || strings.Contains(strings.ReplaceAll(line, `\<`, ""), "</a") || strings.Contains(line, " @") {
			t.Errorf("markup gets through: %s", line)
		}
	}
}

func TestJSON(t *testing.T) {
	var v Verification
	if err := json.Unmarshal([]byte(written(t, "json")), &v); err != nil || len(v.Undeclared) != 2 || v.Undeclared[0].Port != 443 {
		t.Errorf("%v %+v", err, v.Undeclared)
	}
}

func TestJUnit(t *testing.T) {
	text := written(t, "junit")
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
	}
	if !strings.Contains(text, `tests="5" failures="2" skipped="2"`) {
		t.Error(text)
	}
}

// TestSARIF checks what the schema of SARIF 2.1.0 asks for: rule indexes that are right, levels and places that exist,
// URIs that are relative references.
func TestSARIF(t *testing.T) {
	var s sarifLog
	d := json.NewDecoder(strings.NewReader(written(t, "sarif")))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if s.Version != "2.1.0" || len(s.Runs) != 1 || len(s.Runs[0].Results) != 4 {
		t.Fatalf("%+v", s)
	}
	levels := map[string]int{}
	for _, r := range s.Runs[0].Results {
		levels[r.Level]++
		if rules := s.Runs[0].Tool.Driver.Rules; r.RuleIndex >= len(rules) || rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("%s: rule index %d", r.RuleID, r.RuleIndex)
		}
		if r.Message.Text == "" || len(r.Locations) != 1 || r.Locations[0].Physical.Artifact.URI != "my%20manifest%231.json" {
			t.Errorf("%+v", r)
		}
		if g := r.Locations[0].Physical.Region; g != nil && g.Line < 1 {
			t.Errorf("%+v", g)
		}
	}
	if levels["error"] != 2 || levels["note"] != 2 {
		t.Errorf("levels: %v", levels)
	}
	var empty bytes.Buffer
	if err := Write(&empty, "sarif", &Verification{}); err != nil || !strings.Contains(empty.String(), `"results": []`) {
		t.Errorf("%v %s", err, empty.String())
	}
}

func TestWriteUnknown(t *testing.T) {
	if Write(io.Discard, "pdf", sample()) == nil {
		t.Error("an unknown format is written")
	}
}
