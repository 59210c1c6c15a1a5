// Package streamtest runs parsers of protocols over TCP as the flow table does, for their tests: conversations in
// any segmentation, with losses, one side alone; and it proves that no secret stays anywhere.
package streamtest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// Recorder keeps what it is shown, one line an observation.
type Recorder struct{ Lines []string }

var kinds = map[protocol.FactKind]string{
	protocol.NameService: "service", protocol.ClientSoftware: "client", protocol.ServerSoftware: "server",
	protocol.Login: "login", protocol.Version: "version", protocol.Encrypted: "encrypted", protocol.NameHost: "host",
}

var outcomes = [...]string{protocol.LoginTried: "tried", protocol.LoginAccepted: "accepted", protocol.LoginRefused: "refused"}

// Observe implements protocol.Sink.
func (r *Recorder) Observe(o *protocol.Observation) {
	line := string("><"[o.Dir])
	if o.Anomaly != "" {
		line += " !" + o.Anomaly
	}
	for _, f := range o.Facts {
		line += fmt.Sprintf(" %s %s", kinds[f.Kind], f.Text)
		if f.Kind == protocol.Login {
			line += fmt.Sprintf(" %s %s", f.Aux, outcomes[f.Num])
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
	r.Lines = append(r.Lines, line)
}

// Step is some bytes of one direction.
type Step struct {
	Dir   protocol.Dir
	Bytes []byte
	Lost  int // if not 0, so many bytes are lost instead
}

// Client is a step of the client.
func Client(parts ...string) Step {
	return Step{Dir: protocol.ToServer, Bytes: []byte(strings.Join(parts, ""))}
}

// Server is a step of the server.
func Server(parts ...string) Step {
	return Step{Dir: protocol.ToClient, Bytes: []byte(strings.Join(parts, ""))}
}

// Lose is a loss of n bytes.
func Lose(d protocol.Dir, n int) Step { return Step{Dir: d, Lost: n} }

// Table feeds one stream.
type Table struct {
	Stream  protocol.Stream
	Context protocol.Context
	Status  protocol.Status
	unread  [2][]byte
	need    [2]int
	skip    [2]int
}

// NewTable returns a table with a new stream of p.
func NewTable(p protocol.Parser, k protocol.Sink) *Table {
	return &Table{Stream: p.New(), Context: protocol.Context{Over: protocol.TCP, ClientPort: 40000, ServerPort: 4, Sink: k}}
}

// Do takes a step.
func (f *Table) Do(s Step) {
	if f.Status != protocol.More {
		return
	}
	d := s.Dir
	if s.Lost > 0 {
		if s.Lost <= f.skip[d] {
			f.skip[d] -= s.Lost
			return
		}
		n := s.Lost - f.skip[d]
		f.unread[d], f.need[d], f.skip[d] = nil, 0, 0
		f.Status = f.Stream.Gap(&f.Context, d, n)
		return
	}
	n := min(f.skip[d], len(s.Bytes))
	f.skip[d] -= n
	f.unread[d] = append(f.unread[d], s.Bytes[n:]...)
	for len(f.unread[d]) > 0 && len(f.unread[d]) >= f.need[d] && f.Status == protocol.More {
		f.Context.Need = 0
		held := len(f.unread[d])
		n, f.Status = f.Stream.Feed(&f.Context, d, f.unread[d])
		f.skip[d] = max(0, n-held)
		f.unread[d] = f.unread[d][min(n, held):]
		if n == 0 || f.Context.Need > len(f.unread[d]) {
			f.need[d] = max(f.Context.Need, len(f.unread[d])+1)
			return
		}
		f.need[d] = 0
	}
}

// End ends the stream.
func (f *Table) End() { f.Stream.End(&f.Context) }

// Run returns what a conversation shows.
func Run(p protocol.Parser, steps ...Step) []string {
	r := new(Recorder)
	f := NewTable(p, r)
	for _, s := range steps {
		f.Do(s)
	}
	f.End()
	return r.Lines
}

// Expect compares lines.
func Expect(t testing.TB, name string, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", name, g, w)
	}
}

// Check proves what holds for every conversation: any segmentation and a used stream give the same lines, a cut
// conversation gives no others, losses do no harm, nothing is allocated in steady state, the probe knows the first
// step's bytes and never takes a beginning of them for another protocol's, and no secret stands in an observation
// or stays in the stream.
func Check(t *testing.T, p protocol.Parser, secrets []string, steps ...Step) {
	t.Helper()
	whole := Run(p, steps...)
	for _, line := range whole {
		for _, secret := range secrets {
			for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
				if strings.Contains(line, form) {
					t.Errorf("the secret %q in %s", secret, line)
				}
			}
		}
	}
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		cut := Cut(steps, func() int { return 1 + rnd.IntN(1+int(seed)*2) })
		if got := Run(p, cut...); !slices.Equal(got, whole) {
			t.Fatalf("cut with seed %d: got\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(whole, "\n"))
		}
		cut[rnd.IntN(len(cut))].Lost = 1 + rnd.IntN(100)
		Run(p, cut...)
	}
	prefixes(t, p, secrets, whole, steps)
	reuse(t, p, whole, steps)
	probes(t, p, steps)
}

// Cut cuts the steps into pieces of the sizes that size gives.
func Cut(steps []Step, size func() int) []Step {
	var cut []Step
	for _, s := range steps {
		for b := s.Bytes; len(b) > 0; {
			n := min(size(), len(b))
			cut = append(cut, Step{Dir: s.Dir, Bytes: b[:n]})
			b = b[n:]
		}
	}
	return cut
}

