package ldap

import (
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

// tlv is one value.
func tlv(tag byte, parts ...string) string {
	b := strings.Join(parts, "")
	switch n := len(b); {
	case n < 128:
		return string([]byte{tag, byte(n)}) + b
	default:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + b
	}
}

func str(s string) string        { return tlv(4, s) }
func num(n byte) string          { return tlv(2, string(rune(n))) }
func enum(n byte) string         { return tlv(10, string(rune(n))) }
func seq(parts ...string) string { return tlv(0x30, parts...) }
func msg(id byte, o op, parts ...string) string {
	return seq(num(id), tlv(byte(o), parts...))
}
func result(code byte) string { return enum(code) + str("") + str("") }

const dn = "uid=vault\\2Cadmin,dc=example,dc=com"

var (
	bindSimple = msg(1, bindRequest, num(3), str(dn), tlv(simple, "s3cr3t!"))
	bindOK     = msg(1, bindResponse, result(success))
	searching  = msg(2, searchRequest, str("dc=example"), enum(2), enum(0), num(0), num(0), tlv(1, "\x00"), tlv(0x87, "objectClass"), seq(str("cn"), str("mail")))
	entry      = msg(2, searchEntry, str("cn=a"), seq(seq(str("cn"), tlv(0x31, str("a"), str("b"))), seq(str("userPassword;x"), tlv(0x31, str("s3cr3t!")))))
	done       = msg(2, searchDone, result(success))
	wantSearch = `> ldap{"ldap":{"request":{"message_id":2,"operation":"search_request","search_request":{"base_object":"dc=example","scope":2,"deref_alias":0,"size_limit":0,"time_limit":0,"types_only":false,"attributes":["cn","mail"]}},` +
		`"responses":[{"operation":"search_result_entry","search_result_entry":{"base_object":"cn=a","attributes":[{"type":"cn","values":["a","b"]},{"type":"userPassword;x"}]}},` +
		`{"operation":"search_result_done","search_result_done":{"result_code":"success","matched_dn":"","message":""}}]}}`
	wantBind = `> ldap{"ldap":{"request":{"message_id":1,"operation":"bind_request","bind_request":{"version":3,"name":"uid=vault\\2Cadmin,dc=example,dc=com"}},"responses":[{"operation":"bind_response","bind_response":{"result_code":"success","matched_dn":"","message":""}}]}}`
)

var session = []streamtest.Step{
	streamtest.Client(bindSimple), streamtest.Server(bindOK), streamtest.Client(searching), streamtest.Server(entry), streamtest.Server(done),
	streamtest.Client(msg(3, unbindRequest)),
}

func TestSession(t *testing.T) {
	streamtest.Expect(t, "session", streamtest.Run(Parser(), session...),
		"> login vault,admin ldap tried", "< login vault,admin ldap accepted", wantBind, wantSearch,
		`> ldap{"ldap":{"request":{"message_id":3,"operation":"unbind_request"}}}`)
	streamtest.Check(t, Parser(), []string{"s3cr3t!"}, session...)
}

func TestOperations(t *testing.T) {
	for _, c := range []struct {
		name          string
		request, want string
	}{
		{"add", msg(9, addRequest, str("cn=x"), seq(seq(str("unicodePwd"), tlv(0x31, str("s3cr3t!"))), seq(str("l"), tlv(0x31, str("Bern"))))),
			`"operation":"add_request","add_request":{"entry":"cn=x","attributes":[{"name":"unicodePwd"},{"name":"l","values":["Bern"]}]}`},
		{"modify", msg(9, modifyRequest, str("cn=x"), seq(seq(enum(2), seq(str("l"), tlv(0x31, str("Bern")))), seq(enum(1), seq(str("userPassword"), tlv(0x31, str("s3cr3t!")))))),
			`"operation":"modify_request","modify_request":{"object":"cn=x","changes":[{"operation":"replace","modification":{"attribute_type":"l","attribute_values":["Bern"]}},{"operation":"delete","modification":{"attribute_type":"userPassword"}}]}`},
		{"delete", msg(9, delRequest, "cn=x"), `"operation":"del_request","del_request":{"dn":"cn=x"}`},
		{"rename", msg(9, modDNRequest, str("cn=x"), str("cn=y"), tlv(1, "\xff"), tlv(0x80, "dc=z")),
			`"operation":"mod_dn_request","mod_dn_request":{"entry":"cn=x","new_rdn":"cn=y","delete_old_rdn":true,"new_superior":"dc=z"}`},
		{"compare", msg(9, compareRequest, str("cn=x"), seq(str("userPassword"), str("s3cr3t!"))),
			`"operation":"compare_request","compare_request":{"entry":"cn=x","attribute_value_assertion":{"description":"userPassword"}}`},
		{"abandon", msg(9, abandonRequest, "\x05"), `"operation":"abandon_request","abandon_request":{"message_id":5}`},
		{"password modify", msg(9, extendedRequest, tlv(0x80, "1.3.6.1.4.1.4203.1.11.1"), tlv(0x81, "s3cr3t!")),
			`"operation":"extended_request","extended_request":{"name":"1.3.6.1.4.1.4203.1.11.1"}`},
	} {
		steps := []streamtest.Step{streamtest.Client(c.request)}
		streamtest.Expect(t, c.name, streamtest.Run(Parser(), steps...), `> ldap{"ldap":{"request":{"message_id":9,`+c.want+`}}}`)
		streamtest.Check(t, Parser(), []string{"s3cr3t!"}, steps...)
	}
}

func TestLogins(t *testing.T) {
	bind := func(name string, choice string) string { return msg(1, bindRequest, num(3), str(name), choice) }
	via := func(mechanism string, token ...string) string {
		return tlv(sasl, str(mechanism), tlv(4, token...))
	}
	refused := streamtest.Server(msg(1, bindResponse, result(49)))
	for _, c := range []struct {
		name string
		talk []streamtest.Step
		want []string
	}{
		{"refused", []streamtest.Step{streamtest.Client(bind(`CORP\joe`, tlv(simple, "s3cr3t!"))), refused}, []string{`> login CORP\joe ldap tried`, `< login CORP\joe ldap refused`}},
		{"anonymous", []streamtest.Step{streamtest.Client(bind("", tlv(simple))), streamtest.Server(bindOK)}, nil},
		{"no password", []streamtest.Step{streamtest.Client(bind("cn=joe", tlv(simple))), streamtest.Server(bindOK)}, []string{"> login joe ldap tried"}},
		{"plain", []streamtest.Step{streamtest.Client(bind("", via("PLAIN", "\x00joe\x00s3cr3t!"))), streamtest.Server(bindOK)},
			[]string{"> login joe ldap-sasl tried", "< login joe ldap-sasl accepted"}},
		{"scram", []streamtest.Step{streamtest.Client(bind("", via("SCRAM-SHA-256", "n,,n=joe,r=s3cr3t!"))), streamtest.Server(msg(1, bindResponse, result(saslInProgress))),
			streamtest.Client(msg(2, bindRequest, num(3), str(""), via("SCRAM-SHA-256", "c=biws,r=x,p=s3cr3t!"))), streamtest.Server(msg(2, bindResponse, result(success)))},
			[]string{"> login joe ldap-sasl tried", "< login joe ldap-sasl accepted"}},
		{"digest", []streamtest.Step{streamtest.Client(bind("", via("DIGEST-MD5", `username="joe",nonce="x",response=s3cr3t!`)))}, []string{"> login joe ldap-sasl tried"}},
	} {
		var got []string
		for _, l := range streamtest.Run(Parser(), c.talk...) {
			if strings.Contains(l, "login") {
				got = append(got, l)
			}
		}
		streamtest.Expect(t, c.name, got, c.want...)
		streamtest.Check(t, Parser(), []string{"s3cr3t!"}, c.talk...)
	}
}

func TestStartTLS(t *testing.T) {
	request, reply := msg(1, extendedRequest, tlv(0x80, startTLS)), msg(1, extendedReply, result(success))
	for _, c := range []struct {
		name   string
		steps  []streamtest.Step
		status protocol.Status
	}{
		{"accepted", []streamtest.Step{streamtest.Client(request), streamtest.Server(reply)}, protocol.Switch},
		{"refused", []streamtest.Step{streamtest.Client(request), streamtest.Server(msg(1, extendedReply, result(2)))}, protocol.More},
		{"client alone", []streamtest.Step{streamtest.Client(request), streamtest.Client("\x16\x03\x01")}, protocol.Switch},
		{"server alone", []streamtest.Step{streamtest.Server(reply), streamtest.Server("\x16\x03\x03")}, protocol.Switch},
	} {
		r := new(streamtest.Recorder)
		table := streamtest.NewTable(Parser(), r)
		for _, s := range c.steps {
			table.Do(s)
		}
		if table.Status != c.status {
			t.Errorf("%s: status %v", c.name, table.Status)
		}
	}
}

// A security layer that signs shows the messages; one that seals shows that it is there.
func TestSecurityLayer(t *testing.T) {
	wrap := func(token string) string { return fmt.Sprintf("\x00\x00%c%c%s", len(token)>>8, len(token), token) }
	ntlmSigned := wrap("\x01\x00\x00\x00" + strings.Repeat("x", 12) + searching)
	kerberos := wrap("\x05\x04\x00\xff\x00\x04\x00\x04" + strings.Repeat("x", 8) + "SUM!" + entry)
	sealed := wrap("\x05\x04\x02\xff\x00\x04\x00\x04" + strings.Repeat("x", 24))
	bind := msg(1, bindRequest, num(3), str(""), tlv(sasl, str("GSS-SPNEGO")))
	steps := []streamtest.Step{streamtest.Client(bind), streamtest.Server(bindOK), streamtest.Client(ntlmSigned), streamtest.Server(kerberos + wrap("\x05\x04\x00\xff\x00\x00\x00\x00xxxxxxxx"+done)), streamtest.Client(sealed)}
	got := streamtest.Run(Parser(), steps...)
	if len(got) != 3 || got[1] != wantSearch || got[2] != "> encrypted " {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	streamtest.Check(t, Parser(), nil, steps...)
}

func TestLosses(t *testing.T) {
	r := new(streamtest.Recorder)
	f := streamtest.NewTable(Parser(), r)
	long := msg(2, searchEntry, str("cn=a"), seq(seq(str("jpegPhoto"), tlv(0x31, tlv(4, strings.Repeat("x", 20000))))))
	f.Do(streamtest.Client(searching))
	f.Do(streamtest.Server(long[:3000]))
	f.Do(streamtest.Lose(protocol.ToClient, 17000))
	f.Do(streamtest.Server(long[20000:] + done))
	f.Do(streamtest.Lose(protocol.ToClient, 100))
	f.Do(streamtest.Server("0 rest of something" + msg(7, delResponse, result(success))))
	f.End()
	if len(r.Lines) != 2 || !strings.Contains(r.Lines[0], "search_result_done") || !strings.Contains(r.Lines[1], "del_response") {
		t.Errorf("%s", strings.Join(r.Lines, "\n"))
	}
}

// A connection whose beginning was not seen is read from the first message on.
func TestMidstream(t *testing.T) {
	r := new(streamtest.Recorder)
	f := streamtest.NewTable(Parser(), r)
	f.Context.Midstream = true
	f.Do(streamtest.Client("\xf1 rest of a message", "0", searching))
	f.Do(streamtest.Server(entry + done))
	f.End()
	streamtest.Expect(t, "midstream", r.Lines, wantSearch)
}

func TestLongMessage(t *testing.T) {
	head := "\x30\x84\x00\x10\x00\x00" + num(2) + "\x64\x84\x00\x0f\xff\x00" + str("cn=a")
	long := streamtest.Server(head + strings.Repeat("x", 6+1<<20-len(head)) + done)
	got := streamtest.Run(Parser(), streamtest.Client(searching), long)
	if len(got) != 1 || !strings.Contains(got[0], `"responses":[{"operation":"search_result_entry"},{"operation":"search_result_done"`) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestDatagrams(t *testing.T) {
	r := new(streamtest.Recorder)
	s := Parser().New()
	c := &protocol.Context{Over: protocol.UDP, Sink: r}
	s.Feed(c, protocol.ToServer, []byte(searching))
	s.Feed(c, protocol.ToClient, []byte(entry+done))
	s.End(c)
	streamtest.Expect(t, "datagrams", r.Lines, wantSearch)
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		data string
		over protocol.Transport
		want protocol.Match
	}{
		{bindSimple, protocol.TCP, protocol.Yes},
		{searching, protocol.UDP, protocol.Yes},
		{searching[:6], protocol.UDP, protocol.No},
		{searching[:6], protocol.TCP, protocol.Maybe},
		{msg(3, unbindRequest), protocol.TCP, protocol.Yes},
		{"\x30\x2c\x02\x01\x01\x04\x06public\xa0\x1f", protocol.UDP, protocol.No},           // SNMP version 2
		{"\x30\x3e\x02\x01\x03\x30\x11\x02\x04\x5e\x1b\x2c\x06", protocol.UDP, protocol.No}, // SNMP version 3
		{"0123456789", protocol.TCP, protocol.No},
		{"\x16\x03\x01\x02", protocol.TCP, protocol.No},
	} {
		if got := probe(&protocol.Peek{Data: []byte(c.data), Over: c.over}); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.data, got, c.want)
		}
	}
	p := protocol.Peek{Data: []byte(bindOK), Over: protocol.TCP}
	if probe(&p) != protocol.Yes || !p.Reversed {
		t.Error("a response was not taken for the server's")
	}
}

