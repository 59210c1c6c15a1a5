// Package snmp parses SNMP versions 1, 2c and 3 (RFC 1157, RFC 3416, RFC 3412, RFC 3414) over UDP: what is asked by
// whom. The community of versions 1 and 2c, which is all that logs a manager in there, is taken for a user name; keys
// and digests of version 3 are not looked at.
package snmp

import (
	"bytes"
	"net/netip"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ber"
)

const (
	maxVars = 64
	maxName = 255 // RFC 3411, section 5, allows 255 octets for an administrative name
)

// Versions as they stand in a message.
const (
	version1  = 0
	version2c = 1
	version3  = 3
)

// Identifiers of PDUs (RFC 3416, section 3).
const (
	pduFirst    = 0xa0
	pduResponse = 0xa2
	pduTrap1    = 0xa4
	pduReport   = 0xa8
)

var pduNames = [...]string{
	"get_request", "get_next_request", "response", "set_request", "trap_v1", "get_bulk_request", "inform_request", "trap_v2", "report",
}

// Parser recognises SNMP over UDP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "snmp",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

// probe wants the whole datagram to be one message of a known version, and what follows the version to fit it.
func probe(p *protocol.Peek) protocol.Match {
	r := ber.Reader(p.Data)
	if r.Peek() != ber.Sequence {
		return protocol.No
	}
	_, r, ok := r.Next()
	if !ok {
		return protocol.No
	}
	version, ok := r.Int(ber.Integer)
	switch {
	case !ok:
		return protocol.No
	case version == version1 || version == version2c:
		if _, ok := r.Take(ber.OctetString); !ok || r.Peek() < pduFirst || r.Peek() > pduReport {
			return protocol.No
		}
		p.Reversed = (r.Peek() == pduResponse) == (p.Dir == protocol.ToServer)
		return protocol.Yes
	case version == version3:
		header, ok := r.Take(ber.Sequence)
		if !ok || header.Peek() != ber.Integer || r.Peek() != ber.OctetString {
			return protocol.No
		}
		return protocol.Yes
	}
	return protocol.No
}

// message is what a message tells in the clear.
type message struct {
	version   int64
	pdu       byte
	encrypted bool
	community []byte
	user      []byte
	hasUser   bool
	vars      ber.Reader
	trap      struct {
		kind   int64
		object []byte
		addr   netip.Addr
		known  bool
	}
}

// stream follows the datagrams between two ports.
type stream struct {
	message
	count  int
	spoken uint8  // the version that was told, plus one
	name   []byte // community or user that was told
	told   [3]bool
	fact   [2]protocol.Fact
	obs    protocol.Observation
}

func (s *stream) Reset() { *s = stream{name: s.name[:0]} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	s.message = message{}
	ok := s.parse(b)
	facts := s.fact[:0]
	if ok {
		facts = s.facts(facts)
	} else {
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "malformed_data"}
		c.Sink.Observe(&s.obs)
	}
	if ok {
		s.obs = protocol.Observation{Event: "snmp", Dir: d, TxID: s.count, Detail: s, Facts: facts}
		s.count++
		c.Sink.Observe(&s.obs)
	}
	s.message, s.obs.Facts = message{}, nil
	return len(b), protocol.More
}

// Gap is for streams of bytes.
func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

// End has nothing to tell: every message has its own event.
func (s *stream) End(*protocol.Context) {}

func (m *message) parse(b []byte) bool {
	r := ber.Reader(b)
	r, _ = r.Take(ber.Sequence)
	var ok bool
	if m.version, ok = r.Int(ber.Integer); !ok {
		return false
	}
	switch m.version {
	case version1, version2c:
		if m.community, ok = r.Take(ber.OctetString); !ok {
			return false
		}
		return m.parsePDU(r)
	case version3:
		return m.parse3(r)
	}
	return false
}

// parse3 reads what follows the version in a message of version 3 (RFC 3412, section 6; RFC 3414, section 2.4).
func (m *message) parse3(r ber.Reader) bool {
	const (
		encrypted = 2
		userBased = 3
	)
	header, _ := r.Take(ber.Sequence)
	header.Take(ber.Integer)
	header.Take(ber.Integer)
	flags, ok := header.Take(ber.OctetString)
	if !ok || len(flags) != 1 {
		return false
	}
	model, ok := header.Int(ber.Integer)
	security, ok2 := r.Take(ber.OctetString)
	if !ok || !ok2 {
		return false
	}
	if model == userBased {
		u, _ := security.Take(ber.Sequence)
		u.Take(ber.OctetString)
		u.Take(ber.Integer)
		u.Take(ber.Integer)
		m.user, m.hasUser = u.Take(ber.OctetString)
	}
	if flags[0]&encrypted != 0 {
		m.encrypted = true
		return r.Peek() == ber.OctetString
	}
	scoped, _ := r.Take(ber.Sequence)
	scoped.Take(ber.OctetString)
	if _, ok = scoped.Take(ber.OctetString); !ok {
		return false
	}
	return m.parsePDU(scoped)
}

