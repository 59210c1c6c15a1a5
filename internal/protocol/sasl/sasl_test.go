package sasl

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// authenticate makes an NTLMSSP AUTHENTICATE message.
func authenticate(user string) string {
	m := append([]byte("NTLMSSP\x00"), make([]byte, 64)...)
	binary.LittleEndian.PutUint32(m[8:], 3)
	wide := utf16.Encode([]rune(user))
	binary.LittleEndian.PutUint16(m[36:], uint16(2*len(wide)))
	binary.LittleEndian.PutUint32(m[40:], uint32(len(m)))
	m[60] = 1
	for _, c := range wide {
		m = binary.LittleEndian.AppendUint16(m, c)
	}
	return string(m)
}

func TestExchange(t *testing.T) {
	for _, tt := range []struct {
		name, mechanism string
		responses       []string
		want            string
	}{
		{"plain", "PLAIN", []string{b64("\x00admin\x00secret")}, "admin"},
		{"plain with another identity", "plain", []string{b64("boss\x00admin\x00secret")}, "admin"},
		{"plain without padding", "PLAIN", []string{strings.TrimRight(b64("\x00ad\x00se"), "=")}, "ad"},
		{"plain without end", "PLAIN", []string{b64("\x00secret")}, ""},
		{"plain of one secret", "PLAIN", []string{b64("secret")}, ""},
		{"login", "LOGIN", []string{b64("admin"), b64("secret")}, "admin"},
		{"login of nothing", "LOGIN", []string{"", b64("secret")}, ""},
		{"login with NUL", "LOGIN", []string{b64("a\x00b")}, ""},
		{"cram", "CRAM-MD5", []string{b64("big joe 0123456789abcdef0123456789abcdef")}, "big joe"},
		{"cram of a secret", "CRAM-MD5", []string{b64("some secret")}, ""},
		{"digest", "DIGEST-MD5", []string{b64(`charset=utf-8,username="chris",realm="x",response=d388`)}, "chris"},
		{"xoauth2", "XOAUTH2", []string{b64("user=a@example.com\x01auth=Bearer secret\x01\x01")}, "a@example.com"},
		{"xoauth2 of a secret", "XOAUTH2", []string{b64("secret\x01")}, ""},
		{"oauthbearer", "OAUTHBEARER", []string{b64("n,a=a@example.com,\x01auth=Bearer secret\x01\x01")}, "a@example.com"},
		{"scram", "SCRAM-SHA-256-PLUS", []string{b64("p=tls-unique,,n=a=2Cb=3D,r=nonce"), b64("c=…,p=proof")}, "a,b="},
		{"ntlm", "NTLM", []string{b64("NTLMSSP\x00\x01\x00\x00\x00"), b64(authenticate("jörg"))}, "jörg"},
		{"external", "EXTERNAL", []string{b64("machine")}, "machine"},
		{"anonymous", "ANONYMOUS", []string{b64("trace")}, "anonymous"},
		{"unknown", "X-OTHER", []string{b64("secret")}, ""},
		{"no base64", "PLAIN", []string{"*"}, ""},
		{"long", "LOGIN", []string{b64(strings.Repeat("x", 1000))}, strings.Repeat("x", maxUser)},
	} {
		var e Exchange
		e.Begin([]byte(tt.mechanism))
		for _, r := range tt.responses {
			e.Respond([]byte(r))
		}
		if string(e.User()) != tt.want || e.NTLM() != (tt.mechanism == "NTLM") {
			t.Errorf("%s: %q, want %q", tt.name, e.User(), tt.want)
		}
		for _, buf := range [][]byte{e.user[:cap(e.user)], e.scratch[:cap(e.scratch)]} {
			if bytes.Contains(buf, []byte("secret")) || bytes.Contains(buf, []byte("proof")) {
				t.Errorf("%s: a secret is kept", tt.name)
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	var e Exchange
	name, response := []byte("CRAM-MD5"), []byte(b64("joe 0123456789abcdef0123456789abcdef"))
	if n := testing.AllocsPerRun(100, func() { e.Begin(name); e.Respond(response) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRespond(f *testing.F) {
	f.Add("PLAIN", []byte(b64("\x00a\x00b")))
	f.Add("SCRAM-SHA-1", []byte(b64("n,,n=a,r=b")))
	f.Add("NTLM", []byte(b64(authenticate("a"))))
	f.Add("XOAUTH2", []byte(b64("user=a\x01")))
	f.Fuzz(func(t *testing.T, mechanism string, b []byte) {
		var e Exchange
		e.Begin([]byte(mechanism))
		e.Respond(b)
		if len(e.User()) > 4*maxUser {
			t.Errorf("a name of %d bytes", len(e.User()))
		}
	})
}
