package netbiosdgm

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var (
	kit   = datagramtest.Kit{Parser: Parser(), Port: port}
	other = datagramtest.Kit{Parser: Parser(), Port: 4567}
)

var message = "\x11\x0a\x00\x01\xc0\x00\x02\x01\x00\x8a\x00\x48\x00\x00" + strings.Repeat("\x20"+strings.Repeat("EA", 16)+"\x00", 2) + "data"

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit.Expect(t, "datagram", []datagramtest.Step{datagramtest.Client(message)})
	if m := other.Probe(datagramtest.Client(message)); m != protocol.Yes {
		t.Errorf("on another port: %d", m)
	}
	if m := other.Probe(datagramtest.Client(message, "x")); m != protocol.No {
		t.Errorf("of another length: %d", m)
	}
	if m := kit.Probe(datagramtest.Client("\x13\x0a\x00\x01\xc0\x00\x02\x01\x00\x8a\x82")); m != protocol.Likely {
		t.Errorf("an error: %d", m)
	}
}

func FuzzDatagram(f *testing.F) { kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(message)}) }

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
