package ssh

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// recorder keeps what it is shown, as text.
type recorder struct{ lines []string }

func (r *recorder) Observe(o *protocol.Observation) {
	line := fmt.Sprintf("%d", o.Dir)
	if o.Anomaly != "" {
		line += " !" + o.Anomaly
	}
	for _, f := range o.Facts {
		line += fmt.Sprintf(" %s %s", kinds[f.Kind], f.Text)
	}
	if o.Event != "" {
		text := o.Detail.AppendEVE([]byte{'{'}, new(eve.Options))
		if text = append(text, '}'); !json.Valid(text) {
			panic("invalid JSON: " + string(text))
		}
		line += " " + o.Event + string(text)
	}
	r.lines = append(r.lines, line)
}

var kinds = map[protocol.FactKind]string{
	protocol.ClientSoftware: "client", protocol.ServerSoftware: "server",
	protocol.HostKey: "key", protocol.Encrypted: "encrypted",
}

// table does what the flow table does: it keeps what is unread.
type table struct {
	s      protocol.Stream
	c      *protocol.Context
	unread [2][]byte
	need   [2]int
	skip   [2]int
	status protocol.Status
}

func newTable(r *recorder) *table {
	c := &protocol.Context{Over: protocol.TCP, ClientPort: 40000, ServerPort: 22, Sink: r}
	return &table{s: Parser().New(), c: c}
}

func (f *table) add(d protocol.Dir, b []byte) {
	n := min(f.skip[d], len(b))
	f.skip[d] -= n
	f.unread[d] = append(f.unread[d], b[n:]...)
	if f.status != protocol.More || len(f.unread[d]) == 0 || len(f.unread[d]) < f.need[d] {
		return
	}
	f.c.Need = 0
	n, f.status = f.s.Feed(f.c, d, f.unread[d])
	f.need[d] = f.c.Need
	f.skip[d] = max(0, n-len(f.unread[d]))
	f.unread[d] = f.unread[d][min(n, len(f.unread[d])):]
}

func (f *table) gap(d protocol.Dir, n int) {
	f.unread[d], f.need[d] = nil, 0
	f.status = f.s.Gap(f.c, d, n)
}

func packet(message byte, payload ...byte) []byte {
	const padding = 7
	b := binary.BigEndian.AppendUint32(nil, uint32(2+len(payload)+padding))
	b = append(b, padding, message)
	b = append(b, payload...)
	return append(b, make([]byte, padding)...)
}

