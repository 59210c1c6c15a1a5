package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of SARIF 2.1.0 (OASIS, 2020) that are used.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name  string      `json:"name"`
	Rules []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string       `json:"id"`
	ShortDescription sarifMessage `json:"shortDescription"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string            `json:"ruleId"`
	RuleIndex int               `json:"ruleIndex"`
	Level     string            `json:"level"`
	Message   sarifMessage      `json:"message"`
	Locations []sarifLocation   `json:"locations"`
	Prints    map[string]string `json:"partialFingerprints"`
	Count     uint64            `json:"occurrenceCount,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	Line   int `json:"startLine"`
	Column int `json:"startColumn,omitempty"`
}

// ruleDeclaredNotSeen is the rule of what was declared and not seen. The others are the judge's, and the reasons of the
// undecidable.
const ruleDeclaredNotSeen = "declared-not-seen"

// sarif writes results at the manifest's lines: what is undeclared lies at the nearest entry.
func sarif(w io.Writer, v *Verification) error {
	s := sarifWriter{v: v}
	for _, list := range v.sections() {
		level := "note"
		if slices.Contains(v.Failed, list.name) {
			level = "error"
		} else if list.name == FailUndeclared {
			level = "warning"
		}
		prefix := ""
		if list.name != FailUndeclared {
			prefix = list.name + "/"
		}
		for k := range list.issues {
			i := &list.issues[k]
			s.add(prefix+i.Rule, list.title, level, i.Why, i.line, i.what()+" "+i.Entry, i.Count)
		}
	}
	for i := range v.Unseen {
		e := &v.Unseen[i]
		level := "note"
		if e.State == notSeen && slices.Contains(v.Failed, FailUnseen) {
			level = "error"
		}
		s.add(ruleDeclaredNotSeen, "Declared, and not seen", level, fmt.Sprintf("%s (%s): %s", e.ID, strings.Join(e.Features, ", "), stateText[e.State]), e.Place, e.ID, 0)
	}
	run := sarifRun{Tool: sarifTool{sarifDriver{"netsensor", s.rules}}, ColumnKind: "unicodeCodePoints", Results: s.results}
	if run.Results == nil {
		run.Results = []sarifResult{}
	}
	if run.Tool.Driver.Rules == nil {
		run.Tool.Driver.Rules = []sarifRule{}
	}
	return indented(w, sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{run}})
}

type sarifWriter struct {
	v       *Verification
	rules   []sarifRule
	results []sarifResult
}

func (s *sarifWriter) add(rule, title, level, message string, at Place, identity string, count uint64) {
	index := slices.IndexFunc(s.rules, func(r sarifRule) bool { return r.ID == rule })
	if index < 0 {
		index = len(s.rules)
		s.rules = append(s.rules, sarifRule{rule, sarifMessage{title}})
	}
	if at.File == "" {
		at.File = s.v.Manifest.File
	}
	var l sarifLocation
	l.Physical.Artifact.URI = (&url.URL{Path: filepath.ToSlash(at.File)}).String()
	if at.Line > 0 {
		l.Physical.Region = &sarifRegion{at.Line, at.Column}
	}
	h := sha256.Sum256([]byte(rule + "\x00" + identity))
	s.results = append(s.results, sarifResult{
		RuleID: rule, RuleIndex: index, Level: level, Message: sarifMessage{printable(message)}, Locations: []sarifLocation{l},
		Prints: map[string]string{"netsensor/v1": hex.EncodeToString(h[:16])}, Count: count,
	})
}
