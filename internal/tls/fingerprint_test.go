package tls

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// said is a fingerprint in the EVE vocabulary.
type said struct {
	JA3 struct{ Hash, String string }
	JA4 string
	// The other members.
	Client_alpns     []string
	Client_handshake struct {
		Version                 string
		Ciphers, Exts, Sig_algs []uint16
	}
}

// says returns what f says, and checks that it is said with the same words however often it is asked for.
func says(t testing.TB, f *Fingerprint) (s said) {
	t.Helper()
	b := f.appendHandshake(f.appendALPN(f.AppendJA4(f.AppendJA3(nil))))
	if again := f.AppendJA3(nil); !bytes.HasPrefix(b, again) {
		t.Fatalf("%s is not the beginning of %s", again, b)
	}
	if len(b) == 0 {
		return said{}
	}
	if err := json.Unmarshal(fmt.Appendf(nil, "{%s}", b[:len(b)-1]), &s); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return s
}

func fingerprint(t testing.TB, h hello, transport byte) said {
	t.Helper()
	parsed, err := ParseClientHello(h.bytes())
	if err != nil {
		t.Fatal(err)
	}
	var f Fingerprint
	f.Set(NewCache(), &parsed, transport)
	return says(t, &f)
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
	if first.JA3.String == second.JA3.String {
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
	if fp.JA3.String != "769,4-5-10-9-100-98-3-6-19-18-99,,," || fp.JA3.Hash != "de350869b8c85de67a350c8d186f11e6" {
		t.Errorf("%s %s", fp.JA3.String, fp.JA3.Hash)
	}
	h = hello{version: 769, ciphers: []uint16{47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4},
		exts: []ext{sni("x"), {10, vec16(u16(23, 24, 25))}, {11, vec8(0)}}}
	fp = fingerprint(t, h, OverTCP)
	if fp.JA3.String != "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0" ||
		fp.JA3.Hash != "ada70206e40642a3e4461f35503241d5" {
		t.Errorf("%s %s", fp.JA3.String, fp.JA3.Hash)
	}
	sh := ServerHello{Version: 769, CipherSuite: 47, Extensions: u16(0xff01, 1, 0)[:5]}
	const want = `"ja3s":{"hash":"4192c0a946c5bd9b544b4656d9f624a4","string":"769,47,65281"},`
	if s := NewCache().Server(&sh).JA3S(); s != want {
		t.Error(s)
	}
}

// What a cache says must not depend on what it has seen: not the first, second or third time, not after others took
// the slot, and not for a hello that shares parts with others. slowFingerprint is the plain way.
func TestCache(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	cache := NewCache()
	var f Fingerprint
	for range 2000 {
		h := chrome("www.example.com")
		switch r.IntN(4) {
		case 0:
			r.Shuffle(len(h.exts), func(i, j int) { h.exts[i], h.exts[j] = h.exts[j], h.exts[i] })
		case 1:
			h.ciphers = h.ciphers[:r.IntN(len(h.ciphers))]
		case 2:
			h.exts = append(h.exts[:r.IntN(len(h.exts))], ext{uint16(r.IntN(80)), nil}, ext{uint16(r.IntN(80)), nil})
		}
		parsed, _ := ParseClientHello(h.bytes())
		want := slowFingerprint(&parsed)
		for range 1 + r.IntN(3) {
			f.Set(cache, &parsed, OverTCP)
			if got := says(t, &f); !reflect.DeepEqual(got, want) {
				t.Fatalf("got  %v\nwant %v", got, want)
			}
		}
	}
	huge := hello{version: 0x0303, ciphers: make([]uint16, maxKey)}
	if s := fingerprint(t, huge, OverTCP); s.JA3.String != "" || s.JA4 != "" {
		t.Error("a huge hello has a fingerprint")
	}
}

// slowFingerprint is JA3 and JA4 as their authors describe them, for TLS 1.3 with a server name.
func slowFingerprint(h *ClientHello) (s said) {
	list := func(b []byte) (v []uint16) {
		for ; len(b) >= 2; b = b[2:] {
			if x := binary.BigEndian.Uint16(b); !isGREASE(x) {
				v = append(v, x)
			}
		}
		return v
	}
	join := func(v []uint16, format, sep string) string {
		var text []string
		for _, x := range v {
			text = append(text, fmt.Sprintf(format, x))
		}
		return strings.Join(text, sep)
	}
	hash := func(text string) string {
		if text == "" {
			return "000000000000"
		}
		return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:12]
	}
	ciphers, exts, sigs := list(h.CipherSuites), []uint16(nil), list(h.SignatureAlgs)
	for e := h.Extensions; len(e) >= 4; e = e[4+binary.BigEndian.Uint16(e[2:]):] {
		if x := binary.BigEndian.Uint16(e); !isGREASE(x) {
			exts = append(exts, x)
		}
	}
	s.JA3.String = fmt.Sprintf("%d,%s,%s,%s,%s", h.Version, join(ciphers, "%d", "-"), join(exts, "%d", "-"),
		join(list(h.Groups), "%d", "-"), strings.Trim(strings.ReplaceAll(fmt.Sprint(h.PointFormats), " ", "-"), "[]"))
	s.JA3.Hash = fmt.Sprintf("%x", md5.Sum([]byte(s.JA3.String)))

	version, name, end := "12", "i", "00"
	if len(h.SupportedVersions) > 0 {
		version = "13"
	}
	if h.HasServerName {
		name = "d"
	}
	if len(h.ALPN) > 0 {
		end, s.Client_alpns = "h2", []string{"h2", "http/1.1"}
	}
	s.Client_handshake.Version = "TLS 1." + version[1:]
	s.Client_handshake.Ciphers, s.Client_handshake.Exts, s.Client_handshake.Sig_algs = ciphers, exts, sigs
	sorted := slices.DeleteFunc(slices.Clone(exts), func(x uint16) bool { return x == 0 || x == 16 })
	slices.Sort(sorted)
	tail := join(sorted, "%04x", ",")
	if tail != "" && len(sigs) > 0 {
		tail += "_" + join(sigs, "%04x", ",")
	}
	byValue := slices.Clone(ciphers)
	slices.Sort(byValue)
	s.JA4 = fmt.Sprintf("t%s%s%02d%02d%s_%s_%s", version, name, len(ciphers), len(exts), end,
		hash(join(byValue, "%04x", ",")), hash(tail))
	return s
}

// A hello that the cache does not know must not cost memory.
func TestUnknownHelloAllocatesNothing(t *testing.T) {
	h := chrome("www.example.com")
	parsed, _ := ParseClientHello(h.bytes())
	cache := NewCache()
	var f Fingerprint
	buf := make([]byte, 0, 4096)
	n := byte(0)
	once := func() {
		n++
		parsed.CipherSuites[4], parsed.SignatureAlgs[0] = n, n // all parts change
		f.Set(cache, &parsed, OverTCP)
		buf = f.appendHandshake(f.appendALPN(f.AppendJA4(f.AppendJA3(buf[:0]))))
	}
	once()
	if n := testing.AllocsPerRun(200, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecimals(t *testing.T) {
	for v := range 1 << 16 {
		if got := string(appendDecimals(nil, u16(uint16(v)), ',')); got != strconv.Itoa(v) {
			t.Fatalf("%d is written %s", v, got)
		}
	}
}
