package mysql

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func packet(number byte, body ...string) string {
	b := strings.Join(body, "")
	return string([]byte{byte(len(b)), byte(len(b) >> 8), byte(len(b) >> 16), number}) + b
}

func le(n, size int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(n))[:size])
}

func greeting(version string) string {
	return packet(0, "\x0a", version, "\x00", le(7, 4), "challeng\x00", le(0xffff, 2), "\x21", le(2, 2), le(0xdfff, 2), "\x15", strings.Repeat("\x00", 10), "challenge123\x00", "caching_sha2_password\x00")
}

func response(capabilities int, rest ...string) string {
	return packet(1, le(capabilities|protocol41, 4), le(1<<24, 4), "\x21", strings.Repeat("\x00", 23), strings.Join(rest, ""))
}

func str(s string) string { return string([]byte{byte(len(s))}) + s }

const usual = secureConnection | pluginAuth | withDatabase | attributes

var (
	attrs    = str(str("_client_name") + str("libmysql") + str("_os") + str("Linux") + str("_client_version") + str("8.0.36"))
	login    = response(usual, "root\x00", str("secrethash"), "shop\x00caching_sha2_password\x00", attrs)
	ok       = "\x00\x00\x00\x02\x00\x00\x00"
	denied   = "\xff" + le(errAccessDenied, 2) + "#28000Access denied"
	accepted = []Step{
		Server(greeting("8.0.36")), Client(login),
		Server(packet(2, "\x01\x04")), Client(packet(3, "\x02")), Server(packet(4, "\x01-----BEGIN PUBLIC KEY-----")),
		Client(packet(5, "secretcipher")), Server(packet(6, ok)),
		Client(packet(0, "\x03select 1")), Server(packet(1, "\x01") + packet(2, "column") + packet(3, "\xfe\x00\x00\x02\x00")),
		Client(packet(0, "\x11bob\x00", str("secretother"), "shop\x00")), Server(packet(1, "\xfemysql_native_password\x00challenge\x00")),
		Client(packet(2, "secretother")), Server(packet(3, denied)), Client(packet(0, "\x01")),
	}
	plain = []Step{
		Server(greeting("5.5.5-10.11.6-MariaDB-0+deb12u1")),
		Client(response(secureConnection, "ftp\x00", str("secret"))), Server(packet(2, denied)),
	}
)

const libmysql = "> client libmysql 8.0.36"

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"accepted, then another user", accepted, []string{"< server MySQL 8.0.36", libmysql, "> login root mysql-caching-sha2-password accepted", "> login bob mysql-native-password refused"}},
		{"refused", plain, []string{"< server MariaDB 10.11.6-MariaDB-0+deb12u1", "> login ftp mysql refused"}},
		{"old client", []Step{Server(greeting("4.0.1")), Client(packet(1, le(5, 2), le(100, 3), "root\x00secret")), Server(packet(2, ok))}, []string{"< server MySQL 4.0.1", "> login root mysql accepted"}},
		{"compressed", []Step{Server(greeting("8.0.36")), Client(response(compress, "root\x00\x00")), Server(packet(2, ok), "\x01\x02\x03")}, []string{"< server MySQL 8.0.36", "> login root mysql accepted"}},
		{"too many connections", []Step{Server(packet(0, "\xff", le(1040, 2), "Too many connections"))}, nil},
		{"client alone", []Step{Client(login), Client(packet(3, "\x02secret")), Client(packet(0, "\x03select 1"))}, []string{libmysql, "> login root mysql-caching-sha2-password accepted"}},
		{"client alone, no command", []Step{Client(login), Client(packet(0, "\x01"))}, []string{libmysql, "> login root mysql-caching-sha2-password tried"}},
		{"server alone", []Step{Server(greeting("8.0.36")), Server(packet(2, ok))}, []string{"< server MySQL 8.0.36"}},
		{"database not allowed", []Step{Server(greeting("8.0.36")), Client(login), Server(packet(2, "\xff", le(1044, 2), "#42000Access denied"))}, []string{"< server MySQL 8.0.36", libmysql, "> login root mysql-caching-sha2-password tried"}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret", "challeng"}, tt.steps...)
	}
}

func TestTLS(t *testing.T) {
	for _, steps := range [][]Step{
		{Server(greeting("8.0.36")), Client(response(withTLS), "\x16\x03\x01")},
		{Client(response(withTLS), "\x16\x03\x01")},
	} {
		f := NewTable(Parser(), new(Recorder))
		for _, s := range Cut(steps, func() int { return 1 }) {
			f.Do(s)
		}
		if f.Status != protocol.Switch {
			t.Errorf("status %d", f.Status)
		}
	}
}

func TestGap(t *testing.T) {
	change := packet(0, "\x11bob\x00", str("secret"), "shop\x00")
	got := Run(Parser(), Server(greeting("8.0.36")), Client(login), Server(packet(2, ok)),
		Client(packet(0, "\x03select 1")[:8]), Lose(0, 3000), Client("the rest"), Client(change), Server(packet(1, ok)))
	Expect(t, "beyond", got, "< server MySQL 8.0.36", libmysql, "> login root mysql-caching-sha2-password accepted", "> login bob mysql accepted")
}

func TestMalformed(t *testing.T) {
	Expect(t, "no user", Run(Parser(), Server(greeting("8.0.36")), Client(response(usual, "root"))), "< server MySQL 8.0.36", "> !malformed_packet")
}

func TestProbe(t *testing.T) {
	result := packet(1, "\x01") + packet(2, "column") + packet(3, "\xfe\x00\x00\x02\x00")
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		midstream bool
		want      protocol.Match
		reversed  bool
	}{
		{"", 1, false, protocol.Maybe, false},
		{greeting("8.0.36"), 1, false, protocol.Yes, false},
		{greeting("8.0.36"), 0, true, protocol.Yes, true},
		{greeting("x"), 1, false, protocol.No, false},
		{greeting("8.0.36")[:20], 1, false, protocol.Maybe, false},
		{"220 x\r\n", 1, false, protocol.No, false},
		{login, 0, false, protocol.Yes, false},
		{response(withTLS), 0, false, protocol.Yes, false},
		{response(0, "\x01\x00"), 0, false, protocol.No, false},
		{"\x16\x03\x01\x02\x00", 0, false, protocol.No, false},
		{packet(0, "\x03select 1 from t"), 0, false, protocol.No, false},
		{packet(0, "\x03select 1 from t"), 0, true, protocol.Yes, false},
		{packet(0, "\x03select 1 from t"), 1, true, protocol.Yes, true},
		{result, 1, true, protocol.Yes, false},
		{result, 0, true, protocol.Yes, true},
		{strings.Repeat("\x00", 40), 0, true, protocol.No, false},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, Midstream: tt.midstream}
		if got := probe(p); got != tt.want || p.Reversed != tt.reversed {
			t.Errorf("%q: %d, %v; want %d", tt.bytes, got, p.Reversed, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), accepted...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), accepted, plain) }
