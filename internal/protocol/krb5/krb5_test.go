package krb5

import (
	"encoding/binary"
	"strings"
	"testing"

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

func field(n byte, parts ...string) string { return tlv(context(n), parts...) }
func num(v byte) string                    { return tlv(ber.Integer, string([]byte{v})) }
func text(s string) string                 { return tlv(generalString, s) }
func app(n byte, parts ...string) string {
	return tlv(ber.Application|ber.Constructed|n, tlv(ber.Sequence, parts...))
}

func name(parts ...string) string {
	var b string
	for _, p := range parts {
		b += text(p)
	}
	return tlv(ber.Sequence, field(0, num(1)), field(1, tlv(ber.Sequence, b)))
}

func enc(v byte) string {
	return tlv(ber.Sequence, field(0, num(v)), field(2, tlv(4, "s3cr3t cipher")))
}

func request(kind byte, client, realm string, service ...string) string {
	body := field(0, tlv(3, "\x00\x40\x81\x00\x10"))
	if client != "" {
		body += field(1, name(client))
	}
	body += field(2, text(realm)) + field(3, name(service...)) + field(5, tlv(0x18, "20370913024805Z")) + field(7, num(9)) + field(8, tlv(ber.Sequence, num(18), num(23)))
	return app(kind, field(1, num(5)), field(2, num(kind)), field(3, tlv(ber.Sequence, tlv(ber.Sequence, field(1, num(2)), field(2, tlv(4, "s3cr3t"))))), field(4, tlv(ber.Sequence, body)))
}

func aTicket(realm string, v byte, service ...string) string {
	return app(1, field(0, num(5)), field(1, text(realm)), field(2, name(service...)), field(3, enc(v)))
}

func reply(kind byte, client string, service ...string) string {
	return app(kind, field(0, num(5)), field(1, num(kind)), field(3, text("EXAMPLE.COM")), field(4, name(client)), field(5, aTicket("EXAMPLE.COM", 23, service...)), field(6, enc(18)))
}

func failure(code byte) string {
	return app(krbError, field(0, num(5)), field(1, num(krbError)), field(4, tlv(0x18, "20370913024805Z")), field(5, num(1)), field(6, num(code)), field(9, text("EXAMPLE.COM")), field(10, name("krbtgt", "EXAMPLE.COM")))
}

func framed(m string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(m)))) + m }

var conversation = []streamtest.Step{
	streamtest.Client(framed(request(asReq, "joe", "EXAMPLE.COM", "krbtgt", "EXAMPLE.COM"))), streamtest.Server(framed(failure(25))),
	streamtest.Client(framed(request(asReq, "joe", "EXAMPLE.COM", "krbtgt", "EXAMPLE.COM"))), streamtest.Server(framed(reply(asRep, "joe", "krbtgt", "EXAMPLE.COM"))),
	streamtest.Client(framed(request(tgsReq, "", "EXAMPLE.COM", "cifs", "fs1.example.com"))), streamtest.Server(framed(reply(tgsRep, "joe", "cifs", "fs1.example.com"))),
	streamtest.Client(framed(request(asReq, "admin", "EXAMPLE.COM", "krbtgt", "EXAMPLE.COM"))), streamtest.Server(framed(failure(24))),
}

func TestConversation(t *testing.T) {
	ask := `"realm":"EXAMPLE.COM","sname":"krbtgt/EXAMPLE.COM","encryption":"<none>","weak_encryption":false}}`
	strong := `"encryption":"aes256-cts-hmac-sha1-96","weak_encryption":false,"ticket_encryption":"rc4-hmac","ticket_weak_encryption":true}}`
	streamtest.Expect(t, "conversation", streamtest.Run(Parser(), conversation...),
		`> service EXAMPLE.COM login joe kerberos tried krb5{"krb5":{"msg_type":"KRB_AS_REQ","cname":"joe",`+ask,
		`< krb5{"krb5":{"msg_type":"KRB_ERROR","failed_request":"KRB_AS_REQ","error_code":"KDC_ERR_PREAUTH_REQUIRED","cname":"<empty>","realm":"<empty>","sname":"krbtgt/EXAMPLE.COM","encryption":"<none>","weak_encryption":false}}`,
		`> login joe kerberos tried krb5{"krb5":{"msg_type":"KRB_AS_REQ","cname":"joe",`+ask,
		`< login joe kerberos accepted krb5{"krb5":{"msg_type":"KRB_AS_REP","cname":"joe","realm":"EXAMPLE.COM","sname":"krbtgt/EXAMPLE.COM",`+strong,
		`> service cifs/fs1.example.com krb5{"krb5":{"msg_type":"KRB_TGS_REQ","cname":"<empty>","realm":"EXAMPLE.COM","sname":"cifs/fs1.example.com","encryption":"<none>","weak_encryption":false}}`,
		`< krb5{"krb5":{"msg_type":"KRB_TGS_REP","cname":"joe","realm":"EXAMPLE.COM","sname":"cifs/fs1.example.com",`+strong,
		`> login admin kerberos tried krb5{"krb5":{"msg_type":"KRB_AS_REQ","cname":"admin",`+ask,
		`< login admin kerberos refused krb5{"krb5":{"msg_type":"KRB_ERROR","failed_request":"KRB_AS_REQ","error_code":"KDC_ERR_PREAUTH_FAILED","cname":"<empty>","realm":"<empty>","sname":"krbtgt/EXAMPLE.COM","encryption":"<none>","weak_encryption":false}}`)
	streamtest.Check(t, Parser(), []string{"s3cr3t"}, conversation...)
}

