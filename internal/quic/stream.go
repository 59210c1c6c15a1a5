package quic

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

const (
	// maxAttempts bounds the keys that are derived for one flow: each costs some microseconds.
	maxAttempts = 12
	// maxFailures bounds the packets of one flow that did not open.
	maxFailures = 32
	// maxQuiet bounds the datagrams that are looked at after the last that taught anything.
	maxQuiet = 64
	// keptBuffer and keptFacts bound the room that survives Reset.
	keptBuffer = 16 << 10
	keptFacts  = 64
)

// Handshake message types: RFC 8446, section 4.
const (
	typeClientHello = 1
	typeServerHello = 2
)

// half is the CRYPTO stream of one sender.
type half struct {
	tls.Assembler
	done int // bytes of messages that were taken
}

type stream struct {
	progress
	cache  *tls.Cache
	crypto [2]half // of client and server
	detail detail
	obs    protocol.Observation
	facts  []protocol.Fact
	hello  tls.ClientHello // valid within begin
	shape  tls.Fingerprint
	plain  []byte // decrypted payload
	header []byte
}

// progress is what is known of a connection.
type progress struct {
	version        version // of the keys
	dcid           [maxCID]byte
	dcidLen        int
	secret         secret
	client, server keys
	trial          keys // of a packet that may begin another connection
	clientDir      protocol.Dir

	attempts, failures       int
	quiet                    int
	seen                     version // of any packet
	clientHello, serverHello bool
	event                    bool // an event was written
}

func newStream(cache *tls.Cache) *stream { return &stream{cache: cache} }

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	for i := range s.crypto {
		s.crypto[i].Reset()
		s.crypto[i].done = 0
	}
	if cap(s.plain) > keptBuffer {
		s.plain = nil
	}
	if cap(s.facts) > keptFacts {
		s.facts = nil
	}
	s.facts = s.facts[:0]
	s.shape.Reset()
	s.progress = progress{}
	s.detail = detail{}
	s.hello = tls.ClientHello{}
}

// Gap implements protocol.Stream.
func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) {
	if !s.event && s.seen != 0 {
		s.detail = detail{version: s.seen}
		s.emit(c, s.clientDir)
	}
}

// emit writes an event with the facts that were gathered.
func (s *stream) emit(c *protocol.Context, d protocol.Dir) {
	s.event = true
	s.obs = protocol.Observation{Event: "quic", Dir: d, TxID: protocol.NoTx, Detail: &s.detail, Facts: s.facts}
	c.Sink.Observe(&s.obs)
	s.facts = s.facts[:0]
	s.detail = detail{}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := len(b)
	s.quiet++
	if v := googleVersion(b); v != 0 {
		return n, s.google(c, d, v, b)
	}
	for len(b) > 0 && b[0]&0x80 != 0 {
		if len(b) > 5 {
			if v := version(binary.BigEndian.Uint32(b[1:])); v.clear() {
				return n, s.google(c, d, v, b)
			}
		}
		h, err := parseLongHeader(b)
		if err != nil {
			break
		}
		if h.typ != negotiation && (h.version.salt() != "" || s.seen == 0) {
			s.seen = h.version
		}
		if h.typ == initial {
			s.initial(c, d, h, b[:h.end])
		}
		b = b[h.end:]
	}
	if s.clientHello && s.serverHello || s.failures > maxFailures || s.quiet > maxQuiet {
		return n, protocol.Done
	}
	return n, protocol.More
}

// initial takes an Initial packet.
func (s *stream) initial(c *protocol.Context, d protocol.Dir, h header, packet []byte) {
	if h.version.salt() == "" {
		return
	}
	if s.client.valid() && h.version != s.version {
		s.change(h.version) // compatible version negotiation, RFC 9368
	}
	if s.client.valid() {
		if d != s.clientDir {
			if !s.server.valid() {
				s.server = s.secret.keys(s.version, serverLabel)
			}
			if s.open(&s.server, h, packet) {
				s.frames(c, d, s.plain)
				return
			}
		} else if s.open(&s.client, h, packet) {
			s.frames(c, d, s.plain)
			return
		}
	}
	// The first packet of a connection, another try after a Retry, or another connection between the same ports.
	// Servers choose their clients' connection IDs at random, so this cannot succeed with a server's packet.
	if len(h.dcid) == 0 || s.client.valid() && bytes.Equal(h.dcid, s.dcid[:s.dcidLen]) && d == s.clientDir {
		s.failures++
		return
	}
	if s.attempts >= maxAttempts {
		s.failures++
		return
	}
	s.attempts++
	initial := newInitialSecret(h.version, h.dcid)
	s.trial = initial.keys(h.version, clientLabel)
	if !s.open(&s.trial, h, packet) {
		s.failures++
		return
	}
	s.secret, s.client, s.server, s.version, s.clientDir = initial, s.trial, keys{}, h.version, d
	s.dcidLen = copy(s.dcid[:], h.dcid)
	s.clientHello, s.serverHello = false, false
	for i := range s.crypto {
		s.crypto[i].Reset()
		s.crypto[i].done = 0
	}
	s.frames(c, d, s.plain)
}

