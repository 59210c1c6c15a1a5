package tls

import (
	"fmt"
	"math/rand/v2"
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

// A client that permutes its extensions: the hello as a whole is never in the cache.
func BenchmarkPermutedFingerprint(b *testing.B) {
	permuted(b, func(f *Fingerprint, buf []byte) []byte {
		return f.appendALPN(f.AppendJA4(f.AppendJA3(buf)))
	})
}

// What the member client_handshake costs beyond that.
func BenchmarkPermutedHandshake(b *testing.B) {
	permuted(b, func(f *Fingerprint, buf []byte) []byte {
		return f.appendHandshake(f.appendALPN(f.AppendJA4(f.AppendJA3(buf))))
	})
}

func permuted(b *testing.B, write func(*Fingerprint, []byte) []byte) {
	r := rand.New(rand.NewPCG(1, 2))
	hellos := make([]ClientHello, 256)
	for i := range hellos {
		c := chrome("www.example.com")
		r.Shuffle(len(c.exts), func(i, j int) { c.exts[i], c.exts[j] = c.exts[j], c.exts[i] })
		hellos[i], _ = ParseClientHello(c.bytes())
	}
	cache, buf, n := NewCache(), []byte(nil), 0
	var f Fingerprint
	b.ReportAllocs()
	for b.Loop() {
		f.Set(cache, &hellos[n%len(hellos)], OverTCP)
		buf = write(&f, buf[:0])
		if n++; n%len(hellos) == 0 {
			clear(cache.shapes[:]) // all have been seen: make them new again
		}
	}
}

func BenchmarkCachedFingerprint(b *testing.B) {
	h, _ := ParseClientHello(chrome("www.example.com").bytes())
	cache, buf := NewCache(), []byte(nil)
	var f Fingerprint
	b.ReportAllocs()
	for b.Loop() {
		f.Set(cache, &h, OverTCP)
		buf = f.appendALPN(f.AppendJA4(f.AppendJA3(buf[:0])))
	}
}

func BenchmarkCachedCertificate(b *testing.B) {
	names := make([]string, 150)
	for i := range names {
		names[i] = fmt.Sprintf("host-%d.department.example.com", i)
	}
	der := newLeaf(b, rawName, names...).Certificate[0]
	cache := NewCache()
	for b.Loop() {
		cache.Certificate(der)
	}
	b.ReportMetric(float64(len(der)), "B/cert")
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

// An event whose parts are all in the cache.
func BenchmarkEVE(b *testing.B) {
	client, server, _ := configs(b, 0x0303)
	chunks := handshake(b, client, server, 1)
	s := newStream(NewCache())
	c := protocol.Context{Sink: &discard{encode: true}}
	for range 3 {
		s.Reset()
		for _, k := range chunks {
			if _, st := s.Feed(&c, k.dir, k.b); st != protocol.More {
				break
			}
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
