// Package names remembers which addresses a client was given for which names. It is fed by the DNS messages that
// were seen and never resolves anything itself.
//
// The memory is per client, for what one client resolved says nothing about another. It keeps every name of an
// address, with what was asked, the aliases in between, and from when to when the answer may have been in use:
// a conversation is looked up as of its start, so that one that lasts for days keeps its name without a thought.
// All growth is bounded, and what the bounds cost is counted. Time comes from the caller.
package names

import (
	"net/netip"
	"time"
)

// Config bounds a Memory. The zero value means the defaults.
type Config struct {
	// Floor is the shortest time an answer is believed to be in use: resolvers in programs outlive the TTL.
	// Default one hour.
	Floor time.Duration
	// Ceiling bounds the TTL that is believed. Default seven days.
	Ceiling time.Duration
	// MaxClients bounds the clients. Default 65536.
	MaxClients int
	// MaxPerClient bounds the pairs of name and address of one client. Default 4096.
	MaxPerClient int
	// MaxPerName bounds the addresses of one name of one client. Default 64.
	MaxPerName int
	// MaxPerAddress bounds the names of one address of one client. Default 32.
	MaxPerAddress int
	// MaxUnanswered bounds the names that one client asked for without an answer. Default 256.
	MaxUnanswered int
	// Max bounds the pairs of name and address in all. Default 262144; one takes about 160 bytes.
	Max int
}

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	if c.Floor <= 0 {
		c.Floor = time.Hour
	}
	if c.Ceiling <= 0 {
		c.Ceiling = 7 * 24 * time.Hour
	}
	c.Ceiling = max(c.Ceiling, c.Floor)
	def(&c.MaxClients, 65536)
	def(&c.MaxPerClient, 4096)
	def(&c.MaxPerName, 64)
	def(&c.MaxPerAddress, 32)
	def(&c.MaxUnanswered, 256)
	def(&c.Max, 262144)
	return c
}

// Stats counts what a Memory holds and what its bounds cost.
type Stats struct {
	Clients, Names, Bindings int    // held now
	Learnt                   uint64 // pairs of name and address, new ones
	Refreshed                uint64 // the same, known before
	Private                  uint64 // answers of public names that hold private addresses
	Stray                    uint64 // answers that do not belong to the question
	EvictedClients           uint64
	EvictedPerClient         uint64 // pairs given up for MaxPerClient
	EvictedPerName           uint64
	EvictedPerAddress        uint64
	EvictedOverall           uint64 // pairs given up for Max
	EvictedUnanswered        uint64
}

// Client is what is known about a client's use of DNS. Times are ns since the Unix epoch, 0 for never.
type Client struct {
	FirstSeen   int64 // the first DNS message of any kind
	FirstAnswer int64
	Encrypted   int64 // the first time it was seen to use DoH, DoT or DoQ
	Evicted     bool  // something it had learnt was given up
	Unanswered  int   // names asked for without an answer so far
}

// Known is a name of an address. Strings stay valid.
type Known struct {
	Name   string // what was asked for
	Chain  string // the aliases that led to the address, separated by blanks
	First  int64  // when it was first learnt
	Last   int64  // when it was last learnt
	Expiry int64
	TTL    uint32
	// Private: the name is public and the address is not. Never a reason to allow anything.
	Private bool
}

// Resolution says what a client knows about a name and an address.
type Resolution uint8

// The resolutions of a name at an address.
const (
	Unasked   Resolution = iota // the client was not seen to ask for the name
	Asked                       // it asked, and no address was seen in an answer
	Elsewhere                   // it was given other addresses, and not this one
	Here                        // it was given this address
)

type addrKey struct {
	client uint32
	addr   [16]byte
}

type nameKey struct {
	client, text uint32
}

type client struct {
	addr             netip.Addr
	Client           // public part
	bindings         int
	newest, oldest   uint32 // bindings by last use
	uNewest, uOldest uint32 // unanswered names, by when they came to be
	newer, older     uint32 // clients by last message
}

// asked is a name of one client: answered (it has bindings) or not (it is in the client's list of unanswered ones).
type asked struct {
	client, text   uint32
	count          uint32 // bindings
	head           uint32
	uNewer, uOlder uint32
	answered       bool
	first, latest  int64
}

// binding begins with what looking up needs.
type binding struct {
	first, expiry      int64
	text               string // the name's
	addrNext           uint32
	ttl                uint32
	chain              uint32 // text, 0 for none
	private            bool
	used               bool // looked up since it was last put in front
	latest             int64
	client, name       uint32
	addr               [16]byte
	nameNext           uint32
	newer, older       uint32 // of the client's
	allNewer, allOlder uint32 // of all
}

type text struct {
	s    string
	refs uint32
}

