package engine

import (
	"math/bits"
	"slices"

	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// lookAhead is how many packets are decoded before their flows are looked up, so that cache misses overlap.
const lookAhead = 32

// worker serves every Workers-th flow table. It is the tables' flows.Handler.
type worker struct {
	cfg    *Config
	eve    eve.Options // of its own: it caches the time
	starts eve.Options // likewise, for the starts and ends of flows
	ends   eve.Options
	dec    packet.Decoder
	tables [tables]*flows.Table // nil where another worker serves it
	// offload tells a damaged packet from one whose checksum the sender's network card had yet to fill in. There is
	// one for each table, so that its bound falls alike for any number of workers.
	offload [tables]packet.Offload
	pkts    [lookAhead]packet.Packet
	owner   [lookAhead]uint8
	flow    [lookAhead]bool // the packet belongs to a flow, and not only to its anomalies
	hash    [lookAhead]uint32
	ctx     [lookAhead]uint32
	warm    int64 // keeps the loads of Touch alive
	due     []flows.Due
	damaged damaged
	unknown unknown

	out   *out
	emit  func(*out) *out // takes a finished piece and gives an empty one
	job   *job
	num   uint64 // number of the packet at hand; of the batch's last one between packets
	sub   uint64
	clock int64
	table *flows.Table // the table at hand

	community communityIDs

	file  string // the capture that is read, or was read last; empty for live capture
	rates [tables]rates
	macs  map[uint64]macs // by Flow.Start, with Config.Ether
	fault map[string]bool // parsers whose panic was logged

	watches []*watch // by Flow.User-1
	free    []uint32
	texts   map[string]string
	scratch [32]byte
	counts  eventCounts
}

func newWorker(cfg *Config, id int) *worker {
	w := &worker{cfg: cfg, eve: cfg.EVE}
	w.dec.CheckChecksums = cfg.CheckChecksums
	fc := cfg.Flows
	fc.TTL = cfg.Netflow
	if cfg.Ether {
		w.macs = make(map[uint64]macs)
	}
	fc.MaxFlows = share(fc.MaxFlows, 1<<20)
	fc.HeldBytes = share(fc.HeldBytes, 64<<20)
	for i := id; i < tables; i += cfg.Workers {
		w.tables[i] = flows.New(fc, cfg.Parsers(), w)
	}
	return w
}

// share divides a bound among the tables.
func share(n, def int) int {
	if n <= 0 {
		n = def
	}
	return max(n/tables, 16)
}

// run does the worker's part of a job.
func (w *worker) run(j *job) {
	w.job = j
	if j.fresh {
		w.num = j.base
		w.endAll()
	}
	frames := j.batch.Frames
	if len(frames) > 0 {
		w.file = j.file
	}
	specials := j.special
	k := 0
	for i := range frames {
		t := j.table[i]
		var s *special
		for len(specials) > 0 && specials[0].frame <= i {
			s, specials = &specials[0], specials[1:]
		}
		if t == noTable || w.tables[t] == nil {
			continue
		}
		p := &w.pkts[k]
		w.flow[k] = w.decode(j, i, s, p)
		if w.flow[k] || p.EventCount > 0 {
			w.owner[k] = t
			if k++; k == lookAhead {
				w.process(k)
				k = 0
			}
		}
	}
	w.process(k)
	w.clock = j.clock
	w.num = j.base + uint64(len(frames))
	w.expire()
	if j.last {
		w.endAll()
	}
	w.out.end = true
	w.out = w.emit(w.out)
}

// flush hands over what was found so far if it has become large.
func (w *worker) flush() {
	if len(w.out.buf) >= outBytes {
		w.out = w.emit(w.out)
	}
}

// decode fills p from frame i, or from what the dispatcher made of it, and reports whether it belongs to a flow.
func (w *worker) decode(j *job, i int, s *special, p *packet.Packet) bool {
	f := &j.batch.Frames[i]
	p.Num, p.Count = j.base+uint64(i)+1, j.count+uint64(i)+1
	p.Time, p.Iface = f.Time, f.Iface
	var r packet.Result
	if s != nil {
		num, count := p.Num, p.Count
		*p = s.pkt
		p.Num, p.Count, p.Time, p.Iface = num, count, f.Time, f.Iface
		if s.data == nil {
			return false
		}
		r = w.dec.DecodeIP(p, s.data)
	} else {
		r = w.dec.Decode(p, f.Link, f.Data, f.Wire)
	}
	if r != packet.OK {
		return false
	}
	if w.cfg.CheckChecksums && w.offload[j.table[i]].Damaged(p) {
		w.damaged.count(p.Proto)
		return false
	}
	if f.VLAN != 0 && p.Tunnel.Depth == 0 {
		p.VLANs = [3]uint16{uint16(f.VLAN) & 0xfff, p.VLANs[0], p.VLANs[1]}
		p.VLANCount++
	}
	if p.Tunnel.Depth > 0 || p.Reassembled > 0 {
		p.WireLen = p.IPLen
	}
	return p.Ports || p.Proto != packet.ProtoTCP && p.Proto != packet.ProtoUDP
}

func (w *worker) process(n int) {
	var loaded [lookAhead]uint64
	for i := range n {
		if !w.flow[i] {
			continue
		}
		flows.Normalise(&w.pkts[i])
		t := w.tables[w.owner[i]]
		w.hash[i], w.ctx[i] = t.Hash(&w.pkts[i])
		loaded[i] = t.Touch(w.hash[i])
	}
	for i := range n {
		if w.flow[i] {
			w.warm += w.tables[w.owner[i]].TouchFlow(w.hash[i], loaded[i])
		}
	}
	for i := range n {
		p := &w.pkts[i]
		w.table = w.tables[w.owner[i]]
		w.num, w.sub, w.clock = p.Num, 0, p.Time
		if p.EventCount > 0 {
			w.decodeAnomalies(p, w.owner[i])
		}
		if w.flow[i] {
			w.table.Add(p, w.hash[i], w.ctx[i])
		}
	}
	w.flush()
}

// expire ends the flows whose time has come, in an order that does not depend on the number of workers.
func (w *worker) expire() {
	w.due = w.due[:0]
	for i, t := range w.tables {
		if t != nil {
			w.due = t.Expire(w.clock, uint8(i), w.due)
		}
	}
	w.endDue()
}

func (w *worker) endAll() {
	w.due = w.due[:0]
	n := 0
	for _, t := range w.tables {
		if t != nil {
			n += t.Active()
		}
	}
	w.due = slices.Grow(w.due, n)
	for i, t := range w.tables {
		if t != nil {
			w.due = t.Shutdown(uint8(i), w.due)
		}
	}
	w.endDue()
}

func (w *worker) endDue() {
	flows.SortDue(w.due)
	for _, d := range w.due {
		w.sub = d.Start
		w.table = w.tables[d.Table]
		w.table.End(d)
		w.flush()
	}
}

// header describes flow f in direction d at packet p (nil between packets).
func (w *worker) header(f *flows.Flow, p *packet.Packet, d protocol.Dir) eve.Header {
	h := eve.Header{
		Time: w.clock, FlowID: flowID(f), Version: 4, Proto: f.Proto,
		Src: f.Client.Addr(), Dst: f.Server.Addr(), SrcPort: f.ClientPort, DstPort: f.ServerPort,
		VLAN: f.VLAN, VLANCount: f.VLANCount, CommunityID: w.communityID(f),
		PcapFile: w.file,
	}
	if f.Proto == packet.ProtoICMP || f.Proto == packet.ProtoICMPv6 {
		m := f.ICMP()
		h.SrcPort, h.DstPort = uint16(m.Type), uint16(m.Code)
	}
	if h.Src.Is6() {
		h.Version = 6
	}
	if d == protocol.ToClient {
		h.Src, h.Dst, h.SrcPort, h.DstPort = h.Dst, h.Src, h.DstPort, h.SrcPort
	}
	if p == nil {
		return h
	}
	h.PcapCnt = p.Count
	if w.file == "" {
		h.PcapCnt = 0
	}
	h.PktSrc = p.PktSrc()
	if p.Tunnel.Depth > 0 {
		h.Tunnel = eve.Tunnel{
			Src: p.Tunnel.Src.Addr(), Dst: p.Tunnel.Dst.Addr(), SrcPort: p.Tunnel.SrcPort, DstPort: p.Tunnel.DstPort,
			Proto: p.Tunnel.Proto, Depth: p.Tunnel.Depth,
		}
	}
	if int(p.Iface) < len(w.job.iface) && w.file == "" {
		h.Iface = w.job.iface[p.Iface].Name
	}
	return h
}

// communityIDs remembers the Community ID of flows that were asked for lately: a flow's events come close together.
type communityIDs [1 << 12]struct {
	start uint64
	text  [30]byte // "1:" and the base64 of a SHA-1
}

// communityID returns the flow's Community ID, lent until the next call.
func (w *worker) communityID(f *flows.Flow) []byte {
	e := &w.community[f.Start%uint64(len(w.community))]
	if e.start != f.Start {
		e.start = f.Start
		c, s := f.ClientAddr(), f.ServerAddr()
		eve.AppendCommunityID(e.text[:0], w.cfg.CommunitySeed, f.Proto, c.Addr(), s.Addr(), c.Port(), s.Port())
	}
	return e.text[:]
}

// flowID makes EVE's flow_id of what identifies a flow in its capture: 51 bits, since JavaScript rounds beyond 53.
func flowID(f *flows.Flow) uint64 {
	hi, lo := bits.Mul64(uint64(f.First)^0x9e3779b97f4a7c15, f.Start*2+1)
	hi2, lo2 := bits.Mul64(lo^hi^uint64(f.Proto), 0xd6e8feb86659fd93)
	return (hi2^lo2)&(1<<51-1) | 1
}

// line starts a record for the packet at hand.
func (w *worker) record(event string) *record {
	w.out.records = append(w.out.records, record{key: w.num, sub: w.sub, event: event})
	r := &w.out.records[len(w.out.records)-1]
	r.line = uint32(len(w.out.buf))
	r.end = r.line
	return r
}

var _ flows.Handler = (*worker)(nil)
