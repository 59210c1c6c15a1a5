// Package rfb parses the beginning of RFB, VNC's protocol (RFC 6143): versions, the kind of authentication and whether
// it succeeded, and what the server shows. Challenges and responses are stepped over.
package rfb

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

const (
	versionSize = 12
	secretSize  = 16
	initSize    = 24
	maxName     = 256
	maxString   = 1 << 20 // the longest name or reason that is believed
	skipAll     = 1 << 30
)

// Security types (RFC 6143, section 7.1.2).
const (
	secInvalid = 0
	secNone    = 1
	secVNC     = 2
)

// Parser recognises RFB over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "rfb",
		Over:  protocol.TCP,
		Limit: 16 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe knows ProtocolVersion messages: "RFB xxx.yyy" and a line feed (RFC 6143, section 7.1.1).
func probe(p *protocol.Peek) protocol.Match {
	if !isVersion(p.Data) {
		return protocol.No
	}
	if len(p.Data) < versionSize {
		return protocol.Maybe
	}
	vnc := func(port uint16) bool { return port/100 == 59 }
	p.Reversed = p.Dir == protocol.ToServer && vnc(p.ClientPort) && !vnc(p.ServerPort)
	return protocol.Yes
}

// isVersion reports whether b, as far as it goes, is a ProtocolVersion message.
func isVersion(b []byte) bool {
	const form = "RFB 000.000\n"
	for i, c := range b[:min(len(b), versionSize)] {
		if form[i] == '0' && (c < '0' || c > '9') || form[i] != '0' && c != form[i] {
			return false
		}
	}
	return true
}

// phase is what comes next in a direction.
type phase uint8

const (
	version  phase = iota
	security       // the server's types, the client's choice
	decided        // of the server: what follows depends on the client's choice
	secret         // challenge or response of VNC authentication
	result
	reason
	initial // ClientInit, ServerInit
	over
)

// stream follows one connection up to ServerInit.
type stream struct {
	phases    [2]phase
	versions  [2][versionSize]byte
	seen      [2]bool
	chosen    int // the security type, secInvalid when not known
	result    uint32
	hasResult bool
	shared    bool
	hasShared bool
	server    [initSize]byte
	hasServer bool
	text      []byte // the name of the desktop, or why the server refused
	refused   bool   // text is the latter
	told      bool
	fact      [1]protocol.Fact
	obs       protocol.Observation
}

func (s *stream) Reset() { *s = stream{text: s.text[:0]} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := 0
	for n < len(b) {
		if s.phases[d] == over {
			n = len(b) + skipAll
			break
		}
		before := s.phases[d]
		var used int
		if d == protocol.ToServer {
			used = s.client(c, b[n:])
		} else {
			used = s.serve(c, b[n:])
		}
		n += used
		if used == 0 && s.phases[d] == before {
			break
		}
	}
	if s.phases[0] == over && s.phases[1] == over {
		s.tell(c)
		return min(n, len(b)), protocol.Done
	}
	return n, protocol.More
}

// client reads a message of the client and returns its size, or 0.
func (s *stream) client(c *protocol.Context, b []byte) int {
	switch s.phases[protocol.ToServer] {
	case version:
		return s.version(c, protocol.ToServer, b)
	case security:
		n := 0
		if s.minor() >= 7 { // else the server has chosen
			s.chosen = int(b[0])
			n = 1
		}
		switch s.chosen {
		case secVNC:
			s.phases[protocol.ToServer] = secret
		case secNone:
			s.phases[protocol.ToServer] = initial
		default:
			s.phases[protocol.ToServer] = over
		}
		return n
	case secret:
		if len(b) < secretSize {
			return 0
		}
		s.phases[protocol.ToServer] = initial
		return secretSize
	case initial:
		// RFC 6143, section 7.3.1.
		s.shared, s.hasShared = b[0] != 0, true
		s.phases[protocol.ToServer] = over
		return 1
	}
	return 0
}

// serve reads a message of the server and returns its size, or 0.
func (s *stream) serve(c *protocol.Context, b []byte) int {
	phase := &s.phases[protocol.ToClient]
	switch *phase {
	case version:
		return s.version(c, protocol.ToClient, b)
	case security:
		return s.types(b)
	case decided:
		switch {
		case s.chosen == secVNC:
			*phase = secret
		case s.chosen == secNone && s.minor() >= 8:
			*phase = result
		case s.chosen == secNone:
			*phase = initial
		default:
			*phase = over
		}
		return 0
	case secret:
		if len(b) < secretSize {
			return 0
		}
		*phase = result
		return secretSize
	case result:
		if len(b) < 4 {
			return 0
		}
		s.result, s.hasResult = binary.BigEndian.Uint32(b), true
		switch {
		case s.result == 0:
			*phase = initial
		case s.minor() >= 8:
			*phase = reason
		default:
			s.end()
		}
		return 4
	case reason:
		n := s.string(b, 0)
		if len(s.text) > 0 {
			s.refused = true
		}
		if n > 0 {
			s.end()
		}
		return n
	case initial:
		n := s.string(b, initSize-4)
		if n > initSize-4 {
			copy(s.server[:], b)
			s.hasServer = true
			*phase = over
			s.tell(c)
		}
		return n
	}
	return 0
}

// end ends both directions: the server has refused.
func (s *stream) end() { s.phases = [2]phase{over, over} }

