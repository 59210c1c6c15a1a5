package benchcap

import "strconv"

// name draws a server name: its rank's logarithm is spread evenly, so few names are asked for most of the time.
func (g *generator) name() int { return g.skew(nameCount) }

// connection returns a TCP flow to the server of a name, past its three-way handshake.
func (g *generator) connection(name int) *flow {
	f := g.take(protoTCP)
	g.endpoints(f, int(g.names.host[name]))
	f.name = g.names.all[name]
	f.stamps = g.chance(2)
	f.open()
	return f
}

// session begins what a client does at one moment: one flow, perhaps with the look-ups that precede it.
func (g *generator) session(at int64) {
	kind := g.rand.IntN(100)
	switch {
	case kind < 74: // to a server with a name
		name := g.name()
		var f *flow
		switch {
		case kind < 54:
			f = g.connection(name)
			f.dstPort = 443
			if g.chance(50) {
				f.dstPort = 8443
			}
			g.handshake(f)
			g.records(f)
			g.closing(f)
		case kind < 65:
			f = g.connection(name)
			f.dstPort = 80
			if g.chance(10) {
				f.dstPort = 8080
			}
			g.http(f)
			g.closing(f)
		default:
			f = g.take(protoUDP)
			g.endpoints(f, int(g.names.host[name]))
			f.name, f.dstPort = g.names.all[name], 443
			g.quic(f)
		}
		if g.percent(18) {
			at = g.lookup(f, name, at)
		}
		g.disturb(f)
		g.add(f, at)
	case kind < 76:
		f := g.connection(g.name())
		f.dstPort = 22
		g.ssh(f)
		g.closing(f)
		g.disturb(f)
		g.add(f, at)
	case kind < 86:
		g.add(g.failing(), at)
	case kind < 91:
		f := g.connection(g.name())
		f.dstPort = uint16(1024 + g.rand.IntN(40000))
		g.unknown(f)
		g.closing(f)
		g.disturb(f)
		g.add(f, at)
	case kind < 94:
		g.add(g.ntp(), at)
	case kind < 96:
		g.add(g.echo(), at)
	default:
		g.add(g.noiseUDP(), at)
	}
}

// budget is how many packets a flow with data is to have in all: on average so many that Packets are reached.
func (g *generator) budget() int {
	left := max(1, g.wantFlows-g.flows)
	mean := max(1, (g.wantPackets-g.planned)/left)
	mean = min(mean, 6*g.wantPackets/max(1, g.wantFlows)+1)
	switch {
	case g.chance(250):
		return mean * 60
	case g.chance(12):
		return mean * (4 + g.rand.IntN(6))
	}
	return g.rand.IntN(2*mean + 1)
}

// records is the encrypted traffic after a handshake: requests and answers.
func (g *generator) records(f *flow) {
	budget := g.budget()
	if budget > 300 && g.chance(5) {
		g.download(f, min(budget, 3000)*900)
		return
	}
	for len(f.steps) < budget {
		f.pause += uint32(g.skew(6_000_000))
		g.record(f, false, 23, 60+g.skew(500))
		if g.chance(3) {
			f.pause += 40_000
			f.turn(true)
			f.push(true, flagACK, 0, 0, false)
		}
		for n := 1 + g.skew(4); n > 0; n-- {
			g.record(f, true, 23, 60+g.skew(5000))
		}
		if g.percent(70) {
			f.acknowledge()
		}
	}
}

// record sends an encrypted TLS record with n bytes of content.
func (g *generator) record(f *flow, server bool, kind byte, n int) {
	at := len(f.buf)
	f.buf = append(f.buf, kind, 3, 3, byte(n>>8), byte(n))
	f.buf = g.random(f.buf, n)
	f.send(server, at)
}

// download lets the server send n bytes.
func (g *generator) download(f *flow, n int) { f.stream(true, g.rand.IntN(32)*recordSize, n, true) }

// closing ends a connection: in order, by a reset, or not at all.
func (g *generator) closing(f *flow) {
	f.pause += uint32(g.skew(3_000_000))
	switch n := g.rand.IntN(100); {
	case n < 80:
		server := g.chance(2)
		f.turn(server)
		f.push(server, flagFIN|flagACK, 0, 0, false)
		f.turn(!server)
		f.push(!server, flagFIN|flagACK, 0, 0, false)
		f.turn(server)
		f.push(server, flagACK, 0, 0, false)
	case n < 92:
		server := g.chance(3)
		f.turn(server)
		f.push(server, flagRST|flagACK, 0, 0, false)
	}
}

