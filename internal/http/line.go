package http

import "bytes"

const (
	// maxLine bounds a header line with its folds; what goes beyond is dropped.
	maxLine = 32 << 10
	// maxHead bounds the head of a message; what goes beyond is only used for framing.
	maxHead = 64 << 10
)

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func trimEOL(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\r' || b[len(b)-1] == '\n') {
		b = b[:len(b)-1]
	}
	return b
}

func trim(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// fold reports whether b is the lower-case word s in any case.
func fold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != s[i] {
			return false
		}
	}
	return true
}

// line finds the next line of d in b; with folds, its continuation lines too. It returns the line without its
// end, how many bytes it takes, and false when more bytes are needed to tell. How far was searched is kept in
// sd.scan, so that a line that comes byte by byte is searched once.
func (sd *side) line(b []byte, folds bool) (line []byte, n int, ok bool) {
	for at := sd.scan; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 || at+i >= maxLine {
			if i >= 0 || len(b) >= maxLine {
				sd.scan, sd.skip = 0, true
				return b[:maxLine], maxLine, true
			}
			sd.scan = len(b)
			return nil, 0, false
		}
		i += at
		line = b[:i]
		if i > 0 && b[i-1] == '\r' {
			line = b[:i-1]
		}
		if folds && len(line) > 0 {
			if i+1 == len(b) {
				sd.scan = i
				return nil, 0, false
			}
			if b[i+1] == ' ' || b[i+1] == '\t' {
				at = i + 1
				continue
			}
		}
		sd.scan = 0
		return line, i + 1, true
	}
}

// splitTarget splits what follows the method of a request line into the target, which ends at the first blank, and
// the version ("HTTP/1.1"), which is empty in HTTP/0.9 and when it is broken. It is false when there is no target
// or the line is another protocol's ("rtsp://… RTSP/1.0").
func splitTarget(b []byte) (target, version []byte, ok bool) {
	b = trim(b)
	i := bytes.IndexAny(b, " \t")
	if i < 0 {
		return b, nil, len(b) > 0
	}
	target, b = b[:i], b[i:]
	v := b[bytes.LastIndexAny(b, " \t")+1:]
	if isVersion(v) {
		return target, v, true
	}
	if n := len(v); n >= 5 && v[n-4] == '/' && v[n-2] == '.' && v[n-3]-'0' <= 9 && v[n-1]-'0' <= 9 {
		return nil, nil, false
	}
	// Bytes after the version.
	if i = bytes.LastIndex(b, []byte("HTTP/")); i > 0 && len(b) >= i+8 && isSpace(b[i-1]) && isVersion(b[i:i+8]) {
		return target, b[i : i+8], true
	}
	return target, nil, true
}

func isVersion(v []byte) bool {
	return len(v) == 8 && string(v[:5]) == "HTTP/" && v[5]-'0' <= 9 && v[6] == '.' && v[7]-'0' <= 9
}

// reach is how far before its version a request line may begin for findMessage to know it.
const reach = 4 << 10

// findMessage looks for the first thing in b that looks like a request line or a status line; only for what want
// says unless it is unknown. When it finds one it returns where and which; else how many bytes at the end of b
// may still become one, as the offset of the first of them. It depends on the bytes alone, not on where segments
// begin, because segments are an accident.
func findMessage(b []byte, want role) (at int, found role) {
	for pos := 0; ; {
		i := bytes.Index(b[pos:], []byte("HTTP/1."))
		if i < 0 {
			// The bytes from the last line's start may belong to a request line; the last few to a version.
			return max(bytes.LastIndexByte(b, '\n')+1, len(b)-reach-len("HTTP/1.1 200 "), 0), unknown
		}
		i += pos
		if len(b) < i+len("HTTP/1.1 200 ") {
			if done, at := earlyEnd(b, i, want); done {
				return at, requests
			}
			return max(bytes.LastIndexByte(b[:i], '\n')+1, i-reach, 0), unknown
		}
		rest := b[i+7:]
		if rest[0] >= '0' && rest[0] <= '9' {
			if want != requests && rest[1] == ' ' && digits(rest[2:5]) && isSpace(rest[5]) {
				return i, responses
			}
			if want != responses && (rest[1] == '\r' || rest[1] == '\n') {
				if at, ok := requestStart(b[:i]); ok {
					return at, requests
				}
			}
		}
		pos = i + 7
	}
}

// earlyEnd is for a request line at the very end of b, where a status line would not fit.
func earlyEnd(b []byte, i int, want role) (bool, int) {
	if want == responses || len(b) < i+9 || b[i+7]-'0' > 9 || b[i+8] != '\r' && b[i+8] != '\n' {
		return false, 0
	}
	at, ok := requestStart(b[:i])
	return ok, at
}

// requestStart finds where the request line begins whose version follows b. A body without a line end may stand
// directly before the method.
func requestStart(b []byte) (int, bool) {
	low := max(0, len(b)-reach)
	i := len(b) - 1
	if i <= low || b[i] != ' ' {
		return 0, false
	}
	i = bytes.LastIndexByte(b[low:i], ' ') + low
	if i <= low || i+2 >= len(b) || bytes.IndexByte(b[i:], '\n') >= 0 {
		return 0, false
	}
	start := i
	for start > low && i-start < maxMethod && (b[start-1] >= 'A' && b[start-1] <= 'Z' || b[start-1] == '_' || b[start-1] == '-') {
		start--
	}
	for s := start; s < i; s++ {
		if isMethod(b[s:i]) {
			return s, true
		}
	}
	// An unknown method is believed where a line begins.
	return start, i-start >= 3 && (start == 0 || b[start-1] == '\n')
}
