package allowlist

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// coveredBy is the slow truth about names.
func coveredBy(text string, c covers, name string) bool {
	if name == text {
		return c&coversSelf != 0
	}
	front, ok := strings.CutSuffix(name, "."+text)
	if !ok {
		return false
	}
	if strings.Contains(front, ".") {
		return c&coversMore != 0
	}
	return c&coversOne != 0
}

func TestDomainIndexOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	labels := []string{"a", "b", "ab", "x-1", "", "com", strings.Repeat("l", 63)}
	random := func(n int) string {
		var ls []string
		for range 1 + r.IntN(n) {
			ls = append(ls, labels[r.IntN(len(labels))])
		}
		return strings.Join(ls, ".")
	}
	for round := range 200 {
		var names []nameID
		for i := range r.IntN(60) {
			if text := random(4); text != "" {
				names = append(names, newNameID(text, uint32(i), covers(1+r.IntN(7))))
			}
		}
		x := newDomainIndex(names)
		for range 200 {
			name := random(6)
			var want []uint32
			for _, n := range names {
				if coveredBy(n.text, covers(n.posting>>postingBits), name) {
					want = append(want, n.posting&maxPosting)
				}
			}
			got := x.Append(nil, []byte(name))
			slices.Sort(got)
			slices.Sort(want)
			if name != "" && !slices.Equal(got, want) {
				t.Fatalf("round %d, %q: %v, want %v of %v", round, name, got, want, names)
			}
		}
	}
}

func TestAddressIndexOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	random := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(4)), byte(r.IntN(256))})
		}
		return netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 7: byte(r.IntN(4)), 15: byte(r.IntN(256))})
	}
	for range 100 {
		var ps []prefixID
		for i := range r.IntN(80) {
			a := random()
			ps = append(ps, prefixID{netip.PrefixFrom(a, r.IntN(a.BitLen()+1)).Masked(), uint32(i % 50)})
		}
		x := newAddressIndex(slices.Clone(ps))
		for range 200 {
			a := random()
			want := map[uint32]bool{}
			for _, p := range ps {
				if p.prefix.Contains(a) {
					want[p.id] = true
				}
			}
			got := x.Append(nil, a)
			seen := map[uint32]bool{}
			for _, id := range got {
				seen[id] = true
			}
			if len(seen) != len(want) || x.Contains(a) != (len(want) > 0) {
				t.Fatalf("%v: %v, want %v", a, got, want)
			}
			for id := range want {
				if !seen[id] {
					t.Fatalf("%v: %v, want %v", a, got, want)
				}
			}
		}
	}
	if got := newAddressIndex(nil).Append(nil, random()); got != nil {
		t.Errorf("empty index: %v", got)
	}
}

func manyNames(n int) []nameID {
	names := make([]nameID, n)
	for i := range names {
		names[i] = newNameID(fmt.Sprintf("svc%d.zone%d.example", i, i%977), uint32(i%5000), coversSelf)
	}
	return names
}

func BenchmarkDomainIndex(b *testing.B) {
	x := newDomainIndex(manyNames(100_000))
	b.Logf("%.1f bytes a name", float64(x.Size())/100_000)
	for _, bm := range []struct{ what, format string }{{"hit", "svc%d.zone%d.example"}, {"miss", "www%d.zone%d.evil-domain.test"}} {
		b.Run(bm.what, func(b *testing.B) {
			queries := make([][]byte, 8192)
			for i := range queries {
				queries[i] = fmt.Appendf(nil, bm.format, i*11, i*11%977)
			}
			var ids []uint32
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				ids = x.Append(ids[:0], queries[i&8191])
				i++
			}
		})
	}
}

func BenchmarkAddressIndex(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	ps := make([]prefixID, 100_000)
	for i := range ps {
		ps[i] = prefixID{netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + r.IntN(200)), byte(r.IntN(256)), byte(r.IntN(256)), 0}), 12+r.IntN(13)).Masked(), uint32(i)}
	}
	x := newAddressIndex(ps)
	addrs := make([]netip.Addr, 8192)
	for i := range addrs {
		addrs[i] = netip.AddrFrom4([4]byte{byte(1 + r.IntN(200)), byte(r.IntN(256)), byte(r.IntN(256)), 7})
	}
	b.Run("append", func(b *testing.B) {
		var ids []uint32
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			ids = x.Append(ids[:0], addrs[i&8191])
			i++
		}
	})
	b.Run("contains", func(b *testing.B) {
		i := 0
		for b.Loop() {
			x.Contains(addrs[i&8191])
			i++
		}
	})
}
