package allowlist

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// prefixID is one thing that is declared for a prefix.
type prefixID struct {
	prefix netip.Prefix // masked, IPv4 as IPv4
	id     uint32
}

// AddressIndex finds the ids of all prefixes that cover an address. It is immutable.
//
// The trie finds the longest prefix; each prefix knows the next shorter one, so that overlaps cost one step each.
type AddressIndex struct {
	trie  bart.Table[uint32] // to nodes
	nodes []addressNode      // 0 is none
	ids   []uint32
}

type addressNode struct {
	begin, end uint32 // in ids
	parent     uint32
}

func newAddressIndex(prefixes []prefixID) *AddressIndex {
	// Shorter prefixes first: then the parent of each is already in the trie when it is its turn.
	slices.SortFunc(prefixes, func(a, b prefixID) int {
		if a.prefix.Bits() != b.prefix.Bits() {
			return a.prefix.Bits() - b.prefix.Bits()
		}
		if c := a.prefix.Addr().Compare(b.prefix.Addr()); c != 0 {
			return c
		}
		return int(int64(a.id) - int64(b.id))
	})
	x := &AddressIndex{nodes: make([]addressNode, 1, len(prefixes)+1), ids: make([]uint32, 0, len(prefixes))}
	for i := 0; i < len(prefixes); {
		p := prefixes[i].prefix
		n := addressNode{begin: uint32(len(x.ids))}
		for ; i < len(prefixes) && prefixes[i].prefix == p; i++ {
			if id := prefixes[i].id; uint32(len(x.ids)) == n.begin || x.ids[len(x.ids)-1] != id {
				x.ids = append(x.ids, id)
			}
		}
		n.end = uint32(len(x.ids))
		n.parent, _ = x.trie.Lookup(p.Addr())
		x.trie.Insert(p, uint32(len(x.nodes)))
		x.nodes = append(x.nodes, n)
	}
	return x
}

// Append appends the ids of all prefixes that cover a, the longest prefix's first. It does not allocate where dst
// has room.
func (x *AddressIndex) Append(dst []uint32, a netip.Addr) []uint32 {
	n, _ := x.trie.Lookup(a)
	for n != 0 {
		node := &x.nodes[n]
		dst = append(dst, x.ids[node.begin:node.end]...)
		n = node.parent
	}
	return dst
}

// Contains reports whether any prefix covers a.
func (x *AddressIndex) Contains(a netip.Addr) bool {
	return x.trie.Contains(a)
}

// Len returns the number of distinct prefixes.
func (x *AddressIndex) Len() int { return len(x.nodes) - 1 }
