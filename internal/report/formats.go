package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Formats are the words that Write knows.
var Formats = []string{"text", "json", "junit", "sarif", "markdown"}

// Write writes a verification in a format. The same verification gives the same bytes.
func Write(w io.Writer, format string, v *Verification) error {
	switch format {
	case "text":
		return text(w, v)
	case "json":
		return indented(w, v)
	case "junit":
		return junit(w, v)
	case "sarif":
		return sarif(w, v)
	case "markdown":
		return markdown(w, v)
	}
	return fmt.Errorf("%s: no such format", format)
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// headline is the verification in one line.
func (v *Verification) headline() string {
	verdict := "pass"
	if len(v.Failed) > 0 {
		verdict = "FAIL (" + strings.Join(v.Failed, ", ") + ")"
	}
	return fmt.Sprintf("%s, serial %d: %s", v.Product, v.Manifest.Serial, verdict)
}

func (v *Verification) figures() string {
	return fmt.Sprintf("%d conversations expected, %d unexpected, %d undecidable, %d not judged; %d of %d communications seen",
		v.Conversations.Expected, v.Conversations.Unexpected, v.Conversations.Undecidable, v.Conversations.NotJudged, len(v.Seen), len(v.Seen)+len(v.Unseen))
}

// sections are the lists of issues, as people are to read them.
func (v *Verification) sections() []section {
	all := []section{
		{FailUndeclared, "Undeclared: seen, and no communication declares it", v.Undeclared},
		{FailUndecidable, "Undecidable: what would decide it was not to be seen", v.Undecidable},
	}
	if v.Against != "" {
		all = append(all, section{FailBeyondOld, "More than the older manifest declares", v.BeyondOld})
	}
	return all
}

type section struct {
	name, title string
	issues      []Issue
}

// what says in a few words what an issue is about: "telemetry.acme.example:443/tcp".
func (i *Issue) what() string {
	peer := i.Peer
	if i.Inbound {
		if i.Port == 0 {
			return "from " + peer + " by " + i.Transport
		}
		return "from " + peer + " to port " + strconv.Itoa(int(i.Port)) + "/" + i.Transport
	}
	if i.Port != 0 {
		if strings.Contains(peer, ":") {
			peer = "[" + peer + "]"
		}
		peer += ":" + strconv.Itoa(int(i.Port))
	}
	if i.Asked {
		return "question for " + i.Peer
	}
	return "to " + peer + "/" + i.Transport
}

var stateText = map[string]string{notSeen: "not seen", featureOff: "its features are off", unbound: "not bound at this site"}

// printable takes control characters out of what strangers sent: terminals and XML choke on them.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffe || r == 0xffff || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

func text(w io.Writer, v *Verification) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", printable(v.headline()), v.figures())
	for _, s := range v.sections() {
		if len(s.issues) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s (%d)\n", s.title, len(s.issues))
		for k := range s.issues {
			i := &s.issues[k]
			fmt.Fprintf(&b, "  %d x %s: %s\n      %s\n", i.Count, i.Rule, printable(i.what()), printable(i.Why))
			if i.Remedy != "" {
				fmt.Fprintf(&b, "      remedy: %s\n", i.Remedy)
			}
		}
	}
	if len(v.Unseen) > 0 {
		fmt.Fprintf(&b, "\nDeclared, not seen (%d)\n", len(v.Unseen))
		for i := range v.Unseen {
			e := &v.Unseen[i]
			fmt.Fprintf(&b, "  %s: %s (%s)\n", e.ID, stateText[e.State], printable(strings.Join(e.Features, ", ")))
		}
	}
	fmt.Fprintf(&b, "\nFeatures\n")
	for i := range v.Features {
		f := &v.Features[i]
		fmt.Fprintf(&b, "  %s: %s, %d of %d communications seen, %d conversations\n", f.Name, onOff(f.On), f.Seen, f.Entries, f.Conversations)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// cell escapes text for a Markdown table: nothing in it is to be taken for markup, a link or a mention.
func cell(s string) string {
	var b strings.Builder
	for _, r := range printable(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#+-!|&~@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func markdown(w io.Writer, v *Verification) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", cell(v.headline()), cell(v.figures()))
	for _, s := range v.sections() {
		if len(s.issues) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s (%d)\n\n| count | rule | what | why |\n|---:|---|---|---|\n", cell(s.title), len(s.issues))
		for k := range s.issues {
			i := &s.issues[k]
			why := i.Why
			if i.Remedy != "" {
				why += "; remedy: " + i.Remedy
			}
			fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", i.Count, cell(i.Rule), cell(i.what()), cell(why))
		}
	}
	if len(v.Unseen) > 0 {
		fmt.Fprintf(&b, "\n### Declared, not seen (%d)\n\n| communication | why | features |\n|---|---|---|\n", len(v.Unseen))
		for i := range v.Unseen {
			e := &v.Unseen[i]
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(e.ID), stateText[e.State], cell(strings.Join(e.Features, ", ")))
		}
	}
	fmt.Fprintf(&b, "\n### Features\n\n| feature | state | communications seen | conversations |\n|---|---|---:|---:|\n")
	for i := range v.Features {
		f := &v.Features[i]
		fmt.Fprintf(&b, "| %s | %s | %d of %d | %d |\n", cell(f.Name), onOff(f.On), f.Seen, f.Entries, f.Conversations)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
