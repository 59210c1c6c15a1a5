package dns

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	dnsmsg "github.com/miekg/dns"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// recorder keeps what it is shown, as text.
type recorder struct {
	lines []string
	opts  eve.Options
}

func (r *recorder) Observe(o *protocol.Observation) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", o.Dir, o.Event)
	if o.Anomaly != "" {
		b.WriteString(" !" + o.Anomaly)
	}
	for _, f := range o.Facts {
		switch f.Kind {
		case protocol.Question:
			fmt.Fprintf(&b, " ?%s/%d", f.Text, f.Num)
		case protocol.ResponseCode:
			fmt.Fprintf(&b, " rcode=%d", f.Num)
			continue
		case protocol.Alias:
			fmt.Fprintf(&b, " %s->%s/%d", f.Text, f.Aux, f.Num)
			continue
		case protocol.Address:
			fmt.Fprintf(&b, " %s=%s/%d", f.Text, f.Addr, f.Num)
		}
		if len(f.Aux) > 0 {
			fmt.Fprintf(&b, "(%s)", f.Aux)
		}
	}
	r.lines = append(r.lines, b.String())
	if o.Detail != nil {
		line := o.Detail.AppendEVE([]byte{'{'}, &r.opts)
		line = append(line, '}')
		if !json.Valid(line) {
			panic("invalid JSON: " + string(line))
		}
		r.lines = append(r.lines, string(line))
	}
}

// observe feeds datagrams, queries to the server and responses to the client, and returns what was observed.
func observe(p protocol.Parser, o eve.Options, messages ...[]byte) []string {
	r := &recorder{opts: o}
	c := &protocol.Context{Over: protocol.UDP, ClientPort: 40000, ServerPort: 53, Sink: r}
	s := p.New()
	for _, m := range messages {
		d := protocol.ToServer
		if len(m) > 2 && m[2]&0x80 != 0 {
			d = protocol.ToClient
		}
		s.Feed(c, d, m)
	}
	s.End(c)
	return r.lines
}

// query and reply build messages with the library that this package does not use to read them.
func query(name string, qtype uint16) *dnsmsg.Msg {
	m := new(dnsmsg.Msg)
	m.SetQuestion(dnsmsg.Fqdn(name), qtype)
	m.Id = 0x1234
	return m
}

func reply(t testing.TB, name string, qtype uint16, answers ...string) *dnsmsg.Msg {
	m := query(name, qtype)
	m.Response, m.RecursionAvailable, m.Compress = true, true, true
	for _, a := range answers {
		m.Answer = append(m.Answer, rr(t, a))
	}
	return m
}

