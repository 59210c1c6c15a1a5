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
	// are missing; the flow that has held longest loses its bytes first. Default 8 MiB.
	HeldBytes int
	// FlowHeldBytes bounds out-of-order bytes of one direction of a flow; beyond, the hole is given up. Default 256 KiB.
	FlowHeldBytes int
	// Timeouts in ns by state.
	Timeouts Timeouts
	// IgnoreVLAN leaves the VLAN tags out of the flow key, IgnoreTunnel the tunnel's identifier.
	IgnoreVLAN, IgnoreTunnel bool
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
	def(&c.HeldBytes, 8<<20)
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
	// Anomaly is called for malformed traffic that the table itself sees (type "stream").
	Anomaly(f *Flow, p *packet.Packet, name string)
	// Ended is called when the flow leaves the table.
	Ended(f *Flow, p *packet.Packet, r Reason)
}

// Stats are the table's counters since its start, Active and Held the present state.
type Stats struct {
	Active, Held                           int
	Total, TCP, UDP, ICMPv4, ICMPv6, Other uint64
	Evicted, Reused                        uint64
	Sessions, Midstream                    uint64
	Syn, SynAck, Rst                       uint64
	Overlap, OverlapDifferent              uint64
	Gaps, HeldDrops, LimitReached          uint64
	OutOfOrder, Retransmitted              uint64
	WrongRst, Panics                       uint64
	EndNew, EndEstablished, EndClosed      uint64
}

// Table is a set of flows.
type Table struct {
	cfg     Config
	handler Handler
	seed    [4]uint64

	index  []uint64 // hash<<32 | record number+1; 0 is empty; linear probing
	mask   uint32
	chunks []*[chunkSize]Flow
	free   uint32 // list of free records through Flow.wheel; number+1
	used   uint32 // records ever taken from the chunks
	count  int

	wheel wheel

	parsers  []protocol.Parser
	over     [2]uint64 // bit set of the parsers over TCP and UDP
	streams  [][]protocol.Stream
	sides    []*side
	freeSide []uint32
	oldest   *side // holders of bytes, longest first
	newest   *side
	buffers  buffers

	ctx      protocol.Context
	sink     sink
	reversal reversal
	Stats    Stats
}

const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
)

// The layout is part of the speed: a record must not straddle cache lines.
var _ [128]struct{} = [unsafe.Sizeof(Flow{})]struct{}{}