// change replaces the keys by those of another version.
func (s *stream) change(v version) {
	if s.attempts >= maxAttempts {
		return
	}
	s.attempts++
	s.secret, s.version = newInitialSecret(v, s.dcid[:s.dcidLen]), v
	s.client, s.server = s.secret.keys(v, clientLabel), keys{}
}

// open decrypts a packet into s.plain.
func (s *stream) open(k *keys, h header, packet []byte) bool {
	plain, head, err := k.open(s.plain[:0], s.header[:0], packet, h.pn)
	s.header = head[:0]
	if err != nil {
		return false
	}
	s.plain = plain
	return true
}

// frames takes the payload of an Initial packet.
func (s *stream) frames(c *protocol.Context, d protocol.Dir, b []byte) {
	google := s.version == q050 || s.version == t050 || s.version == t051
	server := d != s.clientDir
	var got []byte
	h := &s.crypto[0]
	if server {
		h = &s.crypto[1]
	}
	cryptoFrames(b, google, func(offset int, data []byte) { got = h.Add(offset, data) })
	if s.version == q050 {
		if !server && !s.clientHello {
			s.takeCHLO(c, d, s.version, got)
		}
		return
	}
	for len(got)-h.done >= 4 {
		msg := got[h.done:]
		size := 4 + int(msg[1])<<16 + int(msg[2])<<8 + int(msg[3])
		if len(msg) < size {
			return
		}
		h.done += size
		s.message(c, d, server, msg[:size])
	}
}

// message takes a whole handshake message of TLS.
func (s *stream) message(c *protocol.Context, d protocol.Dir, server bool, msg []byte) {
	s.quiet = 0
	switch {
	case msg[0] == typeClientHello && !server && !s.clientHello:
		s.clientHello = s.begin(c, d, msg)
	case msg[0] == typeServerHello && server && !s.serverHello:
		h, err := tls.ParseServerHello(msg)
		if err != nil || h.Retry {
			return
		}
		s.serverHello = true
		s.detail = detail{version: s.version, server: s.cache.Server(&h), exts: h.Extensions}
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.TLSVersion, Num: int64(h.Negotiated)})
		if h.PreSharedKey {
			s.facts = append(s.facts, protocol.Fact{Kind: protocol.Resumed})
		}
		s.emit(c, d)
	}
}

// begin takes a ClientHello, and reports whether it is one.
func (s *stream) begin(c *protocol.Context, d protocol.Dir, msg []byte) bool {
	var err error
	if s.hello, err = tls.ParseClientHello(msg); err != nil {
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "error_on_data"}
		c.Sink.Observe(&s.obs)
		return false
	}
	h := &s.hello
	s.shape.Set(s.cache, h, tls.OverQUIC)
	s.detail = detail{version: s.version, sni: h.ServerName, client: &s.shape, exts: h.Extensions, hello: h}
	switch {
	case h.EncryptedName():
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.EncryptedHello, Text: h.ServerName})
	case len(h.ServerName) > 0:
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.NameSNI, Text: h.ServerName})
	}
	s.facts = s.shape.AppendFacts(s.facts)
	s.facts = append(s.facts, protocol.Fact{Kind: protocol.Encrypted})
	s.emit(c, d)
	return true
}

// google takes a packet of one of Google's versions that do not encrypt the CHLO.
func (s *stream) google(c *protocol.Context, d protocol.Dir, v version, b []byte) protocol.Status {
	s.seen = v
	if s.takeCHLO(c, d, v, findCHLO(b)) || s.quiet > maxQuiet {
		return protocol.Done
	}
	return protocol.More
}

// takeCHLO takes a CHLO, and reports whether it is one.
func (s *stream) takeCHLO(c *protocol.Context, d protocol.Dir, v version, b []byte) bool {
	h, err := parseCHLO(b)
	if err != nil {
		return false
	}
	s.clientHello = true
	s.serverHello = true // nothing to learn from it
	s.detail = detail{version: v, sni: h.sni, ua: h.uaid, chlo: &h}
	if len(h.sni) > 0 {
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.NameSNI, Text: h.sni})
	}
	if len(h.uaid) > 0 {
		s.facts = append(s.facts, protocol.Fact{Kind: protocol.ClientSoftware, Text: h.uaid})
	}
	s.facts = append(s.facts, protocol.Fact{Kind: protocol.Encrypted})
	s.emit(c, d)
	return true
}
