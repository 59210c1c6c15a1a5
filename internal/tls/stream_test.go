package tls

import (
	"bytes"
	"crypto/sha256"
	cryptotls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

func configs(t testing.TB, version uint16) (client, server *cryptotls.Config, leaf cryptotls.Certificate) {
	leaf = newLeaf(t, rawName, "www.example.com", "*.example.net", "192.0.2.1", "2001:db8::1")
	client = &cryptotls.Config{
		ServerName: "www.example.com", InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
		NextProtos: []string{"h2", "http/1.1"}, ClientSessionCache: cryptotls.NewLRUClientSessionCache(4),
	}
	server = &cryptotls.Config{
		Certificates: []cryptotls.Certificate{leaf}, MinVersion: version, MaxVersion: version, NextProtos: []string{"http/1.1"},
	}
	return client, server, leaf
}

func has(t *testing.T, n *notes, kind protocol.FactKind, num int64, text string) {
	t.Helper()
	want := fmt.Sprintf("%d %d %s ", kind, num, text)
	for _, f := range n.facts {
		if strings.HasPrefix(f, want) {
			return
		}
	}
	t.Errorf("no fact %q in\n%s", want, strings.Join(n.facts, "\n"))
}

func contains(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("no %s in\n%s", p, s)
		}
	}
}

// event returns the only event.
func (n *notes) event(t *testing.T) string {
	t.Helper()
	if len(n.events) != 1 {
		t.Fatalf("%d events:\n%s", len(n.events), n)
	}
	return n.events[0]
}

const subjectOfLeaf = `"subject":"C=US, O=Acme, Inc., CN=www.example.com, Email=a@example.com"`

// Every version, and any cut of the same bytes gives the same observations.
func TestHandshakes(t *testing.T) {
	for version, name := range map[uint16]string{0x0301: "TLSv1", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"} {
		client, server, leaf := configs(t, version)
		chunks := handshake(t, client, server, 1)
		s := newStream(NewCache())
		n := run(s, chunks, 1<<20)
		e := n.event(t)
		contains(t, e, `"sni":"www.example.com"`, `"version":"`+name+`"`, `"ja3":{"hash":"`, `"ja3s":{`, `"ja4":"t1`,
			`"client_alpns":["h2","http/1.1"]`, `"client_handshake":{"version":"`+name+`"`, `"server_handshake":{`)
		has(t, n, protocol.NameSNI, 0, "www.example.com")
		has(t, n, protocol.ALPN, 1, "http/1.1")
		has(t, n, protocol.TLSVersion, int64(version), "")
		has(t, n, protocol.Encrypted, 0, "")
		if version < 0x0304 {
			contains(t, e, subjectOfLeaf, `"serial":"0C:00:99"`, `"notbefore":"2020-01-02T03:04:05","notafter":"2051-06-07T08:09:10"`,
				`"subjectaltname":["www.example.com","*.example.net","192.0.2.1","2001:db8::1"]`, `"server_alpns":["http/1.1"]`)
			has(t, n, protocol.NameCert, 0, "*.example.net")
			has(t, n, protocol.NameCert, 0, "2001:db8::1")
			has(t, n, protocol.ALPN, 0, "http/1.1")
			cert, _ := x509.ParseCertificate(leaf.Certificate[0])
			sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
			has(t, n, protocol.CertSPKI, 0, hex.EncodeToString(sum[:]))
		}
		if strings.Contains(e, "session_resumed") || strings.Contains(e, `"client":`) || len(n.odd) > 0 {
			t.Errorf("%s: %s", name, n)
		}
		for _, size := range []int{1, 2, 3, 7, 100, 1000} {
			cut := run(s, chunks, size)
			if cut.event(t) != e || strings.Join(cut.facts, "\n") != strings.Join(n.facts, "\n") {
				t.Errorf("%s in segments of %d bytes:\n%s\nwant\n%s", name, size, cut, n)
			}
		}
	}
}

func TestDone(t *testing.T) {
	for _, version := range []uint16{0x0303, 0x0304} {
		client, server, _ := configs(t, version)
		chunks := handshake(t, client, server, 1)
		f := newTable(newStream(NewCache()), &notes{})
		for i, c := range chunks {
			if f.add(c.dir, c.b); f.status == protocol.Done {
				if i > 3 {
					t.Errorf("%#x: done only after %d writes", version, i)
				}
				break
			}
		}
		if f.status != protocol.Done {
			t.Errorf("%#x: never done", version)
		}
	}
}

