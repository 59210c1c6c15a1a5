package tls

import (
	"fmt"
	"sync"
	"testing"
)

func fingerprint(t testing.TB, h hello, transport byte) *Fingerprint {
	t.Helper()
	parsed, err := ParseClientHello(h.bytes())
	if err != nil {
		t.Fatal(err)
	}
	return NewCache().Client(&parsed, transport)
}

// The example of FoxIO's technical details, and its stability under GREASE and the order of extensions.
func TestJA4(t *testing.T) {
	const want = "t13d1516h2_8daaf6152771_e5627efa2ab1"
	h := chrome("www.example.com")
	first := fingerprint(t, h, OverTCP)
	if first.JA4 != want {
		t.Errorf("JA4 = %s, want %s", first.JA4, want)
	}
	h.ciphers[0], h.exts[0].typ = 0xfafa, 0xbaba
	h.exts[2], h.exts[5] = h.exts[5], h.exts[2]
	second := fingerprint(t, h, OverTCP)
	if second.JA4 != want {
		t.Errorf("JA4 = %s after a permutation, want %s", second.JA4, want)
	}
	if first.JA3 == second.JA3 {
		t.Error("JA3 does not see the order of the extensions")
	}
	if got := fingerprint(t, h, OverQUIC).JA4; got != "q"+want[1:] {
		t.Errorf("over QUIC: %s", got)
	}
}

func TestJA4Edges(t *testing.T) {
	many := make([]uint16, 120)
	for i := range many {
		many[i] = uint16(0x100 + i)
	}
	versions := func(v ...uint16) ext { return ext{extSupportedVersions, vec8(u16(v...)...)} }
	for name, c := range map[string]struct {
		h         hello
		transport byte
		want      string // the first part
	}{
		"nothing":             {hello{version: 0x0301}, 't', "t10i000000"},
		"no SNI":              {hello{version: 0x0303, ciphers: many[:1], exts: []ext{}}, 't', "t12i010000"},
		"capped":              {hello{version: 0x0302, ciphers: many, exts: []ext{sni("a.example")}}, 't', "t11d990100"},
		"SSL 3.0":             {hello{version: 0x0300, ciphers: many[:2]}, 't', "ts3i020000"},
		"empty SNI":           {hello{version: 0x0303, exts: []ext{{0, nil}}}, 't', "t12d000100"},
		"one character":       {hello{version: 0x0303, exts: []ext{alpn("h")}}, 't', "t12i0001hh"},
		"not alphanumeric":    {hello{version: 0x0303, exts: []ext{alpn("\xab\xcd")}}, 't', "t12i0001ad"},
		"last is not":         {hello{version: 0x0303, exts: []ext{alpn("0\xab")}}, 't', "t12i00013b"},
		"one odd byte":        {hello{version: 0x0303, exts: []ext{alpn("\xab")}}, 't', "t12i0001ab"},
		"draft above final":   {hello{version: 0x0303, exts: []ext{versions(0x0304, 0x7f1c)}}, 'q', "q00i000100"},
		"only GREASE":         {hello{version: 0x0303, exts: []ext{versions(0x5a5a)}}, 't', "t12i000100"},
		"DTLS":                {hello{version: 0xfefd}, 'd', "dd2i000000"},
		"DTLS 1.3":            {hello{version: 0xfefd, exts: []ext{versions(0xfefc, 0xfefd)}}, 'd', "dd3i000100"},
		"GREASE is not there": {hello{version: 0x0303, ciphers: []uint16{0x1a1a}, exts: []ext{{0x2a2a, nil}}}, 't', "t12i000000"},
	} {
		got := fingerprint(t, c.h, c.transport).JA4
		if got[:10] != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if len(got) != 36 {
			t.Errorf("%s: %q has a wrong length", name, got)
		}
	}
	if got := fingerprint(t, hello{version: 0x0301}, 't').JA4; got != "t10i000000_000000000000_000000000000" {
		t.Errorf("empty lists: %s", got)
	}
}

func TestJA3(t *testing.T) {
	// The example of the JA3 README, in its order.
	h := hello{version: 769,
		ciphers: []uint16{4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99},
	}
	fp := fingerprint(t, h, OverTCP)
	if fp.JA3 != "769,4-5-10-9-100-98-3-6-19-18-99,,," || fp.JA3Hash != "de350869b8c85de67a350c8d186f11e6" {
		t.Errorf("%s %s", fp.JA3, fp.JA3Hash)
	}
	h = hello{version: 769, ciphers: []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
		exts: []ext{sni("x"), {10, vec16(u16(23, 24, 25))}, {11, vec8(0)}}}
	fp = fingerprint(t, h, OverTCP)
	if fp.JA3 != "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0" ||
		fp.JA3Hash != "ada70206e40642a3e4461f35503241d5" {
		t.Errorf("%s %s", fp.JA3, fp.JA3Hash)
	}
	sh := ServerHello{Version: 769, CipherSuite: 47, Extensions: u16(0xff01, 1, 0)[:5]}
	if s := NewCache().Server(&sh); s.JA3S != "769,47,65281" || s.JA3SHash != "4192c0a946c5bd9b544b4656d9f624a4" {
		t.Errorf("%s %s", s.JA3S, s.JA3SHash)
	}
}

// An entry must be found again, and evicted ones must stay valid.
func TestCache(t *testing.T) {
	cache := NewCache()
	kept := map[string]*Fingerprint{}
	for i := range 3 * helloSlots {
		h := hello{version: 0x0303, ciphers: []uint16{uint16(i), uint16(i >> 4)}}
		parsed, _ := ParseClientHello(h.bytes())
		f := cache.Client(&parsed, OverTCP)
		if again := cache.Client(&parsed, OverTCP); again != f {
			t.Fatal("not cached")
		}
		kept[f.JA3] = f
	}
	for text, f := range kept {
		if f.JA3 != text {
			t.Fatal("an entry changed")
		}
	}
	huge := hello{version: 0x0303, ciphers: make([]uint16, maxKey)}
	if f := fingerprint(t, huge, OverTCP); f.JA3 != "" || f.JA4 != "" {
		t.Errorf("a huge hello: %s", fmt.Sprint(len(f.JA3)))
	}
}

// One cache for several goroutines, as the race detector sees it.
func TestCacheConcurrently(t *testing.T) {
	cache := NewCache()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2 * helloSlots {
				h := hello{version: 0x0303, ciphers: []uint16{uint16(i % (helloSlots + g))}}
				parsed, _ := ParseClientHello(h.bytes())
				if f := cache.Client(&parsed, OverTCP); f.JA3 != fmt.Sprintf("771,%d,,,", h.ciphers[0]) {
					t.Errorf("%s for %d", f.JA3, h.ciphers[0])
				}
			}
		})
	}
	wg.Wait()
}
