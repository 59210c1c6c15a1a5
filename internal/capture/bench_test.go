package capture

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkRead reads a file of 333-byte frames out of the page cache; one operation is one packet.
func BenchmarkRead(b *testing.B) {
	const packets, size = 300_000, 333
	data := binary.LittleEndian.AppendUint32(nil, pcapMicro)
	data = append(data, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0)
	for i := range uint32(packets) {
		data = binary.LittleEndian.AppendUint32(data, i)
		data = binary.LittleEndian.AppendUint32(data, i%1000)
		data = binary.LittleEndian.AppendUint32(data, size)
		data = binary.LittleEndian.AppendUint32(data, size)
		data = append(data, make([]byte, size)...)
	}
	path := filepath.Join(b.TempDir(), "a.pcap")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size + 16)
	b.ReportAllocs()
	var batch Batch
	for n := 0; n < b.N; {
		src, err := Open(path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for n < b.N {
			err := src.Read(&batch, 64)
			if err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			n += len(batch.Frames)
		}
		batch.Release()
		src.Close()
	}
}
