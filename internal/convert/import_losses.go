package convert

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"netsensor/internal/strict"
)

// maxLosses is how many losses of one import are listed; further ones are counted.
const maxLosses = 10000

// pendingLoss is a loss whose place has not been counted out yet.
type pendingLoss struct {
	at        spot
	what, why string
}

// lose notes what the manifest does not say.
func (d *draft) lose(at spot, what, why string, args ...any) {
	if len(d.losses) == maxLosses {
		d.more++
		return
	}
	if len(args) > 0 {
		why = fmt.Sprintf(why, args...)
	}
	d.losses = append(d.losses, pendingLoss{at: at, what: shown(what), why: shown(why)})
}

// shown bounds a line for people, and escapes what a terminal might obey.
func shown(s string) string {
	const most = 400
	if len(s) > most {
		cut := most
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		s = strconv.Quote(s)
		s = s[1 : len(s)-1]
	}
	return s
}

// fail notes an error that makes the file useless.
func (d *draft) fail(at spot, format string, args ...any) {
	if len(d.errs) == strict.MaxErrors {
		return
	}
	e := &strict.Error{Message: fmt.Sprintf(format, args...)}
	switch {
	case at.node != nil:
		r := at.node.in
		e.File, e.Pointer = r.src.name, at.node.pointer()
		e.Line, e.Column = r.position(int(at.node.at))
	case at.src != nil:
		e.File, e.Line, e.Column = at.src.name, at.line, at.column
	}
	d.errs = append(d.errs, e)
}

// failWith notes the errors of a file that could not be read.
func (d *draft) failWith(err error) {
	var faults strict.Errors
	if errors.As(err, &faults) {
		d.errs = append(d.errs, faults...)
		return
	}
	d.errs = append(d.errs, &strict.Error{Message: err.Error()})
}

// placed returns the losses with their places, in the order of the files.
func (d *draft) placed() []Loss {
	of := make(map[*reader][]*pendingLoss)
	for i := range d.losses {
		l := &d.losses[i]
		switch n := l.at.node; {
		case n != nil && n.in.json:
			of[n.in] = append(of[n.in], l)
		case n != nil:
			line, column := n.in.position(int(n.at))
			l.at.src, l.at.line, l.at.column = n.in.src, line, column
		}
	}
	// Lists of vendors may be one line of megabytes: its columns are counted once, not for each loss.
	for r, list := range of {
		slices.SortStableFunc(list, func(a, b *pendingLoss) int { return cmp.Compare(a.at.node.at, b.at.node.at) })
		line, column, i := 1, 1, 0
		for _, l := range list {
			for at := int(l.at.node.at); i < at; {
				c, size := utf8.DecodeRuneInString(r.text[i:])
				if column++; c == '\n' {
					line, column = line+1, 1
				}
				i += size
			}
			l.at.src, l.at.line, l.at.column = r.src, line, column
		}
	}
	rank := make(map[*source]int, len(d.sources))
	for i, s := range d.sources {
		rank[s] = i
	}
	slices.SortStableFunc(d.losses, func(a, b pendingLoss) int {
		return cmp.Or(cmp.Compare(rank[a.at.src], rank[b.at.src]), cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
	})
	var all []Loss
	for _, l := range d.losses {
		var place strings.Builder
		if s := l.at.src; s != nil {
			place.WriteString(s.base)
			if l.at.line > 0 {
				fmt.Fprintf(&place, ":%d:%d", l.at.line, l.at.column)
			}
		}
		if n := l.at.node; n != nil {
			if p := n.pointer(); p != "" {
				place.WriteString(": " + p)
			}
		}
		all = append(all, Loss{Place: shown(place.String()), What: l.what, Why: l.why})
	}
	if d.more > 0 {
		all = append(all, Loss{Place: d.sources[0].base, What: fmt.Sprintf("%d more", d.more), Why: fmt.Sprintf("only the first %d are listed", maxLosses)})
	}
	return all
}

// clip bounds text that a stranger has written.
func clip(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
