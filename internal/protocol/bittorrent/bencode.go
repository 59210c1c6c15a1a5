package bittorrent

// reader reads bencoded values (BEP 3) one after the other. After the first mistake it is bad, and all it returns is empty.
type reader struct {
	b   []byte
	bad bool
}

// at returns the byte i places ahead, or 0.
func (r *reader) at(i int) byte {
	if i >= len(r.b) {
		return 0
	}
	return r.b[i]
}

func (r *reader) fail() {
	r.bad, r.b = true, nil
}

// open enters a dictionary ('d') or list ('l').
func (r *reader) open(kind byte) bool {
	if r.at(0) != kind {
		r.fail()
		return false
	}
	r.b = r.b[1:]
	return true
}

// close leaves the innermost dictionary or list if it ends here; it reports true at the end of everything, too.
func (r *reader) close() bool {
	if r.bad || len(r.b) == 0 {
		r.fail()
		return true
	}
	if r.b[0] != 'e' {
		return false
	}
	r.b = r.b[1:]
	return true
}

// digits reads a decimal number of at most nine digits and the byte after it.
func (r *reader) digits(end byte) int64 {
	n, i := int64(0), 0
	for ; i < 9 && r.at(i)-'0' <= 9; i++ {
		n = n*10 + int64(r.at(i)-'0')
	}
	if i == 0 || r.at(i) != end {
		r.fail()
		return 0
	}
	r.b = r.b[i+1:]
	return n
}

// text reads a string.
func (r *reader) text() []byte {
	n := r.digits(':')
	if r.bad || n > int64(len(r.b)) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// number reads a number that is not negative.
func (r *reader) number() int64 {
	if r.at(0) != 'i' {
		r.fail()
		return -1
	}
	r.b = r.b[1:]
	return r.digits('e')
}

// skip steps over a value of any kind and depth and returns its text.
func (r *reader) skip() []byte {
	from, depth := r.b, 0
	for {
		switch c := r.at(0); {
		case c == 'd' || c == 'l':
			depth++
			r.b = r.b[1:]
		case c == 'e' && depth > 0:
			depth--
			r.b = r.b[1:]
		case c == 'i':
			if r.b = r.b[1:]; r.at(0) == '-' {
				r.b = r.b[1:]
			}
			r.digits('e')
		default:
			r.text()
		}
		if r.bad {
			return nil
		}
		if depth == 0 {
			return from[:len(from)-len(r.b)]
		}
	}
}