func TestDatagrams(t *testing.T) {
	r := new(streamtest.Recorder)
	s := Parser().New()
	c := &protocol.Context{Over: protocol.UDP, Sink: r}
	s.Feed(c, protocol.ToClient, []byte(reply(asRep, "joe", "krbtgt", "X")))
	s.Feed(c, protocol.ToClient, []byte("nonsense"))
	s.Feed(c, protocol.ToClient, []byte(failure(6)))
	s.End(c)
	if len(r.Lines) != 3 || !strings.HasPrefix(r.Lines[0], "< login joe kerberos accepted") || r.Lines[1] != "< !malformed_data" ||
		!strings.Contains(r.Lines[2], `"failed_request":"UNKNOWN"`) {
		t.Errorf("%s", strings.Join(r.Lines, "\n"))
	}
}

func TestService(t *testing.T) {
	apReq := tlv(ber.Application|ber.Constructed|14, tlv(ber.Sequence, field(0, num(5)), field(1, num(14)), field(2, tlv(3, "\x00\x00\x00\x00\x00")),
		field(3, aTicket("EXAMPLE.COM", 18, "cifs", "fs1.example.com")), field(4, enc(18))))
	spnego := "\x60\x82\x05\x00something" + tlv(0x60, string(token[:len(token)-1]), apReq)
	for n := range len(spnego) {
		realm, name, ok := Service([]byte(spnego[:n]))
		if ok {
			var parts []string
			for p, more := Element(&name); more; p, more = Element(&name) {
				parts = append(parts, string(p))
			}
			if got := string(realm) + " " + strings.Join(parts, "/"); got != "EXAMPLE.COM cifs/fs1.example.com" {
				t.Errorf("of %d bytes: %s", n, got)
			}
		}
	}
	if _, _, ok := Service([]byte(spnego)); !ok {
		t.Error("no service")
	}
}

func TestProbe(t *testing.T) {
	ask := request(asReq, "joe", "EXAMPLE.COM", "krbtgt", "EXAMPLE.COM")
	for _, c := range []struct {
		data string
		over protocol.Transport
		want protocol.Match
	}{
		{ask, protocol.UDP, protocol.Yes},
		{ask[:20], protocol.UDP, protocol.No},
		{framed(ask), protocol.TCP, protocol.Yes},
		{framed(ask)[:6], protocol.TCP, protocol.Maybe},
		{"\x00\x00\x00\x10" + ask, protocol.TCP, protocol.No},
		{"\x00\x00\x00\x85\xffSMB", protocol.TCP, protocol.No},
		{"\x30\x05\x02\x01", protocol.UDP, protocol.No},
		{"", protocol.UDP, protocol.No},
	} {
		if got := probe(&protocol.Peek{Data: []byte(c.data), Over: c.over}); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.data, got, c.want)
		}
	}
	p := protocol.Peek{Data: []byte(failure(6)), Over: protocol.UDP}
	if probe(&p) != protocol.Yes || !p.Reversed {
		t.Error("the server was not recognised")
	}
}

func TestLosses(t *testing.T) {
	ask := framed(request(asReq, "joe", "EXAMPLE.COM", "krbtgt", "EXAMPLE.COM"))
	r := new(streamtest.Recorder)
	f := streamtest.NewTable(Parser(), r)
	f.Do(streamtest.Client(ask[:40]))
	f.Do(streamtest.Lose(protocol.ToServer, len(ask)-40))
	f.Do(streamtest.Client(ask))
	f.Do(streamtest.Lose(protocol.ToServer, 7))
	f.Do(streamtest.Client("rest of one"))
	f.Do(streamtest.Client(ask))
	f.End()
	if len(r.Lines) != 2 {
		t.Errorf("%s", strings.Join(r.Lines, "\n"))
	}
}

func FuzzStream(f *testing.F) { streamtest.Fuzz(f, Parser(), conversation) }

func FuzzService(f *testing.F) {
	f.Add(append(token[:len(token):len(token)], 0x82, 1, 0, 0x30))
	f.Fuzz(func(_ *testing.T, b []byte) { Service(b) })
}

func BenchmarkConversation(b *testing.B) { streamtest.Benchmark(b, Parser(), conversation...) }
