package rtsp

import (
	"encoding/base64"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

var session = []st.Step{
	st.Client("OPTIONS rtsp://admin:secret@cam.example.com:554/live RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: LibVLC/3.0\r\n\r\n"),
	st.Server("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Cam 1.0\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n"),
	st.Client("DESCRIBE rtsp://cam.example.com/live RTSP/1.0\r\nAuthorization: Basic ", base64.StdEncoding.EncodeToString([]byte("admin:secret")), "\r\n\r\n"),
	st.Server("RTSP/1.0 200 OK\r\nServer: Cam 1.0\r\nContent-Length: 20\r\n\r\n", strings.Repeat("x", 20), "$\x00\x00\x10RTSP/1.0 401 no\r\n"),
	st.Client("PLAY rtsp://cam.example.com/live RTSP/1.0\r\nAuthorization: Digest username=\"root\", response=\"secret\"\r\n\r\n"),
	st.Server("RTSP/1.0 401 no\r\n\r\n"),
}

func TestSession(t *testing.T) {
	st.Expect(t, "session", st.Run(Parser(), session...), "> client LibVLC/3.0 host cam.example.com", "< server Cam 1.0",
		"> login admin rtsp tried", "< login admin rtsp accepted", "> login root rtsp tried", "< login root rtsp refused")
	st.Check(t, Parser(), []string{"secret"}, session...)
	st.Expect(t, "gap", st.Run(Parser(), st.Client("PLAY rtsp://a/x RTSP/1.0\r\nx"), st.Lose(protocol.ToServer, 10), st.Client("$\x00\xff\r\nPLAY rtsp://b/x RTSP/1.0\r\n\r\n")), "> host b")
}

func TestProbe(t *testing.T) {
	for bytes, want := range map[string]protocol.Match{
		"OPTIONS rtsp://x/ RTSP/1.0\r\n": protocol.Yes, "OPTIONS * RTSP/1.0\r\n": protocol.Yes, "RTSP/1.0 200 OK\r\n": protocol.Yes, "RTS": protocol.Maybe, "DESC": protocol.Maybe,
		"SETUP rts": protocol.Maybe, "OPTIONS * HTTP/1.1\r\n": protocol.No, "OPTIONS sip:x SIP/2.0\r\n": protocol.No, "GET / HTTP/1.1\r\n": protocol.No, "OPTIONS /": protocol.No, "\x16\x03\x01": protocol.No,
	} {
		if got := probe(&protocol.Peek{Data: []byte(bytes), Over: protocol.TCP, ServerPort: 554}); got != want {
			t.Errorf("%q: %d, want %d", bytes, got, want)
		}
	}
}

func BenchmarkSession(b *testing.B) { st.Benchmark(b, Parser(), session...) }

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), session) }
