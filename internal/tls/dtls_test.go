package tls

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

// dtls turns a TLS handshake message into DTLS records with fragments of at most size bytes.
func dtls(msg []byte, seq uint16, size int) (out [][]byte) {
	body := msg[4:]
	for at := 0; at == 0 || at < len(body); at += size {
		part := body[at:min(at+size, len(body))]
		f := append([]byte{msg[0]}, msg[1:4]...)
		f = binary.BigEndian.AppendUint16(f, seq)
		f = append(f, byte(at>>16), byte(at>>8), byte(at), 0, byte(len(part)>>8), byte(len(part)))
		f = append(f, part...)
		r := append([]byte{recordHandshake, 0xfe, 0xff}, make([]byte, 8)...)
		out = append(out, append(append(r, u16(uint16(len(f)))...), f...))
	}
	return out
}

// dtlsHello is a ClientHello of DTLS 1.2: with a cookie after the session id.
func dtlsHello(name string) []byte {
	b := hello{version: 0xfefd, ciphers: []uint16{0xc02b, 0xc02f}, exts: []ext{sni(name), alpn("webrtc")}}.bytes()
	b = append(b[:39:39], append(vec8(1, 2, 3), b[39:]...)...)
	b[3] += 4
	return b
}

func message(typ byte, body []byte) []byte {
	return append([]byte{typ, 0, byte(len(body) >> 8), byte(len(body))}, body...)
}

func dtlsServer(t testing.TB) [][]byte {
	leaf := newLeaf(t, rawName, "dtls.example").Certificate[0]
	hello := append(u16(0xfefd), make([]byte, 32)...)
	hello = append(hello, vec8()...)
	hello = append(hello, 0xc0, 0x2b, 0)
	cert := append([]byte{0, byte(len(leaf) >> 8), byte(len(leaf))}, leaf...)
	cert = append([]byte{0, byte(len(cert) >> 8), byte(len(cert))}, cert...)
	return [][]byte{message(typeServerHello, hello), message(typeCertificate, cert), message(typeServerHelloDone, nil)}
}

func TestDTLS(t *testing.T) {
	server := dtlsServer(t)
	rng := rand.New(rand.NewPCG(1, 2))
	var want string
	for _, size := range []int{1 << 14, 100, 33} {
		for range 3 {
			var n notes
			s := newDatagrams(NewCache())
			c := protocol.Context{Over: protocol.UDP, Sink: &n}
			feed := func(d protocol.Dir, records [][]byte) (st protocol.Status) {
				if size < 1<<14 {
					rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
				}
				for _, r := range append(records, records[0]) {
					if _, st = s.Feed(&c, d, r); st != protocol.More {
						return st
					}
				}
				return st
			}
			feed(protocol.ToServer, dtls(dtlsHello("dtls.example"), 0, size))
			feed(protocol.ToClient, dtls(message(typeHelloVerifyRequest, []byte{0xfe, 0xff, 1, 9}), 0, size))
			feed(protocol.ToServer, dtls(dtlsHello("dtls.example"), 1, size))
			feed(protocol.ToClient, dtls(server[0], 1, size))
			feed(protocol.ToClient, dtls(server[1], 2, size))
			if st := feed(protocol.ToClient, dtls(server[2], 3, size)); st != protocol.Done {
				t.Errorf("size %d: status %d", size, st)
			}
			s.End(&c)
			e := n.event(t)
			contains(t, e, subjectOfLeaf, `"sni":"dtls.example"`, `"version":"DTLS 1.2"`, `"ja4":"dd2d0202wc_`)
			has(t, &n, protocol.NameSNI, 0, "dtls.example")
			has(t, &n, protocol.TLSVersion, 0xfefd, "")
			if want == "" {
				want = n.events[0][strings.Index(n.events[0], `"ja3"`):]
			}
			if !strings.HasSuffix(e, want) {
				t.Errorf("size %d:\n%s", size, e)
			}
		}
	}
}

func TestProbeDTLS(t *testing.T) {
	hello := dtls(dtlsHello("x.example"), 0, 1<<14)[0]
	app := append([]byte{recordApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 40}, make([]byte, 40)...)
	for name, c := range map[string]struct {
		b    []byte
		want protocol.Match
	}{
		"hello":             {hello, protocol.Yes},
		"cut hello":         {hello[:20], protocol.No},
		"application":       {append(app, app...), protocol.Yes},
		"application, tail": {append(app, 0), protocol.No},
		"epoch 0":           {append([]byte{23, 0xfe, 0xfd, 0, 0}, app[5:]...), protocol.No},
		"dns":               {[]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x00"), protocol.No},
		"nothing":           {nil, protocol.No},
	} {
		if got := probeDTLS(&protocol.Peek{Data: c.b, Over: protocol.UDP}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Whatever the order, the overlaps and the repetitions, the bytes come out as they were.
func TestAssembler(t *testing.T) {
	want := make([]byte, 3000)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	for range 200 {
		var a Assembler
		var got []byte
		for range 5000 {
			at := max(0, rng.IntN(len(want)+300)-300)
			end := min(len(want), at+1+rng.IntN(400))
			if got = a.Add(at, want[at:end]); !bytes.Equal(got, want[:len(got)]) {
				t.Fatal("wrong bytes")
			}
			if len(got) == len(want) {
				break
			}
		}
		if len(got) != len(want) {
			t.Fatalf("only %d bytes", len(got))
		}
	}
	var a Assembler
	a.Add(10, []byte("first"))
	if got := a.Add(0, []byte("0123456789secondlast")); string(got) != "0123456789firstdlast" {
		t.Errorf("%q", got)
	}
	if got := a.Add(1<<20, []byte("x")); len(got) != 20 || cap(a.buf) > 1<<10 {
		t.Errorf("far ahead: %d, %d", len(got), cap(a.buf))
	}
}

func FuzzDTLS(f *testing.F) {
	for _, msg := range append(dtlsServer(f), dtlsHello("x.example")) {
		f.Add(dtls(msg, 0, 1<<14)[0])
	}
	s := newDatagrams(NewCache())
	f.Fuzz(func(t *testing.T, b []byte) {
		var n notes
		c := protocol.Context{Over: protocol.UDP, Sink: &n}
		probeDTLS(&protocol.Peek{Data: b, Over: protocol.UDP})
		s.Feed(&c, protocol.ToServer, b)
		s.Feed(&c, protocol.ToClient, b[len(b)/2:])
		s.End(&c)
		s.Reset()
	})
}
