package tls

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Record types: RFC 8446, section 5.1; RFC 6520.
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplicationData  = 23
	recordHeartbeat        = 24
)

const (
	recordHeader = 5
	// maxRecord is 2^14 plus the largest expansion that any version allows (RFC 5246, section 6.2.3).
	maxRecord = 1<<14 + 2048
	// maxMessage bounds a ClientHello, a ServerHello and a leaf certificate; other messages are not kept.
	maxMessage = 64 << 10
	// maxMisses bounds the segments of a direction that are searched for a record after bytes were lost.
	maxMisses = 32
	// maxPeek bounds the part of an incomplete record that is searched for a name again and again.
	maxPeek = 4 << 10
	// keptBuffer bounds the buffer that survives Reset.
	keptBuffer = 16 << 10
)

// half is one direction of a connection over TCP.
type half struct {
	buf     []byte // the beginning of a handshake message that continues in the next record
	skip    int    // bytes of the current handshake message that are of no interest
	started bool
	changed bool // ChangeCipherSpec was seen
	sealed  bool // encrypted from here on, or lost: records are only counted
	v2      bool // an SSL 2.0 message came first
	lost    bool // where the next record begins is not known
	gap     bool // bytes were lost once
	misses  int  // segments without the beginning of a record that was sought
}

type stream struct {
	session
	half [2]half
}

