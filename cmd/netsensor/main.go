// Command netsensor watches what products do on the network and compares it with what their vendors declared.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
	exitAlerts  = 3 // --fail-on was met
)

// usageError is a fault of the command line, not of the work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// codeError ends the program with its code and, unless it is silent, a message.
type codeError struct {
	code int
	msg  string
}

func (e codeError) Error() string { return e.msg }

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	var code codeError
	var usage usageError
	switch {
	case errors.As(err, &code):
		if code.msg != "" {
			say(stderr, "%s", code.msg)
		}
		return code.code
	case errors.As(err, &usage):
		say(stderr, "%v", err)
		return exitUsage
	}
	sayError(stderr, err)
	return exitFailure
}

// say writes one message the way all of them look: lower case, prefixed, no period at the end.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "netsensor: "+format+"\n", args...)
}

// sayError writes each of the joined errors on a line of its own.
func sayError(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		say(w, "%s", strings.TrimRight(line, "\n"))
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "netsensor",
		Short: "compare what products do on the network with what their vendors declared",
		Long: `netsensor reads network traffic, extracts who talks to whom, by which names and methods, and judges the
conversations of monitored hosts by the manifests of the products that run there.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_ = cmd.Help()
			return usagef("no command given")
		},
	}
	root.AddCommand(newReplay(), newCheck(), newDemo(), newManifest(), newExplain(), newLearn(), newVerifyRelease(), newVersion())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%v (see %s --help)", err, cmd.CommandPath())
	})
	usageArgs(root)
	return root
}

// atLeastOne asks for arguments; what they are is for the message.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("no %s given", what)
		}
		return nil
	}
}

// usageArgs makes faults in the arguments usage errors, in c and below.
func usageArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usagef("%v (see %s --help)", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}
