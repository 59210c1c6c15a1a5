package coap

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var (
	kit   = datagramtest.Kit{Parser: Parser(), Port: port}
	other = datagramtest.Kit{Parser: Parser(), Port: 4567}
)

const (
	get     = "\x42\x01\x12\x34tk\x3bexample.org\x8bwell-known!\x04core"
	content = "\x62\x45\x12\x34tk\xc0\xffhello"
	long    = "\x40\x03\x12\x34\x3d\x02example.com.net\xd4\x00text"
)

func TestHost(t *testing.T) {
	kit.Expect(t, "get", []datagramtest.Step{datagramtest.Client(get), datagramtest.Server(content)}, "> host example.org")
	kit.Expect(t, "an extended length", []datagramtest.Step{datagramtest.Client(long)}, "> host example.com.net")
	kit.Expect(t, "answer only", []datagramtest.Step{datagramtest.Server(content)})
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	for text, want := range map[string]protocol.Match{
		get:                                protocol.Likely,
		content:                            protocol.No,
		"\x40\x01\x12\x34":                 protocol.No,
		"\x40\x01\x12\x34\xb3\x01\x02\x03": protocol.No,
		"\x49" + get[1:]:                   protocol.No,
		"\x40\x01\x12\x34\xff":             protocol.No,
	} {
		if m := other.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
}

func FuzzCoAP(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(get), datagramtest.Server(content)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
