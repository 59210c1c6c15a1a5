// Package mqtt parses MQTT 3.1, 3.1.1 and 5.0 (OASIS standards): who connects under which client identifier and user
// name and whether that is accepted, what is published and subscribed to. Passwords and authentication data are not
// looked at.
package mqtt

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/frames"
)

// Bounds of what is looked at of a message.
const (
	shownConnect = 32 << 10 // a will may stand before the user's name
	shownPublish = 3 << 10
	shownTopics  = 2 << 10
	shownOther   = 2 << 10
	maxText      = 1 << 10
	maxUser      = 256
)

// Types of control packets.
const (
	connect     = 1
	connack     = 2
	publish     = 3
	puback      = 4
	pubrec      = 5
	pubrel      = 6
	pubcomp     = 7
	subscribe   = 8
	suback      = 9
	unsubscribe = 10
	unsuback    = 11
	pingreq     = 12
	pingresp    = 13
	disconnect  = 14
	auth        = 15
)

// Parser returns the parser of MQTT over TCP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "mqtt",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	m := protocol.Maybe
	if len(p.Data) > 0 {
		m = probeConnect(p.Data)
		switch {
		case m == protocol.Yes && p.Dir == protocol.ToClient:
			p.Reversed = true
			if !p.Midstream {
				m = protocol.No
			}
		case m == protocol.No && (p.Midstream || p.Dir == protocol.ToClient):
			m = probeInside(p)
		}
	}
	if m == protocol.Maybe && p.End {
		return protocol.No
	}
	return m
}

// probeConnect knows CONNECT by the protocol's name.
func probeConnect(b []byte) protocol.Match {
	if b[0] != connect<<4 {
		return protocol.No
	}
	n, head, ok := remaining(b)
	switch {
	case !ok:
		return protocol.No
	case head == 0:
		return protocol.Maybe
	case n < 10:
		return protocol.No
	}
	b = b[head:]
	for _, name := range [...]string{"\x00\x04MQTT", "\x00\x06MQIsdp"} {
		if k := min(len(b), len(name)); string(b[:k]) == name[:k] {
			if k < len(name) || len(b) == k {
				return protocol.Maybe
			}
			if level := b[k] & 0x7f; level >= 3 && level <= 5 {
				return protocol.Yes
			}
		}
	}
	return protocol.No
}

// probeInside knows CONNACK and, in the middle of a connection, some packets whose form tells them from chance.
func probeInside(p *protocol.Peek) protocol.Match {
	b := p.Data
	n, head, ok := remaining(b)
	if !ok || head > 0 && head+n > 1<<20 {
		return protocol.No
	}
	usual := protocol.Likely
	if p.Port(1883) {
		usual = protocol.Yes
	}
	switch b[0] {
	case connack << 4:
		if head > 0 && (n < 2 || n > 1<<10) || len(b) > 2 && b[2] > 1 {
			return protocol.No
		}
		if head == 0 || len(b) < head+n {
			return protocol.Maybe
		}
		if code := b[head+1]; n == 2 && code <= 5 || n > 2 && int(b[head+2]) == n-3 {
			return usual
		}
	case pingreq << 4, pingresp << 4:
		if p.Port(1883) && len(b) == 2 && b[1] == 0 {
			return protocol.Yes
		}
	default:
		if b[0]>>4 != publish || b[0]&6 == 6 || !p.Midstream || head == 0 || len(b) < head+n || n < 4 {
			return protocol.No
		}
		topic, _, ok := cutString(b[head : head+n])
		if ok && topicName(topic) && (len(b) == head+n || valid(b[head+n])) {
			return usual
		}
	}
	return protocol.No
}

// topicName reports whether b could be the topic of a message: text without wildcards.
func topicName(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == '#' || c == '+' || c == 0x7f {
			return false
		}
	}
	return len(b) > 1
}

// remaining reads the fixed header: the remaining length, and the header's own size; 0 as long as it is not whole.
func remaining(b []byte) (n, head int, ok bool) {
	for i := 1; i < len(b); i++ {
		if i > 4 {
			return 0, 0, false
		}
		n |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return n, i + 1, true
		}
	}
	return 0, 0, len(b) <= 4
}

// valid reports whether a packet can have this first byte (MQTT 5.0, section 2.1.3): type and flags.
func valid(b byte) bool {
	switch b >> 4 {
	case 0:
		return false
	case publish:
		return b&6 != 6
	}
	return true
}

