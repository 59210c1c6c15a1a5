package rdp

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

func tpkt(b string) string {
	n := len(b) + 4
	return string([]byte{3, 0, byte(n >> 8), byte(n)}) + b
}

func tpdu(code byte, rest string) string {
	b := string([]byte{code, 0, 0, 0, 0, 0}) + rest
	return tpkt(string([]byte{byte(len(b))}) + b)
}

func le16(v int) string { return string(binary.LittleEndian.AppendUint16(nil, uint16(v))) }
func le32(v int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(v))) }

func block(kind int, b string) string { return le16(kind) + le16(len(b)+4) + b }

func connectInitial() string {
	name := "W\x00S\x00-\x001\x00" + strings.Repeat("\x00", 24)
	core := le32(0x00080004) + le16(1152) + le16(864) + le16(0xca01) + le16(0xaa03) + le32(0x409) + le32(6000) + name + le32(4) + le32(0) + le32(12) +
		strings.Repeat("\x00", 64) + le16(0xca01) + le16(1) + le32(0) + le16(24) + le16(7) + le16(0x0b) + strings.Repeat("\x00", 64)
	channels := le32(2) + "rdpdr\x00\x00\x00" + le32(0) + "cliprdr\x00" + le32(0)
	data := block(csCore, core) + block(0xc002, le32(3)+le32(0)) + block(csNet, channels)
	gcc := "\x00\x05\x00\x14\x7c\x00\x01\x81\x00\x00\x08\x00\x10\x00\x01\xc0\x00Duca" + string([]byte{0x80 | byte(len(data)>>8), byte(len(data))}) + data
	return tpkt("\x02\xf0\x80\x7f\x65\x82\x01\x00" + gcc)
}

var (
	asking    = tpdu(connectionRequest, "Cookie: mstshash=A\\joe \r\n\x01\x00\x08\x00\x03\x00\x00\x00")
	plain     = tpdu(connectionConfirm, "\x02\x00\x08\x00\x00\x00\x00\x00")
	tls       = tpdu(connectionConfirm, "\x02\x1f\x08\x00\x02\x00\x00\x00")
	initial   = connectInitial()
	connected = tpkt("\x02\xf0\x80\x7f\x66\x82\x01\x00\x0a\x01\x00")
)

var session = []streamtest.Step{
	streamtest.Client(asking), streamtest.Server(plain), streamtest.Client(initial), streamtest.Server(connected),
}

func TestSession(t *testing.T) {
	streamtest.Expect(t, "session", streamtest.Run(Parser(), session...),
		`> login A\joe rdp tried rdp{"rdp":{"tx_id":1,"event_type":"initial_request","cookie":"A\\joe "}}`,
		`< rdp{"rdp":{"tx_id":2,"event_type":"initial_response"}}`,
		`> rdp{"rdp":{"tx_id":3,"event_type":"connect_request","client":{"version":"v5","desktop_width":1152,"desktop_height":864,"color_depth":24,"keyboard_layout":"en-US","build":"Windows Vista RTM",`+
			`"client_name":"WS-1","keyboard_type":"enhanced","function_keys":12,"product_id":1,"capabilities":["support_errinfo_pdf","want_32bpp_session","strong_asymmetric_keys"]},"channels":["rdpdr","cliprdr"]}}`,
		`< encrypted  rdp{"rdp":{"tx_id":4,"event_type":"connect_response"}}`)
	streamtest.Check(t, Parser(), nil, session...)
}

func TestTLS(t *testing.T) {
	for _, c := range []struct {
		name   string
		steps  []streamtest.Step
		status protocol.Status
	}{
		{"accepted", []streamtest.Step{streamtest.Client(asking), streamtest.Server(tls)}, protocol.Switch},
		{"refused", []streamtest.Step{streamtest.Client(asking), streamtest.Server(tpdu(connectionConfirm, "\x03\x00\x08\x00\x02\x00\x00\x00"))}, protocol.More},
		{"client alone", []streamtest.Step{streamtest.Client(asking), streamtest.Client("\x16\x03\x01")}, protocol.Switch},
		{"server alone", []streamtest.Step{streamtest.Server(tls)}, protocol.Switch},
		{"without", session, protocol.Done},
	} {
		f := streamtest.NewTable(Parser(), new(streamtest.Recorder))
		for _, s := range c.steps {
			f.Do(s)
		}
		if f.Status != c.status {
			t.Errorf("%s: status %v", c.name, f.Status)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		data string
		port uint16
		want protocol.Match
	}{
		{asking, 4444, protocol.Yes},
		{asking[:14], 4444, protocol.Maybe},
		{tls, 4444, protocol.Yes},
		{tpdu(connectionRequest, ""), 3389, protocol.Likely},
		{tpdu(connectionRequest, ""), 4444, protocol.No},
		{tpdu(connectionRequest, "\xc0\x01\x0a\xc1\x02\x01\x00\xc2\x02\x01\x02"), 102, protocol.No}, // S7
		{"\x03\x00\x00\x16\x11\xe0\x00\x00\x00\x01\x00\xc1", 102, protocol.No},
		{"\x16\x03\x01", 3389, protocol.No},
		{"\x03\x00", 3389, protocol.Maybe},
	} {
		if got := probe(&protocol.Peek{Data: []byte(c.data), Over: protocol.TCP, ServerPort: c.port}); got != c.want {
			t.Errorf("%.20q: %v, want %v", c.data, got, c.want)
		}
	}
}

func TestUDP(t *testing.T) {
	b := []byte("\xff\xff\xff\xff\x00\x40\x00\x01" + strings.Repeat("\x00", 1224))
	if probe(&protocol.Peek{Data: b, Over: protocol.UDP}) != protocol.Yes || probe(&protocol.Peek{Data: b[:100], Over: protocol.UDP}) != protocol.No {
		t.Error("the probe is wrong")
	}
	if _, st := Parser().New().Feed(&protocol.Context{Over: protocol.UDP}, protocol.ToServer, b); st != protocol.Done {
		t.Error("not done")
	}
}

func FuzzStream(f *testing.F) { streamtest.Fuzz(f, Parser(), session) }

func BenchmarkSession(b *testing.B) { streamtest.Benchmark(b, Parser(), session...) }