func TestResumption(t *testing.T) {
	for _, version := range []uint16{0x0302, 0x0303, 0x0304} {
		client, server, _ := configs(t, version)
		chunks := handshake(t, client, server, 2)
		n := run(newStream(NewCache()), chunks, 500)
		contains(t, n.event(t), `"session_resumed":true,"sni":"www.example.com"`)
		has(t, n, protocol.Resumed, 0, "")
	}
}

func TestClientCertificate(t *testing.T) {
	for _, version := range []uint16{0x0301, 0x0303} {
		client, server, _ := configs(t, version)
		client.Certificates = []cryptotls.Certificate{newLeaf(t, pkix.Name{CommonName: "device 7"})}
		server.ClientAuth = cryptotls.RequireAnyClientCert
		chunks := handshake(t, client, server, 1)
		for _, size := range []int{1, 1 << 20} {
			n := run(newStream(NewCache()), chunks, size)
			contains(t, n.event(t), subjectOfLeaf, `"client":{"subject":"CN=device 7","issuerdn":"CN=device 7","fingerprint":"`)
			has(t, n, protocol.ClientCert, 0, "CN=device 7")
		}
		// The client declines.
		client.Certificates = nil
		server.ClientAuth = cryptotls.RequestClientCert
		n := run(newStream(NewCache()), handshake(t, client, server, 1), 100)
		if e := n.event(t); strings.Contains(e, `"client":`) {
			t.Error(e)
		}
	}
}

func TestHelloRetryRequest(t *testing.T) {
	client, server, _ := configs(t, 0x0304)
	client.CurvePreferences = []cryptotls.CurveID{cryptotls.X25519, cryptotls.CurveP384}
	server.CurvePreferences = []cryptotls.CurveID{cryptotls.CurveP384}
	chunks := handshake(t, client, server, 1)
	for _, size := range []int{1, 100, 1 << 20} {
		n := run(newStream(NewCache()), chunks, size)
		contains(t, n.event(t), `"version":"TLS 1.3"`, `"ja3s":`)
	}
}

func TestOneSided(t *testing.T) {
	for _, version := range []uint16{0x0301, 0x0303, 0x0304} {
		client, server, _ := configs(t, version)
		chunks := handshake(t, client, server, 1)
		for _, size := range []int{3, 1 << 20} {
			n := run(newStream(NewCache()), only(chunks, protocol.ToServer), size)
			contains(t, n.event(t), `"sni":"www.example.com","version":"TLS`)
			n = run(newStream(NewCache()), only(chunks, protocol.ToClient), size)
			contains(t, n.event(t), `"ja3s":`)
			if version < 0x0304 {
				contains(t, n.event(t), subjectOfLeaf)
			}
		}
		// Roles inferred the wrong way round.
		var turned []chunk
		for _, c := range chunks {
			turned = append(turned, chunk{c.dir.Reverse(), c.b})
		}
		want, got := run(newStream(NewCache()), chunks, 50), run(newStream(NewCache()), turned, 50)
		if want.String() != got.String() {
			t.Errorf("%#x turned round:\n%s\nwant\n%s", version, got, want)
		}
		// The server's bytes captured before the client's.
		late := append(only(chunks, protocol.ToClient)[:1:1], only(chunks, protocol.ToServer)...)
		n := run(newStream(NewCache()), late, 1<<20)
		contains(t, n.event(t), `"sni":"www.example.com"`, `"ja3s":`)
	}
}

// Hellos of post-quantum size, and hellos cut into records of any size.
func TestSplitHello(t *testing.T) {
	h := chrome("split.example")
	h.exts = append(h.exts, ext{0x5500, make([]byte, 40000)})
	for _, size := range []int{1, 2, 5, 100, 16384} {
		for _, segment := range []int{1460, 1 << 20} {
			n := run(newStream(NewCache()), []chunk{{protocol.ToServer, record(h.bytes(), size)}}, segment)
			contains(t, n.event(t), `"sni":"split.example"`, `"ja4":"t13d1517h2_8daaf6152771_`)
		}
	}
	h.exts[len(h.exts)-1].data = make([]byte, 65000)
	n := run(newStream(NewCache()), []chunk{{protocol.ToServer, record(h.bytes(), 16384)}}, 1<<20)
	if len(n.odd) != 0 || len(n.events) != 1 {
		t.Errorf("65 kB: %v", n.odd)
	}
}

