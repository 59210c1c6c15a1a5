package dcerpc

import (
	"slices"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/krb5"
	"netsensor/internal/protocol/ntlm"
)

const (
	maxCalls      = 32
	maxInterfaces = 64
	maxUser       = 256
)

// syntax is an interface that a client bound to.
type syntax struct {
	context      uint16
	call         uint32
	uuid         [16]byte // in the order of its text
	major, minor uint16
	acked        bool
	result       uint16
	reason       uint16
}

// Call is a request or bind and its answer.
type Call struct {
	// Tag is the caller's own.
	Tag     int
	id      uint32
	kind    byte
	answer  byte
	asked   bool // the request was seen
	replied bool
	minor   byte
	opnum   uint16
	context uint16
	count   [2]int // fragments
	size    [2]int // of the parameters
}

// Conversation is the state of one connection.
type Conversation struct {
	syntaxes []syntax
	calls    []Call
	user     []byte // who logs in by NTLM, as long as the outcome is not known
	waiting  bool
	host     []byte
}

// Reset brings v back to its initial state.
func (v *Conversation) Reset() {
	*v = Conversation{syntaxes: v.syntaxes[:0], calls: v.calls[:0], user: v.user[:0], host: v.host[:0]}
}

// Calls returns the number of open calls.
func (v *Conversation) Calls() int { return len(v.calls) }

// Call returns the i-th open call.
func (v *Conversation) Call(i int) *Call { return &v.calls[i] }

// Forget drops the i-th open call.
func (v *Conversation) Forget(i int) { v.calls = slices.Delete(v.calls, i, i+1) }

// Take reads a PDU, of which b holds at least what Look asks for if it has so much. It returns the place of the call
// that it completed, or -1; crowded says that there is no room for another call, so that the first has to go.
func (v *Conversation) Take(b []byte) (done int, crowded bool) {
	o := order(b[4])
	size := int(o.Uint16(b[8:]))
	kind, flags, id := b[2], b[3], o.Uint32(b[12:])
	switch kind {
	case request, bind, alterContext:
		i := v.find(id, flags&firstFragment == 0)
		if i < 0 {
			v.calls = append(v.calls, Call{id: id, kind: kind, asked: true, minor: b[1]})
			i = len(v.calls) - 1
		}
		c := &v.calls[i]
		switch {
		case kind != request:
			v.interfaces(b, id)
		case len(b) >= HeaderSize+8:
			c.context, c.opnum = o.Uint16(b[20:]), o.Uint16(b[22:])
			c.add(0, size-HeaderSize-8, flags)
		}
		return -1, len(v.calls) > maxCalls
	case response, fault, bindAck, bindNak, alterAck:
		i := v.find(id, true)
		if i < 0 {
			v.calls = append(v.calls, Call{id: id, minor: b[1]})
			i = len(v.calls) - 1
		}
		c := &v.calls[i]
		c.answer, c.replied = kind, true
		switch kind {
		case response:
			c.add(1, size-HeaderSize, 0)
		case bindAck, alterAck:
			v.results(b, id)
		}
		if flags&lastFragment != 0 {
			return i, false
		}
		return -1, len(v.calls) > maxCalls
	}
	return -1, false
}

// find returns the open call of that number. A first fragment begins a new call where the old one has its answer.
func (v *Conversation) find(id uint32, goesOn bool) int {
	for i := len(v.calls) - 1; i >= 0; i-- {
		if v.calls[i].id == id && (goesOn || !v.calls[i].asked) {
			return i
		}
	}
	return -1
}

// add counts a fragment of n bytes behind the headers. As Suricata does, it takes the authentication trailer for
// parameters and, of responses, what stands before them.
func (c *Call) add(way, n int, flags byte) {
	if flags&hasObject != 0 {
		n -= 16
	}
	c.count[way]++
	c.size[way] += max(n, 0)
}

// interfaces reads the presentation contexts of a bind (C706, section 12.6.4.3).
func (v *Conversation) interfaces(b []byte, id uint32) {
	const (
		at       = 28
		fixed    = 4 + 20
		transfer = 20
	)
	if len(b) < at {
		return
	}
	o := order(b[4])
	n := int(b[24])
	for b = b[at:]; n > 0 && len(b) >= fixed; n-- {
		x := syntax{context: o.Uint16(b), call: id, major: o.Uint16(b[20:]), minor: o.Uint16(b[22:]), uuid: uuid(b[4:20], o)}
		if len(v.syntaxes) == maxInterfaces {
			v.syntaxes = slices.Delete(v.syntaxes, 0, 1)
		}
		v.syntaxes = append(v.syntaxes, x)
		b = b[min(fixed+int(b[2])*transfer, len(b)):]
	}
}

// results reads a server's decision about each of them (C706, section 12.6.4.4).
func (v *Conversation) results(b []byte, id uint32) {
	const (
		at   = 26
		each = 24
	)
	if len(b) < at {
		return
	}
	o := order(b[4])
	list := (at + int(o.Uint16(b[24:])) + 3) &^ 3
	if len(b) < list+4 {
		return
	}
	n := int(b[list])
	b = b[list+4:]
	for i := range v.syntaxes {
		x := &v.syntaxes[i]
		if x.call != id || x.acked {
			continue
		}
		if n == 0 || len(b) < each {
			return
		}
		x.acked, x.result, x.reason = true, o.Uint16(b), o.Uint16(b[2:])
		n, b = n-1, b[each:]
	}
}

