package tls

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// ParseCertificate must agree with crypto/x509 on what that accepts.
func TestCertificateOracle(t *testing.T) {
	for _, der := range [][]byte{
		newLeaf(t, rawName, "www.example.com", "192.0.2.7").Certificate[0],
		newLeaf(t, pkix.Name{}).Certificate[0],
		newLeaf(t, pkix.Name{CommonName: "only.example"}).Certificate[0],
		newLeaf(t, pkix.Name{Country: []string{"DE"}, Locality: []string{"Köln"}, SerialNumber: "7", PostalCode: []string{"50667"}}).Certificate[0],
	} {
		compareCertificate(t, der)
	}
}

func compareCertificate(t *testing.T, der []byte) {
	t.Helper()
	got := ParseCertificate(der)
	if got.SHA1 != sha1.Sum(der) {
		t.Error("SHA1")
	}
	want, err := x509.ParseCertificate(der)
	if err != nil {
		return
	}
	if !got.HasValidity || got.NotBefore != want.NotBefore.Unix() || got.NotAfter != want.NotAfter.Unix() {
		t.Errorf("validity %d to %d, want %v to %v", got.NotBefore, got.NotAfter, want.NotBefore, want.NotAfter)
	}
	if !got.HasSPKI || got.SPKI != sha256.Sum256(want.RawSubjectPublicKeyInfo) {
		t.Error("SPKI")
	}
	if n := bytes.Count(got.json.names, []byte(`","`)); len(want.DNSNames)+len(want.IPAddresses) > n+2 {
		t.Errorf("%s, want %q and %v", got.json.names, want.DNSNames, want.IPAddresses)
	}
	var subject pkix.RDNSequence
	if _, err := asn1.Unmarshal(want.RawSubject, &subject); err == nil && len(subject) > 0 && len(got.Subject) == 0 {
		t.Error("no subject")
	}
}

func TestCertificateText(t *testing.T) {
	x := ParseCertificate(newLeaf(t, pkix.Name{CommonName: "only.example", OrganizationalUnit: []string{"a", "b"}}).Certificate[0])
	if got := string(x.Subject); got != "OU=a + OU=b, CN=only.example" {
		t.Errorf("subject %s", got)
	}
	if len(x.facts) != 3 || string(x.facts[2].Text) != "only.example" {
		t.Errorf("facts %v", x.facts) // without subjectAltName the common name counts
	}
	x = ParseCertificate([]byte("no certificate"))
	if !bytes.HasPrefix(x.json.fingerprint, []byte(`"fingerprint":"`)) || len(x.json.names)+len(x.json.serial)+len(x.json.dates) > 0 || len(x.facts) > 0 {
		t.Errorf("%s", x.json)
	}
}

func TestNameEncodings(t *testing.T) {
	name := func(oid string, tag byte, v string) []byte {
		attr := append([]byte{6, byte(len(oid))}, oid...)
		attr = append(append(attr, tag, byte(len(v))), v...)
		seq := append([]byte{0x30, byte(len(attr))}, attr...)
		return append([]byte{0x31, byte(len(seq))}, seq...)
	}
	for _, c := range []struct {
		oid  string
		tag  byte
		v    string
		want string
	}{
		{"\x55\x04\x03", 12, "Köln", "CN=Köln"},
		{"\x55\x04\x03", 19, "K\xf6ln", "CN=K\xf6ln"},
		{"\x55\x04\x0a", 30, "\x00A\xd8\x3d\xde\x00", "O=A😀"},
		{"\x55\x04\x0a", 28, "\x00\x01\xf6\x00", "O=😀"},
		{"\x55\x04\x05", 3, "\x00\x01", "serialNumber=#0001"},
		{"\x2a\x03\x04", 22, "x", "1.2.3.4=x"},
		{"\x80", 22, "x", "OID=x"},
		{"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 19, "DE", "jurisdictionCountryName=DE"},
	} {
		if got, _ := appendName(nil, name(c.oid, c.tag, c.v)); string(got) != c.want {
			t.Errorf("%q: %q, want %q", c.oid, got, c.want)
		}
	}
}

func TestReadTime(t *testing.T) {
	for text, want := range map[string]string{
		"\x17\x0d500102030405Z":              "1950-01-02T03:04:05Z",
		"\x17\x0d490102030405Z":              "2049-01-02T03:04:05Z",
		"\x17\x0b2001020304Z":                "2020-01-02T03:04:00Z",
		"\x17\x11200102030405+0100":          "2020-01-02T02:04:05Z",
		"\x18\x0f20510607080910Z":            "2051-06-07T08:09:10Z",
		"\x18\x0f99991231235959Z":            "9999-12-31T23:59:59Z",
		"\x17\x0d20010203040xZ":              "",
		"\x17\x00":                           "",
		"\x16\x0d200102030405Z":              "",
		"\x18\x20" + strings.Repeat("2", 32): "",
	} {
		var got int64
		in := cryptobyte.String(text)
		ok := readTime(&in, &got)
		if ok != (want != "") || ok && time.Unix(got, 0).UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %v %v", text, ok, time.Unix(got, 0).UTC())
		}
	}
	if got := string(appendDate(nil, "notafter", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).Unix())); got != "" {
		t.Errorf("EVE has no room for %s", got)
	}
}

func FuzzCertificate(f *testing.F) {
	f.Add(newLeaf(f, rawName, "www.example.com", "192.0.2.1").Certificate[0])
	f.Add(newLeaf(f, pkix.Name{CommonName: "x"}).Certificate[0])
	f.Fuzz(func(t *testing.T, der []byte) {
		x := ParseCertificate(der)
		if x.SHA1 != sha1.Sum(der) {
			t.Error("SHA1")
		}
		if want, err := x509.ParseCertificate(der); err == nil {
			if !x.HasSPKI || x.SPKI != sha256.Sum256(want.RawSubjectPublicKeyInfo) {
				t.Error("SPKI")
			}
			if !x.HasValidity {
				t.Errorf("validity: %v %v", want.NotBefore, want.NotAfter)
			}
		}
		if b := (&Detail{cert: x, clientCert: x}).AppendEVE(nil, nil); !json.Valid(fmt.Appendf(nil, "{%s}", b)) {
			t.Errorf("invalid JSON: %s", b)
		}
	})
}

func BenchmarkParseCertificate(b *testing.B) {
	der := newLeaf(b, rawName, "www.example.com", "*.example.net").Certificate[0]
	b.ReportAllocs()
	for b.Loop() {
		ParseCertificate(der)
	}
}
