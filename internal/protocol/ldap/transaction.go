package ldap

import (
	"slices"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ber"
)

// Bounds of what one event tells: the text of a request, that of its responses, one value, and the elements of a list.
const (
	maxRequest   = 8 << 10
	maxResponses = 16 << 10
	maxValue     = 512
	maxList      = 64
)

// transaction is a request and its responses, as the text of its event. It holds no more than maxRequest and
// maxResponses and one value.
type transaction struct {
	id        int64
	number    int
	request   []byte // the object, empty when the request was not seen
	responses []byte // objects, separated by commas
	startTLS  bool
}

// AppendEVE appends the member "ldap".
func (t *transaction) AppendEVE(dst []byte, o *eve.Options) []byte {
	dst = append(dst, `"ldap":`...)
	w := eve.Open(dst, o)
	if len(t.request) > 0 {
		w.Key("request")
		w.B = append(w.B, t.request...)
	}
	if len(t.responses) > 0 {
		w.Key("responses")
		w.B = append(append(append(w.B, '['), t.responses...), ']')
	}
	return w.Close()
}

func (s *stream) release(t *transaction) {
	if cap(t.request) > keepText || cap(t.responses) > keepText {
		*t = transaction{}
	}
	*t = transaction{request: t.request[:0], responses: t.responses[:0]}
	s.free = append(s.free, t)
}

// open begins a transaction; the oldest makes room.
func (s *stream) open(c *protocol.Context, id int64) *transaction {
	if len(s.pending) == maxPending {
		s.tell(c, 0)
	}
	var t *transaction
	if n := len(s.free); n > 0 {
		t, s.free = s.free[n-1], s.free[:n-1]
	} else {
		t = new(transaction)
	}
	t.id, t.number = id, s.count
	s.count++
	s.pending = append(s.pending, t)
	return t
}

// tell emits the event of the i-th transaction and forgets it.
func (s *stream) tell(c *protocol.Context, i int) {
	t := s.pending[i]
	s.obs = protocol.Observation{Event: "ldap", Dir: protocol.ToServer, TxID: t.number, Detail: t}
	c.Sink.Observe(&s.obs)
	s.obs.Detail = nil
	s.pending = slices.Delete(s.pending, i, i+1)
	s.release(t)
}

// operation takes the contents b of an operation; they are its beginning only unless whole.
func (s *stream) operation(c *protocol.Context, d protocol.Dir, h head, b ber.Reader, whole bool) protocol.Status {
	if h.op.response() {
		return s.response(c, d, h, b, whole)
	}
	t := s.open(c, h.id)
	w := eve.Open(t.request, nil)
	w.Int("message_id", h.id)
	w.Str("operation", h.op.name())
	ok := true
	if whole {
		ok = s.request(c, d, t, h, b, &w)
	}
	t.request = w.Close()
	if !ok {
		s.anomaly(c, d)
	}
	if h.op == unbindRequest || h.op == abandonRequest {
		s.tell(c, len(s.pending)-1)
	}
	return protocol.More
}

func (s *stream) response(c *protocol.Context, d protocol.Dir, h head, b ber.Reader, whole bool) protocol.Status {
	i := slices.IndexFunc(s.pending, func(t *transaction) bool { return t.id == h.id })
	if i < 0 {
		s.open(c, h.id)
		i = len(s.pending) - 1
	}
	t := s.pending[i]
	code, ok := int64(-1), true
	if len(t.responses) < maxResponses || h.op.final() {
		if len(t.responses) > 0 {
			t.responses = append(t.responses, ',')
		}
		w := eve.Open(t.responses, nil)
		w.Str("operation", h.op.name())
		if len(t.request) == 0 {
			w.Int("message_id", h.id)
		}
		if whole {
			code, ok = reply(h.op, b, &w)
		}
		t.responses = w.Close()
	}
	if !ok {
		s.anomaly(c, d)
	}
	switch h.op {
	case bindResponse:
		s.sasl = true // the request may not have been seen
		s.bound(c, d, h.id, code)
	case extendedReply:
		if t.startTLS && code == success {
			s.tell(c, i)
			return protocol.Switch
		}
	}
	if h.op.final() {
		s.tell(c, i)
	}
	return protocol.More
}

// text appends a string member, bounded in length.
func text(w *eve.Object, key string, v []byte) { w.Bytes(key, v[:min(len(v), maxValue)]) }

