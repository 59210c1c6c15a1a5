package http

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"

	"netsensor/internal/dns"
	"netsensor/internal/protocol"
)

// dnsMessage is the media type of DNS over HTTP (RFC 8484, section 6).
const dnsMessage = "application/dns-message"

const (
	dnsHeader = 12 // bytes of a DNS message's header (RFC 1035, section 4.1.1)
	// leastQuery is a query with one question, for the root.
	leastQuery = dnsHeader + 5
	// maxQuery bounds a query in a URL.
	maxQuery = 1 << 10
)

// isDNS reports whether a Content-Type is that of a DNS message.
func isDNS(contentType []byte) bool {
	if i := bytes.IndexByte(contentType, ';'); i >= 0 {
		contentType = trim(contentType[:i])
	}
	return fold(contentType, dnsMessage)
}

// lookup tells of a DNS message, as if it were a datagram between client and server.
func (s *teller) lookup(c *protocol.Context, d protocol.Dir, b []byte) {
	if len(b) < dnsHeader {
		return
	}
	if s.dns == nil {
		s.dns = s.decoders.newDNS()
	}
	s.inner = protocol.Context{Time: c.Time, Over: protocol.UDP, ClientPort: c.ClientPort, ServerPort: c.ServerPort, Sink: c.Sink}
	s.dns.Feed(&s.inner, d, b)
	s.inner.Sink = nil
}

// lookupInURL tells of a query in a URL's parameter "dns" (RFC 8484, section 4.1). Others may have a parameter of that
// name, so it must look like a query.
func (s *teller) lookupInURL(c *protocol.Context, tx *transaction) {
	v := dnsParameter(tx.get(tx.url))
	if len(v) < leastQuery || len(v) > base64.RawURLEncoding.EncodedLen(maxQuery) {
		return
	}
	b, err := base64.RawURLEncoding.AppendDecode(s.scratch[:0], v)
	s.scratch = b[:0]
	const flags, questions, answers = 2, 4, 6
	const response = 0x8000
	if err != nil || len(b) < leastQuery || binary.BigEndian.Uint16(b[flags:])&response != 0 ||
		binary.BigEndian.Uint16(b[questions:]) != 1 || binary.BigEndian.Uint16(b[answers:]) != 0 {
		return
	}
	s.lookup(c, tx.dir, b)
	clear(b)
}

// dnsParameter returns the value of the parameter "dns" in a URL, without padding.
func dnsParameter(url []byte) []byte {
	_, query, _ := bytes.Cut(url, []byte("?"))
	for len(query) > 0 {
		var p []byte
		p, query, _ = bytes.Cut(query, []byte("&"))
		if v, ok := bytes.CutPrefix(p, []byte("dns=")); ok {
			return bytes.TrimRight(v, "=")
		}
	}
	return nil
}

// newDNS returns a stream of DNS.
func (d *decoders) newDNS() protocol.Stream {
	if d.dns == nil {
		d.dns = dns.Parser().New
	}
	return d.dns()
}