// Memory is the memory of names. One goroutine uses it.
type Memory struct {
	cfg              Config
	stats            Stats
	byClient         map[netip.Addr]uint32
	byAddr           map[addrKey]uint32
	byName           map[nameKey]uint32
	byText           map[string]uint32
	clients          slab[client]
	names            slab[asked]
	bindings         slab[binding]
	texts            slab[text]
	newest, oldest   uint32 // bindings
	cNewest, cOldest uint32 // clients
	scratch          []byte
	chain            []byte
}

// New returns an empty memory.
func New(cfg Config) *Memory {
	return &Memory{
		cfg:      cfg.withDefaults(),
		byClient: map[netip.Addr]uint32{},
		byAddr:   map[addrKey]uint32{},
		byName:   map[nameKey]uint32{},
		byText:   map[string]uint32{},
	}
}

// Stats returns the counters so far.
func (m *Memory) Stats() Stats {
	s := m.stats
	s.Clients, s.Names, s.Bindings = len(m.byClient), len(m.byName), m.bindings.used
	return s
}

// Client returns what is known about a client, and false if it was never seen to use DNS.
func (m *Memory) Client(addr netip.Addr) (Client, bool) {
	ci, ok := m.byClient[addr.Unmap()]
	if !ok {
		return Client{}, false
	}
	return m.clients.at(ci).Client, true
}

// Names appends the names that client may have meant when it opened a conversation with addr at the time at: those
// learnt before and not expired then, the most recently learnt first. Looking keeps them from being evicted.
func (m *Memory) Names(dst []Known, clientAddr, addr netip.Addr, at int64) []Known {
	ci, ok := m.byClient[clientAddr.Unmap()]
	if !ok {
		return dst
	}
	bi := m.byAddr[addrKey{ci, addr.As16()}]
	for bi != 0 {
		b := m.bindings.at(bi)
		if b.first <= at && at <= b.expiry {
			dst = append(dst, m.known(b))
			b.used = true
		}
		bi = b.addrNext
	}
	return dst
}

func (m *Memory) known(b *binding) Known {
	k := Known{Name: b.text, First: b.first, Last: b.latest, Expiry: b.expiry, TTL: b.ttl, Private: b.private}
	if b.chain != 0 {
		k.Chain = m.texts.at(b.chain).s
	}
	return k
}

// Resolve says whether client had been given addr for name at the time at. Private answers of public names do not
// count as given.
func (m *Memory) Resolve(clientAddr netip.Addr, name []byte, addr netip.Addr, at int64) (Resolution, Known) {
	ci, ok := m.byClient[clientAddr.Unmap()]
	if !ok {
		return Unasked, Known{}
	}
	m.scratch = AppendNormal(m.scratch[:0], name)
	ti, ok := m.byText[string(m.scratch)]
	if !ok {
		return Unasked, Known{}
	}
	ni, ok := m.byName[nameKey{ci, ti}]
	if !ok || m.names.at(ni).first > at {
		return Unasked, Known{}
	}
	res, a16 := Asked, addr.As16()
	var known Known
	for bi := m.names.at(ni).head; bi != 0; {
		b := m.bindings.at(bi)
		if !b.private && b.first <= at && at <= b.expiry {
			if b.addr == a16 {
				return Here, m.known(b)
			}
			if res == Asked {
				res, known = Elsewhere, m.known(b)
			}
		}
		bi = b.nameNext
	}
	return res, known
}

// Given is an address that a client was given for a name.
type Given struct {
	Addr netip.Addr
	Last int64 // when it was last given, ns since the Unix epoch
	TTL  uint32
}

// Given appends up to limit addresses that client was given for name, in normal form, and that were in use at the
// time at, private answers of public names left out.
func (m *Memory) Given(dst []Given, clientAddr netip.Addr, name []byte, at int64, limit int) []Given {
	ci, ok := m.byClient[clientAddr.Unmap()]
	if !ok {
		return dst
	}
	ti, ok := m.byText[string(name)]
	if !ok {
		return dst
	}
	ni, ok := m.byName[nameKey{ci, ti}]
	if !ok {
		return dst
	}
	for bi := m.names.at(ni).head; bi != 0 && limit > 0; {
		b := m.bindings.at(bi)
		if !b.private && b.first <= at && at <= b.expiry {
			dst = append(dst, Given{netip.AddrFrom16(b.addr).Unmap(), b.latest, b.ttl})
			limit--
		}
		bi = b.nameNext
	}
	return dst
}

// slab is a growing array of T with a list of free slots. Index 0 is never used: it means none.
type slab[T any] struct {
	items []T
	free  []uint32
	used  int
}

func (s *slab[T]) at(i uint32) *T { return &s.items[i] }

func (s *slab[T]) take() uint32 {
	s.used++
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	if len(s.items) == 0 {
		s.items = make([]T, 1, 64)
	}
	var zero T
	s.items = append(s.items, zero)
	return uint32(len(s.items) - 1)
}

func (s *slab[T]) give(i uint32) {
	var zero T
	s.items[i] = zero
	s.free = append(s.free, i)
	s.used--
}
