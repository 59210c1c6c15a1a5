package mqtt

import (
	"encoding/binary"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// names are those of Suricata's EVE.
var names = [...]string{
	connect: "connect", connack: "connack", publish: "publish", puback: "puback", pubrec: "pubrec", pubrel: "pubrel",
	pubcomp: "pubcomp", subscribe: "subscribe", suback: "suback", unsubscribe: "unsubscribe", unsuback: "unsuback",
	pingreq: "pingreq", pingresp: "pingresp", disconnect: "disconnect", auth: "auth",
}

// message is a control packet. body is its beginning behind the fixed header, size that of the whole of it.
type message struct {
	kind, flags byte
	dir         protocol.Dir
	body        []byte
	size        int
}

// take reads a message; it reports whether it is well formed.
func (s *stream) take(c *protocol.Context, m *message) bool {
	switch m.kind {
	case connect:
		return s.connect(c, m)
	case connack:
		return s.connack(c, m)
	case publish:
		return s.publish(c, m)
	case puback, pubrec, pubrel, pubcomp:
		return s.acknowledge(c, m)
	case subscribe, unsubscribe:
		return s.topics(c, m)
	case suback, unsuback:
		return s.granted(c, m)
	case pingreq, pingresp:
		s.ping(c, m)
	case disconnect:
		t := &s.single
		t.kind, t.dir = m.kind, m.dir
		o := t.member(m)
		s.reason(&o, m.body, true)
		t.text = o.Close()
		s.tell(c, t)
	}
	return true
}

func (s *stream) connect(c *protocol.Context, m *message) bool {
	name, b, ok := cutString(m.body)
	if !ok || len(b) < 4 {
		return false
	}
	if s.connected && s.whole {
		s.anomaly(c, m.dir, "double_connect")
	}
	level, flags := b[0]&0x7f, b[1]
	s.connected, s.level = true, level
	b = b[4:]
	var properties []byte
	if level >= 5 {
		if properties, b, ok = cutProperties(b); !ok {
			return false
		}
	}
	client, b, ok := cutString(b)
	if !ok {
		return false
	}
	if t := s.find(connect, m.dir, 0); t != nil {
		s.tell(c, t)
	}
	t := s.open(c, m, 0)
	o := t.member(m)
	o.Bytes("protocol_string", name[:min(len(name), 16)])
	o.Int("protocol_version", int64(level))
	o.Bytes("client_id", client[:min(len(client), maxText)])
	f := o.Begin("flags")
	f.Bool("username", flags&0x80 != 0)
	f.Bool("password", flags&0x40 != 0)
	f.Bool("will_retain", flags&0x20 != 0)
	f.Bool("will", flags&4 != 0)
	f.Bool("clean_session", flags&2 != 0)
	o.End(f)
	whole := s.willAndUser(&o, b, flags)
	appendProperties(&o, properties)
	t.text = o.Close()
	return whole || m.size > len(m.body)
}

// willAndUser reads the rest of CONNECT, but for the password.
func (s *stream) willAndUser(o *eve.Object, b []byte, flags byte) bool {
	var ok bool
	var properties, topic, payload, user []byte
	if flags&4 != 0 {
		if s.level >= 5 {
			if properties, b, ok = cutProperties(b); !ok {
				return false
			}
		}
		if topic, b, ok = cutString(b); !ok {
			return false
		}
		if payload, b, ok = cutString(b); !ok {
			return false
		}
	}
	if flags&0x80 != 0 {
		if user, _, ok = cutString(b); !ok {
			return false
		}
		s.user = append(s.user[:0], user[:min(len(user), maxUser)]...)
		s.pending = len(user) > 0
		o.Bytes("username", s.user)
	}
	if flags&4 != 0 {
		w := o.Begin("will")
		w.Bytes("topic", topic[:min(len(topic), maxText)])
		appendLimited(&w, "message", payload, len(payload))
		appendProperties(&w, properties)
		o.End(w)
	}
	return true
}

func (s *stream) connack(c *protocol.Context, m *message) bool {
	if len(m.body) < 2 {
		return false
	}
	if s.level == 0 {
		if s.level = 4; m.size > 2 {
			s.level = 5
		}
	}
	t := s.find(connect, m.dir.Reverse(), 0)
	known := t != nil
	if !known {
		t = &s.single
		t.kind, t.dir = m.kind, m.dir
	}
	o := t.member(m)
	o.Bool("session_present", m.body[0]&1 != 0)
	o.Int("return_code", int64(m.body[1]))
	if s.level >= 5 {
		properties, _, _ := cutProperties(m.body[2:])
		appendProperties(&o, properties)
	}
	t.text = o.Close()
	if known {
		s.tellConnect(c, t, accepted(s.level, m.body[1]))
	} else {
		s.tell(c, t)
	}
	return true
}

func (s *stream) publish(c *protocol.Context, m *message) bool {
	topic, b, ok := cutString(m.body)
	if !ok {
		return m.size > len(m.body)
	}
	var id uint16
	qos := m.flags >> 1 & 3
	if qos > 0 {
		if len(b) < 2 {
			return false
		}
		id, b = binary.BigEndian.Uint16(b), b[2:]
	}
	var properties []byte
	if s.level >= 5 {
		if properties, b, ok = cutProperties(b); !ok {
			return m.size > len(m.body)
		}
	}
	t := &s.single
	if qos > 0 {
		t = s.open(c, m, id)
	} else {
		t.kind, t.dir = m.kind, m.dir
	}
	o := t.member(m)
	o.Bytes("topic", topic[:min(len(topic), maxText)])
	if qos > 0 {
		o.Uint("message_id", uint64(id))
	}
	appendLimited(&o, "message", b, len(b)+m.size-len(m.body))
	appendProperties(&o, properties)
	t.text = o.Close()
	if qos == 0 {
		s.tell(c, t)
	}
	return true
}

// acknowledge takes what follows a message of quality of service 1 or 2; of those of 2, PUBREL comes from its sender.
func (s *stream) acknowledge(c *protocol.Context, m *message) bool {
	if len(m.body) < 2 {
		return false
	}
	id := binary.BigEndian.Uint16(m.body)
	from := m.dir.Reverse()
	if m.kind == pubrel {
		from = m.dir
	}
	t := s.find(publish, from, id)
	if t == nil {
		t = &s.single
		t.kind, t.dir = m.kind, m.dir
	}
	o := t.member(m)
	o.Uint("message_id", uint64(id))
	s.reason(&o, m.body[2:], false)
	t.text = o.Close()
	failed := m.kind == pubrec && len(m.body) > 2 && m.body[2] >= 0x80
	if t == &s.single || m.kind == puback || m.kind == pubcomp || failed {
		s.tell(c, t)
	}
	return true
}

// reason appends the reason code of MQTT 5, which is 0 where it is left out, and properties where EVE has them.
func (s *stream) reason(o *eve.Object, b []byte, withProperties bool) {
	if s.level < 5 {
		return
	}
	if len(b) == 0 {
		o.Int("reason_code", 0)
		return
	}
	o.Int("reason_code", int64(b[0]))
	if withProperties {
		properties, _, _ := cutProperties(b[1:])
		appendProperties(o, properties)
	}
}

// topics takes SUBSCRIBE and UNSUBSCRIBE.
func (s *stream) topics(c *protocol.Context, m *message) bool {
	if len(m.body) < 2 {
		return false
	}
	id, b := binary.BigEndian.Uint16(m.body), m.body[2:]
	if s.level >= 5 {
		var ok bool
		if _, b, ok = cutProperties(b); !ok {
			return m.size > len(m.body)
		}
	}
	t := s.open(c, m, id)
	o := t.member(m)
	o.Uint("message_id", uint64(id))
	n := 0
	for {
		topic, rest, ok := cutString(b)
		if !ok || m.kind == subscribe && len(rest) == 0 {
			break
		}
		if n++; n == 1 {
			o.Key("topics")
			o.B = append(o.B, '[')
		} else {
			o.B = append(o.B, ',')
		}
		topic = topic[:min(len(topic), maxText)]
		if m.kind == subscribe {
			o.B = append(o.B, `{"topic":`...)
			o.B = eve.AppendString(o.B, topic)
			o.B = append(o.B, `,"qos":`...)
			o.B = append(o.B, '0'+rest[0]&3, '}')
			rest = rest[1:]
		} else {
			o.B = eve.AppendString(o.B, topic)
		}
		b = rest
	}
	if n > 0 {
		o.B = append(o.B, ']')
	}
	t.text = o.Close()
	return n > 0 && len(b) == 0 || m.size > len(m.body)
}

// granted takes SUBACK and UNSUBACK.
func (s *stream) granted(c *protocol.Context, m *message) bool {
	if len(m.body) < 2 {
		return false
	}
	id, b := binary.BigEndian.Uint16(m.body), m.body[2:]
	if s.level >= 5 {
		var ok bool
		if _, b, ok = cutProperties(b); !ok {
			return m.size > len(m.body)
		}
	}
	t := s.find(m.kind-1, m.dir.Reverse(), id)
	if t == nil {
		t = &s.single
		t.kind, t.dir = m.kind, m.dir
	}
	o := t.member(m)
	o.Uint("message_id", uint64(id))
	if len(b) > 0 {
		if m.kind == suback {
			o.Key("qos_granted")
		} else {
			o.Key("reason_codes")
		}
		o.B = append(o.B, '[')
		for i, code := range b[:min(len(b), 256)] {
			if i > 0 {
				o.B = append(o.B, ',')
			}
			o.B = strconv.AppendUint(o.B, uint64(code), 10)
		}
		o.B = append(o.B, ']')
	}
	t.text = o.Close()
	s.tell(c, t)
	return true
}

func (s *stream) ping(c *protocol.Context, m *message) {
	var t *transaction
	if m.kind == pingreq {
		if t = s.find(pingreq, m.dir, 0); t != nil {
			s.tell(c, t)
		}
		t = s.open(c, m, 0)
	} else if t = s.find(pingreq, m.dir.Reverse(), 0); t == nil {
		t = &s.single
		t.kind, t.dir = m.kind, m.dir
	}
	o := t.member(m)
	t.text = o.Close()
	if m.kind == pingresp {
		s.tell(c, t)
	}
}

// appendLimited appends text, or its beginning as Suricata writes it. size is that of the whole.
func appendLimited(o *eve.Object, key string, text []byte, size int) {
	if len(text) <= maxText && size == len(text) {
		o.Bytes(key, text)
		return
	}
	shown := text[:min(len(text), maxText)]
	o.Key(key)
	o.B = append(o.B, '"')
	o.B = eve.AppendEscaped(o.B, shown)
	o.B = append(o.B, "[truncated "...)
	o.B = strconv.AppendInt(o.B, int64(size-len(shown)), 10)
	o.B = append(o.B, ` additional bytes]"`...)
}
