package snmp

import (
	"encoding/json"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ber"
	"netsensor/internal/protocol/streamtest"
)

func tlv(tag byte, parts ...string) string {
	b := strings.Join(parts, "")
	if len(b) < 128 {
		return string([]byte{tag, byte(len(b))}) + b
	}
	return string([]byte{tag, 0x82, byte(len(b) >> 8), byte(len(b))}) + b
}

func num(v byte) string { return tlv(ber.Integer, string([]byte{v})) }

const sysDescr = "\x2b\x06\x01\x02\x01\x01\x01\x00"

func binding(object string) string {
	return tlv(ber.Sequence, tlv(ber.OID, object), tlv(ber.Null))
}

func pdu(tag byte, bindings ...string) string {
	return tlv(tag, num(1), num(0), num(0), tlv(ber.Sequence, bindings...))
}

func plain(version byte, community, pdu string) string {
	return tlv(ber.Sequence, num(version), tlv(ber.OctetString, community), pdu)
}

func third(flags byte, user, data string) string {
	usm := tlv(ber.Sequence, tlv(4, "engine"), num(1), num(2), tlv(4, user), tlv(4, "s3cr3t digest"), tlv(4, "s3cr3t"))
	return tlv(ber.Sequence, num(3), tlv(ber.Sequence, num(1), num(99), tlv(4, string([]byte{flags})), num(3)), tlv(4, usm), data)
}

func scoped(pdu string) string { return tlv(ber.Sequence, tlv(4, "engine"), tlv(4), pdu) }

var (
	get      = plain(version2c, "public", pdu(0xa0, binding(sysDescr), binding("\x2b\x06\x01")))
	response = plain(version2c, "public", pdu(pduResponse, binding(sysDescr)))
	trap     = plain(version1, "public", tlv(pduTrap1, tlv(ber.OID, "\x2b\x06\x01"), tlv(ber.Application, "\x0a\x00\x00\x01"), num(3), num(0), tlv(0x43, "\x01"), tlv(ber.Sequence)))
	sealed   = third(3, "operator", tlv(4, "s3cr3t scoped"))
	report   = third(0, "operator", scoped(pdu(pduReport, binding(string(usmStats)+"\x05\x00"))))
)

// feed gives datagrams to one stream; those that begin with "<" come from the server.
func feed(datagrams ...string) []string {
	r := new(streamtest.Recorder)
	s := Parser().New()
	c := &protocol.Context{Over: protocol.UDP, Sink: r}
	for _, b := range datagrams {
		b, server := strings.CutPrefix(b, "<")
		d := protocol.ToServer
		if server {
			d = protocol.ToClient
		}
		s.Feed(c, d, []byte(b))
	}
	s.End(c)
	return r.Lines
}

func TestMessages(t *testing.T) {
	event := `snmp{"snmp":{"version":2,"pdu_type":"get_request","vars":["1.3.6.1.2.1.1.1.0","1.3.6.1"],"community":"public"}}`
	streamtest.Expect(t, "2c", feed(get, "<"+response, get),
		"> version SNMPv2c login public snmp-community tried "+event,
		`< login public snmp-community accepted snmp{"snmp":{"version":2,"pdu_type":"response","vars":["1.3.6.1.2.1.1.1.0"],"community":"public"}}`,
		"> "+event)
	streamtest.Expect(t, "trap", feed(trap),
		`> version SNMPv1 login public snmp-community tried snmp{"snmp":{"version":1,"pdu_type":"trap_v1","trap_type":"linkUp","trap_oid":"1.3.6.1","trap_address":"10.0.0.1","community":"public"}}`)
	streamtest.Expect(t, "3", feed(third(4, "", scoped(pdu(0xa0))), sealed, "<"+report),
		`> version SNMPv3 snmp{"snmp":{"version":3,"pdu_type":"get_request","usm":""}}`,
		`> login operator snmp-usm tried snmp{"snmp":{"version":3,"pdu_type":"encrypted"}}`,
		`< login operator snmp-usm refused snmp{"snmp":{"version":3,"pdu_type":"report","vars":["1.3.6.1.6.3.15.1.1.5.0"],"usm":"operator"}}`)
	streamtest.Expect(t, "malformed", feed("\x30\x03\x02\x01\x01", get[:20], ""), "> !malformed_data", "> !malformed_data", "> !malformed_data")
}

func TestPrefixes(t *testing.T) {
	for _, m := range []string{get, response, trap, sealed, report} {
		for n := range len(m) {
			if got := feed(m[:n]); len(got) != 1 || got[0] != "> !malformed_data" {
				t.Errorf("first %d bytes of %q: %s", n, m, got)
			}
			if probe(&protocol.Peek{Data: []byte(m[:n]), Over: protocol.UDP}) != protocol.No {
				t.Errorf("the probe takes the first %d bytes of %q", n, m)
			}
		}
		if probe(&protocol.Peek{Data: []byte(m), Over: protocol.UDP}) != protocol.Yes {
			t.Errorf("the probe does not take %q", m)
		}
	}
	p := &protocol.Peek{Data: []byte(response), Over: protocol.UDP}
	if probe(p); !p.Reversed {
		t.Error("a response was not taken for the agent's")
	}
	ldap := tlv(ber.Sequence, num(1), tlv(0x63, tlv(4)))
	if probe(&protocol.Peek{Data: []byte(ldap), Over: protocol.UDP}) != protocol.No {
		t.Error("LDAP was taken")
	}
}

// Many variables are bounded, and no secret is kept.
func TestBounds(t *testing.T) {
	got := feed(plain(version2c, "public", pdu(0xa5, strings.Repeat(binding(sysDescr), 500))))
	if n := strings.Count(got[0], "1.3.6.1.2.1.1.1.0"); n != maxVars {
		t.Errorf("%d variables", n)
	}
	if strings.Contains(strings.Join(feed(sealed, report), ""), "s3cr3t") {
		t.Error("a secret is told")
	}
}

type sink struct{ o eve.Options }

func (k *sink) Observe(o *protocol.Observation) {
	if o.Detail != nil && !json.Valid(append(o.Detail.AppendEVE([]byte{'{'}, &k.o), '}')) {
		panic("invalid JSON")
	}
}

type nowhere struct{}

func (nowhere) Observe(*protocol.Observation) {}

func TestAllocs(t *testing.T) {
	s := Parser().New()
	c := &protocol.Context{Over: protocol.UDP, Sink: nowhere{}}
	all := [][]byte{[]byte(get), []byte(response), []byte(trap), []byte(sealed)}
	if n := testing.AllocsPerRun(100, func() {
		for _, b := range all {
			s.Feed(c, protocol.ToServer, b)
		}
		s.Reset()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDatagram(f *testing.F) {
	for _, m := range []string{get, response, trap, sealed, report} {
		f.Add([]byte(m))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		probe(&protocol.Peek{Data: b, Over: protocol.UDP})
		s := Parser().New()
		s.Feed(&protocol.Context{Over: protocol.UDP, Sink: new(sink)}, protocol.ToServer, b)
	})
}

func BenchmarkGet(b *testing.B) {
	s := Parser().New()
	c := &protocol.Context{Over: protocol.UDP, Sink: nowhere{}}
	m := []byte(get)
	b.ReportAllocs()
	for b.Loop() {
		s.Feed(c, protocol.ToServer, m)
	}
}
