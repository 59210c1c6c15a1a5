package websocket

import (
	"testing"

	"netsensor/internal/protocol"
)

func TestProbe(t *testing.T) {
	const up, down = protocol.ToServer, protocol.ToClient
	for _, c := range []struct {
		dir  protocol.Dir
		b    string
		want protocol.Match
	}{
		{up, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", protocol.Yes}, // RFC 6455, section 5.7
		{down, "\x81\x05Hello", protocol.Yes},
		{down, "\x01\x03Hel", protocol.Yes},
		{down, "\x89\x05Hello", protocol.Yes},
		{down, "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", protocol.Yes}, // RFC 7692, section 7.2.3.1
		{down, "\x82\x7e\x01\x00", protocol.Yes},
		{down, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", protocol.Yes},
		{up, "\x88\x80\x00\x00\x00\x00", protocol.Yes},

		{up, "\x81\x05Hello", protocol.No}, // who masks
		{down, "\x81\x85\x37\xfa\x21\x3d", protocol.No},
		{down, "\x80\x03lo!", protocol.No}, // a continuation of nothing
		{down, "\x83\x01x", protocol.No},
		{down, "\x91\x01x", protocol.No},
		{down, "\x82\x7e\x00\x7d", protocol.No},                         // not the shortest way to write it
		{down, "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", protocol.No}, // nor this
		{down, "\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00", protocol.No}, // the highest bit is 0
		{down, "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", protocol.No},
		{up, "GET / HTTP/1.1\r\n", protocol.No},
		{up, "\x16\x03\x01\x02\x00\x01", protocol.No},
		{down, "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", protocol.Yes},
		{down, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00hello", protocol.Yes},
		{up, "\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00hellomask", protocol.Yes},
	} {
		p := &protocol.Peek{Data: []byte(c.b), Dir: c.dir, Over: protocol.TCP, After: "http"}
		if got := probe(p); got != c.want {
			t.Errorf("%q: %v, want %v", c.b, got, c.want)
		}
		if p.After = ""; probe(p) != protocol.No {
			t.Errorf("%q: only after HTTP", c.b)
		}
		// A prefix may leave it open, never contradict.
		p.After = "http"
		for n := range c.b {
			p.Data = []byte(c.b[:n])
			if got := probe(p); got != protocol.Maybe && got != c.want {
				t.Errorf("%q: %v, the whole %v", p.Data, got, c.want)
			}
			p.End = true
			if got := probe(p); got == protocol.Maybe {
				t.Errorf("%q: open at the end", p.Data)
			}
			p.End = false
		}
	}
}

func FuzzProbe(f *testing.F) {
	f.Add([]byte("\x81\x05Hello"), false)
	f.Add([]byte("\x82\xfe\x01\x00mask"), true)
	f.Fuzz(func(t *testing.T, b []byte, up bool) {
		p := &protocol.Peek{Data: b, Dir: protocol.ToClient, Over: protocol.TCP, After: "http", End: true}
		if up {
			p.Dir = protocol.ToServer
		}
		probe(p)
	})
}

func TestStream(t *testing.T) {
	s := Parser().New()
	var c protocol.Context
	if n, st := s.Feed(&c, protocol.ToClient, []byte("\x81\x05Hello")); n != 7 || st != protocol.Done {
		t.Errorf("%d, %v", n, st)
	}
	if s.Gap(&c, protocol.ToClient, 3) != protocol.Done {
		t.Error("goes on after a gap")
	}
	s.End(&c)
	s.Reset()
}
