package judge

import (
	"encoding/json"
	"strings"
	"testing"

	"netsensor/internal/eve"
)

func TestExplainSubjects(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	table := compile(t, site, strings.Replace(vault, `"accounts":`, `"artifacts": [{"name": "v.tar.gz", "hashes": {"sha256": "`+hash+`"}}], "accounts":`, 1))
	for _, tt := range []struct {
		got      Subject
		declared bool
		want     string // in the verdict
		first    string
	}{
		{ExplainName(table, "Telemetry.Acme.Example.", noon), true, "declared", "telemetry"},
		{ExplainName(table, "contoso.vault.acme.example", noon), true, "declared", "telemetry"},
		{ExplainName(table, "support.acme.example", noon), true, "feature-off", "support"},
		{ExplainName(table, "x.acme.example", noon), false, "unknown-domain", "telemetry"},
		{ExplainName(table, "evil.test", noon), false, "unknown-domain", ""},
		{ExplainName(table, "", noon), false, "unknown-domain", ""},
		{ExplainUser(table, `CORP\Admin`), true, "default-account", "ui-admin"},
		{ExplainUser(table, "eve"), false, "no default account", ""},
		{ExplainHash(table, strings.ToUpper(hash)), true, "declared", "v.tar.gz"},
		{ExplainHash(table, "00"), false, "unknown-hash", ""},
		{ExplainHash(compile(t, site, vault), "00"), false, "not judged", ""},
	} {
		first := ""
		if len(tt.got.Candidates) > 0 {
			first = tt.got.Candidates[0].ID
		} else if len(tt.got.Items) > 0 {
			first = tt.got.Items[0].ID
		}
		var text strings.Builder
		if err := tt.got.WriteText(&text); err != nil || tt.got.Declared != tt.declared || !strings.Contains(text.String(), tt.want) || first != tt.first {
			t.Errorf("%+v, %v, first %q, want %q", tt.got, err, first, tt.first)
		}
		if _, err := tt.got.JSON(); err != nil {
			t.Error(err)
		}
	}
}

func TestParseEvent(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	c := tcp(host, evil, "tls", Name{Text: "c2.evil.test", Source: SNI})
	al := j.Conversation(c).Alerts[0]
	line := append(al.AppendEVE([]byte(`{"timestamp":"2026-03-05T12:00:01.000000+0000","src_ip":"10.20.4.17","dest_ip":"203.0.113.66","dest_port":443,"app_proto":"tls","proto":"TCP",`), &eve.Options{}), '}')
	a, err := ParseEvent(line)
	if err != nil || a.Query == nil || a.Query.ToName != "c2.evil.test" || a.Query.Port != 443 || a.Query.Time != noon+second || a.Why != al.Why {
		t.Fatalf("%+v, %+v, %v", a, a.Query, err)
	}
	if x := Explain(j.table, *a.Query); len(x) != 1 || x[0].Rule != "unknown-domain" {
		t.Errorf("%+v", x)
	}
	for _, bad := range []string{"", "x", "{}", "[]", `{"src_ip":"10.0.0.1"}`, `{"src_ip":1}`, `{"alert":{"metadata":{"netsensor_rule":1}}}`} {
		if a, err := ParseEvent([]byte(bad)); err == nil {
			t.Errorf("%q was read as %+v", bad, a)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"src_ip":"10.20.4.17","dest_ip":"203.0.113.66","dest_port":443,"tls":{"sni":"x.example"},"alert":{"metadata":{"netsensor_rule":["x"]}}}`))
	table := compile(f, site, vault)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseEvent(b)
		if err != nil {
			return
		}
		if a.Query != nil {
			Explain(table, *a.Query)
		}
		s := ExplainName(table, a.Name, 0)
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
