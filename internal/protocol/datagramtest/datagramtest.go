// Package datagramtest runs parsers of protocols over UDP as the flow table does, for their tests: each datagram whole,
// cut off, from a stranger; and messages of other protocols that a probe must refuse.
package datagramtest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// Step is one datagram.
type Step struct {
	Dir   protocol.Dir
	Bytes []byte
}

// Client is a datagram of the client.
func Client(parts ...string) Step {
	return Step{Dir: protocol.ToServer, Bytes: []byte(strings.Join(parts, ""))}
}

// Server is a datagram of the server.
func Server(parts ...string) Step {
	return Step{Dir: protocol.ToClient, Bytes: []byte(strings.Join(parts, ""))}
}

// Kit is a parser and the server's port in its conversations.
type Kit struct {
	Parser protocol.Parser
	Port   uint16
}

var kinds = map[protocol.FactKind]string{
	protocol.NameHost: "host", protocol.NameService: "service", protocol.ClientSoftware: "client", protocol.ServerSoftware: "server",
	protocol.Login: "login", protocol.File: "file", protocol.Lease: "lease", protocol.Version: "version", protocol.Encrypted: "encrypted",
}

var outcomes = [...]string{protocol.LoginTried: "tried", protocol.LoginAccepted: "accepted", protocol.LoginRefused: "refused"}

// recorder keeps what it is shown, one line an observation.
type recorder struct{ lines []string }

func (r *recorder) Observe(o *protocol.Observation) {
	line := string("><"[o.Dir])
	if o.Anomaly != "" {
		line += " !" + o.Anomaly
	}
	for _, f := range o.Facts {
		line += " " + kinds[f.Kind]
		for _, text := range [][]byte{f.Text, f.Aux} {
			if len(text) > 0 {
				line += " " + string(text)
			}
		}
		switch {
		case f.Kind == protocol.Login:
			line += " " + outcomes[f.Num]
		case f.Num != 0:
			line += fmt.Sprintf(" %d", f.Num)
		}
		if f.Addr.IsValid() {
			line += " " + f.Addr.String()
		}
	}
	if o.Detail != nil {
		text := append(o.Detail.AppendEVE([]byte{'{'}, new(eve.Options)), '}')
		if !json.Valid(text) {
			panic("invalid JSON: " + string(text))
		}
		if o.Event != "" {
			line += " " + o.Event + string(text)
		}
	}
	r.lines = append(r.lines, line)
}

type nowhere struct{}

func (nowhere) Observe(*protocol.Observation) {}

func (k Kit) context(s protocol.Sink) *protocol.Context {
	return &protocol.Context{Over: protocol.UDP, ClientPort: 40000, ServerPort: k.Port, Sink: s}
}

func play(c *protocol.Context, s protocol.Stream, steps []Step) {
	for _, step := range steps {
		if _, status := s.Feed(c, step.Dir, step.Bytes); status != protocol.More {
			break
		}
	}
	s.End(c)
}

// Run returns what a conversation shows.
func (k Kit) Run(steps ...Step) []string {
	r := new(recorder)
	play(k.context(r), k.Parser.New(), steps)
	return r.lines
}