func prefixes(t *testing.T, p protocol.Parser, secrets, whole []string, steps []Step) {
	t.Helper()
	r := new(Recorder)
	f := NewTable(p, r)
	for _, s := range Cut(steps, func() int { return 1 }) {
		f.Do(s)
		if n := len(r.Lines); n > len(whole) || !slices.Equal(r.Lines, whole[:n]) {
			t.Fatalf("of a beginning: %s", r.Lines)
		}
	}
	for _, s := range secrets {
		if holds(reflect.ValueOf(f.Stream), []byte(s), 0) {
			t.Errorf("the stream keeps the secret %q", s)
		}
	}
}

// holds reports whether a byte slice or string within v has the secret, up to its capacity.
func holds(v reflect.Value, secret []byte, depth int) bool {
	if depth > 8 {
		return false
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && holds(v.Elem(), secret, depth+1)
	case reflect.String:
		return strings.Contains(v.String(), string(secret))
	case reflect.Struct:
		for i := range v.NumField() {
			if holds(v.Field(i), secret, depth+1) {
				return true
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return false
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return bytes.Contains(v.Slice(0, v.Cap()).Bytes(), secret)
		}
		fallthrough
	case reflect.Array:
		if v.Kind() == reflect.Array && v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			for i := range b {
				b[i] = byte(v.Index(i).Uint())
			}
			return bytes.Contains(b, secret)
		}
		for i := range v.Len() {
			if holds(v.Index(i), secret, depth+1) {
				return true
			}
		}
	}
	return false
}

type nowhere struct{}

func (nowhere) Observe(*protocol.Observation) {}

func reuse(t *testing.T, p protocol.Parser, whole []string, steps []Step) {
	t.Helper()
	r := new(Recorder)
	f := NewTable(p, r)
	for range 2 {
		r.Lines = nil
		f.Stream.Reset()
		*f = Table{Stream: f.Stream, Context: f.Context}
		for _, s := range steps {
			f.Do(s)
		}
		f.End()
		if !slices.Equal(r.Lines, whole) {
			t.Errorf("a used stream: got\n%s\nwant\n%s", strings.Join(r.Lines, "\n"), strings.Join(whole, "\n"))
		}
	}
	c := &protocol.Context{Over: protocol.TCP, ClientPort: 40000, ServerPort: 4, Sink: nowhere{}}
	if n := testing.AllocsPerRun(50, func() { replay(c, f.Stream, steps) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// replay feeds whole steps to a used stream.
func replay(c *protocol.Context, s protocol.Stream, steps []Step) {
	s.Reset()
	for i := range steps {
		if _, st := s.Feed(c, steps[i].Dir, steps[i].Bytes); st != protocol.More {
			break
		}
	}
	s.End(c)
}

// probes shows the probe every beginning of each side's first step.
func probes(t *testing.T, p protocol.Parser, steps []Step) {
	t.Helper()
	if len(steps) == 0 {
		return
	}
	first := steps[0]
	for n := 1; n <= len(first.Bytes); n++ {
		peek := protocol.Peek{Data: first.Bytes[:n], Dir: first.Dir, Over: protocol.TCP, ClientPort: 40000, ServerPort: 4}
		switch m := p.Probe(&peek); {
		case m == protocol.No:
			t.Errorf("the probe says no to %q", peek.Data)
		case n == len(first.Bytes) && m != protocol.Yes:
			t.Errorf("the probe says %d to %q", m, peek.Data)
		case m == protocol.Yes:
			return
		}
	}
}

// Fuzz fuzzes the parser and its probe, with the conversations as seeds: no panic, valid JSON, and the same lines however
// the bytes are cut.
func Fuzz(f *testing.F, p protocol.Parser, conversations ...[]Step) {
	for i, steps := range conversations {
		var script []byte
		for _, s := range steps {
			for b := s.Bytes; len(b) > 0; {
				n := min(len(b), 127)
				script = append(append(script, byte(s.Dir)<<7|byte(n)), b[:n]...)
				b = b[n:]
			}
		}
		f.Add(script, uint8(i), false)
		f.Add(script, uint8(i+7), true)
	}
	f.Fuzz(func(t *testing.T, script []byte, size uint8, lose bool) {
		var steps []Step
		for len(script) > 0 {
			d, n := protocol.Dir(script[0]>>7), min(int(script[0]&127), len(script)-1)
			// Pieces of one direction that follow each other are one step: the cut must not matter.
			if last := len(steps) - 1; last >= 0 && steps[last].Dir == d {
				steps[last].Bytes = append(steps[last].Bytes, script[1:1+n]...)
			} else if n > 0 {
				steps = append(steps, Step{Dir: d, Bytes: slices.Clone(script[1 : 1+n])})
			}
			script = script[1+n:]
		}
		for _, s := range steps {
			for _, midstream := range []bool{false, true} {
				p.Probe(&protocol.Peek{Data: s.Bytes, Dir: s.Dir, Over: protocol.TCP, Midstream: midstream, End: lose})
			}
		}
		whole := Run(p, steps...)
		cut := Cut(steps, func() int { return 1 + int(size) })
		if !lose {
			if got := Run(p, cut...); !slices.Equal(got, whole) {
				t.Errorf("whole\n%s\nin pieces\n%s", strings.Join(whole, "\n"), strings.Join(got, "\n"))
			}
		} else if len(cut) > 0 {
			cut[int(size)%len(cut)].Lost = 1 + int(size)
			Run(p, cut...)
		}
	})
}

// Benchmark measures a conversation of steps that are whole messages.
func Benchmark(b *testing.B, p protocol.Parser, steps ...Step) {
	s := p.New()
	c := &protocol.Context{Over: protocol.TCP, ClientPort: 40000, ServerPort: 4, Sink: nowhere{}}
	b.ReportAllocs()
	for b.Loop() {
		replay(c, s, steps)
	}
}