// types reads the security types that the server offers (RFC 6143, section 7.1.2; appendix A for version 3.3).
func (s *stream) types(b []byte) int {
	phase := &s.phases[protocol.ToClient]
	n := 4
	if s.minor() >= 7 {
		n = 1 + int(b[0])
		if len(b) < n {
			return 0
		}
		if n == 1 {
			*phase = reason
			return n
		}
		if n == 2 && !s.seen[protocol.ToServer] {
			s.chosen = int(b[1]) // there is no choice, and the client is not seen
		}
		*phase = decided
		return n
	}
	if len(b) < n {
		return 0
	}
	s.chosen = int(min(binary.BigEndian.Uint32(b), 256))
	switch s.chosen {
	case secInvalid:
		*phase = reason
	case secNone:
		*phase = initial
	case secVNC:
		*phase = secret
	default:
		s.end()
	}
	return n
}

func (s *stream) version(c *protocol.Context, d protocol.Dir, b []byte) int {
	if len(b) < versionSize {
		c.Need = versionSize
		return 0
	}
	if !isVersion(b) {
		s.phases[d] = over
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_message"}
		c.Sink.Observe(&s.obs)
		return 0
	}
	s.seen[d] = true
	copy(s.versions[d][:], b)
	s.phases[d] = security
	if d == protocol.ToServer || !s.seen[protocol.ToServer] {
		s.fact[0] = protocol.Fact{Kind: protocol.Version, Text: s.versions[d][:versionSize-1]}
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.fact[:]}
		c.Sink.Observe(&s.obs)
	}
	return versionSize
}

// minor is that of the version in use: what the client says, else what the server does. Versions but 3.7 and 3.8 are
// taken for 3.3 if lower, for 3.8 if higher (RFC 6143, section 7.1.1).
func (s *stream) minor() int {
	v := s.versions[protocol.ToServer][:]
	if !s.seen[protocol.ToServer] {
		v = s.versions[protocol.ToClient][:]
	}
	major := int(v[4]-'0')*100 + int(v[5]-'0')*10 + int(v[6]-'0')
	minor := int(v[8]-'0')*100 + int(v[9]-'0')*10 + int(v[10]-'0')
	switch {
	case major > 3 || minor > 8:
		return 8
	case minor < 7:
		return 3
	}
	return minor
}

// string reads a string whose length stands at b[at:], and returns where it ends; 0 when it is not whole. What is
// behind maxName is not waited for.
func (s *stream) string(b []byte, at int) int {
	if len(b) < at+4 {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b[at:]))
	if n > maxString {
		s.end()
		return at
	}
	if len(b) < at+4+min(n, maxName) {
		return 0
	}
	s.text = append(s.text[:0], b[at+4:at+4+min(n, maxName)]...)
	return at + 4 + n
}

func (s *stream) Gap(c *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.phases[d] = over
	if s.phases[d.Reverse()] == over {
		s.tell(c)
		return protocol.Done
	}
	return protocol.More
}

func (s *stream) End(c *protocol.Context) { s.tell(c) }

func (s *stream) tell(c *protocol.Context) {
	if s.told || !s.seen[0] && !s.seen[1] {
		return
	}
	s.told = true
	s.obs = protocol.Observation{Event: "rfb", Dir: protocol.ToServer, TxID: 0, Detail: s}
	c.Sink.Observe(&s.obs)
}

// AppendEVE appends the member "rfb".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"rfb":`...), o)
	for _, d := range [...]protocol.Dir{protocol.ToClient, protocol.ToServer} {
		if s.seen[d] {
			key := [...]string{"client_protocol_version", "server_protocol_version"}[d]
			in := w.Begin(key)
			in.Bytes("major", s.versions[d][4:7])
			in.Bytes("minor", s.versions[d][8:11])
			w.End(in)
		}
	}
	in := w.Begin("authentication")
	if s.chosen != secInvalid {
		in.Int("security_type", int64(s.chosen))
	}
	if s.hasResult {
		in.Str("security_result", [...]string{"OK", "FAIL", "TOOMANY", "UNKNOWN"}[min(s.result, 3)])
	}
	w.End(in)
	if s.refused {
		w.Bytes("server_security_failure_reason", s.text)
	}
	if s.hasShared {
		w.Bool("screen_shared", s.shared)
	}
	if s.hasServer {
		s.appendServer(&w)
	}
	return w.Close()
}

// appendServer appends what ServerInit says (RFC 6143, section 7.3.2).
func (s *stream) appendServer(w *eve.Object) {
	b := s.server[:]
	in := w.Begin("framebuffer")
	u16 := func(o *eve.Object, key string, at int) { o.Uint(key, uint64(binary.BigEndian.Uint16(b[at:]))) }
	u16(&in, "width", 0)
	u16(&in, "height", 2)
	in.Bytes("name", bytes.TrimRight(s.text, "\x00"))
	f := in.Begin("pixel_format")
	f.Uint("bits_per_pixel", uint64(b[4]))
	f.Uint("depth", uint64(b[5]))
	f.Bool("big_endian", b[6] != 0)
	f.Bool("true_color", b[7] != 0)
	u16(&f, "red_max", 8)
	u16(&f, "green_max", 10)
	u16(&f, "blue_max", 12)
	f.Uint("red_shift", uint64(b[14]))
	f.Uint("green_shift", uint64(b[15]))
	f.Uint("blue_shift", uint64(b[16]))
	in.End(f)
	w.End(in)
}
