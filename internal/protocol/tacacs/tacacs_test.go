package tacacs

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

func packet(seq, flags byte, body string) string {
	return string([]byte{version0, authentication, seq, flags}) + "sess\x00\x00\x00" + string([]byte{byte(len(body))}) + body
}

const secret = "sesame-open-the-door"

var (
	start  = "\x01\x0f\x01\x01\x05\x04\x09\x00" + "alice" + "tty0" + "192.0.2.1"
	asks   = "\x05\x01\x00\x08\x00\x00Password"
	types  = "\x00\x14\x00\x00\x00" + secret
	passed = "\x01\x00\x00\x00\x00\x00"
	failed = "\x02\x00\x00\x00\x00\x00"
)

func run(steps ...streamtest.Step) []string { return streamtest.Run(Parser(), steps...) }

func TestLogin(t *testing.T) {
	steps := []streamtest.Step{
		streamtest.Client(packet(1, flagClear, start)), streamtest.Server(packet(2, flagClear, asks)),
		streamtest.Client(packet(3, flagClear, types)), streamtest.Server(packet(4, flagClear, passed)),
	}
	streamtest.Expect(t, "passed", run(steps...), "> login alice tacacs accepted")
	for i := range 30 {
		streamtest.Expect(t, "cut", run(streamtest.Cut(steps, func() int { return 1 + i })...), run(steps...)...)
	}
	streamtest.Expect(t, "failed", run(steps[0], streamtest.Server(packet(2, flagClear, failed))), "> login alice tacacs refused")
	streamtest.Expect(t, "client only", run(steps[0], steps[2]), "> login alice tacacs tried")
	streamtest.Expect(t, "obfuscated", run(streamtest.Client(packet(1, 0, start)), streamtest.Server(packet(2, 0, passed))))
	s := Parser().New()
	c := protocol.Context{Over: protocol.TCP, Sink: new(streamtest.Recorder)}
	for _, step := range steps {
		s.Feed(&c, step.Dir, step.Bytes)
	}
	if name := s.(*stream).name; string(name[:cap(name)][:5]) != "alice" || cap(name) > 16 {
		t.Errorf("kept: %q", name[:cap(name)])
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		port uint16
		data string
		want protocol.Match
	}{
		{port, packet(1, flagClear, start), protocol.Yes}, {port, packet(1, flagClear, start)[:11], protocol.Maybe}, {port, "\xc0\x04", protocol.No},
		{port, "\xc0\x01\x00\x00", protocol.No}, {50, packet(1, flagClear, start), protocol.No}, {port, "GET /", protocol.No},
	} {
		p := protocol.Peek{Data: []byte(c.data), Over: protocol.TCP, ServerPort: c.port}
		if m := probe(&p); m != c.want {
			t.Errorf("%q: %d, want %d", c.data, m, c.want)
		}
	}
}

func FuzzTACACS(f *testing.F) {
	streamtest.Fuzz(f, Parser(), []streamtest.Step{streamtest.Client(packet(1, flagClear, start)), streamtest.Server(packet(2, flagClear, passed))})
}
