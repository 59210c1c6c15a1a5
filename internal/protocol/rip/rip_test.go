package rip

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: port}

const answer = "\x02\x02\x00\x00\x00\x02\x00\x00\xc0\x00\x02\x00\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x01"

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit.Expect(t, "a response", []datagramtest.Step{datagramtest.Client(answer)})
	ng := datagramtest.Kit{Parser: Parser(), Port: portNG}
	ng.Expect(t, "RIPng", []datagramtest.Step{datagramtest.Client("\x01\x01\x00\x00", strings.Repeat("\x00", 19), "\x10")})
	for text, want := range map[string]protocol.Match{
		answer + "x":                         protocol.Likely,
		"\x03" + answer[1:]:                  protocol.No,
		answer[:4] + "\x00\x0a" + answer[6:]: protocol.No,
	} {
		if m := kit.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
}

func FuzzRIP(f *testing.F) { kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(answer)}) }

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
