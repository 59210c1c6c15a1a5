package judge

import (
	"strings"
	"testing"
)

// declaring returns the manifest with further members.
func declaring(members string) string {
	return strings.Replace(vault, `"accounts":`, members+`, "accounts":`, 1)
}

func TestSigners(t *testing.T) {
	key := strings.Repeat("ab", 32)
	table := compile(t, site, declaring(`"signers": [
	 {"id": "code", "kind": "x509-codesign", "subject": "CN=Acme Code, O=Acme", "issuer": "CN=CA", "notAfter": "2026-06-01T00:00:00Z"},
	 {"id": "key", "kind": "x509-codesign", "spkiSha256": ["`+key+`"]},
	 {"id": "apt", "kind": "openpgp", "fingerprint": "0123456789ABCDEF0123456789ABCDEF01234567"}]`))
	for _, tt := range []struct {
		by   Signer
		now  int64
		want bool // an alert
	}{
		{Signer{}, noon, false},
		{Signer{Kind: "x509-codesign", Subject: "CN=Acme Code,O=Acme", Issuer: "CN=CA"}, noon, false},
		{Signer{Kind: "x509-codesign", Subject: "CN=Acme Code,O=Acme", Issuer: "CN=CA"}, noon + 200*day, true},
		{Signer{Kind: "x509-codesign", Subject: "CN=Acme Code,O=Acme", Issuer: "CN=Other"}, noon, true},
		{Signer{Kind: "x509-codesign", Subject: "CN=Other", SPKI: key}, noon, false},
		{Signer{Kind: "x509-codesign", Subject: "CN=Other"}, noon, true},
		{Signer{Kind: "openpgp", Subject: "89abcdef01234567"}, noon, false},
		{Signer{Kind: "openpgp", Subject: "01234567"}, noon, true},
		{Signer{Kind: "cosign", Subject: "x"}, noon, false}, // none is declared
	} {
		j := New(table, Config{})
		c := tcp(host, cdn, "http")
		c.Now = tt.now
		c.Files = []File{{Name: "x", SHA256: key, Signer: tt.by}, {Name: "sent", SHA256: key, ToServer: true, Signer: Signer{Kind: "openpgp"}}}
		got := 0
		for _, al := range j.Conversation(c).Alerts {
			if al.Rule == UnknownSigner {
				got++
			}
		}
		if (got == 1) != tt.want || got > 1 {
			t.Errorf("%+v: %d alerts", tt.by, got)
		}
	}
}

// A conversation may carry many files; each is alerted once, whatever the phases.
func TestManyFiles(t *testing.T) {
	table := compile(t, site, declaring(`"artifacts": [{"name": "v.tar.gz", "hashes": {"sha256": "`+strings.Repeat("ab", 32)+`"}}]`))
	j := New(table, Config{})
	c := tcp(host, cdn, "tls", Name{Text: "telemetry.acme.example", Source: SNI})
	got := 0
	for i, phase := range []Phase{Named, Named, Settled, Ended} {
		c.Phase = phase
		if i < 3 {
			c.Files = append(c.Files, File{Name: "x", SHA256: strings.Repeat(string(rune('a'+i)), 64)})
		}
		for _, al := range j.Conversation(c).Alerts {
			if al.Rule == UnknownHash {
				got++
			}
		}
	}
	c = tcp(host, cdn, "tls", Name{Text: "telemetry.acme.example", Source: SNI})
	c.ID, c.Files = 2, []File{{Name: "cut"}, {Name: "v", SHA256: strings.Repeat("ab", 32)}}
	j.Conversation(c)
	if r := j.Report(); got != 3 || r.FilesUnknown != 3 || r.FilesUnseen != 1 || r.FilesDeclared != 1 {
		t.Errorf("%d alerts; %d unknown, %d unseen, %d declared", got, r.FilesUnknown, r.FilesUnseen, r.FilesDeclared)
	}
}

// Who issues the certificates of the product's own services is declared once for all.
func TestAuthorities(t *testing.T) {
	j := New(compile(t, site, declaring(`"signers": [{"id": "ca", "kind": "tls-authority", "subject": "CN=Acme Cluster CA"}]`)), Config{})
	for issuer, want := range map[string]string{"CN=Acme Cluster CA": "expected raft", "CN=Other": "unexpected tls-policy raft tls", "": "expected raft"} {
		c := tcp("10.20.4.17:40000", "10.20.4.18:8443", "tls")
		c.TLS.Version, c.TLS.Cert, c.TLS.Issuer = 0x303, issuer != "", issuer
		out := j.Conversation(c)
		if got := describe(&out); got != want {
			t.Errorf("%q: %s, want %s", issuer, got, want)
		}
	}
	// The directory's certificate is the customer's business.
	c := tcp(host, "10.20.1.10:636", "tls")
	c.AppBefore, c.TLS.Version, c.TLS.Cert, c.TLS.Issuer = "ldap", 0x303, true, "CN=Other"
	if out := j.Conversation(c); out.Verdict != Expected {
		t.Errorf("%s", describe(&out))
	}
}

func TestBounds(t *testing.T) {
	table := compile(t, site, strings.Replace(vault, `"reason": "Usage figures"`, `"bounds": {"bytesOutPerDay": 1000, "bytesInPerDay": 5000, "flowsPerHour": 5}, "reason": "Usage figures"`, 1))
	j := New(table, Config{})
	var got []string
	for i := range 60 { // ten minutes apart: six in an hour
		c := tcp(host, cdn, "tls", Name{Text: "telemetry.acme.example", Source: SNI})
		c.ID, c.Start = uint64(i), noon-noon%hour+int64(i)*600*second
		c.Now, c.BytesToServer, c.BytesToClient = c.Start+second, 100, 300
		out := j.Conversation(c)
		if out.Verdict != Expected {
			t.Fatal(describe(&out))
		}
		for _, al := range out.Alerts {
			got = append(got, boundTexts[al.bound.kind])
			if al.Rule != BoundsExceeded || al.Severity != 3 || al.Entry == nil || al.Entry.ID != "telemetry" {
				t.Errorf("%+v", al)
			}
		}
	}
	// 60 conversations in ten hours: each bound of bytes once, that of conversations once in each hour.
	n := map[string]int{}
	for _, g := range got {
		n[g]++
	}
	if n["bytes sent in a day"] != 1 || n["bytes received in a day"] != 1 || n["conversations in an hour"] < 9 || len(got) > 12 {
		t.Errorf("%v", n)
	}
	u := newUsages(1)
	if u.of(usageKey{entry: 1}, 1) == nil || u.of(usageKey{entry: 2}, 1) != nil || u.untracked != 1 || u.of(usageKey{entry: 2}, 2) == nil {
		t.Error("the bound of what is counted")
	}
}
