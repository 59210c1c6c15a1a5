package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/klauspost/compress/zstd"
)

// frame is a Frame that owns its bytes.
type frame struct {
	Time int64
	Wire uint32
	Link uint32
	If   uint16
	Data string
}

// readAll reads src to its end in batches of size; every batch but the last must be full.
func readAll(t testing.TB, src Source, size int) ([]frame, error) {
	t.Helper()
	var all []frame
	var b Batch
	for short := false; ; {
		err := src.Read(&b, size)
		if err != nil {
			if len(b.Frames) > 0 {
				t.Fatalf("%d frames beside the error %v", len(b.Frames), err)
			}
			if again := src.Read(&b, size); again != err {
				t.Fatalf("after %v comes %v", err, again)
			}
			if n := src.Stats().Packets; n != uint64(len(all)) {
				t.Fatalf("%d packets counted, %d read", n, len(all))
			}
			if err == io.EOF {
				err = nil
			}
			return all, err
		}
		if short || len(b.Frames) == 0 || len(b.Frames) > size {
			t.Fatalf("a batch of %d frames where %d are asked for (one before was short: %v)", len(b.Frames), size, short)
		}
		short = len(b.Frames) < size
		for _, f := range b.Frames {
			all = append(all, frame{f.Time, f.Wire, uint32(f.Link), f.Iface, string(f.Data)})
		}
	}
}

func readBytes(t testing.TB, data []byte, size int, o Options) ([]frame, Stats, error) {
	t.Helper()
	src, err := NewReader(bytes.NewReader(data), "x", o)
	if err != nil {
		return nil, Stats{}, err
	}
	defer src.Close()
	all, err := readAll(t, src, size)
	return all, src.Stats(), err
}

// random returns n frames of up to 3000 bytes, mostly small.
func random(seed uint64, n int) []frame {
	r := rand.New(rand.NewPCG(seed, 1))
	all := make([]frame, n)
	for i := range all {
		b := make([]byte, r.IntN(1+r.IntN(3000)))
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		all[i] = frame{Time: 1_700_000_000e9 + r.Int64N(1e15), Wire: uint32(len(b) + r.IntN(2)*r.IntN(100)), Link: 1, Data: string(b)}
	}
	return all
}

func info(f frame, at time.Time) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(f.Data), Length: max(int(f.Wire), len(f.Data)), InterfaceIndex: int(f.If)}
}

