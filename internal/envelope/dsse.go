// Package envelope signs manifests and verifies their signatures: DSSE envelopes (Dead Simple Signing Envelope 1.0,
// secure-systems-lab/dsse protocol.md and envelope.md) with Ed25519 and ECDSA P-256, trust by the keys that the
// bindings pin, and the CMS signatures of MUD files (RFC 8520, section 13).
//
// A payload to judge by is handed out only after its signatures were verified, and what is parsed are the very bytes
// that were verified.
package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// PayloadType is the type of payload that is signed and accepted: a manifest.
const PayloadType = "application/vnd.netsensor.behaviour-manifest+json"

// The bounds of an envelope.
const (
	MaxPayload    = 64 << 20 // bytes, the largest manifest
	MaxSize       = MaxPayload/3*4 + 1<<20
	maxSignatures = 32
	maxSignature  = 1 << 10 // bytes of one signature
	maxHint       = 1 << 10 // bytes of a key id or payload type
)

// ErrMalformed is what is no envelope.
var ErrMalformed = errors.New("not a DSSE envelope")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Envelope is a payload with signatures, none of them verified. A detached envelope has no payload: it lies in a file
// of its own.
type Envelope struct {
	PayloadType string
	Signatures  []Signature

	payload []byte
}

// Signature is one signature of an envelope. KeyID is a hint which nothing protects.
type Signature struct {
	KeyID string
	Sig   []byte
}

// New returns an envelope of a manifest that nobody has signed yet. It keeps the payload.
func New(payload []byte) *Envelope { return &Envelope{PayloadType: PayloadType, payload: payload} }

// PAE is the pre-authentication encoding, which is what is signed (protocol.md): "DSSEv1", the type and the payload,
// each with its length in bytes.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len("DSSEv1")+len(payloadType)+len(payload)+44)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(append(append(b, ' '), payloadType...), ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	return append(append(b, ' '), payload...)
}

// Detached reports whether the payload lies elsewhere.
func (e *Envelope) Detached() bool { return len(e.payload) == 0 }

// Unverified returns the payload whoever signed it, for those who are to sign it. It is not to be judged by.
func (e *Envelope) Unverified() []byte { return e.payload }

// Attach gives a detached envelope its payload, which it keeps. An envelope that has one already is an error: there
// must be no doubt about what was signed.
func (e *Envelope) Attach(payload []byte) error {
	if !e.Detached() {
		return errors.New("the envelope has a payload of its own")
	}
	e.payload = payload
	return nil
}

// Is reports whether b looks like an envelope rather than a manifest: a JSON object with "payload" and "signatures"
// before anything that begins a manifest. It does not say that the envelope is well formed.
func Is(b []byte) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return false
		}
		switch t {
		case "payload", "payloadType", "signatures":
			return true
		case "manifestVersion":
			return false
		}
		if skip(d) != nil {
			return false
		}
	}
	return false
}

// Decode decodes the JSON form. It keeps no part of b. Members that the specification does not know are ignored, as it
// demands; members that it knows must be there once, and in their spelling.
func Decode(b []byte) (*Envelope, error) {
	if len(b) > MaxSize {
		return nil, malformed("more than %d bytes", MaxSize)
	}
	var e Envelope
	d := json.NewDecoder(bytes.NewReader(b))
	err := object(d, []string{"payload", "payloadType", "signatures"}, func(name string) (err error) {
		switch name {
		case "payload":
			e.payload, err = decodeBase64(d, MaxPayload)
		case "payloadType":
			e.PayloadType, err = text(d, maxHint)
		default:
			e.Signatures, err = signatures(d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("something after its end")
	}
	return &e, nil
}

func signatures(d *json.Decoder) ([]Signature, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, malformed("want a list of signatures")
	}
	var list []Signature
	for d.More() {
		if len(list) == maxSignatures {
			return nil, malformed("more than %d signatures", maxSignatures)
		}
		var s Signature
		err := object(d, []string{"sig", "keyid"}, func(name string) (err error) {
			if name == "sig" {
				s.Sig, err = decodeBase64(d, maxSignature)
			} else {
				s.KeyID, err = text(d, maxHint)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	if _, err := d.Token(); err != nil {
		return nil, malformed("%v", err)
	}
	return list, nil
}

// object reads an object; member is called for those of its members that are known. All known members but "keyid" must
// be there.
func object(d *json.Decoder, known []string, member func(name string) error) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return malformed("want an object")
	}
	seen := make(map[string]bool, len(known))
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return malformed("%v", err)
		}
		name, _ := t.(string)
		isKnown := false
		for _, k := range known {
			// Another reader may fold case, and must not find something else.
			if strings.EqualFold(name, k) && name != k {
				return malformed("the member %.40q; want %q", name, k)
			}
			isKnown = isKnown || name == k
		}
		switch {
		case !isKnown:
			err = skip(d)
		case seen[name]:
			err = malformed("the member %q twice", name)
		default:
			seen[name] = true
			err = member(name)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return malformed("%v", err)
	}
	for _, k := range known {
		if !seen[k] && k != "keyid" {
			return malformed("no %q", k)
		}
	}
	return nil
}

// skip reads one value, whatever it is.
func skip(d *json.Decoder) error {
	depth := 0
	for {
		t, err := d.Token()
		if err != nil {
			return malformed("%v", err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func text(d *json.Decoder, limit int) (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", malformed("%v", err)
	}
	s, ok := t.(string)
	switch {
	case !ok:
		return "", malformed("want a string")
	case len(s) > limit:
		return "", malformed("a string of more than %d bytes", limit)
	}
	return s, nil
}

// decodeBase64 reads the standard or the URL-safe alphabet (envelope.md), padded or not.
func decodeBase64(d *json.Decoder, limit int) ([]byte, error) {
	s, err := text(d, limit/3*4+4)
	if err != nil {
		return nil, err
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	if strings.HasSuffix(s, "=") {
		enc = enc.WithPadding(base64.StdPadding)
	}
	// The decoder skips line feeds, and unused bits may be set unless it is strict: two texts of one signature.
	b, err := enc.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, malformed("not base64")
	}
	return b, nil
}

// Encode returns the JSON form with a final line feed; without the payload if detached.
func (e *Envelope) Encode(detached bool) ([]byte, error) {
	type signature struct {
		KeyID string `json:"keyid"`
		Sig   []byte `json:"sig"`
	}
	form := struct {
		Payload     []byte      `json:"payload"`
		PayloadType string      `json:"payloadType"`
		Signatures  []signature `json:"signatures"`
	}{Payload: e.payload, PayloadType: e.PayloadType, Signatures: []signature{}}
	if detached {
		form.Payload = []byte{}
	}
	for _, s := range e.Signatures {
		form.Signatures = append(form.Signatures, signature(s))
	}
	// The type has a "+", which stays readable without HTML's escapes.
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(form); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
