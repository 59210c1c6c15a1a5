package main

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/envelope"
	"netsensor/internal/manifest"
)

func newKeygen() *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:   "keygen [flags] NAME",
		Short: "make a key pair that signs manifests",
		Long: `keygen writes the private key (PKCS #8) to NAME.key, readable by its owner only, and the public key to NAME.pub, both PEM.
Files that exist are never overwritten. It prints what a site's bindings need to trust the key.`,
		Example: "  netsensor manifest keygen acme-2026",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			k := manifest.KeyKind(kind)
			if k != manifest.Ed25519 && k != manifest.ECDSAP256 {
				return usagef("--kind %s: must be %s or %s", kind, manifest.Ed25519, manifest.ECDSAP256)
			}
			key, err := envelope.Generate(k, rand.Reader)
			if err != nil {
				return err
			}
			private, err := key.PrivatePEM()
			if err != nil {
				return err
			}
			// The public key first: should it exist, no private key is left behind.
			if err := writeNew(args[0]+".pub", key.PEM(), 0o644); err != nil {
				return err
			}
			if err := writeNew(args[0]+".key", private, 0o600); err != nil {
				return errors.Join(err, os.Remove(args[0]+".pub"))
			}
			say(cmd.ErrOrStderr(), "wrote %s.key and %s.pub; keep the former secret", args[0], args[0])
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "# key id %s\nkeys:\n  %s: {kind: %s, public: %s}\n", key.ID, filepath.Base(args[0]), k, key.Base64())
			return err
		},
	}
	c.Flags().StringVar(&kind, "kind", string(manifest.Ed25519), "`KIND` of key: ed25519 or ecdsa-p256")
	return c
}

// writeNew writes a file that must not exist, whole or not at all.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func newSign() *cobra.Command {
	var keys []string
	var output string
	var detached bool
	c := &cobra.Command{
		Use:   "sign --key KEY [flags] FILE",
		Short: "sign a manifest, or add a signature to a signed one",
		Long: `sign wraps a manifest into a DSSE envelope with a signature by each key, or adds these to an envelope. The manifest's bytes are
signed as they are. One that lint finds errors in is not signed.`,
		Example: "  netsensor manifest sign --key acme-2026.key -o vault.dsse.json vault.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(keys) == 0 {
				return usagef("sign needs --key")
			}
			e, err := toSign(args[0])
			if err != nil {
				return err
			}
			for _, path := range keys {
				text, err := envelope.ReadFile(path)
				if err != nil {
					return err
				}
				k, err := envelope.ParsePrivateKey(text)
				if err != nil {
					return fmt.Errorf("%s: %w", path, err)
				}
				if err := e.Sign(k); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				say(cmd.ErrOrStderr(), "signed %s by %s", args[0], k.ID)
			}
			b, err := e.Encode(detached)
			if err != nil {
				return err
			}
			return writeOutput(cmd, output, b)
		},
	}
	fl := c.Flags()
	fl.StringArrayVarP(&keys, "key", "k", nil, "private key `FILE` (PKCS #8, PEM); may be repeated")
	fl.StringVarP(&output, "output", "o", "", "write to `FILE`, which must not exist, rather than to standard output")
	fl.BoolVar(&detached, "detached", false, "leave the manifest out; named FILE"+envelope.SignatureSuffix+" beside it, the signature is found")
	return c
}

// toSign returns the envelope that a signature is to be added to, with a manifest in it that is in order.
func toSign(path string) (*envelope.Envelope, error) {
	e, _, err := open(path)
	if err != nil {
		return nil, err
	}
	m, err := manifest.Decode(path, e.Unverified())
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range manifest.Check(m, time.Time{}) {
		errs = append(errs, errors.New(f.String()))
	}
	return e, errors.Join(errs...)
}

// open reads an envelope, or wraps what a file holds into one.
func open(path string) (e *envelope.Envelope, signed bool, err error) {
	b, err := envelope.ReadFile(path)
	if err != nil || !envelope.Is(b) {
		return envelope.New(b), false, err
	}
	if e, err = envelope.Decode(b); err != nil {
		return nil, true, fmt.Errorf("%s: %w", path, err)
	}
	return e, true, nil
}

// unverified returns a loader of manifests for looking at them: in envelopes too, whoever signed these, which it says.
func unverified(cmd *cobra.Command) func(string) (*manifest.Manifest, error) {
	return func(path string) (*manifest.Manifest, error) {
		e, signed, err := open(path)
		if err != nil {
			return nil, err
		}
		if signed {
			say(cmd.ErrOrStderr(), "%s: its signatures are not verified", path)
		}
		return manifest.Decode(path, e.Unverified())
	}
}

func writeOutput(cmd *cobra.Command, path string, b []byte) error {
	if path == "" {
		_, err := cmd.OutOrStdout().Write(b)
		return err
	}
	return writeNew(path, b, 0o644)
}

// verifyFlags are those of manifest verify.
type verifyFlags struct {
	keys      []string
	bindings  string
	threshold int
	minSerial uint64
	signature string
	output    string
	mud       bool
	ca        string
	at        string
}

