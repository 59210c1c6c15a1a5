package cassandra

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func be(n, size int) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))[8-size:]) }
func str(s string) string   { return be(len(s), 2) + s }

func message(version, opcode byte, body ...string) string {
	b := strings.Join(body, "")
	return string([]byte{version, 0, 0, 1, opcode}) + be(len(b), 4) + b
}

func segment(b string) string {
	return string([]byte{byte(len(b)), byte(len(b) >> 8), 0}) + "crc" + b + "crc3"
}

const (
	class = "org.apache.cassandra.auth.PasswordAuthenticator"
	plain = "\x00cassandra\x00secret"
)

var (
	pairs    = be(3, 2) + str("CQL_VERSION") + str("3.0.0") + str("DRIVER_NAME") + str("DataStax Java driver") + str("DRIVER_VERSION") + str("4.17.0")
	four     = []Step{Client(message(4, opOptions)), Server(message(0x84, opSupported, be(1, 2), str("COMPRESSION"), be(0, 2))), Client(message(4, opStartup, pairs)), Server(message(0x84, opAuthenticate, str(class))), Client(message(4, opAuthResponse, be(len(plain), 4), plain)), Server(message(0x84, opAuthSuccess, be(-1, 4)))}
	five     = []Step{Client(message(5, opStartup, pairs)), Server(message(0x85, opAuthenticate, str(class))), Client(segment(message(5, opAuthResponse, be(len(plain), 4), plain))), Server(segment(message(0x85, opError, be(badCredentials, 4), str("no"))))}
	driver   = "> client DataStax Java driver 4.17.0"
	accepted = "> login cassandra cassandra-password accepted"
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"version 4", four, []string{driver, accepted}},
		{"version 5, refused", five, []string{driver, "> login cassandra cassandra-password refused"}},
		{"no login", []Step{Client(message(4, opStartup, pairs)), Server(message(0x84, opReady))}, []string{driver}},
		{"version 1", []Step{
			Client("\x01\x00\x01\x01\x00\x00\x00\x16", be(1, 2), str("CQL_VERSION"), str("3.0.0")), Server("\x81\x00\x01\x03", be(len(class)+2, 4), str(class)),
			Client("\x01\x00\x01\x04", be(2+10+4+10+8, 4), be(2, 2), str("username"), str("bo"), str("password"), str("secret")), Server("\x81\x00\x01\x02\x00\x00\x00\x00"),
		}, []string{"> login bo cassandra-password accepted"}},
		{"client alone", []Step{Client(message(4, opStartup, pairs)), Client(message(4, opAuthResponse, be(len(plain), 4), plain)), Client(message(4, 0x07, "query"))}, []string{driver, "> login cassandra cassandra accepted"}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
}

func TestGapAndMalformed(t *testing.T) {
	Expect(t, "gap", Run(Parser(), Client(message(4, opStartup, pairs)[:30]), Lose(0, 1000), Client("garbage"), Client(message(4, opAuthResponse, be(len(plain), 4), plain))), "> login cassandra cassandra tried")
	Expect(t, "version", Run(Parser(), Client(message(4, opOptions), "\x60")), "> !malformed_message")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		midstream bool
		want      protocol.Match
	}{
		{"", 0, false, protocol.Maybe},
		{message(4, opOptions), 0, false, protocol.Yes},
		{message(4, opStartup, pairs), 0, false, protocol.Yes},
		{message(0x84, opSupported, be(1, 2), str("COMPRESSION"), be(0, 2)), 1, false, protocol.Yes},
		{message(0x84, opSupported, be(1, 2), str("COMPRESSION"), be(0, 2)), 0, false, protocol.No},
		{message(4, 0x07, "query"), 0, false, protocol.No},
		{message(4, 0x07, "query"), 0, true, protocol.Yes},
		{message(4, 0x07, "query"), 1, true, protocol.Yes},
		{strings.Repeat("\x04", 40), 0, true, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), four...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), four, five) }
