package flows

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unsafe"

	"netsensor/internal/packet"
	"netsensor/internal/protocol"
)

// Config sets the bounds of a Table. The zero value of a field means its default.
type Config struct {
	// MaxFlows bounds the flows of the table; the longest idle go first. Default 65,536.
	MaxFlows int
	// HeldBytes bounds the bytes that all flows of the table hold back while messages are incomplete or segments
	// are missing, and what their streams take; the flow that has held longest loses them first. Default 4 MiB.
	HeldBytes int
	// FlowHeldBytes bounds out-of-order bytes of one direction of a flow; beyond, the hole is given up. Default 256 KiB.
	FlowHeldBytes int
	// Timeouts in ns by state.
	Timeouts Timeouts
	// IgnoreVLAN leaves the VLAN tags out of the flow key, IgnoreTunnel the tunnel's identifier.
	IgnoreVLAN, IgnoreTunnel bool
	// DedupWindow is the time in ns within which a packet that was seen already is passed over, as SPAN ports that
	// mirror both ways of a link send them. 0 passes over none.
	DedupWindow int64
	// TTL notes the TTLs of each flow, for Table.TTL.
	TTL bool
}

// Timeouts are the idle times in ns after which a flow ends. The defaults are Suricata's, but for closed TCP (10 s)
// and for UDP and others once both sides have spoken (60 s, as Zeek has it): most are a single exchange.
type Timeouts struct {
	TCPNew, TCPEstablished, TCPClosed int64
	New, Established                  int64
}

const second = int64(1e9)

func (c Config) withDefaults() Config {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	defT := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&c.MaxFlows, 1<<16)
	def(&c.HeldBytes, 4<<20)
	def(&c.FlowHeldBytes, 256<<10)
	defT(&c.Timeouts.TCPNew, 60*second)
	defT(&c.Timeouts.TCPEstablished, 600*second)
	defT(&c.Timeouts.TCPClosed, 10*second)
	defT(&c.Timeouts.New, 30*second)
	defT(&c.Timeouts.Established, 60*second)
	return c
}

// Handler is told what happens to flows. f, p and o are lent for the call. p is nil where no packet is at hand: at
// a timeout or the end of the input.
type Handler interface {
	// Opened is called for each new flow, after its first packet was counted.
	Opened(f *Flow, p *packet.Packet)
	// Observed is called for each observation of the flow's parser.
	Observed(f *Flow, p *packet.Packet, o *protocol.Observation)
	// Settled is called once per flow when no parser will look at it any more, if one ever was to.
	Settled(f *Flow, p *packet.Packet)
	// Anomaly is called for malformed traffic that the table itself sees (type "stream"), at most eight times a flow.
	Anomaly(f *Flow, p *packet.Packet, e Event)
	// Ended is called when the flow leaves the table.
	Ended(f *Flow, r Reason)
	// Panicked is called when a parser panicked: a defect. The flow, nil where none is at hand, is only counted from
	// then on.
	Panicked(f *Flow, p *packet.Packet, app string, reason any)
}

// Stats are the table's counters since its start, Active and Held the present state.
type Stats struct {
	Active, Held                           int
	Total, TCP, UDP, ICMPv4, ICMPv6, Other uint64
	Evicted, Reused                        uint64
	Sessions, Midstream                    uint64
	Syn, SynAck, Rst, Urg                  uint64
	Overlap, OverlapDifferent              uint64
	Gaps, HeldDrops, LimitReached          uint64
	OutOfOrder, Retransmitted              uint64
	WrongRst, WrongFin, UrgentBytes        uint64
	Panics, Duplicates, Suppressed         uint64
	// Events counts what Handler.Anomaly is told of, and what it is not told because the flow had enough.
	Events                            [EventCount]uint64
	EndNew, EndEstablished, EndClosed uint64
	// EndTCP counts the ends of TCP flows by State.
	EndTCP [StateClosed + 1]uint64
}

