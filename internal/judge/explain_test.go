package judge

import (
	"net/netip"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	table := compile(t, site, vault)
	for _, tt := range []struct{ from, to, want string }{
		{"10.20.4.17", "telemetry.acme.example:443/tls", "expected telemetry"},
		{"10.20.4.17", "telemetry.acme.example:443", "expected telemetry"},
		{"10.20.4.17", "Telemetry.acme.example.:80/http", "unexpected unexpected-method telemetry port method"},
		{"10.20.4.17", "telemetry.acme.example:443/udp/quic", "unexpected unexpected-method telemetry port method"},
		{"10.20.4.17", "support.acme.example:22/ssh", "unexpected feature-off support feature"},
		{"10.20.4.17", "c2.evil.test:443/tls", "unexpected unknown-domain telemetry name"},
		{"10.20.4.17", "10.20.1.10:389/ldap", "expected ldap"},
		{"10.20.4.17", "10.20.1.10:636/ldaps", "expected ldap"},
		{"10.20.4.17", "10.20.1.10:636/ssh", "unexpected unexpected-method ldap method"},
		{"10.9.0.5", "[::ffff:10.20.4.17]:8200/https", "expected admin"},
		{"10.9.0.5", "10.20.4.17:22/ssh", "unexpected unexpected-inbound admin port method"},
		{"10.1.1.1", "10.1.1.2:22", ""},
	} {
		q := Query{From: netip.MustParseAddr(tt.from), Time: noon}
		if err := q.ParseEndpoint(tt.to); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range Explain(table, q) {
			c := &x.Candidates[0]
			got = strings.Join(strings.Fields(strings.Join(append([]string{x.Verdict, x.Rule, c.ID}, c.Failed...), " ")), " ")
			var text strings.Builder
			if err := x.WriteText(&text); err != nil || !strings.HasPrefix(text.String(), x.Verdict) {
				t.Errorf("%v, %s", err, text.String())
			}
			if _, err := x.JSON(); err != nil {
				t.Error(err)
			}
		}
		if got != tt.want {
			t.Errorf("%s to %s: %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
	for _, bad := range []string{"", "x", "x:", "x:99999", ":1", "a b:1", "x:1/tls/http"} {
		var q Query
		if err := q.ParseEndpoint(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, q)
		}
	}
}
