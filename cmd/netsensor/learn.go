package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/engine"
	"netsensor/internal/learn"
	"netsensor/internal/manifest"
	"netsensor/internal/output"
	"netsensor/internal/strict"
)

// roleName is what the documents take for the name of a role.
var roleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

type learnFlags struct {
	hosts   []string
	home    []string
	product string
	output  string
	merge   string
	force   bool
	workers int
	quiet   bool
}

func newLearn() *cobra.Command {
	var f learnFlags
	c := &cobra.Command{
		Use:   "learn [flags] CAPTURE|DIR|-...",
		Short: "draft a manifest and bindings from captures",
		Long: `learn reads captures and drafts a manifest and bindings that declare what it saw: manifest.json and bindings.json in
the folder of --output. It says what happened and how often, never why. What it cannot explain goes to the feature
"unexplained", which is off unless the bindings turn it on. docs/learn.md says more.`,
		Example: "  netsensor learn --host 10.20.4.16/30=server --product 'Acme Vault' --output draft pcaps/story.pcap",
		Args:    atLeastOne("capture"),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	fl := c.Flags()
	fl.StringArrayVar(&f.hosts, "host", nil, "the product's `ADDRESS|CIDR=ROLE`; may be repeated; without, all hosts of the home networks")
	fl.StringArrayVar(&f.home, "home", nil, "home network `CIDR` instead of the private ranges; may be repeated")
	fl.StringVar(&f.product, "product", "Learnt product", "the product's `NAME`")
	fl.StringVarP(&f.output, "output", "o", ".", "write manifest.json and bindings.json into `DIR`")
	fl.StringVar(&f.merge, "merge", "", "print what the draft adds to the manifest `OLD`, and what of it was not seen")
	fl.BoolVar(&f.force, "force", false, "overwrite files that exist")
	fl.IntVarP(&f.workers, "workers", "w", runtime.GOMAXPROCS(0), "`number` of goroutines that decode and parse; the draft is the same for any")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress bar and no summary")
	return c
}

func (f *learnFlags) config() (learn.Config, error) {
	cfg := learn.Config{Product: strings.TrimSpace(f.product)}
	for _, h := range f.hosts {
		where, role, ok := strings.Cut(h, "=")
		p, err := parseNet(where)
		if !ok || err != nil {
			return cfg, usagef("--host %s: must be an address or CIDR, =, and a role", h)
		}
		if !roleName.MatchString(role) {
			return cfg, usagef("--host %s: a role is a word of at most 64 letters, digits, '.', '_' and '-'", h)
		}
		cfg.Hosts = append(cfg.Hosts, learn.Host{Net: p, Role: role})
	}
	for _, h := range f.home {
		p, err := parseNet(h)
		if err != nil {
			return cfg, usagef("--home %s: must be an address or a CIDR", h)
		}
		cfg.Home = append(cfg.Home, p)
	}
	switch {
	case cfg.Product == "" || len(cfg.Product) > 200:
		return cfg, usagef("--product: must be a name of at most 200 bytes")
	case f.workers < 1:
		return cfg, usagef("--workers %d: must be 1 or more", f.workers)
	}
	return cfg, nil
}

// parseNet reads an address or a CIDR.
func parseNet(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

func (f *learnFlags) run(cmd *cobra.Command, args []string) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	var old *manifest.Manifest
	if f.merge != "" {
		if old, err = manifest.Load(f.merge); err != nil {
			return err
		}
	}
	files := []string{filepath.Join(f.output, "manifest.json"), filepath.Join(f.output, "bindings.json")}
	for _, name := range files {
		if _, err := os.Lstat(name); err == nil && !f.force {
			return fmt.Errorf("%s exists: choose another --output, or --force", name)
		}
	}
	stderr := cmd.ErrOrStderr()
	inputs, err := captures(args, cmd.InOrStdin(), stderr)
	if err != nil {
		return err
	}
	collector := learn.New(cfg)
	totals, err := f.replay(stderr, inputs, collector)
	if err != nil && totals.Packets == 0 {
		return err
	}
	faults := err // what could be read was learnt
	draft := collector.Draft()
	if draft.Hosts == 0 {
		return errors.Join(faults, errors.New("no host of the product was seen: check --host and --home"))
	}
	texts, err := encodeDraft(draft, stderr)
	if err != nil {
		return errors.Join(faults, err)
	}
	if err := os.MkdirAll(f.output, 0o777); err != nil {
		return err
	}
	for i, name := range files {
		if err := os.WriteFile(name, texts[i], 0o666); err != nil {
			return err
		}
	}
	if old != nil {
		for _, line := range learn.Diff(old, draft.Manifest) {
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
				return err
			}
		}
	}
	if !f.quiet {
		say(stderr, "%s, %s: %s of the product, %s (%d unexplained)", count(uint64(totals.Captures), "capture"), count(totals.Packets, "packet"),
			count(uint64(draft.Hosts), "host"), count(uint64(len(draft.Manifest.Communications)), "communication"), draft.Unexplained)
		if draft.Dropped > 0 {
			say(stderr, "%d conversations and look-ups were left out: the tables were full", draft.Dropped)
		}
		if draft.Unwritable > 0 {
			say(stderr, "%s that no manifest can hold: see x-unexplained", count(uint64(draft.Unwritable), "thing"))
		}
		say(stderr, "drafted %s; reasons and owners are the vendor's to state", strings.Join(files, " and "))
	}
	return faults
}

func (f *learnFlags) replay(stderr io.Writer, inputs []engine.Input, c *learn.Collector) (engine.Totals, error) {
	show := newProgress(stderr, len(inputs), f.quiet)
	defer show.clear()
	return engine.New(engine.Config{
		Workers: f.workers, Parsers: parsers, Events: map[string]bool{}, Judge: c, Watched: c.Watched, Sink: nowhere{}, Progress: show.update,
		Log: func(format string, args ...any) { show.clear(); say(stderr, format, args...) },
	}).Run(inputs)
}

// encodeDraft writes both documents, and makes sure that they can be judged by.
func encodeDraft(d *learn.Draft, stderr io.Writer) ([][]byte, error) {
	m, err := strict.Encode(d.Manifest)
	if err != nil {
		return nil, err
	}
	b, err := strict.Encode(d.Bindings)
	if err != nil {
		return nil, err
	}
	md, err := manifest.Decode("manifest.json", m)
	if err != nil {
		return nil, fmt.Errorf("the draft is faulty: %w", err)
	}
	bd, err := manifest.DecodeBindings("bindings.json", b)
	if err != nil {
		return nil, fmt.Errorf("the draft is faulty: %w", err)
	}
	for _, f := range append(manifest.Check(md, time.Time{}), manifest.BindingsCheck(bd, []*manifest.Manifest{md}, time.Time{})...) {
		err = errors.Join(err, errors.New(f.String()))
	}
	return [][]byte{m, b}, err
}

// nowhere is a sink for runs that are not about events.
type nowhere struct{}

func (nowhere) Write(*output.Event) error { return nil }
func (nowhere) Flush() error              { return nil }
func (nowhere) Close() error              { return nil }
