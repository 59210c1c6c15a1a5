// Package socks follows the handshakes of SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): where the client wants to be
// connected to, and as whom. When the connection stands, what is inside is another protocol's.
package socks

import (
	"bytes"
	"net/netip"

	"netsensor/internal/protocol"
)

const (
	version4 = 4
	version5 = 5

	connect   = 1
	bind      = 2
	associate = 3

	noAuth       = 0
	gssapi       = 1
	userPassword = 2

	typeIPv4 = 1
	typeName = 3
	typeIPv6 = 4

	granted4 = 0x5a

	// maxUser and maxName bound the strings of SOCKS 4, which end with a zero byte.
	maxUser = 256
	maxName = 256
)

// Parser returns the parser of SOCKS over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "socks",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows the client's first message, which is all that a client sends before the server answers. The
// server's is too short to be told without the usual port.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) == 0 {
		return protocol.Maybe
	}
	if p.Dir == protocol.ToClient {
		if p.Port(1080) && (len(b) == 2 && b[0] == version5 && b[1] <= userPassword || len(b) == 8 && b[0] == 0 && b[1] >= granted4 && b[1] <= 0x5d) {
			return protocol.Likely
		}
		return protocol.No
	}
	m := protocol.No
	switch b[0] {
	case version4:
		m = probe4(b)
	case version5:
		m = probe5(b)
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

func probe4(b []byte) protocol.Match {
	if len(b) >= 2 && b[1] != connect && b[1] != bind {
		return protocol.No
	}
	if len(b) < 8 {
		return protocol.Maybe
	}
	if b[2] == 0 && b[3] == 0 {
		return protocol.No
	}
	for _, c := range b[8:] {
		if c != 0 && (c < 0x20 || c == 0x7f) {
			return protocol.No
		}
	}
	_, n, ok := parse4(b)
	switch {
	case !ok:
		return protocol.No
	case n == 0:
		return protocol.Maybe
	case n < len(b):
		return protocol.Likely
	}
	return protocol.Yes
}

func probe5(b []byte) protocol.Match {
	if len(b) < 2 {
		return protocol.Maybe
	}
	n := int(b[1])
	if n == 0 || n > 16 {
		return protocol.No
	}
	methods := b[2:min(len(b), 2+n)]
	for i, m := range methods {
		// Methods above 9 are private (from 0x80 on), if anything.
		if m > 9 && m < 0x80 || bytes.IndexByte(methods[:i], m) >= 0 {
			return protocol.No
		}
	}
	switch {
	case len(b) < 2+n:
		return protocol.Maybe
	case len(b) == 2+n:
		return protocol.Yes
	case b[2+n] == version5 || b[2+n] == 1:
		return protocol.Likely
	}
	return protocol.No
}

// phase is what a direction says next.
type phase uint8

const (
	greeting    phase = iota // client 4: the request; 5: its methods; server 5: the method
	credentials              // client: credentials or request; server: whether they are good
	request                  // client: the request; server: the reply
	settled                  // what comes now is not SOCKS, if the reply is good
)

// stream follows one flow.
type stream struct {
	phase   [2]phase
	version byte
	command byte
	replies int
	spoke   bool // the server was heard
	user    []byte
	addr    [64]byte
	obs     protocol.Observation
	facts   [2]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{user: s.user[:0]}
}

// Gap implements protocol.Stream: without all of a handshake there is no telling where it ends.
func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for n < len(b) {
		var k int
		var status protocol.Status
		if d == protocol.ToServer {
			k, status = s.client(c, b[n:])
		} else {
			s.spoke = true
			k, status = s.server(c, b[n:])
		}
		n += k
		if k == 0 || status != protocol.More {
			return n, status
		}
	}
	return n, protocol.More
}

// fail gives the flow up.
func (s *stream) fail(c *protocol.Context, d protocol.Dir) (int, protocol.Status) {
	s.observe(c, protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "invalid_message"})
	return 0, protocol.Failed
}

// observe goes through the stream's own Observation, because one on the stack would escape.
func (s *stream) observe(c *protocol.Context, o protocol.Observation) {
	s.obs = o
	c.Sink.Observe(&s.obs)
	s.obs = protocol.Observation{}
}