// disturb loses, doubles and moves some segments.
func (g *generator) disturb(f *flow) {
	if f.proto != protoTCP || !g.chance(8) {
		return
	}
	i := 3 + g.rand.IntN(max(1, len(f.steps)-4))
	if i+1 >= len(f.steps) || f.steps[i].n == 0 {
		return
	}
	switch g.rand.IntN(8) {
	case 0: // lost before the tap, sent again after its successors or never
		if g.chance(2) {
			f.steps = append(f.steps[:i], f.steps[i+1:]...)
			return
		}
		to := min(len(f.steps)-1, i+2+g.rand.IntN(3))
		s := f.steps[i]
		copy(f.steps[i:to], f.steps[i+1:to+1])
		s.wait = 200_000
		f.steps[to] = s
	case 1, 2, 3: // sent twice
		s := f.steps[i]
		s.wait = uint32(30_000 + g.rand.IntN(300_000))
		f.steps = append(f.steps, step{})
		copy(f.steps[i+2:], f.steps[i+1:])
		f.steps[i+1] = s
	default: // overtaken
		if a, b := &f.steps[i], &f.steps[i+1]; a.server == b.server && b.n > 0 {
			*a, *b = *b, *a
			a.wait, b.wait = b.wait, 1
		}
	}
}

// failing is a connection that is refused or never answered.
func (g *generator) failing() *flow {
	f := g.take(protoTCP)
	g.endpoints(f, g.rand.IntN(addressCount))
	f.dstPort = []uint16{443, 80, 25, 8883, 5228, 993}[g.rand.IntN(6)]
	f.push(false, flagSYN, 0, 0, false)
	if g.chance(2) {
		f.turn(true)
		f.push(true, flagRST|flagACK, 0, 0, false)
		return f
	}
	first := f.steps[0]
	for i := range g.rand.IntN(4) {
		first.wait = 1_000_000 << i
		f.steps = append(f.steps, first)
	}
	return f
}

// unknown is a binary protocol that nobody knows: messages with a length in front.
func (g *generator) unknown(f *flow) {
	for budget := g.budget(); ; {
		for _, server := range []bool{false, true} {
			n := 8 + g.skew(600)
			at := len(f.buf)
			f.buf = append(f.buf, 0, 0, byte(n>>8), byte(n), 0x4e, 0x53, 1, byte(g.rand.IntN(9)))
			f.buf = g.random(f.buf, n-8)
			f.send(server, at)
		}
		f.acknowledge()
		if len(f.steps) >= budget {
			return
		}
		f.pause += uint32(g.skew(10_000_000))
	}
}

func (g *generator) ntp() *flow {
	f := g.take(protoUDP)
	g.endpoints(f, g.rand.IntN(20))
	f.dstPort = 123
	f.buf = append(f.buf, 0x23, 0, 6, 0xec)
	f.buf = append(f.buf, make([]byte, 36)...)
	f.buf = g.random(f.buf, 8)
	f.datagram(false, 0)
	at := len(f.buf)
	f.buf = append(f.buf, 0x24, 2, 6, 0xe9, 0, 0, 1, 0x80, 0, 0, 2, 0, 17, 34, 51, 68)
	f.buf = g.random(f.buf, 8)
	f.buf = append(f.buf, f.buf[40:48]...)
	f.buf = g.random(f.buf, 16)
	f.datagram(true, at)
	return f
}

func (g *generator) echo() *flow {
	f := g.take(protoICMP)
	g.endpoints(f, g.rand.IntN(addressCount))
	kinds := []byte{8, 0}
	if f.six {
		f.proto, kinds = protoICMPv6, []byte{128, 129}
	}
	id := byte(g.rand.Uint32())
	for n := range 1 + g.rand.IntN(5) {
		if n > 0 {
			f.pause += 1_000_000
		}
		for i, kind := range kinds {
			at := len(f.buf)
			f.buf = append(f.buf, kind, 0, 0, 0, 0x17, id, 0, byte(n))
			for j := range 56 {
				f.buf = append(f.buf, byte(j))
			}
			f.datagram(i == 1, at)
		}
	}
	return f
}

// noiseUDP is a protocol over UDP that nobody knows.
func (g *generator) noiseUDP() *flow {
	f := g.take(protoUDP)
	g.endpoints(f, g.rand.IntN(addressCount))
	f.dstPort = uint16(2000 + g.rand.IntN(60000))
	for range 1 + g.skew(20) {
		f.pause += uint32(g.skew(200_000))
		at := len(f.buf)
		f.buf = g.random(f.buf, 20+g.skew(400))
		f.datagram(g.chance(2), at)
	}
	return f
}

// text appends s and n as decimal, then the empty line of a header, and sends both from the server.
func (f *flow) text(s string, n int) {
	at := len(f.buf)
	f.buf = strconv.AppendInt(append(f.buf, s...), int64(n), 10)
	f.buf = append(f.buf, "\r\n\r\n"...)
	f.send(true, at)
}
