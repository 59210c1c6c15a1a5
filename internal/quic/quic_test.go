package quic

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

// The keys and the protected headers that RFC 9001 and RFC 9369, appendices A.1 and A.2, print.
func TestVectors(t *testing.T) {
	payload := pad(append(unhex(t, "060040f1"), unhex(t, clientHello)...))
	for _, c := range []struct {
		v                   version
		key, iv, hp         string
		header, headerAfter string
	}{
		{version1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2",
			"c300000001088394c8f03e5157080000449e00000002", "c000000001088394c8f03e5157080000449e7b9aec34"},
		{version2, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9",
			"d36b3343cf088394c8f03e5157080000449e00000002", "d76b3343cf088394c8f03e5157080000449ea0c95e82"},
	} {
		p := protection{unhex(t, c.key), unhex(t, c.iv), unhex(t, c.hp)}
		if got := protect(t, c.v, unhex(t, dcid), "client in"); !bytes.Equal(got.key, p.key) || !bytes.Equal(got.iv, p.iv) || !bytes.Equal(got.hp, p.hp) {
			t.Errorf("%x: keys %x %x %x", c.v, got.key, got.iv, got.hp)
		}
		packet := p.seal(t, unhex(t, c.header), payload)
		if got := hex.EncodeToString(packet[:22]); got != c.headerAfter {
			t.Errorf("%x: protected header %s, want %s", c.v, got, c.headerAfter)
		}
		h, err := parseLongHeader(packet)
		if err != nil || h.typ != initial || h.end != len(packet) {
			t.Fatalf("%x: %+v, %v", c.v, h, err)
		}
		k := clientKeys(h.version, h.dcid)
		got, header, err := k.open(nil, nil, packet, h.pn)
		if err != nil || !bytes.Equal(got, payload) || hex.EncodeToString(header) != c.header {
			t.Errorf("%x: header %x, %v", c.v, header, err)
		}
	}
}

func TestConnection(t *testing.T) {
	id, serverID := unhex(t, dcid), unhex(t, "f067a5502a4262b5")
	hello, answer := unhex(t, clientHello), unhex(t, serverHello)
	ack := unhex(t, "02000000 00")[:5]
	for _, v := range []version{version1, version2, 0xff00001d, 0xff000020, 0xff000021, 0xff000022, 0xff000017, 0xff00001c, 0xff000016, 0xfaceb001, 0xfaceb002, t050, t051} {
		crypto := byte(frameCrypto)
		if v == t050 || v == t051 {
			crypto = frameGoogleCrypto
		}
		client := initialPacket(t, v, id, id, nil, "client in", 0, pad(cryptoFrame(crypto, 0, hello)))
		payload := append([]byte{framePing, framePadding}, cryptoFrame(crypto, 0, answer)...)
		if crypto == frameCrypto {
			payload = append(bytes.Clone(ack), payload...)
		}
		server := initialPacket(t, v, id, nil, serverID, "server in", 1, payload)
		server = append(server, 0xe0, 0, 0, 0, 1) // the beginning of a coalesced packet
		n, st := feed(datagram{protocol.ToServer, client}, datagram{protocol.ToClient, server})
		version := string(v.append(nil))
		n.want(t, `"quic":{"version":"`+version+`","sni":"example.com","ja3":{"hash":" … "ja4":"q13d0211an_ … {"name":"server_name","type":0,"values":["example.com"]} … `+
			`{"name":"alpn","type":16,"values":["alpn"]} … {"name":"supported_versions","type":43,"values":["Tls13"]}`,
			`"quic":{"version":"`+version+`","ja3s":{ … "string":"771,4865,51-43"} … {"name":"key_share","type":51}`)
		if st != protocol.Done || n.dirs[1] != protocol.ToClient || len(n.odd) > 0 {
			t.Errorf("%s: status %d, %v, %v", version, st, n.dirs, n.odd)
		}
		want := []string{fmt.Sprintf("%d 0 example.com", protocol.NameSNI), fmt.Sprintf("%d 1 alpn", protocol.ALPN),
			fmt.Sprintf("%d 0 ", protocol.Encrypted), fmt.Sprintf("%d 772 ", protocol.TLSVersion)}
		if strings.Join(n.facts, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: facts %q", version, n.facts)
		}
		// One side only, and roles the wrong way round.
		if n, _ := feed(datagram{protocol.ToServer, client}); len(n.events) != 1 {
			t.Errorf("%s: client only: %v", version, n.events)
		}
		if n, _ := feed(datagram{protocol.ToClient, client}, datagram{protocol.ToServer, server}); len(n.events) != 2 {
			t.Errorf("%s: turned round: %v", version, n.events)
		}
	}
}

