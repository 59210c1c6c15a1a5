package allowlist

import (
	"hash/maphash"
	"math/bits"
)

// covers says which names a declared name covers: itself, the names one label longer, or those longer by more.
type covers uint8

const (
	coversSelf covers = 1 << iota // exact, or a suffix with its apex
	coversOne
	coversMore
)

// A posting is an id with what is covered in its upper bits.
const (
	postingBits = 29
	maxPosting  = 1<<postingBits - 1
)

// nameID is one thing that is declared for a name in normal form.
type nameID struct {
	text    string
	posting uint32
}

func newNameID(text string, id uint32, c covers) nameID {
	return nameID{text, id | uint32(c)<<postingBits}
}

// DomainIndex finds the ids of all declared names and suffixes that cover a name. It is immutable.
//
// A name is hashed once from its end; at every dot the hash so far is that of a suffix. A small filter turns
// almost all undeclared suffixes away before the hash table is touched. A key takes some 24 bytes and its text.
type DomainIndex struct {
	seed   uint64
	filter []uint64 // two bits a key of 16
	mask   uint64
	slots  []slot
	ends   []uint32 // where a key's text ends; it begins where the one before ends
	posts  []uint32 // a key's posting; with many set in multi, where its list begins
	multi  []uint64 // bitmap over keys
	lists  []uint32 // the number of postings, then these
	text   []byte
	max    int // the longest key
}

type slot struct {
	tag uint32
	key uint32 // + 1; 0 is empty
}

func newDomainIndex(names []nameID) *DomainIndex {
	x := &DomainIndex{
		seed:  maphash.String(maphash.MakeSeed(), "domain"),
		slots: make([]slot, len(names)*5/3+1),
		ends:  make([]uint32, 0, len(names)),
	}
	words := 1 << bits.Len(uint(len(names)/4))
	x.filter, x.mask = make([]uint64, words), uint64(words-1)
	size := 0
	for i := range names {
		size += len(names[i].text)
	}
	x.text = make([]byte, 0, size)
	// Postings of the same key are chained through next while building.
	heads, next := make([]uint32, 0, len(names)), make([]uint32, len(names))
	for i := range names {
		s := names[i].text
		h := x.seed
		for j := len(s) - 1; j >= 0; j-- {
			h = step(h, s[j])
		}
		at, tag := x.home(h)
		for ; ; at++ {
			if at == len(x.slots) {
				at = 0
			}
			sl := &x.slots[at]
			if sl.key == 0 {
				x.text = append(x.text, s...)
				x.ends = append(x.ends, uint32(len(x.text)))
				x.max = max(x.max, len(s))
				heads = append(heads, uint32(i))
				next[i] = uint32(i)
				*sl = slot{tag, uint32(len(heads))}
				word, mask := x.place(h)
				x.filter[word] |= mask
				break
			}
			if sl.tag == tag && string(x.key(sl.key-1)) == s {
				next[i] = heads[sl.key-1]
				heads[sl.key-1] = uint32(i)
				break
			}
		}
	}
	x.posts = make([]uint32, len(heads))
	x.multi = make([]uint64, len(heads)/64+1)
	for k, head := range heads {
		x.posts[k] = names[head].posting
		if next[head] == head {
			continue
		}
		x.multi[k/64] |= 1 << (k % 64)
		begin := len(x.lists)
		x.posts[k] = uint32(begin)
		x.lists = append(x.lists, 0)
		for i := head; ; i = next[i] {
			x.lists = append(x.lists, names[i].posting)
			if next[i] == i {
				break
			}
		}
		x.lists[begin] = uint32(len(x.lists) - begin - 1)
	}
	return x
}

func step(h uint64, c byte) uint64 {
	h = (h ^ uint64(c)) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// home returns where a key's search begins, and its tag.
func (x *DomainIndex) home(h uint64) (int, uint32) {
	hi, _ := bits.Mul64(h*0xd6e8feb86659fd93, uint64(len(x.slots)))
	return int(hi), uint32(h >> 8)
}

func (x *DomainIndex) place(h uint64) (uint64, uint64) {
	return h >> 12 & x.mask, 1<<(h&63) | 1<<(h>>6&63)
}

func (x *DomainIndex) key(k uint32) []byte {
	begin := uint32(0)
	if k > 0 {
		begin = x.ends[k-1]
	}
	return x.text[begin:x.ends[k]]
}

// Append appends the ids of everything declared that covers name, which is in normal form: lower case, no final
// dot. It does not allocate where dst has room.
func (x *DomainIndex) Append(dst []uint32, name []byte) []uint32 {
	h := x.seed
	for i := len(name) - 1; i >= 0; i-- {
		h = step(h, name[i])
		if i > 0 && name[i-1] != '.' {
			continue
		}
		if len(name)-i > x.max {
			break
		}
		word, mask := x.place(h)
		if x.filter[word]&mask != mask {
			continue
		}
		at, tag := x.home(h)
		for x.slots[at].key != 0 {
			if k := x.slots[at].key - 1; x.slots[at].tag == tag && string(x.key(k)) == string(name[i:]) {
				dst = x.collect(dst, k, name[:i])
				break
			}
			if at++; at == len(x.slots) {
				at = 0
			}
		}
	}
	return dst
}

// collect appends the ids of key k that cover a name which has front (with its final dot) before the key.
func (x *DomainIndex) collect(dst []uint32, k uint32, front []byte) []uint32 {
	want := coversSelf
	if len(front) > 0 {
		want = coversOne
		for _, c := range front[:len(front)-1] {
			if c == '.' {
				want = coversMore
				break
			}
		}
	}
	one := [1]uint32{x.posts[k]}
	posts := one[:]
	if x.multi[k/64]&(1<<(k%64)) != 0 {
		at := x.posts[k]
		posts = x.lists[at+1 : at+1+x.lists[at]]
	}
	for _, p := range posts {
		if covers(p>>postingBits)&want != 0 {
			dst = append(dst, p&maxPosting)
		}
	}
	return dst
}

// Len returns the number of distinct names and suffixes.
func (x *DomainIndex) Len() int { return len(x.ends) }

// Size returns the bytes that the index takes.
func (x *DomainIndex) Size() int {
	return 8*(len(x.filter)+len(x.slots)+len(x.multi)) + 4*(cap(x.ends)+cap(x.posts)+cap(x.lists)) + cap(x.text)
}