func rr(t testing.TB, s string) dnsmsg.RR {
	t.Helper()
	r, err := dnsmsg.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pack(t testing.TB, m *dnsmsg.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestExchange(t *testing.T) {
	q := query("www.example.com", dnsmsg.TypeA)
	q.SetEdns0(1232, false)
	r := reply(t, "www.example.com", dnsmsg.TypeA,
		"www.example.com. 300 IN CNAME edge.example.net.",
		"edge.example.net. 60 IN A 192.0.2.1",
		"edge.example.net. 60 IN AAAA 2001:db8::1")
	r.Ns = append(r.Ns, rr(t, "example.net. 3600 IN NS ns1.example.net."))
	r.Extra = append(r.Extra, rr(t, "ns1.example.net. 3600 IN A 192.0.2.53"))
	messages := [][]byte{pack(t, q), pack(t, r)}
	expect(t, observe(Parser(), eve.Options{}, messages...),
		`0 dns ?www.example.com/1`,
		`{"dns":{"version":3,"type":"request","tx_id":0,"id":4660,"flags":"100","rd":true,"opcode":0,"rcode":"NOERROR","queries":[{"rrname":"www.example.com","rrtype":"A"}]}}`,
		`1 dns ?www.example.com/1 rcode=0 www.example.com->edge.example.net/300 edge.example.net=192.0.2.1/60 edge.example.net=2001:db8::1/60 ns1.example.net=192.0.2.53/3600`,
		`{"dns":{"version":3,"type":"response","tx_id":0,"id":4660,"flags":"8180","qr":true,"rd":true,"ra":true,"opcode":0,"rcode":"NOERROR","queries":[{"rrname":"www.example.com","rrtype":"A"}],"answers":[{"rrname":"www.example.com","rrtype":"CNAME","ttl":300,"rdata":"edge.example.net"},{"rrname":"edge.example.net","rrtype":"A","ttl":60,"rdata":"192.0.2.1"},{"rrname":"edge.example.net","rrtype":"AAAA","ttl":60,"rdata":"2001:0db8:0000:0000:0000:0000:0000:0001"}],"grouped":{"A":["192.0.2.1"],"AAAA":["2001:0db8:0000:0000:0000:0000:0000:0001"],"CNAME":["edge.example.net"]},"authorities":[{"rrname":"example.net","rrtype":"NS","ttl":3600,"rdata":"ns1.example.net"}],"additionals":[{"rrname":"ns1.example.net","rrtype":"A","ttl":3600,"rdata":"192.0.2.53"}]}}`)
	expect(t, observe(Parser(), eve.Options{DNSVersion: 2}, messages...),
		`0 dns ?www.example.com/1`,
		`{"dns":{"version":2,"type":"query","id":4660,"rrname":"www.example.com","rrtype":"A","tx_id":0,"opcode":0}}`,
		`1 dns ?www.example.com/1 rcode=0 www.example.com->edge.example.net/300 edge.example.net=192.0.2.1/60 edge.example.net=2001:db8::1/60 ns1.example.net=192.0.2.53/3600`,
		`{"dns":{"version":2,"type":"answer","id":4660,"flags":"8180","qr":true,"rd":true,"ra":true,"opcode":0,"rrname":"www.example.com","rrtype":"A","rcode":"NOERROR","answers":[{"rrname":"www.example.com","rrtype":"CNAME","ttl":300,"rdata":"edge.example.net"},{"rrname":"edge.example.net","rrtype":"A","ttl":60,"rdata":"192.0.2.1"},{"rrname":"edge.example.net","rrtype":"AAAA","ttl":60,"rdata":"2001:0db8:0000:0000:0000:0000:0000:0001"}],"grouped":{"A":["192.0.2.1"],"AAAA":["2001:0db8:0000:0000:0000:0000:0000:0001"],"CNAME":["edge.example.net"]},"authorities":[{"rrname":"example.net","rrtype":"NS","ttl":3600,"rdata":"ns1.example.net"}]}}`)
}

// Every type of record, as the member of "answers" that follows the TTL.
func TestRecordData(t *testing.T) {
	for _, tt := range []struct{ rr, want, facts string }{
		{`PTR host.example.`, `"rdata":"host.example"`, ""},
		{`NS ns.example.`, `"rdata":"ns.example"`, ""},
		{`MX 10 mx.example.`, `"rdata":"mx.example"`, ""},
		{`DNAME other.example.`, `"rdata":"other.example"`, ` o.example->other.example/60`},
		{`TXT "one" "t\"wo"`, `"rdata":"one"},{"rrname":"o.example","rrtype":"TXT","ttl":60,"rdata":"t\"wo"`, ""},
		{`NULL \# 3 610062`, `"rdata":"a\u0000b"`, ""},
		{`SOA ns.example. host.example. 1 2 3 4 5`, `"soa":{"mname":"ns.example","rname":"host.example","serial":1,"refresh":2,"retry":3,"expire":4,"minimum":5}`, ""},
		{`SRV 1 2 3 srv.example.`, `"srv":{"priority":1,"weight":2,"port":3,"name":"srv.example"}`, ""},
		{`SSHFP 4 2 0102ff`, `"sshfp":{"fingerprint":"01:02:ff","algo":4,"type":2}`, ""},
		{`CAA 0 issue "ca.example"`, `"rdata":"0 issue \"ca.example\""`, ""},
		{`DS 1 8 2 ABCD`, `"rdata":"1 8 2 ABCD"`, ""},
		{`HTTPS 1 . alpn=h2 ipv4hint=192.0.2.7 ipv6hint=2001:db8::7`, `"rdata":"1 . alpn=\"h2\" ipv4hint=\"192.0.2.7\" ipv6hint=\"2001:db8::7\""`, ` o.example=192.0.2.7/60 o.example=2001:db8::7/60`},
		{`SVCB 1 t.example. ipv4hint=192.0.2.7,192.0.2.8`, `"rdata":"1 t.example. ipv4hint=\"192.0.2.7,192.0.2.8\""`, ` o.example->t.example/60 t.example=192.0.2.7/60 t.example=192.0.2.8/60`},
		{`RRSIG A 8 2 60 20300101000000 20200101000000 1 example. AAAA`, ``, ""},
		{`TYPE65000 \# 1 00`, ``, ""},
		{`AAAA ::ffff:192.0.2.1`, `"rdata":"0000:0000:0000:0000:0000:ffff:c000:0201"`, ` o.example=::ffff:192.0.2.1/60`},
	} {
		m := reply(t, "o.example", dnsmsg.TypeANY, "o.example. 60 IN "+tt.rr)
		got := observe(Parser(), eve.Options{}, pack(t, m))
		name := strings.TrimPrefix(strings.Fields(tt.rr)[0], "TYPE")
		want := `"answers":[{"rrname":"o.example","rrtype":"` + name + `","ttl":60`
		if tt.want != "" {
			want += "," + tt.want
		}
		if want += "}]"; !strings.Contains(got[1], want) {
			t.Errorf("%s: got %s\nwant %s", tt.rr, got[1], want)
		}
		if want := "1 dns ?o.example/255 rcode=0" + tt.facts; got[0] != want {
			t.Errorf("%s: got %s\nwant %s", tt.rr, got[0], want)
		}
	}
}

func TestResponseCodes(t *testing.T) {
	m := reply(t, "no.example", dnsmsg.TypeA)
	m.Rcode = dnsmsg.RcodeNameError
	got := observe(Parser(), eve.Options{}, pack(t, m))
	if !strings.HasSuffix(got[0], "rcode=3") || !strings.Contains(got[1], `"rcode":"NXDOMAIN"`) {
		t.Errorf("got %s", got)
	}
	m.SetEdns0(1232, false)
	m.Rcode = dnsmsg.RcodeBadVers
	if got := observe(Parser(), eve.Options{}, pack(t, m)); !strings.HasSuffix(got[0], "rcode=16") {
		t.Errorf("got %s", got)
	}
}

func TestEDNSOptions(t *testing.T) {
	m := query("a.example", dnsmsg.TypeA)
	m.SetEdns0(4096, true)
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dnsmsg.EDNS0_LOCAL{Code: 65001, Data: []byte{1, 0xff}})
	got := observe(Parser(), eve.Options{}, pack(t, m))
	want := `"additionals":[{"rrname":"","rrtype":"OPT","ttl":32768,"opt":[{"code":65001,"data":"01ff"}]}]`
	if !strings.Contains(got[1], want) {
		t.Errorf("got %s\nwant %s", got[1], want)
	}
}

func TestTransactionNumbers(t *testing.T) {
	s := Parser().New().(*stream)
	number := func(id, flags uint16) int { return s.number(&message{id: id, flags: flags}) }
	for i := range uint16(40) {
		if got := number(i*7, 0); got != int(i) {
			t.Fatalf("query %d has number %d", i, got)
		}
	}
	for i := range uint16(40) {
		for range 2 {
			if got := number(i*7, flagQR); got != int(i) {
				t.Fatalf("the response to query %d has number %d", i, got)
			}
		}
	}
	if got := number(9999, flagQR); got != 40 {
		t.Errorf("a response that nobody asked for has number %d, want 40", got)
	}
}

func TestAnomalies(t *testing.T) {
	plain := pack(t, reply(t, "a.example", dnsmsg.TypeA, "a.example. 60 IN A 192.0.2.1"))
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(plain)) }
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"short", plain[:11], "1  !malformed_data"},
		{"cut in the question", plain[:15], "1  !malformed_data rcode=0"},
		{"cut in the answer", plain[:len(plain)-1], "1 dns !malformed_data ?a.example/1 rcode=0"},
		{"pointer to itself", change(func(b []byte) []byte { b[28] = 27; return b }), "1 dns !infinite_loop ?a.example/1 rcode=0"},
		{"pointer forwards", change(func(b []byte) []byte { b[28] = 40; return b }), "1 dns !infinite_loop ?a.example/1 rcode=0"},
		{"address of three bytes", change(func(b []byte) []byte { b[38] = 3; return b }), "1 dns !malformed_data ?a.example/1 rcode=0"},
		{"opcode 7", change(func(b []byte) []byte { b[2] |= 7 << 3; return b }), "1 dns !invalid_opcode ?a.example/1 rcode=0"},
		{"z", change(func(b []byte) []byte { b[3] |= 0x40; return b }), "1 dns !z_flag_set ?a.example/1 rcode=0 a.example=192.0.2.1/60"},
	} {
		if got := observe(Parser(), eve.Options{}, tt.b); got[0] != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got[0], tt.want)
		}
	}
}