// pcapOf writes frames with pcapgo. Times lose what the format does not hold, in frames too.
func pcapOf(t testing.TB, frames []frame, nano bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := pcapgo.NewWriter(&out)
	if nano {
		w = pcapgo.NewWriterNanos(&out)
	}
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i, f := range frames {
		if !nano {
			frames[i].Time = f.Time / 1000 * 1000
		}
		if err := w.WritePacket(info(f, time.Unix(0, f.Time)), []byte(f.Data)); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// turned changes the byte order of a pcap file.
func turned(file []byte, head int) []byte {
	b := slices.Clone(file)
	swap := func(at, n int) { slices.Reverse(b[at : at+n]) }
	for _, f := range [][2]int{{0, 4}, {4, 2}, {6, 2}, {8, 4}, {12, 4}, {16, 4}, {20, 4}} {
		swap(f[0], f[1])
	}
	for at := 24; at < len(b); {
		n := int(binary.LittleEndian.Uint32(b[at+8:]))
		for i := range 4 {
			swap(at+4*i, 4)
		}
		at += head + n
	}
	return b
}

// patched turns a pcap file into Kuznetsov's format.
func patched(file []byte) []byte {
	b := slices.Clone(file[:24])
	binary.LittleEndian.PutUint32(b, pcapPatched)
	for at := 24; at < len(file); {
		n := int(binary.LittleEndian.Uint32(file[at+8:]))
		b = append(b, file[at:at+16]...)
		b = append(b, 1, 0, 0, 0, 8, 0, 0, 0)
		b = append(b, file[at+16:at+16+n]...)
		at += 16 + n
	}
	return b
}

func gzipOf(parts ...[]byte) []byte {
	var out bytes.Buffer
	for _, p := range parts {
		z := gzip.NewWriter(&out)
		z.Write(p)
		z.Close()
	}
	return out.Bytes()
}

func zstdOf(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := []byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2} // a skippable frame
	for _, p := range parts {
		out = z.EncodeAll(p, out)
	}
	return out
}

// TestPcap reads what pcapgo wrote, in all variants, and compares with what was written.
func TestPcap(t *testing.T) {
	want := random(1, 700)
	nano := pcapOf(t, slices.Clone(want), true)
	wantMicro := slices.Clone(want)
	micro := pcapOf(t, wantMicro, false)
	cut := len(nano) / 3
	files := map[string]struct {
		data []byte
		want []frame
	}{
		"micro":           {micro, wantMicro},
		"nano":            {nano, want},
		"micro, turned":   {turned(micro, 16), wantMicro},
		"nano, turned":    {turned(nano, 16), want},
		"patched":         {patched(micro), wantMicro},
		"patched, turned": {turned(patched(micro), 24), wantMicro},
		"gzip":            {gzipOf(nano[:cut], nano[cut:]), want},
		"zstd":            {zstdOf(t, nano[:cut], nano[cut:]), want},
	}
	for name, f := range files {
		for _, o := range []Options{{}, {BlockSize: 1000}, {BlockSize: 4096}, {BlockSize: 1}} {
			for _, size := range []int{1, 64, 100_000} {
				got, stats, err := readBytes(t, f.data, size, o)
				if err != nil || stats.Truncated || !slices.Equal(got, f.want) {
					t.Fatalf("%s, blocks of %d, batches of %d: %d frames of %d, truncated %v, %v",
						name, o.BlockSize, size, len(got), len(f.want), stats.Truncated, err)
				}
			}
		}
		src, err := NewReader(iotest.OneByteReader(bytes.NewReader(f.data)), name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(t, src, 64); err != nil || !slices.Equal(got, f.want) {
			t.Fatalf("%s, byte by byte: %d frames, %v", name, len(got), err)
		}
	}
}

// TestPcapOldVersions checks the order of the two lengths, which changed in version 2.3.
func TestPcapOldVersions(t *testing.T) {
	file := pcapOf(t, []frame{{Wire: 9, Data: "abcd"}}, false)
	want := []frame{{Wire: 9, Link: 1, Data: "abcd"}}
	old := slices.Clone(file)
	copy(old[32:], []byte{9, 0, 0, 0, 4, 0, 0, 0})
	for minor, data := range map[byte][]byte{0: old, 2: old, 3: file, 4: file, 77: file} {
		data[6] = minor
		if got, _, err := readBytes(t, data, 2, Options{}); err != nil || !slices.Equal(got, want) {
			t.Errorf("version 2.%d: %v, %v", minor, got, err)
		}
	}
	old[6] = 3
	if got, _, err := readBytes(t, old, 2, Options{}); err != nil || !slices.Equal(got, want) {
		t.Errorf("version 2.3, swapped: %v, %v", got, err)
	}
}

// TestTruncated cuts files at every byte: the whole records before the cut come, then the end.
func TestTruncated(t *testing.T) {
	frames := random(3, 6)
	file := pcapOf(t, frames, true)
	ends := []int{24}
	for _, f := range frames {
		ends = append(ends, ends[len(ends)-1]+16+len(f.Data))
	}
	for n := range file {
		got, stats, err := readBytes(t, file[:n], 4, Options{BlockSize: 100})
		if n < 24 {
			if err == nil {
				t.Errorf("cut at %d: no error", n)
			}
			continue
		}
		whole, clean := slices.BinarySearch(ends, n)
		if !clean {
			whole--
		}
		if err != nil || stats.Truncated == clean || !slices.Equal(got, frames[:whole]) {
			t.Fatalf("cut at %d: %d frames of %d, truncated %v, %v", n, len(got), whole, stats.Truncated, err)
		}
	}
}

func TestTruncatedCompression(t *testing.T) {
	frames := random(4, 400)
	file := pcapOf(t, frames, true)
	for name, data := range map[string][]byte{"gzip": gzipOf(file), "zstd": zstdOf(t, file)} {
		for _, n := range []int{len(data) - 1, len(data) * 3 / 4} {
			got, stats, err := readBytes(t, data[:n], 64, Options{})
			if err != nil || !stats.Truncated || len(got) == 0 || !slices.Equal(got, frames[:len(got)]) {
				t.Errorf("%s cut at %d of %d: %d frames, truncated %v, %v", name, n, len(data), len(got), stats.Truncated, err)
			}
		}
		bad := slices.Clone(data)
		for i := len(bad) / 2; i < len(bad); i++ {
			bad[i] ^= 0x55
		}
		got, _, err := readBytes(t, bad, 64, Options{})
		var e *Error
		if !errors.As(err, &e) || e.File != "x" || len(got) < 100 || !slices.Equal(got[:100], frames[:100]) {
			t.Errorf("%s, damaged: %d frames, %v", name, len(got), err)
		}
	}
}

func TestErrors(t *testing.T) {
	file := pcapOf(t, []frame{{Data: "abcd"}, {Data: "efgh"}}, false)
	edit := func(at int, b ...byte) []byte {
		f := slices.Clone(file)
		copy(f[at:], b)
		return f
	}
	for _, c := range []struct {
		name, want string
		data       []byte
		frames     int
	}{
		{"empty", "offset 0: empty file", nil, 0},
		{"gzip of nothing", "offset 0: empty file", gzipOf(nil), 0},
		{"text", `offset 0: not a capture file: it begins with 48 65 6c 6c 6f ("Hello")`, []byte("Hello"), 0},
		{"one byte", "not a capture file", []byte{0xd4}, 0},
		{"snoop-like", "not a capture file", []byte("snooping around in here"), 0},
		{"header cut", "offset 20: the file ends within its header", file[:20], 0},
		{"version", "offset 4: pcap version 3.4 is not known", edit(4, 3), 0},
		{"length", "offset 44: a record of 4294967295 bytes: the file is corrupt", edit(52, 255, 255, 255, 255), 1},
		{"gzip header", "offset 0: gzip: ", []byte{0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 0},
	} {
		got, _, err := readBytes(t, c.data, 8, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "capture: x: ") || !strings.Contains(err.Error(), c.want) || len(got) != c.frames {
			t.Errorf("%s: %d frames, %v", c.name, len(got), err)
		}
	}
	if got, stats, err := readBytes(t, file[:24], 8, Options{}); err != nil || len(got) != 0 || stats.Truncated {
		t.Errorf("a header alone: %v, %v", got, err)
	}
	want := errors.New("broken pipe")
	src, err := NewReader(io.MultiReader(bytes.NewReader(file[:30]), iotest.ErrReader(want)), "x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, src, 8); !errors.Is(err, want) {
		t.Errorf("a failing reader: %v", err)
	}
}

// TestOversized: frames are shortened to MaxFrame, the bytes beyond are passed over.
func TestOversized(t *testing.T) {
	want := []frame{{Data: strings.Repeat("a", 5000)}, {Data: "b"}, {Data: strings.Repeat("c", 70_000)}, {Data: "d"}}
	for i := range want {
		want[i].Wire, want[i].Link = uint32(len(want[i].Data)), 1
	}
	pcap, ng, snoop := pcapOf(t, want, true), ngOf(t, want), snoopOf(want)
	for i := range want {
		want[i].Data = want[i].Data[:min(len(want[i].Data), 3000)]
	}
	for name, data := range map[string][]byte{"pcap": pcap, "pcapng": ng, "snoop": snoop} {
		got, stats, err := readBytes(t, data, 3, Options{BlockSize: 512, MaxFrame: 3000})
		if err != nil || stats.Oversized != 2 || !slices.Equal(got, want) {
			t.Errorf("%s: %d frames, %d oversized, %v", name, len(got), stats.Oversized, err)
		}
		// Cut within the part that is passed over: the frame is not whole.
		got, stats, err = readBytes(t, data[:len(data)-1000], 3, Options{BlockSize: 512, MaxFrame: 3000})
		if err != nil || !stats.Truncated || !slices.Equal(got, want[:2]) {
			t.Errorf("%s, cut: %d frames, truncated %v, %v", name, len(got), stats.Truncated, err)
		}
	}
}

// TestBatchesOutlive keeps many batches while reading goes on and the file is closed; run with -race.
func TestBatchesOutlive(t *testing.T) {
	want := random(5, 3000)
	path := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(path, pcapOf(t, want, true), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := Open(path, Options{BlockSize: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	batches, empty, sum := make(chan *Batch, 10), make(chan *Batch, 10), make(chan error, 1)
	go func() {
		at := 0
		for b := range batches {
			for _, f := range b.Frames {
				if string(f.Data) != want[at].Data {
					sum <- fmt.Errorf("frame %d is overwritten", at+1)
					return
				}
				at++
			}
			b.Release()
			empty <- b
		}
		sum <- nil
	}()
	for range cap(empty) {
		empty <- new(Batch)
	}
	for b := range empty {
		if err := src.Read(b, 64); err != nil {
			break
		}
		batches <- b
	}
	src.Close()
	close(batches)
	if err := <-sum; err != nil {
		t.Error(err)
	}
	if s := src.Stats(); s.BytesRead != s.Size || s.Packets != 3000 {
		t.Errorf("%+v", s)
	}
}

func TestNoAllocs(t *testing.T) {
	frames := random(6, 64*400)
	for name, data := range map[string][]byte{"pcap": pcapOf(t, frames, true), "pcapng": ngOf(t, frames)} {
		src, err := NewReader(bytes.NewReader(data), "x", Options{BlockSize: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		for range 20 { // until there are blocks enough
			src.Read(&b, 64)
		}
		if n := testing.AllocsPerRun(300, func() {
			if err := src.Read(&b, 64); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a batch", name, n)
		}
	}
}
