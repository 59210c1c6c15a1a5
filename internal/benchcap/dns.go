package benchcap

import (
	"encoding/binary"
	"strconv"
	"strings"
)

const (
	typeA, typeCNAME, typeSOA, typeAAAA, typeHTTPS = 1, 5, 6, 28, 65
	resolver4, resolver6                           = 53, 0x35
)

// lookup adds the look-ups that precede flow f to the server called name: by A, some by AAAA and HTTPS as well. It
// returns when they are answered.
func (g *generator) lookup(f *flow, name int, at int64) int64 {
	types := []uint16{typeA}
	if f.six {
		types[0] = typeAAAA
	}
	if g.percent(20) {
		types = append(types, typeA+typeAAAA-types[0])
	}
	if g.percent(15) {
		types = append(types, typeHTTPS)
	}
	for _, t := range types {
		q := g.take(protoUDP)
		q.src, q.six, q.vlan, q.ttl = f.src, f.six, f.vlan, 63
		q.dst = mapped([4]byte{10, 0, 0, resolver4})
		if q.six {
			q.dst = [16]byte{0xfd, 0x10, 15: resolver6}
		}
		q.srcPort, q.dstPort = uint16(1024+g.rand.IntN(60000)), 53
		q.rtt = uint32(300 + g.skew(30_000))
		g.transaction(q, name, t)
		g.add(q, at)
		at += 50_000
	}
	return at + 30_000_000
}

// transaction is a query and its answer, with a chain of up to three aliases.
func (g *generator) transaction(f *flow, name int, kind uint16) {
	id := uint16(g.rand.Uint32())
	b := binary.BigEndian.AppendUint16(f.buf, id)
	b = append(b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1)
	b = appendName(b, g.names.all[name])
	b = append(b, byte(kind>>8), byte(kind), 0, 1)
	question := len(b)
	f.buf = append(b, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0) // EDNS, 1232 bytes
	f.datagram(false, 0)

	at := len(f.buf)
	f.buf = append(f.buf, f.buf[:question]...)
	m := f.buf[at:]
	m[2], m[3], m[11] = 0x81, 0x80, 0
	switch {
	case g.chance(20): // no such name
		m[3], m[9] = 0x83, 1
		g.soa(f)
	case kind == typeAAAA && !f.six && g.chance(2), kind == typeHTTPS && g.chance(2): // no such data
		m[9] = 1
		g.soa(f)
	default:
		n := g.answers(f, at, name, kind) // which may move buf
		f.buf[at+7] = byte(n)
	}
	f.datagram(true, at)
}

// answers appends the answer section of the message that begins at at, and returns the number of its records.
func (g *generator) answers(f *flow, at, name int, kind uint16) int {
	count, owner := 0, uint16(12)
	for i := range g.skew(4) {
		f.buf = g.resource(f.buf, owner, typeCNAME)
		n := len(f.buf)
		owner = uint16(n - at)
		f.buf = appendName(f.buf, g.alias(name, i))
		binary.BigEndian.PutUint16(f.buf[n-2:], uint16(len(f.buf)-n))
		count++
	}
	host := int(g.names.host[name])
	for i := range 1 + g.skew(5) {
		f.buf = g.resource(f.buf, owner, kind)
		n := len(f.buf)
		h := (host + i*97) % addressCount // the first is the one that the connection goes to
		switch kind {
		case typeA:
			f.buf = append(f.buf, g.names.v4[h][:]...)
		case typeAAAA:
			f.buf = append(f.buf, g.names.v6[h][:]...)
		case typeHTTPS: // RFC 9460: priority 1, target ".", alpn and ipv4hint
			f.buf = append(f.buf, 0, 1, 0, 0, 1, 0, 6, 2, 'h', '3', 2, 'h', '2', 0, 4, 0, 4)
			f.buf = append(f.buf, g.names.v4[h][:]...)
		}
		binary.BigEndian.PutUint16(f.buf[n-2:], uint16(len(f.buf)-n))
		if count++; kind == typeHTTPS {
			break
		}
	}
	return count
}

// resource appends the head of a record: the owner as a pointer, type, class, time to live, room for the length.
func (g *generator) resource(b []byte, owner, kind uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, 0xc000|owner)
	b = append(b, byte(kind>>8), byte(kind), 0, 1)
	return append(binary.BigEndian.AppendUint32(b, uint32(20+g.skew(3600))), 0, 0)
}

func (g *generator) soa(f *flow) {
	f.buf = g.resource(f.buf, 12, typeSOA)
	n := len(f.buf)
	f.buf = appendName(f.buf, "ns1.dns.example")
	f.buf = appendName(f.buf, "hostmaster.dns.example")
	for _, v := range []uint32{2026060100, 7200, 3600, 1209600, 300} {
		f.buf = binary.BigEndian.AppendUint32(f.buf, v)
	}
	binary.BigEndian.PutUint16(f.buf[n-2:], uint16(len(f.buf)-n))
}

// alias is the ith target in the chain of a name: always the same.
func (g *generator) alias(name, i int) string {
	if i == 0 {
		return g.names.all[name] + ".edgekey.cdn.example"
	}
	return "e" + strconv.Itoa(name*7%100_000) + ".dsc" + strconv.Itoa(i) + ".edge.cdn.example"
}

func appendName(b []byte, name string) []byte {
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}
