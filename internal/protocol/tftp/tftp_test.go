package tftp

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 69}

const (
	read  = "\x00\x01boot/vmlinuz\x00OCTET\x00"
	write = "\x00\x02upload.bin\x00netascii\x00blksize\x001428\x00TSIZE\x0070000\x00"
)

func TestRequest(t *testing.T) {
	kit.Expect(t, "both", []datagramtest.Step{datagramtest.Client(read), datagramtest.Client(write)},
		`> file boot/vmlinuz tftp{"tftp":{"packet":"read","file":"boot/vmlinuz","mode":"octet"}}`,
		`> file upload.bin 70000 tftp{"tftp":{"packet":"write","file":"upload.bin","mode":"netascii"}}`)
	kit.Expect(t, "without a name", []datagramtest.Step{datagramtest.Client("\x00\x01\x00octet\x00")},
		`> tftp{"tftp":{"packet":"read","file":"","mode":"octet"}}`)
	kit.Expect(t, "transfer", []datagramtest.Step{datagramtest.Server("\x00\x06tsize\x00123\x00")})
}

func TestProbe(t *testing.T) {
	kit.Refuses(t, "tftp")
	for text, want := range map[string]protocol.Match{
		"\x00\x03\x00\x01" + strings.Repeat("x", 512): protocol.Likely,
		"\x00\x03\x00\x01" + strings.Repeat("x", 511): protocol.No,
		"\x00\x03\x00\x02" + strings.Repeat("x", 512): protocol.No,
		"\x00\x04\x00\x00":                            protocol.No,
		"\x00\x01a\x00binary\x00":                     protocol.No,
		"\x00\x06tsizes\x00":                          protocol.No,
	} {
		if m := kit.Probe(datagramtest.Server(text)); m != want {
			t.Errorf("%.20q: %d, want %d", text, m, want)
		}
	}
}

func FuzzTFTP(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(read), datagramtest.Client(write)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
func BenchmarkRequest(b *testing.B) { kit.Benchmark(b, datagramtest.Client(read)) }