// Open transactions and their text are bounded.
func TestBounds(t *testing.T) {
	r := new(streamtest.Recorder)
	f := streamtest.NewTable(Parser(), r)
	for i := range 500 {
		f.Do(streamtest.Client(msg(byte(i%100), addRequest, str(strings.Repeat("x", 5000)), seq(strings.Repeat(seq(str("a"), tlv(0x31, str("b"))), 300)))))
		f.Do(streamtest.Server(strings.Repeat(msg(byte(i%100), searchEntry, str(strings.Repeat("y", 3000)), seq()), 20)))
	}
	s := f.Stream.(*stream)
	if len(s.pending) > maxPending {
		t.Errorf("%d open transactions", len(s.pending))
	}
	for _, p := range s.pending {
		if len(p.request) > 2*maxRequest || len(p.responses) > 2*maxResponses {
			t.Errorf("text of %d and %d bytes", len(p.request), len(p.responses))
		}
	}
}

func FuzzStream(f *testing.F) { streamtest.Fuzz(f, Parser(), session) }

func BenchmarkSession(b *testing.B) { streamtest.Benchmark(b, Parser(), session...) }

func BenchmarkProbe(b *testing.B) {
	p := protocol.Peek{Data: []byte(bindSimple), Over: protocol.TCP}
	b.ReportAllocs()
	for b.Loop() {
		probe(&p)
	}
}
