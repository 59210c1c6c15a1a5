package sip

import (
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

func register(extra string) string {
	return "REGISTER sip:sip.example.com SIP/2.0\r\nTo: \"Bob\" <sip:bob:secret@sip.example.com>;tag=1\r\nCSeq: 1 REGISTER\r\nUser-Agent: Phone 2.0\r\n" + extra + "Content-Length: 0\r\n\r\n"
}

func answer(code, method string) string {
	return "SIP/2.0 " + code + "\r\nt: <sip:bob@sip.example.com>\r\nCSeq: 1 " + method + "\r\nServer: Switch 1\r\nl: 0\r\n\r\n"
}

func request(method, uri, more string) string {
	return fmt.Sprintf(`> sip{"sip":{"method":"%s","uri":"%s","version":"SIP/2.0"%s,"request_line":"%s %s SIP/2.0"}}`, method, uri, more, method, uri)
}

func response(facts, code, reason string) string {
	return fmt.Sprintf(`<%s sip{"sip":{"version":"SIP/2.0","code":"%s","reason":"%s","response_line":"SIP/2.0 %s %s"}}`, facts, code, reason, code, reason)
}

const (
	credentials = "Authorization: Digest username=\"bob\", realm=\"x\", response=\"secret\"\r\n"
	sdp         = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nr=7d\r\nk=clear:secret\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\nm=video 4002 RTP/AVP 31\r\n"
	sdpJSON     = `,"sdp":{"origin":"- 1 1 IN IP4 192.0.2.1","session_name":"x","connection_data":"IN IP4 192.0.2.1","time_descriptions":[{"time":"0 0","repeat_time":"7d"}],"media_descriptions":[{"media":"audio 4000 RTP/AVP 0","attributes":["rtpmap:0 PCMU/8000","crypto:1 AES_CM_128_HMAC_SHA1_80"]},{"media":"video 4002 RTP/AVP 31"}]}`
)

var session = []st.Step{
	st.Client(register("")), st.Server(answer("401 Unauthorized", "REGISTER")),
	st.Client(register(credentials)), st.Server(answer("200 OK", "REGISTER") + "\r\n\r\n"),
	st.Client("\r\n\r\nINVITE sip:alice:secret@192.0.2.7 SIP/2.0\r\nContent-Type: application/sdp\r\nContent-Length: ", fmt.Sprint(len(sdp)), "\r\n\r\n", sdp,
		"MESSAGE sip:x@sip.example.com SIP/2.0\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nx y z"),
}

var wanted = []string{
	strings.Replace(request("REGISTER", "sip:sip.example.com", ""), ">", "> client Phone 2.0 service sip.example.com login bob sip tried", 1),
	response(" server Switch 1", "401", "Unauthorized"),
	request("REGISTER", "sip:sip.example.com", ""),
	response(" login bob sip accepted", "200", "OK"),
	request("INVITE", "sip:alice@192.0.2.7", sdpJSON),
	request("MESSAGE", "sip:x@sip.example.com", ""),
}

func TestSession(t *testing.T) {
	st.Expect(t, "session", st.Run(Parser(), session...), wanted...)
	st.Check(t, Parser(), []string{"secret"}, session...)
	st.Expect(t, "refused", st.Run(Parser(), st.Client(register(credentials)), st.Server(answer("401 no", "REGISTER")))[1:], response(" server Switch 1 login bob sip refused", "401", "no"))
	st.Expect(t, "server only", st.Run(Parser(), st.Server(answer("403 no", "REGISTER"))), response(" server Switch 1 login bob sip refused", "403", "no"))
}

func TestDatagrams(t *testing.T) {
	r := new(st.Recorder)
	c := protocol.Context{Over: protocol.UDP, Sink: r}
	s := Parser().New()
	for _, step := range session[:4] {
		s.Feed(&c, step.Dir, step.Bytes)
		s.Feed(&c, step.Dir, []byte("\r\n\r\n"))
		s.Feed(&c, step.Dir, []byte{0, 0, 0, 0})
	}
	s.Feed(&c, protocol.ToServer, []byte("OPTIONS sip:x SIP/2.0\r\nVia: cut"))
	st.Expect(t, "datagrams", r.Lines, append(append([]string{}, wanted[:4]...), strings.Replace(request("OPTIONS", "sip:x", ""), ">", "> service x", 1))...)
}

func TestGap(t *testing.T) {
	st.Expect(t, "gap", st.Run(Parser(), st.Server(answer("100 Trying", "INVITE")+"SIP/2.0 200 OK\r\nVi"), st.Lose(protocol.ToClient, 10),
		st.Server("x\r\n\r\njunk SIP/2.0\r\nSIP/2.0 486 Busy\r\n\r\n")), response(" server Switch 1", "100", "Trying"), response("", "486", "Busy"))
	st.Expect(t, "nonsense", st.Run(Parser(), st.Server("nonsense\r\n\r\nmore\r\n\r\nSIP/2.0 486 Busy\r\n\r\n")), "< !invalid_data", response("", "486", "Busy"))
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes string
		over  protocol.Transport
		want  protocol.Match
	}{
		{register(""), protocol.UDP, protocol.Yes},
		{answer("200 OK", "INVITE"), protocol.UDP, protocol.Yes},
		{"REGISTER sip:x", protocol.UDP, protocol.No},
		{"REGISTER sip:x", protocol.TCP, protocol.Maybe},
		{"INV", protocol.TCP, protocol.Maybe},
		{"GET /x", protocol.TCP, protocol.No},
		{"OPTIONS * RTSP/1.0\r\n", protocol.TCP, protocol.No},
		{"GET / HTTP/1.1\r\n", protocol.TCP, protocol.No},
		{"NOTIFY * HTTP/1.1\r\n", protocol.UDP, protocol.No},
		{"\r\n\r\n", protocol.UDP, protocol.No},
		{"\x00\x01", protocol.UDP, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Over: tt.over, ClientPort: 40000, ServerPort: 4711}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkSession(b *testing.B) { st.Benchmark(b, Parser(), session...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), session) }
