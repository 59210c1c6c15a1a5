package benchcap

import (
	"bufio"
	"encoding/binary"
	"io"
)

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	flagFIN = 1
	flagSYN = 2
	flagRST = 4
	flagPSH = 8
	flagACK = 16
)

// writer writes packets as a pcap file.
type writer struct {
	out     *bufio.Writer
	scratch []byte
	packets int
}

func (w *writer) init(out io.Writer) {
	w.out = bufio.NewWriterSize(out, 1<<20)
	w.scratch = make([]byte, 0, 4096)
}

// begin writes the file header: nanoseconds, Ethernet.
func (w *writer) begin() error {
	h := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d)
	h = append(h, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	_, err := w.out.Write(h)
	return err
}

// emit writes the packet that s says, at time at in ns.
func (g *generator) emit(f *flow, s *step, at int64) error {
	const record = 16
	b := g.scratch[:record]
	client, server := [6]byte{2, 0, f.src[12], f.src[13], f.src[14], f.src[15]}, [6]byte{2, 0xff, 0, 0, 0, 1}
	src, dst, sport, dport := &f.src, &f.dst, f.srcPort, f.dstPort
	ttl := byte(64)
	if s.server {
		client, server = server, client
		src, dst, sport, dport = dst, src, dport, sport
		ttl = f.ttl
	}
	b = append(append(b, server[:]...), client[:]...)
	if f.vlan != 0 {
		b = append(b, 0x81, 0, byte(f.vlan>>8), byte(f.vlan))
	}
	payload := f.buf
	if s.bulk {
		payload = g.noise
	}
	payload = payload[s.at : s.at+s.n]
	head := 8 // UDP
	switch {
	case f.proto == protoTCP && s.flags&flagSYN != 0:
		head = 20 + len(f.synOptions())
		if f.stamps {
			head += 10
		}
	case f.proto == protoTCP && f.stamps:
		head = 32
	case f.proto == protoTCP:
		head = 20
	case f.proto == protoICMP || f.proto == protoICMPv6:
		head = 0 // the payload is the message
	}
	length := head + len(payload)
	ip := len(b) + 2
	if f.six {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, byte(length>>8), byte(length), f.proto, ttl)
		b = append(append(b, src[:]...), dst[:]...)
	} else {
		f.ident++
		b = append(b, 8, 0, 0x45, 0, byte((length+20)>>8), byte(length+20), byte(f.ident>>8), byte(f.ident), 0x40, 0, ttl, f.proto, 0, 0)
		b = append(append(b, src[12:]...), dst[12:]...)
		binary.BigEndian.PutUint16(b[ip+10:], ^fold(sum(b[ip:], 0)))
	}
	transport := len(b)
	b = append(b, byte(sport>>8), byte(sport), byte(dport>>8), byte(dport))
	field := 6
	switch f.proto {
	case protoTCP:
		b = binary.BigEndian.AppendUint32(b, s.seq)
		b = binary.BigEndian.AppendUint32(b, s.ack)
		b = append(b, byte(head/4)<<4, s.flags, 0xfa, 0xf0, 0, 0, 0, 0)
		if s.flags&flagSYN != 0 {
			b = append(b, f.synOptions()...)
		} else if f.stamps {
			b = append(b, 1, 1)
		}
		if f.stamps {
			b = f.timestamp(b, s, at)
		}
		field = 16
	case protoUDP:
		b = append(b, byte(length>>8), byte(length), 0, 0)
	default:
		b = b[:transport]
		field = 2
	}
	b = append(b, payload...)
	acc := uint64(0)
	if f.proto != protoICMP {
		acc = uint64(length) + uint64(f.proto)
		if f.six {
			acc = sum(b[ip+8:ip+40], acc)
		} else {
			acc = sum(b[ip+12:ip+20], acc)
		}
	}
	check := ^fold(sum(b[transport:], acc))
	if check == 0 && f.proto == protoUDP {
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[transport+field:], check)
	n := uint32(len(b) - record)
	for len(b) < record+60 { // Ethernet's least, without check sequence
		b = append(b, 0)
		n++
	}
	binary.LittleEndian.PutUint32(b, uint32(at/1e9))
	binary.LittleEndian.PutUint32(b[4:], uint32(at%1e9))
	binary.LittleEndian.PutUint32(b[8:], n)
	binary.LittleEndian.PutUint32(b[12:], n)
	g.scratch = b
	g.packets++
	_, err := g.out.Write(b)
	return err
}

// timestamp appends the option of RFC 7323.
func (f *flow) timestamp(b []byte, s *step, at int64) []byte {
	own, other := &f.stamp[0], &f.stamp[1]
	if s.server {
		own, other = other, own
	}
	*own = uint32(at/1e6) + uint32(f.srcPort)*977
	if s.server {
		*own += 1 << 30
	}
	b = append(b, 8, 10)
	b = binary.BigEndian.AppendUint32(b, *own)
	return binary.BigEndian.AppendUint32(b, *other)
}

// sum adds the 16-bit words of b to acc, RFC 1071.
func sum(b []byte, acc uint64) uint64 {
	for len(b) >= 4 {
		acc += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		acc += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

func fold(acc uint64) uint16 {
	for acc > 0xffff {
		acc = acc&0xffff + acc>>16
	}
	return uint16(acc)
}
