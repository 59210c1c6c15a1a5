//go:build ignore

// Generate writes the certificates that the TLS 1.2 handshakes carry: two issuers, each with an intermediate and
// four leaves. Keys are thrown away, so another run gives other bytes: run it only to change what they contain.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"math/big"
	"os"
	"time"
)

func main() {
	for i, kind := range []string{"ec", "rsa"} {
		root, inter := key(kind), key(kind)
		top := template("Bench Root "+kind, int64(100*i+1), true)
		issue(kind+"-root.der", top, top, root, root)
		mid := template("Bench Issuing CA "+kind, int64(100*i+2), true)
		issue(kind+"-ca.der", mid, top, inter, root)
		for n := range 4 {
			leaf := template(fmt.Sprintf("*.edge%d.%s.example", n, kind), int64(100*i+10+n), false)
			for k := range 1 + 6*n {
				leaf.DNSNames = append(leaf.DNSNames, fmt.Sprintf("site%d.edge%d.%s.example", k, n, kind))
			}
			issue(fmt.Sprintf("%s-leaf%d.der", kind, n), leaf, mid, key(kind), inter)
		}
	}
}

func template(name string, serial int64, ca bool) *x509.Certificate {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &x509.Certificate{
		SerialNumber: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(77), 120), big.NewInt(serial)),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Bench Trust Services"}, Country: []string{"DE"}},
		NotBefore:    start, NotAfter: start.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: ca, KeyUsage: x509.KeyUsageDigitalSignature,
		OCSPServer:            []string{"http://ocsp.bench.example"},
		CRLDistributionPoints: []string{"http://crl.bench.example/ca.crl"},
	}
	if ca {
		c.KeyUsage |= x509.KeyUsageCertSign
		c.NotAfter = start.AddDate(10, 0, 0)
	} else {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		c.DNSNames = []string{name}
	}
	return c
}

func key(kind string) crypto.Signer {
	if kind == "ec" {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(err)
		return k
	}
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	return k
}

func issue(file string, c, parent *x509.Certificate, key, by crypto.Signer) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	check(err)
	check(os.WriteFile(file, der, 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
