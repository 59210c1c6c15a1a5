package envelope

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of verification; use errors.Is.
var (
	// ErrUntrusted: fewer trusted keys have signed than must.
	ErrUntrusted = errors.New("not signed by enough trusted keys")
	// ErrPayloadType: something was signed that is no manifest.
	ErrPayloadType = errors.New("wrong payload type")
	// ErrRollback: an older serial than is accepted.
	ErrRollback = errors.New("older than the bindings accept")
)

// Verified is a payload that trusted keys have signed.
type Verified struct {
	Payload []byte
	// Signers are the trusted keys with a valid signature, each once, in the order of the keys given.
	Signers []*PublicKey
}

// Verify returns the payload if at least threshold (0 counts as 1) of the keys have signed it. A key counts once,
// whatever number of signatures it made and under whatever names it is given; keys after their NotAfter do not count.
func (e *Envelope) Verify(keys []*PublicKey, threshold int, now time.Time) (*Verified, error) {
	if e.PayloadType != PayloadType {
		return nil, fmt.Errorf("%w: %.80q; want %q", ErrPayloadType, e.PayloadType, PayloadType)
	}
	if e.Detached() {
		return nil, fmt.Errorf("%w: a detached signature without its payload", ErrUntrusted)
	}
	message := PAE(e.PayloadType, e.payload)
	sum := sha256.Sum256(message)
	v := &Verified{Payload: e.payload}
	counted := make(map[string]bool)
	var expired []string
	for _, k := range keys {
		if counted[k.ID] || !slices.ContainsFunc(e.Signatures, func(s Signature) bool {
			return e.mayBe(s, k, keys) && k.verify(message, sum[:], s.Sig)
		}) {
			continue
		}
		counted[k.ID] = true
		if !k.NotAfter.IsZero() && now.After(k.NotAfter) {
			expired = append(expired, k.String()+", which is not trusted since "+k.NotAfter.UTC().Format(time.DateOnly))
			continue
		}
		v.Signers = append(v.Signers, k)
	}
	if threshold = max(threshold, 1); len(v.Signers) < threshold {
		return nil, fmt.Errorf("%w: %d of %d; %s", ErrUntrusted, len(v.Signers), threshold, e.describe(v.Signers, expired, keys))
	}
	return v, nil
}

// mayBe spares verifications: a signature whose hint names another of the keys is not tried with k. One whose hint
// names none of them may come from a tool that counts ids in another way, and is tried with all.
func (e *Envelope) mayBe(s Signature, k *PublicKey, keys []*PublicKey) bool {
	return s.KeyID == k.ID || !slices.ContainsFunc(keys, func(other *PublicKey) bool { return other.ID == s.KeyID })
}

func (p *PublicKey) verify(message, sum, sig []byte) bool {
	switch key := p.key.(type) {
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig)
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum, sig)
	}
	return false
}

// describe says who claims to have signed, who did, and who may.
func (e *Envelope) describe(signers []*PublicKey, expired []string, keys []*PublicKey) string {
	var claimed []string
	for _, s := range e.Signatures {
		id := s.KeyID
		if id == "" {
			id = "no key id"
		}
		claimed = append(claimed, fmt.Sprintf("%.80q", id))
	}
	parts := []string{"no signatures"}
	if len(claimed) > 0 {
		parts[0] = "signatures of " + strings.Join(claimed, ", ")
	}
	if len(signers) > 0 {
		parts = append(parts, "valid: "+list(signers))
	}
	if len(expired) > 0 {
		parts = append(parts, "valid, but of "+strings.Join(expired, ", "))
	}
	return strings.Join(append(parts, "trusted: "+list(keys)), "; ")
}

func list(keys []*PublicKey) string {
	if len(keys) == 0 {
		return "none"
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	return strings.Join(names, ", ")
}
