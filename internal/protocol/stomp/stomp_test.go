package stomp

import (
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

const (
	connect   = "CONNECT\naccept-version:1.2\nhost:mq.example.com\nlogin:svc\npasscode:secret\n\n\x00"
	connected = "CONNECTED\nversion:1.2\nserver:ActiveMQ/5.18.3\n\n\x00"
	host      = "> service mq.example.com"
	server    = "< server ActiveMQ/5.18.3"
)

var (
	accepted = []Step{Client(connect), Server(connected), Client("SEND\ndestination:/q\n\nhi\x00")}
	refused  = []Step{Client("\nSTOMP\r\nlogin:svc\r\npasscode:secret\r\n\r\n\x00"), Server("ERROR\nmessage:Bad credentials\n\nno\x00")}
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"accepted", accepted, []string{host, server, "> login svc stomp accepted"}},
		{"refused", refused, []string{"> login svc stomp refused"}},
		{"client alone", []Step{Client(connect + "\n"), Client("SEND\ndestination:/q\n\nhi\x00")}, []string{host, "> login svc stomp accepted"}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
	Expect(t, "gap", Run(Parser(), Client("CONNECT\nac"), Lose(0, 5), Client("x:y\nlogin:svc\n\n\x00")), "> login svc stomp tried")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		dir   protocol.Dir
		want  protocol.Match
	}{
		{"", 0, protocol.Maybe},
		{connect, 0, protocol.Yes},
		{"CONNECT\n", 0, protocol.Maybe},
		{"CONNECT\n\n\x00", 0, protocol.Yes},
		{"CONNECT a:443 HTTP/1.1\r\n", 0, protocol.No},
		{"CONNECT\nHost: x\n", 0, protocol.No},
		{connected, 1, protocol.Yes},
		{connected, 0, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), accepted...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), accepted, refused) }
