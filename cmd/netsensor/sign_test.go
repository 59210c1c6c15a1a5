package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"netsensor/pcaps"
)

// netsensor runs the program in the current folder.
func netsensor(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, strings.NewReader(""), &out, &errs); code != want {
		t.Errorf("netsensor %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, &errs)
	}
	return out.String(), errs.String()
}

// TestSignedSite judges by manifests that the site's bindings want signed by two keys.
func TestSignedSite(t *testing.T) {
	t.Chdir(t.TempDir())
	put := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("m.json", pcaps.Manifest())
	put("bare.json", pcaps.Bindings())
	if err := copyPcaps("captures"); err != nil {
		t.Fatal(err)
	}
	var site map[string]any
	if err := json.Unmarshal(pcaps.Bindings(), &site); err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{}
	for _, name := range []string{"vendor", "local", "stranger"} {
		out, _ := netsensor(t, 0, "manifest", "keygen", name)
		if info, err := os.Stat(name + ".key"); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s.key: %v, %v; want mode 0600", name, info.Mode(), err)
		}
		if name != "stranger" {
			keys[name] = map[string]any{"kind": "ed25519", "public": regexp.MustCompile(`public: (\S+)\}`).FindStringSubmatch(out)[1]}
		}
	}
	site["keys"] = keys
	ref := site["manifest"].(map[string]any)
	ref["trust"], ref["threshold"] = []string{"vendor", "local"}, 2
	text, err := json.Marshal(site)
	if err != nil {
		t.Fatal(err)
	}
	put("site.json", text)
	ref["minSerial"] = 8
	if text, err = json.Marshal(site); err != nil {
		t.Fatal(err)
	}
	put("later.json", text)
	netsensor(t, 0, "manifest", "sign", "-k", "vendor.key", "-o", "one.dsse.json", "m.json")
	netsensor(t, 0, "manifest", "sign", "-k", "local.key", "-o", "two.dsse.json", "one.dsse.json")
	netsensor(t, 0, "manifest", "sign", "-k", "vendor.key", "-k", "stranger.key", "-o", "false.dsse.json", "m.json")

	replay := func(want int, m, b string) (string, string) {
		return netsensor(t, want, "replay", "-q", "-e", "alert", "-m", m, "-b", b, "captures/02-beacon.pcap")
	}
	bare, _ := replay(0, "m.json", "bare.json")
	if signed, _ := replay(0, "two.dsse.json", "site.json"); signed != bare || bare == "" {
		t.Errorf("alerts by the signed manifest:\n%sby the bare one:\n%s", signed, bare)
	}
	for _, c := range []struct{ m, b, says string }{
		{"m.json", "site.json", "m.json: not signed by enough trusted keys: it is not signed; trusted: vendor ("},
		{"one.dsse.json", "site.json", "1 of 2; signatures of "},
		{"false.dsse.json", "site.json", "1 of 2; signatures of "},
		{"two.dsse.json", "later.json", "two.dsse.json has serial 7; at least 8 is wanted [serial-too-low]"},
	} {
		if out, errs := replay(1, c.m, c.b); !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%s, %s: %q; want %q", c.m, c.b, errs, c.says)
		}
	}
	if out, _ := netsensor(t, 0, "manifest", "verify", "-b", "site.json", "two.dsse.json"); !strings.Contains(out, "signed by vendor (") || !strings.Contains(out, "signed by local (") {
		t.Errorf("verify: %s", out)
	}
	netsensor(t, 1, "manifest", "verify", "-b", "site.json", "one.dsse.json")
	if _, errs := netsensor(t, 1, "manifest", "verify", "-b", "later.json", "two.dsse.json"); !strings.Contains(errs, "older than the bindings accept: serial 7") {
		t.Errorf("rolled back: %s", errs)
	}
	if out, _ := netsensor(t, 0, "manifest", "diff", "-b", "site.json", "two.dsse.json", "two.dsse.json"); !strings.Contains(out, "no difference") {
		t.Errorf("diff: %s", out)
	}
}
