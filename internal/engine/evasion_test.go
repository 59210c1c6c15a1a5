package engine

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	cryptotls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"netsensor/internal/dns"
	"netsensor/internal/eve"
	"netsensor/internal/http"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

// turn is what one side says before the other answers.
type turn struct {
	d protocol.Dir
	b []byte
}

type talk struct {
	name  string
	port  uint16
	turns []turn
}

// recorder is a connection that notes what is written to it.
type recorder struct {
	net.Conn
	d    protocol.Dir
	said *[]turn
}

func (r recorder) Write(b []byte) (int, error) {
	*r.said = append(*r.said, turn{r.d, bytes.Clone(b)})
	return r.Conn.Write(b)
}

// handshake records a real TLS 1.2 handshake. The pipe has no buffer, so the turns are in order.
func handshake(t *testing.T) []turn {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "www.example.com"}, DNSNames: []string{"www.example.com"},
		NotBefore: time.Unix(1.7e9, 0), NotAfter: time.Unix(1.8e9, 0),
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	var said []turn
	a, b := net.Pipe()
	server := cryptotls.Server(recorder{b, protocol.ToClient, &said}, &cryptotls.Config{
		Certificates: []cryptotls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MaxVersion: cryptotls.VersionTLS12,
	})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	client := cryptotls.Client(recorder{a, protocol.ToServer, &said}, &cryptotls.Config{
		ServerName: "www.example.com", InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"},
	})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_, _ = io.Closer(a).Close(), b.Close()
	return said
}

// message is a DNS message over TCP about www.example.com.
func message(response bool) []byte {
	name := "\x03www\x07example\x03com\x00"
	m := "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + "\x00\x01\x00\x01"
	if response {
		m = "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + name + "\x00\x01\x00\x01" + "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xcb\x00\x71\x07"
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...)
}

func talks(t *testing.T) []talk {
	post := "POST /a HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 11\r\n\r\nhello=world"
	get := "GET /b HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: acme/1.0\r\n\r\n"
	answer := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
	return []talk{
		{"tls", 443, handshake(t)},
		{"http", 80, []turn{{0, []byte(post + get)}, {1, []byte(answer)}}},
		{"dns", 53, []turn{{0, append(message(false), message(false)...)}, {1, append(message(true), message(true)...)}}},
	}
}

// piece is a part of a turn, from at.
type piece struct {
	at int
	b  []byte
}

// cut divides b at the given places.
func cut(b []byte, at ...int) (pieces []piece) {
	from := 0
	for _, to := range append(at, len(b)) {
		if to > from && to <= len(b) {
			pieces = append(pieces, piece{from, b[from:to]})
			from = to
		}
	}
	return pieces
}

func every(b []byte, n int) (pieces []piece) {
	var at []int
	for i := n; i < len(b); i += n {
		at = append(at, i)
	}
	return cut(b, at...)
}

func random(r *rand.Rand, b []byte) []piece {
	var at []int
	for i := 1 + r.IntN(40); i < len(b); i += 1 + r.IntN(90) {
		at = append(at, i)
	}
	return cut(b, at...)
}

// reach lets pieces reach into their neighbours: overlaps of identical bytes.
func reach(r *rand.Rand, b []byte, pieces []piece) []piece {
	out := slices.Clone(pieces)
	for i := range out {
		p := &out[i]
		from, to := max(p.at-r.IntN(30), 0), min(p.at+len(p.b)+r.IntN(30), len(b))
		*p = piece{from, b[from:to]}
	}
	return out
}

// way is one way of sending a turn.
type way struct {
	name string
	wire wire
	cut  func(r *rand.Rand, b []byte) []piece
}

