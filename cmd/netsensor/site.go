package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"netsensor/internal/allowlist"
	"netsensor/internal/engine"
	"netsensor/internal/envelope"
	"netsensor/internal/judge"
	"netsensor/internal/manifest"
)

// siteFlags name the documents to judge by.
type siteFlags struct {
	manifests []string
	bindings  string
}

func (f *siteFlags) register(fl *pflag.FlagSet) {
	fl.StringArrayVarP(&f.manifests, "manifest", "m", nil, "vendor's manifest, `FILE` or folder; may be repeated")
	fl.StringVarP(&f.bindings, "bindings", "b", "", "this site's bindings `FILE` (JSON or YAML)")
}

func (f *siteFlags) given() bool { return len(f.manifests) > 0 || f.bindings != "" }

// site is what is judged by; nil when nothing is.
type site struct {
	table     *allowlist.Table
	manifests []*manifest.Manifest
	bindings  *manifest.Bindings
	judge     *judge.Judge
}

// load reads, checks and compiles the documents. Warnings go to stderr.
func (f *siteFlags) load(stderr io.Writer) (*site, error) {
	switch {
	case !f.given():
		return nil, nil
	case f.bindings == "":
		return nil, usagef("--manifest needs --bindings: which hosts run the product?")
	case len(f.manifests) == 0:
		return nil, usagef("--bindings needs --manifest: what was declared?")
	}
	b, err := manifest.LoadBindings(f.bindings)
	if err != nil {
		return nil, err
	}
	// Whether a key is still trusted is a question of today, not of when packets were captured.
	trust, err := envelope.NewTrust(b, time.Now())
	if err != nil {
		return nil, err
	}
	manifests, err := manifest.LoadAllWith(f.manifests, trust.Load)
	if err != nil {
		return nil, err
	}
	return newSite(manifests, b, stderr)
}

func newSite(manifests []*manifest.Manifest, b *manifest.Bindings, stderr io.Writer) (*site, error) {
	// The time of judging is the packets'; only what does not depend on time is checked here.
	var findings []manifest.Finding
	for _, m := range manifests {
		findings = append(findings, manifest.Check(m, time.Time{})...)
	}
	findings = append(findings, manifest.BindingsCheck(b, manifests, time.Time{})...)
	var errs []error
	for _, f := range findings {
		errs = append(errs, errors.New(f.String()))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	t, err := allowlist.Compile(allowlist.Site{Bindings: b, Manifests: manifests})
	if err != nil {
		return nil, err
	}
	s := &site{table: t, manifests: manifests, bindings: b}
	s.judge = judge.New(t, judge.Config{NoWarmUp: true, Parsers: apps()})
	return s, nil
}

// apps lists the app_proto values that the parsers can tell.
func apps() []string {
	var names []string
	for _, p := range parsers() {
		names = append(names, p.Name)
	}
	return names
}

// configure makes an engine judge by s.
func (s *site) configure(c *engine.Config) {
	if s == nil {
		return
	}
	c.Judge = s.judge
	c.Watched, c.HardwareAddresses = s.table.Watched, s.table.Moves()
	for _, p := range s.table.Products {
		c.Notes = append(c.Notes, engine.Note{Module: "manifest", Text: fmt.Sprintf("manifest of %s, serial %d, %s, loaded from %s",
			p.Manifest.Product.Name, p.Manifest.Serial, p.Manifest.Digest, p.Manifest.File)})
	}
}

// unexpected is the number of conversations and questions that nothing declares, exceptions of every kind included.
func (s *site) unexpected() uint64 {
	if s == nil {
		return 0
	}
	r := s.judge.Report()
	return r.Unexpected + r.Alerts
}
