package engine

import (
	"encoding/json"
	"strings"

	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// statistics are the counters of all workers.
type statistics struct {
	decoder    packet.Counts
	flows      flows.Stats
	defrag     *packet.Defrag
	apps       []flows.AppStats // in the order of parsers
	parsers    []protocol.Parser
	damaged    damaged
	unknown    unknown
	suppressed uint64 // anomalies
}

func (e *Engine) statistics() statistics {
	s := statistics{defrag: &e.disp.defrag, parsers: e.cfg.Parsers()}
	s.apps = make([]flows.AppStats, len(s.parsers))
	s.decoder.Add(&e.disp.dec.Counts)
	s.decoder.Add(&e.disp.defrag.Counts)
	for _, w := range e.workers {
		s.decoder.Add(&w.dec.Counts)
		s.damaged.tcp += w.damaged.tcp
		s.damaged.other += w.damaged.other
		s.unknown.tcp += w.unknown.tcp
		s.unknown.udp += w.unknown.udp
		for i, t := range w.tables {
			if t == nil {
				continue
			}
			s.flows.Add(&t.Stats)
			for k := range t.Apps {
				s.apps[k].Add(&t.Apps[k])
			}
			s.suppressed += t.Stats.Suppressed + w.rates[i].suppressed
		}
	}
	return s
}

// append writes the stats event in the schema's nesting.
func (s *statistics) append(dst []byte, t Totals, o *eve.Options) []byte {
	root := map[string]any{}
	set := func(key string, v uint64) {
		m := root
		for {
			head, rest, more := strings.Cut(key, ".")
			if !more {
				m[head] = v
				return
			}
			next, ok := m[head].(map[string]any)
			if !ok {
				next = map[string]any{}
				m[head] = next
			}
			m, key = next, rest
		}
	}
	within := func(prefix string) func(string, uint64) {
		return func(k string, v uint64) { set(prefix+k, v) }
	}
	set("uptime", uint64(max(t.Last-t.First, 0)/1e9))
	s.decoder.Walk(within("decoder."))
	set("decoder.pkts", t.Packets)
	set("decoder.bytes", t.Bytes)
	s.defrag.Stats.Walk(within("defrag."))
	f := &s.flows
	set("flow.total", f.Total)
	set("flow.active", uint64(f.Active))
	set("flow.tcp", f.TCP)
	set("flow.udp", f.UDP)
	set("flow.icmpv4", f.ICMPv4)
	set("flow.icmpv6", f.ICMPv6)
	set("flow.tcp_reuse", f.Reused)
	set("flow.wrk.flows_evicted", f.Evicted)
	set("flow.end.state.new", f.EndNew)
	set("flow.end.state.established", f.EndEstablished)
	set("flow.end.state.closed", f.EndClosed)
	for state, n := range f.EndTCP {
		set("flow.end.tcp_state."+flows.State(state).String(), n)
	}
	set("flow.mgr.flows_timeout", f.Total-f.Evicted-f.Reused-uint64(f.Active))
	set("tcp.sessions", f.Sessions)
	set("tcp.midstream_pickups", f.Midstream)
	set("tcp.syn", f.Syn)
	set("tcp.synack", f.SynAck)
	set("tcp.rst", f.Rst)
	set("tcp.urg", f.Urg)
	set("tcp.urgent_oob_data", f.UrgentBytes)
	set("tcp.invalid_checksum", s.damaged.tcp)
	set("tcp.overlap", f.Overlap)
	set("tcp.overlap_diff_data", f.OverlapDifferent)
	set("tcp.reassembly_gap", f.Gaps)
	set("tcp.segment_memcap_drop", f.HeldDrops)
	set("tcp.stream_depth_reached", f.LimitReached)
	set("tcp.reassembly_memuse", uint64(f.Held))
	for e := range flows.EventCount {
		if key := e.String(); e != flows.MessageTooLong && f.Events[e] > 0 {
			set(key, f.Events[e])
		}
	}
	s.appLayer(set)
	set("detect.alert", t.Alerts)
	obj := eve.Open(dst, o)
	obj.Time("timestamp", t.Last)
	obj.Str("event_type", "stats")
	obj.Key("stats")
	b, err := json.Marshal(root)
	if err != nil {
		b = []byte("{}") // numbers in maps cannot fail
	}
	obj.B = append(obj.B, b...)
	return append(obj.Close(), '\n')
}

// appLayer sets the counters of app_layer. Protocols that the schema does not know are left out.
func (s *statistics) appLayer(set func(string, uint64)) {
	sums := map[string]uint64{}
	for i := range s.apps {
		a, name := &s.apps[i], s.parsers[i].Name
		tcp, udp := eve.AppKey(name, false), eve.AppKey(name, true)
		if tcp == "" {
			continue
		}
		sums["flow."+tcp] += a.Flows[0]
		sums["flow."+udp] += a.Flows[1]
		key := tcp
		if a.Flows[0] == 0 {
			key = udp
		}
		sums["tx."+key] += a.Transactions
		sums["error."+key+".parser"] += a.Failed
		sums["error."+key+".gap"] += a.Gaps
		sums["error."+key+".internal"] += a.Panics
	}
	sums["flow.failed_tcp"], sums["flow.failed_udp"] = s.unknown.tcp, s.unknown.udp
	for key, n := range sums {
		if n > 0 {
			set("app_layer."+key, n)
		}
	}
}
