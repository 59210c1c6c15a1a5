package engine

import (
	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/judge"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// Opened implements flows.Handler.
func (w *worker) Opened(f *flows.Flow, p *packet.Packet) {
	if w.cfg.Watched != nil && w.cfg.Watched(f.Client.Addr(), f.Server.Addr()) {
		w.watch(f, p)
	}
}

// Observed implements flows.Handler.
func (w *worker) Observed(f *flows.Flow, p *packet.Packet, o *protocol.Observation) {
	wt := w.watchOf(f)
	var section span
	switch {
	case o.Event != "" && w.cfg.wants(o.Event):
		section = w.writeEvent(f, p, o)
	case o.Detail != nil && wt != nil:
		section.from = uint32(len(w.out.buf))
		w.out.buf = o.Detail.AppendEVE(w.out.buf, &w.eve)
		section.to = uint32(len(w.out.buf))
	}
	if o.Anomaly != "" {
		w.anomaly(f, p, o.Dir, "applayer", o.Anomaly, w.table.App(f.App))
	}
	if wt != nil {
		w.learn(wt, f, p, o, section)
	}
}

// span is a piece of out.buf.
type span struct{ from, to uint32 }

func (w *worker) writeEvent(f *flows.Flow, p *packet.Packet, o *protocol.Observation) (section span) {
	h := w.header(f, p, o.Dir)
	r := w.record(o.Event)
	obj := h.Begin(w.out.buf, o.Event, &w.eve)
	if o.TxID != protocol.NoTx {
		obj.Uint("tx_id", uint64(o.TxID))
	}
	if o.Detail != nil {
		obj.B = append(obj.B, ',')
		section.from = uint32(len(obj.B))
		obj.B = o.Detail.AppendEVE(obj.B, &w.eve)
		if section.to = uint32(len(obj.B)); section.to == section.from {
			obj.B = obj.B[:section.from-1]
		}
	}
	if app := w.table.App(f.App); app != "" && app != o.Event {
		obj.Str("app_proto", app)
	}
	w.out.buf = h.Finish(&obj)
	r.end = uint32(len(w.out.buf))
	w.counts.add(o.Event)
	return section
}

// Settled implements flows.Handler.
func (w *worker) Settled(f *flows.Flow, p *packet.Packet) {
	if wt := w.watchOf(f); wt != nil {
		w.submit(wt, f, p, judge.Settled, nil)
	}
}

// Anomaly implements flows.Handler.
func (w *worker) Anomaly(f *flows.Flow, p *packet.Packet, name string) {
	w.anomaly(f, p, protocol.ToServer, "stream", name, "")
}

func (w *worker) anomaly(f *flows.Flow, p *packet.Packet, d protocol.Dir, typ, name, app string) {
	if !w.cfg.wants("anomaly") {
		return
	}
	h := w.header(f, p, d)
	r := w.record("anomaly")
	o := h.Begin(w.out.buf, "anomaly", &w.eve)
	a := o.Begin("anomaly")
	a.StrIf("app_proto", app)
	a.Str("type", typ)
	a.Str("event", name)
	if typ == "applayer" {
		a.Str("layer", "proto_parser")
	}
	o.End(a)
	w.out.buf = h.Finish(&o)
	r.end = uint32(len(w.out.buf))
	w.counts.add("anomaly")
}

// Ended implements flows.Handler.
func (w *worker) Ended(f *flows.Flow, p *packet.Packet, reason flows.Reason) {
	wt := w.watchOf(f)
	wants := w.cfg.wants("flow")
	if !wants && wt == nil {
		return
	}
	r := w.record("flow")
	i := len(w.out.records) - 1
	if wants {
		r.alerted = w.flowEvent(f, reason)
		r.end = uint32(len(w.out.buf))
		w.counts.add("flow")
	}
	if wt != nil {
		w.submit(wt, f, nil, judge.Ended, &w.out.records[i])
		w.unwatch(f)
	}
}

// flowEvent appends the flow's event and returns where the value of "alerted" stands.
func (w *worker) flowEvent(f *flows.Flow, reason flows.Reason) uint32 {
	h := w.header(f, nil, protocol.ToServer)
	o := h.Begin(w.out.buf, "flow", &w.eve)
	app := w.table.App(f.App)
	if app == "" && f.Settled() && (f.Payload(protocol.ToServer) || f.Payload(protocol.ToClient)) {
		app = "failed"
	}
	o.StrIf("app_proto", app)
	o.StrIf("app_proto_orig", w.table.App(f.AppBefore))
	fl := o.Begin("flow")
	flowCounters(&fl, [2]uint64{uint64(f.Packets[0]), uint64(f.Packets[1])}, f.Bytes, f.First)
	fl.Time("end", f.Last)
	fl.Int("age", (f.Last-f.First)/1e9)
	fl.Str("state", f.State())
	fl.Str("reason", reason.String())
	fl.Key("alerted")
	at := uint32(len(fl.B))
	fl.B = append(fl.B, "false"...)
	o.End(fl)
	if f.Proto == packet.ProtoTCP {
		t := o.Begin("tcp")
		tcpFlags(&t, f.TCPFlags)
		t.Str("state", f.TCPState())
		t.True("ts_gap", f.Gap(protocol.ToServer))
		t.True("tc_gap", f.Gap(protocol.ToClient))
		o.End(t)
	}
	w.out.buf = h.Finish(&o)
	return at
}

func flowCounters(o *eve.Object, pkts, bytes [2]uint64, start int64) {
	o.Uint("pkts_toserver", pkts[0])
	o.Uint("pkts_toclient", pkts[1])
	o.Uint("bytes_toserver", bytes[0])
	o.Uint("bytes_toclient", bytes[1])
	o.Time("start", start)
}

func tcpFlags(o *eve.Object, flags [2]uint8) {
	all := flags[0] | flags[1]
	o.Hex("tcp_flags", []byte{all}, 0)
	o.Hex("tcp_flags_ts", flags[:1], 0)
	o.Hex("tcp_flags_tc", flags[1:], 0)
	for i, name := range [...]string{"fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"} {
		o.True(name, all&(1<<i) != 0)
	}
}
