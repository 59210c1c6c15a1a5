package judge

import "strings"

// maxSplit bounds the arguments that a text is split into.
const maxSplit = 1024

// splitWindows splits a command line as the C runtime of Windows does: blanks separate, quotes protect them, and
// backslashes are special only before quotes. The program's name knows no backslash escapes.
func splitWindows(s string) []string {
	var args []string
	s = strings.TrimLeft(s, " \t")
	if strings.HasPrefix(s, `"`) {
		name, rest, _ := strings.Cut(s[1:], `"`)
		args, s = append(args, name), rest
	} else if i := strings.IndexAny(s, " \t"); i >= 0 {
		args, s = append(args, s[:i]), s[i:]
	} else if s != "" {
		return []string{s}
	}
	for len(args) < maxSplit {
		if s = strings.TrimLeft(s, " \t"); s == "" {
			break
		}
		var b strings.Builder
		quoted, i := false, 0
		for i < len(s) && (quoted || s[i] != ' ' && s[i] != '\t') {
			n := 0
			for i+n < len(s) && s[i+n] == '\\' {
				n++
			}
			switch {
			case n > 0 && i+n < len(s) && s[i+n] == '"':
				b.WriteString(s[i : i+n/2])
				i += n
				if n%2 == 1 {
					b.WriteByte('"')
					i++
				}
			case n > 0:
				b.WriteString(s[i : i+n])
				i += n
			case s[i] == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
				b.WriteByte('"')
				i += 2
			case s[i] == '"':
				quoted = !quoted
				i++
			default:
				b.WriteByte(s[i])
				i++
			}
		}
		args = append(args, b.String())
		s = s[i:]
	}
	return args
}

// splitJoined splits arguments that were put together with blanks. Producers that quote at all use double quotes.
func splitJoined(s string) []string {
	var args []string
	for len(args) < maxSplit {
		if s = strings.TrimLeft(s, " "); s == "" {
			break
		}
		if s[0] == '"' {
			if end := strings.Index(s[1:], `"`); end >= 0 && (end+2 == len(s) || s[end+2] == ' ') {
				args, s = append(args, s[1:end+1]), s[end+2:]
				continue
			}
		}
		i := strings.IndexByte(s, ' ')
		if i < 0 {
			i = len(s)
		}
		args, s = append(args, s[:i]), s[i:]
	}
	return args
}
