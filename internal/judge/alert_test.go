package judge

import (
	"encoding/json"
	"strings"
	"testing"

	"netsensor/internal/eve"
)

type alertEVE struct {
	Alert struct {
		Action      string
		SignatureID int `json:"signature_id"`
		Signature   string
		Severity    int
		Source      struct {
			IP   string
			Port int
		}
		Target     struct{ IP string }
		References []string
		Metadata   map[string][]string
		Context    *struct {
			Netsensor map[string]any
		}
	}
	Verdict struct{ Action string }
}

func TestAppendEVE(t *testing.T) {
	j := New(compile(t, site, vault), Config{})
	look(j, noon-3*second, "c2.evil.test", Answer{Name: "c2.evil.test", To: "x.cdn.test", TTL: 60}, a("x.cdn.test", "203.0.113.66"))
	out := j.Conversation(tcp(host, evil, "tls", Name{Text: "C2.Evil.Test", Source: SNI}))
	if len(out.Alerts) != 1 {
		t.Fatalf("%+v", out)
	}
	text := out.Alerts[0].AppendEVE([]byte("{"), &eve.Options{})
	var got alertEVE
	if err := json.Unmarshal(append(text, '}'), &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	al := got.Alert
	if al.SignatureID != 9100001 || al.Signature != "NETSENSOR unknown external domain contacted by Acme Vault" || al.Severity != 2 ||
		al.Source.IP != "10.20.4.17" || al.Source.Port != 40000 || al.Target.IP != "203.0.113.66" || got.Verdict.Action != "alert" {
		t.Errorf("%s", text)
	}
	for key, want := range map[string]string{
		"netsensor_rule": "unknown-domain", "netsensor_product": "pkg:generic/acme/vault@8.2.4", "netsensor_name": "c2.evil.test",
		"netsensor_name_source": "tls.sni", "netsensor_confidence": "high", "netsensor_mode": "enforce", "netsensor_role": "server",
		"netsensor_nearest": "telemetry", "netsensor_failed": "name", "netsensor_feature": "telemetry", "netsensor_host": "10.20.4.17",
		"mitre_tactic_id": "TA0011", "signature_severity": "Major",
		"netsensor_why": "10.20.4.17 (Acme Vault server) contacted c2.evil.test at 203.0.113.66:443 (tls.sni); no entry of Acme Vault 8.2.4 declares it; " +
			"nearest: telemetry (telemetry.acme.example, *.ingest.acme.example, ${tenant}.vault.acme.example and 1 more, port 443 TLS), differs in name",
	} {
		if v := al.Metadata[key]; len(v) == 0 || v[0] != want {
			t.Errorf("%s = %q, want %q", key, v, want)
		}
	}
	if len(al.References) == 0 || al.References[0] != "https://docs.acme.example/telemetry" {
		t.Errorf("references %q", al.References)
	}
	seen, _ := json.Marshal(al.Context.Netsensor["names"])
	if want := `[{"age_s":4,"chain":"x.cdn.test","name":"c2.evil.test","source":"tls.sni","status":"confirmed","ttl":60},` +
		`{"age_s":4,"chain":"x.cdn.test","name":"c2.evil.test","source":"dns.answer","status":"confirmed","ttl":60}]`; string(seen) != want {
		t.Errorf("names %s", seen)
	}
	text = out.Alerts[0].AppendEVE([]byte("{"), &eve.Options{NoAlertContext: true})
	got = alertEVE{}
	if err := json.Unmarshal(append(text, '}'), &got); err != nil || got.Alert.Context != nil {
		t.Errorf("%v, context %v", err, got.Alert.Context)
	}
}

// Names are a stranger's bytes.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"\"},\"x\":{", "\x00\xff\xfe.example", strings.Repeat("a.", 126) + "a", "\u2028", "é.example"} {
		j := New(compile(t, site, vault), Config{})
		out := j.Conversation(tcp(host, evil, "tls", Name{Text: name, Source: SNI}))
		for _, al := range out.Alerts {
			if text := append(al.AppendEVE([]byte("{"), &eve.Options{}), '}'); !json.Valid(text) {
				t.Errorf("%q: %s", name, text)
			}
		}
		if len(out.Alerts) != 1 {
			t.Errorf("%q: %d alerts", name, len(out.Alerts))
		}
	}
}

func TestSignatureIDs(t *testing.T) {
	want := []string{"unknown-domain", "unknown-address", "unexpected-system", "unexpected-inbound", "unexpected-method", "feature-off", "name-mismatch",
		"tls-policy", "default-account", "unknown-hash", "unknown-signer", "unexpected-command", "bounds-exceeded", "undecidable"}
	for i, name := range want {
		if r := Rule(i + 1); r.String() != name || r.SignatureID() != 9100001+i {
			t.Errorf("%d is %v", r.SignatureID(), r)
		}
	}
	if len(want) != int(rules)-1 {
		t.Errorf("%d rules", rules-1)
	}
}

func TestLike(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"OpenSSH_*", "OpenSSH_9.2", true}, {"OpenSSH_*", "dropbear", false}, {"*", "", true}, {"a*b*c", "axbxc", true},
		{"a*b*c", "axc", false}, {"ab*ba", "aba", false}, {"", "", true}, {"x", "xy", false},
	} {
		if like(tt.pattern, tt.s) != tt.want {
			t.Errorf("like(%q, %q) is %v", tt.pattern, tt.s, !tt.want)
		}
	}
}
