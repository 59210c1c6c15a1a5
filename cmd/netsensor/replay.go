package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/capture"
	"netsensor/internal/engine"
	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/judge"
	"netsensor/internal/output"
)

// replayFlags are the settings of a replay.
type replayFlags struct {
	site      siteFlags
	hosts     hostEvents
	events    []string
	output    string
	workers   int
	format    string
	dns       int
	ipv6      bool
	noCtx     bool
	noHeaders bool
	seed      uint16
	checksum  string
	failOn    string
	quiet     bool
	profile   string

	keys  struct{ vlan, tunnel bool }
	dedup time.Duration
	ether bool
}

func newReplay() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay [flags] CAPTURE|DIR|-...",
		Short: "read captures, judge them against manifests, write EVE events",
		Long: `replay reads pcap and pcapng captures (plain, gzip or zstd), folders of them, or standard input (-), and writes
EVE JSON events to standard output. With manifests and bindings it judges the conversations of the bound hosts and
writes alerts; without, it writes what it sees. A readable summary goes to standard error.`,
		Args: atLeastOne("capture"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	fl := c.Flags()
	f.site.register(fl)
	f.hosts.register(fl)
	fl.StringSliceVarP(&f.events, "events", "e", []string{"all"}, "event `types` to write: alert, flow, dns, tls, ssh, http, anomaly, stats, ..., or all (netflow is written when named)")
	fl.StringVarP(&f.output, "output", "o", "", "write events to `FILE` instead of standard output; it appears when it is complete")
	fl.IntVarP(&f.workers, "workers", "w", runtime.GOMAXPROCS(0), "`number` of goroutines that decode and parse; the output is the same for any")
	fl.StringVar(&f.format, "format", "eve", "output `format`: eve")
	fl.IntVar(&f.dns, "eve-dns-version", 3, "shape of dns events: 3 (Suricata 8) or 2 (Suricata 5 to 7)")
	fl.BoolVar(&f.ipv6, "eve-compress-ipv6", false, "write IPv6 addresses in their short form")
	fl.BoolVar(&f.noCtx, "eve-no-context", false, "leave out alert.context, which came with Suricata 8")
	fl.BoolVar(&f.noHeaders, "eve-no-http-headers", false, "leave out the headers of HTTP messages")
	fl.Uint16Var(&f.seed, "community-id-seed", 0, "seed of community_id")
	fl.StringVar(&f.checksum, "checksums", "ignore", "packets with wrong checksums: `ignore` the fault, or check and drop them")
	fl.BoolVar(&f.keys.vlan, "vlan-key", true, "packets of different VLANs belong to different flows")
	fl.BoolVar(&f.keys.tunnel, "tunnel-key", true, "packets of tunnels with different identifiers (VNI, GRE key) belong to different flows")
	fl.DurationVar(&f.dedup, "dedup", 0, "pass over packets that were seen already within this `time`, as mirror ports send them twice: 10ms; 0 keeps all")
	fl.BoolVar(&f.ether, "ether", false, "add MAC addresses to events")
	fl.StringVar(&f.failOn, "fail-on", "", "exit with 3 when something is `unexpected`")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no progress bar and no summary")
	fl.StringVar(&f.profile, "cpuprofile", "", "write a CPU profile to `FILE`")
	_ = fl.MarkHidden("cpuprofile")
	return c
}

// startProfile begins a CPU profile when one is asked for; the function it returns ends it.
func (f *replayFlags) startProfile() (func(), error) {
	if f.profile == "" {
		return func() {}, nil
	}
	w, err := os.Create(f.profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(w); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = w.Close() }, nil
}

func (f *replayFlags) check() error {
	switch {
	case f.format != "eve":
		return usagef("--format %s: the only format is eve", f.format)
	case f.dns != 2 && f.dns != 3:
		return usagef("--eve-dns-version %d: must be 2 or 3", f.dns)
	case f.checksum != "ignore" && f.checksum != "check":
		return usagef("--checksums %s: must be ignore or check", f.checksum)
	case f.failOn != "" && f.failOn != "unexpected":
		return usagef("--fail-on %s: must be unexpected", f.failOn)
	case f.dedup < 0:
		return usagef("--dedup %s: must not be negative", f.dedup)
	case f.workers < 1:
		return usagef("--workers %d: must be 1 or more", f.workers)
	case len(f.hosts.files) > 0 && !f.site.given():
		return usagef("--host-events needs --manifest and --bindings: without them there are no alerts to say more about")
	case f.failOn != "" && !f.site.given():
		return usagef("--fail-on needs --manifest and --bindings: without them nothing is judged")
	}
	return nil
}

