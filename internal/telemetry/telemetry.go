// Package telemetry reads what hosts report about themselves: Sysmon, the Windows security log, auditd through laurel,
// osquery, Falco, Tetragon and events in the Elastic Common Schema, as JSON lines. Who wrote a line is told by its
// content; all come out as the judge's HostEvent.
package telemetry

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"time"

	"netsensor/internal/jsonl"
	"netsensor/internal/judge"
)

// Producer is who wrote a line.
type Producer uint8

// The producers.
const (
	Unknown Producer = iota
	Sysmon
	WindowsSecurity
	WindowsOther // another Windows log: read, but of no use here
	SysmonLinux
	Laurel
	Osquery
	Falco
	Tetragon
	ECS
	producers // their number
)

var producerNames = [producers]string{"unknown", "sysmon", "windows-security", "windows-other", "sysmon-linux", "laurel", "osquery", "falco", "tetragon", "ecs"}

// String returns the name that users see.
func (p Producer) String() string { return producerNames[p] }

// Fault is why a line was of no use, or of less.
type Fault uint8

// The faults.
const (
	NoFault       Fault = iota
	NotJSON             // no JSON object
	HalfLine            // the input ends in the middle of it
	TooLong             // longer than jsonl.MaxLine
	UnknownSource       // a JSON object that no known producer writes
	NoTime              // without a time that can be read; the time of the line before is taken
	WrongClock          // before 2000 or after 2200, or a day and more before a line that came earlier
	faults              // their number
)

var faultNames = [faults]string{"", "not JSON", "cut off", "too long", "unknown producer", "no time", "wrong clock"}

// String returns the name that users see.
func (f Fault) String() string { return faultNames[f] }

// Stats counts what was read.
type Stats struct {
	Lines, Bytes uint64
	ByProducer   [producers]uint64 // lines
	Events       [judge.LoggedIn + 1]uint64
	Faults       [faults]uint64
	// Unused are lines of known producers about other matters.
	Unused uint64
}

// Producers calls f for each producer that was seen.
func (s *Stats) Producers(f func(name string, lines uint64)) {
	for p, n := range s.ByProducer {
		if n > 0 && Producer(p) != Unknown {
			f(Producer(p).String(), n)
		}
	}
}

// EachFault calls f for each fault that was met.
func (s *Stats) EachFault(f func(name string, lines uint64)) {
	for p, n := range s.Faults {
		if n > 0 {
			f(Fault(p).String(), n)
		}
	}
}

// Decoder turns lines into events. It belongs to one goroutine.
type Decoder struct {
	// Report is told of the first line of each kind of fault, with its number; nil is nobody.
	Report func(line uint64, f Fault, detail string)

	emit  func(*judge.HostEvent)
	stats Stats
	last  int64 // time of the last event whose clock was right
	texts interner
	ev    judge.HostEvent
	buf   []byte
	win   windowsFields
}

// NewDecoder returns a decoder that hands its events to emit, which may not keep them; their texts it may.
func NewDecoder(emit func(*judge.HostEvent)) *Decoder {
	return &Decoder{emit: emit, texts: newInterner()}
}

// Stats returns what was counted so far.
func (d *Decoder) Stats() Stats { return d.stats }

