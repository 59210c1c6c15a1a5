package enip

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
	"netsensor/internal/protocol/streamtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 4567}

func message(command byte, session, data string) string {
	return string([]byte{command, 0, byte(len(data)), 0}) + session + strings.Repeat("\x00", 16) + data
}

const none = "\x00\x00\x00\x00"

var (
	asks     = message(listIdentity, none, "")
	item     = "\x01\x00" + "\x00\x02\xaf\x12\xc0\x00\x02\x01" + strings.Repeat("\x00", 8) + "\x01\x00\x0e\x00\x36\x00\x14\x0b\x60\x31\x1a\x06\x6c\x00" + "\x0a1756-L61/B\xff"
	answers  = message(listIdentity, none, "\x01\x00\x0c\x00"+string([]byte{byte(len(item)), 0})+item)
	register = message(registerSession, none, "\x01\x00\x00\x00")
	granted  = message(registerSession, "\x02\x00\x00\x00", "\x01\x00\x00\x00")
	works    = message(sendRRData, "\x02\x00\x00\x00", "opaque")
)

func TestProduct(t *testing.T) {
	kit.Expect(t, "identity", []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(answers)}, "< server 1756-L61/B")
	steps := []streamtest.Step{streamtest.Client(register), streamtest.Server(granted), streamtest.Client(asks), streamtest.Server(answers), streamtest.Client(works)}
	streamtest.Expect(t, "TCP", streamtest.Run(Parser(), steps...), "< server 1756-L61/B")
	streamtest.Check(t, Parser(), nil, steps...)
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	for text, want := range map[string]protocol.Match{works: protocol.No, register: protocol.Yes, asks + "x": protocol.No} {
		if m := kit.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
}

func FuzzENIP(f *testing.F) {
	streamtest.Fuzz(f, Parser(), []streamtest.Step{streamtest.Client(asks), streamtest.Server(answers), streamtest.Client(register)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