// Of a hello whose end never comes, the name counts nevertheless.
func TestPartialHello(t *testing.T) {
	b := record(chrome("cut.example").bytes(), 16384)
	n := run(newStream(NewCache()), []chunk{{protocol.ToServer, b[:150]}}, 1<<20)
	contains(t, n.event(t), `"tls":{"sni":"cut.example","version":"UNDETERMINED"}`)
	has(t, n, protocol.NameSNI, 0, "cut.example")

	var gap notes
	f := newTable(newStream(NewCache()), &gap)
	f.add(protocol.ToServer, b[:150])
	if st := f.s.Gap(&f.c, protocol.ToServer, 100); st != protocol.More {
		t.Errorf("status %v", st)
	}
	has(t, &gap, protocol.NameSNI, 0, "cut.example")
}

// A gap on one side must not cost the other.
func TestGap(t *testing.T) {
	client, server, _ := configs(t, 0x0303)
	chunks := handshake(t, client, server, 1)
	var n notes
	f := newTable(newStream(NewCache()), &n)
	f.s.Gap(&f.c, protocol.ToServer, 0)
	for _, c := range only(chunks, protocol.ToClient) {
		f.add(c.dir, c.b)
	}
	f.add(protocol.ToServer, []byte("anything goes"))
	f.s.End(&f.c)
	contains(t, n.event(t), subjectOfLeaf)
}

// After a gap, records are read again from the first segment that begins with one; a segment that does not, or that
// only looks like it, is passed over.
func TestResynchronise(t *testing.T) {
	client, server, _ := configs(t, 0x0303)
	var hello, rest []byte // the server's flight, one record a message, cut within the ServerHello
	for _, c := range only(handshake(t, client, server, 1), protocol.ToClient) {
		rest = append(rest, c.b...)
	}
	size := recordHeader + int(rest[3])<<8 + int(rest[4])
	hello, rest = rest[:size], rest[size:]
	for name, junk := range map[string][]byte{
		"record next":   nil,
		"rest of lost":  hello[60:],
		"not a message": {recordHandshake, 3, 3, 0, 40, 99, 1, 2, 3, 4},
		"false record":  append([]byte{recordApplicationData, 3, 3, 0, 20}, make([]byte, 30)...),
		"short":         {recordHandshake, 3},
	} {
		var n notes
		f := newTable(newStream(NewCache()), &n)
		f.add(protocol.ToServer, record(chrome("www.example.com").bytes(), 16384))
		f.add(protocol.ToClient, hello[:20])
		f.lose(protocol.ToClient, 40)
		if junk != nil {
			f.add(protocol.ToClient, junk)
		}
		f.add(protocol.ToClient, rest)
		f.s.End(&f.c)
		contains(t, n.event(t), subjectOfLeaf, `"sni":"www.example.com"`)
		if len(n.odd) > 0 {
			t.Errorf("%s: %v", name, n.odd)
		}
	}
}

// A direction in which no record begins is not searched for ever.
func TestLostForGood(t *testing.T) {
	var n notes
	f := newTable(newStream(NewCache()), &n)
	f.s.Gap(&f.c, protocol.ToServer, 0)
	f.s.Gap(&f.c, protocol.ToClient, 0)
	segments := 0
	for f.status == protocol.More && segments < 1000 {
		f.add(protocol.Dir(segments%2), []byte("no record is here"))
		segments++
	}
	if f.status != protocol.Done || segments > 2*maxMisses {
		t.Errorf("status %v after %d segments", f.status, segments)
	}
}