// A hello in many frames, in any order, over several packets and datagrams.
func TestFragments(t *testing.T) {
	id, hello := unhex(t, dcid), unhex(t, clientHello)
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 30 {
		var frames [][]byte
		for at := 0; at < len(hello); {
			n := min(1+rng.IntN(40), len(hello)-at)
			from := max(0, at-rng.IntN(3))
			frames = append(frames, cryptoFrame(frameCrypto, from, hello[from:at+n]))
			at += n
		}
		rng.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
		var all []datagram
		packets := 1 + rng.IntN(4)
		for i := range packets {
			part := frames[i*len(frames)/packets : (i+1)*len(frames)/packets]
			p := initialPacket(t, version1, id, id, nil, "client in", uint32(i), pad(bytes.Join(part, []byte{framePing, 0, 0})))
			if rng.IntN(2) == 0 && len(all) > 0 { // coalesced
				all[len(all)-1].b = append(all[len(all)-1].b, p...)
			} else {
				all = append(all, datagram{protocol.ToServer, p})
			}
		}
		n, _ := feed(all...)
		if len(n.events) != 1 || !strings.Contains(n.events[0], `"sni":"example.com"`) {
			t.Fatalf("round %d: %v", round, n.events)
		}
	}
}

func TestRetry(t *testing.T) {
	first, second, hello := unhex(t, dcid), unhex(t, "aabbccddeeff0011"), unhex(t, clientHello)
	one := initialPacket(t, version1, first, first, nil, "client in", 0, pad(cryptoFrame(frameCrypto, 0, hello)))
	again := append([]byte{0xf0, 0, 0, 0, 1, 0, 8}, append(bytes.Clone(second), make([]byte, 40)...)...)
	two := initialPacket(t, version1, second, second, nil, "client in", 1, pad(cryptoFrame(frameCrypto, 0, hello)))
	answer := initialPacket(t, version1, second, nil, second, "server in", 0, cryptoFrame(frameCrypto, 0, unhex(t, serverHello)))
	n, st := feed(datagram{protocol.ToServer, one}, datagram{protocol.ToClient, again}, datagram{protocol.ToServer, two}, datagram{protocol.ToClient, answer})
	if n.want(t, "example.com", "example.com", "ja3s"); st != protocol.Done {
		t.Errorf("status %d", st)
	}
}

// The server may answer in another version than the client began with (RFC 9368).
func TestCompatibleVersion(t *testing.T) {
	id := unhex(t, dcid)
	one := initialPacket(t, version1, id, id, nil, "client in", 0, pad(cryptoFrame(frameCrypto, 0, unhex(t, clientHello))))
	two := initialPacket(t, version2, id, nil, id, "server in", 0, cryptoFrame(frameCrypto, 0, unhex(t, serverHello)))
	n, _ := feed(datagram{protocol.ToServer, one}, datagram{protocol.ToClient, two})
	n.want(t, `"version":"1"`, `"version":"6b3343cf","ja3s"`)
}

// Packets that do not open cost a bounded effort; a flow of them ends in an event with its version.
func TestUndecryptable(t *testing.T) {
	id := unhex(t, dcid)
	p := initialPacket(t, version1, id, id, nil, "client in", 0, pad(nil))
	p[len(p)-1] ^= 1
	s := newStream(tls.NewCache())
	var n notes
	c := protocol.Context{Sink: &n}
	fed := 0
	for st := protocol.More; st == protocol.More; fed++ {
		p[7]++
		_, st = s.Feed(&c, protocol.ToServer, p)
	}
	s.End(&c)
	if n.want(t, `"quic":{"version":"1"}`); s.attempts > maxAttempts || fed > maxFailures+2 {
		t.Errorf("%d attempts, %d datagrams", s.attempts, fed)
	}
}

// google builds a CHLO with Google's tags.
func google(tags ...string) []byte {
	b := append([]byte("CHLO"), byte(len(tags)/2), 0, 0, 0)
	var values []byte
	for i := 0; i < len(tags); i += 2 {
		values = append(values, tags[i+1]...)
		b = append(b, (tags[i] + "\x00\x00\x00\x00")[:4]...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(values)))
	}
	return append(b, values...)
}

