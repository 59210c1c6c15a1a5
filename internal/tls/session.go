package tls

import (
	"bytes"

	"netsensor/internal/protocol"
)

// session follows the handshake messages of one connection, whatever carries them, and says what they reveal.
// Nothing that it keeps points into a message.
type session struct {
	cache     *Cache
	transport byte
	obs       protocol.Observation
	facts     []protocol.Fact // not yet observed
	detail    Detail

	serverName, alpn []byte       // reused room for the detail's
	hello, second    Fingerprint  // of the client; the other is room for that of another hello
	flip             protocol.Dir // 1 if the client's bytes come as ToClient: roles were inferred wrongly

	clientHello, serverHello bool
	retry                    bool // a HelloRetryRequest was seen, the second ClientHello is to come
	certRequested            bool // the server wants a certificate: the client's flight is of interest
	serverDone               bool // the server's flight is complete
	emitted                  bool
	reshaped                 bool // an event was written for a ClientHello that another one replaced
	opaque                   bool // the fact Encrypted was given
}

// keptFacts bounds the room for facts that survives reset.
const keptFacts = 64

func (s *session) reset() {
	facts := s.facts
	if cap(facts) > keptFacts {
		facts = nil
	}
	s.hello.Reset()
	s.second.Reset()
	*s = session{
		cache: s.cache, transport: s.transport, facts: facts[:0],
		serverName: s.serverName[:0], alpn: s.alpn[:0], hello: s.hello, second: s.second,
	}
}

func (s *session) fact(f protocol.Fact) { s.facts = append(s.facts, f) }

// role says whose bytes come as d: ToServer for the client's.
func (s *session) role(d protocol.Dir) protocol.Dir { return d ^ s.flip }

// observe hands over the facts so far, and the event if there is one.
func (s *session) observe(c *protocol.Context, d protocol.Dir, event, anomaly string) {
	s.obs = protocol.Observation{
		Event: event, Dir: d, TxID: protocol.NoTx, Detail: &s.detail, Facts: s.facts, Anomaly: anomaly,
	}
	c.Sink.Observe(&s.obs)
	s.facts = s.facts[:0]
}

// flush hands over the facts of a call of Feed that did not end in an event.
func (s *session) flush(c *protocol.Context, d protocol.Dir) {
	if len(s.facts) > 0 {
		s.observe(c, d, "", "")
	}
}

// emit writes the event of the handshake, once.
func (s *session) emit(c *protocol.Context) {
	if s.emitted || !s.clientHello && !s.serverHello && s.detail.cert == nil && s.detail.clientCert == nil {
		return
	}
	s.emitted = true
	s.observe(c, s.role(protocol.ToServer), "tls", "")
}

// seal says that the connection is opaque from here on.
func (s *session) seal() {
	if !s.opaque {
		s.opaque = true
		s.fact(protocol.Fact{Kind: protocol.Encrypted})
	}
}

// client takes the body of a ClientHello. It reports false if that is malformed; then what can be read of it
// counts nevertheless, for a server may be more tolerant.
func (s *session) client(c *protocol.Context, d protocol.Dir, body []byte) bool {
	s.flip = d
	var h ClientHello
	dtls := s.transport == OverDTLS
	ok := h.unmarshal(body, dtls, false)
	if !ok {
		h = ClientHello{}
		h.unmarshal(body, dtls, true)
	}
	again := s.clientHello && bytes.Equal(h.ServerName, s.detail.serverName)
	s.second.Reset()
	if ok || len(h.CipherSuites) > 0 {
		s.second.Set(s.cache, &h, s.transport)
	}
	switch {
	case again && (dtls || bytes.Equal(s.second.key, s.hello.key)):
		return ok // the answer to a HelloRetryRequest or HelloVerifyRequest, which in DTLS has a cookie more
	case s.clientHello && !s.emitted && !s.reshaped:
		// It looks otherwise than before the HelloRetryRequest: what it looked like would be lost.
		s.reshaped = true
		s.observe(c, d, "tls", "")
	default:
		s.flush(c, d) // facts of an earlier hello point to room that is used again
	}
	s.hello, s.second = s.second, s.hello
	s.detail.client = &s.hello
	s.detail.offered = h.maxVersion(dtls)
	s.clientHello = true
	if !again {
		s.name(&h)
		s.facts = s.hello.AppendFacts(s.facts)
	}
	return ok
}

