package tls

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Message types of SSL 2.0.
const (
	sslv2ClientHello = 1
	sslv2ServerHello = 4
)

// sslv2Size returns the size of the SSL 2.0 record that b begins with if that is a hello: CLIENT-HELLO, also in
// the form that later versions send to be understood by all (RFC 5246, appendix E.2), or SERVER-HELLO; else 0.
func sslv2Size(b []byte) int {
	if len(b) < recordHeader || b[0]&0x80 == 0 {
		return 0
	}
	size := 2 + int(binary.BigEndian.Uint16(b)&0x7fff)
	switch {
	case b[2] == sslv2ClientHello && size >= 11+3+16 && size <= 4096 &&
		(b[3] == 3 && b[4] <= 4 || b[3] == 0 && b[4] == 2):
		return size
	case b[2] == sslv2ServerHello && b[3] <= 1 && b[4] <= 1 && size >= 13:
		return size
	}
	return 0
}

// isSSLv2ClientHello checks the inner lengths of a CLIENT-HELLO as far as b goes.
func isSSLv2ClientHello(b []byte) bool {
	if sslv2Size(b) == 0 || len(b) < 11 || b[2] != sslv2ClientHello {
		return false
	}
	size := int(binary.BigEndian.Uint16(b) & 0x7fff)
	ciphers := int(binary.BigEndian.Uint16(b[5:]))
	id := int(binary.BigEndian.Uint16(b[7:]))
	challenge := int(binary.BigEndian.Uint16(b[9:]))
	return ciphers > 0 && ciphers%3 == 0 && (id == 0 || id == 16) && challenge >= 16 && challenge <= 32 &&
		9+ciphers+id+challenge == size
}

// sslv2 takes an SSL 2.0 message. It reports whether nothing more can be learnt.
func (s *stream) sslv2(c *protocol.Context, d protocol.Dir, b []byte) bool {
	s.half[d].v2 = true
	if b[0] == sslv2ClientHello {
		s.clientHello = true
		s.detail.offered = binary.BigEndian.Uint16(b[1:])
		return false
	}
	// SERVER-HELLO: type, session id hit, certificate type, version, three lengths, certificate, …
	if len(b) < 11 {
		return false
	}
	s.serverHello = true
	s.serverDone = true
	s.detail.version = versionSSL2
	s.fact(protocol.Fact{Kind: protocol.TLSVersion, Num: versionSSL2})
	n := int(binary.BigEndian.Uint16(b[5:]))
	if n > 0 && n <= len(b)-11 {
		s.certificate(d, b[11:11+n])
	}
	if b[1] != 0 {
		s.resume()
	}
	return s.settle(c, true)
}
