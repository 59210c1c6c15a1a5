package smtp

import (
	"encoding/base64"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const (
	greeting = "220 mail.example.com ESMTP Exim 4.96 Mon, 02 Mar 2026 10:15:04 +0000\r\n"
	features = "250-mail.example.com Hello\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"
	server   = "< server Exim 4.96"
	helo     = `"smtp":{"helo":"sensor.example.net"`
)

var opening = []st.Step{st.Server(greeting), st.Client("EHLO sensor.example.net\r\n"), st.Server(features)}

func play(steps ...st.Step) []st.Step { return append(append([]st.Step{}, opening...), steps...) }

// mail is a whole session.
var mailSession = play(
	st.Client("MAIL FROM:<a@example.net> SIZE=100\r\nRCPT TO:<b@example.com>\r\nrcpt to: <\"x y\"@example.com>\r\nDATA\r\n"),
	st.Server("250 OK\r\n250 OK\r\n550 no\r\n354 go\r\n"),
	st.Client("From: \"A, B\" <a@example.net>\r\nTo: b@example.com,\r\n\t\"c, d\" <c@example.com>\r\nCc: e@example.com\r\nSubject: x\r\n\r\nMAIL FROM:<evil>\r\n..\r\n.x\r\n"+strings.Repeat("z", 9000)+"\r\n.\r\nMAIL FROM:<>\r\n"),
	st.Server("250 queued\r\n250 OK\r\n"),
	st.Client("QUIT\r\n"), st.Server("221 bye\r\n"),
)

const head = "From: a@example.net\r\nTo: b@exam"

var chunkSession = play(
	st.Client("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 31\r\n"+head+"BDAT 13\r\nple.com\r\n\r\n.\r", "\nBDAT 20000 LAST\r\n"+strings.Repeat("QUIT\r\n..", 2500)+"QUIT\r\n"),
)

var loginSession = play(
	st.Client("AUTH LOGIN\r\n"), st.Server("334 VXNlcm5hbWU6\r\n"), st.Client(b64("admin")+"\r\n"), st.Server("334 UGFzc3dvcmQ6\r\n"),
	st.Client(b64("secret")+"\r\n"), st.Server("535 no\r\n"),
)

func TestSessions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []st.Step
		want  []string
	}{
		{"mail", mailSession, []string{
			`> smtp{` + helo + `,"mail_from":"<a@example.net>","rcpt_to":["<b@example.com>","<\"x y\"@example.com>"]},"email":{"status":"PARSE_DONE","from":"\"A, B\" <a@example.net>","to":["b@example.com","\"c, d\" <c@example.com>"],"cc":["e@example.com"]}}`,
			`> smtp{` + helo + `,"mail_from":"<>"}}`,
		}},
		{"chunks", chunkSession, []string{
			`> smtp{` + helo + `,"mail_from":"<a>","rcpt_to":["<b>"]},"email":{"status":"PARSE_DONE","from":"a@example.net","to":["b@example.com"]}}`,
		}},
		{"login", loginSession, []string{"> login admin smtp tried", "< login admin smtp refused", `> smtp{` + helo + `}}`}},
		{"plain", play(st.Client("AUTH PLAIN "+b64("\x00admin\x00secret")+"\r\n"), st.Server("235 2.7.0 welcome\r\n"), st.Client("QUIT\r\n")),
			[]string{"> login admin smtp tried", "< login admin smtp accepted", `> smtp{` + helo + `}}`}},
		{"cram", play(st.Client("auth cram-md5\r\n"), st.Server("334 PDE+\r\n"), st.Client(b64("joe 0123456789abcdef0123456789abcdef")+"\r\n"), st.Server("235 ok\r\n")),
			[]string{"> login joe smtp tried", "< login joe smtp accepted", `> smtp{` + helo + `}}`}},
		{"client only, pipelined", play(st.Client("AUTH PLAIN " + b64("\x00admin\x00secret") + "\r\nMAIL FROM:<a>\r\n")),
			[]string{"> login admin smtp tried", `> smtp{` + helo + `,"mail_from":"<a>"}}`}},
		{"the mechanism is refused", play(st.Client("AUTH NTLM\r\n"), st.Server("504 no\r\n"), st.Client("MAIL FROM:<a>\r\n"), st.Server("530 no\r\n")),
			[]string{`> smtp{` + helo + `,"mail_from":"<a>"}}`}},
		{"starttls", play(st.Client("STARTTLS\r\n"), st.Server("220 go\r\n\x16\x03\x03")), []string{`> smtp{` + helo + `}}`}},
		{"starttls, client only", play(st.Client("STARTTLS\r\n\x16\x03\x01\x02")), []string{`> smtp{` + helo + `}}`}},
		{"starttls, server only", []st.Step{st.Server(greeting + features + "220 go\r\n\x16\x03\x03")}, nil},
		{"starttls refused", play(st.Client("STARTTLS\r\n"), st.Server("454 no\r\n"), st.Client("MAIL FROM:<a>\r\n")), []string{`> smtp{` + helo + `,"mail_from":"<a>"}}`}},
	} {
		st.Expect(t, tt.name, st.Run(Parser(), tt.steps...), append([]string{server}, tt.want...)...)
		t.Run(tt.name, func(t *testing.T) { st.Check(t, Parser(), []string{"secret", "0123456789abcdef"}, tt.steps...) })
		r := new(st.Recorder)
		table := st.NewTable(Parser(), r)
		for _, s := range tt.steps {
			table.Do(s)
		}
		if switched := table.Status == protocol.Switch; switched != strings.HasPrefix(tt.name, "starttls") && tt.name != "starttls refused" {
			t.Errorf("%s: status %d", tt.name, table.Status)
		}
	}
}

