package imap

import (
	"encoding/base64"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot (Debian) ready.\r\n"

func play(steps ...st.Step) []st.Step { return append([]st.Step{st.Server(greeting)}, steps...) }

var (
	session = play(
		st.Client("a1 ID (\"name\" \"Thunder\\\"bird\" \"version\" \"115.0\")\r\n"), st.Server("* ID (\"Version\" NIL \"name\" \"Dovecot\")\r\na1 OK\r\n"),
		st.Client("a2 LOGIN \"ad\\\"min\" secret\r\n"), st.Server("a2 OK in\r\n"),
		st.Client("a3 FETCH 1 BODY[]\r\n"), st.Server("* 1 FETCH (BODY[] {34}\r\na2 NO\r\n* ID (\"name\" \"x\")\r\n0123456)\r\na3 OK\r\n"),
		st.Client("a4 APPEND x {24+}\r\nb LOGIN eve secret\r\n0123\r\na5 LOGIN {5}\r\n"), st.Server("a4 OK\r\n+ go\r\n"),
		st.Client("admin {6}\r\n"), st.Server("+ go\r\n"), st.Client("secret\r\n"), st.Server("a5 NO\r\n"),
	)
	plain = play(
		st.Client("1 AUTHENTICATE PLAIN\r\n"), st.Server("+ \r\n"), st.Client(b64("\x00admin\x00secret")+"\r\n"), st.Server("1 NO no\r\n"),
		st.Client("2 authenticate login "+b64("joe")+"\r\n"), st.Server("+ x\r\n"), st.Client(b64("secret")+"\r\n"), st.Server("2 OK\r\n"),
	)
)

func TestSessions(t *testing.T) {
	for _, tt := range []struct {
		name     string
		steps    []st.Step
		switched bool
		want     []string
	}{
		{"login", session, false, []string{"> client Thunder\\\"bird 115.0", "< server Dovecot", "> login ad\"min imap tried", "< login ad\"min imap accepted",
			"> login admin imap tried", "< login admin imap refused"}},
		{"sasl", plain, false, []string{"> login admin imap tried", "< login admin imap refused", "> login joe imap tried", "< login joe imap accepted"}},
		{"starttls", play(st.Client("x STARTTLS\r\n"), st.Server("x OK go\r\n\x16\x03")), true, nil},
		{"starttls refused", play(st.Client("x STARTTLS\r\n"), st.Server("x BAD no\r\n")), false, nil},
		{"starttls, server only", []st.Step{st.Server(greeting + "x OK go\r\n\x16\x03\x03")}, true, nil},
		{"no answer to AUTHENTICATE", play(st.Client("1 AUTHENTICATE NTLM\r\n2 LOGIN a b\r\n")), false, []string{"> login a imap tried"}},
	} {
		want := append([]string{"< server Dovecot"}, tt.want...)
		r := new(st.Recorder)
		table := st.NewTable(Parser(), r)
		for _, s := range tt.steps {
			table.Do(s)
		}
		table.End()
		st.Expect(t, tt.name, r.Lines, want...)
		if (table.Status == protocol.Switch) != tt.switched {
			t.Errorf("%s: status %d", tt.name, table.Status)
		}
		t.Run(tt.name, func(t *testing.T) { st.Check(t, Parser(), []string{"secret", b64("secret")}, tt.steps...) })
	}
}

func TestGap(t *testing.T) {
	st.Expect(t, "gap", st.Run(Parser(), st.Server("* 1 FETCH (BODY[] {1000}\r\nabc"), st.Lose(protocol.ToClient, 990), st.Server("0123456)\r\na3 OK\r\n"),
		st.Client("a LOG"), st.Lose(protocol.ToServer, 9), st.Client("ret\r\nb LOGIN a c\r\n"), st.Server("b OK\r\n")), "> login a imap tried", "< login a imap accepted")
}

func TestSoftware(t *testing.T) {
	for in, want := range map[string]string{
		"imap Cyrus IMAP v2.4.17 server ready": "Cyrus IMAP v2.4.17", "The Microsoft Exchange IMAP4 service is ready": "Microsoft Exchange",
		"[x] Courier-IMAP ready.": "Courier-IMAP", "ready": "",
	} {
		if got := string(software([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		dir   protocol.Dir
		port  uint16
		want  protocol.Match
	}{
		{greeting, protocol.ToClient, 4711, protocol.Yes},
		{"* OK\r\n", protocol.ToClient, 4711, protocol.Yes},
		{"* ", protocol.ToClient, 4711, protocol.Maybe},
		{"*1\r\n$4\r\nPING\r\n", protocol.ToServer, 6379, protocol.No},
		{"a LOGIN a b\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"a LOG", protocol.ToServer, 4711, protocol.Maybe},
		{"1 CAPABILITY\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"1 NOOP\r\n", protocol.ToServer, 143, protocol.Likely},
		{"USER x\r\n", protocol.ToServer, 143, protocol.No},
		{"GET / HTTP/1.1\r\n", protocol.ToServer, 143, protocol.No},
		{"220 ready\r\n", protocol.ToClient, 143, protocol.No},
		{"\x16\x03\x01", protocol.ToServer, 143, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ClientPort: 40000, ServerPort: tt.port}
		if got := probe(p); got != tt.want {
			t.Errorf("%q on port %d: %d, want %d", tt.bytes, tt.port, got, tt.want)
		}
	}
}

func BenchmarkSession(b *testing.B) { st.Benchmark(b, Parser(), session...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), session, plain) }
