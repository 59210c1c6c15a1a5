package tls

import (
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// discard is a Sink that encodes events and throws them away.
type discard struct {
	buf    []byte
	encode bool
	opts   eve.Options
}

func (d *discard) Observe(o *protocol.Observation) {
	if d.encode && o.Event != "" {
		d.buf = o.Detail.AppendEVE(d.buf[:0], &d.opts)
	}
}

func TestNoAllocations(t *testing.T) {
	for _, version := range []uint16{0x0303, 0x0304} {
		client, server, _ := configs(t, version)
		chunks := handshake(t, client, server, 1)
		s := newStream(NewCache())
		c := protocol.Context{Sink: &discard{encode: true}}
		once := func() {
			for _, k := range chunks {
				if _, st := s.Feed(&c, k.dir, k.b); st != protocol.More {
					break
				}
			}
			s.End(&c)
			s.Reset()
		}
		once()
		if n := testing.AllocsPerRun(100, once); n != 0 {
			t.Errorf("%#x: %v allocations", version, n)
		}
	}
}

func BenchmarkClientHello(b *testing.B) {
	msg := record(chrome("www.example.com").bytes(), 16384)
	s := newStream(NewCache())
	c := protocol.Context{Sink: &discard{}}
	b.ReportAllocs()
	for b.Loop() {
		s.Feed(&c, protocol.ToServer, msg)
		s.Reset()
	}
}

func BenchmarkParseClientHello(b *testing.B) {
	msg := chrome("www.example.com").bytes()
	b.ReportAllocs()
	for b.Loop() {
		ParseClientHello(msg)
	}
}

// A client that permutes its extensions: no fingerprint is found in the cache.
func BenchmarkNewFingerprint(b *testing.B) {
	h, _ := ParseClientHello(chrome("www.example.com").bytes())
	key := h.appendKey(nil, OverTCP)
	b.ReportAllocs()
	for b.Loop() {
		newFingerprint(key)
	}
}

func BenchmarkHandshake(b *testing.B) {
	for name, version := range map[string]uint16{"TLS1.2": 0x0303, "TLS1.3": 0x0304} {
		b.Run(name, func(b *testing.B) {
			client, server, _ := configs(b, version)
			chunks := handshake(b, client, server, 1)
			s := newStream(NewCache())
			c := protocol.Context{Sink: &discard{}}
			b.ReportAllocs()
			for b.Loop() {
				for _, k := range chunks {
					if _, st := s.Feed(&c, k.dir, k.b); st != protocol.More {
						break
					}
				}
				s.End(&c)
				s.Reset()
			}
		})
	}
}

func BenchmarkEVE(b *testing.B) {
	client, server, _ := configs(b, 0x0303)
	chunks := handshake(b, client, server, 1)
	s := newStream(NewCache())
	c := protocol.Context{Sink: &discard{}}
	for _, k := range chunks {
		if _, st := s.Feed(&c, k.dir, k.b); st != protocol.More {
			break
		}
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = s.detail.AppendEVE(buf[:0], nil)
	}
	b.ReportMetric(float64(len(buf)), "B/event")
}

func BenchmarkProbe(b *testing.B) {
	p := protocol.Peek{Data: record(chrome("www.example.com").bytes(), 16384)}
	for b.Loop() {
		probe(&p)
	}
}
