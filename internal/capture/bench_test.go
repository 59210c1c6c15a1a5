package capture

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRead reads files of 333-byte frames out of the page cache; one operation is one packet.
func BenchmarkRead(b *testing.B) {
	frames := make([]frame, 300_000)
	for i := range frames {
		frames[i] = frame{Time: int64(i) * 1000, Wire: 333, Data: strings.Repeat("x", 333)}
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"pcap", pcapOf(b, frames, true)}, {"pcapng", ngOf(b, frames)}, {"zstd", zstdOf(b, pcapOf(b, frames, true))}} {
		b.Run(f.name, func(b *testing.B) { benchRead(b, f.data) })
	}
}

func benchRead(b *testing.B, data []byte) {
	path := filepath.Join(b.TempDir(), "a")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
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
