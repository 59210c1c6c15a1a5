package engine

import (
	"netsensor/internal/eve"
	"netsensor/internal/judge"
	"netsensor/internal/output"
)

// merger puts what the workers found in order, asks the judge, and writes.
type merger struct {
	cfg    *Config
	eve    eve.Options
	from   []chan *out // per worker, with several
	free   []chan *out
	heads  []head
	line   []byte
	alerts uint64
	counts eventCounts
	event  output.Event
	err    error // the sink's; nothing is written after it
}

// head is the piece of a worker's output that is being merged.
type head struct {
	out  *out
	next int
}

// begin is called before the first piece of a batch.
func (m *merger) begin(j *job) {
	if j.fresh && m.cfg.Judge != nil {
		m.cfg.Judge.Restart()
	}
	if j.base == 0 && m.cfg.wants("engine") {
		m.notes(j)
	}
}

func (m *merger) notes(j *job) {
	at := j.clock
	if len(j.batch.Frames) > 0 {
		at = j.batch.Frames[0].Time
	}
	for _, n := range m.cfg.Notes {
		o := eve.Open(m.line[:0], &m.eve)
		o.Time("timestamp", at)
		o.Str("event_type", "engine")
		o.Str("log_level", "Info")
		e := o.Begin("engine")
		e.Str("message", n.Text)
		e.Str("module", n.Module)
		o.End(e)
		m.line = append(o.Close(), '\n')
		m.counts.add("engine")
		m.event = output.Event{Type: "engine", Time: at, Line: m.line}
		if m.err == nil {
			m.err = m.cfg.Sink.Write(&m.event)
		}
	}
}

// take writes all of o: what the only worker found.
func (m *merger) take(o *out) {
	for i := range o.records {
		if m.err == nil {
			m.err = m.one(o, &o.records[i])
		}
	}
	o.reset()
}

// merge writes one batch of several workers.
func (m *merger) merge() {
	for i := range m.heads {
		m.heads[i] = head{out: <-m.from[i]}
	}
	for {
		var best *head
		var at *record
		for i := range m.heads {
			r := m.peek(i)
			if r != nil && (at == nil || r.key < at.key || r.key == at.key && r.sub < at.sub) {
				best, at = &m.heads[i], r
			}
		}
		if at == nil {
			return
		}
		best.next++
		if m.err == nil {
			m.err = m.one(best.out, at)
		}
	}
}

// peek returns the next record of worker i in this batch, waiting for it, or nil at the batch's end.
func (m *merger) peek(i int) *record {
	h := &m.heads[i]
	for h.out != nil && h.next == len(h.out.records) {
		end := h.out.end
		h.out.reset()
		m.free[i] <- h.out
		*h = head{}
		if !end {
			h.out = <-m.from[i]
		}
	}
	if h.out == nil {
		return nil
	}
	return &h.out.records[h.next]
}

func (m *merger) one(o *out, r *record) error {
	var alerts []*judge.Alert
	var conv *judge.Conversation
	var ev *evidence
	alerted := false
	switch {
	case r.snap != 0:
		s := &o.snaps[r.snap-1]
		outcome := m.cfg.Judge.Conversation(&s.conv)
		alerts, conv, ev, alerted = outcome.Alerts, &s.conv, &s.evidence, outcome.Alerted
	case r.lookup != 0:
		l := &o.lookups[r.lookup-1]
		alerts, conv, ev = m.cfg.Judge.Lookup(&l.msg), &l.conv, &l.evidence
	}
	for _, a := range alerts {
		if err := m.alert(o, conv, ev, a); err != nil {
			return err
		}
	}
	if r.line == r.end {
		return nil
	}
	line := o.buf[r.line:r.end]
	if alerted && r.alerted != 0 {
		at := r.alerted - r.line
		m.line = append(append(append(m.line[:0], line[:at]...), "true"...), line[at+uint32(len("false")):]...)
		line = m.line
	}
	m.event = output.Event{Type: r.event, Line: line}
	return m.cfg.Sink.Write(&m.event)
}

// alert writes one alert: the judgement, and the conversation that it is about, as the client sees it.
func (m *merger) alert(o *out, c *judge.Conversation, ev *evidence, a *judge.Alert) error {
	m.alerts++
	if !m.cfg.wants("alert") {
		return nil
	}
	h := m.header(c, ev)
	obj := h.Begin(m.line[:0], "alert", &m.eve)
	obj.B = append(obj.B, ',')
	obj.B = a.AppendEVE(obj.B, &m.eve)
	obj.Section(o.buf[ev.section.from:ev.section.to])
	obj.StrIf("app_proto", c.App)
	obj.Str("direction", "to_server")
	fl := obj.Begin("flow")
	fl.Uint("pkts_toserver", c.PktsToServer)
	fl.Uint("pkts_toclient", c.PktsToClient)
	fl.Uint("bytes_toserver", c.BytesToServer)
	fl.Uint("bytes_toclient", c.BytesToClient)
	fl.Time("start", c.Start)
	fl.Addr("src_ip", h.Src)
	fl.Addr("dest_ip", h.Dst)
	if h.SrcPort != 0 {
		fl.Uint("src_port", uint64(h.SrcPort))
		fl.Uint("dest_port", uint64(h.DstPort))
	}
	obj.End(fl)
	m.line = h.Finish(&obj)
	m.counts.add("alert")
	m.event = output.Event{Type: "alert", Time: h.Time, Line: m.line}
	return m.cfg.Sink.Write(&m.event)
}

func (m *merger) header(c *judge.Conversation, ev *evidence) eve.Header {
	h := eve.Header{
		Time: c.Now, FlowID: c.ID, Iface: ev.iface, PcapFile: ev.file, PcapCnt: ev.count, VLAN: ev.vlans, VLANCount: ev.vlanCount,
		Version: 4, Proto: c.Proto, Src: c.Client.Addr(), Dst: c.Server.Addr(), SrcPort: c.Client.Port(), DstPort: c.Server.Port(),
	}
	if h.Src.Is6() {
		h.Version = 6
	}
	if ev.file == "" {
		h.PcapCnt = 0
	}
	h.CommunityID = eve.AppendCommunityID(nil, m.cfg.CommunitySeed, h.Proto, h.Src, h.Dst, h.SrcPort, h.DstPort)
	if t := ev.tunnel; t != nil {
		h.PktSrc = t.Kind.PktSrc()
		h.Tunnel = eve.Tunnel{Src: t.Src.Addr(), Dst: t.Dst.Addr(), SrcPort: t.SrcPort, DstPort: t.DstPort, Proto: t.Proto, Depth: t.Depth}
	}
	return h
}

// eventCounts counts events by type.
type eventCounts struct{ list []eventCount }

type eventCount struct {
	event string
	n     uint64
}

func (c *eventCounts) add(event string) { c.addN(event, 1) }

func (c *eventCounts) addN(event string, n uint64) {
	for i := range c.list {
		if c.list[i].event == event {
			c.list[i].n += n
			return
		}
	}
	c.list = append(c.list, eventCount{event, n})
}
