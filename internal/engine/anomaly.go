package engine

import (
	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// maxRate bounds the decode anomalies of one kind that are written for one flow table in a second of packet time.
const maxRate = 16

// rates count the decode anomalies of a table by their kind. They are kept by table, so that what is left out does not
// depend on the number of workers.
type rates struct {
	kinds [128]struct {
		second int64
		n      int
	}
	suppressed uint64
}

// allow counts an anomaly and reports whether it is to be written.
func (r *rates) allow(e packet.Event, now int64) bool {
	k := &r.kinds[int(e)%len(r.kinds)]
	if second := now / 1e9; second != k.second {
		k.second, k.n = second, 0
	}
	if k.n++; k.n > maxRate {
		r.suppressed++
		return false
	}
	return true
}

// damaged counts the packets that were dropped for their checksum.
type damaged struct{ tcp, other uint64 }

func (d *damaged) count(proto uint8) {
	if proto == packet.ProtoTCP {
		d.tcp++
	} else {
		d.other++
	}
}

// decodeAnomalies writes what the decoder complains about.
func (w *worker) decodeAnomalies(p *packet.Packet, table uint8) {
	if !w.cfg.wants("anomaly") {
		return
	}
	for _, e := range p.Events[:p.EventCount] {
		if !w.rates[table].allow(e, p.Time) {
			continue
		}
		h := eve.Header{Time: p.Time, PcapFile: w.file, PcapCnt: p.Count, Version: p.Version, Proto: p.Proto,
			Src: p.Src.Addr(), Dst: p.Dst.Addr()}
		if w.file == "" {
			h.PcapCnt = 0
		}
		r := w.record("anomaly")
		o := h.BeginPacket(w.out.buf, "anomaly", &w.eve)
		if w.cfg.Ether && p.HasMAC {
			appendEther(&o, p.SrcMAC, p.DstMAC)
		}
		a := o.Begin("anomaly")
		a.Str("type", "decode")
		a.Str("event", "decoder."+e.String())
		o.End(a)
		w.out.buf = h.Finish(&o)
		r.end = uint32(len(w.out.buf))
		w.counts.add("anomaly")
	}
}

// Anomaly implements flows.Handler.
func (w *worker) Anomaly(f *flows.Flow, p *packet.Packet, e flows.Event) {
	w.anomaly(f, p, protocol.ToServer, "stream", e.String(), "")
}

// Panicked implements flows.Handler.
func (w *worker) Panicked(f *flows.Flow, p *packet.Packet, app string, reason any) {
	if f != nil && w.table.Tell(f) {
		w.anomaly(f, p, protocol.ToServer, "applayer", "parser_panic", app)
	}
	if w.fault[app] {
		return
	}
	if w.fault == nil {
		w.fault = make(map[string]bool)
	}
	w.fault[app] = true
	w.cfg.Log("parser %s panicked at packet %d: %v; this is a defect of netsensor: the flow is only counted from here on", app, w.num, reason)
}

func (w *worker) anomaly(f *flows.Flow, p *packet.Packet, d protocol.Dir, typ, name, app string) {
	if !w.cfg.wants("anomaly") {
		return
	}
	if p != nil && typ == "stream" && f.Client != p.Src { // the anomaly is of the packet
		d = protocol.ToClient
	}
	h := w.header(f, p, d)
	r := w.record("anomaly")
	o := h.Begin(w.out.buf, "anomaly", &w.eve)
	w.ether(&o, &h, p)
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
