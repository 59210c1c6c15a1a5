package pop3

import (
	"encoding/base64"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func event(request, response string) string {
	s := `> pop3{"pop3":{`
	if request == "" {
		s = "<" + s[1:]
	} else {
		s += `"request":{` + request + `}`
		if response != "" {
			s += ","
		}
	}
	if response != "" {
		s += `"response":{` + response + `}`
	}
	return s + "}}"
}

func ok(header, data string) string {
	return `"success":true,"status":"OK","header":"` + header + `","data":[` + data + `]`
}

func no(header string) string {
	return `"success":false,"status":"ERR","header":"` + header + `","data":[]`
}

const greeting = "+OK Dovecot ready.\r\n"

var greeted = []string{"< server Dovecot", event("", ok("Dovecot ready.", ""))}

var session = []st.Step{
	st.Server(greeting),
	st.Client("CAPA\r\n"), st.Server("+OK\r\nUSER\r\n..x\r\n.\r\n"),
	st.Client("USER admin\r\nPASS secret\r\n"), st.Server("+OK\r\n+OK in\r\n"),
	st.Client("LIST 1\r\nRETR 1\r\nDELE 1\r\n"), st.Server("+OK 1 20\r\n+OK 20 octets\r\nSubject: x\r\n\r\n+OK\r\n-ERR\r\n.\r\n+OK gone\r\n"),
	st.Client("QUIT\r\n"),
}

var login = []st.Step{
	st.Server(greeting), st.Client("AUTH LOGIN\r\n"), st.Server("+ VXNlcm5hbWU6\r\n"), st.Client(b64("admin") + "\r\n"), st.Server("+ UGFzc3dvcmQ6\r\n"),
	st.Client(b64("secret") + "\r\n"), st.Server("-ERR no\r\n"),
}

func TestSessions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []st.Step
		want  []string
	}{
		{"mail", session, append(greeted[:2:2],
			event(`"command":"CAPA","args":[]`, ok("", `"USER",".x"`)),
			"> login admin pop3 tried", event(`"command":"USER","args":["admin"]`, ok("", "")),
			"< login admin pop3 accepted", event(`"command":"PASS","args":[]`, ok("in", "")),
			event(`"command":"LIST","args":["1"]`, ok("1 20", "")), event(`"command":"RETR","args":["1"]`, ok("20 octets", "")),
			event(`"command":"DELE","args":["1"]`, ok("gone", "")), event(`"command":"QUIT","args":[]`, ""))},
		{"sasl", login, append(greeted[:2:2],
			event(`"command":"AUTH","args":["LOGIN"]`, ok("", "")), "> login admin pop3 tried",
			event(`"command":"<SASL DATA>","args":[]`, ok("", "")),
			"< login admin pop3 refused", event(`"command":"<SASL DATA>","args":[]`, no("no")))},
		{"apop", []st.Step{st.Server(greeting), st.Client("APOP admin 0123456789abcdef0123456789abcdef\r\n"), st.Server("+OK\r\n")}, append(greeted[:2:2],
			"> login admin pop3 tried", "< login admin pop3 accepted", event(`"command":"APOP","args":["admin"]`, ok("", "")))},
		{"initial response", []st.Step{st.Server(greeting), st.Client("AUTH PLAIN " + b64("\x00admin\x00secret") + "\r\n"), st.Server("-ERR x\r\n")}, append(greeted[:2:2],
			"> login admin pop3 tried", "< login admin pop3 refused", event(`"command":"AUTH","args":["PLAIN"]`, no("x")))},
		{"stls", []st.Step{st.Server(greeting), st.Client("STLS\r\n"), st.Server("+OK go\r\n")}, append(greeted[:2:2], event(`"command":"STLS","args":[]`, ok("go", "")))},
		{"unknown", []st.Step{st.Server(greeting), st.Client("c2VjcmV0 secret\r\n"), st.Server("-ERR\r\n")}, append(greeted[:2:2], event(`"command":"<UNKNOWN>","args":[]`, no("")))},
	} {
		st.Expect(t, tt.name, st.Run(Parser(), tt.steps...), tt.want...)
		t.Run(tt.name, func(t *testing.T) {
			st.Check(t, Parser(), []string{"secret", "0123456789abcdef", b64("secret")}, tt.steps...)
		})
	}
}

func TestOneSided(t *testing.T) {
	st.Expect(t, "server", st.Run(Parser(), st.Server(greeting+"+OK\r\n+OK 2 messages\r\n1 2\r\n.\r\n-ERR no\r\n")),
		append(greeted[:2:2], event("", ok("", "")), event("", ok("2 messages", "")), event("", no("no")))...)
	st.Expect(t, "lost greeting", st.Run(Parser(), st.Client("NOOP\r\n"), st.Server("+OK\r\n")), event(`"command":"NOOP","args":[]`, ok("", "")))
	st.Expect(t, "early client", st.Run(Parser(), st.Client("NOOP\r\n"), st.Server(greeting+"+OK\r\n")), append(greeted[:2:2], event(`"command":"NOOP","args":[]`, ok("", "")))...)
	st.Expect(t, "client", st.Run(Parser(), st.Client("USER a\r\nPASS secret\r\n")),
		"> login a pop3 tried", event(`"command":"USER","args":["a"]`, ""), event(`"command":"PASS","args":[]`, ""))
}

func TestBounds(t *testing.T) {
	s := Parser().New().(*stream)
	c := protocol.Context{Over: protocol.TCP, Sink: new(st.Recorder)}
	s.Feed(&c, protocol.ToServer, []byte(strings.Repeat("LIST "+strings.Repeat("x", 300)+" y z\r\n", 500)))
	s.Feed(&c, protocol.ToClient, []byte("+OK\r\n"+strings.Repeat("+OK\r\n"+strings.Repeat("x\r\n", 1000)+".\r\n", 100)))
	if len(s.text) > keepText || len(s.now.text) > maxText || len(s.now.data) > maxData {
		t.Errorf("%d and %d bytes, %d lines", len(s.text), len(s.now.text), len(s.now.data))
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
		{"+OK\r\n", protocol.ToClient, 6379, protocol.No},
		{"+OK\r\n", protocol.ToClient, 110, protocol.Yes},
		{"+PONG\r\n", protocol.ToClient, 110, protocol.No},
		{"+", protocol.ToClient, 110, protocol.Maybe},
		{"CAPA\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"USER x\r\n", protocol.ToServer, 110, protocol.Yes},
		{"USER x\r\n", protocol.ToServer, 4711, protocol.Maybe},
		{"USER x\r\n", protocol.ToServer, 21, protocol.No},
		{"USER x\r\nPASS y\r\nSTAT\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"USER x\r\nPASS y\r\nSYST\r\n", protocol.ToServer, 4711, protocol.No},
		{"QUIT\r\n", protocol.ToServer, 110, protocol.Likely},
		{"GET / HTTP/1.1\r\n", protocol.ToServer, 110, protocol.No},
		{"* OK IMAP\r\n", protocol.ToClient, 110, protocol.No},
		{"\x16\x03\x01", protocol.ToServer, 110, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ClientPort: 40000, ServerPort: tt.port}
		if got := probe(p); got != tt.want {
			t.Errorf("%q on port %d: %d, want %d", tt.bytes, tt.port, got, tt.want)
		}
	}
}

func BenchmarkSession(b *testing.B) { st.Benchmark(b, Parser(), session...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), session, login) }