// uuid brings the first three fields of a UUID into the order of its text.
func uuid(b []byte, o interface {
	Uint16([]byte) uint16
	Uint32([]byte) uint32
}) (u [16]byte) {
	copy(u[:], b)
	a, m, h := o.Uint32(b), o.Uint16(b[4:]), o.Uint16(b[6:])
	u[0], u[1], u[2], u[3] = byte(a>>24), byte(a>>16), byte(a>>8), byte(a)
	u[4], u[5], u[6], u[7] = byte(m>>8), byte(m), byte(h>>8), byte(h)
	return u
}

var viaNTLM = []byte("ntlmssp")

// Login reads who logs in, or whether that was accepted, from a PDU, of which b holds what Take wants.
func (v *Conversation) Login(b []byte) (protocol.Fact, bool) {
	const accessDenied = 5
	o := order(b[4])
	switch b[2] {
	case bind, alterContext, auth3:
		auth := int(o.Uint16(b[10:]))
		if auth == 0 || auth > len(b)-HeaderSize {
			break
		}
		token := b[len(b)-auth:]
		if _, user, _, ok := ntlm.User(token); ok {
			v.user = append(v.user[:0], user[:min(len(user), maxUser)]...)
			v.waiting = len(v.user) > 0
			return protocol.Fact{Kind: protocol.Login, Text: v.user, Aux: viaNTLM, Num: protocol.LoginTried}, v.waiting
		}
		_, name, ok := krb5.Service(token)
		if !ok {
			break
		}
		krb5.Element(&name)
		if host, ok := krb5.Element(&name); ok && len(host) > 0 && len(host) <= maxUser {
			v.host = append(v.host[:0], host...)
			return protocol.Fact{Kind: protocol.NameService, Text: v.host}, true
		}
	case response, fault:
		if !v.waiting {
			break
		}
		outcome := int64(protocol.LoginAccepted)
		if b[2] == fault {
			if len(b) < 28 || o.Uint32(b[24:]) != accessDenied {
				break
			}
			outcome = protocol.LoginRefused
		}
		v.waiting = false
		return protocol.Fact{Kind: protocol.Login, Text: v.user, Aux: viaNTLM, Num: outcome}, true
	}
	return protocol.Fact{}, false
}

// tcpDetail is the event of a call over TCP.
type tcpDetail struct {
	v *Conversation
	c *Call
}

// AppendEVE appends the member "dcerpc".
func (t *tcpDetail) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"dcerpc":`...), o)
	t.v.append(&w, t.c, false)
	w.Key("rpc_version")
	w.B = append(strconv.AppendUint(append(w.B, `"5.`...), uint64(t.c.minor), 10), '"')
	return w.Close()
}

// AppendSMB appends the member "dcerpc" of an smb object.
func (v *Conversation) AppendSMB(w *eve.Object, c *Call) {
	in := w.Begin("dcerpc")
	v.append(&in, c, true)
	w.End(in)
}

func (v *Conversation) append(w *eve.Object, c *Call, smb bool) {
	if c.asked {
		w.Str("request", typeNames[c.kind])
	} else {
		w.Str("request", "REQUEST_LOST")
	}
	if c.replied {
		w.Str("response", typeNames[c.answer])
	} else {
		w.Str("response", "UNREPLIED")
	}
	if c.asked && c.kind == request {
		if smb {
			w.Uint("opnum", uint64(c.opnum))
		}
		in := w.Begin("req")
		if !smb {
			in.Uint("opnum", uint64(c.opnum))
		}
		c.appendSize(&in, 0)
		w.End(in)
	}
	if c.asked && (c.kind == request || c.kind == bind) {
		v.appendInterfaces(w, c, smb)
	}
	if c.replied && c.answer == response {
		in := w.Begin("res")
		x := *c
		if smb { // where Suricata counts the parameters alone
			x.size[1] = max(x.size[1]-8*x.count[1], 0)
		}
		x.appendSize(&in, 1)
		w.End(in)
	}
	w.Uint("call_id", uint64(c.id))
}

func (c *Call) appendSize(w *eve.Object, way int) {
	w.Int("frag_cnt", int64(c.count[way]))
	w.Int("stub_data_size", int64(c.size[way]))
}

// appendInterfaces appends those that a bind names, or the one that a call is to.
func (v *Conversation) appendInterfaces(w *eve.Object, c *Call, smb bool) {
	some := false
	for i := range v.syntaxes {
		x := &v.syntaxes[i]
		if c.kind == bind && x.call != c.id || c.kind == request && (x.context != c.context || x.acked && x.result != 0) {
			continue
		}
		if !some {
			some = true
			w.Key("interfaces")
			w.B = append(w.B, '[')
		} else {
			w.B = append(w.B, ',')
		}
		in := eve.Open(w.B, nil)
		appendUUID(&in, "uuid", x.uuid)
		in.Key("version")
		in.B = append(strconv.AppendUint(append(in.B, '"'), uint64(x.major), 10), '.')
		in.B = append(strconv.AppendUint(in.B, uint64(x.minor), 10), '"')
		if x.acked && !(smb && c.kind == request) {
			in.Uint("ack_result", uint64(x.result))
			if smb {
				in.Uint("ack_reason", uint64(x.reason))
			}
		}
		w.B = in.Close()
		if c.kind == request {
			break
		}
	}
	if some {
		w.B = append(w.B, ']')
	}
}

func appendUUID(w *eve.Object, key string, u [16]byte) {
	w.Key(key)
	w.B = append(w.B, '"')
	for i, n := range [...]int{4, 2, 2, 2, 6} {
		if i > 0 {
			w.B = append(w.B, '-')
		}
		start := [...]int{0, 4, 6, 8, 10}[i]
		w.B = eve.AppendHex(w.B, u[start:start+n], 0)
	}
	w.B = append(w.B, '"')
}
