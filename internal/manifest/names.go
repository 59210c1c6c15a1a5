package manifest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"netsensor/internal/strict"
)

// lookupProfile maps as a resolver does (UTS 46, non-transitional), but leaves underscores and hyphens to
// checkLabels: service names and the names of content networks have both in unusual places.
var lookupProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false), idna.CheckHyphens(false))

// NormalName returns the form in which names are compared: lower-case A-labels without a final dot. It accepts
// letters, digits, hyphens and underscores, in at most 253 bytes with labels of 1 to 63, and what UTS 46 maps to
// these. Globs and addresses are errors.
func NormalName(s string) (string, error) {
	if isNormal(s) {
		return s, nil
	}
	return normalName(s)
}

// isNormal is true for nearly all names in practice, and cheap. False means only that a closer look is needed.
func isNormal(s string) bool {
	if len(s) == 0 || len(s) > 253 {
		return false
	}
	label, letter := 0, false
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if i == label || i-label > 63 || s[i-1] == '-' {
				return false
			}
			label, letter = i+1, false
			continue
		case c >= 'a' && c <= 'z' || c == '_':
			letter = true
		case c >= '0' && c <= '9':
		case c == '-' && i > label:
			if i == label+3 && s[label:i] == "xn-" {
				return false
			}
		default:
			return false
		}
	}
	return len(s) > label && len(s)-label <= 63 && s[len(s)-1] != '-' && letter
}

func normalName(s string) (string, error) {
	n := strings.TrimSuffix(s, ".")
	bad := func(why string) (string, error) { return "", fmt.Errorf("%s: %s", strict.Quote(s), why) }
	switch {
	case n == "":
		return bad("an empty name")
	case len(n) > 1024:
		return bad("longer than 253 bytes")
	case strings.Contains(n, "*"):
		return bad(`no wildcards: write {"suffix": "…", "depth": "one" or "any"}`)
	case strings.HasPrefix(n, "."):
		return bad("begins with a dot")
	case strings.ContainsAny(n, "/:@ "):
		return bad("not a host name: no scheme, port, path or space")
	}
	if _, err := netip.ParseAddr(n); err == nil {
		return bad("an address, not a name")
	}
	if isASCII(n) && !strings.Contains(strings.ToLower(n), "xn--") {
		n = strings.ToLower(n)
	} else {
		// What the first conversion lets pass must bear being converted again: only then is it one form of one name.
		ascii, err := lookupProfile.ToASCII(n)
		if again, err2 := lookupProfile.ToASCII(ascii); err != nil || err2 != nil || again != ascii || !utf8.ValidString(n) {
			return bad("not a valid internationalised name")
		}
		n = ascii
	}
	if err := checkLabels(n); err != nil {
		return bad(err.Error())
	}
	if last := n[strings.LastIndexByte(n, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return bad("the last label is a number")
	}
	return n, nil
}

// checkLabels checks a lower-case name: RFC 1035, section 2.3.4, for the lengths.
func checkLabels(n string) error {
	if len(n) > 253 {
		return errors.New("longer than 253 bytes")
	}
	for label := range strings.SplitSeq(n, ".") {
		switch {
		case label == "":
			return errors.New("an empty label")
		case len(label) > 63:
			return errors.New("a label longer than 63 bytes")
		case label[0] == '-' || label[len(label)-1] == '-':
			return errors.New("a label that begins or ends with a hyphen")
		}
		for i := range len(label) {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return errors.New("letters, digits, hyphens and underscores only")
			}
		}
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// normalTemplate is NormalName for names that may hold ${variable}.
func normalTemplate(s string) (string, error) {
	if !strings.Contains(s, "$") {
		return NormalName(s)
	}
	// Each variable stands as a label that cannot be written by hand, so that what is around it can be checked and
	// mapped; variables keep their case.
	variables, frame, err := cutVariables(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", strict.Quote(s), err)
	}
	n, err := NormalName(strings.Join(frame, placeholder))
	if err != nil {
		return "", fmt.Errorf("%s: %s", strict.Quote(s), strings.TrimPrefix(err.Error(), strict.Quote(strings.Join(frame, placeholder))+": "))
	}
	pieces := strings.Split(n, placeholder)
	if len(pieces) != len(variables)+1 {
		return "", fmt.Errorf("%s: not a valid name around its variables", strict.Quote(s))
	}
	var b strings.Builder
	for i, p := range pieces {
		b.WriteString(p)
		if i < len(variables) {
			b.WriteString("${" + variables[i] + "}")
		}
	}
	return b.String(), nil
}

const (
	placeholder  = "v_a_r"
	maxVariables = 4 // of one name
)

// cutVariables takes a template apart: frame has one element more than variables.
func cutVariables(s string) (variables, frame []string, err error) {
	if strings.Contains(strings.ToLower(s), placeholder) {
		return nil, nil, fmt.Errorf("%q cannot be used beside variables", placeholder)
	}
	for {
		before, rest, found := strings.Cut(s, "${")
		if strings.Contains(before, "$") {
			return nil, nil, errors.New(`"$" without braces; a variable is written ${name}`)
		}
		frame = append(frame, before)
		if !found {
			return variables, frame, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !isIdentifier(name) {
			return nil, nil, errors.New("a variable is written ${name}")
		}
		if variables = append(variables, name); len(variables) > maxVariables {
			return nil, nil, fmt.Errorf("more than %d variables", maxVariables)
		}
		s = after
	}
}

// maxIdentifier bounds the names of roles, variables and features and the ids of entries, in bytes.
const maxIdentifier = 64

// isIdentifier reports whether s can be such a name: letters, digits, ".", "_" and "-", the first not a sign.
func isIdentifier(s string) bool {
	if s == "" || len(s) > maxIdentifier {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}