// A hello that looks otherwise after a HelloRetryRequest: both are told, but no more.
func TestSecondHello(t *testing.T) {
	first := chrome("www.example.com")
	second := first
	second.exts = second.exts[:len(second.exts)-1]
	third := second
	third.exts = third.exts[:len(third.exts)-1]
	retry := append(append(u16(0x0303), helloRetryRandom...), 0, 0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4)
	chunks := []chunk{
		{protocol.ToServer, record(first.bytes(), 16384)},
		{protocol.ToClient, record(append([]byte{typeServerHello, 0, 0, byte(len(retry))}, retry...), 16384)},
		{protocol.ToServer, record(second.bytes(), 16384)},
		{protocol.ToServer, record(third.bytes(), 16384)},
	}
	for _, size := range []int{7, 1 << 20} {
		n := run(newStream(NewCache()), chunks, size)
		if len(n.events) != 2 {
			t.Fatalf("%d events", len(n.events))
		}
		contains(t, n.events[0], `"version":"TLS 1.3"`, `"ja4":"`+fingerprint(t, first, OverTCP).JA4)
		contains(t, n.events[1], `"version":"TLS 1.3"`, `"ja4":"`+fingerprint(t, third, OverTCP).JA4)
		if names := strings.Count(n.String(), "www.example.com"); names != 3 { // a fact and two events
			t.Errorf("the name comes %d times", names)
		}
	}
	same := append(slices.Clone(chunks[:2]), chunks[0])
	if n := run(newStream(NewCache()), same, 1<<20); len(n.events) != 1 {
		t.Errorf("%d events of the same hello", len(n.events))
	}
}

func TestMidstream(t *testing.T) {
	b := append([]byte{recordApplicationData, 3, 3, 0, 40}, make([]byte, 40)...)
	b = append(b, b...)
	var n notes
	f := newTable(newStream(NewCache()), &n)
	f.add(protocol.ToServer, b)
	if f.status != protocol.More {
		t.Fatalf("status %v", f.status)
	}
	f.add(protocol.ToClient, b[:20])
	if f.status != protocol.Done {
		t.Fatalf("status %v", f.status)
	}
	f.s.End(&f.c)
	has(t, &n, protocol.Encrypted, 0, "")
	if len(n.events)+len(n.odd) > 0 || len(n.facts) != 1 {
		t.Error(n.String())
	}
}

// A capture that begins with the server's certificate.
func TestCertificateAlone(t *testing.T) {
	leaf := newLeaf(t, rawName, "www.example.com").Certificate[0]
	cert := append([]byte{0, byte(len(leaf) >> 8), byte(len(leaf))}, leaf...)
	msg := append([]byte{typeCertificate, 0, byte((len(cert) + 3) >> 8), byte(len(cert) + 3), 0, byte(len(cert) >> 8), byte(len(cert))}, cert...)
	n := run(newStream(NewCache()), []chunk{{protocol.ToClient, record(msg, 100)}}, 1<<20)
	contains(t, n.event(t), subjectOfLeaf, `"version":"UNDETERMINED"`)
	has(t, n, protocol.NameCert, 0, "www.example.com")
}

func TestAnomalies(t *testing.T) {
	good := record(chrome("www.example.com").bytes(), 16384)
	bad := bytes.Clone(good)
	bad[5+4+2+32+1+1]++ // an odd number of bytes of cipher suites
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"type":      {append(bytes.Clone(good), "HTTP/1.1 400 Bad Request\r\n"...), "invalid_record_type"},
		"version":   {append(bytes.Clone(good), 22, 2, 0, 0, 1, 0), "invalid_record_version"},
		"length":    {append(bytes.Clone(good), 22, 3, 3, 0xff, 0xff, 0), "invalid_record_length"},
		"handshake": {bad, "invalid_handshake_message"},
		"too large": {[]byte{22, 3, 3, 0, 10, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0}, "invalid_handshake_message"},
	} {
		n := run(newStream(NewCache()), []chunk{{protocol.ToServer, c.b}}, 1<<20)
		if len(n.odd) != 1 || n.odd[0] != c.want {
			t.Errorf("%s: %v", name, n.odd)
		}
		if name != "too large" {
			n.event(t)
		}
	}
}

func sslv2Hello(version uint16) []byte {
	b := append([]byte{1}, u16(version, 6, 0, 16)...)
	b = append(b, 1, 0, 0x80, 0, 0, 0x2f)
	b = append(b, make([]byte, 16)...)
	return append([]byte{0x80, byte(len(b))}, b...)
}

