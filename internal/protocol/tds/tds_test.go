package tds

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func packet(kind byte, body ...string) string {
	b := strings.Join(body, "")
	return string([]byte{kind, 1, byte((len(b) + 8) >> 8), byte(len(b) + 8), 0, 0, 1, 0}) + b
}

func wideText(s string) string {
	var b []byte
	for _, r := range s {
		b = binary.LittleEndian.AppendUint16(b, uint16(r))
	}
	return string(b)
}

func prelogin(version string) string {
	return "\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff" + version + "\x00\x00\x02"
}

// login7 places the strings: host, user, password, application, server.
func login7(texts ...string) string {
	fixed := make([]byte, loginFixed+8)
	data := ""
	for i, s := range texts {
		binary.LittleEndian.PutUint16(fixed[36+4*i:], uint16(len(fixed)+len(data)))
		binary.LittleEndian.PutUint16(fixed[38+4*i:], uint16(len(s)))
		data += wideText(s)
	}
	binary.LittleEndian.PutUint32(fixed, uint32(len(fixed)+len(data)))
	copy(fixed[4:], "\x04\x00\x00\x74")
	return string(fixed) + data
}

func token(kind byte, body string) string {
	return string([]byte{kind, byte(len(body)), byte(len(body) >> 8)}) + body
}

func old() string {
	b := make([]byte, 580)
	put := func(at int, s string) { copy(b[at:], s); b[at+30] = byte(len(s)) }
	put(0, "host")
	put(31, "sa")
	put(62, "secret")
	put(140, "isql")
	return string(b)
}

var (
	secretWide = wideText("secret")
	login      = packet(typeLogin, login7("ws-1", "sa", "secret", "sqlcmd", "db.example.com"))
	ack        = token(tokenLoginAck, "\x01\x74\x00\x00\x04"+string([]byte{22})+wideText("Microsoft SQL Server\x00\x00")+"\x10\x00\x10\x3a")
	failed     = token(tokenError, string(binary.LittleEndian.AppendUint32(nil, 18456))+"\x01\x0e\x00\x00")
	accepted   = []Step{
		Client(packet(typePrelogin, prelogin("\x11\x00\x00\x00\x00\x00"))), Server(packet(typeAnswer, prelogin("\x10\x00\x10\x3a\x00\x00"))),
		Client(login), Server(packet(typeAnswer, token(tokenEnv, "xxxx"), token(tokenInfo, "yyyyyyyy"), ack, "\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
	}
	refused = []Step{Client(login), Server(packet(typeAnswer, failed, "\xfd\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))}
)

var loginFacts = []string{"> client sqlcmd", "> service db.example.com"}

func TestConversations(t *testing.T) {
	server := "< server Microsoft SQL Server 16.0.4154"
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"accepted", accepted, []string{server, loginFacts[0], loginFacts[1], "> login sa tds accepted"}},
		{"refused", refused, []string{loginFacts[0], loginFacts[1], "> login sa tds refused"}},
		{"old", []Step{Client(packet(typeOldLogin, old())), Server(packet(typeAnswer, ack))}, []string{"> client isql", server, "> login sa tds accepted"}},
		{"encrypted", []Step{Client(packet(typePrelogin, prelogin("\x11\x00\x00\x00\x00\x00"))), Client(packet(typePrelogin, "\x16\x03\x01\x00\x05hello"))}, []string{"> encrypted "}},
		{"client alone", []Step{Client(login), Client(packet(typeBatch, wideText("select 1")))}, []string{loginFacts[0], loginFacts[1], "> login sa tds accepted"}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret", secretWide}, tt.steps...)
	}
}

func TestGapAndMalformed(t *testing.T) {
	Expect(t, "gap", Run(Parser(), Client(packet(typePrelogin, prelogin("\x11\x00\x00\x00\x00\x00"))[:12]), Lose(0, 1000), Client(login)), loginFacts[0], loginFacts[1], "> login sa tds tried")
	Expect(t, "length", Run(Parser(), Client("\x12\x01\x00\x07\x00\x00\x00\x00")), "> !malformed_packet")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		midstream bool
		want      protocol.Match
	}{
		{"", 0, false, protocol.Maybe},
		{packet(typePrelogin, prelogin("\x11\x00\x00\x00\x00\x00")), 0, false, protocol.Yes},
		{packet(typePrelogin, prelogin("\x11\x00\x00\x00\x00\x00")), 1, false, protocol.No},
		{packet(typeAnswer, prelogin("\x11\x00\x00\x00\x00\x00")), 1, false, protocol.Yes},
		{login, 0, false, protocol.Yes},
		{packet(typeBatch, wideText("select 1 from t")), 0, false, protocol.No},
		{packet(typeBatch, wideText("select 1 from t")), 0, true, protocol.Yes},
		{packet(typeRPC, allHeaders, strings.Repeat("\x00", 12), "\xff\xff"), 0, true, protocol.Yes},
		{packet(typeRPC, "\x0a\x00"+wideText("sp_execute")), 0, true, protocol.Yes},
		{packet(typeAnswer, token(tokenEnv, "xxxx")+ack+"\xfd"), 1, false, protocol.Yes},
		{"\x04\x01\x00\x50\x01\x01\x01\x01user\x00", 0, false, protocol.No},
		{strings.Repeat("\x01", 64), 0, true, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), accepted...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), accepted, refused) }