// cutString cuts a string with its length off b.
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b)-2 {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// stream follows one connection.
type stream struct {
	sides     [2]frames.Reader
	heard     [2]bool
	whole     bool // nothing was lost, and the beginning was seen
	connected bool // CONNECT was seen
	level     byte // protocol level, 0 when not known
	pending   bool // a login waits for its outcome
	user      []byte
	text      []byte
	waiting   [maxWaiting]transaction
	single    transaction // one that needs no answer
	telling   *transaction
	born      uint64
	facts     [2]protocol.Fact
	obs       protocol.Observation
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	waiting := s.waiting
	for i := range waiting {
		waiting[i] = waiting[i].fresh()
	}
	*s = stream{user: s.user[:0], text: s.text[:0], waiting: waiting, single: s.single.fresh()}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if !s.heard[0] && !s.heard[1] {
		s.whole = !c.Midstream
	}
	s.heard[d] = true
	n, st := s.sides[d].Feed(s, c, d, b)
	if st == protocol.More && s.sides[0].Closed() && s.sides[1].Closed() {
		st = protocol.Failed
	}
	return n, st
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, n int) protocol.Status {
	s.sides[d].Gap(n)
	s.whole = false
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(c *protocol.Context) {
	for t := s.oldest(); t != nil; t = s.oldest() {
		s.tell(c, t)
	}
}

// Frame implements frames.Format.
func (s *stream) Frame(_ protocol.Dir, b []byte) (size, show int, ok bool) {
	n, head, ok := remaining(b)
	switch {
	case !ok || !valid(b[0]):
		return 0, 0, false
	case head == 0:
		return 0, len(b) + 1, true
	}
	size = head + n
	switch b[0] >> 4 {
	case connect:
		return size, min(size, shownConnect), true
	case publish:
		return size, min(size, shownPublish), true
	case subscribe, unsubscribe:
		return size, min(size, shownTopics), true
	}
	return size, min(size, shownOther), true
}

// Sync implements frames.Format.
func (s *stream) Sync(_ protocol.Dir, b []byte) bool {
	n, head, ok := remaining(b)
	if !ok || head == 0 || !valid(b[0]) || head+n > len(b) {
		return false
	}
	if b[0]>>4 == publish {
		topic, _, ok := cutString(b[head : head+n])
		return ok && topicName(topic)
	}
	return head+n == len(b)
}

// Malformed implements frames.Format.
func (s *stream) Malformed(c *protocol.Context, d protocol.Dir) { s.anomaly(c, d, "malformed_traffic") }

func (s *stream) anomaly(c *protocol.Context, d protocol.Dir, name string) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: name}
	c.Sink.Observe(&s.obs)
}

// Message implements frames.Format.
func (s *stream) Message(c *protocol.Context, d protocol.Dir, b []byte, size int) protocol.Status {
	_, head, _ := remaining(b)
	m := message{kind: b[0] >> 4, flags: b[0] & 15, dir: d, body: b[head:], size: size - head}
	if d == protocol.ToServer && m.kind != connect && !s.connected && s.whole {
		s.anomaly(c, d, "unintroduced_message")
		s.connected = true
	}
	if !s.take(c, &m) {
		s.anomaly(c, d, "malformed_traffic")
	}
	return protocol.More
}

// accepted is what a return code of MQTT 3, or a reason code of MQTT 5, says of a login.
func accepted(level, code byte) int64 {
	switch {
	case code == 0:
		return protocol.LoginAccepted
	case level >= 5 && (code == 0x86 || code == 0x87), level < 5 && (code == 4 || code == 5):
		return protocol.LoginRefused
	}
	return protocol.LoginTried
}

// versionText is the name of a protocol level.
func versionText(level byte) string {
	switch level {
	case 3:
		return "MQTT 3.1"
	case 4:
		return "MQTT 3.1.1"
	}
	return "MQTT 5.0"
}

// secretKey reports whether a user property's name says that its value is a secret.
func secretKey(name []byte) bool {
	for _, word := range [...]string{"pass", "token", "secret", "auth", "key", "pwd"} {
		for i := 0; i+len(word) <= len(name); i++ {
			if bytes.EqualFold(name[i:i+len(word)], []byte(word)) {
				return true
			}
		}
	}
	return false
}
