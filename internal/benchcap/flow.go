package benchcap

// step is one packet of a flow to come.
type step struct {
	wait     uint32 // µs after the packet before it
	at, n    uint32 // its payload, in flow.buf or, if bulk, in generator.noise
	seq, ack uint32
	flags    uint8
	server   bool // sent by the server
	bulk     bool
}

// flow is a conversation: written as a script of steps when it begins, then played packet by packet.
type flow struct {
	steps []step
	next  int // step
	buf   []byte

	src, dst         [16]byte
	srcPort, dstPort uint16
	proto            uint8
	six, stamps      bool
	ttl              uint8
	vlan             uint16
	ident            uint16
	stamp            [2]uint32

	name string
	host int
	rtt  uint32 // µs
	// For writing the script: next sequence numbers of client and server, time to wait before the next packet,
	// who sent data last.
	seq    [2]uint32
	pause  uint32
	server bool
}

// take returns an empty flow.
func (g *generator) take(proto uint8) *flow {
	if n := len(g.free); n > 0 {
		f := g.free[n-1]
		g.free = g.free[:n-1]
		*f = flow{steps: f.steps[:0], buf: f.buf[:0], proto: proto}
		return f
	}
	return &flow{proto: proto}
}

// endpoints draws the client and gives the flow its addresses; host is an index of the catalogue's addresses.
func (g *generator) endpoints(f *flow, host int) {
	i := g.rand.IntN(clientCount)
	f.host = host
	f.six = i%10 == 0 // a tenth of the clients prefers IPv6
	if i%20 == 7 {
		f.vlan = uint16(100 + i%7)
	}
	four, six := client(i)
	if f.six {
		f.src, f.dst = six, g.names.v6[host]
	} else {
		f.src, f.dst = mapped(four), mapped(g.names.v4[host])
	}
	f.srcPort = uint16(32768 + g.rand.IntN(28000))
	f.ttl = byte(48 + g.rand.IntN(12))
	f.rtt = uint32(3000 + g.skew(120_000))
	f.ident = uint16(g.rand.Uint32())
	f.seq = [2]uint32{g.rand.Uint32(), g.rand.Uint32()}
}

// flood gives flow i of a flood its addresses.
func (f *flow) flood(i int) {
	n := i / 60_000
	f.src = mapped([4]byte{10, 20 + byte(n>>8), byte(n), 10})
	f.dst = mapped([4]byte{45, byte(i >> 16), byte(i >> 8), byte(i)})
	f.srcPort, f.dstPort = uint16(1024+i%60_000), 443
	f.ttl = 55
}

func mapped(v4 [4]byte) (a [16]byte) {
	a[10], a[11] = 0xff, 0xff
	copy(a[12:], v4[:])
	return a
}

func (f *flow) synOptions() []byte {
	if f.stamps {
		return []byte{2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7}
	}
	return []byte{2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2}
}

// mss is the payload of a full segment.
func (f *flow) mss() int {
	n := 1460
	if f.six {
		n -= 20
	}
	if f.stamps {
		n -= 12
	}
	return n
}

// push appends a packet with payload buf[at:at+n], or bulk bytes.
func (f *flow) push(server bool, flags uint8, at, n int, bulk bool) {
	s := step{wait: f.pause, at: uint32(at), n: uint32(n), flags: flags, server: server, bulk: bulk}
	own, other := 0, 1
	if server {
		own, other = 1, 0
	}
	s.seq = f.seq[own]
	if flags&flagACK != 0 {
		s.ack = f.seq[other]
	}
	f.seq[own] += uint32(n)
	if flags&(flagSYN|flagFIN) != 0 {
		f.seq[own]++
	}
	f.pause = 0
	f.steps = append(f.steps, s)
}

// turn lets the time pass that an answer takes: the tap is near the clients.
func (f *flow) turn(server bool) {
	switch {
	case server == f.server:
		f.pause += 20
	case server:
		f.pause += f.rtt
	default:
		f.pause += 300
	}
	f.server = server
}

