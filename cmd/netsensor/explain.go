package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/judge"
)

func newExplain() *cobra.Command {
	var f siteFlags
	var from, to, at string
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain --manifest FILE --bindings FILE --from ADDRESS --to ENDPOINT",
		Short: "say what would be made of a conversation, and why",
		Long: `explain answers whether a host may speak to an endpoint, by the same rules as replay: the verdict, the entry that allows
it, or every candidate with the constraints that fail, with the vendor's reason and documentation.`,
		Example: "  netsensor explain -m pcaps/acme-vault.json -b pcaps/site.json --from 10.20.4.17 --to telemetry.acme.example:443/tls",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := parseQuery(from, to, at)
			if err != nil {
				return err
			}
			if !f.given() {
				return usagef("explain needs --manifest and --bindings")
			}
			s, err := f.load(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			answers := judge.Explain(s.table, q)
			if len(answers) == 0 {
				say(cmd.ErrOrStderr(), "neither end is bound to a product: nothing is judged")
				return nil
			}
			return show(cmd, answers, asJSON)
		},
	}
	fl := c.Flags()
	f.register(fl)
	fl.StringVar(&from, "from", "", "`ADDRESS` that initiates the conversation")
	fl.StringVar(&to, "to", "", "`ENDPOINT` it reaches: name-or-address:port[/udp][/method]")
	fl.StringVar(&at, "at", "", "`TIME` of the conversation (RFC 3339), for what expires")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func parseQuery(from, to, at string) (q judge.Query, err error) {
	if from == "" || to == "" {
		return q, usagef("explain needs --from ADDRESS and --to ENDPOINT")
	}
	if q.From, err = netip.ParseAddr(from); err != nil {
		return q, usagef("--from: %q is no address", from)
	}
	q.From = q.From.Unmap()
	if err := q.ParseEndpoint(to); err != nil {
		return q, usagef("--to: %v", err)
	}
	if at != "" {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return q, usagef("--at: %q is no time like 2026-03-02T10:00:00Z", at)
		}
		q.Time = t.UnixNano()
	}
	return q, nil
}

func show(cmd *cobra.Command, answers []judge.Explanation, asJSON bool) error {
	w := cmd.OutOrStdout()
	for i := range answers {
		if asJSON {
			b, err := answers[i].JSON()
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s\n", b); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := answers[i].WriteText(w); err != nil {
			return err
		}
	}
	return nil
}
