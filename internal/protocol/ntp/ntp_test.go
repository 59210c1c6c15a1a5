package ntp

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: port}

var (
	asks    = "\x23\x00\x06\xec" + strings.Repeat("\x00", 36) + "\xe4\x11\x22\x33\x44\x55\x66\x77"
	answers = "\x24\x02\x06\xe8\x00\x00\x01\x00\x00\x00\x01\x00\xc0\x00\x02\x01" + "\xe4\x11\x22\x00\x00\x00\x00\x00" +
		"\xe4\x11\x22\x33\x44\x55\x66\x77" + "\xe4\x11\x22\x33\x50\x00\x00\x00" + "\xe4\x11\x22\x33\x60\x00\x00\x00"
	variables = "\x16\x02\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"
	monlist   = "\x17\x00\x03\x2a" + strings.Repeat("\x00", 4)
)

func TestVersion(t *testing.T) {
	kit.Expect(t, "time", []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(answers)}, "> version NTPv4")
	kit.Expect(t, "answer only", []datagramtest.Step{datagramtest.Server(answers)}, "< version NTPv4")
	kit.Expect(t, "control", []datagramtest.Step{datagramtest.Client(variables)}, "> version NTPv2")
	kit.Expect(t, "private", []datagramtest.Step{datagramtest.Client(monlist)}, "> version NTPv2")
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	other := datagramtest.Kit{Parser: Parser(), Port: 4123}
	if m := other.Probe(datagramtest.Server(answers)); m != protocol.Yes {
		t.Errorf("an answer from another port: %d", m)
	}
	if m := other.Probe(datagramtest.Client(asks)); m != protocol.No {
		t.Errorf("a request to another port: %d", m)
	}
	if m := kit.Probe(datagramtest.Server("\x24\x20", answers[2:])); m != protocol.Likely {
		t.Errorf("an impossible stratum: %d", m)
	}
	p := protocol.Peek{Data: []byte(answers), Dir: protocol.ToServer, ClientPort: port, ServerPort: port}
	if probe(&p); !p.Reversed {
		t.Error("an answer that came first was not turned round")
	}
}

func FuzzNTP(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(answers)}, []datagramtest.Step{datagramtest.Client(monlist)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