// Table is a set of flows.
type Table struct {
	cfg     Config
	handler Handler
	seed    [4]uint64

	memory *memory
	index  []uint64 // hash<<32 | record number+1; 0 is empty; linear probing
	mask   uint32
	slab   []Flow  // the records, cfg.MaxFlows of them
	more   []extra // beside slab, for what few flows need
	free   uint32  // list of free records through Flow.wheelNext; number+1
	used   uint32  // records ever taken from the slab
	count  int

	wheel wheel
	dedup *dedup

	parsers  []protocol.Parser
	over     [2][]uint8 // the parsers over TCP and over UDP; bit sets of candidates are of places in these
	all      [2]uint64  // all of them
	late     uint64     // those that may begin late in a TCP flow
	streams  [][]protocol.Stream
	sides    []*side
	freeSide [2][]uint32 // unused sides, without and with halves
	oldest   *side       // holders of bytes, longest first
	newest   *side
	buffers  buffers

	ctx      protocol.Context
	sink     sink
	reversal reversal
	Stats    Stats
	// Apps are the counters of the parsers, in their order.
	Apps []AppStats
}

// extra is what few flows need: its memory is touched, and so taken from the system, for those only.
type extra struct {
	transactions uint32
	syn          uint32   // see oddSyn
	apps         [2]uint8 // what a direction looks like if it is not the flow's protocol: parser number, otherApp for none
	anomalies    uint8
	minTTL       [2]uint8
	maxTTL       [2]uint8
}

// The layout is part of the speed: a record must not straddle cache lines.
var _ [128]struct{} = [unsafe.Sizeof(Flow{})]struct{}{}

// New returns an empty table that tries the parsers in the order given: at most 64 over TCP and 64 over UDP.
func New(cfg Config, parsers []protocol.Parser, h Handler) *Table {
	t := &Table{cfg: cfg.withDefaults(), handler: h, parsers: parsers}
	for i := range t.seed {
		t.seed[i] = rand.Uint64()
	}
	t.index = make([]uint64, 256)
	t.mask = 255
	t.memory = newMemory(t)
	t.slab = newSlab[Flow](t.memory, t.cfg.MaxFlows)
	t.more = newSlab[extra](t.memory, t.cfg.MaxFlows)
	t.wheel.reset()
	if t.cfg.DedupWindow > 0 {
		t.dedup = newDedup(t.cfg.DedupWindow)
	}
	t.streams = make([][]protocol.Stream, len(parsers))
	t.Apps = make([]AppStats, len(parsers))
	for i, p := range parsers {
		if p.Over&protocol.TCP != 0 {
			if p.Late {
				t.late |= 1 << len(t.over[0])
			}
			t.over[0] = append(t.over[0], uint8(i))
		}
		if p.Over&protocol.UDP != 0 {
			t.over[1] = append(t.over[1], uint8(i))
		}
	}
	for over, list := range t.over {
		if len(list) > maxParsers || len(parsers) >= otherApp {
			panic("flows: too many parsers") // a fault of the program's, not of the input's
		}
		t.all[over] = 1<<len(list) - 1
	}
	t.sides = append(t.sides, nil)
	t.sink.t = t
	t.ctx.Sink = &t.sink
	return t
}

// App returns the name of the parser that Flow.App or Flow.AppBefore numbers, empty for none.
func (t *Table) App(n uint8) string {
	if n == 0 {
		return ""
	}
	return t.parsers[n-1].Name
}

func (t *Table) at(n uint32) *Flow { return &t.slab[n] }

// number returns the number of f's record.
func (t *Table) number(f *Flow) uint32 {
	return uint32((uintptr(unsafe.Pointer(f)) - uintptr(unsafe.Pointer(unsafe.SliceData(t.slab)))) / unsafe.Sizeof(Flow{}))
}

// extra returns what is kept of f beside its record, for writing.
func (t *Table) extra(f *Flow) *extra {
	x := &t.more[t.number(f)]
	if !f.has(bitExtra) {
		*x = extra{}
		f.bits |= bitExtra
	}
	return x
}

