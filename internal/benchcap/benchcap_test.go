package benchcap

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// seen is a packet as read back: a decoder as simple as can be, for what this package writes only.
type seen struct {
	at               int64
	src, dst         netip.AddrPort
	proto, flags     byte
	seq              uint32
	vlan             bool
	size             int
	payload          []byte
	ipSum, transport uint16 // what the checksums add up to, 0xffff if right
}

func decode(t *testing.T, file []byte) []seen {
	t.Helper()
	if len(file) < 24 || binary.LittleEndian.Uint32(file) != 0xa1b23c4d {
		t.Fatal("no pcap header")
	}
	var all []seen
	for b := file[24:]; len(b) > 0; {
		n := binary.LittleEndian.Uint32(b[8:])
		p := seen{at: int64(binary.LittleEndian.Uint32(b))*1e9 + int64(binary.LittleEndian.Uint32(b[4:])), size: int(n), ipSum: 0xffff}
		frame := b[16 : 16+n]
		b = b[16+n:]
		ip := frame[14:]
		if frame[12] == 0x81 {
			p.vlan, ip = true, frame[18:]
		}
		var body, src, dst []byte
		if ip[0]>>4 == 4 {
			ip = ip[:binary.BigEndian.Uint16(ip[2:])]
			p.ipSum, p.proto, src, dst, body = words(ip[:20]), ip[9], ip[12:16], ip[16:20], ip[20:]
		} else {
			ip = ip[:40+binary.BigEndian.Uint16(ip[4:])]
			p.proto, src, dst, body = ip[6], ip[8:24], ip[24:40], ip[40:]
		}
		from, _ := netip.AddrFromSlice(src)
		to, _ := netip.AddrFromSlice(dst)
		pseudo := append(slices.Concat(src, dst, []byte{0, p.proto, byte(len(body) >> 8), byte(len(body))}), body...)
		switch p.proto {
		case protoTCP:
			p.seq, p.flags, p.payload = binary.BigEndian.Uint32(body[4:]), body[13], body[4*(body[12]>>4):]
		case protoUDP:
			p.payload = body[8:]
		case protoICMP:
			pseudo = body
		}
		p.transport = words(pseudo)
		if p.proto == protoTCP || p.proto == protoUDP {
			p.src = netip.AddrPortFrom(from, binary.BigEndian.Uint16(body))
			p.dst = netip.AddrPortFrom(to, binary.BigEndian.Uint16(body[2:]))
		} else {
			p.src, p.dst = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
		}
		all = append(all, p)
	}
	return all
}

func words(b []byte) uint16 {
	var s uint32
	for i, c := range b {
		if i%2 == 0 {
			s += uint32(c) << 8
		} else {
			s += uint32(c)
		}
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func mix(t *testing.T, c Config) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, c); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSame: the bytes depend on the configuration alone. The sum changes whenever the traffic is changed on purpose;
// figures measured before and after are then not comparable.
func TestSame(t *testing.T) {
	c := Config{Packets: 20_000, Flows: 1500, Seed: 7}
	one := mix(t, c)
	if !bytes.Equal(one, mix(t, c)) {
		t.Error("two runs differ")
	}
	sum := sha256.Sum256(one)
	if got := hex.EncodeToString(sum[:8]); got != "439e0270b92b7528" {
		t.Errorf("sum %s", got)
	}
	c.Seed++
	if bytes.Equal(one, mix(t, c)) {
		t.Error("the seed does not matter")
	}
}

// TestMix holds the shares against what the package promises.
func TestMix(t *testing.T) {
	const packets, flows = 60_000, 4500
	all := decode(t, mix(t, Config{Packets: packets, Flows: flows}))
	n := len(all)
	if n < packets*9/10 || n > packets*11/10 {
		t.Errorf("%d packets", n)
	}
	var dns, six, vlan, size int
	pairs := map[[2]netip.AddrPort]bool{}
	for i, p := range all {
		if i > 0 && p.at < all[i-1].at {
			t.Fatalf("packet %d goes back in time", i+1)
		}
		if p.ipSum != 0xffff || p.transport != 0xffff {
			t.Fatalf("packet %d: checksums %#x %#x", i+1, p.ipSum, p.transport)
		}
		size += p.size
		if p.src.Addr().Is6() {
			six++
		}
		if p.vlan {
			vlan++
		}
		if p.src.Port() == 53 || p.dst.Port() == 53 {
			dns++
		}
		ends := [2]netip.AddrPort{p.src, p.dst}
		if ends[1].Compare(ends[0]) < 0 {
			ends[0], ends[1] = ends[1], ends[0]
		}
		pairs[ends] = true
	}
	within := func(name string, got, low, high int) {
		if got < low || got > high {
			t.Errorf("%s: %d, want %d to %d", name, got, low, high)
		}
	}
	within("bytes a packet", size/n, 280, 360)
	within("DNS per mille", dns*1000/n, 13, 30)
	within("IPv6 per mille", six*1000/n, 70, 140)
	within("VLAN per mille", vlan*1000/n, 30, 80)
	within("flows", len(pairs), flows*97/100, flows+10)
	within("seconds", int(time.Duration(all[n-1].at-all[0].at).Seconds()), 590, 700)
}

// TestHellos gives the ClientHellos to crypto/tls: it must find a name of the catalogue in each.
func TestHellos(t *testing.T) {
	names := map[string]bool{}
	for _, n := range Names() {
		names[n] = true
	}
	type half struct {
		next uint32
		data []byte
	}
	streams := map[[2]netip.AddrPort]*half{}
	hellos, split := 0, 0
	for _, p := range decode(t, mix(t, Config{Packets: 10_000, Flows: 800})) {
		key := [2]netip.AddrPort{p.src, p.dst}
		if p.proto != protoTCP || p.dst.Port() != 443 {
			continue
		}
		if p.flags == flagSYN {
			streams[key] = &half{next: p.seq + 1}
		}
		s := streams[key]
		if s == nil || p.seq != s.next || len(p.payload) == 0 {
			continue
		}
		s.next += uint32(len(p.payload))
		s.data = append(s.data, p.payload...)
		if len(s.data) < 5 || len(s.data) < 5+int(binary.BigEndian.Uint16(s.data[3:])) {
			split++
			continue
		}
		delete(streams, key)
		if name, err := nameOf(s.data); err != nil || !names[name] {
			t.Errorf("%v: %q, %v", key, name, err)
		}
		hellos++
	}
	if hellos < 300 || split < hellos/3 {
		t.Errorf("%d hellos, %d in two segments", hellos, split)
	}
}

// nameOf lets crypto/tls read a ClientHello.
func nameOf(hello []byte) (name string, err error) {
	found := errors.New("found")
	conn := tls.Server(&replay{bytes.NewReader(hello)}, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name = h.ServerName
		return nil, found
	}})
	if err := conn.Handshake(); !errors.Is(err, found) {
		return "", err
	}
	return name, nil
}

