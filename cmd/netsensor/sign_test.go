package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"netsensor/pcaps"
)

// netsensor runs the program in the current folder.
func netsensor(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, strings.NewReader(""), &out, &errs); code != want {
		t.Errorf("netsensor %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, &errs)
	}
	return out.String(), errs.String()
}

// TestSignedSite judges by manifests that the site's bindings want signed by two keys.
func TestSignedSite(t *testing.T) {
	t.Chdir(t.TempDir())
	put := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("m.json", pcaps.Manifest())
	put("bare.json", pcaps.Bindings())
	if err := copyPcaps("captures"); err != nil {
		t.Fatal(err)
	}
	var site map[string]any
	if err := json.Unmarshal(pcaps.Bindings(), &site); err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{}
	for _, name := range []string{"vendor", "local", "stranger"} {
		out, _ := netsensor(t, 0, "manifest", "keygen", name)
		if info, err := os.Stat(name + ".key"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s.key: %v, %v; want mode 0600", name, info.Mode(), err)
		}
		if name != "stranger" {
			keys[name] = map[string]any{"kind": "ed25519", "public": regexp.MustCompile(`public: (\S+)\}`).FindStringSubmatch(out)[1]}
		}
	}
	site["keys"] = keys
	ref := site["manifest"].(map[string]any)
	ref["trust"], ref["threshold"] = []string{"vendor", "local"}, 2
	text, err := json.Marshal(site)
	if err != nil {
		t.Fatal(err)
	}
	put("site.json", text)
	ref["minSerial"] = 8
	if text, err = json.Marshal(site); err != nil {
		t.Fatal(err)
	}
	put("later.json", text)
	netsensor(t, 0, "manifest", "sign", "-k", "vendor.key", "-o", "one.dsse.json", "m.json")
	netsensor(t, 0, "manifest", "sign", "-k", "local.key", "-o", "two.dsse.json", "one.dsse.json")
	netsensor(t, 0, "manifest", "sign", "-k", "vendor.key", "-k", "stranger.key", "-o", "false.dsse.json", "m.json")

	replay := func(want int, m, b string) (string, string) {
		return netsensor(t, want, "replay", "-q", "-e", "alert", "-m", m, "-b", b, "captures/02-beacon.pcap")
	}
	bare, _ := replay(0, "m.json", "bare.json")
	if signed, _ := replay(0, "two.dsse.json", "site.json"); signed != bare || bare == "" {
		t.Errorf("alerts by the signed manifest:\n%sby the bare one:\n%s", signed, bare)
	}
	for _, c := range []struct{ m, b, says string }{
		{"m.json", "site.json", "m.json: not signed by enough trusted keys: it is not signed; trusted: vendor ("},
		{"one.dsse.json", "site.json", "1 of 2; signatures of "},
		{"false.dsse.json", "site.json", "1 of 2; signatures of "},
		{"two.dsse.json", "later.json", "two.dsse.json has serial 7; at least 8 is wanted [serial-too-low]"},
	} {
		if out, errs := replay(1, c.m, c.b); !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%s, %s: %q; want %q", c.m, c.b, errs, c.says)
		}
	}
	if out, _ := netsensor(t, 0, "manifest", "verify", "-b", "site.json", "two.dsse.json"); !strings.Contains(out, "signed by vendor (") || !strings.Contains(out, "signed by local (") {
		t.Errorf("verify: %s", out)
	}
	netsensor(t, 1, "manifest", "verify", "-b", "site.json", "one.dsse.json")
	if _, errs := netsensor(t, 1, "manifest", "verify", "-b", "later.json", "two.dsse.json"); !strings.Contains(errs, "older than the bindings accept: serial 7") {
		t.Errorf("rolled back: %s", errs)
	}
	if out, _ := netsensor(t, 0, "manifest", "diff", "-b", "site.json", "two.dsse.json", "two.dsse.json"); !strings.Contains(out, "no difference") {
		t.Errorf("diff: %s", out)
	}
}

// TestMUDSignature verifies a MUD file signed by a certificate of an authority made here.
func TestMUDSignature(t *testing.T) {
	t.Chdir(t.TempDir())
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Lamp\x1b Ltd"}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		NotBefore: time.Now().AddDate(0, 0, -1), NotAfter: time.Now().AddDate(0, 0, 1), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	file := []byte(`{"ietf-mud:mud":{}}`)
	cms, err := pkcs7.NewSignedData(file)
	if err != nil {
		t.Fatal(err)
	}
	cms.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := cms.AddSigner(c, key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	cms.Detach()
	sig, err := cms.Finish()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"lamp.json": file, "lamp.p7s": sig, "other.json": []byte("{}"), "ca.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func(want int, file string, more ...string) (string, string) {
		return netsensor(t, want, append([]string{"manifest", "verify", "--mud", file, "--signature", "lamp.p7s", "--ca", "ca.pem"}, more...)...)
	}
	if out, _ := verify(0, "lamp.json"); !strings.Contains(out, "lamp.json: signed by \"CN=") || strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	verify(0, "lamp.json", "--at", "now")
	verify(1, "lamp.json", "--at", "2001-01-01T00:00:00Z")
	verify(2, "lamp.json", "--at", "yesterday")
	if _, errs := verify(1, "other.json"); !strings.Contains(errs, "the MUD file's signature does not hold") {
		t.Errorf("another file: %q", errs)
	}
}