// A long chain of pointers, and a name that pointers make longer than a name can be.
func TestNameBounds(t *testing.T) {
	msg := make([]byte, headerLen, 4096)
	label := append([]byte{63}, bytes.Repeat([]byte{'x'}, 63)...)
	for range 4 {
		msg = append(msg, label...)
	}
	msg = append(msg, 0)
	if _, _, err := appendName(nil, msg, headerLen); err != nameLong {
		t.Errorf("256 bytes: %v, want nameLong", err)
	}
	if name, _, err := appendName(nil, msg, headerLen+64); err != nameOK || len(name) != 191 {
		t.Errorf("three labels: %d bytes, %v", len(name), err)
	}
	chain := []byte{0}
	for off := 0; len(chain) < 1000; off = len(chain) - 2 {
		chain = append(chain, 0xc0|byte(off>>8), byte(off))
	}
	if _, _, err := appendName(nil, chain, len(chain)-2); err != nameLoop {
		t.Errorf("a chain of %d pointers: %v, want nameLoop", len(chain)/2, err)
	}
	if _, next, err := appendName(nil, chain, 2*maxPointers-1); err != nameOK || next != 2*maxPointers+1 {
		t.Errorf("a chain of %d pointers: %v, next %d", maxPointers, err, next)
	}
}

