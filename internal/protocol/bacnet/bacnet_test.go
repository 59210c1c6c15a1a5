package bacnet

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 4567}

const whoIs = "\x81\x0b\x00\x0c\x01\x20\xff\xff\x00\xff\x10\x08"

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit.Expect(t, "who is", []datagramtest.Step{datagramtest.Client(whoIs)})
	for text, want := range map[string]protocol.Match{
		whoIs + "x":                protocol.No,
		"\x81\x0a\x00\x06\x02\x00": protocol.No,
		"\x81\x00\x00\x06\x00\x00": protocol.No,
		"\x81\x04\x00\x0c\x7f\x00\x00\x01\xba\xc0\x01\x00": protocol.Yes,
	} {
		if m := kit.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
	known := datagramtest.Kit{Parser: Parser(), Port: port}
	if m := known.Probe(datagramtest.Server("\x81\x00\x00\x06\x00\x00")); m != protocol.Yes {
		t.Errorf("a result on the port: %d", m)
	}
}

func FuzzBACnet(f *testing.F) { kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(whoIs)}) }

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
