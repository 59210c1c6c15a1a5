package stun

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
	"netsensor/internal/protocol/streamtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 19302}

const tx = "abcdefghijkl"

func message(kind string, attributes ...string) string {
	all := strings.Join(attributes, "")
	return kind + "\x00" + string([]byte{byte(len(all))}) + "\x21\x12\xa4\x42" + tx + all
}

func attr(kind, v string) string {
	return kind + "\x00" + string([]byte{byte(len(v))}) + v + strings.Repeat("\x00", (4-len(v)%4)%4)
}

var (
	bind     = message("\x00\x01", attr("\x80\x22", "agent 1.0"))
	bound    = message("\x01\x01", attr("\x80\x22", "server 2"), attr("\x00\x20", "\x00\x01\x12\x34\x12\x34\x56\x78"))
	allocate = message("\x00\x03", attr("\x00\x06", "alice"), attr("\x00\x14", "example.org"))
	granted  = message("\x01\x03")
	denied   = message("\x01\x13", attr("\x00\x09", "\x00\x00\x04\x01no"))
	stale    = message("\x01\x13", attr("\x00\x09", "\x00\x00\x04\x26old"))
)

func TestFacts(t *testing.T) {
	type steps = []datagramtest.Step
	kit.Expect(t, "binding", steps{datagramtest.Client(bind), datagramtest.Client(bind), datagramtest.Server(bound)}, "> client agent 1.0", "< server server 2")
	kit.Expect(t, "granted", steps{datagramtest.Client(allocate), datagramtest.Server(granted)}, "> login alice turn accepted")
	kit.Expect(t, "denied", steps{datagramtest.Client(allocate), datagramtest.Server(denied)}, "> login alice turn refused")
	kit.Expect(t, "stale", steps{datagramtest.Client(allocate), datagramtest.Server(stale), datagramtest.Client(allocate)}, "> login alice turn tried")
	kit.Expect(t, "not asked", steps{datagramtest.Server(granted)})
	s, c := kit.Parser.New(), protocol.Context{Over: protocol.UDP}
	if _, status := s.Feed(&c, protocol.ToServer, []byte("\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x01")); status != protocol.Switch {
		t.Errorf("DTLS: %d", status)
	}
	for range maxOther {
		if _, status := s.Feed(&c, protocol.ToServer, []byte("\x80\x00")); status != protocol.More {
			t.Fatalf("media: %d", status)
		}
	}
	if _, status := s.Feed(&c, protocol.ToServer, []byte("\x80\x00")); status != protocol.Done {
		t.Errorf("media: %d", status)
	}
}

func TestTCP(t *testing.T) {
	steps := []streamtest.Step{streamtest.Client(bind, allocate), streamtest.Server(bound, granted, "\x40\x01\x00\x05hello\x00\x00\x00"), streamtest.Client("\x40\x01\x00\x01h\x00\x00\x00")}
	streamtest.Expect(t, "conversation", streamtest.Run(Parser(), steps...), "> client agent 1.0", "< server server 2", "> login alice turn accepted")
	streamtest.Check(t, Parser(), nil, steps...)
}

func TestProbe(t *testing.T) {
	kit.Refuses(t, "stun")
	known := datagramtest.Kit{Parser: Parser(), Port: port}
	const bare = "\x00\x01\x00\x00" + "0123456789abcdef"
	const asks = "\x00\x01\x00\x08" + "0123456789abcdef" + "\x00\x03\x00\x04\x00\x00\x00\x06"
	for _, c := range []struct {
		k    datagramtest.Kit
		text string
		want protocol.Match
	}{
		{known, bare, protocol.Yes}, {kit, bare, protocol.No}, {kit, asks, protocol.Yes}, {kit, asks + "x", protocol.No},
		{kit, "\x00\x01\x00\x03" + bind[4:], protocol.No}, {kit, bind[:len(bind)-4], protocol.Likely},
	} {
		if m := c.k.Probe(datagramtest.Client(c.text)); m != c.want {
			t.Errorf("%q: %d, want %d", c.text, m, c.want)
		}
	}
}

func FuzzSTUN(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(bind), datagramtest.Server(bound), datagramtest.Client(allocate), datagramtest.Server(denied)})
}

func FuzzTCP(f *testing.F) {
	streamtest.Fuzz(f, Parser(), []streamtest.Step{streamtest.Client(bind, allocate), streamtest.Server(bound, granted)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
func BenchmarkAllocate(b *testing.B) {
	kit.Benchmark(b, datagramtest.Client(allocate), datagramtest.Server(granted))
}