func str(s ...string) []byte {
	var b []byte
	for _, s := range s {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

func kexInit(lists ...string) []byte {
	payload := append([]byte("0123456789abcdef"), str(lists...)...)
	return packet(msgKexInit, append(payload, 0, 0, 0, 0, 0)...)
}

var (
	clientKex = kexInit("curve25519-sha256", "ssh-ed25519", "aes128-ctr,aes256-ctr", "x", "hmac-sha2-256", "x", "none", "x", "", "")
	serverKex = kexInit("curve25519-sha256", "ssh-ed25519", "x", "chacha20-poly1305@openssh.com", "x", "umac-64@openssh.com", "x", "none,zlib@openssh.com", "", "")
	hostKey   = str(string(str("ssh-ed25519", strings.Repeat("A", 32))), "public", "signature")

	client = slices.Concat([]byte("SSH-2.0-OpenSSH_9.6p1 Ubuntu-3\r\n"), clientKex, packet(30, str("public")...), packet(msgNewKeys), []byte("encrypted"))
	server = slices.Concat([]byte("SSH-1.99-dropbear_2022.83\n"), serverKex, packet(2, 'x'), packet(msgKexReply, hostKey...), packet(msgNewKeys), make([]byte, 5000))
)

const (
	clientEVE = `"client":{"proto_version":"2.0","software_version":"OpenSSH_9.6p1","hassh":{"hash":"7c1b6ce34a5161c6127681698dd5f921","string":"curve25519-sha256;aes128-ctr,aes256-ctr;hmac-sha2-256;none"}}`
	serverEVE = `"server":{"proto_version":"1.99","software_version":"dropbear_2022.83","hassh":{"hash":"32dbce02d2224fe545b488ddccef5746","string":"curve25519-sha256;chacha20-poly1305@openssh.com;umac-64@openssh.com;none,zlib@openssh.com"}}`
	keyFact   = "1 key SHA256:ycecTFElO4tMaWgqfHQDEUjUete0Tsl0wmvU/kkDXFc"
)

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestConnection(t *testing.T) {
	r := new(recorder)
	f := newTable(r)
	f.add(protocol.ToClient, server)
	f.add(protocol.ToServer, client)
	if f.status != protocol.Done {
		t.Errorf("status %d, want Done", f.status)
	}
	f.s.End(f.c)
	want := []string{"1 server dropbear_2022.83", keyFact, "1 encrypted ", "0 client OpenSSH_9.6p1", `0 ssh{"ssh":{` + clientEVE + `,` + serverEVE + `}}`}
	expect(t, r.lines, want...)

	r.lines = nil
	f.s.Reset()
	*f = table{s: f.s, c: f.c}
	f.add(protocol.ToClient, server)
	f.add(protocol.ToServer, client)
	expect(t, r.lines, want...)
}

func TestOneSided(t *testing.T) {
	r := new(recorder)
	f := newTable(r)
	f.add(protocol.ToServer, client)
	f.s.End(f.c)
	expect(t, r.lines, "0 client OpenSSH_9.6p1", "0 encrypted ", `0 ssh{"ssh":{`+clientEVE+`}}`)
	r = new(recorder)
	f = newTable(r)
	f.add(protocol.ToClient, server)
	f.s.End(f.c)
	expect(t, r.lines, "1 server dropbear_2022.83", keyFact, "1 encrypted ", `0 ssh{"ssh":{`+serverEVE+`}}`)
}

func TestBanners(t *testing.T) {
	long := "SSH-2.0-" + strings.Repeat("a", 300)
	for _, tt := range []struct {
		name, bytes string
		want        []string
	}{
		{"comments", "SSH-2.0-a b c\r\n", []string{"1 server a", `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"a"}}}`}},
		{"no software", "SSH-2.0-\n", []string{"1 server ", `0 ssh{"ssh":{"server":{"proto_version":"2.0"}}}`}},
		{"hyphens", "SSH-2.0-a-b-c\n", []string{"1 server a-b-c", `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"a-b-c"}}}`}},
		{"lines before", "Hello\r\nSSH?\r\n\nSSH-2.0-a\r\n", []string{"1 server a", `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"a"}}}`}},
		{"no line end", "SSH-2.0-a", []string{"1 server a", `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"a"}}}`}},
		{"cut in the version", "SSH-2.", nil},
		{"version 1", "SSH-1.5-1.2.26\nabcdefghij", []string{"1 server 1.2.26", `0 ssh{"ssh":{"server":{"proto_version":"1.5","software_version":"1.2.26"}}}`}},
		{"not UTF-8", "SSH-2.0-\xff\"\n", []string{"1 server \xff\"", `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"\u00ff\""}}}`}},
		{"no software version", "SSH-2.0\n", []string{"1 !invalid_banner"}},
		{"too long", long + "\n", []string{"1 !long_banner", "1 server " + long[8:255], `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"` + long[8:255] + `"}}}`}},
		{"no end", strings.Repeat("x", maxPreface+1), []string{"1 !invalid_banner"}},
		{"garbage after it", "SSH-2.0-a\r\nGET / HTTP/1.1\r\n", []string{"1 server a", "1 !invalid_record", `0 ssh{"ssh":{"server":{"proto_version":"2.0","software_version":"a"}}}`}},
	} {
		for _, size := range []int{1, 7, len(tt.bytes)} {
			r := new(recorder)
			f := newTable(r)
			for chunk := range slices.Chunk([]byte(tt.bytes), size) {
				f.add(protocol.ToClient, chunk)
			}
			f.s.End(f.c)
			if g, w := strings.Join(r.lines, "\n"), strings.Join(tt.want, "\n"); g != w {
				t.Errorf("%s in pieces of %d: got\n%s\nwant\n%s", tt.name, size, g, w)
			}
		}
	}
}

// A group exchange sends its group under the number that other methods use for the host key.
func TestGroupExchange(t *testing.T) {
	r := new(recorder)
	f := newTable(r)
	prime := str("\x00\xff"+strings.Repeat("\x7f", 255), "\x02")
	f.add(protocol.ToClient, slices.Concat([]byte("SSH-2.0-a\r\n"), serverKex, packet(msgKexReply, prime...), packet(msgKexGEXReply, hostKey...)))
	expect(t, r.lines, "1 server a", keyFact)
}

func TestGap(t *testing.T) {
	banner := strings.IndexByte(string(server), '\n') + 1
	for _, tt := range []struct {
		name     string
		from, to int
		want     string
	}{
		{"in KEXINIT", banner + 50, banner + 60, "server key encrypted"},
		{"in the banner", 10, 12, ""},
		{"into another packet", banner + 50, banner + len(serverKex) + 9, "server"},
	} {
		r := new(recorder)
		f := newTable(r)
		f.add(protocol.ToClient, server[:tt.from])
		f.gap(protocol.ToClient, tt.to-tt.from)
		f.add(protocol.ToClient, server[tt.to:])
		var got []string
		for _, l := range r.lines {
			got = append(got, strings.Fields(l)[1])
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// However the stream of one direction is cut, the same is observed.
func TestAnyCut(t *testing.T) {
	whole := new(recorder)
	newTable(whole).add(protocol.ToClient, server)
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		r := new(recorder)
		f := newTable(r)
		for b := server; len(b) > 0; {
			n := min(1+rnd.IntN(1+int(seed)*3), len(b))
			f.add(protocol.ToClient, b[:n])
			b = b[n:]
		}
		if !slices.Equal(r.lines, whole.lines) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(r.lines, "\n"), strings.Join(whole.lines, "\n"))
		}
	}
}

func TestPrefixes(t *testing.T) {
	full := new(recorder)
	newTable(full).add(protocol.ToClient, server)
	for n := range server {
		r := new(recorder)
		f := newTable(r)
		f.add(protocol.ToClient, server[:n])
		if len(r.lines) > len(full.lines) || !slices.Equal(r.lines, full.lines[:len(r.lines)]) {
			t.Fatalf("the first %d bytes: %s", n, r.lines)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		dir   protocol.Dir
		port  uint16
		want  protocol.Match
	}{
		{"SSH-2.0-x", protocol.ToServer, 2222, protocol.Yes},
		{"SSH", protocol.ToServer, 2222, protocol.Maybe},
		{"SSL-", protocol.ToServer, 22, protocol.No},
		{"Hello\r\n", protocol.ToClient, 22, protocol.Maybe},
		{"Hello\r\n", protocol.ToClient, 25, protocol.No},
		{"Hello\r\nSSH-2.0-x\r\n", protocol.ToClient, 22, protocol.Yes},
		{"\x16\x03\x01\x02\x00", protocol.ToClient, 22, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ClientPort: 40000, ServerPort: tt.port}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

type nowhere struct{}

func (nowhere) Observe(*protocol.Observation) {}

func connection(c *protocol.Context, s protocol.Stream) {
	s.Reset()
	s.Feed(c, protocol.ToClient, server)
	s.Feed(c, protocol.ToServer, client)
	s.End(c)
}

func TestAllocations(t *testing.T) {
	c := &protocol.Context{Over: protocol.TCP, Sink: nowhere{}}
	s := Parser().New()
	connection(c, s)
	if n := testing.AllocsPerRun(100, func() { connection(c, s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkConnection(b *testing.B) {
	c := &protocol.Context{Over: protocol.TCP, Sink: nowhere{}}
	s := Parser().New()
	b.ReportAllocs()
	for b.Loop() {
		connection(c, s)
	}
}

func FuzzStream(f *testing.F) {
	f.Add(server, uint16(20), false)
	f.Add(client, uint16(40), true)
	f.Add([]byte("x\nSSH-1.5-a\n"), uint16(3), false)
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, lose bool) {
		whole, pieces := new(recorder), new(recorder)
		f := newTable(whole)
		f.add(protocol.ToClient, b)
		f.s.End(f.c)
		g := newTable(pieces)
		n := min(int(cut), len(b))
		g.add(protocol.ToClient, b[:n])
		if lose {
			g.gap(protocol.ToClient, int(cut>>8))
		}
		g.add(protocol.ToClient, b[n:])
		g.s.End(g.c)
		if !lose && !slices.Equal(whole.lines, pieces.lines) {
			t.Errorf("whole\n%s\nin pieces\n%s", strings.Join(whole.lines, "\n"), strings.Join(pieces.lines, "\n"))
		}
	})
}
