package proxyproto

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

type sink struct{ anomalies int }

func (s *sink) Observe(o *protocol.Observation) { s.anomalies++ }

// TestHeader feeds every prefix of headers that are followed by other bytes.
func TestHeader(t *testing.T) {
	for _, c := range []struct {
		header string
		want   protocol.Status
	}{
		{"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", protocol.Switch},
		{"PROXY UNKNOWN\r\n", protocol.Switch},
		{magic2 + "\x21\x11\x00\x0c" + "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", protocol.Switch},
		{magic2 + "\x20\x00\x00\x00", protocol.Switch}, // LOCAL
		{magic2 + "\x11\x11\x00\x0c", protocol.Failed}, // a version that does not exist
		{"PROXY TCP4 192.0.2.1\n", protocol.Failed},
		{"PROXY " + strings.Repeat("x", maxLine-len(magic1)), protocol.Failed},
	} {
		all := c.header + "\x16\x03\x01"
		if m := probe(&protocol.Peek{Data: []byte(all)}); m != protocol.Yes {
			t.Errorf("%q: probe says %d", c.header, m)
		}
		for n := 1; n <= len(all); n++ {
			k := &sink{}
			ctx := &protocol.Context{Sink: k}
			used, got := Parser().New().Feed(ctx, protocol.ToServer, []byte(all[:n]))
			switch {
			case n < len(c.header):
				if got == protocol.Switch || used != 0 || got == protocol.More && ctx.Need != 0 && ctx.Need <= n {
					t.Errorf("%q: first %d bytes: %d consumed, status %d, need %d", c.header, n, used, got, ctx.Need)
				}
			case got != c.want || got == protocol.Switch && used != len(c.header) || (got == protocol.Failed) != (k.anomalies == 1):
				t.Errorf("%q: first %d bytes: %d consumed, status %d, %d anomalies", c.header, n, used, got, k.anomalies)
			}
			m := probe(&protocol.Peek{Data: []byte(all[:n])})
			if m == protocol.No {
				t.Errorf("%q: probe of the first %d bytes says no", c.header, n)
			}
		}
	}
	if m := probe(&protocol.Peek{Data: []byte("PROX"), End: true}); m != protocol.No {
		t.Errorf("the end of a short flow: %d", m)
	}
}

func FuzzFeed(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"))
	f.Add([]byte(magic2 + "\x21\x11\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		n, s := Parser().New().Feed(&protocol.Context{Sink: &sink{}}, protocol.ToServer, b)
		if n < 0 || n > len(b) || n > 0 && s != protocol.Switch {
			t.Errorf("%d consumed of %d, status %d", n, len(b), s)
		}
	})
}
