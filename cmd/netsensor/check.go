package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"netsensor/internal/eve"
	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
	"netsensor/internal/output"
	"netsensor/internal/telemetry"
)

// hostEvents names what hosts reported about themselves.
type hostEvents struct {
	files []string
	host  string
}

func (f *hostEvents) register(fl *pflag.FlagSet) {
	fl.StringArrayVar(&f.files, "host-events", nil, "what hosts reported (Sysmon, auditd by laurel, osquery, Falco, Tetragon, ECS) as JSON lines, `FILE` or -; may be repeated")
	fl.StringVar(&f.host, "host", "", "`NAME` or address of the host whose events do not say it")
}

// checkFlags are the settings of a check.
type checkFlags struct {
	site   siteFlags
	from   hostEvents
	events []string
	output string
	failOn string
	noCtx  bool
	ipv6   bool
	quiet  bool
}

func newCheck() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check [flags] --manifest FILE --bindings FILE --host-events FILE|-...",
		Short: "judge logs of others against manifests, write alerts",
		Long: `check judges what hosts report about themselves (commands, software, logins) against the manifests of the products that
run there, and writes EVE JSON alerts to standard output. Who wrote a line is told by its content. A readable summary
goes to standard error. Files may be compressed with gzip or zstd.`,
		Example: "  netsensor check -m pcaps/acme-vault.json -b pcaps/site.json --host-events /var/log/laurel/audit.log",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := c.Flags()
	f.site.register(fl)
	f.from.register(fl)
	fl.StringSliceVarP(&f.events, "events", "e", []string{"alert"}, "event `types` to write: alert, or all")
	fl.StringVarP(&f.output, "output", "o", "", "write events to `FILE` instead of standard output; it appears when it is complete")
	fl.BoolVar(&f.ipv6, "eve-compress-ipv6", false, "write IPv6 addresses in their short form")
	fl.BoolVar(&f.noCtx, "eve-no-context", false, "leave out alert.context, which came with Suricata 8")
	fl.StringVar(&f.failOn, "fail-on", "", "exit with 3 when something is `unexpected`")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "no summary")
	return c
}