func newVerifySignature() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify [flags] FILE",
		Short: "verify the signatures of a manifest or of a MUD file",
		Long: `verify checks that trusted keys have signed a manifest: those that a site's bindings trust, or those given by --key. With --mud it
checks the CMS signature of a MUD file (RFC 8520).`,
		Example: `  netsensor manifest verify -b site.yaml vault.dsse.json
  netsensor manifest verify --key acme-2026.pub --output vault.json vault.dsse.json
  netsensor manifest verify --mud lamp.json --signature lamp.p7s --ca ca.pem`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.mud {
				return f.verifyMUD(cmd, args[0])
			}
			return f.verify(cmd, args[0])
		},
	}
	fl := c.Flags()
	fl.StringArrayVarP(&f.keys, "key", "k", nil, "trusted public key `FILE` (PEM); may be repeated")
	fl.StringVarP(&f.bindings, "bindings", "b", "", "trust what this site's bindings `FILE` trusts")
	fl.IntVar(&f.threshold, "threshold", 1, "`NUMBER` of the keys that must have signed")
	fl.Uint64Var(&f.minSerial, "min-serial", 0, "refuse serials below `NUMBER`")
	fl.StringVarP(&f.signature, "signature", "s", "", "detached signature `FILE`")
	fl.StringVarP(&f.output, "output", "o", "", "write the verified manifest to `FILE`, which must not exist")
	fl.BoolVar(&f.mud, "mud", false, "FILE is a MUD file, its signature CMS (DER or PEM)")
	fl.StringVar(&f.ca, "ca", "", "certificates `FILE` (PEM) that MUD files are trusted by")
	fl.StringVar(&f.at, "at", "", "check certificates at `TIME` (RFC 3339, or now) rather than at the signing time")
	return c
}

func (f *verifyFlags) verify(cmd *cobra.Command, path string) error {
	switch {
	case f.ca != "" || f.at != "":
		return usagef("--ca and --at are for --mud")
	case f.bindings != "" && (len(f.keys) > 0 || cmd.Flags().Changed("threshold")):
		return usagef("--bindings say which keys are trusted, and how many must sign; leave out --key and --threshold")
	case f.bindings == "" && len(f.keys) == 0:
		return usagef("verify needs --bindings or --key: whom do you trust?")
	}
	e, err := readSigned(path, f.signature)
	if err != nil {
		return err
	}
	var m *manifest.Manifest
	var v *envelope.Verified
	if f.bindings != "" {
		m, v, err = f.byBindings(path, e)
	} else {
		m, v, err = f.byKeys(path, e)
	}
	if err != nil {
		return err
	}
	if m.Serial < f.minSerial {
		return fmt.Errorf("%s: serial %d; at least %d is wanted", path, m.Serial, f.minSerial)
	}
	for _, k := range v.Signers {
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, serial %d, signed by %s\n", path, m.ID, m.Serial, k); err != nil {
			return err
		}
	}
	if f.output == "" {
		return nil
	}
	return writeNew(f.output, v.Payload, 0o644)
}

// readSigned reads an envelope, or a manifest and the signatures that lie beside it.
func readSigned(path, signature string) (*envelope.Envelope, error) {
	b, err := envelope.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if signature == "" && envelope.Is(b) {
		e, err := envelope.Decode(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return e, nil
	}
	if signature == "" {
		signature = path + envelope.SignatureSuffix
	}
	sig, err := envelope.ReadFile(signature)
	if err != nil {
		return nil, err
	}
	e, err := envelope.Decode(sig)
	if err == nil {
		err = e.Attach(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signature, err)
	}
	return e, nil
}

func (f *verifyFlags) byBindings(path string, e *envelope.Envelope) (*manifest.Manifest, *envelope.Verified, error) {
	b, err := manifest.LoadBindings(f.bindings)
	if err != nil {
		return nil, nil, err
	}
	t, err := envelope.NewTrust(b, time.Now())
	if err != nil {
		return nil, nil, err
	}
	m, v, err := t.Open(path, e)
	if err != nil {
		return nil, nil, err
	}
	return m, v, t.Accept(m)
}

func (f *verifyFlags) byKeys(path string, e *envelope.Envelope) (*manifest.Manifest, *envelope.Verified, error) {
	var keys []*envelope.PublicKey
	for _, file := range f.keys {
		text, err := envelope.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		k, err := envelope.ParsePublicKey(string(text))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		keys = append(keys, k)
	}
	v, err := e.Verify(keys, f.threshold, time.Time{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := manifest.Decode(path, v.Payload)
	return m, v, err
}

func (f *verifyFlags) verifyMUD(cmd *cobra.Command, path string) error {
	if f.signature == "" || f.ca == "" {
		return usagef("--mud needs --signature and --ca")
	}
	if len(f.keys) > 0 || f.bindings != "" || f.output != "" || f.minSerial != 0 || cmd.Flags().Changed("threshold") {
		return usagef("--mud goes with --signature, --ca and --at only")
	}
	var at time.Time
	switch f.at {
	case "":
	case "now":
		at = time.Now()
	default:
		var err error
		if at, err = time.Parse(time.RFC3339, f.at); err != nil {
			return usagef("--at: %q is no time like 2026-03-02T10:00:00Z", f.at)
		}
	}
	var files [3][]byte
	for i, name := range []string{path, f.signature, f.ca} {
		var err error
		if files[i], err = envelope.ReadFile(name); err != nil {
			return err
		}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(files[2]) {
		return fmt.Errorf("%s: no certificate (PEM)", f.ca)
	}
	s, err := envelope.VerifyMUD(files[0], files[1], roots, at)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	signed := "at no time that it says"
	if !s.SigningTime.IsZero() {
		signed = s.SigningTime.UTC().Format(time.RFC3339)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: signed by %q, %s; certificates checked for %s\n", path, s.Signer.Subject, signed, s.At.UTC().Format(time.RFC3339))
	return err
}