// client takes the client's next message.
func (s *stream) client(c *protocol.Context, b []byte) (int, protocol.Status) {
	switch s.phase[protocol.ToServer] {
	case greeting:
		switch b[0] {
		case version4:
			return s.request4(c, b)
		case version5:
			if len(b) < 2 || len(b) < 2+int(b[1]) {
				return 0, protocol.More
			}
			s.version = version5
			s.phase[protocol.ToServer] = credentials
			return 2 + int(b[1]), protocol.More
		}
		return s.fail(c, protocol.ToServer)
	case credentials:
		if b[0] == 1 {
			return s.credentials(c, b)
		}
		return s.request5(c, b)
	case request:
		return s.request5(c, b)
	}
	// The client does not wait, or the server's side is not in the capture: in SOCKS 5 the server was heard
	// before a request, if it ever is.
	if !s.spoke {
		return 0, protocol.Switch
	}
	return 0, protocol.More
}

// target is where the client wants to be connected to.
type target struct {
	command byte
	host    []byte
	addr    netip.Addr // valid when host is empty
	port    uint16
	user    []byte
}

// parse4 reads a request of SOCKS 4 or 4a, whose host name follows the user. n is 0 when b is too short, ok false
// when it is none.
func parse4(b []byte) (t target, n int, ok bool) {
	if len(b) < 9 {
		return t, 0, true
	}
	t.command = b[1]
	t.port = uint16(b[2])<<8 | uint16(b[3])
	t.addr = netip.AddrFrom4([4]byte(b[4:8]))
	i := bytes.IndexByte(b[8:], 0)
	if i < 0 || i > maxUser {
		return t, 0, i < 0 && len(b)-8 <= maxUser
	}
	t.user = b[8 : 8+i]
	n = 9 + i
	if b[4] == 0 && b[5] == 0 && b[6] == 0 && b[7] != 0 {
		i = bytes.IndexByte(b[n:], 0)
		if i < 0 || i > maxName {
			return t, 0, i < 0 && len(b)-n <= maxName
		}
		t.host = b[n : n+i]
		n += i + 1
	}
	return t, n, t.command == connect || t.command == bind
}

func (s *stream) request4(c *protocol.Context, b []byte) (int, protocol.Status) {
	t, n, ok := parse4(b)
	if !ok {
		return s.fail(c, protocol.ToServer)
	}
	if n == 0 {
		return 0, protocol.More
	}
	s.version = version4
	s.user = append(s.user[:0], t.user...)
	s.wanted(c, &t)
	return n, protocol.More
}

// credentials reads the user name of RFC 1929, section 2; the password is passed over.
func (s *stream) credentials(c *protocol.Context, b []byte) (int, protocol.Status) {
	if len(b) < 2 {
		return 0, protocol.More
	}
	at := 2 + int(b[1])
	if len(b) <= at || len(b) < at+1+int(b[at]) {
		return 0, protocol.More
	}
	s.user = append(s.user[:0], b[2:at]...)
	s.phase[protocol.ToServer] = request
	s.login(c, protocol.LoginTried)
	return at + 1 + int(b[at]), protocol.More
}

func (s *stream) login(c *protocol.Context, outcome int64) {
	if len(s.user) == 0 {
		return
	}
	mechanism := mechanism5
	if s.version == version4 {
		mechanism = mechanism4
	}
	s.facts[0] = protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism, Num: outcome}
	s.observe(c, protocol.Observation{TxID: protocol.NoTx, Facts: s.facts[:1]})
}

var mechanism4, mechanism5 = []byte("socks4"), []byte("socks5")

// request5 reads a request (RFC 1928, section 4).
func (s *stream) request5(c *protocol.Context, b []byte) (int, protocol.Status) {
	host, addr, port, n, ok := address(b)
	if !ok || b[0] != version5 || len(b) > 1 && (b[1] < connect || b[1] > associate) {
		return s.fail(c, protocol.ToServer)
	}
	if n == 0 {
		return 0, protocol.More
	}
	s.version = version5
	s.wanted(c, &target{command: b[1], host: host, addr: addr, port: port})
	return n, protocol.More
}

