package telemetry

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// render writes what an event says, in a fixed order, and leaves out what it does not say.
func render(e *judge.HostEvent) string {
	var b strings.Builder
	add := func(name string, v any) {
		if s := fmt.Sprint(v); s != "" && s != "0" && s != "invalid AddrPort" && s != "invalid IP" && s != "[]" && s != "false" {
			fmt.Fprintf(&b, " %s=%s", name, s)
		}
	}
	process := func(name string, p *judge.Process) {
		add(name, p.Exe)
		add(name+".pid", p.PID)
		add(name+".id", p.ID)
		add(name+".asked", p.Asked)
		add(name+".user", p.User)
		add(name+".uid", p.UID)
		if p.Args != nil {
			add(name+".args", fmt.Sprintf("%q", p.Args))
		}
		add(name+".line", p.CommandLine)
		add(name+".cut", p.ArgsCut)
	}
	fmt.Fprintf(&b, "%s %s %s", e.Producer, e.Kind, time.Unix(0, e.Now).UTC().Format("2006-01-02T15:04:05.999999999"))
	add("id", e.EventID)
	add("host", e.Host)
	add("addrs", e.Addrs)
	process("exe", &e.Process)
	process("parent", &e.Parent)
	add("file", e.File)
	add("sha256", e.SHA256)
	add("signature", uint8(e.Signature))
	add("signer", e.Signer)
	add("state", e.SignatureState)
	add("proto", e.Proto)
	if e.Kind == judge.Connected {
		fmt.Fprintf(&b, " %s>%s", e.Source, e.Target)
	}
	add("inbound", e.Inbound)
	add("query", e.Query)
	add("login", e.Login.User)
	add("by", e.Login.Mechanism)
	if e.Kind == judge.LoggedIn {
		add("outcome", fmt.Sprint("o", e.Login.Outcome))
	}
	add("from", e.From)
	add("unattended", e.Unattended)
	return b.String()
}

// decode returns the events of lines, rendered, and the statistics.
func decode(t testing.TB, text string) ([]string, Stats) {
	t.Helper()
	var got []string
	d := NewDecoder(func(e *judge.HostEvent) { got = append(got, render(e)) })
	r, err := jsonl.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return got, d.Stats()
}

// TestProducers decodes the lines of testdata/lines.txt: a line of JSON, then its events, each after "> ".
func TestProducers(t *testing.T) {
	text, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	var line string
	var want []string
	check := func() {
		if line == "" {
			return
		}
		got, s := decode(t, line)
		if strings.Join(got, "\n") != strings.Join(want, "\n") || s.Faults[NotJSON]+s.Faults[UnknownSource] > 0 {
			t.Errorf("%s\ngot\n%s\nwant\n%s\n%v", line, strings.Join(got, "\n"), strings.Join(want, "\n"), s)
		}
	}
	for l := range strings.Lines(string(text)) {
		l = strings.TrimRight(l, "\n")
		switch {
		case strings.HasPrefix(l, "> "):
			want = append(want, l[2:])
		case strings.HasPrefix(l, "{"):
			check()
			line, want = l, nil
		}
	}
	check()
}

func samples(t testing.TB) []string {
	text, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for l := range strings.Lines(string(text)) {
		if strings.HasPrefix(l, "{") {
			list = append(list, strings.TrimRight(l, "\n"))
		}
	}
	return list
}