func TestSSLv2(t *testing.T) {
	leaf := newLeaf(t, rawName, "old.example").Certificate[0]
	reply := append([]byte{4, 0, 1, 0, 2}, u16(uint16(len(leaf)), 3, 16)...)
	reply = append(append(append(reply, leaf...), 1, 0, 0x80), make([]byte, 16)...)
	reply = append(u16(0x8000|uint16(len(reply))), reply...)
	for _, size := range []int{1, 1 << 20} {
		n := run(newStream(NewCache()), []chunk{{protocol.ToServer, sslv2Hello(2)}, {protocol.ToClient, reply}}, size)
		contains(t, n.event(t), `"version":"SSLv2"`, subjectOfLeaf)
	}
	// A hello that all versions understand, answered by TLS 1.0.
	client, server, _ := configs(t, 0x0301)
	chunks := handshake(t, client, server, 1)
	n := run(newStream(NewCache()), append([]chunk{{protocol.ToServer, sslv2Hello(0x0301)}}, chunks[1:]...), 100)
	contains(t, n.event(t), `"version":"TLSv1"`, subjectOfLeaf)
}

func TestProbe(t *testing.T) {
	client, server, _ := configs(t, 0x0303)
	chunks := handshake(t, client, server, 1)
	appData := append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...)
	for name, c := range map[string]struct {
		p    protocol.Peek
		want protocol.Match
	}{
		"client hello":   {protocol.Peek{Data: chunks[0].b}, protocol.Yes},
		"server hello":   {protocol.Peek{Data: chunks[1].b, Dir: protocol.ToClient}, protocol.Yes},
		"one byte":       {protocol.Peek{Data: []byte{22}}, protocol.Maybe},
		"one byte, end":  {protocol.Peek{Data: []byte{22}, End: true}, protocol.No},
		"tiny records":   {protocol.Peek{Data: record(chunks[0].b[5:], 1)}, protocol.Yes},
		"http":           {protocol.Peek{Data: []byte("GET / HTTP/1.1\r\n")}, protocol.No},
		"zeros":          {protocol.Peek{Data: make([]byte, 40)}, protocol.No},
		"application":    {protocol.Peek{Data: append(appData, appData...), Midstream: true}, protocol.Yes},
		"one record":     {protocol.Peek{Data: appData[:20], Midstream: true}, protocol.Likely},
		"not at start":   {protocol.Peek{Data: appData}, protocol.No},
		"wrong follower": {protocol.Peek{Data: append(append([]byte(nil), appData...), "abc"...), Midstream: true}, protocol.No},
		"alert":          {protocol.Peek{Data: []byte{21, 3, 1, 0, 2, 2, 40}, Dir: protocol.ToClient}, protocol.Yes},
		"ssl 2":          {protocol.Peek{Data: sslv2Hello(2)}, protocol.Yes},
		"ssl 2 short":    {protocol.Peek{Data: sslv2Hello(2)[:4]}, protocol.Maybe},
		"not ssl 2":      {protocol.Peek{Data: []byte{0x80, 0x40, 1, 3, 1, 0, 7, 0, 0, 0, 16, 0}}, protocol.No},
		"empty":          {protocol.Peek{}, protocol.Maybe},
	} {
		if got := probe(&c.p); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	hello := chunks[0].b
	for i := range hello {
		if m := probe(&protocol.Peek{Data: hello[:i]}); m == protocol.No {
			t.Fatalf("first %d bytes: No", i)
		}
	}
}

func FuzzStream(f *testing.F) {
	for _, version := range []uint16{0x0301, 0x0303, 0x0304} {
		client, server, _ := configs(f, version)
		chunks := handshake(f, client, server, 1)
		var in []byte
		for _, c := range chunks {
			for b := c.b; len(b) > 0; {
				k := min(len(b), 255)
				in = append(append(in, byte(c.dir), byte(k)), b[:k]...)
				b = b[k:]
			}
		}
		f.Add(in)
		in[0] |= 2
		f.Add(in)
	}
	f.Add(append([]byte{0, byte(len(sslv2Hello(2)))}, sslv2Hello(2)...))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newStream(NewCache())
		var chunks []chunk
		gaps := newTable(s, &notes{})
		for len(in) >= 2 {
			d, k := protocol.Dir(in[0]&1), min(int(in[1]), len(in)-2)
			chunks = append(chunks, chunk{d, in[2 : 2+k]})
			if in[0]&2 != 0 {
				gaps.lose(d, k)
			}
			gaps.add(d, in[2:2+k])
			in = in[2+k:]
		}
		s.End(&gaps.c)
		s.Reset()
		whole, cut := run(s, chunks, 1<<20), run(s, chunks, 3)
		if strings.Join(whole.events, "\n") != strings.Join(cut.events, "\n") {
			t.Errorf("cut:\n%s\nwhole:\n%s", cut, whole)
		}
	})
}