func (f *checkFlags) run(cmd *cobra.Command) error {
	switch {
	case len(f.from.files) == 0:
		return usagef("nothing to check: give --host-events FILE")
	case !f.site.given():
		return usagef("check needs --manifest and --bindings")
	case f.failOn != "" && f.failOn != "unexpected":
		return usagef("--fail-on %s: must be unexpected", f.failOn)
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
	sink, err := openSink(f.output, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	w := alertWriter{sink: sink, opts: eve.Options{CompressIPv6: f.ipv6, NoAlertContext: f.noCtx}, on: events == nil || events["alert"]}
	begun := time.Now()
	stats, err := f.from.read(cmd.InOrStdin(), stderr, func(e *judge.HostEvent) error {
		return w.write(site.judge.HostEvent(e))
	})
	if file, ok := sink.(*output.File); ok && err != nil {
		file.Abandon()
	}
	if cerr := sink.Close(); err == nil {
		err = cerr
	}
	if !f.quiet {
		stats.summarise(stderr, time.Since(begun))
		summariseHosts(stderr, site.judge)
	}
	if err != nil {
		return err
	}
	if f.failOn != "" && site.unexpected()+site.judge.HostTally().Unexpected > 0 {
		return codeError{code: exitAlerts}
	}
	return nil
}

// alertWriter writes alerts about host events.
type alertWriter struct {
	sink output.Sink
	opts eve.Options
	line []byte
	on   bool
}

func (w *alertWriter) write(alerts []*judge.Alert) error {
	if !w.on {
		return nil
	}
	for _, a := range alerts {
		w.line = a.AppendHostLine(w.line[:0], &w.opts)
		if err := w.sink.Write(&output.Event{Type: "alert", Time: a.Now, Line: w.line}); err != nil {
			return err
		}
	}
	return nil
}

func openSink(name string, stdout io.Writer) (output.Sink, error) {
	if name == "" || name == "-" {
		return output.NewStream(stdout), nil
	}
	return output.CreateFile(name)
}

// hostStats are what was read of all files.
type hostStats struct {
	telemetry.Stats
	files int
}

// read hands all events of all files to emit, in the order of the files. Faults within lines are told once for each
// file and kind.
func (f *hostEvents) read(stdin io.Reader, stderr io.Writer, emit func(*judge.HostEvent) error) (hostStats, error) {
	var total hostStats
	addr, _ := netip.ParseAddr(f.host)
	for _, name := range f.files {
		total.files++
		var failed error
		d := telemetry.NewDecoder(func(e *judge.HostEvent) {
			if e.Host == "" && len(e.Addrs) == 0 {
				if addr.IsValid() {
					e.Addrs = append(e.Addrs, addr.Unmap())
				} else {
					e.Host = f.host
				}
			}
			if failed == nil {
				failed = emit(e)
			}
		})
		d.Report = func(line uint64, fault telemetry.Fault, detail string) {
			if detail != "" {
				detail = " (" + detail + ")"
			}
			say(stderr, "%s: line %d: %s%s; further ones are only counted", name, line, fault, detail)
		}
		err := f.readFile(name, stdin, d)
		total.Add(d.Stats())
		if err != nil {
			return total, fmt.Errorf("%s: %w", name, err)
		}
		if failed != nil {
			return total, failed
		}
	}
	return total, nil
}

func (f *hostEvents) readFile(name string, stdin io.Reader, d *telemetry.Decoder) error {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return errPath(err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	r, err := jsonl.NewReader(in)
	if err != nil {
		return err
	}
	defer r.Close()
	return d.ReadAll(r)
}

// errPath takes the path off an error that names it; the caller does.
func errPath(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return p.Err
	}
	return err
}

func (s *hostStats) summarise(w io.Writer, took time.Duration) {
	speed := ""
	if sec := took.Seconds(); sec > 0.1 { // of less it says nothing
		speed = fmt.Sprintf(" in %.2f s (%.0f MB/s)", sec, float64(s.Bytes)/sec/1e6)
	}
	say(w, "%s, %s, %.1f MB%s", count(uint64(s.files), "file"), count(s.Lines, "line"), float64(s.Bytes)/1e6, speed)
	var parts []string
	s.Producers(func(name string, n uint64) { parts = append(parts, fmt.Sprintf("%s %d", name, n)) })
	if len(parts) > 0 {
		say(w, "lines by producer: %s; %d of them about other matters", strings.Join(parts, ", "), s.Unused)
	}
	parts = parts[:0]
	s.EachFault(func(name string, n uint64) { parts = append(parts, fmt.Sprintf("%s %d", name, n)) })
	if len(parts) > 0 {
		say(w, "faulty lines: %s", strings.Join(parts, ", "))
	}
}

// summariseHosts says what became of host events.
func summariseHosts(w io.Writer, j *judge.Judge) {
	t := j.HostTally()
	if len(t.Kinds) > 0 {
		say(w, "host events: %s", counts(t.Kinds))
	}
	say(w, "hosts: %d reported, %d of them play a role", t.Hosts, t.Bound)
	say(w, "host events judged: %d expected, %d unexpected, %d undecidable; %d not judged", t.Expected, t.Unexpected, t.Undecidable, t.NotJudged)
	if len(t.UndecidableReasons) > 0 {
		say(w, "undecidable: %s", counts(t.UndecidableReasons))
	}
	if len(t.NotJudgedReasons) > 0 {
		say(w, "not judged: %s", counts(t.NotJudgedReasons))
	}
	r := j.Report()
	say(w, "alerts: %d, and %d more folded into them", r.Alerts, r.Folded)
	if r.Alerts > 0 {
		say(w, "alerts by rule: %s", counts(r.ByRule))
		say(w, "alerts by product: %s", counts(r.ByProduct))
	}
	if t.Evicted > 0 {
		say(w, "forgotten for want of room: %s", count(t.Evicted, "process"))
	}
}

// processes reads the connections and look-ups of hosts for the alerts of a replay; nil where no files are given.
func (f *hostEvents) processes(stdin io.Reader, stderr io.Writer, quiet bool) (*judge.Connections, error) {
	if len(f.files) == 0 {
		return nil, nil
	}
	begun := time.Now()
	x := judge.NewConnections(0)
	stats, err := f.read(stdin, stderr, func(e *judge.HostEvent) error {
		x.Add(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !quiet {
		stats.summarise(stderr, time.Since(begun))
	}
	if n := x.Dropped(); n > 0 {
		say(stderr, "%s of hosts were too many to remember", count(n, "event"))
	}
	return x, nil
}