// Expect compares what a conversation shows, and proves what holds for every conversation: a used stream shows the
// same without allocating, a datagram may end anywhere, and the probe knows the first datagram.
func (k Kit) Expect(t *testing.T, name string, steps []Step, want ...string) {
	t.Helper()
	whole := k.Run(steps...)
	if g, w := strings.Join(whole, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
	}
	for i := range steps {
		cut := slices.Clone(steps)
		for n := range steps[i].Bytes {
			cut[i].Bytes = steps[i].Bytes[:n:n]
			k.Run(cut...)
			if i == 0 {
				k.Probe(cut[0])
			}
		}
	}
	if m := k.Probe(steps[0]); m != protocol.Yes {
		t.Errorf("%s: the probe says %d", name, m)
	}
	s := k.Parser.New()
	for range 2 {
		r := new(recorder)
		s.Reset()
		play(k.context(r), s, steps)
		if !slices.Equal(r.lines, whole) {
			t.Errorf("%s: a used stream: got\n%s", name, strings.Join(r.lines, "\n"))
		}
	}
	c := k.context(nowhere{})
	if n := testing.AllocsPerRun(50, func() { s.Reset(); play(c, s, steps) }); n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

// Probe asks about a datagram.
func (k Kit) Probe(s Step) protocol.Match {
	p := k.peek(s)
	return k.Parser.Probe(&p)
}

func (k Kit) peek(s Step) protocol.Peek {
	return protocol.Peek{Data: s.Bytes, Dir: s.Dir, Over: protocol.UDP, ClientPort: 40000, ServerPort: k.Port, End: true}
}

// foreign are datagrams of many protocols, each beginning as the real ones do.
var foreign = map[string]string{
	"dns":       "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01",
	"snmp":      "\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00",
	"sip":       "OPTIONS sip:a@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nContent-Length: 0\r\n\r\n",
	"rtp":       "\x80\x00\x00\x01\x00\x00\x00\xa0\x11\x22\x33\x44" + strings.Repeat("\xd5", 160),
	"quic":      "\xc0\x00\x00\x00\x01\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x44\x9e" + strings.Repeat("\x5a", 1182),
	"quicshort": "\x5d\x01\x02\x03\x04\x05\x06\x07\x08\x9a\x44\x12\x7f\xd0" + strings.Repeat("\xa7", 40),
	"dtls":      "\x16\xfe\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x01\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x04\xfe\xfd\x00\x00",
	"ntp":       "\x23\x00\x06\xec" + strings.Repeat("\x00", 36) + "\xe4\x11\x22\x33\x44\x55\x66\x77",
	"stun":      "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl",
	"tftp":      "\x00\x01boot.img\x00octet\x00",
	"syslog":    "<34>1 2026-01-02T03:04:05Z host su - ID47 - failed",
	"zero":      strings.Repeat("\x00", 64),
	"ones":      strings.Repeat("\xff", 64),
	"text":      "hello, this is some text that nobody knows\n",
	"byte":      "\x01",
	"empty":     "",
}

// Refuses proves that the probe says No to what other protocols send, on a port of nobody. own names the messages
// that are the parser's.
func (k Kit) Refuses(t *testing.T, own ...string) {
	t.Helper()
	k.Port = 40001
	for name, text := range foreign {
		for _, d := range []protocol.Dir{protocol.ToServer, protocol.ToClient} {
			if m := k.Probe(Step{d, []byte(text)}); m != protocol.No && !slices.Contains(own, name) {
				t.Errorf("the probe says %d to %s", m, name)
			}
		}
	}
}

// Fuzz fuzzes the parser and its probe with conversations as seeds: no panic, valid JSON, and the same for a used stream.
func (k Kit) Fuzz(f *testing.F, conversations ...[]Step) {
	for _, steps := range conversations {
		var script []byte
		for _, s := range steps {
			script = binary.BigEndian.AppendUint16(script, uint16(len(s.Bytes))|uint16(s.Dir)<<15)
			script = append(script, s.Bytes...)
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		var steps []Step
		for len(script) >= 2 {
			head := binary.BigEndian.Uint16(script)
			n := min(int(head&0x7fff), len(script)-2)
			steps = append(steps, Step{protocol.Dir(head >> 15), script[2 : 2+n : 2+n]})
			script = script[2+n:]
		}
		for _, s := range steps {
			k.Probe(s)
		}
		whole := k.Run(steps...)
		r, s := new(recorder), k.Parser.New()
		play(k.context(nowhere{}), s, steps)
		s.Reset()
		play(k.context(r), s, steps)
		if !slices.Equal(r.lines, whole) {
			t.Errorf("new\n%s\nused\n%s", strings.Join(whole, "\n"), strings.Join(r.lines, "\n"))
		}
	})
}

// BenchmarkRefusal measures the probe's No to what other protocols send.
func (k Kit) BenchmarkRefusal(b *testing.B) {
	k.Port = 40001
	var peeks []protocol.Peek
	for _, name := range []string{"dns", "rtp", "quicshort", "text"} {
		peeks = append(peeks, k.peek(Client(foreign[name])))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if k.Parser.Probe(&peeks[i%len(peeks)]) != protocol.No {
			b.Fatal("not refused")
		}
	}
}

// Benchmark measures a conversation.
func (k Kit) Benchmark(b *testing.B, steps ...Step) {
	s, c := k.Parser.New(), k.context(nowhere{})
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		play(c, s, steps)
	}
}
