package strict

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads the string at the current place. It shares the document's memory unless it has escapes.
func (s *scanner) str() (text string, valid, ok bool) {
	start := s.i + 1
	escaped, high := false, false
	i := start
	for {
		if i >= len(s.s) {
			return "", false, s.fatal(s.i, "a string without an end")
		}
		c := s.s[i]
		if c == '"' {
			break
		}
		switch {
		case c == '\\':
			escaped = true
			i++
		case c < 0x20:
			return "", false, s.fatal(i, "control character %#02x in a string: a string must be on one line, or write \\u%04x", c, c)
		case c >= utf8.RuneSelf:
			high = true
		}
		i++
	}
	at := s.i
	text = s.s[start:i]
	s.i = i + 1
	if len(text) > s.doc.limits.String {
		return "", false, s.report(at, "a string of %d bytes; the limit is %d", len(text), s.doc.limits.String)
	}
	if high && !utf8.ValidString(text) {
		return "", false, s.report(at, "a string that is not valid UTF-8")
	}
	if escaped {
		plain, fault := unescape(text)
		if fault != "" {
			return "", false, s.report(at, "%s", fault)
		}
		text = plain
	}
	return text, true, true
}

// unescape replaces the escapes of a JSON string. fault is empty, or says what is wrong.
func unescape(s string) (plain, fault string) {
	var b strings.Builder
	b.Grow(len(s))
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), ""
		}
		c := byte(0)
		if after != "" {
			c = after[0]
		}
		s = after[min(1, len(after)):]
		switch c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			r, ok := hex4(s)
			if !ok {
				return "", `an escape \u without four hexadecimal digits`
			}
			s = s[4:]
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if strings.HasPrefix(s, `\u`) {
					low, _ = hex4(s[2:])
				}
				pair := utf16.DecodeRune(r, low)
				if pair == utf8.RuneError {
					return "", fmt.Sprintf(`a lone surrogate, \u%04x`, r)
				}
				r, s = pair, s[6:]
			}
			b.WriteRune(r)
		default:
			return "", `an unknown escape, \` + strconv.QuoteRune(rune(c))
		}
	}
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 || strings.ContainsAny(s[:4], "+-_") {
		return -1, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	if err != nil {
		return -1, false
	}
	return rune(n), true
}

// number reads the number at the current place. integer: it has neither fraction nor exponent.
func (s *scanner) number() (text string, integer, ok bool) {
	start := s.i
	digits := func() int {
		n := 0
		for s.i < len(s.s) && s.s[s.i] >= '0' && s.s[s.i] <= '9' {
			s.i++
			n++
		}
		return n
	}
	has := func(set string) bool {
		if s.i < len(s.s) && strings.IndexByte(set, s.s[s.i]) >= 0 {
			s.i++
			return true
		}
		return false
	}
	bad := func() (string, bool, bool) {
		return "", false, s.fatal(start, "not a JSON number: %s", Quote(s.s[start:min(s.i+1, len(s.s))]))
	}
	has("-")
	zero := s.i < len(s.s) && s.s[s.i] == '0'
	if n := digits(); n == 0 || zero && n > 1 {
		return bad()
	}
	integer = true
	if has(".") {
		integer = false
		if digits() == 0 {
			return bad()
		}
	}
	if has("eE") {
		integer = false
		has("+-")
		if digits() == 0 {
			return bad()
		}
	}
	return s.s[start:s.i], integer, true
}

// literal reads true, false or null.
func (s *scanner) literal() (text string, ok bool) {
	for _, l := range []string{"true", "false", "null"} {
		if strings.HasPrefix(s.s[s.i:], l) {
			s.i += len(l)
			return l, true
		}
	}
	return "", s.fatal(s.i, "want a value, found %s", s.found())
}
