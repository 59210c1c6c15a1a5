package names

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

const sec = int64(time.Second)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func texts(ks []Known) []string {
	var s []string
	for _, k := range ks {
		t := k.Name
		if k.Chain != "" {
			t += " > " + k.Chain
		}
		if k.Private {
			t += " !"
		}
		s = append(s, t)
	}
	slices.Sort(s)
	return s
}

func TestLearn(t *testing.T) {
	client, web := addr("10.0.0.1"), addr("198.51.100.7")
	for _, tt := range []struct {
		name     string
		question string
		answers  []Answer
		internal bool
		at       int64 // seconds after the answer
		to       netip.Addr
		want     []string
		learnt   Learnt
	}{
		{"plain", "API.Example.", []Answer{{Name: "api.example", Addr: web, TTL: 60}}, false, 5, web, []string{"api.example"}, Learnt{Addresses: 1}},
		{"mapped", "api.example", []Answer{{Name: "api.example", Addr: addr("::ffff:198.51.100.7"), TTL: 60}}, false, 5, web, []string{"api.example"}, Learnt{Addresses: 1}},
		{"before", "api.example", []Answer{{Name: "api.example", Addr: web, TTL: 60}}, false, -1, web, nil, Learnt{Addresses: 1}},
		{"beyond the TTL", "api.example", []Answer{{Name: "api.example", Addr: web, TTL: 60}}, false, 3600, web, []string{"api.example"}, Learnt{Addresses: 1}},
		{"beyond the floor", "api.example", []Answer{{Name: "api.example", Addr: web, TTL: 60}}, false, 3601, web, nil, Learnt{Addresses: 1}},
		{"chain out of order", "a.example", []Answer{
			{Name: "c.cdn.example", Addr: web, TTL: 60}, {Name: "b.example", To: "C.cdn.example.", TTL: 9}, {Name: "A.example", To: "b.example", TTL: 7000},
		}, false, 5, web, []string{"a.example > b.example c.cdn.example"}, Learnt{Addresses: 1}},
		{"loop", "a.example", []Answer{{Name: "a.example", To: "b.example"}, {Name: "b.example", To: "a.example"}}, false, 5, web, nil, Learnt{}},
		{"not asked for", "a.example", []Answer{{Name: "bank.example", Addr: web, TTL: 60}}, false, 5, web, nil, Learnt{Stray: 1}},
		{"public name, private address", "a.example", []Answer{{Name: "a.example", Addr: addr("127.0.0.1"), TTL: 60}}, false, 5, addr("127.0.0.1"),
			[]string{"a.example !"}, Learnt{Addresses: 1, Private: 1}},
		{"internal name, private address", "a.corp", []Answer{{Name: "a.corp", Addr: addr("10.1.1.1"), TTL: 60}}, true, 5, addr("10.1.1.1"),
			[]string{"a.corp"}, Learnt{Addresses: 1}},
		{"root", ".", []Answer{{Name: ".", Addr: web}}, false, 5, web, nil, Learnt{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Config{})
			if got := m.Learn(client, 1000*sec, tt.question, tt.answers, tt.internal); got != tt.learnt {
				t.Errorf("learnt %+v, want %+v", got, tt.learnt)
			}
			if got := texts(m.Names(nil, client, tt.to, (1000+tt.at)*sec)); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("names = %q, want %q", got, tt.want)
			}
			if got := m.Names(nil, addr("10.0.0.2"), tt.to, (1000+tt.at)*sec); got != nil {
				t.Errorf("another client: %v", got)
			}
		})
	}
}

func TestSharedAddress(t *testing.T) {
	m, client, cdn := New(Config{}), addr("2001:db8::1"), addr("2001:db8:f::1")
	for i, n := range []string{"a.example", "b.example"} {
		m.Learn(client, int64(i)*sec, n, []Answer{{Name: n, Addr: cdn, TTL: 1}}, false)
	}
	if got := texts(m.Names(nil, client, cdn, 2*sec)); !reflect.DeepEqual(got, []string{"a.example", "b.example"}) {
		t.Errorf("names = %q", got)
	}
	if got := texts(m.Names(nil, client, cdn, 0)); !reflect.DeepEqual(got, []string{"a.example"}) {
		t.Errorf("as of the first answer: %q", got)
	}
}

