package engine

import (
	"encoding/json"
	"strings"

	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/packet"
)

// statistics are the counters of all workers.
type statistics struct {
	decoder packet.Counts
	flows   flows.Stats
	defrag  func(set func(key string, v uint64))
	apps    []eventCount // flows by app_proto
}

func (e *Engine) statistics() statistics {
	s := statistics{}
	s.decoder.Add(&e.disp.dec.Counts)
	s.decoder.Add(&e.disp.defrag.Counts)
	for _, w := range e.workers {
		s.decoder.Add(&w.dec.Counts)
		for _, t := range w.tables {
			if t != nil {
				s.flows.Add(&t.Stats)
			}
		}
	}
	s.defrag = func(set func(string, uint64)) { e.disp.defrag.Stats.Walk(set) }
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
	s.defrag(within("defrag."))
	f := &s.flows
	set("flow.total", f.Total)
	set("flow.active", uint64(f.Active))
	set("flow.tcp", f.TCP)
	set("flow.udp", f.UDP)
	set("flow.icmpv4", f.ICMPv4)
	set("flow.icmpv6", f.ICMPv6)
	set("flow.tcp_reuse", f.Reused)
	set("flow.get_used", f.Evicted)
	set("flow.end.state.new", f.EndNew)
	set("flow.end.state.established", f.EndEstablished)
	set("flow.end.state.closed", f.EndClosed)
	set("tcp.sessions", f.Sessions)
	set("tcp.midstream_pickups", f.Midstream)
	set("tcp.syn", f.Syn)
	set("tcp.synack", f.SynAck)
	set("tcp.rst", f.Rst)
	set("tcp.overlap", f.Overlap)
	set("tcp.overlap_diff_data", f.OverlapDifferent)
	set("tcp.reassembly_gap", f.Gaps)
	set("tcp.segment_memcap_drop", f.HeldDrops)
	set("tcp.stream_depth_reached", f.LimitReached)
	set("tcp.reassembly_memuse", uint64(f.Held))
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