// Hash returns the hash of p's flow, the same for both directions. It is seeded anew in every table, so that no
// stranger can choose tuples that collide.
func (t *Table) Hash(p *packet.Packet) (hash, context uint32) {
	context = t.context(p)
	return t.hash(&p.Src, &p.Dst, p.SrcPort, p.DstPort, p.Proto, context), context
}

func (t *Table) hash(src, dst *packet.Address, srcPort, dstPort uint16, proto uint8, context uint32) uint32 {
	a := *(*[2]uint64)(unsafe.Pointer(src))
	b := *(*[2]uint64)(unsafe.Pointer(dst))
	x := t.endpoint(a, srcPort) + t.endpoint(b, dstPort)
	hi, lo := bits.Mul64(x^t.seed[2], uint64(context)<<8^uint64(proto)^t.seed[3])
	h := hi ^ lo
	return uint32(h ^ h>>32)
}

func (t *Table) endpoint(a [2]uint64, port uint16) uint64 {
	hi, lo := bits.Mul64(a[0]^t.seed[0]^uint64(port)<<17, a[1]^t.seed[1]^uint64(port))
	return hi ^ lo
}

// context stands for what else is part of a flow's key: VLANs and tunnel. Different ones rarely give the same number;
// a priority tag (VLAN 0) is as good as none.
func (t *Table) context(p *packet.Packet) uint32 {
	var vlans, tunnel uint64
	if p.VLANCount > 0 && !t.cfg.IgnoreVLAN {
		vlans = uint64(p.VLANs[0]) | uint64(p.VLANs[1])<<16 | uint64(p.VLANs[2])<<32
	}
	if p.Tunnel.HasID && !t.cfg.IgnoreTunnel {
		tunnel = uint64(p.Tunnel.ID) | 1<<32
	}
	if vlans|tunnel == 0 {
		return 0
	}
	hi, lo := bits.Mul64(vlans^0x9e3779b97f4a7c15, tunnel^0xd6e8feb86659fd93)
	return uint32(hi ^ lo>>32 ^ lo)
}

// Touch loads the cache lines that Add will need for a packet of this hash: called for a batch of packets before
// Add is called for each, the loads overlap. It returns something to keep the load alive.
func (t *Table) Touch(hash uint32) uint64 { return t.index[hash&t.mask] }

// TouchFlow is Touch for the record; e is what Touch returned.
func (t *Table) TouchFlow(hash uint32, e uint64) int64 {
	if uint32(e>>32) != hash || e == 0 {
		return 0
	}
	f := t.at(uint32(e) - 1)
	return f.Last + int64(f.state)
}

func (t *Table) find(p *packet.Packet, hash, context uint32) (*Flow, uint32, protocol.Dir) {
	for pos := hash & t.mask; ; pos = (pos + 1) & t.mask {
		e := t.index[pos]
		if e == 0 {
			return nil, 0, 0
		}
		if uint32(e>>32) != hash {
			continue
		}
		n := uint32(e) - 1
		f := t.at(n)
		if f.Proto != p.Proto || f.context != context {
			continue
		}
		if f.ClientPort == p.SrcPort && f.ServerPort == p.DstPort && f.Client == p.Src && f.Server == p.Dst {
			return f, n, protocol.ToServer
		}
		if f.ClientPort == p.DstPort && f.ServerPort == p.SrcPort && f.Client == p.Dst && f.Server == p.Src {
			return f, n, protocol.ToClient
		}
	}
}

// insert takes a record for a new flow and enters it into the index. The record is not cleared.
func (t *Table) insert(hash uint32) (*Flow, uint32) {
	if t.count >= t.cfg.MaxFlows {
		t.evict()
	}
	if t.count >= len(t.index)/4*3 {
		t.grow()
	}
	n := t.free
	if n != 0 {
		n--
		t.free = t.at(n).wheelNext
	} else {
		n = t.used
		t.used++
	}
	t.enter(hash, n)
	t.count++
	t.Stats.Active++
	return t.at(n), n
}

func (t *Table) enter(hash, n uint32) {
	pos := hash & t.mask
	for t.index[pos] != 0 {
		pos = (pos + 1) & t.mask
	}
	t.index[pos] = uint64(hash)<<32 | uint64(n+1)
}

