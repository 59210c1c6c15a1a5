package tls

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	dtlsHeader        = 13 // RFC 6347, section 4.1
	dtlsMessageHeader = 12 // section 4.2.2
)

// dtlsRecord returns the length of the record that b begins with.
func dtlsRecord(b []byte) (length int, ok bool) {
	if len(b) < dtlsHeader || b[0] < recordChangeCipherSpec || b[0] > 26 {
		return 0, false
	}
	// 1.0 of OpenSSL before 0.9.8f was 1.0 on the wire, too.
	if !(b[1] == 0xfe && b[2] >= 0xfc || b[1] == 1 && b[2] == 0) {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(b[11:])), true
}

// dtlsFragment reads the header of a handshake fragment and checks that the fragment lies within its message.
func dtlsFragment(b []byte) (typ byte, size, offset int, ok bool) {
	size, offset = uint24(b[1:]), uint24(b[6:])
	n := uint24(b[9:])
	return b[0], size, offset, offset+n <= size && size <= maxMessage
}

// side is one direction of a DTLS connection: the handshake message that is being put together.
type side struct {
	Assembler
	size   int
	typ    byte
	seq    uint16
	active bool
	sealed bool
}

// datagrams follows a DTLS connection. Messages are put together one at a time: a fragment of another message
// than the current one starts that instead.
type datagrams struct {
	session
	side [2]side
}

func newDatagrams(cache *Cache) *datagrams {
	return &datagrams{session: session{cache: cache, transport: OverDTLS}}
}

// Reset implements protocol.Stream.
func (s *datagrams) Reset() {
	s.session.reset()
	for i := range s.side {
		p := &s.side[i]
		p.Assembler.Reset()
		p.active, p.sealed = false, false
	}
}

// Gap implements protocol.Stream.
func (s *datagrams) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

// End implements protocol.Stream.
func (s *datagrams) End(c *protocol.Context) {
	s.emit(c)
	s.flush(c, protocol.ToServer)
}

// Feed implements protocol.Stream.
func (s *datagrams) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	st := s.datagram(c, d, b)
	s.flush(c, d)
	return len(b), st
}

func (s *datagrams) datagram(c *protocol.Context, d protocol.Dir, b []byte) protocol.Status {
	for len(b) > 0 {
		length, ok := dtlsRecord(b)
		if !ok {
			// RFC 9147, section 4: the unified header of encrypted records of DTLS 1.3. Anything else shares the
			// port (RFC 7983) and is passed over.
			if b[0]>>5 == 1 && s.tls13() && s.sealSide(c, d) {
				return protocol.Done
			}
			return protocol.More
		}
		typ, epoch, body := b[0], binary.BigEndian.Uint16(b[3:]), b[dtlsHeader:]
		if len(body) < length {
			length = len(body)
		}
		b = body[length:]
		body = body[:length]
		switch {
		case epoch > 0 || typ == recordApplicationData || typ > recordHeartbeat:
			if s.sealSide(c, d) {
				return protocol.Done
			}
		case typ == recordChangeCipherSpec:
			if s.detail.version != 0 && !s.tls13() && s.changeCipher(c, d) {
				return protocol.Done
			}
		case typ == recordHandshake:
			if s.fragments(c, d, body) {
				return protocol.Done
			}
		}
	}
	return protocol.More
}

func (s *datagrams) sealSide(c *protocol.Context, d protocol.Dir) bool {
	s.side[d].sealed = true
	s.seal()
	if s.side[0].sealed && s.side[1].sealed {
		s.emit(c)
		return true
	}
	return false
}

// fragments takes the content of a handshake record.
func (s *datagrams) fragments(c *protocol.Context, d protocol.Dir, b []byte) bool {
	for len(b) >= dtlsMessageHeader {
		typ, size, offset, ok := dtlsFragment(b)
		if !ok {
			s.observe(c, d, "", "invalid_handshake_message")
			return false
		}
		seq := binary.BigEndian.Uint16(b[4:])
		n := uint24(b[9:])
		body := b[dtlsMessageHeader:]
		if len(body) < n {
			return false
		}
		b = body[n:]
		body = body[:n]
		if n < size && (typ == typeClientHello || typ == typeServerHello || typ == typeCertificate) {
			if body = s.side[d].add(typ, seq, size, offset, body); body == nil {
				continue
			}
		}
		if typ == typeCertificate {
			if leaf, ok := firstCertificate(body); ok {
				s.certificate(d, leaf)
			}
		}
		if s.message(c, d, typ, body) {
			return true
		}
	}
	return false
}

// firstCertificate returns the first certificate of the body of a Certificate message.
func firstCertificate(b []byte) ([]byte, bool) {
	if len(b) < 6 {
		return nil, false
	}
	n := uint24(b[3:])
	return b[6:min(6+n, len(b))], n > 0 && n <= len(b)-6
}

// add puts a fragment into its message. It returns the message when that is whole.
func (p *side) add(typ byte, seq uint16, size, offset int, b []byte) []byte {
	if !p.active || p.seq != seq || p.typ != typ || p.size != size {
		p.active, p.seq, p.typ, p.size = true, seq, typ, size
		p.Assembler.Reset()
	}
	if msg := p.Add(offset, b); len(msg) == size {
		p.active = false
		return msg
	}
	return nil
}
