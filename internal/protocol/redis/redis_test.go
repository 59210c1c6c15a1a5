package redis

import (
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

func cmd(args ...string) string {
	b := fmt.Sprintf("*%d\r\n", len(args))
	for _, a := range args {
		b += bulk(a)
	}
	return b
}

var (
	welcome = "%3\r\n" + bulk("server") + bulk("redis") + bulk("version") + bulk("7.2.4") + bulk("modules") + "*1\r\n*2\r\n:1\r\n:2\r\n"
	long    = strings.Repeat("v", 9000)
	acl     = []Step{
		Client(cmd("PING")), Server("-NOAUTH Authentication required.\r\n"),
		Client(cmd("auth", "alice", "wrong-secret")), Server("-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
		Client(cmd("AUTH", "secret")), Server("+OK\r\n"),
		Client(cmd("SET", "k", long), cmd("GET", "k")), Server("+OK\r\n", bulk(long)),
		Client(cmd("INFO")), Server(bulk("# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:0\r\n")),
		Client(cmd("SUBSCRIBE", "a")), Server("*3\r\n"+bulk("subscribe")+bulk("a")+":1\r\n", ">2\r\n+x\r\n_\r\n"),
	}
	resp3 = []Step{Client(cmd("HELLO", "3", "AUTH", "bob", "secret", "SETNAME", "me")), Server(welcome), Client(cmd("GET", "x")), Server("$-1\r\n")}
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"acl", acl, []string{"> login alice redis refused", "> login default redis accepted", "< server Redis 7.0.15"}},
		{"hello", resp3, []string{"< server Redis 7.2.4", "> login bob redis accepted"}},
		{"pipelined", []Step{Client(cmd("PING"), cmd("AUTH", "alice", "secret"), cmd("PING")), Server("+PONG\r\n+OK\r\n+PONG\r\n")}, []string{"> login alice redis accepted"}},
		{"no password set", []Step{Client(cmd("AUTH", "secret")), Server("-ERR Client sent AUTH, but no password is set\r\n")}, []string{"> login default redis tried"}},
		{"client alone", []Step{Client(cmd("AUTH", "alice", "secret")), Client(cmd("AUTH", "bob", "secret"))}, []string{"> login alice redis tried", "> login bob redis tried"}},
		{"AUTH as a value", []Step{Client(cmd("SET", "AUTH", "secret"), cmd("HELLO", "3", "SETNAME", "AUTH"))}, nil},
		{"attributes", []Step{Client(cmd("GET", "x"), cmd("AUTH", "secret")), Server("|1\r\n+ttl\r\n:3600\r\n" + bulk("x") + "+OK\r\n")}, []string{"> login default redis accepted"}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
}

func TestInline(t *testing.T) {
	Expect(t, "inline", Run(Parser(), Client("PING\r\n\r\nAUTH alice secret\nAUTH secret\r\n"), Server("+PONG\r\n+OK\r\n+OK\r\n")),
		"> login alice redis tried", "> login default redis accepted")
}

func TestGap(t *testing.T) {
	login := Client(cmd("AUTH", "alice", "secret"))
	set := cmd("SET", "k", long)
	Expect(t, "in a value", Run(Parser(), Client(set[:2000]), Lose(0, 3000), Client(set[5000:]), login), "> login alice redis tried")
	Expect(t, "beyond it", Run(Parser(), Client(set[:2000]), Lose(0, 30000), Client("garbage"), login, Server("+OK\r\n")), "> login alice redis accepted")
}

func TestMalformed(t *testing.T) {
	Expect(t, "length", Run(Parser(), Client("*1\r\n$x\r\n")), "> !malformed_message")
	Expect(t, "nesting", Run(Parser(), Client(cmd("PING")), Server(strings.Repeat("*500000000\r\n", 5000))))
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
		{cmd("PING"), 0, 1, false, protocol.Yes},
		{"*1\r\n", 0, 1, false, protocol.Maybe},
		{"*1\r\n$4\r\n\x01\x02\x03\x04", 0, 1, false, protocol.No},
		{"* OK IMAP4rev1 ready\r\n", 1, 1, false, protocol.No},
		{"+OK POP3 ready\r\n", 1, 1, false, protocol.No},
		{"+PONG\r\n", 1, 1, false, protocol.Yes},
		{"-NOAUTH Authentication required.\r\n", 1, 1, false, protocol.Yes},
		{bulk("value"), 1, 1, false, protocol.Yes},
		{bulk("value"), 0, 1, true, protocol.Yes},
		{welcome, 1, 1, false, protocol.Yes},
		{cmd("PING"), 1, 1, true, protocol.Yes},
		{"PING\r\n", 0, 1, false, protocol.No},
		{"PING\r\n", 0, 6379, false, protocol.Likely},
		{"AU", 0, 6379, false, protocol.Maybe},
		{"GET\x00\r\n", 0, 6379, false, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ServerPort: tt.port, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), acl...) }

func FuzzStream(f *testing.F) {
	Fuzz(f, Parser(), acl, resp3, []Step{Client("AUTH alice secret\r\n"), Server("+OK\r\n")})
}
