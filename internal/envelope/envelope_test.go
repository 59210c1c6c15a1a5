package envelope

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"netsensor/internal/manifest"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func generate(t testing.TB, kind manifest.KeyKind) *PrivateKey {
	t.Helper()
	k, err := Generate(kind, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keys(list ...*PrivateKey) []*PublicKey {
	var pub []*PublicKey
	for _, k := range list {
		pub = append(pub, &k.PublicKey)
	}
	return pub
}

// sign returns the JSON of an envelope.
func sign(t testing.TB, payload string, by ...*PrivateKey) []byte {
	t.Helper()
	e := New([]byte(payload))
	for _, k := range by {
		if err := e.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	b, err := e.Encode(false)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verify(b []byte, k []*PublicKey, threshold int) (*Verified, error) {
	e, err := Decode(b)
	if err != nil {
		return nil, err
	}
	return e.Verify(k, threshold, now)
}

// The example of DSSE's protocol.md.
func TestPAE(t *testing.T) {
	got := string(PAE("http://example.com/HelloWorld", []byte("hello world")))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("PAE = %q, want %q", got, want)
	}
}

func TestSignVerify(t *testing.T) {
	a, b, c := generate(t, manifest.Ed25519), generate(t, manifest.ECDSAP256), generate(t, manifest.Ed25519)
	named := a.PublicKey
	named.Name = "the same under another name"
	old := a.PublicKey
	old.NotAfter = now.Add(-time.Hour)
	both := sign(t, `{"x":1}`, a, b)
	for _, c := range []struct {
		name      string
		envelope  []byte
		keys      []*PublicKey
		threshold int
		signers   int // 0: refused
	}{
		{"one of one", sign(t, `{"x":1}`, a), keys(a), 0, 1},
		{"ecdsa", sign(t, `{"x":1}`, b), keys(b), 1, 1},
		{"two of two", both, keys(a, b), 2, 2},
		{"two of three", both, keys(a, b, c), 2, 2},
		{"one of two is enough", both, keys(b, c), 1, 1},
		{"three wanted", both, keys(a, b, c), 3, 0},
		{"another key", sign(t, `{"x":1}`, a), keys(c), 1, 0},
		{"no key", both, nil, 0, 0},
		{"no signature", sign(t, `{"x":1}`), keys(a), 1, 0},
		{"one key under two names", sign(t, `{"x":1}`, a), []*PublicKey{&a.PublicKey, &named}, 2, 0},
		{"a key that is not trusted any more", sign(t, `{"x":1}`, a), []*PublicKey{&old}, 1, 0},
		{"a signature once more", mutate(t, sign(t, `{"x":1}`, a), func(m map[string]any) {
			s := m["signatures"].([]any)
			m["signatures"] = append(s, s[0], map[string]any{"sig": s[0].(map[string]any)["sig"]})
		}), keys(a, b), 2, 0},
		{"signatures swapped", mutate(t, both, func(m map[string]any) {
			s := m["signatures"].([]any)
			x, y := s[0].(map[string]any), s[1].(map[string]any)
			x["sig"], y["sig"] = y["sig"], x["sig"]
		}), keys(a, b), 1, 0},
		{"signature of another payload", mutate(t, sign(t, `{"x":1}`, a), func(m map[string]any) {
			m["signatures"] = decoded(t, sign(t, `{"x":2}`, a))["signatures"]
		}), keys(a), 1, 0},
		{"stripped", mutate(t, both, func(m map[string]any) { m["signatures"] = []any{} }), keys(a, b), 1, 0},
		{"one of two stripped", mutate(t, both, func(m map[string]any) { m["signatures"] = m["signatures"].([]any)[1:] }), keys(a, b), 2, 0},
		{"no key id", mutate(t, both, func(m map[string]any) {
			for _, s := range m["signatures"].([]any) {
				delete(s.(map[string]any), "keyid")
			}
		}), keys(a, b), 2, 2},
		{"unknown key id, unknown members", mutate(t, both, func(m map[string]any) {
			m["further"] = []any{map[string]any{"payload": "x"}}
			m["signatures"].([]any)[0].(map[string]any)["keyid"] = "SHA256:of another tool"
		}), keys(a, b), 2, 2},
		{"URL-safe base64", mutate(t, both, func(m map[string]any) {
			for _, s := range m["signatures"].([]any) {
				o := s.(map[string]any)
				o["sig"] = strings.NewReplacer("+", "-", "/", "_").Replace(o["sig"].(string))
			}
		}), keys(a, b), 2, 2},
	} {
		v, err := verify(c.envelope, c.keys, c.threshold)
		switch {
		case c.signers == 0 && !errors.Is(err, ErrUntrusted):
			t.Errorf("%s: error %v, want ErrUntrusted", c.name, err)
		case c.signers > 0 && (err != nil || len(v.Signers) != c.signers || string(v.Payload) != `{"x":1}`):
			t.Errorf("%s: %+v, %v", c.name, v, err)
		}
	}
	if err := errorOf(verify(both, keys(c), 1)); !strings.Contains(err, a.ID) || !strings.Contains(err, c.ID) {
		t.Errorf("the error names not who signed and who may: %v", err)
	}
}

func errorOf(_ *Verified, err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func decoded(t testing.TB, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func mutate(t testing.TB, b []byte, f func(map[string]any)) []byte {
	t.Helper()
	m := decoded(t, b)
	f(m)
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPayloadType(t *testing.T) {
	k := generate(t, manifest.Ed25519)
	// Signed in earnest, but as something else.
	message := PAE("application/vnd.in-toto+json", []byte("{}"))
	sig, err := k.signer.Sign(rand.Reader, message, crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	e := &Envelope{PayloadType: "application/vnd.in-toto+json", payload: []byte("{}"), Signatures: []Signature{{KeyID: k.ID, Sig: sig}}}
	if _, err := e.Verify(keys(k), 1, now); !errors.Is(err, ErrPayloadType) {
		t.Errorf("another type: %v, want ErrPayloadType", err)
	}
	e.PayloadType = PayloadType
	if _, err := e.Verify(keys(k), 1, now); !errors.Is(err, ErrUntrusted) {
		t.Errorf("the type exchanged: %v, want ErrUntrusted", err)
	}
	if err := (&Envelope{PayloadType: "text/plain", payload: []byte("x")}).Sign(k); err == nil {
		t.Error("signed something that is no manifest")
	}
}

// Every bit of the file is flipped. Only key ids, which are hints, and what JSON ignores may change: then what is
// verified is still what was signed.
func TestEveryFlippedBit(t *testing.T) {
	for _, kind := range []manifest.KeyKind{manifest.Ed25519, manifest.ECDSAP256} {
		k := generate(t, kind)
		payload := `{"manifestVersion":"1.0","serial":7}`
		good := sign(t, payload, k)
		id := bytes.Index(good, []byte(k.ID))
		passed := 0
		for i := range len(good) * 8 {
			bad := bytes.Clone(good)
			bad[i/8] ^= 1 << (i % 8)
			v, err := verify(bad, keys(k), 1)
			if err != nil {
				continue
			}
			passed++
			if string(v.Payload) != payload {
				t.Fatalf("%s, bit %d: a payload that nobody signed: %q", kind, i, v.Payload)
			}
			// Within strings only the id may differ; outside, JSON's white space and the name of "keyid".
			if c := good[i/8]; i/8 < id-len(`"keyid": "`) && c != ' ' && c != '\n' {
				t.Errorf("%s, bit %d of %q: accepted", kind, i%8, bad[max(0, i/8-10):i/8+10])
			}
		}
		if passed == 0 {
			t.Error("nothing passed: is the test about signatures at all?")
		}
		e, err := Decode(good)
		if err != nil {
			t.Fatal(err)
		}
		sig := e.Signatures[0].Sig
		for i := range len(sig) * 8 {
			sig[i/8] ^= 1 << (i % 8)
			if _, err := e.Verify(keys(k), 1, now); !errors.Is(err, ErrUntrusted) {
				t.Errorf("%s, bit %d of the signature: %v", kind, i, err)
			}
			sig[i/8] ^= 1 << (i % 8)
		}
		for i := range e.payload {
			e.payload[i] ^= 0x20
			if _, err := e.Verify(keys(k), 1, now); !errors.Is(err, ErrUntrusted) {
				t.Errorf("%s, byte %d of the payload: %v", kind, i, err)
			}
			e.payload[i] ^= 0x20
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for in, want := range map[string]string{
		``:                         "want an object",
		`[]`:                       "want an object",
		`{`:                        "",
		`{}`:                       `no "payload"`,
		`{"payload":"e30="}`:       `no "payloadType"`,
		`{"payload":5}`:            "want a string",
		`{"payload":"e30=\n"}`:     "not base64",
		`{"payload":"e31="}`:       "not base64", // bits set that stand for nothing
		`{"payload":"e3"}`:         "not base64",
		`{"payload":"?"}`:          "not base64",
		`{"Payload":"e30="}`:       `want "payload"`,
		`{"payload":"","payload":`: "twice",
		`{"payload":"e30=","payloadType":"t","signatures":{}}`:                                                    "want a list",
		`{"payload":"e30=","payloadType":"t","signatures":[5]}`:                                                   "want an object",
		`{"payload":"e30=","payloadType":"t","signatures":[{}]}`:                                                  `no "sig"`,
		`{"payload":"e30=","payloadType":"t","signatures":[]}{}`:                                                  "after its end",
		`{"payload":"e30=","payloadType":"t","signatures":[` + strings.Repeat(`{"sig":""},`, 32) + `{"sig":""}]}`: "more than 32",
		`{"payload":"","payloadType":"` + strings.Repeat("t", 2000) + `"}`:                                        "more than",
		`{"payload":"","signatures":[{"sig":"` + strings.Repeat("A", 4000) + `"}]}`:                               "more than",
		`{"x":` + strings.Repeat("[", 100000):                                                                     "",
	} {
		if _, err := Decode([]byte(in)); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v, want %q", in, err, want)
		}
	}
	if _, err := Decode(make([]byte, MaxSize+1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
	good := sign(t, "{}", generate(t, manifest.Ed25519))
	for n := range len(good) - 2 { // the last two are the brace and the line feed
		if _, err := Decode(good[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
}

func TestIs(t *testing.T) {
	for in, want := range map[string]bool{
		`{"payload":"","signatures":[]}`:           true,
		`{"further":{"a":[1]},"signatures":[]}`:    true,
		`{"$schema":"x","manifestVersion":"1.0"}`:  false,
		`{"manifestVersion":"1.0","payload":"e30"`: false,
		`["payload"]`: false, `{"a":`: false, ``: false, `{"a":1}`: false, "\ufeff{}": false,
	} {
		if Is([]byte(in)) != want {
			t.Errorf("Is(%s) = %t", in, !want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, kind := range []manifest.KeyKind{manifest.Ed25519, manifest.ECDSAP256} {
		k := generate(t, kind)
		text, err := k.PrivatePEM()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePrivateKey(text)
		if err != nil || again.ID != k.ID || again.Kind != kind {
			t.Errorf("%s: private key comes back as %v, %v", kind, again, err)
		}
		for _, form := range []string{k.Base64(), string(k.PEM()), "  " + k.Base64()[:20] + "\n" + k.Base64()[20:]} {
			p, err := ParsePublicKey(form)
			if err != nil || p.ID != k.ID || p.Kind != kind {
				t.Errorf("%s: public key %q comes back as %v, %v", kind, form, p, err)
			}
		}
		if _, err := ParsePublicKey(string(text)); err == nil || strings.Contains(err.Error(), k.Base64()[30:]) {
			t.Errorf("a private key as a public one: %v", err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"P-384": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "empty": "", "text": "hello",
		"encrypted": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"rubbish":   "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if _, err := ParsePrivateKey([]byte(text)); err == nil {
			t.Errorf("%s: taken as a private key", name)
		}
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("%s: taken as a public key", name)
		}
	}
	if _, err := Generate("rsa", rand.Reader); err == nil {
		t.Error("made an RSA key")
	}
}

// Signing again with a key replaces its signature; further keys add theirs; detached signatures need the payload.
func TestCounterSign(t *testing.T) {
	a, b := generate(t, manifest.ECDSAP256), generate(t, manifest.Ed25519)
	e, err := Decode(sign(t, "{}", a, a, b))
	if err != nil || len(e.Signatures) != 2 {
		t.Fatalf("%d signatures, %v; want 2", len(e.Signatures), err)
	}
	text, err := e.Encode(true)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(text)
	if err != nil || !d.Detached() {
		t.Fatalf("detached: %v", err)
	}
	if _, err := d.Verify(keys(a), 1, now); !errors.Is(err, ErrUntrusted) {
		t.Errorf("detached without its payload: %v", err)
	}
	if err := d.Sign(a); err == nil {
		t.Error("signed nothing")
	}
	if err := d.Attach([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Verify(keys(a, b), 2, now); err != nil || !slices.Equal(v.Signers, v.Signers[:2]) {
		t.Errorf("detached: %v", err)
	}
	if err := d.Attach([]byte("[]")); err == nil {
		t.Error("a second payload was accepted")
	}
}

func FuzzDecode(f *testing.F) {
	// The same key in every process: the seeds must be the same.
	k, err := newPrivate(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sign(f, `{"manifestVersion":"1.0"}`, k))
	f.Add([]byte(`{"payload":"","payloadType":"","signatures":[{"sig":"","keyid":""}],"x":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		Is(b)
		e, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v is not ErrMalformed", err)
			}
			return
		}
		text, err := e.Encode(false)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Decode(text); err != nil || !bytes.Equal(again.payload, e.payload) || len(again.Signatures) != len(e.Signatures) {
			t.Errorf("encoded and decoded: %v", err)
		}
		if v, err := e.Verify(keys(k), 1, now); err == nil && string(v.Payload) != `{"manifestVersion":"1.0"}` {
			t.Errorf("a payload that nobody signed: %q", v.Payload)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, kind := range []manifest.KeyKind{manifest.Ed25519, manifest.ECDSAP256} {
		b.Run(string(kind), func(b *testing.B) {
			k := generate(b, kind)
			text := sign(b, strings.Repeat("x", 1<<20), k)
			b.ReportAllocs()
			b.SetBytes(1 << 20)
			for b.Loop() {
				if _, err := verify(text, keys(k), 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
