package openvpn

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 4567}

const (
	session = "abcdefgh"
	bare    = "\x38" + session + "\x00\x00\x00\x00\x00"
	answer  = "\x40" + session + "\x01\x00\x00\x00\x00" + session + "\x00\x00\x00\x00"
	number  = "\x00\x00\x00\x01\x60\x00\x00\x00"
	signed  = "\x38" + session + "0123456789abcdefghij" + number + "\x00\x00\x00\x00\x00"
	crypt   = "\x38" + session + number + "0123456789abcdef0123456789abcdef" + "opaqu"
	crypt3  = "\x50" + session + "\x0f\x00\x00\x01\x60\x00\x00\x00" + "0123456789abcdef0123456789abcdef" + "opaqu and the key"
)

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	for _, text := range []string{bare, signed, crypt, crypt3} {
		var want []string
		if text == crypt || text == crypt3 {
			want = []string{"> encrypted"}
		}
		kit.Expect(t, "reset", []datagramtest.Step{datagramtest.Client(text)}, want...)
		p := protocol.Peek{Data: []byte("\x00" + string([]byte{byte(len(text))}) + text), Over: protocol.TCP, ServerPort: 443}
		if m := probe(&p); m != protocol.Yes {
			t.Errorf("%q over TCP: %d", text, m)
		}
		for n := 1; n < len(text); n++ {
			cut := p
			cut.Data = p.Data[:n]
			if m := probe(&cut); m != protocol.Maybe {
				t.Errorf("the first %d bytes over TCP: %d", n, m)
			}
		}
	}
	kit.Expect(t, "answer", []datagramtest.Step{datagramtest.Server(answer)})
	for text, want := range map[string]protocol.Match{
		bare + "x":                             protocol.No,
		"\x38" + strings.Repeat("\x00", 13):    protocol.No,
		"\x3f" + bare[1:]:                      protocol.No,
		"\x48\x00\x00\x01" + session + session: protocol.No,
	} {
		if m := kit.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
	known := datagramtest.Kit{Parser: Parser(), Port: port}
	if m := known.Probe(datagramtest.Client("\x48\x00\x00\x01", session, session)); m != protocol.Likely {
		t.Errorf("data on the port: %d", m)
	}
}

func TestProbeTCP(t *testing.T) {
	for text, want := range map[string]protocol.Match{
		"": protocol.No, "\x00": protocol.Maybe, "\x05": protocol.No, "\x00\x0e": protocol.Maybe,
		"\x00\x0d" + bare: protocol.No, "\x00\x0e\x18": protocol.No, "\x04\xff" + bare: protocol.No,
		"\x00\x20\x38": protocol.Maybe, "\x00\x20\x20": protocol.No, "\x00\x0e" + bare + "rest": protocol.Yes,
	} {
		p := protocol.Peek{Data: []byte(text), Over: protocol.TCP, ServerPort: 443}
		if m := probe(&p); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
		if p.End = true; want == protocol.Maybe && len(text) > lengthLen && probe(&p) != protocol.No {
			t.Errorf("%q and no more: not refused", text)
		}
	}
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
