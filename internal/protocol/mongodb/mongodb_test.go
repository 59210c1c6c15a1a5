package mongodb

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func le(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func message(op, id, to int, body ...string) string {
	b := strings.Join(body, "")
	return le(16+len(b)) + le(id) + le(to) + le(op) + b
}

func msg(id, to int, doc string) string { return message(opMsg, id, to, le(0), "\x00", doc) }

func query(id int, doc string) string {
	return message(opQuery, id, 0, le(0), "admin.$cmd\x00", le(0), le(1), doc)
}

func reply(id, to int, doc string) string {
	return message(opReply, id, to, le(8), strings.Repeat("\x00", 8), le(0), le(1), doc)
}

func doc(members ...string) string {
	b := strings.Join(members, "")
	return le(5+len(b)) + b + "\x00"
}

func str(name, v string) string     { return "\x02" + name + "\x00" + le(len(v)+1) + v + "\x00" }
func bin(name, v string) string     { return "\x05" + name + "\x00" + le(len(v)) + "\x00" + v }
func num(name string, v int) string { return "\x10" + name + "\x00" + le(v) }
func sub(name, v string) string     { return "\x03" + name + "\x00" + v }
func truth(name string) string      { return "\x08" + name + "\x00\x01" }
func yes(name string) string        { return "\x01" + name + "\x00\x00\x00\x00\x00\x00\x00\xf0\x3f" }

var (
	driver = sub("client", doc(sub("application", doc(str("name", "shell"))), sub("driver", doc(str("name", "PyMongo"), str("version", "4.6.1")))))
	start  = str("mechanism", "SCRAM-SHA-256") + bin("payload", "n,,n=alice,r=nonceofclient")
	failed = doc("\x01ok\x00"+strings.Repeat("\x00", 8), str("errmsg", "Authentication failed."), num("code", 18), str("codeName", "AuthenticationFailed"))

	scram = []Step{
		Client(query(1, doc(num("isMaster", 1), driver))), Server(reply(9, 1, doc(truth("ismaster"), yes("ok")))),
		Client(msg(2, 0, doc(num("saslStart", 1), start, str("$db", "admin")))),
		Server(msg(10, 2, doc(num("conversationId", 1), "\x08done\x00\x00", bin("payload", "r=nonceofclient,s=salt"), yes("ok")))),
		Client(msg(3, 0, doc(num("saslContinue", 1), bin("payload", "c=biws,p=secretproof")))),
		Server(msg(11, 3, doc(truth("done"), bin("payload", "v=secretverifier"), yes("ok")))),
		Client(msg(4, 0, doc(num("buildInfo", 1)))), Server(msg(12, 4, doc(str("version", "7.0.5"), yes("ok")))),
		Client(msg(5, 0, doc(str("insert", "t"), str("x", strings.Repeat("y", 9000))))), Server(msg(13, 5, doc(yes("ok")))),
		Client(message(opCompressed, 6, 0, le(opMsg), le(100), "\x02zlib")),
	}
	speculative = []Step{
		Client(msg(1, 0, doc(num("hello", 1), driver, sub("speculativeAuthenticate", doc(num("saslStart", 1), start, str("db", "admin")))))),
		Server(msg(9, 1, doc(sub("speculativeAuthenticate", doc("\x08done\x00\x00", bin("payload", "r=nonceofclient"))), yes("ok")))),
		Client(msg(2, 0, doc(num("saslContinue", 1), bin("payload", "c=biws,p=secretproof")))),
		Server(msg(10, 2, failed)),
	}
)

const driverFact = "> client PyMongo 4.6.1"

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"scram", scram, []string{driverFact, "> login alice mongodb-scram-sha-256 accepted", "< server MongoDB 7.0.5"}},
		{"speculative, refused", speculative, []string{driverFact, "> login alice mongodb-scram-sha-256 refused"}},
		{"plain", []Step{Client(msg(1, 0, doc(num("saslStart", 1), str("mechanism", "PLAIN"), bin("payload", "\x00alice\x00secret")))), Server(msg(2, 1, doc(truth("done"), yes("ok"))))},
			[]string{"> login alice mongodb-plain accepted"}},
		{"challenge and response", []Step{Client(query(1, doc(num("authenticate", 1), str("user", "alice"), str("nonce", "1234"), str("key", "secret")))), Server(reply(2, 1, doc(yes("ok"))))},
			[]string{"> login alice mongodb-cr accepted"}},
		{"certificate", []Step{Client(msg(1, 0, doc(num("authenticate", 1), str("mechanism", "MONGODB-X509"), str("user", "CN=a")))), Server(msg(2, 1, failed))},
			[]string{"> login CN=a mongodb-x509 refused"}},
		{"another section first", []Step{Client(message(opMsg, 1, 0, le(0), "\x01", le(4+2+5), "x\x00", doc(), "\x00", doc(num("saslStart", 1), start)))},
			[]string{"> login alice mongodb-scram-sha-256 tried"}},
		{"server alone", []Step{Server(msg(10, 2, doc(yes("ok"))))}, nil},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		if tt.name != "server alone" {
			Check(t, Parser(), []string{"secret", "nonce"}, tt.steps...)
		}
	}
}

func TestGap(t *testing.T) {
	login := Client(msg(2, 0, doc(num("saslStart", 1), start)))
	want := "> login alice mongodb-scram-sha-256 tried"
	insert := msg(1, 0, doc(str("insert", "t"), str("x", strings.Repeat("y", 6000))))
	Expect(t, "within", Run(Parser(), Client(insert[:3000]), Lose(0, 2000), Client(insert[5000:]), login), want)
	Expect(t, "beyond", Run(Parser(), Client(insert[:3000]), Lose(0, 20000), Client("garbage"), login), want)
}

func TestMalformed(t *testing.T) {
	Expect(t, "opcode", Run(Parser(), Client(message(99, 1, 0, "xx"))), "> !malformed_message")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		midstream bool
		want      protocol.Match
		reversed  bool
	}{
		{"", 0, false, protocol.Maybe, false},
		{msg(1, 0, doc(num("hello", 1))), 0, false, protocol.Yes, false},
		{msg(1, 0, doc(num("hello", 1))), 1, true, protocol.Yes, true},
		{msg(1, 7, doc(yes("ok"))), 1, false, protocol.Yes, false},
		{reply(1, 7, doc(yes("ok"))), 0, true, protocol.Yes, true},
		{reply(1, 7, doc(yes("ok"))), 0, false, protocol.No, true},
		{query(1, doc(num("isMaster", 1))), 0, false, protocol.Yes, false},
		{message(opKill, 1, 0, le(0), le(1), "12345678"), 0, false, protocol.Yes, false},
		{message(opMsg, 1, 0, le(0xff00), "\x00", doc()), 0, false, protocol.No, false},
		{message(opQuery, 1, 0, le(0), "no collection\x00"), 0, false, protocol.No, false},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0, false, protocol.No, false},
		{strings.Repeat("\x00", 40), 0, true, protocol.No, false},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, Midstream: tt.midstream}
		if got := probe(p); got != tt.want || p.Reversed != tt.reversed {
			t.Errorf("%q: %d, %v; want %d", tt.bytes, got, p.Reversed, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), scram...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), scram, speculative) }