func (t *Table) grow() {
	old := t.index
	t.index = newSlab[uint64](t.memory, 2*len(old))
	t.mask = uint32(len(t.index) - 1)
	for _, e := range old {
		if e != 0 {
			t.enter(uint32(e>>32), uint32(e)-1)
		}
	}
	freeSlab(t.memory, old)
}

// remove takes record n out of the index, moving back what probing had pushed beyond it.
func (t *Table) remove(hash, n uint32) {
	pos := hash & t.mask
	for t.index[pos] != uint64(hash)<<32|uint64(n+1) {
		pos = (pos + 1) & t.mask
	}
	for {
		t.index[pos] = 0
		hole := pos
		for {
			pos = (pos + 1) & t.mask
			e := t.index[pos]
			if e == 0 {
				return
			}
			home := uint32(e>>32) & t.mask
			// e may fill the hole unless its home lies cyclically in (hole, pos].
			if (pos-home)&t.mask >= (pos-hole)&t.mask {
				t.index[hole] = e
				break
			}
		}
	}
}

// finish ends the flow: its stream says what is pending, the handler hears of it. The record is still in the table.
func (t *Table) finish(f *Flow, r Reason) {
	t.settle(f, nil)
	switch f.State() {
	case "new":
		t.Stats.EndNew++
	case "closed":
		t.Stats.EndClosed++
	default:
		t.Stats.EndEstablished++
	}
	if f.Proto == packet.ProtoTCP {
		t.Stats.EndTCP[f.state]++
	}
	t.handler.Ended(f, r)
}

// end finishes a flow that is not on the wheel and frees its record.
func (t *Table) end(n uint32, r Reason) {
	f := t.at(n)
	f.bits |= bitDue
	t.finish(f, r)
	t.remove(t.hash(&f.Client, &f.Server, f.ClientPort, f.ServerPort, f.Proto, f.context), n)
	t.count--
	t.Stats.Active--
	f.wheelNext = t.free
	t.free = n + 1
}

// evict ends the flow that would time out next: when strangers fill the table, their half-open connections go before
// the established ones.
func (t *Table) evict() {
	if n, ok := t.wheel.soonest(t); ok {
		t.Stats.Evicted++
		t.end(n, Forced)
	}
}

// Active returns the number of flows.
func (t *Table) Active() int { return t.count }

// Due is a flow whose time has come.
type Due struct {
	// Start is the number of the flow's first packet, Table the number that was given to Expire or Shutdown.
	Start uint64
	n     uint32
	Table uint8
	r     Reason
}

// Expire appends the flows that have been idle for longer than their timeout at now to dst, taking them off the
// wheel; the caller must End each of them. table is handed back in Due. The engine sorts them, so that the order does
// not depend on how flows are spread over tables.
func (t *Table) Expire(now int64, table uint8, dst []Due) []Due {
	return t.wheel.advance(t, now, table, dst)
}

// Shutdown appends all flows to dst, as Expire does. The table may be used anew from any time.
func (t *Table) Shutdown(table uint8, dst []Due) []Due {
	return t.wheel.drain(t, table, slices.Grow(dst, t.count))
}

// SortDue puts flows in the order in which they began.
func SortDue(due []Due) {
	slices.SortFunc(due, func(a, b Due) int { return cmp.Compare(a.Start, b.Start) })
}

// End ends a flow that Expire or Shutdown of this table gave.
func (t *Table) End(d Due) { t.end(d.n, d.r) }

// Transactions returns how many transactions the flow's parsers have spoken of.
func (t *Table) Transactions(f *Flow) uint32 {
	switch {
	case f.odd&oddEvent == 0:
		return 0
	case !f.has(bitExtra):
		return 1
	}
	return max(t.extra(f).transactions, 1)
}

// otherApp stands for a direction that is no parser's.
const otherApp = 0xff