func ways() []way {
	whole := func(_ *rand.Rand, b []byte) []piece { return every(b, 1400) }
	list := []way{
		{"whole", wire{}, whole},
		{"byte by byte", wire{}, func(_ *rand.Rand, b []byte) []piece { return every(b, 1) }},
		{"byte by byte, reversed", wire{}, func(_ *rand.Rand, b []byte) []piece {
			p := every(b, 1)
			slices.Reverse(p)
			return p
		}},
		{"reversed", wire{}, func(_ *rand.Rand, b []byte) []piece {
			p := every(b, 17)
			slices.Reverse(p)
			return p
		}},
		{"each segment twice", wire{}, func(_ *rand.Rand, b []byte) (twice []piece) {
			for _, p := range every(b, 50) {
				twice = append(twice, p, p)
			}
			return twice
		}},
		{"all of it again", wire{}, func(_ *rand.Rand, b []byte) []piece {
			p := every(b, 100)
			return append(p, p...)
		}},
		{"growing from the start", wire{}, func(_ *rand.Rand, b []byte) (p []piece) {
			for n := 10; n < len(b)+10; n += 10 {
				p = append(p, piece{0, b[:min(n, len(b))]})
			}
			return p
		}},
	}
	for i := range 40 {
		list = append(list, way{fmt.Sprint("random ", i), wire{}, func(r *rand.Rand, b []byte) []piece {
			p := random(r, b)
			if i%2 == 1 {
				p = reach(r, b, p)
			}
			if i%3 != 0 {
				r.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
			}
			return p
		}})
	}
	for _, w := range []struct {
		name string
		wire wire
	}{
		{"VLAN", wire{vlans: []uint16{5}}}, {"QinQ", wire{vlans: []uint16{5, 6}}}, {"VXLAN", wire{vxlan: true}},
		{"VLAN in VXLAN", wire{vlans: []uint16{5}, vxlan: true}}, {"IPv6", wire{v6: true}}, {"IPv6 in VXLAN", wire{v6: true, vxlan: true}},
		{"fragments", wire{fragment: 24}}, {"fragments, reversed", wire{fragment: 8, reverse: true}},
		{"fragments of IPv6", wire{v6: true, fragment: 24}}, {"fragments of IPv6, reversed", wire{v6: true, fragment: 64, reverse: true}},
		{"fragments in a VLAN in VXLAN", wire{fragment: 40, vlans: []uint16{9}, vxlan: true}},
	} {
		list = append(list, way{w.name, w.wire, whole}, way{w.name + ", cut", w.wire, random})
	}
	return list
}

// TestEvasion sends the same conversations in every segmentation, order, overlap, fragmentation and encapsulation that
// a real stack would put together: what is found is the same, and so is what the judge sees.
func TestEvasion(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tk := range talks(t) {
		t.Run(tk.name, func(t *testing.T) {
			list := ways()
			for i := 1; i < min(len(tk.turns[0].b), 300); i++ {
				list = append(list, way{fmt.Sprint("cut at ", i), wire{}, func(_ *rand.Rand, b []byte) []piece { return cut(b, i) }},
					way{fmt.Sprint("cut at ", i, ", reversed"), wire{}, func(_ *rand.Rand, b []byte) []piece {
						p := cut(b, i)
						slices.Reverse(p)
						return p
					}})
			}
			var want []string
			for n, w := range list {
				got := w.play(t, r, &tk, uint16(1024+n))
				if n == 0 {
					want = got
					if len(got) < 2 {
						t.Fatalf("found only %q", got)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%s: got\n%q, want\n%q", w.name, got, want)
				}
			}
		})
	}
}

// play sends the conversation and returns what is found in it.
func (y *way) play(t *testing.T, r *rand.Rand, tk *talk, port uint16) (found []string) {
	w := y.wire
	next := [2]uint32{r.Uint32(), r.Uint32()}
	if r.IntN(2) == 0 {
		next[0] = -uint32(r.IntN(300)) // wraps
	}
	w.tcp(0, port, tk.port, packet.SYN, next[0]-1, 0, nil)
	w.tcp(1, port, tk.port, packet.SYN|packet.ACK, next[1]-1, next[0], nil)
	w.tcp(0, port, tk.port, packet.ACK, next[0], next[1], nil)
	for _, tu := range tk.turns {
		o := tu.d.Reverse()
		for _, p := range y.cut(r, tu.b) {
			w.tcp(tu.d, port, tk.port, packet.PSH|packet.ACK, next[tu.d]+uint32(p.at), next[o], p.b)
		}
		next[tu.d] += uint32(len(tu.b))
		w.tcp(o, port, tk.port, packet.ACK, next[o], next[tu.d], nil)
	}
	w.tcp(0, port, tk.port, packet.FIN|packet.ACK, next[0], next[1], nil)
	w.tcp(1, port, tk.port, packet.FIN|packet.ACK, next[1], next[0]+1, nil)
	w.tcp(0, port, tk.port, packet.ACK, next[0]+1, next[1]+1, nil)

	judge := &notary{}
	cfg := Config{
		Parsers: func() []protocol.Parser {
			return []protocol.Parser{tls.Parser(), http.Parser(), dns.Parser()}
		},
		Judge: judge, Watched: func(_, _ netip.Addr) bool { return true }, CheckChecksums: true,
	}
	cfg.Flows.MaxFlows = 16 * 16
	lines, _ := replay(t, cfg, w.frames)
	if n := len(events(t, lines, "anomaly")); n > 0 {
		t.Fatalf("%s: %d anomalies: %q", y.name, n, lines)
	}
	client, _ := w.ends()
	text := string(new(eve.Options).AppendAddr(nil, client))
	for _, typ := range []string{"tls", "http", "dns", "fileinfo"} {
		for _, e := range events(t, lines, typ) {
			found = append(found, essence(e, text))
		}
	}
	if len(judge.ended) != 1 {
		t.Fatalf("%s: %d conversations", y.name, len(judge.ended))
	}
	c := &judge.ended[0]
	return append(found, fmt.Sprintf("%s %v %+v gap %v established %v", c.App, c.Names, c.TLS, c.Gap, c.Established))
}
