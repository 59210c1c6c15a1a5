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
	if w.cfg.Ether {
		w.noteMACs(f, p)
	}
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
	if o.Anomaly != "" && w.table.Tell(f) {
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
	w.ether(&obj, &h, p)
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

// Ended implements flows.Handler.
func (w *worker) Ended(f *flows.Flow, reason flows.Reason) {
	wt := w.watchOf(f)
	if wants := w.cfg.wants("flow"); wants || wt != nil {
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
	if w.cfg.Netflow {
		for d := protocol.ToServer; d <= protocol.ToClient; d++ {
			if f.Packets[d] > 0 {
				w.netflowEvent(f, d)
			}
		}
	}
	if w.cfg.Ether {
		delete(w.macs, f.Start)
	}
	if f.Proto == packet.ProtoTCP || f.Proto == packet.ProtoUDP {
		w.unknown.count(f)
	}
}

// failed reports that the flow's protocol is unknown although its content was looked at.
func failed(f *flows.Flow) bool {
	return f.App == 0 && f.Settled() && (f.Payload(protocol.ToServer) || f.Payload(protocol.ToClient))
}

// unknown counts the flows whose protocol is unknown.
type unknown struct{ tcp, udp uint64 }

func (u *unknown) count(f *flows.Flow) {
	switch {
	case !failed(f):
	case f.Proto == packet.ProtoTCP:
		u.tcp++
	default:
		u.udp++
	}
}

// flowEvent appends the flow's event and returns where the value of "alerted" stands.
func (w *worker) flowEvent(f *flows.Flow, reason flows.Reason) uint32 {
	h := w.header(f, nil, protocol.ToServer)
	o := h.Begin(w.out.buf, "flow", &w.eve)
	app := w.table.App(f.App)
	if failed(f) {
		app = "failed"
	}
	o.StrIf("app_proto", app)
	o.StrIf("app_proto_ts", w.table.Looks(f, protocol.ToServer))
	o.StrIf("app_proto_tc", w.table.Looks(f, protocol.ToClient))
	o.StrIf("app_proto_orig", w.table.App(f.AppBefore))
	if f.Packets[protocol.ToClient] > 0 && (f.Proto == packet.ProtoICMP || f.Proto == packet.ProtoICMPv6) {
		if m := f.ICMP(); m.Replies {
			o.Uint("response_icmp_type", uint64(m.Reply))
			o.Uint("response_icmp_code", uint64(m.Code))
		}
	}
	if w.cfg.Ether {
		w.flowEther(&o, f)
	}
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
	o.B = eve.AppendUint(o.B, age(f))
	o.B = append(o.B, `,"state":"`...)
	o.B = append(o.B, f.State()...)
	o.B = append(o.B, `","reason":"`...)
	o.B = append(o.B, reason.String()...)
	o.B = append(o.B, `","alerted":`...)
	at := uint32(len(o.B))
	o.B = append(o.B, "false"...)
	if n := w.table.Transactions(f); n > 0 {
		o.B = append(o.B, `,"tx_cnt":`...)
		o.B = eve.AppendUint(o.B, uint64(n))
	}
	o.B = append(o.B, '}')
	if f.Proto == packet.ProtoTCP {
		o.B = appendTCP(o.B, f)
	}
	w.out.buf = h.Finish(&o)
	return at
}

// age is the flow's age as Suricata has it: between the seconds, without their fractions.
func age(f *flows.Flow) uint64 { return uint64(max(f.Last/1e9-f.First/1e9, 0)) }

// netflowEvent writes what direction d of the flow carried.
func (w *worker) netflowEvent(f *flows.Flow, d protocol.Dir) {
	h := w.header(f, nil, d)
	r := w.record("netflow")
	o := h.Begin(w.out.buf, "netflow", &w.eve)
	o.StrIf("app_proto", w.table.App(f.App))
	n := o.Begin("netflow")
	n.Uint("pkts", uint64(f.Packets[d]))
	n.Uint("bytes", f.Bytes[d])
	n.Time("start", f.First)
	n.Time("end", f.Last)
	n.Uint("age", age(f))
	lowest, highest := w.table.TTL(f, d)
	n.Uint("min_ttl", uint64(lowest))
	n.Uint("max_ttl", uint64(highest))
	if tx := w.table.Transactions(f); tx > 0 {
		n.Uint("tx_cnt", uint64(tx))
	}
	o.End(n)
	if f.Proto == packet.ProtoTCP {
		o.B = append(o.B, `,"tcp":{"tcp_flags":"`...)
		o.B = eve.AppendHex(o.B, f.TCPFlags[d:d+1], 0)
		o.B = append(o.B, '"')
		o.B = append(appendFlags(o.B, f.TCPFlags[d]), '}')
	}
	w.out.buf = h.Finish(&o)
	r.end = uint32(len(w.out.buf))
	w.counts.add("netflow")
}

// flagNames are the members for each TCP flag, from FIN to CWR.
var flagNames = [...]string{`,"fin":true`, `,"syn":true`, `,"rst":true`, `,"psh":true`, `,"ack":true`, `,"urg":true`, `,"ecn":true`, `,"cwr":true`}

func appendFlags(b []byte, flags uint8) []byte {
	for i, name := range flagNames {
		if flags&(1<<i) != 0 {
			b = append(b, name...)
		}
	}
	return b
}

func appendTCP(b []byte, f *flows.Flow) []byte {
	all := f.TCPFlags[0] | f.TCPFlags[1]
	b = append(b, `,"tcp":{"tcp_flags":"`...)
	b = eve.AppendHex(b, []byte{all}, 0)
	b = append(b, `","tcp_flags_ts":"`...)
	b = eve.AppendHex(b, f.TCPFlags[:1], 0)
	b = append(b, `","tcp_flags_tc":"`...)
	b = eve.AppendHex(b, f.TCPFlags[1:], 0)
	b = append(b, '"')
	b = appendFlags(b, all)
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