// open is the three-way handshake.
func (f *flow) open() {
	f.push(false, flagSYN, 0, 0, false)
	f.turn(true)
	f.push(true, flagSYN|flagACK, 0, 0, false)
	f.turn(false)
	f.push(false, flagACK, 0, 0, false)
}

// send sends what lies in buf from at on, acknowledged every second segment.
func (f *flow) send(server bool, at int) { f.stream(server, at, len(f.buf)-at, false) }

func (f *flow) stream(server bool, at, n int, bulk bool) {
	f.turn(server)
	mss := f.mss()
	for i := 1; n > 0; i++ {
		m := min(n, mss)
		flags := uint8(flagACK)
		if m == n {
			flags |= flagPSH
		}
		f.push(server, flags, at, m, bulk)
		at, n = at+m, n-m
		if bulk {
			at %= noiseSize
		}
		f.pause = 12
		if i%2 == 0 && n > 0 {
			f.pause = 30
			f.push(!server, flagACK, 0, 0, false)
			f.pause = 10
		}
	}
}

// acknowledge sends an empty ACK for what came last.
func (f *flow) acknowledge() {
	f.pause += 200
	f.push(!f.server, flagACK, 0, 0, false)
}

// datagram sends what lies in buf from at on as one UDP or ICMP packet.
func (f *flow) datagram(server bool, at int) {
	f.turn(server)
	f.push(server, 0, at, len(f.buf)-at, false)
}

// queue holds the running flows, the one whose packet is next on top: a binary heap.
type queue struct {
	items []item
	count uint64
}

type item struct {
	at    int64
	order uint64 // among equal times
	flow  *flow
}

func (a *item) before(b *item) bool { return a.at < b.at || a.at == b.at && a.order < b.order }

func (q *queue) push(f *flow, at int64) {
	q.count++
	q.items = append(q.items, item{at, q.count, f})
	for i := len(q.items) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.items[i].before(&q.items[up]) {
			break
		}
		q.items[i], q.items[up] = q.items[up], q.items[i]
		i = up
	}
}

// settle restores the order after the top has changed.
func (q *queue) settle() {
	for i := 0; ; {
		low := 2*i + 1
		if low >= len(q.items) {
			return
		}
		if low+1 < len(q.items) && q.items[low+1].before(&q.items[low]) {
			low++
		}
		if !q.items[low].before(&q.items[i]) {
			return
		}
		q.items[i], q.items[low] = q.items[low], q.items[i]
		i = low
	}
}

func (q *queue) pop() {
	last := len(q.items) - 1
	q.items[0] = q.items[last]
	q.items[last].flow = nil
	q.items = q.items[:last]
	q.settle()
}

// add begins a flow at a time.
func (g *generator) add(f *flow, at int64) {
	g.flows++
	g.planned += len(f.steps)
	g.queue.push(f, at+int64(f.steps[0].wait)*1000)
}

// runUntil writes the packets before a time.
func (g *generator) runUntil(at int64) error {
	if g.packets == 0 && g.out.Buffered() == 0 {
		if err := g.begin(); err != nil {
			return err
		}
	}
	for len(g.queue.items) > 0 {
		top := &g.queue.items[0]
		if top.at >= at {
			break
		}
		f := top.flow
		if err := g.emit(f, &f.steps[f.next], top.at); err != nil {
			return err
		}
		if f.next++; f.next == len(f.steps) {
			g.queue.pop()
			g.free = append(g.free, f)
			continue
		}
		g.queue.count++
		top.order = g.queue.count
		// Some hundred ns of jitter, so that times are not all multiples of 1 µs.
		top.at += int64(f.steps[f.next].wait)*1000 + int64(g.queue.count*7919%1000)
		g.queue.settle()
	}
	return nil
}

// finish writes what is left.
func (g *generator) finish() error {
	if err := g.runUntil(1<<63 - 1); err != nil {
		return err
	}
	return g.out.Flush()
}
