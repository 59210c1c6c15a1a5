package envelope

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"
)

// present is when the tests run: the library takes no other signing time.
var present = time.Now()

// authority issues certificates, all valid for the two days around the present.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	return (&authority{}).issue(t, "Example CA", x509.KeyUsageCertSign)
}

func (a *authority) issue(t testing.TB, name string, usage x509.KeyUsage) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(name))), Subject: pkix.Name{CommonName: name}, KeyUsage: usage,
		NotBefore: present.AddDate(0, 0, -1), NotAfter: present.AddDate(0, 0, 1), BasicConstraintsValid: true, IsCA: a.cert == nil,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{c, key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// cms signs detached.
func (a *authority) cms(t testing.TB, file []byte, digest asn1.ObjectIdentifier) []byte {
	t.Helper()
	s, err := pkcs7.NewSignedData(file)
	if err != nil {
		t.Fatal(err)
	}
	s.SetDigestAlgorithm(digest)
	if err := s.AddSigner(a.cert, a.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	s.Detach()
	b, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerifyMUD(t *testing.T) {
	ca := newAuthority(t)
	signer, other := ca.issue(t, "mud.example.com", x509.KeyUsageDigitalSignature), newAuthority(t)
	file := []byte(`{"ietf-mud:mud":{"mud-version":1}}`)
	sha256 := pkcs7.OIDDigestAlgorithmSHA256
	sig := signer.cms(t, file, sha256)
	if s, err := VerifyMUD(file, sig, ca.pool(), present); err != nil || s.Signer.Subject.CommonName != "mud.example.com" || !s.At.Equal(present) {
		t.Fatalf("%+v, %v", s, err)
	}
	if s, err := VerifyMUD(file, sig, ca.pool(), time.Time{}); err != nil || !s.At.Equal(s.SigningTime) || s.At.IsZero() {
		t.Errorf("at the signing time: %+v, %v", s, err)
	}
	armoured := pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: sig})
	if _, err := VerifyMUD(file, armoured, ca.pool(), present); err != nil {
		t.Errorf("PEM: %v", err)
	}
	for name, c := range map[string]struct {
		file, sig []byte
		roots     *x509.CertPool
		at        time.Time
		says      string
	}{
		"another file":          {[]byte(`{"ietf-mud:mud":{"mud-version":2}}`), sig, ca.pool(), present, "igest"},
		"another authority":     {file, sig, other.pool(), present, "authority"},
		"no authority":          {file, sig, x509.NewCertPool(), present, "authority"},
		"too late":              {file, sig, ca.pool(), present.AddDate(1, 0, 0), "expired"},
		"not JSON":              {[]byte("hello"), sig, ca.pool(), present, "not JSON"},
		"no CMS":                {file, []byte("hello"), ca.pool(), present, "not CMS"},
		"nothing":               {file, nil, ca.pool(), present, "not CMS"},
		"too large":             {file, make([]byte, maxCMS+1), ca.pool(), present, "more than"},
		"SHA-1":                 {file, signer.cms(t, file, pkcs7.OIDDigestAlgorithmSHA1), ca.pool(), present, "too weak"},
		"not for signatures":    {file, ca.issue(t, "tls", x509.KeyUsageKeyAgreement).cms(t, file, sha256), ca.pool(), present, "not for signatures"},
		"the authority's rival": {file, other.issue(t, "mud.example.com", x509.KeyUsageDigitalSignature).cms(t, file, sha256), ca.pool(), present, "authority"},
	} {
		if _, err := VerifyMUD(c.file, c.sig, c.roots, c.at); !errors.Is(err, ErrMUD) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", name, err, c.says)
		}
	}
	for n := range len(sig) - 1 {
		if _, err := VerifyMUD(file, sig[:n], ca.pool(), present); !errors.Is(err, ErrMUD) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1
		if _, err := VerifyMUD(bad, sig, ca.pool(), present); !errors.Is(err, ErrMUD) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
	}
}

func FuzzVerifyMUD(f *testing.F) {
	ca := newAuthority(f)
	file := []byte(`{"ietf-mud:mud":{}}`)
	f.Add(ca.issue(f, "mud.example.com", x509.KeyUsageDigitalSignature).cms(f, file, pkcs7.OIDDigestAlgorithmSHA256))
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x24, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, sig []byte) {
		if _, err := VerifyMUD(file, sig, x509.NewCertPool(), present); err == nil {
			t.Error("verified without any authority")
		}
	})
}