func (m *message) parsePDU(r ber.Reader) bool {
	tag, body, ok := r.Next()
	if !ok || tag < pduFirst || tag > pduReport {
		return false
	}
	m.pdu = tag
	if tag == pduTrap1 {
		// RFC 1157, section 4.1.6.
		m.trap.object, _ = body.Take(ber.OID)
		addr, _ := body.Take(ber.Application)
		m.trap.addr, _ = netip.AddrFromSlice(addr)
		m.trap.kind, _ = body.Int(ber.Integer)
		body.Take(ber.Integer)
		_, _, ok = body.Next()
		m.trap.known = ok
	} else {
		for range 3 {
			_, ok = body.Int(ber.Integer)
		}
	}
	m.vars, _ = body.Take(ber.Sequence)
	return ok
}

var (
	viaCommunity = []byte("snmp-community")
	viaUSM       = []byte("snmp-usm")
)

// facts tells version and login, each once as long as they stay the same.
func (s *stream) facts(facts []protocol.Fact) []protocol.Fact {
	if v := uint8(s.version) + 1; v != s.spoken {
		s.spoken = v
		facts = append(facts, protocol.Fact{Kind: protocol.Version, Text: versionName(s.version)})
	}
	name, via := s.community, viaCommunity
	if s.version == version3 {
		name, via = s.user, viaUSM
	}
	if len(name) == 0 || len(name) > maxName {
		return facts
	}
	outcome := int64(protocol.LoginTried)
	switch {
	case s.pdu == pduReport:
		if !s.refusal() {
			return facts
		}
		outcome = protocol.LoginRefused
	case s.pdu == pduResponse:
		outcome = protocol.LoginAccepted
	}
	if !bytes.Equal(s.name, name) {
		s.name, s.told = append(s.name[:0], name...), [3]bool{}
	}
	if s.told[outcome] {
		return facts
	}
	s.told[outcome] = true
	return append(facts, protocol.Fact{Kind: protocol.Login, Text: s.name, Aux: via, Num: outcome})
}

// usmStats is 1.3.6.1.6.3.15.1.1, under which 3 counts unknown users and 5 wrong digests (RFC 3414, section 5).
var usmStats = []byte{0x2b, 6, 1, 6, 3, 15, 1, 1}

// refusal reports whether a report says that the user is unknown or has not proved to be one.
func (m *message) refusal() bool {
	vars := m.vars
	pair, _ := vars.Take(ber.Sequence)
	object, _ := pair.Take(ber.OID)
	rest, ok := bytes.CutPrefix(object, usmStats)
	return ok && len(rest) > 0 && (rest[0] == 3 || rest[0] == 5)
}

var versionNames = [...][]byte{[]byte("SNMPv1"), []byte("SNMPv2c"), []byte("SNMPv3")}

func versionName(v int64) []byte { return versionNames[min(v, 2)] }

// traps are the generic traps (RFC 1157, section 4.1.6).
var traps = [...]string{
	"coldStart", "warmStart", "linkDown", "linkUp", "authenticationFailure", "egpNeighborLoss", "enterpriseSpecific",
}

// AppendEVE appends the member "snmp".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	m := &s.message
	w := eve.Open(append(dst, `"snmp":`...), o)
	w.Int("version", min(m.version, 2)+1)
	if m.encrypted {
		w.Str("pdu_type", "encrypted")
		return w.Close()
	}
	w.Str("pdu_type", pduNames[m.pdu-pduFirst])
	if m.trap.known {
		w.Key("trap_type")
		w.B = append(w.B, '"')
		if k := m.trap.kind; k >= 0 && k < int64(len(traps)) {
			w.B = append(w.B, traps[k]...)
		} else {
			w.B = strconv.AppendInt(w.B, k, 10)
		}
		w.B = append(w.B, '"')
		appendOID(&w, "trap_oid", m.trap.object)
		if m.trap.addr.IsValid() {
			w.Addr("trap_address", m.trap.addr)
		}
	}
	vars := m.vars
	for n := 0; n < maxVars; n++ {
		pair, ok := vars.Take(ber.Sequence)
		object, ok2 := pair.Take(ber.OID)
		if !ok || !ok2 {
			if n > 0 {
				w.B = append(w.B, ']')
			}
			break
		}
		if n == 0 {
			w.Key("vars")
			w.B = append(w.B, '[')
		} else {
			w.B = append(w.B, ',')
		}
		w.B = append(ber.AppendOID(append(w.B, '"'), object), '"')
		if n == maxVars-1 {
			w.B = append(w.B, ']')
		}
	}
	if m.version != version3 {
		w.Bytes("community", m.community)
	} else if m.hasUser {
		w.Bytes("usm", m.user)
	}
	return w.Close()
}

func appendOID(w *eve.Object, key string, v []byte) {
	w.Key(key)
	w.B = append(ber.AppendOID(append(w.B, '"'), v), '"')
}
