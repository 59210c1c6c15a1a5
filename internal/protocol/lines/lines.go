// Package lines cuts the streams of text protocols (SMTP, FTP, POP3, …) into lines of bounded length, and reads the
// words and reply codes that these protocols share. It keeps no bytes: the flow table holds what is incomplete.
package lines

import "bytes"

// Reader finds the lines of one direction of a stream. The zero value begins at a line's start.
type Reader struct {
	scanned int // leading bytes of the unread ones that are known to hold no line end
	drop    bool
	// Long is set when the line that Next returned was cut at the limit. The rest of it is dropped, unless KeepRest
	// is called.
	Long bool
}

// Next returns the first line of b, the unread bytes, without its end (LF, and CRs before it), and how many bytes
// it takes. A line of more than limit bytes is cut. Without a whole line ok is false; n are bytes to consume all
// the same, of a line that is being dropped. The same bytes give the same lines however they are cut into calls, and
// each byte is searched once.
func (r *Reader) Next(b []byte, limit int) (line []byte, n int, ok bool) {
	r.Long = false
	if r.drop {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return nil, len(b), false
		}
		r.drop = false
		n = i + 1
		b = b[n:]
	}
	window := b[:min(len(b), limit+len("\r\n"))]
	at := min(r.scanned, len(window))
	if i := bytes.IndexByte(window[at:], '\n'); i >= 0 {
		r.scanned = 0
		line = window[:at+i]
		n += at + i + 1
		for len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if len(line) > limit {
			line, r.Long = line[:limit], true
		}
		return line, n, true
	}
	if len(window) == limit+len("\r\n") {
		r.scanned, r.drop, r.Long = 0, true, true
		return window[:limit], n + limit, true
	}
	r.scanned = len(window)
	return nil, n, false
}

// KeepRest says, after a long line, that what is left of it is to be returned as further lines and not dropped.
func (r *Reader) KeepRest() { r.drop = false }

// Lose begins anew with the line after the next line end: bytes were lost.
func (r *Reader) Lose() { r.scanned, r.drop, r.Long = 0, true, false }

// Skipped begins anew at once: the caller has consumed bytes on its own account.
func (r *Reader) Skipped() { *r = Reader{} }

// First returns the first line of b for a probe, without its end, and what follows it. Without a line end, whole is
// false and line is all of b.
func First(b []byte) (line, rest []byte, whole bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil, false
	}
	return bytes.TrimRight(b[:i], "\r"), b[i+1:], true
}

// Word cuts the first word off a line: what stands before the first blanks, and what stands behind them.
func Word(b []byte) (word, rest []byte) {
	b = TrimLeft(b)
	for i, c := range b {
		if c == ' ' || c == '\t' {
			return b[:i], TrimLeft(b[i:])
		}
	}
	return b, nil
}

// TrimLeft returns b without leading blanks.
func TrimLeft(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// Trim returns b without leading and trailing blanks.
func Trim(b []byte) []byte {
	b = TrimLeft(b)
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// upper folds an ASCII letter.
func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// Is reports whether b is the word w, which is in upper case, in any case.
func Is(b []byte, w string) bool { return len(b) == len(w) && Begins(b, w) }

// Begins reports whether b begins with w, which is in upper case, in any case.
func Begins(b []byte, w string) bool {
	if len(b) < len(w) {
		return false
	}
	for i := range len(w) {
		if upper(b[i]) != w[i] {
			return false
		}
	}
	return true
}

// Contains reports whether w, which is in upper case, occurs in b in any case. It is meant for short texts.
func Contains(b []byte, w string) bool { return Index(b, w) >= 0 }

// Index returns where w, which is in upper case, first occurs in b in any case, or -1.
func Index(b []byte, w string) int {
	for i := 0; i+len(w) <= len(b); i++ {
		if Begins(b[i:], w) {
			return i
		}
	}
	return -1
}

// Printable reports whether b looks like text: no control bytes but tabs and line ends. Bytes of other character
// sets pass.
func Printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return true
}

// Number reads b, decimal digits only, at most 18 of them.
func Number(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// Code reads the code of a reply line as in RFC 5321, section 4.2, and RFC 959, section 4.2: three digits, then the
// text. More is set when '-' says that further lines follow. ok is false for any other line.
func Code(line []byte) (code int, more bool, text []byte, ok bool) {
	if len(line) < 3 || line[0] < '1' || line[0] > '6' {
		return 0, false, nil, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, nil, false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) == 3 {
		return code, false, nil, true
	}
	switch line[3] {
	case ' ', '-':
		return code, line[3] == '-', line[4:], true
	}
	return 0, false, nil, false
}

// TLS reports whether b, at a place where a line may begin, is the beginning of a TLS handshake record: the peers have
// agreed on TLS although that was not seen.
func TLS(b []byte) bool { return len(b) >= 2 && b[0] == 0x16 && b[1] == 3 }

// Product picks the name and version of the server's software out of a greeting: the word at the beginning of b
// and the word after it when that is a version ("Exim 4.96", "vsFTPd 3.0.3").
func Product(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t([<\"'")
	end := wordEnd(b, 0)
	if end == 0 || !letter(b[0]) {
		return nil
	}
	if next := end + 1; end < len(b) && b[end] == ' ' && next < len(b) {
		stop := wordEnd(b, next)
		v := b[next:stop]
		if len(v) > 1 && (v[0] == 'v' || v[0] == 'V') {
			v = v[1:]
		}
		if len(v) > 0 && v[0] >= '0' && v[0] <= '9' {
			end = stop
		}
	}
	return bytes.TrimRight(b[:end], ".,:-")
}

func letter(c byte) bool { return upper(c) >= 'A' && upper(c) <= 'Z' }

func wordEnd(b []byte, from int) int {
	for i := from; i < len(b); i++ {
		switch b[i] {
		case ' ', '\t', ')', '(', ']', '[', '<', '>', ';', ',', '"', '\'':
			return i
		}
	}
	return len(b)
}
