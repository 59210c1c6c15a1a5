package socks

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

type said struct {
	dir  protocol.Dir
	text string
}

func client(s string) said { return said{protocol.ToServer, s} }
func server(s string) said { return said{protocol.ToClient, s} }

type recorder []string

func (r *recorder) Observe(o *protocol.Observation) {
	if o.Anomaly != "" {
		*r = append(*r, "! "+o.Anomaly)
	}
	for _, f := range o.Facts {
		*r = append(*r, fmt.Sprintf("%d %s %s %d", f.Kind, f.Text, f.Aux, f.Num))
	}
}

// run feeds the talk in pieces of at most step bytes; it returns the observations, the status and what was unread
// in both directions.
func run(talk []said, step int) (r recorder, status protocol.Status, rest [2]string) {
	s := Parser().New()
	s.Reset()
	c := &protocol.Context{Sink: &r, Over: protocol.TCP}
	for _, m := range talk {
		for b := m.text; len(b) > 0; {
			n := min(step, len(b))
			rest[m.dir] += b[:n]
			b = b[n:]
			if status == protocol.More {
				var used int
				used, status = s.Feed(c, m.dir, []byte(rest[m.dir]))
				rest[m.dir] = rest[m.dir][used:]
			}
		}
	}
	s.End(c)
	return r, status, rest
}

var (
	wants = fmt.Sprint(protocol.NameTarget)
	login = fmt.Sprint(protocol.Login)
)

var conversations = []struct {
	name   string
	talk   []said
	want   []string
	status protocol.Status
	rest   string // of the client
}{
	{"5, name", []said{client("\x05\x01\x00"), server("\x05\x00"), client("\x05\x01\x00\x03\x0bexample.com\x01\xbb"), server("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"), client("\x16\x03\x01")},
		[]string{wants + " example.com  443"}, protocol.Switch, "\x16\x03\x01"},
	{"5, password", []said{client("\x05\x02\x00\x02"), server("\x05\x02"), client("\x01\x03bob\x06secret"), server("\x01\x00"),
		client("\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x16"), server("\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x00SSH-2.0-x\r\n")},
		[]string{login + " bob socks5 0", login + " bob socks5 1", wants + " 2001:db8::1  22"}, protocol.Switch, ""},
	{"5, password refused", []said{client("\x05\x01\x02"), server("\x05\x02"), client("\x01\x03bob\x06secret"), server("\x01\x01")},
		[]string{login + " bob socks5 0", login + " bob socks5 2"}, protocol.Done, ""},
	{"5, no method", []said{client("\x05\x01\x01"), server("\x05\xff")}, nil, protocol.Done, ""},
	{"5, refused", []said{client("\x05\x01\x00"), server("\x05\x00"), client("\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50"), server("\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00")},
		[]string{wants + " 10.0.0.1  80"}, protocol.Done, ""},
	{"5, bind", []said{client("\x05\x01\x00"), server("\x05\x00"), client("\x05\x02\x00\x01\x0a\x00\x00\x01\x00\x15"), server("\x05\x00\x00\x01\x0a\x00\x00\x02\x04\x00"), server("\x05\x00\x00\x01\x0a\x00\x00\x01\x00\x14"), server("data")},
		[]string{wants + " 10.0.0.1  21"}, protocol.Switch, ""},
	{"5, associate", []said{client("\x05\x01\x00"), server("\x05\x00"), client("\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"), server("\x05\x00\x00\x01\x0a\x00\x00\x02\x04\x00")}, nil, protocol.Done, ""},
	{"5, client only", []said{client("\x05\x01\x00"), client("\x05\x01\x00\x03\x01a\x00\x50"), client("GET / HTTP/1.1\r\n")}, []string{wants + " a  80"}, protocol.Switch, "GET / HTTP/1.1\r\n"},
	{"5, hasty client", []said{client("\x05\x01\x00"), server("\x05\x00"), client("\x05\x01\x00\x03\x01a\x00\x50GET / HTTP/1.1\r\n"), server("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")},
		[]string{wants + " a  80"}, protocol.Switch, "GET / HTTP/1.1\r\n"},
	{"4", []said{client("\x04\x01\x00\x50\x0a\x00\x00\x01bob\x00"), server("\x00\x5a\x00\x00\x00\x00\x00\x00")},
		[]string{wants + " 10.0.0.1  80", login + " bob socks4 0", login + " bob socks4 1"}, protocol.Switch, ""},
	{"4a", []said{client("\x04\x01\x01\xbb\x00\x00\x00\x01\x00example.org\x00"), server("\x00\x5b\x00\x00\x00\x00\x00\x00")}, []string{wants + " example.org  443"}, protocol.Done, ""},
	{"nonsense", []said{client("\x05\x01\x00"), server("\x05\x00"), client("\x05\x09\x00\x01\x0a\x00\x00\x01\x00\x50")}, []string{"! invalid_message"}, protocol.Failed, "\x05\x09\x00\x01\x0a\x00\x00\x01\x00\x50"},
}

