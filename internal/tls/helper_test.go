package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	cryptotls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// chunk is what one side wrote at once.
type chunk struct {
	dir protocol.Dir
	b   []byte
}

// recorder is one end of a connection in memory that notes what is written to it. Writing never blocks.
type recorder struct {
	net.Conn // nil: only what crypto/tls calls is there
	dir      protocol.Dir
	log      *recording
	in, out  chan []byte
	rest     []byte
}

type recording struct {
	sync.Mutex
	chunks []chunk
}

func (r *recorder) Write(b []byte) (int, error) {
	r.log.Lock()
	r.log.chunks = append(r.log.chunks, chunk{r.dir, bytes.Clone(b)})
	r.log.Unlock()
	r.out <- bytes.Clone(b)
	return len(b), nil
}

func (r *recorder) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		r.rest = <-r.in
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// newLeaf makes a self-signed certificate for the given names.
func newLeaf(t testing.TB, subject pkix.Name, names ...string) cryptotls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x0c0099), Subject: subject,
		NotBefore: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2051, 6, 7, 8, 9, 10, 0, time.UTC),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return cryptotls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// handshake lets crypto/tls talk to itself, twice when the second connection shall resume the first, and returns
// what went over the last connection.
func handshake(t testing.TB, client, server *cryptotls.Config, times int) []chunk {
	t.Helper()
	var log *recording
	for range times {
		log = &recording{}
		up, down := make(chan []byte, 64), make(chan []byte, 64)
		c := cryptotls.Client(&recorder{dir: protocol.ToServer, log: log, in: down, out: up}, client)
		s := cryptotls.Server(&recorder{dir: protocol.ToClient, log: log, in: up, out: down}, server)
		errs := make(chan error, 1)
		go func() {
			_, err := s.Write([]byte("welcome"))
			if err == nil {
				_, err = io.ReadFull(s, make([]byte, len("bye")))
			}
			errs <- err
		}()
		if _, err := io.ReadFull(c, make([]byte, len("welcome"))); err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("bye"))
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	log.Lock()
	defer log.Unlock()
	return log.chunks
}

// notes is a Sink that writes down what it is given.
type notes struct {
	events []string // EVE sections
	facts  []string
	odd    []string
}

func (n *notes) Observe(o *protocol.Observation) {
	for _, f := range o.Facts {
		n.facts = append(n.facts, fmt.Sprintf("%d %d %s %s", f.Kind, f.Num, f.Text, f.Aux))
	}
	if o.Anomaly != "" {
		n.odd = append(n.odd, o.Anomaly)
	}
	if o.Event != "" {
		section := string(o.Detail.AppendEVE(nil, &eve.Options{}))
		if !json.Valid([]byte("{" + section + "}")) {
			panic("invalid JSON: " + section)
		}
		n.events = append(n.events, section)
	}
}

func (n *notes) String() string {
	return strings.Join(n.facts, "\n") + "\n" + strings.Join(n.events, "\n") + "\n" + strings.Join(n.odd, "\n")
}

// table feeds a stream as the flow table does.
type table struct {
	c      protocol.Context
	s      protocol.Stream
	unread [2][]byte
	need   [2]int
	skip   [2]int
	status protocol.Status
}

func newTable(s protocol.Stream, sink protocol.Sink) *table {
	return &table{c: protocol.Context{Over: protocol.TCP, Sink: sink}, s: s}
}

func (f *table) add(d protocol.Dir, b []byte) {
	if f.status != protocol.More {
		return
	}
	n := min(f.skip[d], len(b))
	f.skip[d] -= n
	f.unread[d] = append(f.unread[d], b[n:]...)
	if len(f.unread[d]) == 0 || len(f.unread[d]) < f.need[d] {
		return
	}
	f.c.Need = 0
	n, f.status = f.s.Feed(&f.c, d, f.unread[d])
	if n > len(f.unread[d]) {
		f.skip[d] = n - len(f.unread[d])
		n = len(f.unread[d])
	}
	f.need[d] = f.c.Need
	f.unread[d] = append([]byte(nil), f.unread[d][n:]...)
}

