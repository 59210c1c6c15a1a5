package nats

import (
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

const (
	info    = "INFO {\"server_id\":\"x\",\"nested\":{\"version\":\"9\"},\"version\":\"2.10.7\",\"auth_required\":true,\"urls\":[\"a\",\"b\"]} \r\n"
	connect = "CONNECT {\"verbose\":false,\"pass\":\"secret\",\"user\":\"svc\",\"auth_token\":\"secret\",\"lang\":\"go\",\"version\":\"1.31.0\"}\r\n"
	server  = "< server nats-server 2.10.7"
	client  = "> client nats-go 1.31.0"
)

var (
	accepted = []Step{Server(info), Client(connect + "PING\r\n"), Server("PONG\r\n"), Client("PUB a 2\r\nhi\r\n")}
	refused  = []Step{Server(info), Client(connect + "PING\r\n"), Server("-ERR 'Authorization Violation'\r\n")}
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"accepted", accepted, []string{server, client, "> login svc nats accepted"}},
		{"refused", refused, []string{server, client, "> login svc nats refused"}},
		{"client alone", []Step{Client(connect), Client("PING\r\n"), Client("SUB a 1\r\n")}, []string{client, "> login svc nats accepted"}},
		{"server alone", []Step{Server(info), Server("MSG a 1 2\r\nhi\r\n")}, []string{server}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
}

func TestTLS(t *testing.T) {
	f := NewTable(Parser(), new(Recorder))
	f.Do(Server(info))
	f.Do(Client("\x16\x03\x01"))
	if f.Status != protocol.Switch {
		t.Errorf("status %d", f.Status)
	}
}

func TestGap(t *testing.T) {
	Expect(t, "gap", Run(Parser(), Client(connect[:30]), Lose(0, 100), Client("rest\r\n"+connect)), client, "> login svc nats tried")
}

func TestMember(t *testing.T) {
	for _, tt := range []struct{ object, want string }{
		{`{"user":"a"}`, "a"}, {`{ "user" : "a\"b" }`, `a\"b`}, {`{"x":"user","user":"b"}`, "b"}, {`{"x":{"user":"a"},"y":["user"]}`, ""},
		{`{"user":1}`, ""}, {`{"user":"a`, ""}, {`{"user`, ""}, {`{"user\`, ""}, {``, ""},
	} {
		if got := string(member([]byte(tt.object), "user")); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.object, got, tt.want)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		dir   protocol.Dir
		want  protocol.Match
	}{
		{"", 0, protocol.Maybe},
		{info, 1, protocol.Yes},
		{info, 0, protocol.No},
		{connect, 0, protocol.Yes},
		{"CONNECT a:443 HTTP/1.1\r\n", 0, protocol.No},
		{"INFO\r\n", 0, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), accepted...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), accepted, refused) }
