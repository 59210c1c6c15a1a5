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
	o.Raw(`"flow":{"pkts_toserver":`)
	o.B = eve.AppendUint(o.B, uint64(f.Packets[0]))
	o.B = append(o.B, `,"pkts_toclient":`...)
	o.B = eve.AppendUint(o.B, uint64(f.Packets[1]))
	o.B = append(o.B, `,"bytes_toserver":`...)
	o.B = eve.AppendUint(o.B, f.Bytes[0])
	o.B = append(o.B, `,"bytes_toclient":`...)
	o.B = eve.AppendUint(o.B, f.Bytes[1])
	o.B = append(o.B, `,"start":"`...)
	o.B = w.starts.AppendTime(o.B, f.First)
	o.B = append(o.B, `","end":"`...)
	o.B = w.ends.AppendTime(o.B, f.Last)
	o.B = append(o.B, `","age":`...)
	o.B = eve.AppendUint(o.B, uint64(max(f.Last/1e9-f.First/1e9, 0)))
	o.B = append(o.B, `,"state":"`...)
	o.B = append(o.B, f.State()...)
	o.B = append(o.B, `","reason":"`...)
	o.B = append(o.B, reason.String()...)
	o.B = append(o.B, `","alerted":`...)
	at := uint32(len(o.B))
	o.B = append(o.B, "false}"...)
	if f.Proto == packet.ProtoTCP {
		o.B = appendTCP(o.B, f)
	}
	w.out.buf = h.Finish(&o)
	return at
}

// flagNames are the members for each TCP flag, from FIN to CWR.
var flagNames = [...]string{`,"fin":true`, `,"syn":true`, `,"rst":true`, `,"psh":true`, `,"ack":true`, `,"urg":true`, `,"ecn":true`, `,"cwr":true`}

func appendTCP(b []byte, f *flows.Flow) []byte {
	all := f.TCPFlags[0] | f.TCPFlags[1]
	b = append(b, `,"tcp":{"tcp_flags":"`...)
	b = eve.AppendHex(b, []byte{all}, 0)
	b = append(b, `","tcp_flags_ts":"`...)
	b = eve.AppendHex(b, f.TCPFlags[:1], 0)
	b = append(b, `","tcp_flags_tc":"`...)
	b = eve.AppendHex(b, f.TCPFlags[1:], 0)
	b = append(b, '"')
	for i, name := range flagNames {
		if all&(1<<i) != 0 {
			b = append(b, name...)
		}
	}
	b = append(b, `,"state":"`...)
	b = append(b, f.TCPState()...)
	b = append(b, '"')
	if f.Gap(protocol.ToServer) {
		b = append(b, `,"ts_gap":true`...)
	}
	if f.Gap(protocol.ToClient) {
		b = append(b, `,"tc_gap":true`...)
	}
	return append(b, '}')
}
