package ftp

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

const greeting = "220 (vsFTPd 3.0.3)\r\n"

func event(s string) string { return `> ftp{"ftp":{` + s + `,"reply_truncated":false}}` }

func greeted(text string) string {
	return `< ftp{"ftp":{"completion_code":["220"],"reply":["` + text + `"],"reply_received":"yes","reply_truncated":false}}`
}

func replied(command, args, code, reply string) string {
	s := `"command":"` + command + `"`
	if args != "" {
		s += `,"command_data":"` + args + `","command_truncated":false`
	}
	return event(s + `,"completion_code":["` + code + `"],"reply":["` + reply + `"],"reply_received":"yes"`)
}

var session = []st.Step{
	st.Server(greeting),
	st.Client("USER admin\r\n"), st.Server("331 Please specify the password.\r\n"),
	st.Client("PASS secret\r\n"), st.Server("230 Login successful.\r\n"),
	st.Client("FEAT\r\n"), st.Server("211-Features:\r\n EPRT\r\n UTF8\r\n211 End\r\n"),
	st.Client("PASV\r\n"), st.Server("227 Entering Passive Mode (127,0,0,1,185,13).\r\n"),
	st.Client("RETR index.html\r\n"), st.Server("150 Opening.\r\n"), st.Server("226 Transfer complete.\r\n"),
	st.Client("EPSV\r\nEPRT |2|2001:db8::1|5282|\r\n"), st.Server("229 Extended (|||6446|)\r\n200 ok\r\n"),
	st.Client("QUIT\r\n"),
}

func TestSessions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []st.Step
		want  []string
	}{
		{"passive", session, []string{
			"< server vsFTPd 3.0.3", greeted("(vsFTPd 3.0.3)"),
			"> login admin ftp tried", replied("USER", "admin", "331", "Please specify the password."),
			"< login admin ftp accepted", replied("PASS", "", "230", "Login successful."),
			event(`"command":"FEAT","completion_code":["211"],"reply":["211-Features:"," EPRT"," UTF8","End"],"reply_received":"yes"`),
			event(`"command":"PASV","completion_code":["227"],"reply":["Entering Passive Mode (127,0,0,1,185,13)."],"dynamic_port":47373,"mode":"passive","reply_received":"yes"`),
			event(`"command":"RETR","command_data":"index.html","command_truncated":false,"completion_code":["150","226"],"reply":["Opening.","Transfer complete."],"reply_received":"yes"`),
			event(`"command":"EPSV","completion_code":["229"],"reply":["Extended (|||6446|)"],"dynamic_port":6446,"mode":"passive","reply_received":"yes"`),
			event(`"command":"EPRT","command_data":"|2|2001:db8::1|5282|","command_truncated":false,"completion_code":["200"],"reply":["ok"],"dynamic_port":5282,"mode":"active","reply_received":"yes"`),
			event(`"command":"QUIT","reply_received":"no"`),
		}},
		{"refused", []st.Step{st.Server("220-FTP at example\r\n220 ProFTPD 1.3.0a Server\r\n"), st.Client("user root\r\npass secret\r\n"), st.Server("331 x\r\n530 no\r\n")}, []string{
			"< server ProFTPD 1.3.0a", `< ftp{"ftp":{"completion_code":["220"],"reply":["220-FTP at example","ProFTPD 1.3.0a Server"],"reply_received":"yes","reply_truncated":false}}`,
			"> login root ftp tried", replied("user", "root", "331", "x"),
			"< login root ftp refused", replied("pass", "", "530", "no"),
		}},
		{"tls", []st.Step{st.Server("220 FTP\r\n"), st.Client("AUTH TLS\r\n"), st.Server("234 go\r\n\x16\x03")}, []string{
			greeted("FTP"), replied("AUTH", "TLS", "234", "go"),
		}},
		{"server only", []st.Step{st.Server(greeting + "331 x\r\n530 no\r\n")}, []string{
			"< server vsFTPd 3.0.3", greeted("(vsFTPd 3.0.3)"),
			`< ftp{"ftp":{"completion_code":["331"],"reply":["x"],"reply_received":"yes","reply_truncated":false}}`,
			`< ftp{"ftp":{"completion_code":["530"],"reply":["no"],"reply_received":"yes","reply_truncated":false}}`,
		}},
		{"broken reply", []st.Step{st.Server("220 FTP\r\n"), st.Client("PASV\r\n"), st.Server("99 PASV invalid\r\n")}, []string{
			greeted("FTP"), event(`"command":"PASV","reply":["99 PASV invalid"],"mode":"passive","reply_received":"yes"`),
		}},
	} {
		st.Expect(t, tt.name, st.Run(Parser(), tt.steps...), tt.want...)
		t.Run(tt.name, func(t *testing.T) { st.Check(t, Parser(), []string{"secret"}, tt.steps...) })
	}
}

