package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// The transports that JA4 tells apart.
const (
	OverTCP  = 't'
	OverQUIC = 'q'
	OverDTLS = 'd'
)

// Fingerprint is what can be said of a ClientHello by its shape alone: all but names, keys and randomness. It
// is immutable.
type Fingerprint struct {
	JA3, JA3Hash string
	// JA4 is the client fingerprint of FoxIO's JA4 specification (the part under the BSD licence).
	JA4 string
	// Offered are the application protocols that the client offers, as facts of kind ALPN.
	Offered []protocol.Fact

	key []byte
	// Members of EVE's tls object, each ending in a comma.
	ja3JSON, ja4JSON, alpnJSON, handshakeJSON string
}

// JA3JSON and JA4JSON are the EVE members "ja3" and "ja4", each ending in a comma.
func (f *Fingerprint) JA3JSON() string { return f.ja3JSON }

// JA4JSON is described at JA3JSON.
func (f *Fingerprint) JA4JSON() string { return f.ja4JSON }

// ServerFingerprint is what can be said of a ServerHello by its shape alone. It is immutable.
type ServerFingerprint struct {
	JA3S, JA3SHash string

	key                     []byte
	ja3sJSON, handshakeJSON string
}

// JA3SJSON is the EVE member "ja3s", ending in a comma.
func (f *ServerFingerprint) JA3SJSON() string { return f.ja3sJSON }

// A key holds what a fingerprint depends on, without GREASE: transport, flags, legacy version, highest version,
// then sections, each after its length in two bytes.
const (
	keyHeader     = 6
	flagSNI       = 1
	keySections   = 6
	serverKeySize = 6
)

// appendKey appends the key of h to dst.
func (h *ClientHello) appendKey(dst []byte, transport byte) []byte {
	var flags byte
	if h.HasServerName {
		flags = flagSNI
	}
	top := h.maxVersion(transport == OverDTLS)
	dst = append(dst, transport, flags, byte(h.Version>>8), byte(h.Version), byte(top>>8), byte(top))
	dst = appendSection(dst, h.CipherSuites)
	dst = appendTypes(dst, h.Extensions)
	dst = appendSection(dst, h.Groups)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.PointFormats)))
	dst = append(dst, h.PointFormats...)
	dst = appendSection(dst, h.SignatureAlgs)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(h.ALPN)))
	return append(dst, h.ALPN...)
}

// appendSection appends a list of uint16 without GREASE after its length.
func appendSection(dst, list []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0)
	for i := 0; i+1 < len(list); i += 2 {
		hi, lo := list[i], list[i+1]
		if lo&0x0f == 0x0a && hi == lo {
			continue
		}
		dst = append(dst, hi, lo)
	}
	binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	return dst
}

// appendTypes appends the types of a block of extensions in the same form.
func appendTypes(dst, e []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0)
	for len(e) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(e[2:]))
		if hi, lo := e[0], e[1]; lo&0x0f != 0x0a || hi != lo {
			dst = append(dst, hi, lo)
		}
		if n > len(e) {
			break
		}
		e = e[n:]
	}
	binary.BigEndian.PutUint16(dst[at:], uint16(len(dst)-at-2))
	return dst
}

// newFingerprint computes the fingerprint that belongs to a key, which it keeps.
func newFingerprint(key []byte) *Fingerprint {
	var section [keySections][]byte
	rest := key[keyHeader:]
	for i := range section {
		section[i], rest, _ = vector16(rest)
	}
	ciphers, exts, groups, points, sigs, alpn := section[0], section[1], section[2], section[3], section[4], section[5]
	version, top := binary.BigEndian.Uint16(key[2:]), binary.BigEndian.Uint16(key[4:])

	f := &Fingerprint{key: key}
	b := make([]byte, 0, 512)
	b = strconv.AppendUint(b, uint64(version), 10)
	b = append(b, ',')
	b = appendDecimals(b, ciphers, '-')
	b = append(b, ',')
	b = appendDecimals(b, exts, '-')
	b = append(b, ',')
	b = appendDecimals(b, groups, '-')
	b = append(b, ',')
	for i, p := range points {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendUint(b, uint64(p), 10)
	}
	f.JA3, f.JA3Hash, f.ja3JSON = ja3(b, "ja3")

	b = appendJA4(b[:0], key[0], top, key[1]&flagSNI != 0, ciphers, exts, sigs, alpn)
	f.JA4 = string(b)
	f.ja4JSON = `"ja4":"` + f.JA4 + `",`

	b = b[:0]
	for list := alpn; len(list) > 0; {
		var name []byte
		name, list, _ = vector8(list)
		f.Offered = append(f.Offered, protocol.Fact{Kind: protocol.ALPN, Num: 1, Text: name})
		b = eve.AppendString(b, name)
		b = append(b, ',')
	}
	if len(b) > 0 {
		f.alpnJSON = `"client_alpns":[` + string(b[:len(b)-1]) + `],`
	}

	b = append(b[:0], `"client_handshake":{"version":"`...)
	b = appendVersion(b, top)
	b = append(b, '"')
	b = appendNumbers(b, "ciphers", ciphers)
	b = appendNumbers(b, "exts", exts)
	b = appendNumbers(b, "sig_algs", sigs)
	f.handshakeJSON = string(append(b, "},"...))
	return f
}

