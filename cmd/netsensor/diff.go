package main

import (
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/envelope"
	"netsensor/internal/manifest"
	"netsensor/internal/manifestdiff"
)

// exitWidens is the exit code of manifest diff --fail-on widening.
const exitWidens = 4

func newDiff() *cobra.Command {
	var format, failOn, bindings string
	c := &cobra.Command{
		Use:   "diff [flags] OLD NEW",
		Short: "say what a new version of a manifest allows or drops",
		Long: `diff compares two versions of a manifest by what they allow and says it in the words of the product: features, systems,
names, ports, accounts. What widens is marked. Signatures are verified with --bindings only.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			write := (*manifestdiff.Diff).WriteText
			switch format {
			case "text":
			case "json":
				write = (*manifestdiff.Diff).WriteJSON
			case "markdown":
				write = (*manifestdiff.Diff).WriteMarkdown
			default:
				return usagef("--format %s: must be text, json or markdown", format)
			}
			if failOn != "" && failOn != "widening" {
				return usagef("--fail-on %s: must be widening", failOn)
			}
			load := unverified(cmd)
			if bindings != "" {
				b, err := manifest.LoadBindings(bindings)
				if err != nil {
					return err
				}
				trust, err := envelope.NewTrust(b, time.Now())
				if err != nil {
					return err
				}
				load = trust.Load
			}
			a, err := load(args[0])
			if err != nil {
				return err
			}
			b, err := load(args[1])
			if err != nil {
				return err
			}
			d := manifestdiff.Compare(a, b)
			if err := write(d, cmd.OutOrStdout()); err != nil {
				return err
			}
			if failOn != "" && d.Widens > 0 {
				return codeError{code: exitWidens}
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVarP(&format, "format", "f", "text", "`FORMAT` of the output: text, json or markdown")
	fl.StringVar(&failOn, "fail-on", "", "exit with 4 if `WHAT` is found: widening")
	fl.StringVarP(&bindings, "bindings", "b", "", "verify signatures by the keys that this site's bindings `FILE` trusts")
	return c
}