func newStream(cache *Cache) *stream {
	return &stream{session: session{cache: cache, transport: OverTCP}}
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	s.session.reset()
	for i := range s.half {
		buf := s.half[i].buf[:0]
		if cap(buf) > keptBuffer {
			buf = nil
		}
		s.half[i] = half{buf: buf}
	}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (n int, st protocol.Status) {
	n, st = s.records(c, d, b)
	s.flush(c, d)
	return n, st
}

func (s *stream) records(c *protocol.Context, d protocol.Dir, b []byte) (n int, _ protocol.Status) {
	h := &s.half[d]
	if h.lost {
		if h.misses > maxMisses || !beginsRecord(b) {
			return len(b), s.miss(c, d)
		}
		h.lost = false
	}
	for {
		if n >= len(b) {
			c.Need = recordHeader // counted from where the skipped bytes end
			return n, protocol.More
		}
		rest := b[n:]
		if len(rest) < recordHeader {
			c.Need = recordHeader
			return n, protocol.More
		}
		if !h.started {
			if size := sslv2Size(rest); size > 0 {
				if len(rest) < size {
					c.Need = size
					return n, protocol.More
				}
				h.started = true
				n += size
				if s.sslv2(c, d, rest[2:size]) {
					return n, protocol.Done
				}
				continue
			}
		}
		h.started = true
		length := int(binary.BigEndian.Uint16(rest[3:]))
		if anomaly := checkRecord(rest, length); anomaly != "" {
			if h.gap {
				h.lost = true
				return len(b), s.miss(c, d)
			}
			if h.v2 || h.sealed {
				anomaly = "" // encrypted SSL 2.0, or cut off from the records
			}
			return n, s.fail(c, d, anomaly)
		}
		size := recordHeader + length
		typ := rest[0]
		if typ == recordApplicationData || typ == recordHeartbeat || h.sealed {
			n += size
			if s.sealHalf(c, d) {
				return n, protocol.Done
			}
			continue
		}
		if len(rest) < size {
			if !s.peek(d, typ, rest[recordHeader:]) {
				c.Need = size
			}
			return n, protocol.More
		}
		n += size
		if s.record(c, d, typ, rest[recordHeader:size]) {
			return n, protocol.Done
		}
	}
}

// checkRecord returns an anomaly in Suricata's words if b does not begin with a record header.
func checkRecord(b []byte, length int) string {
	switch {
	case b[0] < recordChangeCipherSpec || b[0] > recordHeartbeat:
		return "invalid_record_type"
	case b[1] != 3:
		return "invalid_record_version"
	case length > maxRecord:
		return "invalid_record_length"
	}
	return ""
}

func (s *stream) fail(c *protocol.Context, d protocol.Dir, anomaly string) protocol.Status {
	if anomaly != "" {
		s.observe(c, d, "", anomaly)
	}
	return protocol.Failed
}

// record takes the content of one whole record in the clear. It reports whether nothing more can be learnt.
func (s *stream) record(c *protocol.Context, d protocol.Dir, typ byte, b []byte) bool {
	h := &s.half[d]
	switch typ {
	case recordChangeCipherSpec:
		h.changed = true
		// In TLS 1.3 it means nothing (RFC 8446, appendix D.4), and a hello in the clear may follow. Where the
		// server was not seen, only the next record tells.
		if s.detail.version == 0 || s.tls13() {
			return false
		}
		h.sealed = true
		return s.changeCipher(c, d)
	case recordHandshake:
		if h.changed && !isHello(b) {
			return s.sealHalf(c, d)
		}
		if s.messages(c, d, b) {
			return true
		}
		if s.role(d) == protocol.ToServer && s.serverDone && !s.emitted {
			return s.settle(c, !s.certRequested)
		}
	}
	return false
}

// isHello tells the second hello after a HelloRetryRequest from an encrypted handshake message.
func isHello(b []byte) bool {
	return len(b) >= 6 && (b[0] == typeClientHello || b[0] == typeServerHello) && b[1] == 0 && b[4] == 3 && b[5] <= 3
}

// sealHalf notes that direction d is encrypted from here on. It reports whether both are.
func (s *stream) sealHalf(c *protocol.Context, d protocol.Dir) bool {
	s.half[d].sealed = true
	s.seal()
	if s.serverHello && s.settle(c, s.half[s.role(protocol.ToServer)].sealed) {
		return true
	}
	if s.half[0].sealed && s.half[1].sealed {
		s.emit(c)
		return true
	}
	return false
}

// messages takes the content of a handshake record.
func (s *stream) messages(c *protocol.Context, d protocol.Dir, b []byte) bool {
	h := &s.half[d]
	if h.skip > 0 {
		n := min(h.skip, len(b))
		h.skip -= n
		b = b[n:]
	}
	data := b
	if len(h.buf) > 0 {
		h.buf = append(h.buf, b...)
		data = h.buf
	}
	for len(data) >= 4 {
		size := 4 + uint24(data[1:])
		used, done := s.next(c, d, data, size)
		if done {
			return true
		}
		if used == 0 {
			break
		}
		if used > len(data) {
			h.skip = used - len(data)
			used = len(data)
		}
		data = data[used:]
	}
	if len(data) > 0 && len(data) == len(h.buf) {
		return false // it is the buffer itself
	}
	h.buf = append(h.buf[:0], data...)
	return false
}

// next takes the handshake message of the given size that data begins with. It returns how many bytes it is done
// with, more than there are if the rest is of no interest, or 0 if it must see more first.
func (s *stream) next(c *protocol.Context, d protocol.Dir, data []byte, size int) (used int, done bool) {
	typ := data[0]
	switch typ {
	case typeClientHello, typeServerHello:
		if size > maxMessage {
			s.observe(c, d, "", "invalid_handshake_message")
			return size, false
		}
		if len(data) < size {
			return 0, false
		}
		return size, s.message(c, d, typ, data[4:size])
	case typeCertificate:
		leaf, state := leafCertificate(data, size)
		if state == leafShort {
			return 0, false
		}
		if state == leafFound {
			s.certificate(d, leaf)
		}
	}
	return size, s.message(c, d, typ, nil)
}

// What leafCertificate found.
const (
	leafShort = iota // more bytes are needed
	leafNone         // there is none, or it is too large
	leafFound
)

// leafCertificate returns the first certificate of a Certificate message of TLS up to 1.2 (RFC 5246, section
// 7.4.2), of which data may be only the beginning.
func leafCertificate(data []byte, size int) (leaf []byte, state int) {
	if size < 10 {
		return nil, leafNone
	}
	if len(data) < 10 {
		return nil, leafShort
	}
	n := uint24(data[7:])
	switch {
	case n == 0 || n > maxMessage || 10+n > size:
		return nil, leafNone
	case len(data) < 10+n:
		return nil, leafShort
	}
	return data[10 : 10+n], leafFound
}

// peek reads the server name of a ClientHello of which only the beginning has come: the rest may never come. It
// reports whether it wants to see the hello again when that is longer.
func (s *stream) peek(d protocol.Dir, typ byte, b []byte) bool {
	h := &s.half[d]
	if typ != recordHandshake || s.clientHello || s.serverHello || len(h.buf) > 0 || h.skip > 0 || h.changed ||
		len(s.detail.serverName) > 0 || len(b) > 0 && b[0] != typeClientHello {
		return false
	}
	if len(b) > 4 && 4+uint24(b[1:]) > maxMessage {
		return false
	}
	if s.begun(b[:min(len(b), maxPeek)]) {
		return false
	}
	return len(b) < maxPeek
}

// Gap implements protocol.Stream. Which segment begins with a record again must be seen from what it holds.
func (s *stream) Gap(c *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.partial()
	h := &s.half[d]
	h.buf, h.skip = h.buf[:0], 0
	h.started, h.lost, h.gap = true, true, true
	if h.sealed {
		h.misses = maxMisses // there is nothing to find
	}
	st := s.miss(c, d)
	s.flush(c, d)
	return st
}

// miss notes that a direction is lost. When that has lasted, there is nothing more to learn from it.
func (s *stream) miss(c *protocol.Context, d protocol.Dir) protocol.Status {
	h := &s.half[d]
	if h.misses++; h.misses <= maxMisses {
		return protocol.More
	}
	h.sealed = true
	if s.role(d) == protocol.ToServer && s.settle(c, true) {
		return protocol.Done
	}
	if s.half[d.Reverse()].sealed {
		s.emit(c)
		return protocol.Done
	}
	return protocol.More
}

// beginsRecord reports whether a segment after a gap begins with a record. A handshake record must also begin with a
// message, for what was lost is the rest of another.
func beginsRecord(b []byte) bool {
	if len(b) < recordHeader+4 {
		return false
	}
	length := int(binary.BigEndian.Uint16(b[3:]))
	if checkRecord(b, length) != "" || b[2] > 4 || length == 0 || probeRecord(b, length) == protocol.No {
		return false
	}
	msg := b[recordHeader:]
	switch {
	case b[0] != recordHandshake:
		return b[0] != recordHeartbeat
	case msg[0] == typeClientHello, msg[0] == typeServerHello:
		return isHello(msg)
	case msg[0] == typeCertificate:
		return len(msg) >= 7 && uint24(msg[4:])+3 == uint24(msg[1:])
	}
	return true
}

// begun keeps the server name that the beginning of a ClientHello message holds, and reports whether it does.
func (s *stream) begun(b []byte) bool {
	if len(b) < 4 || b[0] != typeClientHello {
		return false
	}
	var h ClientHello
	h.unmarshal(b[4:min(len(b), 4+uint24(b[1:]))], false, true)
	if len(h.ServerName) == 0 {
		return false
	}
	s.serverName = append(s.serverName[:0], h.ServerName...)
	s.detail.serverName = s.serverName
	return true
}

// partial makes a fact of the name in a ClientHello that will not become whole.
func (s *stream) partial() {
	if s.clientHello {
		return
	}
	if len(s.detail.serverName) == 0 && !s.begun(s.half[0].buf) && !s.begun(s.half[1].buf) {
		return
	}
	s.clientHello = true
	s.fact(protocol.Fact{Kind: protocol.NameSNI, Text: s.detail.serverName})
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) {
	s.partial()
	s.emit(c)
	s.flush(c, protocol.ToServer)
}
