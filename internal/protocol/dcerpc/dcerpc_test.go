package dcerpc

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

func u16(v int) string  { return string(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func u32(v int) string  { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }
func zero(n int) string { return strings.Repeat("\x00", n) }

// pdu is a connection-oriented PDU with an authentication token.
func pdu(kind byte, flags byte, call int, body, token string) string {
	trailer := ""
	if token != "" {
		trailer = "\x0a\x02\x00\x00" + u32(0) + token
	}
	return "\x05\x00" + string([]byte{kind, flags}) + "\x10\x00\x00\x00" + u16(HeaderSize+len(body)+len(trailer)) + u16(len(token)) + u32(call) + body + trailer
}

const (
	all   = firstFragment | lastFragment
	svc   = "\x81\xbb\x7a\x36\x44\x98\xf1\x35\xad\x32\x98\xf0\x38\x00\x10\x03"
	ndr   = "\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60"
	joins = "NTLMSSP\x00\x03\x00\x00\x00"
)

func ntlmToken(user string) string {
	var wide string
	for _, c := range user {
		wide += string([]byte{byte(c), 0})
	}
	f := func(n, off int) string { return u16(n) + u16(n) + u32(off) }
	return joins + f(6, 64+len(wide)) + f(0, 64) + f(0, 64) + f(len(wide), 64) + f(0, 64) + f(0, 64) + u32(1) + wide + "s3cr3t"
}

var (
	binding = pdu(bind, all, 1, u16(5840)+u16(5840)+u32(0)+"\x02\x00\x00\x00"+u16(0)+"\x01\x00"+svc+u16(2)+u16(0)+ndr+u32(2)+u16(1)+"\x01\x00"+svc+u16(2)+u16(0)+ndr+u32(2), "")
	bound   = pdu(bindAck, all, 1, u16(5840)+u16(5840)+u32(7)+u16(4)+"135\x00"+zero(2)+"\x02\x00\x00\x00"+u16(0)+u16(0)+ndr+u32(2)+u16(2)+u16(1)+ndr+u32(2), "")
	calling = pdu(request, firstFragment, 2, u32(9)+u16(0)+u16(15)+zero(60), "") + pdu(request, lastFragment, 2, u32(9)+u16(0)+u16(15)+zero(40), "")
	told    = pdu(response, all, 2, u32(9)+zero(4)+zero(24), "")
	refused = pdu(fault, all, 3, u32(9)+zero(4)+u32(5)+zero(4), "")
)

var session = []streamtest.Step{
	streamtest.Client(binding), streamtest.Server(bound), streamtest.Client(calling), streamtest.Server(told),
	streamtest.Client(pdu(request, all, 3, u32(9)+u16(0)+u16(2)+zero(8), "")), streamtest.Server(refused),
	streamtest.Client(pdu(request, all, 4, u32(9)+u16(0)+u16(3)+zero(8), "")),
}

func TestSession(t *testing.T) {
	one := `"interfaces":[{"uuid":"367abb81-9844-35f1-ad32-98f038001003","version":"2.0","ack_result":0}]`
	streamtest.Expect(t, "session", streamtest.Run(Parser(), session...),
		`> dcerpc{"dcerpc":{"request":"BIND","response":"BINDACK","interfaces":[{"uuid":"367abb81-9844-35f1-ad32-98f038001003","version":"2.0","ack_result":0},{"uuid":"367abb81-9844-35f1-ad32-98f038001003","version":"2.0","ack_result":2}],"call_id":1,"rpc_version":"5.0"}}`,
		`> dcerpc{"dcerpc":{"request":"REQUEST","response":"RESPONSE","req":{"opnum":15,"frag_cnt":2,"stub_data_size":100},`+one+`,"res":{"frag_cnt":1,"stub_data_size":32},"call_id":2,"rpc_version":"5.0"}}`,
		`> dcerpc{"dcerpc":{"request":"REQUEST","response":"FAULT","req":{"opnum":2,"frag_cnt":1,"stub_data_size":8},`+one+`,"call_id":3,"rpc_version":"5.0"}}`,
		`> dcerpc{"dcerpc":{"request":"REQUEST","response":"UNREPLIED","req":{"opnum":3,"frag_cnt":1,"stub_data_size":8},`+one+`,"call_id":4,"rpc_version":"5.0"}}`)
	streamtest.Check(t, Parser(), nil, session...)
}

func TestLogin(t *testing.T) {
	join := streamtest.Client(pdu(auth3, all, 1, zero(4), ntlmToken("joe")))
	for name, c := range map[string]struct {
		answer string
		want   string
	}{"accepted": {told, "< login joe ntlmssp accepted"}, "refused": {refused, "< login joe ntlmssp refused"}} {
		steps := []streamtest.Step{join, streamtest.Server(c.answer)}
		got := streamtest.Run(Parser(), steps...)
		if len(got) != 3 || got[0] != "> login joe ntlmssp tried" || got[1] != c.want || strings.Contains(strings.Join(got, ""), "s3cr3t") {
			t.Errorf("%s: %s", name, strings.Join(got, "\n"))
		}
	}
}

func datagram(kind byte, sequence int) string {
	return "\x04" + string([]byte{kind}) + "\x00\x00\x10\x00\x00\x00" + zero(32) + "0123456789abcdef" + zero(8) + u32(sequence) + u16(7) + zero(4) + u16(4) + zero(4) + "data"
}

func TestDatagrams(t *testing.T) {
	r := new(streamtest.Recorder)
	s := Parser().New()
	c := &protocol.Context{Over: protocol.UDP, Sink: r}
	s.Feed(c, protocol.ToServer, []byte(datagram(request, 1)))
	s.Feed(c, protocol.ToClient, []byte(datagram(response, 1)))
	s.Feed(c, protocol.ToServer, []byte(datagram(request, 2)))
	s.Feed(c, protocol.ToServer, []byte("nonsense"))
	s.End(c)
	id := `"activityuuid":"33323130-3534-3736-3839-616263646566"`
	streamtest.Expect(t, "datagrams", r.Lines,
		`> dcerpc{"dcerpc":{"request":"REQUEST","req":{"opnum":7,"frag_cnt":1,"stub_data_size":4},"response":"RESPONSE","res":{"frag_cnt":1,"stub_data_size":4},`+id+`,"seqnum":1,"rpc_version":"4.0"}}`,
		"> !malformed_data",
		`> dcerpc{"dcerpc":{"request":"REQUEST","req":{"opnum":7,"frag_cnt":1,"stub_data_size":4},"response":"UNREPLIED",`+id+`,"seqnum":2,"rpc_version":"4.0"}}`)
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		data string
		over protocol.Transport
		want protocol.Match
	}{
		{binding, protocol.TCP, protocol.Yes},
		{binding[:9], protocol.TCP, protocol.Maybe},
		{"\x05\x01\x00", protocol.TCP, protocol.Maybe}, // SOCKS 5, too
		{"\x05\x02\x00\x02", protocol.TCP, protocol.No},
		{"\x05\x00\x0b\x03\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00", protocol.TCP, protocol.No},
		{datagram(request, 1), protocol.UDP, protocol.Yes},
		{datagram(request, 1)[:83], protocol.UDP, protocol.No},
		{"\x04\x01\x00\x50", protocol.UDP, protocol.No},
	} {
		if got := probe(&protocol.Peek{Data: []byte(c.data), Over: c.over}); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.data, got, c.want)
		}
	}
	p := &protocol.Peek{Data: []byte(bound), Over: protocol.TCP}
	if probe(p) != protocol.Yes || !p.Reversed {
		t.Error("the server was not recognised")
	}
}

func TestBounds(t *testing.T) {
	f := streamtest.NewTable(Parser(), new(streamtest.Recorder))
	for i := range 2000 {
		f.Do(streamtest.Client(pdu(bind, all, i, u32(0)+u32(0)+"\x02\x00\x00\x00"+strings.Repeat(u16(i)+"\x00\x00"+svc+u32(2), 2), "")))
	}
	s := f.Stream.(*stream)
	if len(s.talk.calls) > maxCalls+1 || len(s.talk.syntaxes) > maxInterfaces {
		t.Errorf("%d calls, %d interfaces", len(s.talk.calls), len(s.talk.syntaxes))
	}
}

func FuzzStream(f *testing.F) { streamtest.Fuzz(f, Parser(), session) }

func FuzzDatagram(f *testing.F) {
	f.Add([]byte(datagram(request, 1)))
	f.Fuzz(func(_ *testing.T, b []byte) {
		s := Parser().New()
		c := &protocol.Context{Over: protocol.UDP, Sink: new(streamtest.Recorder)}
		s.Feed(c, protocol.ToServer, b)
		s.End(c)
	})
}

func BenchmarkSession(b *testing.B) { streamtest.Benchmark(b, Parser(), session...) }