// ReadAll decodes all lines of r. The error is what kept it from reading on; faults in lines are counted.
func (d *Decoder) ReadAll(r *jsonl.Reader) error {
	before := r.Bytes()
	skipped := r.Skipped()
	var err error
	for err == nil {
		var line []byte
		if line, err = r.Next(); err == nil {
			d.Line(line, r.Cut())
		}
		for ; skipped < r.Skipped(); skipped++ {
			d.stats.Lines++
			d.fault(TooLong, "")
		}
	}
	d.stats.Bytes += r.Bytes() - before
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Line decodes one line. cut: it has no line end, so that half of it is no wonder.
func (d *Decoder) Line(line []byte, cut bool) {
	d.stats.Lines++
	p, err := probe(line)
	if err == nil {
		if p == Unknown {
			d.fault(UnknownSource, d.describe(line))
			return
		}
		d.stats.ByProducer[p]++
		if !d.decode(p, line) {
			d.stats.Unused++
		}
		return
	}
	switch {
	case errors.Is(err, jsonl.ErrTruncated) && cut:
		d.fault(HalfLine, "")
	case bytes.HasPrefix(line, []byte("type=")) || bytes.HasPrefix(line, []byte("node=")):
		d.fault(NotJSON, "auditd's own format; laurel makes JSON of it")
	default:
		d.fault(NotJSON, "")
	}
}

func (d *Decoder) fault(f Fault, detail string) {
	d.stats.Faults[f]++
	if d.stats.Faults[f] == 1 && d.Report != nil {
		d.Report(d.stats.Lines, f, detail)
	}
}

// describe names a few members of a line that nobody knows.
func (d *Decoder) describe(line []byte) string {
	var names []string
	for o := jsonl.Value(line).Object(); len(names) < 5 && o.Next(); {
		k := o.Key
		names = append(names, string(k[:min(len(k), 40)]))
	}
	return "its members begin with " + strings.ToValidUTF8(strings.Join(names, ", "), "?")
}

// probe tells the producer by the names of the outermost members, and checks that the line is one JSON object.
func probe(line []byte) (Producer, error) {
	var source, channel, eventID, winlog, agent, process, ecs, id, name, columns jsonl.Value
	p := Unknown
	o := jsonl.Value(line).Object()
	for o.Next() {
		switch string(o.Key) {
		case "SourceName", "source_name", "ProviderName":
			source = o.Value
		case "Channel", "channel":
			channel = o.Value
		case "EventID", "event_id":
			eventID = o.Value
		case "winlog":
			winlog = o.Value
		case "agent":
			agent = o.Value
		case "process":
			process = o.Value
		case "ecs":
			ecs = o.Value
		case "ID":
			id = o.Value
		case "name":
			name = o.Value
		case "columns", "diffResults", "snapshot":
			columns = o.Value
		case "output_fields":
			p = Falco
		case "process_exec", "process_exit", "process_kprobe", "process_connect", "process_tracepoint", "process_uprobe", "process_lsm",
			"process_loader", "process_listen", "process_accept", "process_close", "process_throttle":
			if p == Unknown && o.Value.Is() == '{' {
				p = Tetragon
			}
		}
	}
	if err := o.Err(); err != nil {
		return Unknown, err
	}
	if len(o.Rest()) > 0 {
		return Unknown, jsonl.ErrMalformed
	}
	switch {
	case p != Unknown:
	case winlog.Is() == '{':
		for w := winlog.Object(); w.Next(); {
			switch string(w.Key) {
			case "channel":
				channel = w.Value
			case "provider_name":
				source = w.Value
			}
		}
		p = windowsLog(source, channel)
	case columns != nil && name != nil:
		p = Osquery
	case eventID != nil && (source != nil || channel != nil):
		p = windowsLog(source, channel)
	case isAuditID(id):
		p = Laurel
	case process.Is() == '{' || ecs.Is() == '{' || agent.Is() == '{':
		p = ECS
	}
	return p, nil
}

// windowsLog tells a Windows log by its provider or its channel; the case of both differs between collectors.
func windowsLog(source, channel jsonl.Value) Producer {
	s, _ := source.Plain()
	c, _ := channel.Plain()
	has := func(b []byte, word string) bool {
		return len(b) >= len(word) && strings.EqualFold(string(b[:len(word)]), word)
	}
	switch {
	case has(s, "Linux-Sysmon") || has(c, "Linux-Sysmon"):
		return SysmonLinux
	case has(s, "Microsoft-Windows-Sysmon") || has(c, "Microsoft-Windows-Sysmon"):
		return Sysmon
	case has(s, "Microsoft-Windows-Security-Auditing"), s == nil && has(c, "Security"):
		return WindowsSecurity
	}
	return WindowsOther
}

// isAuditID tells the id of an audit event: "1615114232.375:15558".
func isAuditID(v jsonl.Value) bool {
	b, _ := v.Plain()
	dot, colon := bytes.IndexByte(b, '.'), bytes.IndexByte(b, ':')
	return dot > 0 && colon > dot && len(bytes.Trim(b, "0123456789.:")) == 0
}

// decode decodes a line of a known producer. It reports false where the line is about something of no use here.
func (d *Decoder) decode(p Producer, line []byte) bool {
	v := jsonl.Value(line)
	switch p {
	case Sysmon, SysmonLinux, WindowsSecurity:
		return d.windows(p, v)
	case Laurel:
		return d.laurel(v)
	case Osquery:
		return d.osquery(v)
	case Falco:
		return d.falco(v)
	case Tetragon:
		return d.tetragon(v)
	case ECS:
		return d.ecs(v)
	}
	return false
}

// begin empties the event that is filled next.
func (d *Decoder) begin(p Producer) *judge.HostEvent {
	d.ev = judge.HostEvent{Producer: p.String(), Addrs: d.ev.Addrs[:0]}
	return &d.ev
}

const (
	earliest = 946684800 * int64(time.Second)  // 2000-01-01
	latest   = 7258118400 * int64(time.Second) // 2200-01-01
	backward = 24 * int64(time.Hour)
)

// send checks the event's time and hands it on. A connection to nowhere is none.
func (d *Decoder) send(e *judge.HostEvent) bool {
	if e.Kind == judge.Connected && !e.Target.Addr().IsValid() {
		return false
	}
	switch {
	case e.Now == 0:
		d.fault(NoTime, "")
		e.Now = d.last
	case e.Now < earliest || e.Now > latest:
		d.fault(WrongClock, "")
		e.Now = d.last
	case e.Now < d.last-backward:
		d.fault(WrongClock, "a day and more before an earlier line")
	default:
		d.last = max(d.last, e.Now)
	}
	d.stats.Events[e.Kind]++
	d.emit(e)
	return true
}

// text returns a short text that many lines repeat: one copy is shared. Longer ones are cut.
func (d *Decoder) text(v jsonl.Value) string {
	b, ok := v.Plain()
	if !ok {
		d.buf = v.AppendText(d.buf[:0])
		b = d.buf
	}
	return d.texts.get(b[:min(len(b), maxText)])
}

// long returns a text that is not likely to come again.
func (d *Decoder) long(v jsonl.Value) string {
	d.buf = v.AppendText(d.buf[:0])
	return string(d.buf[:min(len(d.buf), maxCommand)])
}

// Bounds of what is taken over of a line.
const (
	maxText    = 4096
	maxCommand = 64 << 10
	maxArgs    = 1024
)

// args returns a list of texts, and whether it was cut.
func (d *Decoder) args(v jsonl.Value) (list []string, cut bool) {
	list = []string{}
	total := 0
	for a := v.Array(); a.Next(); {
		if len(list) == maxArgs || total > maxCommand {
			return list, true
		}
		if a.Value.Is() == 'n' {
			cut = true // laurel leaves such gaps in long lists
			continue
		}
		s := d.long(a.Value)
		total += len(s)
		list = append(list, s)
	}
	return list, cut
}

// interner shares the texts that come again and again. When it is full it begins anew.
type interner struct {
	texts map[string]string
	size  int
}

const maxInterned = 4 << 20

func newInterner() interner { return interner{texts: map[string]string{}} }

func (t *interner) get(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := t.texts[string(b)]; ok {
		return s
	}
	if t.size > maxInterned {
		clear(t.texts)
		t.size = 0
	}
	s := string(b)
	t.texts[s] = s
	t.size += len(s) + 64
	return s
}

// Add adds what was counted elsewhere.
func (s *Stats) Add(o Stats) {
	s.Lines += o.Lines
	s.Bytes += o.Bytes
	s.Unused += o.Unused
	for i, n := range o.ByProducer {
		s.ByProducer[i] += n
	}
	for i, n := range o.Events {
		s.Events[i] += n
	}
	for i, n := range o.Faults {
		s.Faults[i] += n
	}
}
