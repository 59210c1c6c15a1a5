package wireguard

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 4567}

func message(kind byte, n int) string {
	return string([]byte{kind, 0, 0, 0}) + strings.Repeat("\x9a", n-4)
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit.Expect(t, "handshake", []datagramtest.Step{datagramtest.Client(message(initiation, initiationLen)), datagramtest.Server(message(response, responseLen))}, "> encrypted")
	kit.Expect(t, "answer only", []datagramtest.Step{datagramtest.Server(message(response, responseLen))}, "< encrypted")
	data := "\x04\x00\x00\x00\x11\x22\x33\x44\x01\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x5c", 32)
	for text, want := range map[string]protocol.Match{
		data:                       protocol.Likely,
		data + "x":                 protocol.No,
		message(transport, 48):     protocol.No, // no counter
		message(initiation, 149):   protocol.No,
		message(cookie, cookieLen): protocol.No, // on this port
		"\x04\x00\x00\x00\x10\x00\x00\x00" + strings.Repeat("\x00", 72): protocol.No, // DCE/RPC
	} {
		if m := kit.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%.20q: %d, want %d", text, m, want)
		}
	}
}

func FuzzWireGuard(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(message(initiation, initiationLen))})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
