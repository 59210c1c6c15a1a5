package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string    `xml:"classname,attr"`
	Name    string    `xml:"name,attr"`
	File    string    `xml:"file,attr,omitempty"`
	Line    int       `xml:"line,attr,omitempty"`
	Failure *junitWhy `xml:"failure"`
	Skipped *junitWhy `xml:"skipped"`
}

type junitWhy struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

// junit writes the XML that Jenkins, GitLab and GitHub read: each communication of the manifest is a test, and so is
// each matter that is not declared. What does not fail the verification is skipped.
func junit(w io.Writer, v *Verification) error {
	all := junitSuites{Name: printable("netsensor verify " + v.Product)}
	declared := junitSuite{Name: "declared"}
	for i := range v.Seen {
		declared.add(entryCase(&v.Seen[i]))
	}
	for i := range v.Unseen {
		e := &v.Unseen[i]
		c := entryCase(e)
		why := &junitWhy{Message: stateText[e.State], Type: e.State}
		if e.State == notSeen && slices.Contains(v.Failed, FailUnseen) {
			c.Failure = why
		} else {
			why.Type = ""
			c.Skipped = why
		}
		declared.add(c)
	}
	all.Suites = append(all.Suites, declared)
	for _, s := range v.sections() {
		suite := junitSuite{Name: s.name}
		for k := range s.issues {
			i := &s.issues[k]
			c := junitCase{Class: "netsensor." + s.name, Name: printable(i.Rule + ": " + i.what()), File: i.line.File, Line: i.line.Line}
			why := &junitWhy{Message: printable(i.Why), Type: i.Rule, Text: fmt.Sprintf("%d times, first at %s", i.Count, i.FirstSeen)}
			if slices.Contains(v.Failed, s.name) {
				c.Failure = why
			} else {
				why.Type = ""
				c.Skipped = why
			}
			suite.add(c)
		}
		all.Suites = append(all.Suites, suite)
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func entryCase(e *Entry) junitCase {
	return junitCase{Class: "netsensor.declared", Name: printable(e.ID), File: printable(e.Place.File), Line: e.Place.Line}
}
