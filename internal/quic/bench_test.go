package quic

import (
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

// discard is a Sink that throws everything away.
type discard struct{ buf []byte }

func (d *discard) Observe(o *protocol.Observation) {
	if o.Event != "" {
		d.buf = o.Detail.AppendEVE(d.buf[:0], nil)
	}
}

func BenchmarkConnection(b *testing.B) {
	id := unhex(b, dcid)
	one := initialPacket(b, version1, id, id, nil, "client in", 0, pad(cryptoFrame(frameCrypto, 0, unhex(b, clientHello))))
	two := initialPacket(b, version1, id, nil, id, "server in", 0, cryptoFrame(frameCrypto, 0, unhex(b, serverHello)))
	s := newStream(tls.NewCache())
	c := protocol.Context{Sink: &discard{}}
	b.ReportAllocs()
	for b.Loop() {
		s.Feed(&c, protocol.ToServer, one)
		s.Feed(&c, protocol.ToClient, two)
		s.End(&c)
		s.Reset()
	}
}

func BenchmarkOpen(b *testing.B) {
	id := unhex(b, dcid)
	packet := initialPacket(b, version1, id, id, nil, "client in", 0, pad(nil))
	k := clientKeys(version1, id)
	h, _ := parseLongHeader(packet)
	var plain, header []byte
	b.ReportAllocs()
	for b.Loop() {
		plain, header, _ = k.open(plain[:0], header[:0], packet, h.pn)
	}
}

// Datagrams of other protocols must cost next to nothing.
func BenchmarkProbeOthers(b *testing.B) {
	peeks := []protocol.Peek{
		{Data: unhex(b, "1a2b010000010000000000000377777707657861")}, // DNS
		{Data: unhex(b, "80600001000000010000000a5a5a5a5a5a5a5a5a")}, // RTP
		{Data: unhex(b, "e3000cfa0001000000000000000000000000")},     // NTP
		{Data: unhex(b, "16fefd000000000000000000400100003400")},     // DTLS
	}
	for b.Loop() {
		for i := range peeks {
			if probe(&peeks[i]) != protocol.No {
				b.Fatal(i)
			}
		}
	}
}