// ja3 returns the parts of a JA3 or JA3S: the string, its MD5, and the EVE member.
func ja3(b []byte, name string) (text, hash, member string) {
	sum := md5.Sum(b)
	j := make([]byte, 0, 64+len(b))
	j = append(j, '"')
	j = append(j, name...)
	j = append(j, `":{"hash":"`...)
	at := len(j)
	j = hex.AppendEncode(j, sum[:])
	end := len(j)
	j = append(j, `","string":"`...)
	start := len(j)
	j = append(j, b...)
	member = string(append(j, `"},`...))
	return member[start : start+len(b)], member[at:end], member
}

// appendDecimals appends a list of uint16 as decimal numbers.
func appendDecimals(dst, list []byte, sep byte) []byte {
	for i := 0; i+1 < len(list); i += 2 {
		if i > 0 {
			dst = append(dst, sep)
		}
		dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(list[i:])), 10)
	}
	return dst
}

func appendNumbers(dst []byte, key string, list []byte) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, `,"`...)
	dst = append(dst, key...)
	dst = append(dst, `":[`...)
	dst = appendDecimals(dst, list, ',')
	return append(dst, ']')
}

// appendJA4 follows FoxIO's "technical details" of JA4. The lists hold no GREASE.
func appendJA4(dst []byte, transport byte, top uint16, sni bool, ciphers, exts, sigs, alpn []byte) []byte {
	dst = append(dst, transport)
	dst = append(dst, ja4Version(top)...)
	if sni {
		dst = append(dst, 'd')
	} else {
		dst = append(dst, 'i')
	}
	dst = appendCount(dst, len(ciphers)/2)
	dst = appendCount(dst, len(exts)/2)
	first, _, _ := vector8(alpn)
	dst = appendEnds(dst, first)
	dst = append(dst, '_')
	dst = appendHash(dst, sortedHex(ciphers, false))
	dst = append(dst, '_')
	list := sortedHex(exts, true)
	if len(list) > 0 && len(sigs) > 0 {
		list = append(list, '_')
		list = appendHexList(list, sigs)
	}
	return appendHash(dst, list)
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
	const digits = "0123456789abcdef"
	return append(dst, digits[first>>4], digits[last&15])
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// appendHash appends the first twelve digits of the SHA-256 of list, or zeros for an empty list.
func appendHash(dst, list []byte) []byte {
	if len(list) == 0 {
		return append(dst, "000000000000"...)
	}
	sum := sha256.Sum256(list)
	return hex.AppendEncode(dst, sum[:6])
}

// sortedHex returns the values of list in ascending order, for extensions without server_name and ALPN.
func sortedHex(list []byte, extensions bool) []byte {
	var room [128]uint16
	values := room[:0]
	for i := 0; i+1 < len(list); i += 2 {
		v := binary.BigEndian.Uint16(list[i:])
		if extensions && (v == extServerName || v == extALPN) {
			continue
		}
		values = append(values, v)
	}
	slices.Sort(values)
	out := make([]byte, 0, 5*len(values)+5*32)
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = hex.AppendEncode(out, []byte{byte(v >> 8), byte(v)})
	}
	return out
}

func appendHexList(dst, list []byte) []byte {
	for i := 0; i+1 < len(list); i += 2 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = hex.AppendEncode(dst, list[i:i+2])
	}
	return dst
}

func (h *ServerHello) appendKey(dst []byte) []byte {
	v, n, c := h.Version, h.Negotiated, h.CipherSuite
	dst = append(dst, byte(v>>8), byte(v), byte(n>>8), byte(n), byte(c>>8), byte(c))
	return appendTypes(dst, h.Extensions)
}

func newServerFingerprint(key []byte) *ServerFingerprint {
	exts, _, _ := vector16(key[serverKeySize:])
	cipher := uint64(binary.BigEndian.Uint16(key[4:]))
	f := &ServerFingerprint{key: key}
	b := make([]byte, 0, 128)
	b = strconv.AppendUint(b, uint64(binary.BigEndian.Uint16(key)), 10)
	b = append(b, ',')
	b = strconv.AppendUint(b, cipher, 10)
	b = append(b, ',')
	b = appendDecimals(b, exts, '-')
	f.JA3S, f.JA3SHash, f.ja3sJSON = ja3(b, "ja3s")

	b = append(b[:0], `"server_handshake":{"version":"`...)
	b = appendVersion(b, binary.BigEndian.Uint16(key[2:]))
	b = append(b, `","cipher":`...)
	b = strconv.AppendUint(b, cipher, 10)
	b = appendNumbers(b, "exts", exts)
	f.handshakeJSON = string(append(b, "},"...))
	return f
}
