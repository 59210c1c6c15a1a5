package kafka

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func be(n, size int) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))[8-size:]) }
func str(s string) string   { return be(len(s), 2) + s }
func sized(parts ...string) string {
	b := strings.Join(parts, "")
	return be(len(b), 4) + b
}

func request(key, version, correlation int, body ...string) string {
	return sized(be(key, 2), be(version, 2), be(correlation, 4), str("producer-1"), strings.Join(body, ""))
}

func compact(s string) string { return string([]byte{byte(len(s) + 1)}) + s }

var (
	versions = request(apiVersions, 3, 1, "\x00", compact("apache-kafka-java"), compact("3.6.0"), "\x00")
	plain    = []Step{
		Client(versions), Server(sized(be(1, 4), "\x00\x00")),
		Client(request(apiHandshake, 1, 2, str("PLAIN"))), Server(sized(be(2, 4), "\x00\x00", be(1, 4), str("PLAIN"))),
		Client(request(apiAuthenticate, 2, 3, "\x00", compact("\x00alice\x00secret"), "\x00")), Server(sized(be(3, 4), "\x00", be(58, 2), compact("failed"))),
		Client(request(apiAuthenticate, 0, 4, sized("\x00alice\x00secret"))),
	}
	scram = []Step{
		Client(request(apiHandshake, 1, 2, str("SCRAM-SHA-512"))), Server(sized(be(2, 4), "\x00\x00", be(1, 4), str("SCRAM-SHA-512"))),
		Client(request(apiAuthenticate, 1, 3, sized("n,,n=bob,r=nonce"))), Server(sized(be(3, 4), "\x00\x00", be(-1, 2), sized("r=nonce"))),
		Client(request(apiAuthenticate, 1, 4, sized("c=biws,p=secretproof"))), Server(sized(be(4, 4), "\x00\x00", be(-1, 2), sized("v=x"))),
	}
	old = []Step{Client(request(apiHandshake, 0, 2, str("PLAIN"))), Server(sized(be(2, 4), "\x00\x00", be(1, 4), str("PLAIN"))), Client(sized("\x00alice\x00secret")), Server(sized())}
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"plain, refused", plain, []string{"> client apache-kafka-java 3.6.0", "> login alice kafka-plain refused"}},
		{"scram", scram, []string{"> login bob kafka-scram-sha-512 accepted"}},
		{"old", old, []string{"> login alice kafka-plain accepted"}},
		{"client alone", []Step{Client(request(apiHandshake, 1, 2, str("PLAIN"))), Client(request(apiAuthenticate, 0, 3, sized("\x00alice\x00secret"))), Client(request(3, 9, 4, "xxxx"))}, []string{"> login alice kafka-plain accepted"}},
		{"no login", []Step{Client(versions), Client(request(3, 9, 4, "xxxx"))}, []string{"> client apache-kafka-java 3.6.0"}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
}

func TestGapAndMalformed(t *testing.T) {
	Expect(t, "gap", Run(Parser(), Client(versions[:30]), Lose(0, 1000), Client("garbage"), Client(request(apiHandshake, 1, 2, str("PLAIN"))), Client(request(apiAuthenticate, 0, 3, sized("\x00alice\x00secret")))),
		"> login alice kafka-plain tried")
	Expect(t, "size", Run(Parser(), Client(versions, "\xff\xff\xff\xff")), "> client apache-kafka-java 3.6.0", "> !malformed_message")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		port      uint16
		midstream bool
		want      protocol.Match
	}{
		{"", 0, 1, false, protocol.Maybe},
		{versions, 0, 1, false, protocol.Yes},
		{versions, 1, 1, false, protocol.No},
		{versions, 1, 1, true, protocol.Yes},
		{sized(be(3, 2), be(1, 2), be(1, 4), be(-1, 2), "xx"), 0, 1, false, protocol.No},
		{sized(be(3, 2), be(1, 2), be(1, 4), be(-1, 2), "xx"), 0, 9092, false, protocol.Likely},
		{strings.Repeat("\x00", 40), 0, 9092, true, protocol.No},
		{"GET / HTTP/1.1\r\n", 0, 1, false, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ServerPort: tt.port, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), scram...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), plain, scram, old) }