// A line that is cut anywhere gives no event, and is told as half a line.
func TestPrefixes(t *testing.T) {
	for _, l := range samples(t) {
		d := NewDecoder(func(e *judge.HostEvent) { t.Errorf("%s", render(e)) })
		for n := 1; n < len(l); n++ {
			if d.Line([]byte(l[:n]), true); d.Stats().Faults[HalfLine] != uint64(n) {
				t.Fatalf("%q: %v", l[:n], d.Stats().Faults)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	good := `{"process_exec":{"process":{"binary":"/bin/true","pid":7}},"time":"%s"}` + "\n"
	text := fmt.Sprintf(good, "2026-03-02T10:00:00Z") +
		fmt.Sprintf(good, "2026-03-01T09:00:00Z") + // a day back
		fmt.Sprintf(good, "1999-03-02T10:00:00Z") + fmt.Sprintf(good, "0001-01-01T00:00:00Z") + fmt.Sprintf(good, "") +
		"not json\ntype=SYSCALL msg=audit(1:2): x\n{\"unknown\":1}\n{\"a\":1} trailing\n" +
		strings.Repeat("x", jsonl.MaxLine+9) + "\n" +
		`{"process_exec":{"proc`
	var told []string
	n := 0
	d := NewDecoder(func(e *judge.HostEvent) {
		n++
		if e.Now < earliest {
			t.Errorf("an event at %d", e.Now)
		}
	})
	d.Report = func(line uint64, f Fault, detail string) {
		told = append(told, fmt.Sprintf("%d %s %s", line, f, detail))
	}
	r, _ := jsonl.NewReader(strings.NewReader(text))
	if err := d.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	s := d.Stats()
	want := map[Fault]uint64{NotJSON: 3, UnknownSource: 1, TooLong: 1, HalfLine: 1, WrongClock: 2, NoTime: 2}
	for f, k := range want {
		if s.Faults[f] != k {
			t.Errorf("%s: %d, want %d", f, s.Faults[f], k)
		}
	}
	if n != 5 || s.Lines != 11 || len(told) != 6 {
		t.Errorf("%d events, %d lines, told %q", n, s.Lines, told)
	}
}

func TestTime(t *testing.T) {
	for in, want := range map[string]string{
		`"2026-03-02T10:00:00Z"`:             "2026-03-02T10:00:00Z",
		`"2026-03-02 10:00:00.5"`:            "2026-03-02T10:00:00.5Z",
		`"2026-03-02T10:00:00.1234567+0200"`: "2026-03-02T08:00:00.1234567Z",
		`"2026-03-02T10:00:00-05:30"`:        "2026-03-02T15:30:00Z",
		`"2026-03-02T10:00:00.12345678912Z"`: "2026-03-02T10:00:00.123456789Z",
		`"2026-13-02T10:00:00Z"`:             "", `"2026-03-02T10:00:00X"`: "", `"2026-03-02T10:00:00+2"`: "", `"9999-01-01T00:00:00Z"`: "", `""`: "", `17`: "",
	} {
		got := ""
		if s := parseTime(jsonl.Value(in)); s.ok {
			got = time.Unix(0, s.ns).UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	// A local time takes its zone from when it was collected, a few seconds later.
	local, collected := parseTime(jsonl.Value(`"2026-03-02 15:29:58"`)), parseTime(jsonl.Value(`"2026-03-02T10:00:03Z"`))
	if got := time.Unix(0, local.near(collected).ns).UTC().Format(time.RFC3339); got != "2026-03-02T09:59:58Z" {
		t.Error(got)
	}
}

func TestSockaddr(t *testing.T) {
	for in, want := range map[string]string{
		"%02%00%01%bb%c6%33%64%07%00%00%00%00%00%00%00%00":                         "198.51.100.7:443",
		"%00%02%01%bbAB%64%07%00%00":                                               "65.66.100.7:443",
		"020001BBC63364070000000000000000":                                         "198.51.100.7:443",
		"0A0001BB00000000" + "20010DB8000000000000000000000001" + "00000000":       "[2001:db8::1]:443",
		"%0a%00%01%bb%00%00%00%00%00%00%00%00%00%00%00%00%00%00%ff%ff%c6%33%64%07": "198.51.100.7:443",
		"%02%00%01%bb%00%00%00%00":                                                 "invalid AddrPort", "%01%00/run/x": "invalid AddrPort", "": "invalid AddrPort", "%0": "invalid AddrPort", "%zz%00%00%00%00%00%00%00": "invalid AddrPort",
	} {
		if got := parseSockaddr([]byte(in)); got.String() != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, l := range samples(f) {
		f.Add([]byte(l))
	}
	var events int
	d := NewDecoder(func(e *judge.HostEvent) {
		events++
		if e.Kind == 0 || e.Kind > judge.LoggedIn || e.Producer == "" {
			panic("an event without a kind or a producer")
		}
		if e.Kind == judge.Connected && e.Target == (netip.AddrPort{}) && e.Source == (netip.AddrPort{}) {
			panic("a connection of nobody")
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		events = 0
		d.Line(b, true)
		if events > len(b) {
			t.Fatalf("%d events of %d bytes", events, len(b))
		}
	})
}

// Lines that are of no use cost no memory, others what an event keeps.
func BenchmarkLines(b *testing.B) {
	for _, l := range samples(b) {
		p, _ := probe([]byte(l))
		b.Run(p.String(), func(b *testing.B) {
			d := NewDecoder(func(*judge.HostEvent) {})
			line := []byte(l)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				d.Line(line, false)
			}
		})
	}
}
