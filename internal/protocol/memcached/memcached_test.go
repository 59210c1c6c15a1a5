package memcached

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func message(magic, opcode byte, status int, key, value string) string {
	b := []byte{magic, opcode, 0, byte(len(key)), 0, 0, 0, byte(status)}
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)+len(value)))
	return string(b) + strings.Repeat("\x00", 12) + key + value
}

var (
	login = message(request, opSASL, 0, "PLAIN", "\x00svc\x00secret")
	big   = message(request, 0x0e, 0, "k", strings.Repeat("x", 5000))
	sasl  = []Step{
		Client(message(request, opVersion, 0, "", "")), Server(message(response, opVersion, 0, "", "1.6.18")),
		Client(login), Server(message(response, opSASL, statusAuthError, "", "Auth failure.")),
		Client(login), Server(message(response, opSASL, 0, "", "Authenticated")),
		Client(big), Server(message(response, 0x01, 0, "", "")),
	}
	text = []Step{Client("version\r\n"), Server("VERSION 1.6.18\r\n")}
)

func TestConversations(t *testing.T) {
	want := []string{"< server memcached 1.6.18", "> login svc memcached-plain refused", "> login svc memcached-plain accepted"}
	Expect(t, "binary", Run(Parser(), sasl...), want...)
	Check(t, Parser(), []string{"secret"}, sasl...)
	Expect(t, "text", Run(Parser(), text...), want[0])
	Expect(t, "client alone", Run(Parser(), Client(login)), "> login svc memcached-plain tried")
	Expect(t, "gap", Run(Parser(), Client(big[:100]), Lose(0, 9000), Client("garbage"), Client(login)), "> login svc memcached-plain tried")
	Expect(t, "malformed", Run(Parser(), Client(login, "x")), "> !malformed_message", "> login svc memcached-plain tried")
}

func TestProbe(t *testing.T) {
	const udp = "\x00\x01\x00\x00\x00\x01\x00\x00"
	for _, tt := range []struct {
		bytes string
		dir   protocol.Dir
		over  protocol.Transport
		want  protocol.Match
	}{
		{"", 0, protocol.TCP, protocol.Maybe},
		{login, 0, protocol.TCP, protocol.Yes},
		{login[:8], 0, protocol.TCP, protocol.Maybe},
		{message(response, opVersion, 0, "", "1.6.18"), 1, protocol.TCP, protocol.Yes},
		{message(response, opVersion, 0, "", "1.6.18"), 0, protocol.TCP, protocol.No},
		{"\x80\x01\x00\x01\x00\x00\x00\x09add\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0, protocol.TCP, protocol.No},
		{"set k 0 60 2\r\n", 0, protocol.TCP, protocol.Yes},
		{"set k 0 60", 0, protocol.TCP, protocol.Maybe},
		{"set k a b c\r\n", 0, protocol.TCP, protocol.No},
		{"get a b\r\n", 0, protocol.TCP, protocol.Yes},
		{"get a b\n", 0, protocol.TCP, protocol.No},
		{"GET / HTTP/1.1\r\n", 0, protocol.TCP, protocol.No},
		{"STORED\r\n", 1, protocol.TCP, protocol.Yes},
		{udp + "stats\r\n", 0, protocol.UDP, protocol.Yes},
		{udp + "VALUE k 0 2\r\nab\r\nEND\r\n", 1, protocol.UDP, protocol.Yes},
		{udp + "get", 0, protocol.UDP, protocol.No},
		{"stats\r\n\x00\x00", 0, protocol.UDP, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: tt.over}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), sasl...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), sasl, text) }