// replay is a connection that yields bytes and swallows the answers.
type replay struct{ io.Reader }

func (*replay) Write(b []byte) (int, error)      { return len(b), nil }
func (*replay) Close() error                     { return nil }
func (*replay) LocalAddr() net.Addr              { return nil }
func (*replay) RemoteAddr() net.Addr             { return nil }
func (*replay) SetDeadline(time.Time) error      { return nil }
func (*replay) SetReadDeadline(time.Time) error  { return nil }
func (*replay) SetWriteDeadline(time.Time) error { return nil }

func TestCatalogue(t *testing.T) {
	names, prefixes := Names(), Prefixes()
	seen := map[string]bool{}
	for _, n := range names {
		if len(n) > 100 || seen[n] {
			t.Fatalf("%q", n)
		}
		seen[n] = true
	}
	four, six := Clients()
	clients := map[netip.Addr]bool{}
	for i := range four {
		if !netip.MustParsePrefix("10.0.0.0/8").Contains(four[i]) || !netip.MustParsePrefix("fd10::/16").Contains(six[i]) {
			t.Fatal(four[i], six[i])
		}
		clients[four[i]], clients[six[i]] = true, true
	}
	if len(names) != 100_000 || len(prefixes) != 10_000 || len(clients) != 4000 {
		t.Errorf("%d names, %d prefixes, %d clients", len(names), len(prefixes), len(clients))
	}
	inside := 0
	for _, a := range newCatalogue().v4[:1000] {
		addr := netip.AddrFrom4(a)
		if !addr.IsGlobalUnicast() || addr.IsPrivate() {
			t.Errorf("%v is not public", addr)
		}
		if slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			inside++
		}
	}
	if inside < 650 || inside > 990 {
		t.Errorf("%d of 1000 addresses lie in a prefix", inside)
	}
}

func TestCertificates(t *testing.T) {
	for _, kind := range []string{"ec", "rsa"} {
		var chain []*x509.Certificate
		for _, n := range []string{"leaf0", "leaf1", "leaf2", "leaf3", "ca", "root"} {
			der, err := certs.ReadFile("certs/" + kind + "-" + n + ".der")
			if err != nil {
				t.Fatal(err)
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			chain = append(chain, c)
		}
		for _, leaf := range chain[:4] {
			if err := leaf.CheckSignatureFrom(chain[4]); err != nil {
				t.Error(err)
			}
		}
		if err := chain[4].CheckSignatureFrom(chain[5]); err != nil {
			t.Error(err)
		}
	}
}

func TestFlood(t *testing.T) {
	const flows = 70_000
	var out bytes.Buffer
	if err := Flood(&out, flows, 1); err != nil {
		t.Fatal(err)
	}
	all := decode(t, out.Bytes())
	open := map[[2]netip.AddrPort]uint32{}
	for i, p := range all {
		key := [2]netip.AddrPort{p.src, p.dst}
		switch {
		case i < flows && (p.flags != flagSYN || len(p.payload) > 0):
			t.Fatalf("packet %d: %+v", i, p)
		case i < flows:
			open[key] = p.seq + 1
		case len(p.payload) == 0 || open[key] != p.seq:
			t.Fatalf("packet %d: %+v", i, p)
		}
	}
	if len(all) != 2*flows || len(open) != flows {
		t.Errorf("%d packets, %d flows", len(all), len(open))
	}
}

func TestBulk(t *testing.T) {
	var out bytes.Buffer
	if err := Bulk(&out, 4, 1_000_000, 1); err != nil {
		t.Fatal(err)
	}
	down := 0
	for _, p := range decode(t, out.Bytes()) {
		if p.src.Port() == 443 || p.src.Port() == 80 {
			down += len(p.payload)
		}
		if p.transport != 0xffff {
			t.Fatalf("%+v", p)
		}
	}
	if down < 4_000_000 || down > 4_050_000 {
		t.Errorf("%d bytes", down)
	}
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := Write(io.Discard, Config{Packets: 100_000, Flows: 7500}); err != nil {
			b.Fatal(err)
		}
	}
}