// address reads what requests and replies have in common: three bytes, then the address and port. n is 0 when b
// is too short.
func address(b []byte) (host []byte, addr netip.Addr, port uint16, n int, ok bool) {
	if len(b) < 5 {
		return nil, addr, 0, 0, len(b) < 4 || b[3] == typeIPv4 || b[3] == typeName || b[3] == typeIPv6
	}
	switch b[3] {
	case typeIPv4:
		n = 4 + 4
	case typeIPv6:
		n = 4 + 16
	case typeName:
		n = 5 + int(b[4])
	default:
		return nil, addr, 0, 0, false
	}
	if len(b) < n+2 {
		return nil, addr, 0, 0, true
	}
	if b[3] == typeName {
		host = b[5:n]
	} else {
		addr, _ = netip.AddrFromSlice(b[4:n])
	}
	return host, addr, uint16(b[n])<<8 | uint16(b[n+1]), n + 2, true
}

// wanted tells where the client wants to be connected to.
func (s *stream) wanted(c *protocol.Context, t *target) {
	s.command = t.command
	s.phase[protocol.ToServer] = settled
	host := t.host
	if len(host) == 0 {
		host = t.addr.Unmap().AppendTo(s.addr[:0])
	}
	f := s.facts[:0]
	// The address of BIND and UDP ASSOCIATE is often left open.
	if len(t.host) > 0 || !t.addr.IsUnspecified() {
		f = append(f, protocol.Fact{Kind: protocol.NameTarget, Text: host, Num: int64(t.port)})
		if len(t.host) == 0 {
			f[0].Addr = t.addr.Unmap()
		}
	}
	if s.version == version4 && len(s.user) > 0 {
		f = append(f, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism4, Num: protocol.LoginTried})
	}
	if len(f) > 0 {
		s.observe(c, protocol.Observation{TxID: protocol.NoTx, Facts: f})
	}
}

// server takes the server's next message.
func (s *stream) server(c *protocol.Context, b []byte) (int, protocol.Status) {
	if s.version == version4 || s.version == 0 && b[0] == 0 {
		return s.reply4(c, b)
	}
	switch s.phase[protocol.ToClient] {
	case greeting:
		if len(b) < 2 {
			return 0, protocol.More
		}
		if b[0] != version5 {
			return s.fail(c, protocol.ToClient)
		}
		switch b[1] {
		case noAuth:
			s.phase[protocol.ToClient] = request
		case userPassword:
			s.phase[protocol.ToClient] = credentials
		default:
			// Refused, or a method under which the rest is sealed.
			return 2, protocol.Done
		}
		return 2, protocol.More
	case credentials:
		if len(b) < 2 {
			return 0, protocol.More
		}
		s.phase[protocol.ToClient] = request
		if b[1] != 0 {
			s.login(c, protocol.LoginRefused)
			return 2, protocol.Done
		}
		s.login(c, protocol.LoginAccepted)
		return 2, protocol.More
	}
	_, _, _, n, ok := address(b)
	if !ok || b[0] != version5 {
		return s.fail(c, protocol.ToClient)
	}
	if n == 0 {
		// A refusal may be cut short.
		return 0, protocol.More
	}
	return n, s.replied(b[1] == 0)
}

func (s *stream) reply4(c *protocol.Context, b []byte) (int, protocol.Status) {
	if len(b) < 8 {
		return 0, protocol.More
	}
	if b[0] != 0 && b[0] != version4 {
		return s.fail(c, protocol.ToClient)
	}
	granted := b[1] == granted4
	switch {
	case s.replies > 0:
	case granted:
		s.login(c, protocol.LoginAccepted)
	case b[1] == 0x5c || b[1] == 0x5d:
		s.login(c, protocol.LoginRefused)
	}
	return 8, s.replied(granted)
}

// replied says what follows a reply: BIND has a second one, when the peer has connected.
func (s *stream) replied(good bool) protocol.Status {
	s.replies++
	switch {
	case !good || s.command == associate:
		return protocol.Done
	case s.command == bind && s.replies == 1:
		return protocol.More
	}
	return protocol.Switch
}
