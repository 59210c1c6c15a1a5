package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"netsensor/internal/engine"
	"netsensor/internal/judge"
	"netsensor/internal/manifest"
	"netsensor/internal/output"
	"netsensor/internal/report"
)

type releaseFlags struct {
	bindings string
	against  string
	format   string
	output   string
	failOn   []string
	workers  int
	quiet    bool
}

func newVerifyRelease() *cobra.Command {
	var f releaseFlags
	c := &cobra.Command{
		Use:   "verify --bindings FILE [flags] MANIFEST CAPTURE|DIR|-...",
		Short: "prove a manifest with captures of the product",
		Long: `verify judges captures of a product by its manifest and reports both ways: what was seen and is not declared, what is
declared and was not seen, what cannot be decided and why, which features were exercised. It exits with 3 when one of
the lists of --fail-on has something in it. With --against it also fails when the captures show what the manifest
declares and that older one did not. docs/verify.md says more.`,
		Example: "  netsensor verify --bindings pcaps/site.json pcaps/acme-vault.json pcaps/01-declared.pcap",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return fmt.Errorf("a manifest and captures are needed")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1:]) },
	}
	fl := c.Flags()
	fl.StringVarP(&f.bindings, "bindings", "b", "", "the bench's bindings `FILE` (JSON or YAML)")
	fl.StringVar(&f.against, "against", "", "fail when more is needed than the older manifest `OLD` declares")
	fl.StringVar(&f.format, "format", "text", "output `format`: "+strings.Join(report.Formats, ", "))
	fl.StringVarP(&f.output, "output", "o", "", "write the report to `FILE` instead of standard output")
	fl.StringSliceVar(&f.failOn, "fail-on", []string{report.FailUndeclared}, "`lists` that fail the verification: undeclared, unseen, undecidable, or none")
	fl.IntVarP(&f.workers, "workers", "w", runtime.GOMAXPROCS(0), "`number` of goroutines that decode and parse; the report is the same for any")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress bar")
	return c
}

func (f *releaseFlags) check() error {
	switch {
	case f.bindings == "":
		return usagef("verify needs --bindings: which hosts run the product?")
	case !slices.Contains(report.Formats, f.format):
		return usagef("--format %s: must be one of %s", f.format, strings.Join(report.Formats, ", "))
	case f.workers < 1:
		return usagef("--workers %d: must be 1 or more", f.workers)
	}
	for _, l := range f.failOn {
		if l != report.FailUndeclared && l != report.FailUnseen && l != report.FailUndecidable && l != "none" {
			return usagef("--fail-on %s: must be undeclared, unseen, undecidable or none", l)
		}
	}
	return nil
}

func (f *releaseFlags) run(cmd *cobra.Command, name string, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	stderr := cmd.ErrOrStderr()
	m, err := manifest.Load(name)
	if err != nil {
		return err
	}
	s, err := f.site(m, false, stderr)
	if err != nil {
		return err
	}
	recorder := report.NewRecorder(oneByOne(s), nil)
	if f.against != "" {
		old, err := manifest.Load(f.against)
		if err != nil {
			return err
		}
		if old.ID != m.ID {
			return usagef("--against %s: the manifest of another product, %s", f.against, old.ID)
		}
		before, err := f.site(old, true, stderr)
		if err != nil {
			return err
		}
		recorder.Old = oneByOne(before)
	}
	inputs, err := captures(args, cmd.InOrStdin(), stderr)
	if err != nil {
		return err
	}
	show := newProgress(stderr, len(inputs), f.quiet)
	totals, faults := engine.New(engine.Config{
		Workers: f.workers, Parsers: parsers, Events: map[string]bool{}, Judge: recorder, Watched: s.table.Watched, Sink: nowhere{}, Progress: show.update,
		Log: func(format string, args ...any) { show.clear(); say(stderr, format, args...) },
	}).Run(inputs)
	show.clear()
	v := report.Verify(recorder, s.table.Products[0], f.against, report.Run{Captures: totals.Captures, Packets: totals.Packets}, f.failOn)
	if err := f.write(cmd.OutOrStdout(), v); err != nil {
		return err
	}
	// A capture that could not be read proves nothing, whatever the others show.
	if faults != nil {
		return faults
	}
	if len(v.Failed) > 0 {
		return codeError{code: exitAlerts}
	}
	return nil
}

// site loads the bindings for one manifest alone. An older manifest takes of them what it knows.
func (f *releaseFlags) site(m *manifest.Manifest, older bool, stderr io.Writer) (*site, error) {
	b, err := manifest.LoadBindings(f.bindings)
	if err != nil {
		return nil, err
	}
	b.Products = slices.DeleteFunc(b.Products, func(p manifest.Bound) bool { return p.Manifest.ID != m.ID })
	if len(b.Products) == 0 {
		return nil, fmt.Errorf("%s binds no product with the manifest %s", f.bindings, m.ID)
	}
	if len(b.Products) > 1 {
		return nil, fmt.Errorf("%s binds the product more than once: verify one installation at a time", f.bindings)
	}
	p := &b.Products[0]
	if older {
		report.Fit(p, m)
	}
	everything := uint32(0)
	p.Policy.FoldSeconds = &everything
	return newSite([]*manifest.Manifest{m}, b, stderr)
}

// oneByOne returns a judge that alerts every conversation, for the report counts them itself.
func oneByOne(s *site) *judge.Judge {
	return judge.New(s.table, judge.Config{NoWarmUp: true, Parsers: apps(), MaxPeers: 1 << 20})
}

func (f *releaseFlags) write(stdout io.Writer, v *report.Verification) error {
	if f.output == "" || f.output == "-" {
		return report.Write(stdout, f.format, v)
	}
	file, err := output.CreateFile(f.output)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := report.Write(&b, f.format, v); err != nil {
		file.Abandon()
		return err
	}
	if err := file.Write(&output.Event{Line: []byte(b.String())}); err != nil {
		file.Abandon()
		return err
	}
	return file.Close()
}
