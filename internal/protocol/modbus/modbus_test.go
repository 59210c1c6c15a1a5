package modbus

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

const head = `"protocol_id":0,"unit_id":17,`

func adu(tx byte, pdu string) string {
	return string([]byte{0, tx, 0, 0, 0, byte(1 + len(pdu)), 17}) + pdu
}

func TestExchanges(t *testing.T) {
	const read = `{"transaction_id":1,` + head + `"function_raw":3,"function_code":"RdHoldRegs","access_type":"READ | HOLDING","category":"PUBLIC_ASSIGNED","error_flags":"NONE","read":`
	const write = `{"transaction_id":2,` + head + `"function_raw":6,"function_code":"WrSingleReg","access_type":"WRITE | HOLDING | SINGLE","category":"PUBLIC_ASSIGNED","error_flags":"NONE","write":{"address":1,"data":500}}`
	const refused = `{"transaction_id":2,` + head + `"function_raw":134,"function_code":"WrSingleReg","access_type":"WRITE | HOLDING | SINGLE","category":"PUBLIC_ASSIGNED","error_flags":"NONE","exception":{"raw":2,"code":"IllegalDataAddr"}}`
	const multiple = `"function_raw":16,"function_code":"WrMultRegs","access_type":"WRITE | HOLDING | MULTIPLE","category":"PUBLIC_ASSIGNED","error_flags":"NONE","write":{"address":1`
	both := []streamtest.Step{
		streamtest.Client(adu(1, "\x03\x00\x6b\x00\x03"), adu(2, "\x06\x00\x01\x01\xf4")),
		streamtest.Server(adu(1, "\x03\x04\x00\x41\x00\x42"), adu(2, "\x86\x02")),
	}
	streamtest.Expect(t, "both", streamtest.Run(Parser(), both...),
		`> modbus{"modbus":{"id":0,"request":`+read+`{"address":107,"quantity":3}},"response":`+read+`{"data":"\u0000A\u0000B"}}}}`,
		`> modbus{"modbus":{"id":1,"request":`+write+`,"response":`+refused+`}}`)
	several := []streamtest.Step{
		streamtest.Client(adu(3, "\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02"), adu(4, "\x08\x00\x00\xa5\x37"), adu(5, "\x01")),
		streamtest.Server(adu(3, "\x10\x00\x01\x00\x02"), adu(9, "\x06\x00\x01\x01\xf4")),
	}
	streamtest.Expect(t, "several", streamtest.Run(Parser(), several...),
		`> modbus{"modbus":{"id":0,"request":{"transaction_id":3,`+head+multiple+`}},"response":{"transaction_id":3,`+head+multiple+`,"data":2}}}}`,
		`< modbus{"modbus":{"id":3,"response":{"transaction_id":9`+write[len(`{"transaction_id":2`):]+`}}`,
		`> modbus{"modbus":{"id":1,"request":{"transaction_id":4,`+head+`"function_raw":8,"function_code":"Diagnostic","access_type":"NONE","category":"PUBLIC_ASSIGNED","error_flags":"NONE","diagnostic":{"raw":0,"code":"RetQueryData","data":"\u00a57"}}}}`,
		`> modbus{"modbus":{"id":2,"request":{"transaction_id":5,`+head+`"function_raw":1,"function_code":"RdCoils","access_type":"READ | COILS","category":"PUBLIC_ASSIGNED","error_flags":"DATA_LENGTH"}}}`)
	for _, steps := range [][]streamtest.Step{both, several} {
		for i := range 40 {
			streamtest.Expect(t, "cut", streamtest.Run(Parser(), streamtest.Cut(steps, func() int { return 1 + i })...), streamtest.Run(Parser(), steps...)...)
		}
	}
	if n := testing.AllocsPerRun(50, replay(both)); n != 0 {
		t.Errorf("%v allocations", n)
	}
	streamtest.Expect(t, "not Modbus", streamtest.Run(Parser(), streamtest.Client(adu(1, "\x07"), "HTTP/1.1")), "> !invalid_protocol_id", streamtest.Run(Parser(), streamtest.Client(adu(1, "\x07")))[0])
	vendor := streamtest.Client("\x00\x07\x00\x00\x02\x00\x11\x5a", strings.Repeat("x", 510), adu(1, "\x07"))
	streamtest.Expect(t, "longer than allowed", streamtest.Run(Parser(), vendor), streamtest.Run(Parser(), streamtest.Client(adu(1, "\x07")))...)
	streamtest.Expect(t, "longer than allowed, cut", streamtest.Run(Parser(), streamtest.Cut([]streamtest.Step{vendor}, func() int { return 100 })...), streamtest.Run(Parser(), vendor)...)
	streamtest.Expect(t, "loss", streamtest.Run(Parser(), streamtest.Server(adu(1, "\x03\x04")), streamtest.Lose(protocol.ToClient, 3), streamtest.Server("rest"), streamtest.Server(adu(9, "\x06\x00\x01\x01\xf4"))),
		`< modbus{"modbus":{"id":0,"response":{"transaction_id":1,`+head+`"function_raw":3,"function_code":"RdHoldRegs","access_type":"READ | HOLDING","category":"PUBLIC_ASSIGNED","error_flags":"NONE","read":{"data":""}}}}`,
		`< modbus{"modbus":{"id":1,"response":{"transaction_id":9`+write[len(`{"transaction_id":2`):]+`}}`)
}

type nowhere struct{}

func (nowhere) Observe(*protocol.Observation) {}

func replay(steps []streamtest.Step) func() {
	p := Parser()
	s := p.New()
	c := protocol.Context{Over: protocol.TCP, Sink: nowhere{}}
	return func() {
		s.Reset()
		for _, step := range steps {
			s.Feed(&c, step.Dir, step.Bytes)
		}
		s.End(&c)
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		port uint16
		data string
		want protocol.Match
	}{
		{port, adu(1, "\x03\x00\x6b\x00\x03"), protocol.Yes},
		{port, adu(1, "\x03\x00\x6b\x00\x03")[:4], protocol.Maybe},
		{port, "\x00\x01\x00\x00\x00\x06\x11\x50", protocol.No},
		{port, "GET / HTTP/1.1\r\n", protocol.No},
		{port, "\x16\x03\x01\x00\x80\x01\x00\x00", protocol.No},
		{9999, adu(1, "\x03\x00\x6b\x00\x03"), protocol.Likely},
		{9999, adu(1, "\x03\x00\x6b\x00\x03\x00"), protocol.No},
		{9999, adu(0, "\x03\x00\x6b\x00\x03"), protocol.No},
	} {
		p := protocol.Peek{Data: []byte(c.data), Over: protocol.TCP, ServerPort: c.port}
		if m := probe(&p); m != c.want {
			t.Errorf("%q on %d: %d, want %d", c.data, c.port, m, c.want)
		}
	}
}

func FuzzModbus(f *testing.F) {
	streamtest.Fuzz(f, Parser(), []streamtest.Step{streamtest.Client(adu(1, "\x03\x00\x6b\x00\x03")), streamtest.Server(adu(1, "\x03\x04\x00\x41\x00\x42"))},
		[]streamtest.Step{streamtest.Client(adu(3, "\x17\x00\x01\x00\x02\x00\x01\x00\x01\x02\x01\x02")), streamtest.Server(adu(3, "\x97\x02"))})
}

func BenchmarkExchange(b *testing.B) {
	streamtest.Benchmark(b, Parser(), streamtest.Client(adu(1, "\x03\x00\x6b\x00\x03")), streamtest.Server(adu(1, "\x03\x04\x00\x41\x00\x42")))
}