// wanted turns --events into a set, nil for all.
func wanted(events []string) (map[string]bool, error) {
	known := eventTypes()
	set := map[string]bool{}
	for _, e := range events {
		switch e = strings.TrimSpace(strings.ToLower(e)); {
		case e == "all":
			return nil, nil
		case e == "":
		case slices.Contains(known, e):
			set[e] = true
		default:
			return nil, usagef("--events %s: no such event type; known are all, %s", e, strings.Join(known, ", "))
		}
	}
	return set, nil
}

func (f *replayFlags) run(cmd *cobra.Command, args []string) error {
	if err := f.check(); err != nil {
		return err
	}
	events, err := wanted(f.events)
	if err != nil {
		return err
	}
	stderr := cmd.ErrOrStderr()
	site, err := f.site.load(stderr)
	if err != nil {
		return err
	}
	inputs, err := captures(args, cmd.InOrStdin(), stderr)
	if err != nil {
		return err
	}
	processes, err := f.hosts.processes(cmd.InOrStdin(), stderr, f.quiet)
	if err != nil {
		return err
	}
	sink, err := openSink(f.output, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	show := newProgress(stderr, len(inputs), f.quiet)
	cfg := engine.Config{
		Workers: f.workers, Parsers: parsers, Events: events,
		EVE:     eve.Options{DNSVersion: f.dns, CompressIPv6: f.ipv6, NoAlertContext: f.noCtx, NoHTTPHeaders: f.noHeaders},
		Flows:   flows.Config{IgnoreVLAN: !f.keys.vlan, IgnoreTunnel: !f.keys.tunnel, DedupWindow: int64(f.dedup)},
		Netflow: slices.Contains(f.events, "netflow"), Ether: f.ether,
		CommunitySeed: f.seed, CheckChecksums: f.checksum == "check", Sink: sink, Progress: show.update,
		Log: func(format string, args ...any) { show.clear(); say(stderr, format, args...) },
	}
	site.configure(&cfg)
	if processes != nil {
		cfg.Judge = judge.WithProcesses{Judge: site.judge, Processes: processes}
	}
	stop, err := f.startProfile()
	if err != nil {
		return err
	}
	begun := time.Now()
	totals, err := engine.New(cfg).Run(inputs)
	stop()
	show.clear()
	if err != nil {
		if file, ok := sink.(*output.File); ok {
			file.Abandon()
		}
	}
	if cerr := sink.Close(); err == nil {
		err = cerr
	}
	if !f.quiet {
		summarise(stderr, totals, site, time.Since(begun))
	}
	if err != nil {
		return err
	}
	if f.failOn != "" && site.unexpected() > 0 {
		return codeError{code: exitAlerts}
	}
	return nil
}

// maxSkipped is how many of the files that are no captures are named; folders may hold anything.
const maxSkipped = 10

// captures turns the arguments into inputs. What cannot be found is an input that cannot be opened: the others are to
// be read all the same.
func captures(args []string, stdin io.Reader, stderr io.Writer) ([]engine.Input, error) {
	var inputs []engine.Input
	var skipped []capture.Skipped
	for _, arg := range args {
		names, skips, err := capture.List([]string{arg})
		if err != nil {
			inputs = append(inputs, engine.Input{Name: arg, Open: func() (capture.Source, error) { return nil, err }})
		}
		skipped = append(skipped, skips...)
		for _, n := range names {
			inputs = append(inputs, engine.Input{Name: n, Open: func() (capture.Source, error) {
				if n == "-" {
					return capture.NewReader(stdin, n, capture.Options{})
				}
				return capture.Open(n, capture.Options{})
			}})
		}
	}
	for _, s := range skipped[:min(len(skipped), maxSkipped)] {
		say(stderr, "%s: skipped: %v", s.Path, s.Err)
	}
	if more := len(skipped) - maxSkipped; more > 0 {
		say(stderr, "and %d more skipped", more)
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%s: no captures found", strings.Join(args, ", "))
	}
	return inputs, nil
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