func TestResolve(t *testing.T) {
	m, client := New(Config{}), addr("10.0.0.1")
	a, b := addr("198.51.100.1"), addr("198.51.100.2")
	m.Ask(client, sec, "asked.example")
	m.Learn(client, sec, "known.example", []Answer{{Name: "known.example", Addr: a, TTL: 1}}, false)
	m.Learn(client, sec, "trap.example", []Answer{{Name: "trap.example", Addr: addr("10.9.9.9"), TTL: 1}}, false)
	for _, tt := range []struct {
		name string
		addr netip.Addr
		at   int64
		want Resolution
	}{
		{"never.example", a, 2, Unasked},
		{"asked.example", a, 2, Asked},
		{"known.example", a, 2, Here},
		{"KNOWN.example.", a, 2, Here},
		{"known.example", b, 2, Elsewhere},
		{"known.example", a, 0, Unasked},
		{"known.example", a, 2 + 3600, Asked},
		{"trap.example", addr("10.9.9.9"), 2, Asked},
	} {
		if got, _ := m.Resolve(client, []byte(tt.name), tt.addr, tt.at*sec); got != tt.want {
			t.Errorf("%s at %v, second %d: %d, want %d", tt.name, tt.addr, tt.at, got, tt.want)
		}
	}
	if c, ok := m.Client(client); !ok || c.FirstSeen != sec || c.FirstAnswer != sec || c.Unanswered != 1 || c.Evicted {
		t.Errorf("client = %+v, %v", c, ok)
	}
	m.Encrypted(addr("10.0.0.7"), 3*sec)
	if c, ok := m.Client(addr("10.0.0.7")); !ok || c.Encrypted != 3*sec || c.FirstSeen != 0 {
		t.Errorf("client = %+v, %v", c, ok)
	}
}

// What the bounds keep must be a part of what an unbounded memory keeps; the lists must stay whole.
func TestBounds(t *testing.T) {
	cfg := Config{MaxClients: 3, MaxPerClient: 20, MaxPerName: 4, MaxPerAddress: 3, MaxUnanswered: 5, Max: 50}
	r := rand.New(rand.NewPCG(1, 2))
	m, all := New(cfg), New(Config{MaxPerName: 1e6, MaxPerAddress: 1e6})
	pick := func(n int) int { return r.IntN(n) }
	for step := range 20000 {
		now := int64(step) * sec / 10
		c := netip.AddrFrom4([4]byte{10, 0, 0, byte(pick(3))})
		if pick(300) == 0 {
			c = netip.AddrFrom4([4]byte{10, 0, 1, byte(pick(9))})
		}
		n := fmt.Sprintf("n%d.example", pick(40))
		a := netip.AddrFrom4([4]byte{198, 51, 100, byte(pick(30))})
		switch pick(4) {
		case 0:
			m.Ask(c, now, n)
			all.Ask(c, now, n)
		case 1, 2:
			ans := []Answer{{Name: n, To: "alias.example", TTL: 5}, {Name: "alias.example", Addr: a, TTL: 5}}
			if pick(2) == 0 {
				ans = []Answer{{Name: n, Addr: a, TTL: 5}, {Name: n, Addr: a.Next(), TTL: 5}}
			}
			m.Learn(c, now, n, ans, false)
			all.Learn(c, now, n, ans, false)
			if got := texts(m.Names(nil, c, a, now)); len(got) == 0 {
				t.Fatalf("step %d: what was just learnt is gone", step)
			}
		default:
			known := texts(all.Names(nil, c, a, now))
			for _, k := range m.Names(nil, c, a, now) {
				if !slices.ContainsFunc(known, func(s string) bool { return len(s) >= len(k.Name) && s[:len(k.Name)] == k.Name }) {
					t.Fatalf("step %d: %q was never learnt", step, k.Name)
				}
			}
		}
		s := m.Stats()
		if s.Clients > cfg.MaxClients || s.Bindings > cfg.Max || s.Names > cfg.Max+cfg.MaxClients*cfg.MaxUnanswered {
			t.Fatalf("step %d: %+v", step, s)
		}
	}
	check(t, m)
	s := m.Stats()
	if s.EvictedClients == 0 || s.EvictedPerClient == 0 || s.EvictedPerName == 0 || s.EvictedPerAddress == 0 || s.EvictedOverall == 0 || s.EvictedUnanswered == 0 {
		t.Errorf("not every bound was reached: %+v", s)
	}
	for m.cOldest != 0 {
		m.forget(m.cOldest)
	}
	if len(m.byAddr)+len(m.byName)+len(m.byText)+len(m.byClient)+m.texts.used+m.names.used+m.bindings.used+m.clients.used != 0 {
		t.Errorf("something is left when all clients are forgotten: %+v", m.Stats())
	}
}

