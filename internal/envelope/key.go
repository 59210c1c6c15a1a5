package envelope

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"netsensor/internal/manifest"
)

// PublicKey verifies signatures.
type PublicKey struct {
	// ID is the lower-case hex SHA-256 of the SubjectPublicKeyInfo in DER.
	ID   string
	Kind manifest.KeyKind
	// Name is what the bindings call the key; may be empty.
	Name string
	// NotAfter is when the key is no longer trusted; zero for never.
	NotAfter time.Time

	key crypto.PublicKey
	der []byte
}

// PrivateKey signs.
type PrivateKey struct {
	PublicKey
	signer crypto.Signer
}

// Generate makes a key pair; random is crypto/rand.Reader outside of tests.
func Generate(kind manifest.KeyKind, random io.Reader) (*PrivateKey, error) {
	switch kind {
	case manifest.Ed25519:
		_, k, err := ed25519.GenerateKey(random)
		if err != nil {
			return nil, err
		}
		return newPrivate(k)
	case manifest.ECDSAP256:
		k, err := ecdsa.GenerateKey(elliptic.P256(), random)
		if err != nil {
			return nil, err
		}
		return newPrivate(k)
	}
	return nil, fmt.Errorf("no such kind of key: %q", kind)
}

func newPrivate(s crypto.Signer) (*PrivateKey, error) {
	pub, err := newPublic(s.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{PublicKey: *pub, signer: s}, nil
}

func newPublic(key crypto.PublicKey) (*PublicKey, error) {
	p := &PublicKey{key: key}
	switch k := key.(type) {
	case ed25519.PublicKey:
		p.Kind = manifest.Ed25519
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("an ECDSA key on the curve %s; want P-256", k.Curve.Params().Name)
		}
		p.Kind = manifest.ECDSAP256
	default:
		return nil, fmt.Errorf("a key of the type %T; want Ed25519 or ECDSA P-256", key)
	}
	// Encoded again: one key has one id, however it was written.
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(der)
	p.ID, p.der = hex.EncodeToString(sum[:]), der
	return p, nil
}

// ParsePublicKey parses a SubjectPublicKeyInfo as PEM ("PUBLIC KEY") or as base64 of its DER.
func ParsePublicKey(text string) (*PublicKey, error) {
	var der []byte
	if block, rest := pem.Decode([]byte(text)); block != nil {
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("a %q; want a PUBLIC KEY", block.Type)
		}
		if strings.TrimSpace(string(rest)) != "" {
			return nil, errors.New("more than one key")
		}
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, errors.New("neither PEM nor base64 of a public key")
		}
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("not a SubjectPublicKeyInfo")
	}
	return newPublic(key)
}

// ParsePrivateKey parses a PKCS #8 key as PEM ("PRIVATE KEY").
func ParsePrivateKey(text []byte) (*PrivateKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("no PEM; want a PRIVATE KEY (PKCS #8)")
	case block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the private key is encrypted; decrypt it first")
	case block.Type != "PRIVATE KEY":
		return nil, fmt.Errorf("a %q; want a PRIVATE KEY (PKCS #8)", block.Type)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The cause could tell of the key.
		return nil, errors.New("not a PKCS #8 private key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of the type %T; want Ed25519 or ECDSA P-256", key)
	}
	return newPrivate(signer)
}

// PEM returns the SubjectPublicKeyInfo as PEM.
func (p *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der})
}

// Base64 returns the SubjectPublicKeyInfo as the bindings have it.
func (p *PublicKey) Base64() string { return base64.StdEncoding.EncodeToString(p.der) }

// String returns the name, if any, and the id.
func (p *PublicKey) String() string {
	if p.Name == "" {
		return p.ID
	}
	return p.Name + " (" + p.ID + ")"
}

// PrivatePEM returns the PKCS #8 form as PEM.
func (k *PrivateKey) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Sign adds k's signature, in place of an earlier one with its id: Ed25519 over the encoding itself (RFC 8032), ECDSA
// over its SHA-256, in ASN.1. The payload must be there, and be a manifest by its type.
func (e *Envelope) Sign(k *PrivateKey) error {
	switch {
	case e.PayloadType != PayloadType:
		return fmt.Errorf("the payload's type is %.80q; want %q", e.PayloadType, PayloadType)
	case e.Detached():
		return errors.New("nothing to sign: no payload")
	}
	message, opts := PAE(e.PayloadType, e.payload), crypto.SignerOpts(crypto.Hash(0))
	if k.Kind == manifest.ECDSAP256 {
		sum := sha256.Sum256(message)
		message, opts = sum[:], crypto.SHA256
	}
	sig, err := k.signer.Sign(rand.Reader, message, opts)
	if err != nil {
		return err
	}
	for i := range e.Signatures {
		if e.Signatures[i].KeyID == k.ID {
			e.Signatures[i].Sig = sig
			return nil
		}
	}
	if len(e.Signatures) == maxSignatures {
		return fmt.Errorf("more than %d signatures", maxSignatures)
	}
	e.Signatures = append(e.Signatures, Signature{KeyID: k.ID, Sig: sig})
	return nil
}
