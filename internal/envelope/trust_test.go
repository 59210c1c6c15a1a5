package envelope

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netsensor/internal/manifest"
)

const id = "urn:uuid:11111111-2222-4333-8444-555555555555"

func document(serial int) string {
	return fmt.Sprintf(`{"manifestVersion":"1.0","id":%q,"serial":%d,"publisher":{"name":"Example Ltd","domain":"example.com"},
"product":{"name":"Example"},"validity":{},"roles":{"server":{}}}`, id, serial)
}

// bindings trusts keys named k0, k1, …
func bindings(t *testing.T, ref string, pub ...*PrivateKey) *manifest.Bindings {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "bindingsVersion: \"1.0\"\nsite: s\nmanifest: {id: %q, %s}\nroles: {server: {endpoints: [10.0.0.1]}}\nkeys:\n", id, ref)
	for i, k := range pub {
		fmt.Fprintf(&b, "  k%d: {kind: %s, public: %s, notAfter: 2027-01-01T00:00:00Z}\n", i, k.Kind, k.Base64())
	}
	if len(pub) == 0 {
		b.WriteString("  {}\n")
	}
	doc, err := manifest.DecodeBindings("site.yaml", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, &b)
	}
	return doc
}

func TestTrust(t *testing.T) {
	a, b, other := generate(t, manifest.Ed25519), generate(t, manifest.ECDSAP256), generate(t, manifest.Ed25519)
	detachedBy := func(k *PrivateKey, payload string) string {
		e := New([]byte(payload))
		if err := e.Sign(k); err != nil {
			t.Fatal(err)
		}
		text, err := e.Encode(true)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const both = "trust: [k0, k1], threshold: 2, minSerial: 7"
	for _, c := range []struct {
		name, ref string
		file, sig string
		want      error // nil: loads
		says      string
	}{
		{"bare, nothing trusted", "minSerial: 7", document(7), "", nil, ""},
		{"bare, trust demanded", "trust: [k0]", document(7), "", ErrUntrusted, "k0 (" + a.ID + ")"},
		{"one signature", "trust: [k0]", string(sign(t, document(7), a)), "", nil, ""},
		{"two signatures", both, string(sign(t, document(7), a, b)), "", nil, ""},
		{"one of two", both, string(sign(t, document(7), b)), "", ErrUntrusted, "1 of 2"},
		{"key that is not this product's", "trust: [k0]", string(sign(t, document(7), b)), "", ErrUntrusted, b.ID},
		{"foreign key", "trust: [k0]", string(sign(t, document(7), other)), "", ErrUntrusted, other.ID},
		{"replayed old serial", both, string(sign(t, document(6), a, b)), "", ErrRollback, "serial 6; at least 7 is wanted"},
		{"detached", "trust: [k0]", document(7), detachedBy(a, document(7)), nil, ""},
		{"detached, of another serial", "trust: [k0]", document(8), detachedBy(a, document(7)), ErrUntrusted, ""},
		{"detached signature damaged", "trust: [k0]", document(7), "{}", ErrMalformed, ".sig"},
		{"detached signature alone", "trust: [k0]", detachedBy(a, document(7)), "", ErrMalformed, "without a manifest"},
		{"damaged envelope", "trust: [k0]", `{"payload":"e30="}`, "", ErrMalformed, ""},
		{"signed garbage", "trust: [k0]", string(sign(t, `{}`, a)), "", nil, "manifestVersion"},
		{"signed, nothing trusted", "minSerial: 7", string(sign(t, document(7), a)), "", nil, "the bindings trust no key"},
	} {
		path := filepath.Join(t.TempDir(), "m.json")
		write(t, path, c.file)
		if c.sig != "" {
			write(t, path+SignatureSuffix, c.sig)
		}
		trust, err := NewTrust(bindings(t, c.ref, a, b), now)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		m, err := trust.Load(path)
		if err == nil {
			err = trust.Accept(m)
		}
		switch {
		case c.want == nil && c.says == "":
			if err != nil || m.Serial != 7 {
				t.Errorf("%s: %v", c.name, err)
			}
		case err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), path):
			t.Errorf("%s: error %v, want %v with %q", c.name, err, c.want, c.says)
		}
	}
	late, err := NewTrust(bindings(t, "trust: [k0]", a), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.json")
	write(t, path, string(sign(t, document(7), a)))
	if _, err := late.Load(path); !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), "2027-01-01") {
		t.Errorf("after the key's notAfter: %v", err)
	}
	if _, err := late.Load(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// The digest of a signed manifest is that of the signed bytes, with or without an envelope.
func TestDigest(t *testing.T) {
	k := generate(t, manifest.Ed25519)
	trust, err := NewTrust(bindings(t, "trust: [k0]", k), now)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.json")
	write(t, path, string(sign(t, document(7), k)))
	m, err := trust.Load(path)
	bare, err2 := manifest.Decode("m", []byte(document(7)))
	if err != nil || err2 != nil || m.Digest != bare.Digest {
		t.Errorf("%v, %v", err, err2)
	}
}

func TestTrustErrors(t *testing.T) {
	k := generate(t, manifest.Ed25519)
	for _, c := range []struct {
		ref, kind, public, want string
	}{
		{"trust: [k1]", "ed25519", k.Base64(), `no key "k1"`},
		{"trust: [k0]", "ecdsa-p256", k.Base64(), `is of the kind "ed25519"`},
		{"trust: [k0]", "ed25519", "AAAA", "SubjectPublicKeyInfo"},
		{"threshold: 1", "ed25519", k.Base64(), "no trusted key"},
	} {
		b := bindings(t, c.ref, k)
		key := b.Keys["k0"]
		key.Kind, key.Public = manifest.KeyKind(c.kind), c.public
		b.Keys["k0"] = key
		if _, err := NewTrust(b, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.ref, err, c.want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
