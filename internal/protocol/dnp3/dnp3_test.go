package dnp3

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
	"netsensor/internal/protocol/streamtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 4567}

// header begins a write from 3 to 4; its checksum is one that a real outstation accepted.
const header = "\x05\x64\x0e\xc4\x04\x00\x03\x00\x6d\xd3"

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit.Expect(t, "a header", []datagramtest.Step{datagramtest.Client(header)})
	for n := 1; n <= len(header); n++ {
		p := protocol.Peek{Data: []byte(header[:n]), Over: protocol.TCP}
		want := protocol.Maybe
		if n == len(header) {
			want = protocol.Yes
		}
		if m := probe(&p); m != want {
			t.Errorf("%d bytes: %d", n, m)
		}
	}
	if m := kit.Probe(datagramtest.Client("\x05\x64\x0e\xc4\x04\x00\x03\x00\x6d\xd2")); m != protocol.No {
		t.Errorf("a wrong checksum: %d", m)
	}
	known := datagramtest.Kit{Parser: Parser(), Port: port}
	if m := known.Probe(datagramtest.Client("\x05\x64\x0e\xc4\x04\x00\x03\x00\x6d\xd2")); m != protocol.Likely {
		t.Errorf("a wrong checksum on the port: %d", m)
	}
}

// frame is a frame with data; the checksums of data are not looked at.
func frame(control byte, data string) string {
	b := []byte("\x05\x64" + string([]byte{byte(minLength + len(data)), control}) + "\x04\x00\x03\x00")
	b = append(binary.LittleEndian.AppendUint16(b, sum(b)), data...)
	return string(b) + strings.Repeat("\x00\x00", (len(data)+blockLen-1)/blockLen)
}

var conversation = []streamtest.Step{
	streamtest.Client(frame(0xc4, "\xc0\xc1\x01\x3c\x02\x06"), frame(0xc9, "")),
	streamtest.Server(frame(0x44, "\x40\xe2\x81\x92\x04"+strings.Repeat("x", 30)), frame(0x44, "\x81rest"), frame(0x44, "\xc0\xf3\x82\x00\x00")),
}

func TestFragments(t *testing.T) {
	streamtest.Expect(t, "conversation", streamtest.Run(Parser(), conversation...),
		`> dnp3{"dnp3":{"type":"request","control":{"dir":true,"pri":true,"fcb":false,"fcv":false,"function_code":4},"src":3,"dst":4,`+
			`"application":{"control":{"fir":true,"fin":true,"con":false,"uns":false,"sequence":1},"function_code":1,"complete":true}}}`,
		`< dnp3{"dnp3":{"type":"response","control":{"dir":false,"pri":true,"fcb":false,"fcv":false,"function_code":4},"src":3,"dst":4,`+
			`"application":{"control":{"fir":true,"fin":true,"con":true,"uns":false,"sequence":2},"function_code":129,"complete":false},`+
			`"iin":{"indicators":["class_1_events","need_time","device_restart","parameter_error"]}}}`,
		`< dnp3{"dnp3":{"type":"unsolicited_response","control":{"dir":false,"pri":true,"fcb":false,"fcv":false,"function_code":4},"src":3,"dst":4,`+
			`"application":{"control":{"fir":true,"fin":true,"con":true,"uns":true,"sequence":3},"function_code":130,"complete":true},"iin":{}}}`)
	streamtest.Check(t, Parser(), nil, conversation...)
	streamtest.Expect(t, "loss", streamtest.Run(Parser(), streamtest.Lose(protocol.ToClient, 7), streamtest.Server("rest of a frame"), conversation[1]), streamtest.Run(Parser(), conversation[1])...)
	kit.Expect(t, "a datagram", []datagramtest.Step{datagramtest.Client(frame(0xc4, "\xc0\xc1\x01"))},
		`> dnp3{"dnp3":{"type":"request","control":{"dir":true,"pri":true,"fcb":false,"fcv":false,"function_code":4},"src":3,"dst":4,`+
			`"application":{"control":{"fir":true,"fin":true,"con":false,"uns":false,"sequence":1},"function_code":1,"complete":true}}}`)
}

func FuzzDNP3(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(string(conversation[0].Bytes))})
}

func FuzzTCP(f *testing.F) { streamtest.Fuzz(f, Parser(), conversation) }

func BenchmarkConversation(b *testing.B) { streamtest.Benchmark(b, Parser(), conversation...) }

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