// lose is a gap of n bytes.
func (f *table) lose(d protocol.Dir, n int) {
	if f.status == protocol.More {
		f.unread[d], f.need[d], f.skip[d] = nil, 0, max(f.skip[d]-n, 0)
		f.status = f.s.Gap(&f.c, d, n)
	}
}

// run feeds chunks cut into segments of at most size bytes and returns what was observed.
func run(s protocol.Stream, chunks []chunk, size int) *notes {
	var n notes
	f := newTable(s, &n)
	for _, c := range chunks {
		for b := c.b; len(b) > 0; {
			k := min(size, len(b))
			f.add(c.dir, b[:k])
			b = b[k:]
		}
	}
	s.End(&f.c)
	s.Reset()
	return &n
}

func only(chunks []chunk, d protocol.Dir) (out []chunk) {
	for _, c := range chunks {
		if c.dir == d {
			out = append(out, c)
		}
	}
	return out
}

// hello is a builder of ClientHello messages.
type hello struct {
	version uint16
	ciphers []uint16
	exts    []ext
}

type ext struct {
	typ  uint16
	data []byte
}

func u16(v ...uint16) (b []byte) {
	for _, x := range v {
		b = append(b, byte(x>>8), byte(x))
	}
	return b
}

func vec8(b ...byte) []byte { return append([]byte{byte(len(b))}, b...) }

func vec16(b []byte) []byte { return append(u16(uint16(len(b))), b...) }

func sni(name string) ext {
	return ext{extServerName, vec16(append([]byte{0}, vec16([]byte(name))...))}
}

func alpn(names ...string) ext {
	var b []byte
	for _, n := range names {
		b = append(b, vec8([]byte(n)...)...)
	}
	return ext{extALPN, vec16(b)}
}

func (h hello) bytes() []byte {
	b := u16(h.version)
	b = append(b, make([]byte, 32)...)
	b = append(b, vec8()...)
	b = append(b, vec16(u16(h.ciphers...))...)
	b = append(b, vec8(0)...)
	var e []byte
	for _, x := range h.exts {
		e = append(e, u16(x.typ)...)
		e = append(e, vec16(x.data)...)
	}
	if h.exts != nil {
		b = append(b, vec16(e)...)
	}
	return append([]byte{typeClientHello, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

// record wraps a message into records of at most size bytes.
func record(msg []byte, size int) (out []byte) {
	for len(msg) > 0 {
		k := min(size, len(msg))
		out = append(out, recordHandshake, 3, 1)
		out = append(out, vec16(msg[:k])...)
		msg = msg[k:]
	}
	return out
}

// chrome is the hello of the README of JA4: t13d1516h2_8daaf6152771_e5627efa2ab1.
func chrome(name string) hello {
	return hello{version: 0x0303,
		ciphers: []uint16{0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
			0x009c, 0x009d, 0x002f, 0x0035},
		exts: []ext{{0x1a1a, nil}, sni(name), {0x0017, nil}, {0xff01, vec8()},
			{extSupportedGroups, vec16(u16(0x2a2a, 0x001d, 0x0017, 0x0018))}, {extPointFormats, vec8(0)}, {0x0023, nil},
			alpn("h2", "http/1.1"), {0x0005, []byte{1, 0, 0, 0, 0}},
			{extSignatureAlgs, vec16(u16(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601))},
			{0x0012, nil}, {0x0033, vec16(append(u16(0x2a2a), vec16([]byte{0})...))}, {0x002d, vec8(1)},
			{extSupportedVersions, vec8(u16(0x3a3a, 0x0304, 0x0303)...)}, {0x001b, vec8(0, 2)},
			{0x4469, vec16(vec8('h', '2'))}, {0x4a4a, []byte{0}}, {0x0015, make([]byte, 100)}},
	}
}

var rawName = pkix.Name{
	Country: []string{"US"}, Organization: []string{"Acme, Inc."}, CommonName: "www.example.com",
	ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "a@example.com"}},
}
