package tls

import (
	"encoding/binary"
	"slices"

	"netsensor/internal/protocol"
)

// The transports that JA4 tells apart.
const (
	OverTCP  = 't'
	OverQUIC = 'q'
	OverDTLS = 'd'
)

const (
	// maxKey bounds what is kept of a hello. No client comes near it: a larger hello gets no fingerprint.
	maxKey = 8 << 10
	// keptKey bounds the room for a key that survives Reset.
	keptKey = 1 << 10
	// maxOffered bounds the application protocols of a client that become facts.
	maxOffered = 64
)

// Fingerprint is what can be said of a ClientHello by its shape alone: all but names, keys and randomness. What it
// says is worked out when it is asked for, so a hello that is not logged costs little. Set makes it one of a hello;
// the zero value says nothing.
type Fingerprint struct {
	key    []byte
	ends   [keySections]uint16 // of the sections of the key
	cache  *Cache
	looked bool    // known and suites are valid
	known  *shape  // what the cache knows of the key, or nil
	suites *suites // what it knows of the cipher suites then, or nil
}

// A key holds what a fingerprint depends on, without GREASE: transport, flags, legacy version, highest version, the
// ends of the sections, and the sections one after the other.
const (
	keyFixed  = 6
	keyHeader = keyFixed + 2*keySections
	flagSNI   = 1
)

// The sections of a key: lists of uint16, but for point formats (bytes) and ALPN (names after their lengths).
const (
	keyCiphers = iota
	keyExtensions
	keyGroups
	keyPoints
	keySignatures
	keyALPN
	keySections
)

// Reset makes f say nothing. It keeps its room unless that is large.
func (f *Fingerprint) Reset() {
	key := f.key[:0]
	if cap(key) > keptKey {
		key = nil
	}
	*f = Fingerprint{key: key}
}

// AppendFacts appends the application protocols that the client offers, as facts of kind ALPN. Their text is valid
// until f is set again.
func (f *Fingerprint) AppendFacts(dst []protocol.Fact) []protocol.Fact {
	if len(f.key) == 0 {
		return dst
	}
	list := f.section(keyALPN)
	for n := 0; len(list) > 0 && n < maxOffered; n++ {
		var name []byte
		name, list, _ = vector8(list)
		dst = append(dst, protocol.Fact{Kind: protocol.ALPN, Num: 1, Text: name})
	}
	return dst
}

// AppendJA3 appends the EVE member "ja3" and a comma.
func (f *Fingerprint) AppendJA3(dst []byte) []byte {
	if k := f.lookUp(); k != nil {
		return append(dst, k.ja3...)
	}
	return f.appendJA3(dst)
}

// AppendJA4 appends the EVE member "ja4" and a comma: FoxIO's JA4 of clients, the part under the BSD licence.
func (f *Fingerprint) AppendJA4(dst []byte) []byte {
	if k := f.lookUp(); k != nil {
		return append(dst, k.ja4...)
	}
	return f.appendJA4(dst)
}

// appendALPN appends the EVE member "client_alpns" and a comma, unless nothing was offered.
func (f *Fingerprint) appendALPN(dst []byte) []byte {
	if k := f.lookUp(); k != nil {
		return append(dst, k.alpn...)
	}
	return f.writeALPN(dst)
}

// appendHandshake appends the EVE member "client_handshake" and a comma.
func (f *Fingerprint) appendHandshake(dst []byte) []byte {
	if k := f.lookUp(); k != nil {
		return append(dst, k.handshake...)
	}
	return f.writeHandshake(dst)
}

// lookUp returns what the cache knows of the whole hello, nil if nothing.
func (f *Fingerprint) lookUp() *shape {
	if !f.looked {
		f.looked = true
		if len(f.key) > 0 {
			f.cache.lookUp(f)
		}
	}
	return f.known
}

// section returns a section of the key, which is not empty.
func (f *Fingerprint) section(n int) []byte {
	from := uint16(keyHeader)
	if n > 0 {
		from = f.ends[n-1]
	}
	return f.key[from:f.ends[n]]
}

