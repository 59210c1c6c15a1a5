package benchcap

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
)

func putUint64(b []byte, v uint64) {
	var w [8]byte
	binary.LittleEndian.PutUint64(w[:], v)
	copy(b, w[:])
}

func bitLen(n int) int { return max(1, bits.Len(uint(max(n, 1)-1))) }

const (
	nameCount    = 100_000
	prefixCount  = 10_000
	prefix4Count = 8_000
	addressCount = 30_000
	clientCount  = 2_000
)

// catalogue is the world outside: it does not depend on the seed.
type catalogue struct {
	all      []string
	host     []int32 // which address a name has
	v4       [][4]byte
	v6       [][16]byte
	prefixes []netip.Prefix
}

// Names returns the 100,000 server names that the traffic asks for; the first are the most popular. They are unique and
// lie under some 20,000 registered domains.
func Names() []string { return slices.Clone(newCatalogue().all) }

// Prefixes returns 10,000 prefixes, 8,000 of them IPv4, in which some 70 % of the server addresses lie.
func Prefixes() []netip.Prefix { return slices.Clone(newCatalogue().prefixes) }

// Clients returns the hosts of the site: IPv4 within 10.0.0.0/8, IPv6 within fd10::/16. Hosts i of both lists are the same.
func Clients() (v4, v6 []netip.Addr) {
	for i := range clientCount {
		four, six := client(i)
		v4, v6 = append(v4, netip.AddrFrom4(four)), append(v6, netip.AddrFrom16(six))
	}
	return v4, v6
}

func client(i int) (v4 [4]byte, v6 [16]byte) {
	v4 = [4]byte{10, byte(1 + i/200), byte(i % 200 / 20), byte(10 + i%20*11)}
	copy(v6[:], []byte{0xfd, 0x10, 0, 0, 0, v4[1], 0, v4[2]})
	v6[8], v6[15] = 0x02, v4[3]
	return v4, v6
}

func newCatalogue() *catalogue {
	r := rand.New(rand.NewPCG(1, 2))
	c := &catalogue{}
	c.makeNames(r)
	for range prefix4Count {
		bits := 12 + r.IntN(17)
		c.prefixes = append(c.prefixes, netip.PrefixFrom(netip.AddrFrom4(public4(r)), bits).Masked())
	}
	for len(c.prefixes) < prefixCount {
		bits := 29 + r.IntN(36)
		c.prefixes = append(c.prefixes, netip.PrefixFrom(netip.AddrFrom16(public6(r)), bits).Masked())
	}
	for range addressCount {
		four, six := public4(r), public6(r)
		if r.IntN(10) < 7 {
			within(r, four[:], c.prefixes[r.IntN(prefix4Count)])
			within(r, six[:], c.prefixes[prefix4Count+r.IntN(prefixCount-prefix4Count)])
		}
		c.v4, c.v6 = append(c.v4, four), append(c.v6, six)
	}
	for range nameCount {
		c.host = append(c.host, r.Int32N(addressCount))
	}
	return c
}

// within gives a the network bits of p.
func within(r *rand.Rand, a []byte, p netip.Prefix) {
	net := p.Addr().AsSlice()
	for i := range p.Bits() {
		mask := byte(0x80 >> (i % 8))
		a[i/8] = a[i/8]&^mask | net[i/8]&mask
	}
	a[len(a)-1] |= 1
}

// public4 returns an address that is not in any special-purpose block.
func public4(r *rand.Rand) [4]byte {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], r.Uint32())
	for a[0] = byte(11 + r.IntN(212)); slices.Contains([]byte{100, 127, 169, 172, 192, 198, 203}, a[0]); {
		a[0]++
	}
	return a
}

func public6(r *rand.Rand) [16]byte {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:], r.Uint64())
	binary.BigEndian.PutUint64(a[8:], r.Uint64())
	a[0], a[1] = 0x2a, a[1]&0x1f
	return a
}

var (
	adjectives = []string{"amber", "blue", "bright", "calm", "clear", "cold", "deep", "fair", "fast", "fresh", "gold", "grand",
		"green", "high", "kind", "light", "long", "lucky", "mild", "new", "north", "old", "open", "prime", "pure", "quick",
		"quiet", "rapid", "red", "silver", "smart", "soft", "solid", "south", "still", "strong", "sunny", "swift", "true", "warm"}
	nouns = []string{"apps", "bank", "bay", "bridge", "cargo", "cloud", "craft", "data", "desk", "farm", "field", "forge", "garden",
		"gate", "grid", "harbor", "health", "hill", "labs", "lake", "line", "link", "logic", "mail", "market", "media", "mill",
		"net", "news", "oak", "path", "pay", "point", "port", "print", "river", "road", "school", "shop", "soft", "stone",
		"store", "stream", "systems", "tower", "trade", "travel", "valley", "vision", "works"}
	suffixes = []string{"com.example", "com.example", "com.example", "net.example", "org.example", "io.example", "co.uk.example",
		"de.example", "app.example", "example"}
	hosts = []string{"www", "api", "cdn", "static", "img", "login", "mail", "app", "edge", "telemetry", "update", "assets",
		"auth", "files", "push", "sync", "media", "m", "events", "config"}
	zones = []string{"eu-west-1", "us-east-2", "prod", "global", "ap-south-1", "edge", "ams", "fra"}
)

func (c *catalogue) makeNames(r *rand.Rand) {
	var domains []string
	for i := range 20_000 {
		d := adjectives[i%40] + nouns[i/40%50]
		if i >= 2000 {
			d += strconv.Itoa(i / 2000)
		}
		domains = append(domains, d+"."+suffixes[r.IntN(len(suffixes))])
	}
	seen := make(map[string]bool, nameCount)
	for len(c.all) < nameCount {
		d := domains[r.IntN(len(domains))]
		h := hosts[r.IntN(len(hosts))]
		switch r.IntN(5) {
		case 0:
			h += strconv.Itoa(r.IntN(40))
		case 1:
			h += "." + zones[r.IntN(len(zones))]
		case 2:
			h += "-" + strconv.FormatUint(uint64(r.Uint32()), 36) + "." + zones[r.IntN(len(zones))]
		}
		if name := h + "." + d; !seen[name] {
			seen[name] = true
			c.all = append(c.all, name)
		}
	}
}