// Looks returns what direction d of a flow looks like where that is not the flow's own protocol: a parser's name,
// "failed" for none, empty where it was not in question.
func (t *Table) Looks(f *Flow, d protocol.Dir) string {
	if f.App == 0 || !f.has(bitExtra) {
		return ""
	}
	switch n := t.extra(f).apps[d]; n {
	case otherApp:
		return "failed"
	default:
		return t.App(n)
	}
}

// maxAnomalies bounds the anomalies that are reported of one flow.
const maxAnomalies = 8

// Tell counts an anomaly of f and says whether it is to be reported: a stranger can send any number of them.
func (t *Table) Tell(f *Flow) bool {
	x := t.extra(f)
	if x.anomalies >= maxAnomalies {
		t.Stats.Suppressed++
		return false
	}
	x.anomalies++
	return true
}

func (t *Table) anomaly(f *Flow, p *packet.Packet, e Event) {
	t.Stats.Events[e]++
	if t.Tell(f) {
		t.handler.Anomaly(f, p, e)
	}
}

// ttls notes the packet's TTL.
func (t *Table) ttls(f *Flow, ttl uint8, d protocol.Dir) {
	x := t.extra(f)
	if f.Packets[d] == 1 {
		x.minTTL[d], x.maxTTL[d] = ttl, ttl
		return
	}
	x.minTTL[d] = min(x.minTTL[d], ttl)
	x.maxTTL[d] = max(x.maxTTL[d], ttl)
}

// TTL returns the lowest and the highest TTL of direction d. It is valid if Config.TTL was set and the direction has packets.
func (t *Table) TTL(f *Flow, d protocol.Dir) (lowest, highest uint8) {
	x := t.extra(f)
	return x.minTTL[d], x.maxTTL[d]
}

func (t *Table) timeout(f *Flow) int64 {
	to := &t.cfg.Timeouts
	if f.Proto == packet.ProtoTCP {
		switch {
		case f.state < StateEstablished || f.state == StateLastAck: // a handshake, or half of a goodbye
			return to.TCPNew
		case f.state > StateLastAck:
			return to.TCPClosed
		}
		return to.TCPEstablished
	}
	if f.state >= StateEstablished {
		return to.Established
	}
	return to.New
}

// Add adds o, the counters of another table, to s.
func (s *Stats) Add(o *Stats) {
	s.Active += o.Active
	s.Held += o.Held
	for _, c := range [...][2]*uint64{
		{&s.Total, &o.Total}, {&s.TCP, &o.TCP}, {&s.UDP, &o.UDP}, {&s.ICMPv4, &o.ICMPv4}, {&s.ICMPv6, &o.ICMPv6},
		{&s.Other, &o.Other}, {&s.Evicted, &o.Evicted}, {&s.Reused, &o.Reused}, {&s.Sessions, &o.Sessions},
		{&s.Midstream, &o.Midstream}, {&s.Syn, &o.Syn}, {&s.SynAck, &o.SynAck}, {&s.Rst, &o.Rst}, {&s.Urg, &o.Urg},
		{&s.Overlap, &o.Overlap}, {&s.OverlapDifferent, &o.OverlapDifferent}, {&s.Gaps, &o.Gaps},
		{&s.HeldDrops, &o.HeldDrops}, {&s.LimitReached, &o.LimitReached}, {&s.OutOfOrder, &o.OutOfOrder},
		{&s.Retransmitted, &o.Retransmitted}, {&s.WrongRst, &o.WrongRst}, {&s.WrongFin, &o.WrongFin},
		{&s.UrgentBytes, &o.UrgentBytes}, {&s.Panics, &o.Panics}, {&s.Duplicates, &o.Duplicates},
		{&s.Suppressed, &o.Suppressed},
		{&s.EndNew, &o.EndNew}, {&s.EndEstablished, &o.EndEstablished}, {&s.EndClosed, &o.EndClosed},
	} {
		*c[0] += *c[1]
	}
	for i := range s.Events {
		s.Events[i] += o.Events[i]
	}
	for i := range s.EndTCP {
		s.EndTCP[i] += o.EndTCP[i]
	}
}