// Set makes f the fingerprint of h over a transport (OverTCP, OverQUIC or OverDTLS). It keeps no part of h.
func (f *Fingerprint) Set(c *Cache, h *ClientHello, transport byte) {
	f.cache, f.known, f.suites, f.looked = c, nil, nil, false
	var flags byte
	if h.HasServerName {
		flags = flagSNI
	}
	top := h.maxVersion(transport == OverDTLS)
	key := append(f.key[:0], transport, flags, byte(h.Version>>8), byte(h.Version), byte(top>>8), byte(top))
	key = append(key, make([]byte, keyHeader-keyFixed)...)
	key = f.end(keyCiphers, appendList(key, h.CipherSuites))
	key = f.end(keyExtensions, appendTypes(key, h.Extensions))
	key = f.end(keyGroups, appendList(key, h.Groups))
	key = f.end(keyPoints, append(key, h.PointFormats...))
	key = f.end(keySignatures, appendList(key, h.SignatureAlgs))
	key = f.end(keyALPN, append(key, h.ALPN...))
	if f.key = key; len(key) > maxKey {
		f.key = nil
	}
}

// end notes that a section ends at the end of key.
func (f *Fingerprint) end(n int, key []byte) []byte {
	f.ends[n] = uint16(len(key)) // a key that is too long for it is thrown away
	binary.BigEndian.PutUint16(key[keyFixed+2*n:], f.ends[n])
	return key
}

// appendList appends a list of uint16 without GREASE.
func appendList(dst, list []byte) []byte {
	dst = slices.Grow(dst, len(list))
	n := len(dst)
	out := dst[:n+len(list)]
	for ; len(list) >= 2; list = list[2:] {
		if hi, lo := list[0], list[1]; lo&0x0f != 0x0a || hi != lo {
			out[n], out[n+1] = hi, lo
			n += 2
		}
	}
	return out[:n]
}

// appendTypes appends the types of a block of extensions without GREASE.
func appendTypes(dst, e []byte) []byte {
	for len(e) >= 4 {
		hi, lo, n := e[0], e[1], 4+int(e[2])<<8+int(e[3])
		if lo&0x0f != 0x0a || hi != lo {
			dst = append(dst, hi, lo)
		}
		if n > len(e) {
			break
		}
		e = e[n:]
	}
	return dst
}

// ServerFingerprint is what can be said of a ServerHello by its shape alone. It is immutable.
type ServerFingerprint struct {
	key             []byte
	ja3s, handshake string // EVE members, each ending in a comma
}

// JA3S is the EVE member "ja3s", ending in a comma.
func (f *ServerFingerprint) JA3S() string { return f.ja3s }

// serverKeySize is the size of what comes before the extensions in the key of a ServerHello.
const serverKeySize = 6

func (h *ServerHello) appendKey(dst []byte) []byte {
	v, n, c := h.Version, h.Negotiated, h.CipherSuite
	dst = append(dst, byte(v>>8), byte(v), byte(n>>8), byte(n), byte(c>>8), byte(c))
	return appendTypes(dst, h.Extensions)
}

func newServerFingerprint(key []byte) *ServerFingerprint {
	exts := key[serverKeySize:]
	f := &ServerFingerprint{key: key}
	b := append(make([]byte, 0, 256), `"ja3s":{"hash":"`...)
	b = append(b, noMD5...)
	start := len(b)
	b = appendDecimals(b, key[:2], '-')
	b = append(b, ',')
	b = appendDecimals(b, key[4:6], '-')
	b = append(b, ',')
	b = appendDecimals(b, exts, '-')
	b = endJA3(b, start)
	ja3s := len(b)

	b = append(b, `"server_handshake":{"version":"`...)
	b = appendVersion(b, binary.BigEndian.Uint16(key[2:]))
	b = append(b, `","cipher":`...)
	b = appendDecimals(b, key[4:6], ',')
	b = appendNumbers(b, "exts", exts)
	b = append(b, '}', ',')
	f.ja3s, f.handshake = string(b[:ja3s]), string(b[ja3s:])
	return f
}
