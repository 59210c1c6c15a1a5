package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"netsensor/internal/manifest"
)

func newManifest() *cobra.Command {
	c := &cobra.Command{
		Use:   "manifest",
		Short: "check manifests",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return usagef("no command given after manifest")
		},
	}
	c.AddCommand(newLint(), newSchema(), newConvert(), newDiff(), newKeygen(), newSign(), newVerifySignature())
	return c
}

func newLint() *cobra.Command {
	var bindings string
	var strict bool
	c := &cobra.Command{
		Use:   "lint [flags] FILE|DIR...",
		Short: "check manifests, and bindings against them",
		Long: `lint reads manifests and says what is wrong with them or will cause trouble: errors (exit 1), warnings and advice.
Each line names file, line, column, JSON pointer and a stable id.`,
		Args: atLeastOne("manifest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			manifests, err := manifest.LoadAllWith(args, unverified(cmd))
			if err != nil {
				return err
			}
			now := time.Now()
			var findings []manifest.Finding
			for _, m := range manifests {
				findings = append(findings, m.ValidateSchema()...)
				findings = append(findings, manifest.Lint(m, now)...)
			}
			if bindings != "" {
				b, err := manifest.LoadBindings(bindings)
				if err != nil {
					return err
				}
				findings = append(findings, b.ValidateSchema()...)
				findings = append(findings, manifest.BindingsLint(b, manifests, now)...)
			}
			return printFindings(cmd, findings, len(manifests), strict)
		},
	}
	c.Flags().StringVarP(&bindings, "bindings", "b", "", "check this site's bindings `FILE` against the manifests too")
	c.Flags().BoolVar(&strict, "strict", false, "exit with 1 for warnings too")
	return c
}

func printFindings(cmd *cobra.Command, findings []manifest.Finding, documents int, strict bool) error {
	var n [manifest.Error + 1]int
	for _, f := range findings {
		n[f.Severity]++
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), f); err != nil {
			return err
		}
		if f.Remedy != "" {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "    %s\n", f.Remedy); err != nil {
				return err
			}
		}
	}
	say(cmd.ErrOrStderr(), "%s: %s, %s, %d advice", count(uint64(documents), "manifest"), count(uint64(n[manifest.Error]), "error"),
		count(uint64(n[manifest.Warning]), "warning"), n[manifest.Info])
	if n[manifest.Error] > 0 || strict && n[manifest.Warning] > 0 {
		return codeError{code: exitFailure}
	}
	return nil
}

func newSchema() *cobra.Command {
	var bindings bool
	c := &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of the manifest",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := manifest.Schema()
			if bindings {
				s = manifest.BindingsSchema()
			}
			_, err := cmd.OutOrStdout().Write(s)
			return err
		},
	}
	c.Flags().BoolVar(&bindings, "bindings", false, "print that of the bindings instead")
	return c
}