func TestGoogle(t *testing.T) {
	chlo := google("PAD", strings.Repeat("-", 400), "SNI", "www.example.com", "VER", "Q043", "UAID", "Chrome/49.0", "STK", "")
	frame := append([]byte{0xa0, 1, byte(len(chlo) >> 8), byte(len(chlo))}, chlo...)
	hash := make([]byte, 12)
	id := unhex(t, dcid)
	clear43 := append(append([]byte{0x09}, id...), "Q043\x01"...)
	clear46 := append(append([]byte("\xc3Q046\x50"), id...), 0, 0, 0, 1)
	for version, b := range map[string][]byte{
		"Q043": append(append(clear43, hash...), frame...),
		"Q046": append(append(clear46, hash...), frame...),
		"Q050": initialPacket(t, q050, id, id, nil, "client in", 1, pad(cryptoFrame(frameGoogleCrypto, 0, chlo))),
	} {
		if m := probe(&protocol.Peek{Data: b}); m != protocol.Yes {
			t.Errorf("%s: probe %d", version, m)
		}
		n, st := feed(datagram{protocol.ToServer, b})
		n.want(t, `"quic":{"version":"`+version+`","sni":"www.example.com","ua":"Chrome/49.0","cyu":[{"hash":" … "string":"`+version[2:]+`,PAD-SNI-VER-UAID-STK"}]}`)
		if st != protocol.Done {
			t.Errorf("%s: status %d", version, st)
		}
	}
	for n := range chlo {
		if h, err := parseCHLO(chlo[:n]); n < 8+8*5 && !errors.Is(err, ErrTruncated) || err == nil && len(h.sni) != 0 && n < 450 {
			t.Fatalf("first %d bytes: %q, %v", n, h.sni, err)
		}
	}
}

func TestGoogleACK(t *testing.T) {
	for text, want := range map[string]int{
		"40 05 0000 01 00": 5, "60 05 0000 01 01 02 03 00": 8, "40 05 0000 01 02 0011223344 001122": 13, "4f": 2 + 6 + 1, "40 05 0000": 4,
	} {
		b := unhex(t, text)
		if got := googleACK(b[0], b[1:]); got != want && !(want >= len(b) && got >= len(b)) {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

func TestProbe(t *testing.T) {
	id := unhex(t, dcid)
	good := initialPacket(t, version1, id, id, nil, "client in", 0, pad(nil))
	for name, c := range map[string]struct {
		b    []byte
		want protocol.Match
	}{
		"initial":     {good, protocol.Yes},
		"truncated":   {good[:30], protocol.No},
		"negotiation": {unhex(t, "80 00000000 02 aabb 01 cc ff00001d 1a2a3a4a"), protocol.Yes},
		"unknown":     {unhex(t, "80 00000000 02 aabb 01 cc 1a2a3a4a"), protocol.No},
		"short":       {append([]byte{0x40}, good[1:]...), protocol.No},
		"dns":         {unhex(t, "123401000001000000000000017800 0001 0001"), protocol.No},
		"rtp":         {append([]byte{0x80, 0, 0x12, 0x34}, make([]byte, 160)...), protocol.No},
		"long cid":    {append(bytes.Clone(good[:5]), append([]byte{21}, good[6:]...)...), protocol.No},
		"nothing":     {nil, protocol.No},
	} {
		if got := probe(&protocol.Peek{Data: c.b, Over: protocol.UDP}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// The examples of RFC 9000, appendix A.1.
func TestVarint(t *testing.T) {
	for text, want := range map[string]uint64{
		"25": 37, "7bbd": 15293, "9d7f3e7d": 494878333, "c2197c5eff14e88c": 151288809941952652,
	} {
		b := unhex(t, text)
		if v, n := varint(b); v != want || n != len(b) {
			t.Errorf("%s: %d, %d", text, v, n)
		}
		if _, n := varint(b[:len(b)-1]); n != 0 {
			t.Errorf("%s without its end: size %d", text, n)
		}
	}
}

func FuzzStream(f *testing.F) {
	id := unhex(f, dcid)
	f.Add(initialPacket(f, version1, id, id, nil, "client in", 0, pad(cryptoFrame(frameCrypto, 0, unhex(f, clientHello)))), true)
	f.Add(cryptoFrame(frameCrypto, 0, unhex(f, clientHello)), false)
	f.Add(cryptoFrame(frameGoogleCrypto, 0, google("SNI", "x.example", "PAD", "---")), false)
	f.Add(append([]byte("\xc3Q046\x50"), google("SNI", "x.example", "PAD", "---")...), true)
	f.Add(unhex(f, "0200000000060040f1"), false)
	s := newStream(tls.NewCache())
	f.Fuzz(func(t *testing.T, b []byte, raw bool) {
		var n notes
		c := protocol.Context{Over: protocol.UDP, Sink: &n}
		probe(&protocol.Peek{Data: b})
		if raw {
			s.Feed(&c, protocol.ToServer, b)
			s.Feed(&c, protocol.ToClient, b)
		} else { // what is inside of a packet, once for each dialect and side
			for _, v := range []version{version1, q050, t051} {
				s.version, s.client = v, keys{}
				s.frames(&c, protocol.ToServer, b)
				s.frames(&c, protocol.ToClient, b)
				s.End(&c)
				s.Reset()
			}
		}
		s.End(&c)
		s.Reset()
	})
}