// request appends what an operation asks for. It reports whether that was well formed.
func (s *stream) request(c *protocol.Context, d protocol.Dir, t *transaction, h head, b ber.Reader, w *eve.Object) bool {
	var in eve.Object
	switch h.op {
	case bindRequest, searchRequest, modifyRequest, addRequest, delRequest, modDNRequest, compareRequest, extendedRequest, abandonRequest:
		in = w.Begin(h.op.name())
		defer func() { w.End(in) }()
	}
	switch h.op {
	case bindRequest:
		return s.bind(c, d, h.id, b, &in)
	case searchRequest:
		return search(b, &in)
	case modifyRequest:
		return modify(b, &in)
	case addRequest:
		entry, ok := b.Take(ber.OctetString)
		text(&in, "entry", entry)
		list, ok2 := b.Take(ber.Sequence)
		attributes(&in, "name", list)
		return ok && ok2
	case delRequest:
		text(&in, "dn", b)
	case modDNRequest:
		entry, _ := b.Take(ber.OctetString)
		text(&in, "entry", entry)
		rdn, _ := b.Take(ber.OctetString)
		text(&in, "new_rdn", rdn)
		old, ok := b.Take(ber.Boolean)
		in.Bool("delete_old_rdn", len(old) == 1 && old[0] != 0)
		if v, there := b.Option(ber.Context); there {
			text(&in, "new_superior", v)
		}
		return ok
	case compareRequest:
		entry, _ := b.Take(ber.OctetString)
		text(&in, "entry", entry)
		pair, _ := b.Take(ber.Sequence)
		name, _ := pair.Take(ber.OctetString)
		value, ok := pair.Take(ber.OctetString)
		ava := in.Begin("attribute_value_assertion")
		text(&ava, "description", name)
		if !secret(name) {
			text(&ava, "value", value)
		}
		in.End(ava)
		return ok
	case extendedRequest:
		// The value is left out: that of Password Modify (RFC 3062) holds passwords, and so may that of others.
		name, ok := b.Take(ber.Context)
		text(&in, "name", name)
		t.startTLS = string(name) == startTLS
		return ok
	case abandonRequest:
		id, ok := b.Value()
		in.Int("message_id", id)
		return ok
	}
	return true
}

func search(b ber.Reader, w *eve.Object) bool {
	base, _ := b.Take(ber.OctetString)
	text(w, "base_object", base)
	scope, _ := b.Int(ber.Enumerated)
	w.Int("scope", scope)
	deref, _ := b.Int(ber.Enumerated)
	w.Int("deref_alias", deref)
	size, _ := b.Int(ber.Integer)
	w.Int("size_limit", size)
	limit, _ := b.Int(ber.Integer)
	w.Int("time_limit", limit)
	only, _ := b.Take(ber.Boolean)
	w.Bool("types_only", len(only) == 1 && only[0] != 0)
	b.Next() // the filter
	list, ok := b.Take(ber.Sequence)
	values(w, "attributes", ber.OctetString, list)
	return ok
}

// modifications are the kinds of change (RFC 4511, section 4.6; RFC 4525).
var modifications = [...]string{"add", "delete", "replace", "increment"}

func modify(b ber.Reader, w *eve.Object) bool {
	object, _ := b.Take(ber.OctetString)
	text(w, "object", object)
	changes, ok := b.Take(ber.Sequence)
	some := false
	for n := 0; len(changes) > 0 && n < maxList && len(w.B) < maxRequest; n++ {
		change, good := changes.Take(ber.Sequence)
		if !good {
			ok = false
			break
		}
		if some {
			w.B = append(w.B, ',')
		} else {
			some = true
			w.Key("changes")
			w.B = append(w.B, '[')
		}
		in := eve.Open(w.B, nil)
		kind, _ := change.Int(ber.Enumerated)
		if kind >= 0 && kind < int64(len(modifications)) {
			in.Str("operation", modifications[kind])
		} else {
			in.Key("operation")
			in.B = append(strconv.AppendInt(append(in.B, '"'), kind, 10), '"')
		}
		pair, _ := change.Take(ber.Sequence)
		m := in.Begin("modification")
		attribute(&m, "attribute_type", "attribute_values", pair)
		in.End(m)
		w.B = in.Close()
	}
	if some {
		w.B = append(w.B, ']')
	}
	return ok
}
