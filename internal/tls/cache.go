package tls

import (
	"bytes"
	"hash/maphash"
)

// Sizes of the direct-mapped caches, and the sizes above which an entry is not worth keeping. A full cache takes
// about 2 MB; there is one for each flow table.
const (
	slotCount   = 512
	serverSlots = 128
	certSlots   = 256

	maxCachedKey  = 1 << 10
	maxCachedCert = 8 << 10
)

// Cache remembers what hellos and certificates look like when parsed and hashed: clients repeat the same shape of
// hello, and servers the same certificate, thousands of times. What is said with its help depends on the arguments
// only. It is used by one goroutine at a time.
type Cache struct {
	seed    maphash.Seed
	shapes  slots[shape]
	suites  slots[suites]
	sets    slots[setHash]
	servers [serverSlots]*ServerFingerprint
	certs   [certSlots]*Certificate

	// Room to work in.
	values    []uint16
	text, set []byte
}

// shape holds the EVE members of a fingerprint.
type shape struct{ ja3, ja4, alpn, handshake string }

// suites is what goes into a fingerprint of a list of cipher suites.
type suites struct {
	decimals string // for JA3
	member   string // for EVE
	hash     [len(noHash)]byte
}

// setHash is JA4's hash of a set of extensions and of signature algorithms.
type setHash [len(noHash)]byte

// NewCache returns an empty cache.
func NewCache() *Cache { return &Cache{seed: maphash.MakeSeed()} }

// slots are a direct-mapped cache whose entries are made when they are wanted for the second time: a client that
// permutes its extensions never sends the same hello again, and would push out what others repeat.
type slots[T any] [slotCount]slot[T]

type slot[T any] struct {
	key   []byte
	value *T
	asked uint64 // the hash of the last key that was not there
}

// find returns the value of a key. If there is none, it returns the slot to fill if the key was asked for before.
func (s *slots[T]) find(hash uint64, key []byte) (*T, *slot[T]) {
	e := &s[hash%slotCount]
	switch {
	case e.value != nil && bytes.Equal(e.key, key):
		return e.value, nil
	case e.asked == hash && len(key) <= maxCachedKey:
		return nil, e
	}
	e.asked = hash
	return nil, nil
}

func (e *slot[T]) fill(key []byte, value *T) { e.key, e.value = bytes.Clone(key), value }

// lookUp sets what is known of a fingerprint.
func (c *Cache) lookUp(f *Fingerprint) {
	known, slot := c.shapes.find(maphash.Bytes(c.seed, f.key), f.key)
	if known != nil {
		f.known = known
		return
	}
	f.suites = c.cipherSuites(f.section(keyCiphers))
	if slot == nil {
		return
	}
	b := f.appendJA3(make([]byte, 0, 1024))
	ja3 := len(b)
	b = f.appendJA4(b)
	ja4 := len(b)
	b = f.writeALPN(b)
	alpn := len(b)
	b = f.writeHandshake(b)
	text := string(b)
	f.known = &shape{text[:ja3], text[ja3:ja4], text[ja4:alpn], text[alpn:]}
	slot.fill(f.key, f.known)
}

func (c *Cache) cipherSuites(list []byte) *suites {
	known, slot := c.suites.find(maphash.Bytes(c.seed, list), list)
	if slot == nil {
		return known
	}
	known = &suites{
		decimals: string(appendDecimals(nil, list, '-')),
		member:   string(appendNumbers(nil, "ciphers", list)),
	}
	copy(known.hash[:], c.appendSuiteHash(nil, list))
	slot.fill(list, known)
	return known
}

// Server returns the fingerprint of h.
func (c *Cache) Server(h *ServerHello) *ServerFingerprint {
	c.set = h.appendKey(c.set[:0])
	key := c.set
	if len(key) > maxKey {
		c.set = nil
		return &ServerFingerprint{}
	}
	slot := &c.servers[maphash.Bytes(c.seed, key)%serverSlots]
	if f := *slot; f != nil && bytes.Equal(f.key, key) {
		return f
	}
	f := newServerFingerprint(bytes.Clone(key))
	if len(key) <= maxCachedKey {
		*slot = f
	}
	return f
}

// certTail is how much of a certificate's end finds it in the cache: the signature, which no two have in common.
const certTail = 32

// Certificate returns what ParseCertificate makes of der.
func (c *Cache) Certificate(der []byte) *Certificate {
	slot := &c.certs[maphash.Bytes(c.seed, der[max(0, len(der)-certTail):])%certSlots]
	if x := *slot; x != nil && bytes.Equal(x.der, der) {
		return x
	}
	x := ParseCertificate(der)
	if len(der) <= maxCachedCert {
		*slot = x
	}
	return x
}
