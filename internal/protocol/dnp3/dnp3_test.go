package dnp3

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 4567}

// header begins a write from 3 to 4; its checksum is one that a real outstation accepted.
const header = "\x05\x64\x0e\xc4\x04\x00\x03\x00\x6d\xd3"

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit.Expect(t, "a frame", []datagramtest.Step{datagramtest.Client(header)})
	for n := 1; n <= len(header); n++ {
		p := protocol.Peek{Data: []byte(header[:n]), Over: protocol.TCP}
		want := protocol.Maybe
		if n == len(header) {
			want = protocol.Yes
		}
		if m := probe(&p); m != want {
			t.Errorf("%d bytes: %d", n, m)
		}
	}
	if m := kit.Probe(datagramtest.Client("\x05\x64\x0e\xc4\x04\x00\x03\x00\x6d\xd2")); m != protocol.No {
		t.Errorf("a wrong checksum: %d", m)
	}
	known := datagramtest.Kit{Parser: Parser(), Port: port}
	if m := known.Probe(datagramtest.Client("\x05\x64\x0e\xc4\x04\x00\x03\x00\x6d\xd2")); m != protocol.Likely {
		t.Errorf("a wrong checksum on the port: %d", m)
	}
}

func FuzzDNP3(f *testing.F) { kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(header)}) }

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
