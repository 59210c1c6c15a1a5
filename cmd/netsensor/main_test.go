package main

import (
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"netsensor/pcaps"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata; read the difference")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"netsensor": func() { os.Exit(supervised(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"alerts":    tool(showAlerts),
		"types":     tool(countTypes),
		"drop":      tool(dropMember),
		"only":      tool(onlyType),
		"convert":   tool(convert),
	})
}

// TestScripts runs the scripts of testdata. Their programs are this test binary: netsensor is the real one, the others
// are in tools_test.go. $PCAPS is a copy of the repository's captures, by the same relative path on every machine,
// since events contain it; $SITE are the flags that judge by the documents there.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PCAPS", "pcaps")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector lets every program sleep for a second
			return copyPcaps(filepath.Join(e.WorkDir, "pcaps"))
		},
		Cmds:      map[string]func(*testscript.TestScript, bool, []string){"code": exitsWith},
		Condition: func(c string) (bool, error) { return c == "root" && os.Geteuid() == 0, nil },
	})
}

// exitsWith CODE PROGRAM ARGS... runs a program that must exit with the code.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func copyPcaps(dir string) error {
	if err := os.CopyFS(dir, pcaps.Captures()); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"acme-vault.json": pcaps.Manifest(), "site.json": pcaps.Bindings()} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// exitBroken is the exit code of supervised for output that breaks a promise; no script expects it.
const exitBroken = 99

// supervised is run with its promises checked: only events on the standard output of replay, and lines that begin with the
// program's name on standard error.
func supervised(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &lineCheck{w: stdout, ok: func(string) bool { return true }}
	if len(args) > 0 && args[0] == "replay" && !isHelp(args) {
		out.ok = isEvent
	}
	errs := &lineCheck{w: stderr, ok: isMessage}
	code := run(args, stdin, out, errs)
	for _, c := range []*lineCheck{out, errs} {
		if bad := c.finish(); bad != "" {
			_, _ = io.WriteString(stderr, "BROKEN PROMISE: this line should not be here: "+bad+"\n")
			return exitBroken
		}
	}
	return code
}

// captureNames lists all captures.
func captureNames(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(pcaps.Captures(), "*.pcap")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	return names
}
