package xmpp

import (
	"encoding/base64"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

const (
	open   = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.com' version='1.0'>"
	opened = "<?xml version='1.0'?>\n<stream:stream from=\"Example.com\" id='a>b'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
)

var (
	plain = []st.Step{
		st.Client(open), st.Server(opened),
		st.Client("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>", b64("\x00juliet\x00secret"), "</auth>"), st.Server("<failure xmlns='x'/>"),
		st.Client("<auth mechanism='SCRAM-SHA-1'>", b64("n,,n=romeo,r=x"), "</auth>"), st.Server("<challenge>x</challenge>"),
		st.Client("<response>", b64("c=biws,p=secret"), "</response>"), st.Server("<success/>"),
		st.Client("<message><body>", strings.Repeat("<i>x</i>", 100), "</body></message>"),
	}
	tls = []st.Step{st.Client(open), st.Server(opened), st.Client("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), st.Server("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")}
)

func TestStreams(t *testing.T) {
	for _, tt := range []struct {
		name     string
		steps    []st.Step
		switched bool
		want     []string
	}{
		{"sasl", plain, false, []string{"> service example.com", "> login juliet xmpp tried", "< login juliet xmpp refused", "> login romeo xmpp tried", "< login romeo xmpp accepted"}},
		{"tls", tls, true, []string{"> service example.com"}},
		{"tls, client only", []st.Step{st.Client(open, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\x16\x03\x01")}, true, []string{"> service example.com"}},
		{"the old way", []st.Step{st.Client(open, "<iq type='set'><query xmlns='jabber:iq:auth'><username>bob</username><password>secret</password></query></iq>")}, false,
			[]string{"> service example.com", "> login bob xmpp tried"}},
		{"a long tag", []st.Step{st.Client(open, "<x a='"+strings.Repeat("y", 20000)+"'/><username>bob</username>")}, false, []string{"> service example.com", "> login bob xmpp tried"}},
	} {
		r := new(st.Recorder)
		table := st.NewTable(Parser(), r)
		for _, s := range tt.steps {
			table.Do(s)
		}
		st.Expect(t, tt.name, r.Lines, tt.want...)
		if (table.Status == protocol.Switch) != tt.switched {
			t.Errorf("%s: status %d", tt.name, table.Status)
		}
		t.Run(tt.name, func(t *testing.T) { st.Check(t, Parser(), []string{"secret"}, tt.steps...) })
	}
}

func TestProbe(t *testing.T) {
	for bytes, want := range map[string]protocol.Match{
		open: protocol.Yes, "<stream:stream to='x'>": protocol.Yes, "<?xm": protocol.Maybe, "<?xml version='1.0'?><stre": protocol.Maybe,
		"<?xml version='1.0'?><html>": protocol.No, "<policy-file-request/>": protocol.No, "GET / HTTP/1.1\r\n": protocol.No, "\x16\x03\x01": protocol.No,
	} {
		if got := probe(&protocol.Peek{Data: []byte(bytes), Over: protocol.TCP, ServerPort: 5222}); got != want {
			t.Errorf("%q: %d, want %d", bytes, got, want)
		}
	}
}

func BenchmarkStream(b *testing.B) { st.Benchmark(b, Parser(), plain...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), plain, tls) }
