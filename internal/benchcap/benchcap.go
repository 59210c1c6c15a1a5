// Package benchcap makes captures to measure with: the traffic of a large office, dense in handshakes and small
// packets, as it is seen on the link to the Internet. The same configuration gives the same bytes on every machine:
// all randomness comes from a seeded PCG and no floating point is involved.
//
// All names end in .example. Server addresses are drawn from the whole public range and belong to nobody in particular;
// the files are for reading, not for replaying onto a network.
package benchcap

import (
	"errors"
	"io"
	"math/rand/v2"
	"time"
)

// Config says how much traffic Write makes. The zero value is the capture that the figures of this project are
// measured with.
type Config struct {
	// Packets is the number of packets aimed at; the result is within a few per cent. 2,000,000 by default.
	Packets int
	// Flows is the number of conversations, DNS look-ups included. 150,000 by default.
	Flows int
	// Seed chooses the random sequence.
	Seed uint64
	// Duration is the time over which flows begin. 10 minutes by default.
	Duration time.Duration
}

// start is the time of the first packets, ns since the Unix epoch.
const start = 1_780_300_800e9

// Write writes a capture in pcap format with nanoseconds. Of its flows a good half is TLS 1.2 and 1.3, the rest is
// DNS, QUIC, HTTP, SSH, NTP, ICMP, other TCP and UDP, and connections that fail. A tenth is IPv6, a twentieth is
// tagged. Some segments are lost, out of order or sent twice.
func Write(w io.Writer, c Config) error {
	if c.Packets == 0 {
		c.Packets = 2_000_000
	}
	if c.Flows == 0 {
		c.Flows = 150_000
	}
	if c.Duration == 0 {
		c.Duration = 10 * time.Minute
	}
	if c.Packets < 0 || c.Flows < 0 || c.Duration < 0 {
		return errors.New("benchcap: a negative amount")
	}
	g := newGenerator(w, c.Seed)
	g.wantPackets, g.wantFlows = c.Packets, c.Flows
	gap := int64(c.Duration) / int64(c.Flows)
	for at := int64(start); g.flows < c.Flows; {
		if err := g.runUntil(at); err != nil {
			return err
		}
		before := g.flows
		g.session(at)
		for range g.flows - before {
			at += 1 + g.rand.Int64N(2*gap+1)
		}
	}
	return g.finish()
}

// Flood writes flows connections that all are open at the same time: a SYN of each, then one data packet of each, by
// turns an unfinished TLS ClientHello and plain text. No two share an address pair and ports.
func Flood(w io.Writer, flows int, seed uint64) error {
	if flows < 0 || flows > maxFlood {
		return errors.New("benchcap: the number of flows is out of range")
	}
	g := newGenerator(w, seed)
	f := g.take(protoTCP)
	hello := inRecord(nil, 22, 1, func(b []byte) []byte { return g.clientHello(b, &shapes[0], g.names.all[0], nil) })
	if err := g.begin(); err != nil {
		return err
	}
	for _, data := range []bool{false, true} {
		for i := range flows {
			f.flood(i)
			s := step{flags: flagSYN, seq: uint32(i) * 7919}
			if data {
				s.flags, s.seq, s.ack = flagPSH|flagACK, s.seq+1, uint32(i)*104729
				f.buf = append(f.buf[:0], hello[:700]...)
				if i%2 == 1 {
					f.buf = append(f.buf[:0], "HELLO client 1.0\r\nplain text of no protocol in particular\r\n"...)
				}
				s.n = uint32(len(f.buf))
			}
			at := start + int64(i)*10_000
			if data {
				at += int64(flows) * 10_000
			}
			if err := g.emit(f, &s, at); err != nil {
				return err
			}
		}
	}
	return g.out.Flush()
}

// Bulk writes downloads of size bytes each, in parallel, half of them over TLS, half over HTTP.
func Bulk(w io.Writer, downloads, size int, seed uint64) error {
	if downloads < 0 || size < 0 || size > 1<<30 {
		return errors.New("benchcap: the number or size of the downloads is out of range")
	}
	g := newGenerator(w, seed)
	for i := range downloads {
		at := int64(start) + int64(i)*50_000_000
		if err := g.runUntil(at); err != nil {
			return err
		}
		f := g.connection(g.name())
		if i%2 == 0 {
			f.dstPort = 443
			g.handshake(f)
		} else {
			f.dstPort = 80
			g.httpRequest(f)
			f.text("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ", size)
		}
		g.download(f, size)
		g.closing(f)
		g.add(f, at)
	}
	return g.finish()
}

// generator holds what all flows share.
type generator struct {
	rand  *rand.Rand
	names *catalogue
	noise []byte // random bytes, repeated for windows that cross the end
	queue queue
	free  []*flow

	wantPackets, wantFlows int
	planned, flows         int // packets and flows so far

	writer
}

func newGenerator(w io.Writer, seed uint64) *generator {
	g := &generator{rand: rand.New(rand.NewPCG(seed, 0x6e65747365)), names: newCatalogue()}
	g.writer.init(w)
	g.noise = make([]byte, noiseSize+maxWindow)
	for i := 0; i < noiseSize; i += 8 {
		putUint64(g.noise[i:], g.rand.Uint64())
	}
	// Laid out as TLS application data, so that bulk transfers are records, too.
	for i := 0; i+5 <= noiseSize; i += recordSize {
		copy(g.noise[i:], "\x17\x03\x03\x40\x00")
	}
	copy(g.noise[noiseSize:], g.noise)
	return g
}

const (
	recordSize = 5 + 16384
	noiseSize  = 32 * recordSize
	maxWindow  = 2048
	maxFlood   = 60_000 * 1_000
)

// random appends n random bytes to b.
func (g *generator) random(b []byte, n int) []byte {
	for n > 0 {
		// Off the record boundaries, which are no noise.
		at := g.rand.IntN(32)*recordSize + 8 + g.rand.IntN(8000)
		m := min(n, 8000)
		b = append(b, g.noise[at:at+m]...)
		n -= m
	}
	return b
}

// skew returns a number below n that is small more often than large: its logarithm is spread evenly.
func (g *generator) skew(n int) int {
	k := g.rand.IntN(bitLen(n)) + 1
	return g.rand.IntN(min(n, 1<<k))
}

// chance is true in one of n cases.
func (g *generator) chance(n int) bool { return g.rand.IntN(n) == 0 }

// percent is true in n of 100 cases.
func (g *generator) percent(n int) bool { return g.rand.IntN(100) < n }