// 64 KiB of pointers to a long name must not become megabytes.
func TestAmplification(t *testing.T) {
	label := append([]byte{63}, bytes.Repeat([]byte{1}, 63)...)
	b := []byte{0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	b = append(append(append(b, label...), label...), label...)
	b = append(b, 0, 0, 16, 0, 1)
	n := 0
	for ; len(b) < 30000; n++ {
		b = append(b, 0xc0, byte(headerLen), 0, 16, 0, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0)
	}
	binary.BigEndian.PutUint16(b[6:], uint16(n))
	for _, line := range observe(Parser(), eve.Options{}, b) {
		if len(line) > 2*maxEVE+8192 {
			t.Errorf("%d bytes became %d", len(b), len(line))
		}
	}
}

func TestUpdateAndNotify(t *testing.T) {
	u := new(dnsmsg.Msg)
	u.SetUpdate("example.")
	u.RemoveRRset([]dnsmsg.RR{rr(t, "h.example. 0 IN A 192.0.2.1")})
	u.Insert([]dnsmsg.RR{rr(t, "h.example. 60 IN A 192.0.2.2")})
	got := observe(Parser(), eve.Options{}, pack(t, u))
	if got[0] != "0 dns ?example/6" || !strings.Contains(got[1], `"opcode":5`) {
		t.Errorf("update: got %s", got)
	}
	n := new(dnsmsg.Msg)
	n.SetNotify("example.")
	if got := observe(Parser(), eve.Options{}, pack(t, n)); got[0] != "0 dns ?example/6" {
		t.Errorf("notify: got %s", got)
	}
}

func TestMulticast(t *testing.T) {
	m := new(dnsmsg.Msg)
	m.Response, m.Authoritative = true, true
	m.Answer = []dnsmsg.RR{
		rr(t, `_ipp._tcp.local. 120 IN PTR Lab\ printer._ipp._tcp.local.`),
		rr(t, `Lab\ printer._ipp._tcp.local. 120 IN TXT "a=b" ""`),
		rr(t, `lab.local. 120 IN A 192.0.2.9`),
	}
	m.Answer[2].Header().Class |= 0x8000
	m.Extra = []dnsmsg.RR{rr(t, `lab.local. 120 IN AAAA fe80::1`)}
	m.SetEdns0(1440, false)
	expect(t, observe(MDNS(), eve.Options{}, pack(t, m)),
		`1 mdns rcode=0 lab.local=192.0.2.9/120(mdns) lab.local=fe80::1/120(mdns)`,
		`{"mdns":{"type":"response","id":0,"flags":["aa"],"opcode":0,"rcode":0,"answers":[{"rrname":"_ipp._tcp.local","ptr":"Lab printer._ipp._tcp.local"},{"rrname":"Lab printer._ipp._tcp.local","txt":["a=b",""]},{"rrname":"lab.local"}],"additionals":[{"rrname":"lab.local"}]}}`)

	q := query("_ipp._tcp.local", dnsmsg.TypePTR)
	q.RecursionDesired, q.Id = false, 0
	expect(t, observe(MDNS(), eve.Options{}, pack(t, q)),
		`0 mdns ?_ipp._tcp.local/12(mdns)`,
		`{"mdns":{"type":"request","id":0,"opcode":0,"rcode":0,"queries":[{"rrname":"_ipp._tcp.local","rrtype":"ptr"}]}}`)

	l := reply(t, "host", dnsmsg.TypeA, "host. 30 IN A 192.0.2.4")
	l.RecursionDesired, l.RecursionAvailable = false, false
	expect(t, observe(LLMNR(), eve.Options{}, pack(t, l)),
		`1 llmnr ?host/1(llmnr) rcode=0 host=192.0.2.4/30(llmnr)`,
		`{"llmnr":{"type":"response","id":4660,"opcode":0,"queries":[{"rrname":"host","rrtype":"a"}],"answers":[{"rrname":"host","a":"192.0.2.4"}]}}`)
}

func TestNetBIOS(t *testing.T) {
	name := "\x20" + "EGFCEFEECACACACACACACACACACACACA" + "\x00"
	q := []byte("\x00\x07\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00" + name + "\x00\x20\x00\x01")
	r := []byte("\x00\x07\x85\x00\x00\x00\x00\x01\x00\x00\x00\x00" + name + "\x00\x20\x00\x01\x00\x00\x00\x3c\x00\x06\x00\x00\xc0\x00\x02\x05")
	expect(t, observe(NBNS(), eve.Options{}, q, r),
		"0  ?FRED/32(nbns)",
		"1  rcode=0 FRED=192.0.2.5/60(nbns)")
	registration := []byte("\x00\x07\x29\x10\x00\x01\x00\x00\x00\x00\x00\x01" + name + "\x00\x20\x00\x01\xc0\x0c\x00\x20\x00\x01\x00\x00\x00\x3c\x00\x06\x00\x00\xc0\x00\x02\x05")
	expect(t, observe(NBNS(), eve.Options{}, registration), "0  ?FRED/32(nbns)")
}

func TestProbe(t *testing.T) {
	q := pack(t, query("www.example.com", dnsmsg.TypeA))
	r := pack(t, reply(t, "www.example.com", dnsmsg.TypeA, "www.example.com. 60 IN A 192.0.2.1"))
	frame := func(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }
	for _, tt := range []struct {
		name string
		p    protocol.Parser
		over protocol.Transport
		port uint16
		b    []byte
		want protocol.Match
	}{
		{"query", Parser(), protocol.UDP, 53, q, protocol.Yes},
		{"query on any port", Parser(), protocol.UDP, 9999, q, protocol.Yes},
		{"answer on any port", Parser(), protocol.UDP, 9999, r, protocol.Yes},
		{"trailing bytes", Parser(), protocol.UDP, 53, append(bytes.Clone(q), 0), protocol.Yes},
		{"trailing bytes on any port", Parser(), protocol.UDP, 9999, append(bytes.Clone(q), 0), protocol.No},
		{"damaged", Parser(), protocol.UDP, 53, r[:len(r)-3], protocol.Yes},
		{"damaged on any port", Parser(), protocol.UDP, 9999, r[:len(r)-3], protocol.No},
		{"damaged header", Parser(), protocol.UDP, 53, append([]byte{0, 0, 0x78, 0xff, 0, 9, 9, 9, 9, 9, 9, 9}, q[12:]...), protocol.Yes},
		{"text", Parser(), protocol.UDP, 53, []byte("GET / HTTP/1.1\r\n\r\n"), protocol.No},
		{"zeros", Parser(), protocol.UDP, 9999, make([]byte, 64), protocol.No},
		{"mdns", Parser(), protocol.UDP, 5353, q, protocol.No},
		{"mdns", MDNS(), protocol.UDP, 5353, q, protocol.Yes},
		{"llmnr", LLMNR(), protocol.UDP, 5355, q, protocol.Yes},
		{"nbns", NBNS(), protocol.UDP, 137, q, protocol.Yes},
		{"nbns elsewhere", NBNS(), protocol.UDP, 53, q, protocol.No},
		{"frame", Parser(), protocol.TCP, 9999, frame(q), protocol.Yes},
		{"part of a frame", Parser(), protocol.TCP, 53, frame(q)[:16], protocol.Yes},
		{"part of a frame on any port", Parser(), protocol.TCP, 9999, frame(r)[:16], protocol.Maybe},
		{"text", Parser(), protocol.TCP, 53, []byte("GET / HTTP/1.1\r\n\r\n"), protocol.No},
		{"TLS", Parser(), protocol.TCP, 853, []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefgh"), protocol.No},
	} {
		p := &protocol.Peek{Data: tt.b, Over: tt.over, ClientPort: 40000, ServerPort: tt.port}
		if got := tt.p.Probe(p); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	for _, d := range []protocol.Dir{protocol.ToServer, protocol.ToClient} {
		for i, b := range [][]byte{q, r} {
			p := &protocol.Peek{Data: b, Dir: d, Over: protocol.UDP, ClientPort: 40000, ServerPort: 53}
			Parser().Probe(p)
			if want := int(d) != i; p.Reversed != want {
				t.Errorf("direction %d, response %d: reversed %t, want %t", d, i, p.Reversed, want)
			}
		}
	}
	for n := range frame(r) {
		p := &protocol.Peek{Data: frame(r)[:n], Over: protocol.TCP, ClientPort: 40000, ServerPort: 9999}
		if got := Parser().Probe(p); got != protocol.Maybe {
			t.Errorf("the first %d bytes over TCP: %d, want Maybe", n, got)
		}
	}
}