func TestGaps(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []st.Step
		want  []string
	}{
		{"a body whose end is lost ends with the server's reply", play(st.Client("MAIL FROM:<a>\r\nDATA\r\n"), st.Server("250 ok\r\n354 go\r\n"),
			st.Client("From: x\r\n\r\nabc"), st.Lose(protocol.ToServer, 100), st.Server("250 queued\r\n"), st.Client("\r\nMAIL FROM:<b>\r\n")), []string{
			`> smtp{` + helo + `,"mail_from":"<a>"},"email":{"status":"BODY_STARTED","from":"x"}}`,
			`> smtp{` + helo + `,"mail_from":"<b>"}}`,
		}},
		{"within a chunk", play(st.Client("MAIL FROM:<a>\r\nBDAT 100\r\n0123456789"), st.Lose(protocol.ToServer, 80), st.Client("0123456789RCPT TO:<c>\r\n")),
			[]string{`> smtp{` + helo + `,"mail_from":"<a>","rcpt_to":["<c>"]},"email":{"status":"BODY_STARTED"}}`}},
		{"lost replies", play(st.Client("NOOP\r\nNOOP\r\nAUTH PLAIN "+b64("\x00u\x00p")+"\r\n"), st.Lose(protocol.ToClient, 30), st.Server("x\r\n235 ok\r\n")),
			[]string{"> login u smtp tried", "< login u smtp accepted", `> smtp{` + helo + `}}`}},
	} {
		st.Expect(t, tt.name, st.Run(Parser(), tt.steps...), append([]string{server}, tt.want...)...)
	}
}

func TestBounds(t *testing.T) {
	s := Parser().New().(*stream)
	c := protocol.Context{Over: protocol.TCP, ServerPort: 25, Sink: new(st.Recorder)}
	var b strings.Builder
	for range 20000 {
		b.WriteString("RCPT TO:<" + strings.Repeat("x", 100) + "@example.com>\r\n")
	}
	s.Feed(&c, protocol.ToServer, []byte(b.String()))
	if len(s.message.text) > maxText || len(s.message.rcpt) > maxAddresses || s.waiting > maxPending {
		t.Errorf("%d bytes, %d addresses, %d commands", len(s.message.text), len(s.message.rcpt), s.waiting)
	}
	s.Reset()
	if cap(s.message.text) > keepText {
		t.Errorf("%d bytes are kept", cap(s.message.text))
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
		{"220 ready\r\n", protocol.ToClient, 25, protocol.Yes},
		{"220 ready\r\n", protocol.ToClient, 4711, protocol.Maybe},
		{"220 ready\r\n250-x\r\n", protocol.ToClient, 4711, protocol.Yes},
		{"220 ready\r\n331 x\r\n", protocol.ToClient, 4711, protocol.No},
		{"220 ready\r\n", protocol.ToClient, 21, protocol.No},
		{"220 ProFTPD\r\n", protocol.ToClient, 25, protocol.No},
		{"220-hello\r\n220 ESMTP\r\n", protocol.ToClient, 4711, protocol.Yes},
		{"22", protocol.ToClient, 25, protocol.Maybe},
		{"200 OK\r\n", protocol.ToClient, 4711, protocol.No},
		{"EHLO x\r\n", protocol.ToServer, 4711, protocol.Yes},
		{"ehl", protocol.ToServer, 4711, protocol.Maybe},
		{"QUIT\r\n", protocol.ToServer, 25, protocol.Likely},
		{"QUIT\r\n", protocol.ToServer, 21, protocol.No},
		{"GET / HTTP/1.1\r\n", protocol.ToServer, 25, protocol.No},
		{"\x16\x03\x01\x02\x00\x01", protocol.ToServer, 25, protocol.No},
		{"SSH-2.0-x\r\n", protocol.ToClient, 25, protocol.No},
		{"+OK POP3\r\n", protocol.ToClient, 25, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ClientPort: 40000, ServerPort: tt.port}
		if got := probe(p); got != tt.want {
			t.Errorf("%q on port %d: %d, want %d", tt.bytes, tt.port, got, tt.want)
		}
	}
}

func BenchmarkMail(b *testing.B) {
	st.Benchmark(b, Parser(), play(st.Client("MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"), st.Server("250 OK\r\n250 OK\r\n354 go\r\n"),
		st.Client("From: a@example.net\r\nTo: b@example.com\r\n\r\n"+strings.Repeat("The quick brown fox jumps over the lazy dog.\r\n", 200)+".\r\n"), st.Server("250 queued\r\n"))...)
}

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), mailSession, chunkSession, loginSession) }

func TestSoftware(t *testing.T) {
	for in, want := range map[string]string{
		"mx.example.com ESMTP Postfix (Debian/GNU)": "Postfix", "x Microsoft ESMTP MAIL Service, Version: 6.0.3790.1830 ready": "Microsoft ESMTP MAIL Service, Version: 6.0.3790.1830",
		"mx.example.com ESMTP v9si4604526wah.36": "", "x ESMTP ready": "", "smtp.example.com": "", "x ESMTP Sendmail 8.14.3/8.14.3; Mon": "Sendmail 8.14.3/8.14.3", "x ESMTP": "",
	} {
		if got := string(software([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
