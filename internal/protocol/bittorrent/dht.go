package bittorrent

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// A node: identity, address, port; the identity's length.
const (
	idLen    = 20
	node4Len = idLen + 4 + 2
	node6Len = idLen + 16 + 2
)

// minMessage is the length of the shortest: d1:t1:x1:y1:re and a response's identity.
const minMessage = 24

// DHT returns the parser of the distributed hash table.
func DHT() protocol.Parser {
	return protocol.Parser{
		Name:  "bittorrent-dht",
		Over:  protocol.UDP,
		Probe: probeDHT,
		New:   func() protocol.Stream { return new(dhtStream) },
	}
}

func probeDHT(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < minMessage || b[0] != 'd' || b[1] != '1' && b[1] != '2' || b[2] != ':' {
		return protocol.No
	}
	var m message
	if m.parse(b) {
		return protocol.Yes
	}
	const asks, answers = "d1:ad2:id20:", "d1:rd2:id20:"
	if head := string(b[:len(asks)]); head == asks || head == answers || bytes.HasPrefix(b, []byte("d2:ip6:")) {
		return protocol.Yes // cut off, or wrong elsewhere
	}
	return protocol.No
}

// body is what a query's arguments or a response hold. Absent members are nil.
type body struct {
	id, target, infoHash, token, nodes, nodes6, values []byte
	implied, port                                      int64 // -1 when absent
}

// message is one message of the table. Its slices are lent.
type message struct {
	kind                  byte // q, r or e
	tx, version, query    []byte
	arguments, response   body
	hasArguments, hasBody bool
	errorNum              int64
	errorText             []byte
}

// parse reads a message; it reports false where b is none.
func (m *message) parse(b []byte) bool {
	*m = message{errorNum: -1}
	r := reader{b: b}
	if !r.open('d') {
		return false
	}
	for !r.close() {
		key := r.text()
		if r.bad || len(key) != 1 {
			r.skip()
			continue
		}
		switch key[0] {
		case 'y':
			if v := r.text(); len(v) == 1 {
				m.kind = v[0]
			}
		case 't':
			m.tx = r.text()
		case 'v':
			m.version = r.text()
		case 'q':
			m.query = r.text()
		case 'a':
			m.arguments.read(&r)
			m.hasArguments = true
		case 'r':
			m.response.read(&r)
			m.hasBody = true
		case 'e':
			m.readError(&r)
		default:
			r.skip()
		}
	}
	if r.bad || m.tx == nil {
		return false
	}
	switch m.kind {
	case 'q':
		return m.query != nil && m.hasArguments && m.arguments.id != nil
	case 'r':
		return m.hasBody && m.response.id != nil
	case 'e':
		return m.errorNum >= 0 && m.errorText != nil
	}
	return false
}

func (a *body) read(r *reader) {
	a.implied, a.port = -1, -1
	if !r.open('d') {
		return
	}
	for !r.close() {
		switch string(r.text()) {
		case "id":
			a.id = r.text()
		case "target":
			a.target = r.text()
		case "info_hash":
			a.infoHash = r.text()
		case "token":
			a.token = r.text()
		case "implied_port":
			a.implied = r.number()
		case "port":
			a.port = r.number()
		case "nodes":
			a.nodes = r.text()
		case "nodes6":
			a.nodes6 = r.text()
		case "values":
			a.values = r.skip()
		default:
			r.skip()
		}
	}
}

func (m *message) readError(r *reader) {
	if !r.open('l') {
		return
	}
	for !r.close() {
		if r.at(0) == 'i' {
			m.errorNum = r.number()
		} else {
			m.errorText = r.text()
		}
	}
}

// AppendEVE appends `"bittorrent_dht":{…}`.
func (m *message) AppendEVE(dst []byte, opts *eve.Options) []byte {
	dst = append(dst, `"bittorrent_dht":`...)
	o := eve.Open(dst, opts)
	o.Hex("transaction_id", m.tx, 0)
	hexIf(&o, "client_version", m.version)
	switch m.kind {
	case 'q':
		o.Bytes("request_type", m.query)
		inner := o.Begin("request")
		a := &m.arguments
		inner.Hex("id", a.id, 0)
		hexIf(&inner, "target", a.target)
		hexIf(&inner, "info_hash", a.infoHash)
		hexIf(&inner, "token", a.token)
		if a.implied >= 0 {
			inner.Int("implied_port", a.implied)
		}
		if a.port >= 0 {
			inner.Int("port", a.port)
		}
		o.End(inner)
	case 'r':
		inner := o.Begin("response")
		a := &m.response
		inner.Hex("id", a.id, 0)
		appendNodes(&inner, "nodes", a.nodes, node4Len)
		appendNodes(&inner, "nodes6", a.nodes6, node6Len)
		appendValues(&inner, a.values)
		hexIf(&inner, "token", a.token)
		o.End(inner)
	case 'e':
		inner := o.Begin("error")
		inner.Int("num", m.errorNum)
		inner.Bytes("msg", m.errorText)
		o.End(inner)
	}
	return o.Close()
}

func hexIf(o *eve.Object, key string, v []byte) {
	if v != nil {
		o.Hex(key, v, 0)
	}
}

func appendNodes(o *eve.Object, key string, v []byte, size int) {
	if len(v) < size {
		return
	}
	o.Key(key)
	o.B = append(o.B, '[')
	for ; len(v) >= size; v = v[size:] {
		inner := eve.Open(o.B, o.Opts)
		inner.Hex("id", v[:idLen], 0)
		appendPeer(&inner, v[idLen:size])
		o.B = append(inner.Close(), ',')
	}
	o.B[len(o.B)-1] = ']'
}

// appendValues appends the compact peers of a list.
func appendValues(o *eve.Object, list []byte) {
	r := reader{b: list}
	if list == nil || !r.open('l') {
		return
	}
	first := true
	for !r.close() {
		v := r.text()
		if len(v) != 6 && len(v) != 18 {
			continue
		}
		if first {
			o.Key("values")
			o.B = append(o.B, '[')
		}
		first = false
		inner := eve.Open(o.B, o.Opts)
		appendPeer(&inner, v)
		o.B = append(inner.Close(), ',')
	}
	if !first {
		o.B[len(o.B)-1] = ']'
	}
}

// appendPeer appends address and port.
func appendPeer(o *eve.Object, v []byte) {
	n := len(v) - 2
	a, _ := netip.AddrFromSlice(v[:n])
	o.Addr("ip", a)
	o.Uint("port", uint64(binary.BigEndian.Uint16(v[n:])))
}

// dhtStream follows one flow.
type dhtStream struct {
	message message
	tx      int
	damaged bool // told
	obs     protocol.Observation
}

func (s *dhtStream) Reset() { *s = dhtStream{} }

func (s *dhtStream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	switch {
	case len(b) == 0 || b[0] != 'd':
		return len(b), protocol.More // uTP on the same port
	case s.message.parse(b):
		s.obs = protocol.Observation{Event: "bittorrent_dht", Dir: d, TxID: s.tx, Detail: &s.message}
		s.tx++
	case s.damaged:
		return len(b), protocol.More
	default:
		s.damaged = true
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_packet"}
	}
	c.Sink.Observe(&s.obs)
	s.message = message{}
	return len(b), protocol.More
}

func (s *dhtStream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *dhtStream) End(*protocol.Context) {}