func TestClientOnly(t *testing.T) {
	got := st.Run(Parser(), st.Client("USER admin\r\nPASS secret\r\nSYST\r\n"))
	st.Expect(t, "client only", got, "> login admin ftp tried", event(`"command":"USER","command_data":"admin","command_truncated":false,"reply_received":"no"`),
		event(`"command":"PASS","reply_received":"no"`), event(`"command":"SYST","reply_received":"no"`))
}

func TestBounds(t *testing.T) {
	s := Parser().New().(*stream)
	c := protocol.Context{Over: protocol.TCP, Sink: new(st.Recorder)}
	s.Feed(&c, protocol.ToServer, []byte(strings.Repeat("STOR "+strings.Repeat("x", 3000)+"\r\n", 500)))
	if len(s.pending) > maxPending || s.held > maxHeld+maxText {
		t.Errorf("%d commands, %d bytes", len(s.pending), s.held)
	}
	s.Feed(&c, protocol.ToClient, []byte("211-x\r\n"+strings.Repeat(strings.Repeat("y", 200)+"\r\n", 10000)))
	if n := len(s.pending[0].text); n > maxText {
		t.Errorf("%d bytes of a reply", n)
	}
	s.End(&c)
	if s.held != 0 || len(s.pending) != 0 {
		t.Errorf("at the end %d bytes in %d commands", s.held, len(s.pending))
	}
}

func TestPorts(t *testing.T) {
	for in, want := range map[string]int{
		"Entering Passive Mode (10,0,0,1,4,1).": 1025, "=10,0,0,1,4,1": 1025, "at 22:10 10,0,0,1,4,1": 1025,
		"10,0,0,256,4,1": 0, "10,0,0,1,4": 0, "": 0,
	} {
		if got, ok := passive([]byte(in)); ok != (want > 0) || got != want {
			t.Errorf("passive %q: %d %v", in, got, ok)
		}
	}
	for in, want := range map[string]int{"(|||6446|)": 6446, "|1|10.0.0.1|21|": 21, "(|||70000|)": 0, "(|||1": 0, "": 0} {
		if got, ok := extended([]byte(in)); ok != (want > 0) || got != want {
			t.Errorf("extended %q: %d %v", in, got, ok)
		}
	}
}

func TestSoftware(t *testing.T) {
	for in, want := range map[string]string{
		"(vsFTPd 3.0.3)": "vsFTPd 3.0.3", "Microsoft FTP Service": "Microsoft FTP Service", "FileZilla Server 1.7.2": "FileZilla Server 1.7.2",
		"FileZilla Server version 0.9.41 beta": "FileZilla Server version 0.9.41", "FTP server ready": "", "ftp.example.com FTP": "",
		"---------- Welcome to Pure-FTPd [privsep] [TLS] ----------": "Pure-FTPd", "FileZilla Server": "FileZilla Server",
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
		{"220 ready\r\n", protocol.ToClient, 21, protocol.Yes},
		{"220 ready\r\n", protocol.ToClient, 4711, protocol.Likely},
		{"220 ready\r\n", protocol.ToClient, 25, protocol.No},
		{"220 ready\r\n331 x\r\n", protocol.ToClient, 4711, protocol.Yes},
		{"220 ready\r\n250 x\r\n", protocol.ToClient, 4711, protocol.No},
		{greeting, protocol.ToClient, 4711, protocol.Yes},
		{"220 x ESMTP\r\n", protocol.ToClient, 4711, protocol.No},
		{"USER x\r\n", protocol.ToServer, 21, protocol.Yes},
		{"USER x\r\n", protocol.ToServer, 110, protocol.No},
		{"USER x\r\n", protocol.ToServer, 4711, protocol.Likely},
		{"USER x\r\nPASS y\r\nSYST\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"USER x\r\nPASS y\r\nSTAT\r\n", protocol.ToServer, 4711, protocol.No},
		{"USER guest 0 * :x\r\n", protocol.ToServer, 6667, protocol.No},
		{"AUTH TLS\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"AUTH PLAIN\r\n", protocol.ToServer, 4711, protocol.No},
		{"QUIT\r\n", protocol.ToServer, 21, protocol.Likely},
		{"GET / HTTP/1.1\r\n", protocol.ToServer, 21, protocol.No},
		{"EHLO x\r\n", protocol.ToServer, 21, protocol.No},
		{"SSH-2.0-x\r\n", protocol.ToClient, 21, protocol.No},
		{"\x16\x03\x01", protocol.ToServer, 21, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ClientPort: 40000, ServerPort: tt.port}
		if got := probe(p); got != tt.want {
			t.Errorf("%q on port %d: %d, want %d", tt.bytes, tt.port, got, tt.want)
		}
	}
}

func BenchmarkSession(b *testing.B) { st.Benchmark(b, Parser(), session...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), session, []st.Step{st.Client("AUTH TLS\r\n")}) }