func TestConversations(t *testing.T) {
	for _, c := range conversations {
		for _, step := range []int{1 << 20, 1, 2, 3, 5} {
			got, status, rest := run(c.talk, step)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") || status != c.status || rest[protocol.ToServer] != c.rest {
				t.Errorf("%s, in steps of %d: status %v, rest %q:\n%s\nwant:\n%s", c.name, step, status, rest, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		}
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		data string
		want protocol.Match
	}{
		{"\x05\x01\x00", protocol.Yes},
		{"\x05\x03\x00\x01\x02", protocol.Yes},
		{"\x05\x03\x00", protocol.Maybe},
		{"\x05\x02\x00\x00", protocol.No},
		{"\x05\x00\x0b\x03\x10\x00\x00\x00", protocol.No}, // DCE/RPC
		{"\x05\x01\x00\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50", protocol.Likely},
		{"\x04\x01\x00\x50\x0a\x00\x00\x01bob\x00", protocol.Yes},
		{"\x04\x01\x00\x50\x00\x00\x00\x01\x00example.org\x00", protocol.Yes},
		{"\x04\x01\x00\x50\x00\x00\x00\x01\x00exam", protocol.Maybe},
		{"\x04\x01\x00\x50\x0a\x00\x00\x01\x01\x02", protocol.No},
		{"\x16\x03\x01", protocol.No},
		{"", protocol.Maybe},
	} {
		if got := probe(&protocol.Peek{Data: []byte(c.data), Over: protocol.TCP}); got != c.want {
			t.Errorf("%q: %v, want %v", c.data, got, c.want)
		}
	}
}

func TestAllocs(t *testing.T) {
	s := Parser().New()
	c := &protocol.Context{Sink: discard{}, Over: protocol.TCP}
	talk := [][]byte{[]byte("\x05\x01\x02"), []byte("\x05\x02"), []byte("\x01\x03bob\x06secret"), []byte("\x01\x00"), []byte("\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50")}
	if n := testing.AllocsPerRun(100, func() {
		for i, b := range talk {
			s.Feed(c, protocol.Dir(i&1), b)
		}
		s.End(c)
		s.Reset()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type discard struct{}

func (discard) Observe(*protocol.Observation) {}

// The input is the client's and the server's bytes, separated by 0xff; a lone byte at a time must give the same.
func FuzzConversation(f *testing.F) {
	for _, c := range conversations {
		var b []byte
		for _, m := range c.talk {
			b = append(append(b, byte(m.dir), byte(len(m.text))), m.text...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var talk []said
		for len(b) >= 2 {
			n := min(int(b[1]), len(b)-2)
			talk = append(talk, said{protocol.Dir(b[0] & 1), string(b[2 : 2+n])})
			b = b[2+n:]
		}
		whole, status, rest := run(talk, 1<<20)
		cut, st, rest2 := run(talk, 1)
		if strings.Join(whole, "\n") != strings.Join(cut, "\n") || status != st || status != protocol.More && rest != rest2 {
			t.Errorf("whole: %q %v %q, cut: %q %v %q", whole, status, rest, cut, st, rest2)
		}
		probe(&protocol.Peek{Data: bytes.Clone(b), Over: protocol.TCP})
	})
}
