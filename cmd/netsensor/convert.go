package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	translate "netsensor/internal/convert"
)

func newConvert() *cobra.Command {
	var o translate.Options
	var output string
	var strict bool
	names, titles := translate.Formats()
	var list strings.Builder
	for i, n := range names {
		fmt.Fprintf(&list, "\n  %-20s %s", n, titles[i])
	}
	c := &cobra.Command{
		Use:   "convert [flags] FILE...",
		Short: "make a manifest of what vendors publish in other formats",
		Long: `convert makes one manifest of files of one format, which is told by their content where --from is not given.
What a manifest cannot say is listed on standard error and, as x-losses, in the manifest.

The formats:` + list.String(),
		Args: atLeastOne("file to convert"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var files []translate.File
			for _, path := range args {
				b, err := readBounded(path)
				if err != nil {
					return err
				}
				files = append(files, translate.File{Name: path, Data: b})
			}
			made, err := translate.Import(files, o)
			if err != nil {
				return err
			}
			if err := writeManifest(cmd, output, made.JSON); err != nil {
				return err
			}
			stderr := cmd.ErrOrStderr()
			for _, l := range made.Losses {
				say(stderr, "%s: lost: %s: %s", l.Place, l.What, l.Why)
			}
			if len(made.Assumed) > 0 {
				say(stderr, "made up, for no file says it: %s", strings.Join(made.Assumed, ", "))
			}
			say(stderr, "%s: %s, %s", made.Format, counted(len(made.Manifest.Communications), "communication", "communications"), counted(len(made.Losses), "loss", "losses"))
			if strict && len(made.Losses) > 0 {
				return codeError{code: exitFailure}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.From, "from", "", "the `FORMAT` of the files")
	f.StringVarP(&output, "output", "o", "", "write the manifest to `FILE` instead of standard output")
	f.BoolVar(&strict, "strict", false, "exit with 1 when anything is lost")
	f.StringVar(&o.ID, "id", "", "the manifest's id, a `URI`")
	f.Uint64Var(&o.Serial, "serial", 0, "the manifest's serial")
	f.StringVar(&o.Publisher, "publisher", "", "who speaks in the manifest")
	f.StringVar(&o.Domain, "domain", "", "the publisher's DNS zone")
	f.StringVar(&o.Product, "product", "", "the product's name")
	f.StringSliceVar(&o.Columns, "columns", nil, "the `NAMES` of the columns of CSV files without a header")
	return c
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// readBounded reads a file that is not larger than what can be imported.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, translate.MaxBytes+1))
	if err == nil && len(b) > translate.MaxBytes {
		err = fmt.Errorf("%s: more than %d bytes", path, translate.MaxBytes)
	}
	return b, err
}

// writeManifest writes to a file that appears whole or not at all, or to standard output.
func writeManifest(cmd *cobra.Command, path string, text []byte) error {
	if path == "" {
		_, err := cmd.OutOrStdout().Write(text)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
