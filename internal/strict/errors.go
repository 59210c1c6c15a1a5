package strict

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxErrors is how many errors of one document are collected.
const MaxErrors = 20

// Error is one fault of a document.
type Error struct {
	File    string
	Line    int // from 1
	Column  int // from 1, in characters
	Pointer string
	Message string
}

// Error returns "file:line:column: /pointer: message".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Pointer != "" {
		b.WriteString(printable(e.Pointer))
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Errors are the faults of a document in the order of their discovery. A nil Errors is no error.
type Errors []*Error

// Error returns one line for each fault.
func (e Errors) Error() string {
	lines := make([]string, 0, len(e)+1)
	for _, f := range e {
		lines = append(lines, f.Error())
	}
	if len(e) == MaxErrors {
		lines = append(lines, "further errors are not shown")
	}
	return strings.Join(lines, "\n")
}

// Err returns e as an error, nil when it is empty.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// maxQuoted bounds the strangers' text in a message, in bytes.
const maxQuoted = 80

// Quote returns s in quotes for a message: shortened when long, with escapes for what does not print.
func Quote(s string) string {
	if len(s) <= maxQuoted {
		return fmt.Sprintf("%q", s)
	}
	cut := maxQuoted
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q… (%d bytes)", s[:cut], len(s))
}

// printable escapes what a terminal might obey.
func printable(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}

// OneOf lists words for a message: `"a", "b" or "c"`.
func OneOf(words []string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", w)
	}
	return b.String()
}

// DidYouMean returns `; did you mean "x"?` for the word that is nearest to s, or "" where none is near. Ties go to
// the earlier word.
func DidYouMean(s string, words []string) string {
	best, bestDistance := "", 0
	if len(s) > 64 {
		return ""
	}
	folded := strings.ToLower(s)
	for _, w := range words {
		d := distance(folded, strings.ToLower(w))
		if d <= max(1, min(len(w), len(s))/3) && (best == "" || d < bestDistance) {
			best, bestDistance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal
// string alignment).
func distance(a, b string) int {
	if d := len(a) - len(b); d > 8 || d < -8 {
		return 9
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// JoinPointer returns the JSON pointer (RFC 6901) of path, whose elements are member names and array indexes.
func JoinPointer(path ...string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}