func check(t *testing.T, m *Memory) {
	t.Helper()
	total := 0
	for _, ci := range m.byClient {
		n := 0
		for bi := m.clients.at(ci).newest; bi != 0; bi = m.bindings.at(bi).older {
			n++
		}
		if n != m.clients.at(ci).bindings || n > m.cfg.MaxPerClient {
			t.Errorf("client has %d bindings, counted %d", n, m.clients.at(ci).bindings)
		}
		total += n
	}
	if total != m.bindings.used {
		t.Errorf("%d bindings in lists, %d in use", total, m.bindings.used)
	}
	for _, ni := range m.byName {
		n := 0
		for bi := m.names.at(ni).head; bi != 0; bi = m.bindings.at(bi).nameNext {
			n++
		}
		if a := m.names.at(ni); n != int(a.count) || n > m.cfg.MaxPerName || a.answered != (n > 0) {
			t.Errorf("name has %d bindings, counted %d, answered %v", n, a.count, a.answered)
		}
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("a.example", "a.example", "b.example", []byte{1, 2, 3, 4}, uint32(60), int64(1))
	f.Fuzz(func(t *testing.T, q, owner, to string, raw []byte, ttl uint32, now int64) {
		m := New(Config{MaxPerClient: 2})
		a, _ := netip.AddrFromSlice(raw)
		c := addr("10.0.0.1")
		m.Ask(c, now, owner)
		m.Learn(c, now, q, []Answer{{owner, to, netip.Addr{}, ttl}, {to, "", a, ttl}, {q, "", a, ttl}}, ttl%2 == 0)
		m.Resolve(c, []byte(q), a, now)
		m.Names(nil, c, a, now)
		check(t, m)
	})
}

func BenchmarkLearn(b *testing.B) {
	m := New(Config{})
	qs := make([]string, 4096)
	for i := range qs {
		qs[i] = fmt.Sprintf("host-%d.service.example", i)
	}
	ans := make([]Answer, 1)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		q := qs[i%4096]
		ans[0] = Answer{Name: q, Addr: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8 & 15), byte(i)}), TTL: 60}
		m.Learn(netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 13)}), int64(i), q, ans, false)
		i++
	}
}

func BenchmarkNames(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkNames(b, n) })
	}
}

func benchmarkNames(b *testing.B, n int) {
	m := New(Config{})
	for i := range n {
		q := fmt.Sprintf("host-%d.service.example", i)
		m.Learn(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), int64(i), q, []Answer{{Name: q, Addr: netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), TTL: 60}}, false)
	}
	var dst []Known
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		dst = m.Names(dst[:0], netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 1<<20)
		if i += 257; i >= n {
			i -= n
		}
	}
}

func TestNoAllocations(t *testing.T) {
	m, c, a := New(Config{}), addr("10.0.0.1"), addr("198.51.100.1")
	ans := []Answer{{Name: "API.example.", Addr: a, TTL: 60}}
	m.Learn(c, 1, "api.example", ans, false)
	var dst []Known
	if n := testing.AllocsPerRun(100, func() {
		m.Learn(c, 2, "api.example", ans, false)
		m.Ask(c, 2, "api.example")
		dst = m.Names(dst[:0], c, a, 3)
		m.Resolve(c, []byte("api.example"), a, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
