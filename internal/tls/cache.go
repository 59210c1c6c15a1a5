package tls

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

// Sizes of the direct-mapped caches, and the size above which an entry is not worth keeping. A full cache takes
// about 1 MB; there is one for each flow table.
const (
	helloSlots  = 256
	serverSlots = 64
	certSlots   = 128

	maxCachedKey  = 1 << 10
	maxCachedCert = 8 << 10
)

// maxKey bounds what is kept of a hello. No client comes near it: a larger hello gets no fingerprint.
const maxKey = 8 << 10

// Cache remembers what hellos and certificates look like when parsed and hashed: clients repeat the same shape of
// hello, and servers the same certificate, thousands of times. What it returns depends on the arguments only, is
// immutable, and stays valid after it was evicted. It may be used by several goroutines at a time.
type Cache struct {
	seed    maphash.Seed
	hellos  [helloSlots]atomic.Pointer[Fingerprint]
	servers [serverSlots]atomic.Pointer[ServerFingerprint]
	certs   [certSlots]atomic.Pointer[Certificate]
}

// NewCache returns an empty cache.
func NewCache() *Cache { return &Cache{seed: maphash.MakeSeed()} }

// Client returns the fingerprint of h over a transport (OverTCP, OverQUIC or OverDTLS).
func (c *Cache) Client(h *ClientHello, transport byte) *Fingerprint {
	var room [maxCachedKey]byte
	key := h.appendKey(room[:0], transport)
	slot := &c.hellos[maphash.Bytes(c.seed, key)%helloSlots]
	if f := slot.Load(); f != nil && bytes.Equal(f.key, key) {
		return f
	}
	if len(key) > maxKey {
		return &Fingerprint{}
	}
	f := newFingerprint(bytes.Clone(key))
	if len(key) <= maxCachedKey {
		slot.Store(f)
	}
	return f
}

// Server returns the fingerprint of h.
func (c *Cache) Server(h *ServerHello) *ServerFingerprint {
	var room [maxCachedKey]byte
	key := h.appendKey(room[:0])
	slot := &c.servers[maphash.Bytes(c.seed, key)%serverSlots]
	if f := slot.Load(); f != nil && bytes.Equal(f.key, key) {
		return f
	}
	if len(key) > maxKey {
		return &ServerFingerprint{}
	}
	f := newServerFingerprint(bytes.Clone(key))
	if len(key) <= maxCachedKey {
		slot.Store(f)
	}
	return f
}

// Certificate returns what ParseCertificate makes of der.
func (c *Cache) Certificate(der []byte) *Certificate {
	slot := &c.certs[maphash.Bytes(c.seed, der)%certSlots]
	if x := slot.Load(); x != nil && bytes.Equal(x.der, der) {
		return x
	}
	x := ParseCertificate(der)
	if len(der) <= maxCachedCert {
		x.der = bytes.Clone(der)
		slot.Store(x)
	}
	return x
}
