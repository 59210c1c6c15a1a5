package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"netsensor/internal/strict"
)

// Severity says how bad a finding is.
type Severity uint8

// The severities, worst last. An Error stops a run.
const (
	Info Severity = iota + 1
	Warning
	Error
)

// String returns "info", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "severity " + strconv.Itoa(int(s))
}

// Finding is what a check has to say about one place in a document.
type Finding struct {
	ID       string // stable: "wide-cidr", …
	Severity Severity
	File     string
	Line     int // from 1; 0 for the document as a whole
	Column   int // from 1, in characters
	Pointer  string
	Message  string
	Remedy   string // empty when there is nothing to advise
}

// Position returns line and column of p, both 0 for no place.
func (m *Manifest) Position(p strict.Pos) (line, column int) { return m.doc.Position(p) }

// Position returns line and column of p, both 0 for no place.
func (b *Bindings) Position(p strict.Pos) (line, column int) { return b.doc.Position(p) }

// String returns "file:line:column: severity: /pointer: message [id]".
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	fmt.Fprintf(&b, ": %s: ", f.Severity)
	if f.Pointer != "" {
		b.WriteString(f.Pointer + ": ")
	}
	fmt.Fprintf(&b, "%s [%s]", f.Message, f.ID)
	return b.String()
}

// sortFindings orders by place, then by id and message.
func sortFindings(found []Finding) {
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Message, b.Message))
	})
}

// errorsOnly returns the findings that must stop a run.
func errorsOnly(found []Finding) []Finding {
	var stops []Finding
	for _, f := range found {
		if f.Severity == Error {
			stops = append(stops, f)
		}
	}
	return stops
}
