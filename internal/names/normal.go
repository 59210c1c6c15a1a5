package names

import "net/netip"

// MaxName is the length of the longest name that is kept; longer ones are no DNS names (RFC 1035, section 3.1).
const MaxName = 253

// AppendNormal appends name in the form that names are compared in: lower case (ASCII only; internationalised
// names travel as A-labels), without the final dot. It appends nothing when name is empty or longer than MaxName.
func AppendNormal[S ~string | ~[]byte](dst []byte, name S) []byte {
	n := len(name)
	if n > 0 && name[n-1] == '.' {
		n--
	}
	if n == 0 || n > MaxName {
		return dst
	}
	for i := 0; i < n; i++ {
		c := name[i]
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// equalNames reports whether a and b are the same name in normal form.
func equalNames(a, b string) bool {
	a, b = trimDot(a), trimDot(b)
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		c, d := a[i], b[i]
		if c == d {
			continue
		}
		if c-'A' < 26 {
			c += 'a' - 'A'
		}
		if d-'A' < 26 {
			d += 'a' - 'A'
		}
		if c != d {
			return false
		}
	}
	return true
}

func trimDot(s string) string {
	if n := len(s); n > 0 && s[n-1] == '.' {
		return s[:n-1]
	}
	return s
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// Private reports whether a is an address that means something else, or nothing, outside of the site: private,
// shared, loopback, link-local, unspecified or multicast. An answer for a public name that holds one is either a
// mistake or an attempt to borrow the name.
func Private(a netip.Addr) bool {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return b[0] == 10 || b[0] == 127 || b[0] == 0 || b[0] >= 224 ||
			b[0] == 172 && b[1]&0xf0 == 16 || b[0] == 192 && b[1] == 168 ||
			b[0] == 169 && b[1] == 254 || sharedSpace.Contains(a)
	}
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()
}
