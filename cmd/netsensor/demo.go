package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/capture"
	"netsensor/internal/engine"
	"netsensor/internal/judge"
	"netsensor/internal/manifest"
	"netsensor/internal/output"
	"netsensor/pcaps"
)

func newDemo() *cobra.Command {
	var eve bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "replay a built-in story and show what netsensor says about it",
		Long: `demo replays ten minutes of the fictional product "Acme Vault": first it behaves as its vendor declared, then it does
not. Capture, manifest and bindings are built into the program.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if eve {
				return demo(cmd.ErrOrStderr(), output.NewStream(cmd.OutOrStdout()), nil)
			}
			return tell(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&eve, "eve", false, "write all EVE events instead of the story")
	return c
}

// demo replays the built-in capture into sink, and hands the site to after.
func demo(stderr io.Writer, sink output.Sink, after func(*site)) error {
	m, err := manifest.Decode("acme-vault.json", pcaps.Manifest())
	if err != nil {
		return err
	}
	b, err := manifest.DecodeBindings("site.json", pcaps.Bindings())
	if err != nil {
		return err
	}
	s, err := newSite([]*manifest.Manifest{m}, b, stderr)
	if err != nil {
		return err
	}
	cfg := engine.Config{Workers: 1, Parsers: parsers, Sink: sink}
	s.configure(&cfg)
	story := engine.Input{Name: "story.pcap", Open: func() (capture.Source, error) {
		return capture.NewReader(bytes.NewReader(pcaps.Story()), "story.pcap", capture.Options{})
	}}
	if _, err := engine.New(cfg).Run([]engine.Input{story}); err != nil {
		return err
	}
	if after != nil {
		after(s)
	}
	return sink.Close()
}

// tell is the demo for people.
func tell(w, stderr io.Writer) error {
	fmt.Fprint(w, `
Acme Inc sells "Acme Vault", and publishes a manifest of what it does on a network: telemetry to the vendor over
TLS, LDAPS to the customer's directory, replication among its nodes, an admin interface, and so on, each with a
reason. The site "riverside" runs it on three hosts, and says so in its bindings: which hosts, which directory,
which features are on. This is ten minutes of those hosts' traffic, judged by the two documents.

`)
	var alerts []shownAlert
	sink := alertSink{func(line []byte) error {
		var a shownAlert
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		alerts = append(alerts, a)
		return nil
	}}
	var r judge.Report
	if err := demo(stderr, sink, func(s *site) { r = s.judge.Report() }); err != nil {
		return err
	}
	fmt.Fprintf(w, "EXPECTED: %s, each allowed by an entry of the manifest or an exception of the site:\n\n", count(r.Expected, "conversation"))
	for _, e := range r.Entries {
		if e.Hits > 0 {
			fmt.Fprintf(w, "  %4d x %-16s %s\n", e.Hits, e.Entry.ID, reasonOf(e))
		}
	}
	fmt.Fprintf(w, "\nALERTS: %d, and %d more folded into them. The first of each rule:\n", len(alerts), r.Folded)
	shown := map[string]bool{}
	var more []shownAlert
	for _, a := range alerts {
		if rule := a.rule(); shown[rule] {
			more = append(more, a)
		} else {
			shown[rule] = true
			a.print(w)
		}
	}
	fmt.Fprint(w, "\nThe others:\n\n")
	for _, a := range more {
		fmt.Fprintf(w, "  %s  %-18s %s\n", a.at(), a.rule(), firstClause(a.Alert.Context.Netsensor.Why))
	}
	fmt.Fprint(w, `
Each of these is a line of EVE JSON with the evidence in it: netsensor demo --eve
The same on the files: netsensor replay --manifest pcaps/acme-vault.json --bindings pcaps/site.json pcaps/story.pcap
Without manifests it writes what it sees: netsensor replay pcaps/story.pcap
`)
	return nil
}

func reasonOf(e judge.EntryReport) string {
	if c := e.Entry.Comm; c != nil {
		return c.Reason
	}
	if x := e.Entry.Exception; x != nil {
		return "exception: " + x.Reason
	}
	return ""
}

// alertSink takes the alerts and drops the rest.
type alertSink struct{ take func(line []byte) error }

func (s alertSink) Write(e *output.Event) error {
	if e.Type != "alert" {
		return nil
	}
	return s.take(e.Line)
}
func (s alertSink) Flush() error { return nil }
func (s alertSink) Close() error { return nil }

// shownAlert is the part of an alert that the demo shows.
type shownAlert struct {
	Timestamp string `json:"timestamp"`
	Src       string `json:"src_ip"`
	Dst       string `json:"dest_ip"`
	Port      int    `json:"dest_port"`
	App       string `json:"app_proto"`
	Alert     struct {
		Severity int `json:"severity"`
		Metadata struct {
			Rule       []string `json:"netsensor_rule"`
			Confidence []string `json:"netsensor_confidence"`
			Technique  []string `json:"mitre_technique_id"`
		} `json:"metadata"`
		Context struct {
			Netsensor struct {
				Why string `json:"why"`
			} `json:"netsensor"`
		} `json:"context"`
	} `json:"alert"`
}

func (a *shownAlert) at() string {
	t, _ := time.Parse("2006-01-02T15:04:05.000000-0700", a.Timestamp)
	return t.Format(time.TimeOnly)
}

func (a *shownAlert) rule() string { return strings.Join(a.Alert.Metadata.Rule, " ") }

func (a *shownAlert) print(w io.Writer) {
	m := a.Alert.Metadata
	fmt.Fprintf(w, "\n  %s  %s  (severity %d, confidence %s, ATT&CK %s)\n", a.at(), strings.ToUpper(a.rule()), a.Alert.Severity,
		strings.Join(m.Confidence, ""), strings.Join(m.Technique, " "))
	for _, line := range wrap(a.Alert.Context.Netsensor.Why, 100) {
		fmt.Fprintf(w, "            %s\n", line)
	}
}

// firstClause is what a sentence says before it goes into details.
func firstClause(why string) string {
	clause, _, _ := strings.Cut(why, ";")
	if before, _, ok := strings.Cut(clause, ", which"); ok {
		return before
	}
	return clause
}

// wrap breaks text into lines of at most width characters at blanks.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
