package capture

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"testing/iotest"
)

// check reads data in two ways, which must agree, and holds the result against what may come of so many bytes.
func check(t *testing.T, data []byte) {
	if compression(data) != plain {
		return
	}
	read := func(o Options, size int, bytewise bool) ([]frame, string) {
		src, err := NewReader(bytes.NewReader(data), "x", o)
		if bytewise {
			src, err = NewReader(iotest.OneByteReader(bytes.NewReader(data)), "x", o)
		}
		if err != nil {
			return nil, err.Error()
		}
		defer src.Close()
		all, err := readAll(t, src, size)
		if n := len(src.(*file).in.cur.data); n > max(o.BlockSize, o.MaxFrame+64) {
			t.Fatalf("a block of %d bytes", n)
		}
		if err != nil {
			return all, err.Error()
		}
		return all, ""
	}
	one, e1 := read(Options{BlockSize: 64 << 10, MaxFrame: 1000}, 64, false)
	two, e2 := read(Options{BlockSize: 50, MaxFrame: 1000}, 3, true)
	if e1 != e2 || !slices.Equal(one, two) {
		t.Fatalf("%d frames and %q, or %d frames and %q", len(one), e1, len(two), e2)
	}
	total := 0
	for _, f := range one {
		total += len(f.Data)
		if int(f.Wire) < len(f.Data) || f.Time < 0 || f.Time > maxSeconds*1e9 || len(f.Data) > 1000 {
			t.Fatalf("%+v", f)
		}
	}
	if total > len(data) {
		t.Fatalf("%d bytes of %d", total, len(data))
	}
}

func FuzzPcap(f *testing.F) {
	frames := []frame{{Time: 1e18, Wire: 9, Data: "abcd"}, {Time: 1e18 + 1}, {Time: 1e18 + 2, Data: "abcdefg"}}
	file := pcapOf(f, frames, false)
	f.Add(file)
	f.Add(turned(file, 16))
	f.Add(patched(file))
	f.Add(pcapOf(f, frames, true))
	f.Add(snoopOf(frames))
	f.Fuzz(check)
}

func FuzzPcapng(f *testing.F) {
	f.Add(ngOf(f, []frame{{Time: 1e18, Wire: 9, Data: "abcd"}, {Time: 1e18 + 1}}))
	be := (&blocks{order: binary.BigEndian}).section()
	be.add(ngInterface, uint16(1), uint16(0), uint32(6), uint16(9), uint16(1), "\x8a", uint16(14), uint16(8), uint64(1000)).
		packet(0, 7, 3, "xyz").add(ngSimple, uint32(3), "abc").
		add(ngPacket, uint16(0), uint16(0), uint32(0), uint32(1), uint32(2), uint32(2), "ob")
	f.Add(be.out)
	f.Fuzz(check)
}
