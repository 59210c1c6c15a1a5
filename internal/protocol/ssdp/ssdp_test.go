package ssdp

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: port}

const (
	asks = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nUSER-AGENT: OS/1 UPnP/1.1 app/2\r\n\r\n"
	says = "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nServer: Linux/5 UPnP/1.0 router/3\r\n\r\n"
	told = "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nSERVER:Linux/5 UPnP/1.0 router/3\r\n\r\n"
)

func TestSoftware(t *testing.T) {
	kit.Expect(t, "search", []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(told), datagramtest.Server(told)},
		"> client OS/1 UPnP/1.1 app/2", "< server Linux/5 UPnP/1.0 router/3")
	kit.Expect(t, "notify", []datagramtest.Step{datagramtest.Client(says), datagramtest.Client(says)}, "> client Linux/5 UPnP/1.0 router/3")
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	p := protocol.Peek{Data: []byte(told), Over: protocol.UDP, Dir: protocol.ToServer, ClientPort: port, ServerPort: 4567}
	if m := probe(&p); m != protocol.Yes || !p.Reversed {
		t.Errorf("an answer: %d, reversed %v", m, p.Reversed)
	}
}

func FuzzSSDP(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(told)}, []datagramtest.Step{datagramtest.Client(says)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