// name keeps the server name of a hello and makes it a fact.
func (s *session) name(h *ClientHello) {
	s.serverName = append(s.serverName[:0], h.ServerName...)
	s.detail.serverName = s.serverName
	switch {
	case h.EncryptedName():
		s.fact(protocol.Fact{Kind: protocol.EncryptedHello, Text: s.serverName})
	case len(s.serverName) > 0:
		s.fact(protocol.Fact{Kind: protocol.NameSNI, Text: s.serverName})
	}
}

// server takes the body of a ServerHello.
func (s *session) server(d protocol.Dir, body []byte) bool {
	s.flip = d.Reverse()
	var h ServerHello
	if !h.unmarshal(body) {
		return false
	}
	if h.Retry {
		s.retry = true
		s.detail.version = h.Negotiated
		return true
	}
	if s.serverHello {
		return true
	}
	s.serverHello = true
	s.detail.version = h.Negotiated
	s.detail.server = s.cache.Server(&h)
	s.fact(protocol.Fact{Kind: protocol.TLSVersion, Num: int64(h.Negotiated)})
	if len(h.ALPN) > 0 {
		s.alpn = append(s.alpn[:0], h.ALPN...)
		s.detail.alpn = s.alpn
		s.fact(protocol.Fact{Kind: protocol.ALPN, Text: s.alpn})
	}
	if h.PreSharedKey && tls13(h.Negotiated) {
		s.resume()
	}
	return true
}

func (s *session) resume() {
	if !s.detail.resumed {
		s.detail.resumed = true
		s.fact(protocol.Fact{Kind: protocol.Resumed})
	}
}

// certificate takes a leaf certificate.
func (s *session) certificate(d protocol.Dir, der []byte) {
	x := s.cache.Certificate(der)
	if s.role(d) == protocol.ToServer {
		s.detail.clientCert = x
		s.fact(protocol.Fact{Kind: protocol.ClientCert, Text: x.Subject})
		return
	}
	if s.detail.cert == nil {
		s.detail.cert = x
		s.facts = append(s.facts, x.facts...)
	}
}

// tls13 reports whether the server chose TLS 1.3, be it in a HelloRetryRequest.
func (s *session) tls13() bool { return tls13(s.detail.version) }

// settle emits the event when nothing that is still to come can add to it, and then reports true. done says that
// the client has had its say, too.
func (s *session) settle(c *protocol.Context, done bool) bool {
	switch {
	case s.emitted:
	case s.serverHello && s.tls13():
		if !s.clientHello && !done {
			return false // maybe the captured order is not that of the wire
		}
	case !s.serverDone || (s.certRequested || !s.clientHello) && !done:
		return false
	}
	s.seal()
	s.emit(c)
	return true
}

// changeCipher takes a ChangeCipherSpec of a version before TLS 1.3, after which direction d is encrypted.
func (s *session) changeCipher(c *protocol.Context, d protocol.Dir) bool {
	if s.role(d) == protocol.ToClient {
		if s.serverHello && !s.serverDone && s.detail.cert == nil {
			s.resume() // the server skipped its part of the key exchange
		}
		s.serverDone = true
	}
	return s.settle(c, true)
}

// message takes the body of a whole handshake message, nil where the type alone matters. It reports whether
// nothing more can be learnt.
func (s *session) message(c *protocol.Context, d protocol.Dir, typ byte, body []byte) bool {
	client := s.role(d) == protocol.ToServer
	switch typ {
	case typeClientHello:
		if !s.client(c, d, body) {
			s.observe(c, d, "", "invalid_handshake_message")
		}
		return s.serverHello && s.settle(c, false)
	case typeServerHello:
		if !s.server(d, body) {
			s.observe(c, d, "", "invalid_handshake_message")
			return false
		}
		return s.serverHello && s.tls13() && s.settle(c, false)
	case typeCertificate, typeClientKeyExchange:
		return client && s.settle(c, true)
	case typeCertificateRequest:
		s.certRequested = s.certRequested || !client
	case typeServerHelloDone:
		if !client {
			s.serverDone = true
			return s.settle(c, false)
		}
	}
	return false
}
