package tls

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
	"math/bits"
	"slices"

	"netsensor/internal/eve"
)

// noMD5 holds the place of an MD5 until the text behind it is there.
const noMD5 = `--------------------------------","string":"`

// appendJA3 writes the member "ja3".
func (f *Fingerprint) appendJA3(dst []byte) []byte {
	if len(f.key) == 0 {
		return dst
	}
	key := f.key
	dst = append(dst, `"ja3":{"hash":"`...)
	dst = append(dst, noMD5...)
	start := len(dst)
	dst = appendDecimals(dst, key[2:4], '-')
	dst = append(dst, ',')
	if f.suites != nil {
		dst = append(dst, f.suites.decimals...)
	} else {
		dst = appendDecimals(dst, f.section(keyCiphers), '-')
	}
	dst = append(dst, ',')
	dst = appendDecimals(dst, f.section(keyExtensions), '-')
	dst = append(dst, ',')
	dst = appendDecimals(dst, f.section(keyGroups), '-')
	dst = append(dst, ',')
	for i, p := range f.section(keyPoints) {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = eve.AppendUint(dst, uint64(p))
	}
	return endJA3(dst, start)
}

// endJA3 ends a JA3 member whose text begins at start, after noMD5.
func endJA3(dst []byte, start int) []byte {
	sum := md5.Sum(dst[start:])
	hex.Encode(dst[start-len(noMD5):], sum[:])
	return append(dst, `"},`...)
}

// appendJA4 writes the member "ja4". It follows FoxIO's "technical details" of JA4.
func (f *Fingerprint) appendJA4(dst []byte) []byte {
	if len(f.key) == 0 {
		return dst
	}
	key := f.key
	ciphers, exts := f.section(keyCiphers), f.section(keyExtensions)
	name := byte('i')
	if key[1]&flagSNI != 0 {
		name = 'd'
	}
	dst = append(dst, `"ja4":"`...)
	dst = append(dst, key[0])
	dst = append(dst, ja4Version(binary.BigEndian.Uint16(key[4:]))...)
	dst = append(dst, name)
	dst = appendCount(dst, len(ciphers)/2)
	dst = appendCount(dst, len(exts)/2)
	first, _, _ := vector8(f.section(keyALPN))
	dst = appendEnds(dst, first)
	dst = append(dst, '_')
	if f.suites != nil {
		dst = append(dst, f.suites.hash[:]...)
	} else {
		dst = f.cache.appendSuiteHash(dst, ciphers)
	}
	dst = append(dst, '_')
	dst = f.cache.appendExtensionHash(dst, exts, f.section(keySignatures))
	return append(dst, '"', ',')
}

func ja4Version(v uint16) string {
	switch v {
	case versionTLS13:
		return "13"
	case versionTLS12:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case versionSSL2:
		return "s2"
	case 0xfeff:
		return "d1"
	case 0xfefd:
		return "d2"
	case 0xfefc:
		return "d3"
	}
	return "00"
}

func appendCount(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendEnds appends the first and last character of the first ALPN value; of its hexadecimal form if one of
// them is not alphanumeric.
func appendEnds(dst, name []byte) []byte {
	if len(name) == 0 {
		return append(dst, '0', '0')
	}
	first, last := name[0], name[len(name)-1]
	if alphanumeric(first) && alphanumeric(last) {
		return append(dst, first, last)
	}
	return append(dst, hexDigits[first>>4], hexDigits[last&15])
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// noHash stands for the hash of an empty list.
const noHash = "000000000000"

// appendSuiteHash appends JA4's hash of the cipher suites.
func (c *Cache) appendSuiteHash(dst, suites []byte) []byte {
	if len(suites) == 0 {
		return append(dst, noHash...)
	}
	c.values = c.values[:0]
	for ; len(suites) >= 2; suites = suites[2:] {
		c.values = append(c.values, binary.BigEndian.Uint16(suites))
	}
	slices.Sort(c.values)
	c.text = appendHexList(c.text[:0], c.values)
	return appendHash(dst, c.text)
}

// appendExtensionHash appends JA4's hash of the extensions in ascending order, without server_name and ALPN, and of
// the signature algorithms as they are. Those of clients that permute their extensions are found by the set.
func (c *Cache) appendExtensionHash(dst, exts, signatures []byte) []byte {
	c.sortExtensions(exts)
	if len(c.values) == 0 {
		return append(dst, noHash...)
	}
	c.set = c.set[:0]
	for _, v := range c.values {
		c.set = append(c.set, byte(v>>8), byte(v))
	}
	c.set = append(c.set, 0, extServerName) // a separator, as it is never there
	c.set = append(c.set, signatures...)
	known, slot := c.sets.find(maphash.Bytes(c.seed, c.set), c.set)
	if known != nil {
		return append(dst, known[:]...)
	}
	start := len(dst)
	dst = c.appendSetHash(dst, signatures)
	if slot != nil {
		slot.fill(c.set, (*setHash)(bytes.Clone(dst[start:])))
	}
	return dst
}

// appendSetHash appends the hash of the extensions in c.values and the signature algorithms.
func (c *Cache) appendSetHash(dst, signatures []byte) []byte {
	c.text = appendHexList(c.text[:0], c.values)
	if len(signatures) > 0 {
		c.text = append(c.text, '_')
		c.values = c.values[:0]
		for ; len(signatures) >= 2; signatures = signatures[2:] {
			c.values = append(c.values, binary.BigEndian.Uint16(signatures))
		}
		c.text = appendHexList(c.text, c.values)
	}
	return appendHash(dst, c.text)
}

// sortExtensions puts the types but server_name and ALPN into c.values in ascending order. Nearly all types are
// below 64 and occur once: as bits of a word they need no sorting.
func (c *Cache) sortExtensions(exts []byte) {
	var low uint64
	var twice bool
	c.values = c.values[:0]
	for ; len(exts) >= 2; exts = exts[2:] {
		v := binary.BigEndian.Uint16(exts)
		switch {
		case v == extServerName || v == extALPN:
		case v < 64:
			if low>>v&1 != 0 {
				twice = true
				c.values = append(c.values, v)
			}
			low |= 1 << v
		default:
			c.values = append(c.values, v)
		}
	}
	high, n := len(c.values), bits.OnesCount64(low)
	c.values = slices.Grow(c.values, n)[:high+n]
	copy(c.values[n:], c.values[:high])
	for i := range n {
		c.values[i] = uint16(bits.TrailingZeros64(low))
		low &= low - 1
	}
	if twice {
		n = 0
	}
	slices.Sort(c.values[n:])
}

// appendHash appends the first twelve digits of the SHA-256 of text.
func appendHash(dst, text []byte) []byte {
	sum := sha256.Sum256(text)
	return hex.AppendEncode(dst, sum[:6])
}

const hexDigits = "0123456789abcdef"

// appendHexList appends values of four digits with commas between them.
func appendHexList(dst []byte, values []uint16) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15])
	}
	return dst
}

