package manifestdiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// heading of a subject's changes.
var headings = map[string]string{
	"product": "Product", "feature": "Features", "communication": "Communications", "command": "Commands", "account": "Default accounts",
	"signer": "Signers", "artifact": "Files", "variable": "Variables", "role": "Roles",
}

// marks in front of a change.
var marks = map[Effect]string{Widens: "+ widens ", Narrows: "- narrows", Neutral: "         "}

// WriteText writes the difference for a terminal. What the manifests say is shown without control characters.
func (d *Diff) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", plain(d.title()))
	subject := ""
	for i := range d.Changes {
		c := &d.Changes[i]
		if c.Subject != subject {
			subject = c.Subject
			fmt.Fprintf(&b, "\n%s\n", headings[subject])
		}
		fmt.Fprintf(&b, "  %s  %s\n", marks[c.Effect], plain(c.line()))
		if c.Effect == Widens {
			for _, more := range c.details() {
				fmt.Fprintf(&b, "               %s\n", plain(more))
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", d.summary())
	_, err := w.Write(b.Bytes())
	return err
}

func (d *Diff) title() string {
	return fmt.Sprintf("%s: serial %d (%s) to serial %d (%s)", d.New.Product, d.Old.Serial, d.Old.File, d.New.Serial, d.New.File)
}

func (d *Diff) summary() string {
	if len(d.Changes) == 0 {
		return "no difference"
	}
	return fmt.Sprintf("%d widen, %d narrow, %d other", d.Widens, d.Narrows, len(d.Changes)-d.Widens-d.Narrows)
}

func (c *Change) line() string {
	if c.ID == "" {
		return c.Text
	}
	return c.ID + ": " + c.Text
}

// details are what helps to decide whether a change is welcome.
func (c *Change) details() []string {
	var list []string
	if len(c.Features) > 0 {
		list = append(list, "feature "+strings.Join(c.Features, ", "))
	}
	if c.Reason != "" {
		list = append(list, "reason: "+c.Reason)
	}
	if len(c.References) > 0 {
		list = append(list, "see "+strings.Join(c.References, ", "))
	}
	return list
}

// WriteJSON writes the difference as one indented JSON object.
func (d *Diff) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// WriteMarkdown writes the difference for a pull request. What the manifests say is escaped.
func (d *Diff) WriteMarkdown(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s\n\n%s\n", escape(d.title()), d.summary())
	subject := ""
	for i := range d.Changes {
		c := &d.Changes[i]
		if c.Subject != subject {
			subject = c.Subject
			fmt.Fprintf(&b, "\n### %s\n\n", headings[subject])
		}
		mark := ""
		switch c.Effect {
		case Widens:
			mark = "**widens** "
		case Narrows:
			mark = "narrows "
		}
		fmt.Fprintf(&b, "- %s%s\n", mark, escape(c.line()))
		if c.Effect == Widens {
			for _, more := range c.details() {
				fmt.Fprintf(&b, "  - %s\n", escape(more))
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// plain replaces what a terminal could take as a command or show in another order.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// escape keeps text from being markup, Markdown's or HTML's, or a mention. Links stay: most are the vendor's references.
func escape(s string) string {
	var b strings.Builder
	for _, r := range plain(s) {
		switch {
		case r == '@':
			// A backslash does not keep a mention from being made; an entity does.
			b.WriteString("&#64;")
		case strings.ContainsRune("\\`*_{}[]<>#|~&$", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
