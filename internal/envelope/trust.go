package envelope

import (
	"fmt"
	"io"
	"os"
	"time"

	"netsensor/internal/manifest"
)

// SignatureSuffix is appended to a manifest's file name for the file that holds its detached signatures.
const SignatureSuffix = ".sig"

// Trust is what the bindings demand of manifests' signatures.
type Trust struct {
	keys     []*PublicKey // all that any product trusts
	products []demand
	now      time.Time
}

// demand is what one product demands.
type demand struct {
	id        string
	keys      []*PublicKey // empty: no signature is wanted
	threshold int
	minSerial uint64
}

// NewTrust takes the keys and thresholds from b; now is for keys that are no longer trusted.
func NewTrust(b *manifest.Bindings, now time.Time) (*Trust, error) {
	t := &Trust{now: now}
	for i := range b.Products {
		ref := &b.Products[i].Manifest
		d := demand{id: ref.ID, threshold: max(int(ref.Threshold), 1), minSerial: ref.MinSerial}
		for _, name := range ref.Trust {
			k, known := b.Keys[name]
			if !known {
				return nil, fmt.Errorf("%s: the bindings have no key %q", b.File, name)
			}
			p, err := ParsePublicKey(k.Public)
			if err != nil {
				return nil, fmt.Errorf("%s: key %q: %w", b.File, name, err)
			}
			if p.Kind != k.Kind {
				return nil, fmt.Errorf("%s: key %q: is of the kind %q, not %q", b.File, name, p.Kind, k.Kind)
			}
			p.Name, p.NotAfter = name, k.NotAfter
			d.keys = append(d.keys, p)
			t.keys = append(t.keys, p)
		}
		if ref.Threshold > 0 && len(d.keys) == 0 {
			return nil, fmt.Errorf("%s: a threshold of %d signatures, and no trusted key", b.File, ref.Threshold)
		}
		t.products = append(t.products, d)
	}
	return t, nil
}

// Load reads a manifest from a file: an envelope, a manifest with detached signatures beside it (SignatureSuffix), or,
// where no product demands signatures of it, a bare one. For manifest.LoadAllWith. An old serial is loaded too, for a
// newer one may lie beside it: what is judged by is for Accept, or manifest.BindingsCheck.
func (t *Trust) Load(path string) (*manifest.Manifest, error) {
	b, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	var e *Envelope
	if Is(b) {
		if e, err = Decode(b); err == nil && e.Detached() {
			err = malformed("detached signatures, without a manifest")
		}
	} else if len(t.keys) > 0 {
		e, err = detached(path, b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if e == nil {
		return t.bare(path, b)
	}
	m, _, err := t.Open(path, e)
	return m, err
}

// detached returns the envelope beside a bare manifest, nil for none.
func detached(path string, manifest []byte) (*Envelope, error) {
	sig, err := ReadFile(path + SignatureSuffix)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := Decode(sig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", SignatureSuffix, err)
	}
	return e, e.Attach(manifest)
}

func (t *Trust) bare(path string, b []byte) (*manifest.Manifest, error) {
	m, err := manifest.Decode(path, b)
	if err != nil {
		return nil, err
	}
	for _, d := range t.products {
		if d.id == m.ID && len(d.keys) > 0 {
			return nil, fmt.Errorf("%s: %w: it is not signed; trusted: %s", path, ErrUntrusted, list(d.keys))
		}
	}
	return m, nil
}

// Open verifies an envelope that was read from path and decodes what it holds. All trusted keys are tried before anything
// of the payload is looked at; which of them count for it, and are returned, is known only when its id is.
func (t *Trust) Open(path string, e *Envelope) (*manifest.Manifest, *Verified, error) {
	if len(t.keys) == 0 {
		return nil, nil, fmt.Errorf(`%s: it is signed, but the bindings trust no key: give "keys" and "trust", or take the manifest out (manifest verify --output)`, path)
	}
	v, err := e.Verify(t.keys, 1, t.now)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := manifest.Decode(path, v.Payload)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range t.products {
		if d.id != m.ID || len(d.keys) == 0 {
			continue
		}
		if v, err = e.Verify(d.keys, d.threshold, t.now); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return m, v, nil
}

// Accept refuses, with ErrRollback, a serial below what a product of the bindings accepts.
func (t *Trust) Accept(m *manifest.Manifest) error {
	for _, d := range t.products {
		if d.id == m.ID && m.Serial < d.minSerial {
			return fmt.Errorf("%s: %w: serial %d; at least %d is wanted", m.File, ErrRollback, m.Serial, d.minSerial)
		}
	}
	return nil
}

// ReadFile reads a file of at most MaxSize bytes.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err == nil && len(b) > MaxSize {
		err = fmt.Errorf("%s: more than %d bytes", path, MaxSize)
	}
	return b, err
}