// writeALPN writes the member "client_alpns".
func (f *Fingerprint) writeALPN(dst []byte) []byte {
	if len(f.key) == 0 {
		return dst
	}
	list := f.section(keyALPN)
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, `"client_alpns":[`...)
	for len(list) > 0 {
		var name []byte
		name, list, _ = vector8(list)
		dst = eve.AppendString(dst, name)
		dst = append(dst, ',')
	}
	dst[len(dst)-1] = ']'
	return append(dst, ',')
}

// writeHandshake writes the member "client_handshake".
func (f *Fingerprint) writeHandshake(dst []byte) []byte {
	if len(f.key) == 0 {
		return dst
	}
	key := f.key
	dst = append(dst, `"client_handshake":{"version":"`...)
	dst = appendVersion(dst, binary.BigEndian.Uint16(key[4:]))
	dst = append(dst, '"')
	if f.suites != nil {
		dst = append(dst, f.suites.member...)
	} else {
		dst = appendNumbers(dst, "ciphers", f.section(keyCiphers))
	}
	dst = appendNumbers(dst, "exts", f.section(keyExtensions))
	dst = appendNumbers(dst, "sig_algs", f.section(keySignatures))
	return append(dst, '}', ',')
}

// appendNumbers appends a comma and a member that is a list of numbers, unless that is empty.
func appendNumbers(dst []byte, key string, list []byte) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, key...)
	dst = append(dst, `":[`...)
	dst = appendDecimals(dst, list, ',')
	return append(dst, ']')
}

// appendDecimals appends a list of uint16 as decimal numbers.
func appendDecimals(dst, list []byte, sep byte) []byte {
	const width = 6 // five digits and a separator
	if len(list) < 2 {
		return dst
	}
	dst = slices.Grow(dst, len(list)/2*width)
	n := len(dst)
	out := dst[:cap(dst)]
	for ; len(list) >= 2; list = list[2:] {
		n += putDecimal((*[5]byte)(out[n:]), binary.BigEndian.Uint16(list))
		out[n] = sep
		n++
	}
	return out[:n-1]
}

// pairs are the numbers from 0 to 99 in two digits.
const pairs = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849" +
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// putDecimal writes v and returns the number of its digits.
func putDecimal(b *[5]byte, v uint16) int {
	switch {
	case v < 10:
		b[0] = byte('0' + v)
		return 1
	case v < 100:
		b[0], b[1] = pairs[2*v], pairs[2*v+1]
		return 2
	case v < 1000:
		hi, lo := v/100, v%100
		b[0], b[1], b[2] = byte('0'+hi), pairs[2*lo], pairs[2*lo+1]
		return 3
	case v < 10000:
		hi, lo := v/100, v%100
		b[0], b[1], b[2], b[3] = pairs[2*hi], pairs[2*hi+1], pairs[2*lo], pairs[2*lo+1]
		return 4
	}
	top := v / 10000
	v -= top * 10000
	hi, lo := v/100, v%100
	b[0], b[1], b[2], b[3], b[4] = byte('0'+top), pairs[2*hi], pairs[2*hi+1], pairs[2*lo], pairs[2*lo+1]
	return 5
}
