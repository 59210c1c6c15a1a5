package syslog

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: portUDP}

const (
	now = "<34>1 2026-01-02T03:04:05Z host su - ID47 - failed"
	old = "<13>Feb  5 17:32:18 host app[7]: done"
)

func TestProbe(t *testing.T) {
	kit.Refuses(t, "syslog")
	kit.Expect(t, "now", []datagramtest.Step{datagramtest.Client(now)})
	for _, c := range []struct {
		over protocol.Transport
		port uint16
		data string
		want protocol.Match
	}{
		{protocol.UDP, 9999, now, protocol.Yes},
		{protocol.UDP, 9999, old, protocol.Yes},
		{protocol.UDP, 9999, "<165>1 - - - - - -", protocol.Yes},
		{protocol.UDP, 9999, "<192>1 - - - - - -", protocol.No},
		{protocol.UDP, 9999, "<13>some free text", protocol.No},
		{protocol.UDP, portUDP, "<13>some free text", protocol.Yes},
		{protocol.UDP, portUDP, "some free text without priority", protocol.Likely},
		{protocol.UDP, portUDP, "\x00\x01\x02", protocol.No},
		{protocol.TCP, 6000, now, protocol.Yes},
		{protocol.TCP, 6000, "50 " + now, protocol.Yes},
		{protocol.TCP, 6000, old, protocol.Yes},
		{protocol.TCP, 6000, "5", protocol.Maybe},
		{protocol.TCP, 6000, "50 <3", protocol.Maybe},
		{protocol.TCP, 6000, "<html><head>", protocol.No},
		{protocol.TCP, 6000, "<?xml version", protocol.No},
		{protocol.TCP, 6000, "220 mail.example.org", protocol.No},
		{protocol.TCP, portConn, "<13>some free text", protocol.Likely},
	} {
		p := protocol.Peek{Data: []byte(c.data), Over: c.over, ClientPort: 40000, ServerPort: c.port}
		if m := probe(&p); m != c.want {
			t.Errorf("%q on %d: %d, want %d", c.data, c.port, m, c.want)
		}
		for n := range c.data {
			if p.Data = []byte(c.data[:n]); c.want == protocol.Yes && c.over == protocol.TCP && n > 0 && probe(&p) == protocol.No {
				t.Errorf("No to %q", p.Data)
			}
		}
	}
}

func FuzzSyslog(f *testing.F) {
	f.Add([]byte(now), false)
	f.Add([]byte("50 "+old), true)
	f.Fuzz(func(_ *testing.T, b []byte, tcp bool) {
		p := protocol.Peek{Data: b, Over: protocol.UDP, ServerPort: portUDP}
		if tcp {
			p.Over, p.ServerPort = protocol.TCP, portConn
		}
		probe(&p)
	})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
