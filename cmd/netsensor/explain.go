package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/judge"
)

// explainFlags hold what is asked: one of the first four.
type explainFlags struct {
	site             siteFlags
	from, to         string
	name, user, hash string
	at               string
	asJSON           bool
}

func newExplain() *cobra.Command {
	var f explainFlags
	c := &cobra.Command{
		Use:   "explain --manifest FILE --bindings FILE (--from ADDRESS --to ENDPOINT | --name NAME | --user NAME | --hash HEX | -)",
		Short: "say what would be made of a conversation, a name, a user or a file, and why",
		Long: `explain answers whether a host may speak to an endpoint, by the same rules as replay: the verdict, the entry that allows
it, or every candidate with the constraints that fail, with the vendor's reason and documentation. It also says what is
declared under a name, a user name or a file's digest. With - it reads EVE events from standard input, one a line:
netsensor's alerts, or events of others with two addresses, and explains each.`,
		Example: `  netsensor explain -m pcaps/acme-vault.json -b pcaps/site.json --from 10.20.4.17 --to telemetry.acme.example:443/tls
  netsensor explain -m pcaps/acme-vault.json -b pcaps/site.json --user 'RIVERSIDE\vaultadmin'
  netsensor replay -q -e alert -m pcaps/acme-vault.json -b pcaps/site.json pcaps/02-beacon.pcap |
    netsensor explain -m pcaps/acme-vault.json -b pcaps/site.json -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] != "-" {
				return usagef("explain: %q: the only argument is -, for events on standard input", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, len(args) > 0) },
	}
	fl := c.Flags()
	f.site.register(fl)
	fl.StringVar(&f.from, "from", "", "`ADDRESS` that initiates the conversation")
	fl.StringVar(&f.to, "to", "", "`ENDPOINT` it reaches: name-or-address:port[/udp][/method]")
	fl.StringVar(&f.name, "name", "", "DNS `NAME`: which entries cover it?")
	fl.StringVar(&f.user, "user", "", "user `NAME`, as in a login: is it a default account?")
	fl.StringVar(&f.hash, "hash", "", "`HEX` digest of a file: is it declared?")
	fl.StringVar(&f.at, "at", "", "`TIME` of the conversation (RFC 3339), for what expires")
	fl.BoolVar(&f.asJSON, "json", false, "print JSON")
	return c
}

// answer is something that can be shown.
type answer interface {
	JSON() ([]byte, error)
	WriteText(w io.Writer) error
}

func (f *explainFlags) run(cmd *cobra.Command, events bool) error {
	asked, err := f.asked(events)
	if err != nil {
		return err
	}
	if !f.site.given() {
		return usagef("explain needs --manifest and --bindings")
	}
	s, err := f.site.load(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if !events {
		return f.show(cmd, s, asked)
	}
	return f.events(cmd, s)
}

// asked reads the flags. Exactly one thing is to be asked.
func (f *explainFlags) asked(events bool) (a judge.Asked, err error) {
	n := 0
	for _, given := range []bool{f.from != "" || f.to != "", f.name != "", f.user != "", f.hash != "", events} {
		if given {
			n++
		}
	}
	switch {
	case n == 0:
		return a, usagef("explain needs --from ADDRESS and --to ENDPOINT, or --name, --user, --hash, or - for events on standard input")
	case n > 1:
		return a, usagef("explain: --from with --to, --name, --user, --hash and - are different questions: ask one")
	}
	at, err := f.time()
	if err != nil {
		return a, err
	}
	a.Name, a.User, a.Hash = f.name, f.user, f.hash
	if f.from == "" && f.to == "" {
		return a, nil
	}
	q, err := parseQuery(f.from, f.to)
	q.Time = at
	a.Query = &q
	return a, err
}

func (f *explainFlags) time() (int64, error) {
	if f.at == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return 0, usagef("--at: %q is no time like 2026-03-02T10:00:00Z", f.at)
	}
	return t.UnixNano(), nil
}

func parseQuery(from, to string) (q judge.Query, err error) {
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
	return q, nil
}

// maxEvent bounds one event on standard input.
const maxEvent = 4 << 20

// events explains each event on standard input. A line that is none is named, and does not end it.
func (f *explainFlags) events(cmd *cobra.Command, s *site) error {
	in := bufio.NewScanner(cmd.InOrStdin())
	in.Buffer(nil, maxEvent)
	w, n, bad := cmd.OutOrStdout(), 0, 0
	for line := 1; in.Scan(); line++ {
		if len(in.Bytes()) == 0 {
			continue
		}
		a, err := judge.ParseEvent(in.Bytes())
		if err != nil {
			say(cmd.ErrOrStderr(), "standard input, line %d: %v", line, err)
			bad++
			continue
		}
		if n++; n > 1 && !f.asJSON {
			fmt.Fprintln(w)
		}
		if a.Why != "" && !f.asJSON {
			fmt.Fprintf(w, "alert: %s\n\n", a.Why)
		}
		if err := f.show(cmd, s, a); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	if n == 0 || bad > 0 {
		return errors.New("standard input: not all lines are EVE events that can be explained")
	}
	return nil
}

func (f *explainFlags) show(cmd *cobra.Command, s *site, a judge.Asked) error {
	var answers []answer
	at, _ := f.time()
	subject := func(x judge.Subject) { answers = append(answers, &x) }
	switch {
	case a.Name != "":
		subject(judge.ExplainName(s.table, a.Name, at))
	case a.User != "":
		subject(judge.ExplainUser(s.table, a.User))
	case a.Hash != "":
		subject(judge.ExplainHash(s.table, a.Hash))
	default:
		for _, x := range judge.Explain(s.table, *a.Query) {
			answers = append(answers, &x)
		}
	}
	if len(answers) == 0 {
		say(cmd.ErrOrStderr(), "neither end is bound to a product: nothing is judged")
		return nil
	}
	w := cmd.OutOrStdout()
	for i, x := range answers {
		if f.asJSON {
			b, err := x.JSON()
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
		if err := x.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}
