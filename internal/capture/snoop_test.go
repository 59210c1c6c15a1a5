package capture

import (
	"encoding/binary"
	"slices"
	"testing"
)

// snoopOf writes frames in the format of RFC 1761, with padding to 4 bytes.
func snoopOf(frames []frame) []byte {
	out := binary.BigEndian.AppendUint64([]byte(snoopMagic), 2<<32|4)
	for _, f := range frames {
		n := uint32(len(f.Data))
		for _, v := range []uint32{f.Wire, n, snoopRecord + (n+3)&^3, 0, uint32(f.Time / 1e9), uint32(f.Time % 1e9 / 1000)} {
			out = binary.BigEndian.AppendUint32(out, v)
		}
		out = append(out, f.Data...)
		out = append(out, make([]byte, -n&3)...)
	}
	return out
}

func TestSnoop(t *testing.T) {
	want := random(7, 200)
	for i := range want {
		want[i].Time = want[i].Time / 1000 * 1000
	}
	file := snoopOf(want)
	for _, size := range []int{0, 64, 1000} {
		got, stats, err := readBytes(t, file, 64, Options{BlockSize: size})
		if err != nil || stats.Truncated || !slices.Equal(got, want) {
			t.Errorf("%d frames, %v", len(got), err)
		}
	}
	got, stats, err := readBytes(t, file[:len(file)-1], 64, Options{})
	if err != nil || !stats.Truncated || len(got) != 199 {
		t.Errorf("cut: %d frames, %v", len(got), err)
	}
	for name, at := range map[string]int{"version": 11, "link": 15, "length": 16 + 8} {
		bad := slices.Clone(file)
		bad[at] = 99
		if _, _, err := readBytes(t, bad, 64, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