// New returns an empty table that tries the parsers in the order given (at most 64).
func New(cfg Config, parsers []protocol.Parser, h Handler) *Table {
	t := &Table{cfg: cfg.withDefaults(), handler: h, parsers: parsers}
	if len(parsers) > maxParsers {
		panic("flows: more than 64 parsers") // a fault of the program's, not of the input's
	}
	for i := range t.seed {
		t.seed[i] = rand.Uint64()
	}
	t.index = make([]uint64, 256)
	t.mask = 255
	t.streams = make([][]protocol.Stream, len(parsers))
	for i, p := range parsers {
		if p.Over&protocol.TCP != 0 {
			t.over[0] |= 1 << i
		}
		if p.Over&protocol.UDP != 0 {
			t.over[1] |= 1 << i
		}
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

func (t *Table) at(n uint32) *Flow { return &t.chunks[n>>chunkBits][n&(chunkSize-1)] }

// Hash returns the hash of p's flow, the same for both directions. It is seeded anew in every table, so that no
// stranger can choose tuples that collide.
func (t *Table) Hash(p *packet.Packet) (hash, context uint32) {
	context = t.context(p)
	a := *(*[2]uint64)(unsafe.Pointer(&p.Src))
	b := *(*[2]uint64)(unsafe.Pointer(&p.Dst))
	x := t.endpoint(a, p.SrcPort) + t.endpoint(b, p.DstPort)
	hi, lo := bits.Mul64(x^t.seed[2], uint64(context)<<8^uint64(p.Proto)^t.seed[3])
	h := hi ^ lo
	return uint32(h ^ h>>32), context
}

func (t *Table) endpoint(a [2]uint64, port uint16) uint64 {
	hi, lo := bits.Mul64(a[0]^t.seed[0]^uint64(port)<<17, a[1]^t.seed[1]^uint64(port))
	return hi ^ lo
}

func (t *Table) context(p *packet.Packet) uint32 {
	var c uint32
	if p.VLANCount > 0 && !t.cfg.IgnoreVLAN {
		c = uint32(p.VLANs[0]) | uint32(p.VLANs[1])<<12 | uint32(p.VLANs[2])<<20
	}
	if p.Tunnel.HasID && !t.cfg.IgnoreTunnel {
		c ^= p.Tunnel.ID*0x9e3779b1 | 1
	}
	return c
}

// Normalise gives ICMP replies the type and code of their request, the other way round, so that both fall into one
// flow. It is called before Hash.
func Normalise(p *packet.Packet) {
	var request uint16
	switch p.Proto {
	case packet.ProtoICMP:
		switch p.SrcPort {
		case 0:
			request = 8
		case 14, 16, 18:
			request = p.SrcPort - 1
		default:
			return
		}
	case packet.ProtoICMPv6:
		if p.SrcPort != 129 {
			return
		}
		request = 128
	default:
		return
	}
	p.SrcPort, p.DstPort = p.DstPort, request
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

// insert takes a record for a new flow and enters it into the index.
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
		t.free = t.at(n).wheel
		*t.at(n) = Flow{}
	} else {
		n = t.used
		t.used++
		if int(n>>chunkBits) == len(t.chunks) {
			t.chunks = append(t.chunks, newChunk())
		}
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
	t.index = make([]uint64, 2*len(old))
	t.mask = uint32(len(t.index) - 1)
	for _, e := range old {
		if e != 0 {
			t.enter(uint32(e>>32), uint32(e)-1)
		}
	}
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

// end takes the flow out of the table: its stream says what is pending, the handler hears of it, the record
// stays until the wheel comes by.
func (t *Table) end(f *Flow, n uint32, p *packet.Packet, r Reason) {
	t.settle(f, p)
	switch f.State() {
	case "new":
		t.Stats.EndNew++
	case "closed":
		t.Stats.EndClosed++
	default:
		t.Stats.EndEstablished++
	}
	t.handler.Ended(f, p, r)
	t.remove(f.hash, n)
	t.count--
	t.Stats.Active--
	f.bits |= bitDead
}

// evict ends the flow that has been idle longest among those that are due next.
func (t *Table) evict() {
	n, ok := t.wheel.soonest(t)
	if !ok {
		return
	}
	t.Stats.Evicted++
	f := t.at(n)
	t.end(f, n, nil, Forced)
	t.release(n)
}

// release frees a dead record that is in no list.
func (t *Table) release(n uint32) {
	t.at(n).wheel = t.free
	t.free = n + 1
}

// Active returns the number of flows.
func (t *Table) Active() int { return t.count }

// Due is a flow whose time has come.
type Due struct {
	Start uint64
	n     uint32
	t     *Table
	r     Reason
}

// Expire appends the flows that have been idle for longer than their timeout at now to dst, taking them off the
// wheel; the caller must End each of them. The engine sorts them, so that the order does not depend on how flows
// are spread over tables.
func (t *Table) Expire(now int64, dst []Due) []Due {
	return t.wheel.advance(t, now, dst)
}

// Shutdown appends all flows to dst, as Expire does.
func (t *Table) Shutdown(dst []Due) []Due { return t.wheel.drain(t, dst) }

// Table is the flow's table.
func (d Due) Table() *Table { return d.t }

// SortDue puts flows in the order in which they began.
func SortDue(due []Due) {
	slices.SortFunc(due, func(a, b Due) int { return cmp.Compare(a.Start, b.Start) })
}

// End ends the flow.
func (d Due) End() {
	f := d.t.at(d.n)
	d.t.end(f, d.n, nil, d.r)
	d.t.release(d.n)
}

func (t *Table) timeout(f *Flow) int64 {
	to := &t.cfg.Timeouts
	if f.Proto == packet.ProtoTCP {
		switch {
		case f.state < StateEstablished:
			return to.TCPNew
		case f.state >= StateLastAck:
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
		{&s.Midstream, &o.Midstream}, {&s.Syn, &o.Syn}, {&s.SynAck, &o.SynAck}, {&s.Rst, &o.Rst},
		{&s.Overlap, &o.Overlap}, {&s.OverlapDifferent, &o.OverlapDifferent}, {&s.Gaps, &o.Gaps},
		{&s.HeldDrops, &o.HeldDrops}, {&s.LimitReached, &o.LimitReached}, {&s.OutOfOrder, &o.OutOfOrder},
		{&s.Retransmitted, &o.Retransmitted}, {&s.WrongRst, &o.WrongRst}, {&s.Panics, &o.Panics},
		{&s.EndNew, &o.EndNew}, {&s.EndEstablished, &o.EndEstablished}, {&s.EndClosed, &o.EndClosed},
	} {
		*c[0] += *c[1]
	}
}
