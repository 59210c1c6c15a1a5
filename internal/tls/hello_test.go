package tls

import (
	"errors"
	"reflect"
	"testing"
)

func TestClientHelloPrefixes(t *testing.T) {
	msg := chrome("www.example.com").bytes()
	for n := range len(msg) {
		if h, err := ParseClientHello(msg[:n]); !errors.Is(err, ErrTruncated) || h.ServerName != nil {
			t.Fatalf("first %d bytes: err = %v, want ErrTruncated", n, err)
		}
	}
	h, err := ParseClientHello(append(msg, 1, 2, 3))
	if err != nil || string(h.ServerName) != "www.example.com" || string(h.ALPN) != "\x02h2\x08http/1.1" {
		t.Fatalf("%+v, %v", h, err)
	}
}

func TestClientHelloMalformed(t *testing.T) {
	good := chrome("www.example.com").bytes()
	for name, change := range map[string]func(b []byte) []byte{
		"type":              func(b []byte) []byte { b[0] = 2; return b },
		"session id":        func(b []byte) []byte { b[38] = 255; b[39] = 255; return b },
		"odd ciphers":       func(b []byte) []byte { b[40]++; return b },
		"extensions length": func(b []byte) []byte { b[75]++; return b },
		"trailing byte":     func(b []byte) []byte { b[3]++; return append(b, 0) },
		"empty":             func(b []byte) []byte { return []byte{1, 0, 0, 0} },
	} {
		if _, err := ParseClientHello(change(append([]byte(nil), good...))); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: err = %v, want ErrMalformed", name, err)
		}
	}
}

// What is wrong inside of one extension must not hide the others.
func TestClientHelloOddExtensions(t *testing.T) {
	h := hello{version: 0x0303, ciphers: []uint16{0x1301}, exts: []ext{
		{extSupportedGroups, []byte{0, 9, 1}}, {extPointFormats, nil}, {extSignatureAlgs, u16(1, 2)},
		{extALPN, vec16([]byte{9, 'x'})}, {extSupportedVersions, vec8(3)}, {extECH, nil},
		{extServerName, append([]byte{0, 9, 1}, append(vec16([]byte("x")), append([]byte{0}, vec16([]byte("y.example"))...)...)...)},
	}}
	// The list above is 16 bytes long.
	h.exts[6].data[1] = byte(len(h.exts[6].data) - 2)
	got, err := ParseClientHello(h.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if string(got.ServerName) != "y.example" || !got.HasServerName {
		t.Errorf("ServerName = %q", got.ServerName)
	}
	if got.Groups != nil || got.PointFormats != nil || got.SignatureAlgs != nil || got.ALPN != nil || got.SupportedVersions != nil || got.ECH {
		t.Errorf("malformed content was taken: %+v", got)
	}
}

func TestServerHello(t *testing.T) {
	body := append(u16(0x0303), make([]byte, 32)...)
	body = append(body, vec8(1, 2)...)
	body = append(body, 0x13, 0x01, 0)
	exts := append(u16(extSupportedVersions, 2, 0x0304), u16(extPreSharedKey, 2, 0)...)
	body = append(body, vec16(exts)...)
	msg := append([]byte{typeServerHello, 0, 0, byte(len(body))}, body...)
	h, err := ParseServerHello(msg)
	if err != nil || h.Negotiated != 0x0304 || h.Version != 0x0303 || !h.PreSharedKey || h.Retry || h.CipherSuite != 0x1301 {
		t.Fatalf("%+v, %v", h, err)
	}
	for n := range len(msg) {
		if _, err := ParseServerHello(msg[:n]); !errors.Is(err, ErrTruncated) {
			t.Fatalf("first %d bytes: %v", n, err)
		}
	}
	copy(msg[6:], helloRetryRandom)
	if h, _ := ParseServerHello(msg); !h.Retry {
		t.Error("HelloRetryRequest not recognised")
	}
	draft := append(u16(0x7f12), make([]byte, 32)...)
	draft = append(draft, 0x13, 0x02, 0, 0)
	if h, err := ParseServerHello(append([]byte{2, 0, 0, byte(len(draft))}, draft...)); err != nil || h.CipherSuite != 0x1302 {
		t.Errorf("draft-18: %+v, %v", h, err)
	}
}

func TestEncryptedName(t *testing.T) {
	for _, c := range []struct {
		name string
		ext  ext
		want bool
	}{
		{"Cloudflare-ECH.com", ext{extECH, []byte{0, 0, 1, 0, 1, 7}}, true},
		{"cloudflare-ech.com.", ext{extECH, []byte{0, 0, 1, 0, 1, 7}}, true},
		{"cloudflare-ech.com", ext{extECH, []byte{1}}, false}, // an inner hello
		{"cloudflare-ech.com", ext{0x0017, nil}, false},
		{"www.example.com", ext{extECH, []byte{0, 0, 1, 0, 1, 7}}, false}, // GREASE
		{"", ext{extECH, []byte{0}}, false},
		{"", ext{extESNI, []byte{0}}, true},
	} {
		h, err := ParseClientHello(hello{version: 0x0303, ciphers: []uint16{0x1301}, exts: []ext{sni(c.name), c.ext}}.bytes())
		if err != nil || h.EncryptedName() != c.want {
			t.Errorf("%q with %#x: %v, %v", c.name, c.ext.typ, h.EncryptedName(), err)
		}
	}
}

func FuzzClientHello(f *testing.F) {
	f.Add(chrome("www.example.com").bytes())
	f.Add(hello{version: 0x0301, ciphers: []uint16{0x000a}}.bytes())
	cache := NewCache()
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseClientHello(b)
		if err != nil {
			if h.ServerName != nil || h.CipherSuites != nil {
				t.Errorf("a result with an error: %+v, %v", h, err)
			}
			return
		}
		var old, fresh Fingerprint
		old.Set(cache, &h, OverTCP)
		fresh.Set(NewCache(), &h, OverTCP)
		if got, want := says(t, &old), says(t, &fresh); !reflect.DeepEqual(got, want) {
			t.Errorf("the cache changes the result: %+v, %+v", got, want)
		}
		var partial ClientHello
		if partial.unmarshal(b[4:], false, true); string(partial.ServerName) != string(h.ServerName) {
			t.Errorf("partial: %q, whole: %q", partial.ServerName, h.ServerName)
		}
	})
}

func FuzzServerHello(f *testing.F) {
	f.Add(append([]byte{2, 0, 0, 38, 3, 3}, make([]byte, 36)...))
	cache := NewCache()
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseServerHello(b); err == nil {
			cache.Server(&h)
		}
	})
}
