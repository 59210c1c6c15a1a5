package http

import (
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// encoder writes every event as the output would.
type encoder struct {
	opts   eve.Options
	buf    []byte
	events int
}

func (e *encoder) Observe(o *protocol.Observation) {
	if o.Event != "" {
		e.buf = o.Detail.AppendEVE(e.buf[:0], &e.opts)
		e.events++
	}
}

var (
	typicalGet = []byte("GET /v1/packages/index.json?channel=stable HTTP/1.1\r\nHost: updates.acme.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nReferer: http://updates.acme.example/\r\nCookie: session=0123456789abcdef\r\n\r\n")
	typicalOK = []byte("HTTP/1.1 200 OK\r\nDate: Mon, 02 Mar 2026 10:15:04 GMT\r\nServer: nginx/1.26\r\nContent-Type: application/json\r\nContent-Length: 40\r\nLast-Modified: Mon, 02 Mar 2026 09:00:00 GMT\r\n" +
		"Connection: keep-alive\r\nCache-Control: max-age=60\r\nETag: \"65e2\"\r\n\r\n{\"packages\":[],\"next\":null,\"channel\":1}\n")
)

func BenchmarkTransaction(b *testing.B) {
	s := newStream(new(decoders))
	e := &encoder{}
	c := &protocol.Context{Sink: e, Over: protocol.TCP}
	b.ReportAllocs()
	for b.Loop() {
		s.Feed(c, protocol.ToServer, typicalGet)
		s.Feed(c, protocol.ToClient, typicalOK)
	}
	if e.events != 2*b.N {
		b.Fatalf("%d events in %d rounds", e.events, b.N)
	}
}

func BenchmarkFlow(b *testing.B) {
	s := newStream(new(decoders))
	e := &encoder{}
	c := &protocol.Context{Sink: e, Over: protocol.TCP}
	b.ReportAllocs()
	for b.Loop() {
		s.Feed(c, protocol.ToServer, typicalGet)
		s.Feed(c, protocol.ToClient, typicalOK)
		s.End(c)
		s.Reset()
	}
}

func BenchmarkProbe(b *testing.B) {
	p := &protocol.Peek{Data: typicalGet, Over: protocol.TCP, ServerPort: 80}
	other := &protocol.Peek{Data: []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), Over: protocol.TCP, ServerPort: 443}
	b.ReportAllocs()
	for b.Loop() {
		if probe(p) != protocol.Yes || probe(other) != protocol.No {
			b.Fatal("wrong")
		}
	}
}

func TestAllocs(t *testing.T) {
	s := newStream(new(decoders))
	e := &encoder{}
	c := &protocol.Context{Sink: e, Over: protocol.TCP}
	if n := testing.AllocsPerRun(200, func() {
		s.Feed(c, protocol.ToServer, typicalGet)
		s.Feed(c, protocol.ToClient, typicalOK)
	}); n != 0 {
		t.Errorf("%v allocations for a transaction", n)
	}
}
