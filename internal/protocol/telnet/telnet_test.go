package telnet

import (
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

const options = "\xff\xfd\x18\xff\xfd\x20\xff\xfb\x03"

func session(steps ...st.Step) []st.Step {
	return append([]st.Step{
		st.Server(options), st.Client("\xff\xfb\x18\xff\xfa\x18\x00login: \xff\xf0"), st.Server("Ubuntu 22.04\r\nbox login: "),
	}, steps...)
}

var typed = session(
	st.Client("a"), st.Server("a"), st.Client("dx\x7fmi"), st.Server("dmi"), st.Client("n\r\x00"), st.Server("n\r\nPassword: "),
	st.Client("secret\r\x00"), st.Server("\r\nLogin incorrect\r\nbox login: "), st.Client("root\r\n"), st.Server("root\r\nPassword: "),
	st.Client("sec\xff\xffret\r\n"), st.Server("\r\nLast login: Mon Mar  2\r\n# "), st.Client("login: x\r\n"),
)

func TestLogins(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []st.Step
		want  []string
	}{
		{"typed", typed, []string{"> login admin telnet tried", "< login admin telnet refused", "> login root telnet tried", "< login root telnet accepted"}},
		{"asked again", session(st.Client("joe\r\n"), st.Server("joe\r\nPassword:"), st.Client("secret\r\n"), st.Server("\r\nUsername: ")),
			[]string{"> login joe telnet tried", "< login joe telnet refused"}},
		{"router", session(st.Server("\r\nUser Access Verification\r\n\r\nUsername: "), st.Client("cisco\r\n"), st.Server("cisco\r\nPassword: "), st.Client("secret\r\n"), st.Server("\r\nR1>")),
			[]string{"> login cisco telnet tried"}},
		{"a password for a user", session(st.Server("Password for user: "), st.Client("secret\r\n")), nil},
		{"no prompt", []st.Step{st.Server(options), st.Client("secret\r\nsecret\r\n")}, nil},
	} {
		st.Expect(t, tt.name, st.Run(Parser(), tt.steps...), tt.want...)
		t.Run(tt.name, func(t *testing.T) { st.Check(t, Parser(), []string{"secret"}, tt.steps...) })
	}
}

func TestLost(t *testing.T) {
	steps := session(st.Client("joe\r\n"), st.Lose(protocol.ToClient, 20), st.Client("secret\r\n"), st.Server("box login: "), st.Lose(protocol.ToServer, 3), st.Client("secret\r\n"))
	st.Expect(t, "lost", st.Run(Parser(), steps...), "> login joe telnet tried")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		port  uint16
		want  protocol.Match
	}{
		{options, 4711, protocol.Yes},
		{"\xff\xfd\x18", 23, protocol.Yes},
		{"\xff\xfd\x18", 4711, protocol.Maybe},
		{"\xff\xfd\x18hello", 4711, protocol.Likely},
		{"\xff", 4711, protocol.Maybe},
		{"\xff\xd8\xff\xe0", 4711, protocol.No},
		{"login: ", 23, protocol.Likely},
		{"login: ", 4711, protocol.No},
		{"\x00\x01", 23, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: protocol.ToClient, Over: protocol.TCP, ClientPort: 40000, ServerPort: tt.port}
		if got := probe(p); got != tt.want {
			t.Errorf("%q on port %d: %d, want %d", tt.bytes, tt.port, got, tt.want)
		}
	}
}

func BenchmarkLogin(b *testing.B) { st.Benchmark(b, Parser(), typed...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), typed) }
