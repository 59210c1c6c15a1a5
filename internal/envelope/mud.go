package envelope

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/smallstep/pkcs7"
)

// maxCMS bounds a CMS signature with its certificates, in bytes: its decoder recurses.
const maxCMS = 64 << 10

// ErrMUD is a MUD file whose signature does not hold.
var ErrMUD = errors.New("the MUD file's signature does not hold")

func mudError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMUD, fmt.Sprintf(format, args...))
}

// MUDSignature is a CMS signature of a MUD file that holds.
type MUDSignature struct {
	Signer *x509.Certificate
	// SigningTime is what the signer says; zero if it does not.
	SigningTime time.Time
	// At is the time that the certificates were checked for.
	At time.Time
}

// strong are the digests that are accepted; CMS and its library know weaker ones.
var strong = []asn1.ObjectIdentifier{pkcs7.OIDDigestAlgorithmSHA256, pkcs7.OIDDigestAlgorithmSHA384, pkcs7.OIDDigestAlgorithmSHA512}

// VerifyMUD verifies a detached CMS signature, DER or PEM, of a MUD file (RFC 8520, section 13.2). The signer's
// certificate must lead to one of the roots at the given time; zero stands for the signing time, for devices outlive the
// certificates of their manufacturers. That time is the signer's claim: whoever holds an expired key can claim it.
func VerifyMUD(file, signature []byte, roots *x509.CertPool, at time.Time) (*MUDSignature, error) {
	if !json.Valid(file) {
		// Nothing else that a key may have signed, signed attributes least of all, passes for a MUD file.
		return nil, mudError("the file is not JSON")
	}
	if len(signature) > maxCMS {
		return nil, mudError("the signature has more than %d bytes", maxCMS)
	}
	if block, _ := pem.Decode(signature); block != nil {
		signature = block.Bytes
	}
	p, err := pkcs7.Parse(signature)
	if err != nil {
		return nil, mudError("not CMS: %v", err)
	}
	cert := p.GetOnlySigner()
	if cert == nil {
		return nil, mudError("want one signer, with the certificate, found %d", len(p.Signers))
	}
	if alg := p.Signers[0].DigestAlgorithm.Algorithm; !slices.ContainsFunc(strong, alg.Equal) {
		return nil, mudError("the digest algorithm %s is too weak", alg)
	}
	if usage := cert.KeyUsage; usage != 0 && usage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, mudError("the certificate of %s is not for signatures", cert.Subject)
	}
	s := &MUDSignature{Signer: cert, At: at}
	if err := p.UnmarshalSignedAttribute(pkcs7.OIDAttributeSigningTime, &s.SigningTime); err != nil {
		s.SigningTime = time.Time{}
	}
	if s.At.IsZero() {
		s.At = s.SigningTime
	}
	if s.At.IsZero() {
		return nil, mudError("it has no signing time: say for which time the certificates are to be checked")
	}
	// Whatever the signature encloses, what counts is the file.
	p.Content = file
	if err := p.VerifyWithChainAtTime(roots, s.At); err != nil {
		return nil, mudError("%v", err)
	}
	return s, nil
}
