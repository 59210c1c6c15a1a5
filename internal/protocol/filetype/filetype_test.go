package filetype

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func tarHead() []byte {
	b := make([]byte, 512)
	copy(b, "dir/file")
	copy(b[257:], "ustar\x0000")
	return b
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		head string
		name string
		want Kind
	}{
		{"\x7fELF\x02\x01\x01", "", ELF},
		{"MZ\x90\x00", "a.txt", PE},
		{"\xca\xfe\xba\xbe\x00\x00\x00\x02", "", MachO},
		{"\xca\xfe\xba\xbe\x00\x00\x00\x41", "", Class},
		{"\xcf\xfa\xed\xfe\x07", "", MachO},
		{"PK\x03\x04\x14\x00", "x.jar", Zip},
		{"\x1f\x8b\x08\x00", "", Gzip},
		{"BZh91AY", "", Bzip2},
		{"BZh0", "", Other},
		{"!<arch>\ndebian-binary   ", "", Deb},
		{"!<arch>\n/               ", "", Ar},
		{"\xed\xab\xee\xdb\x03\x00", "", RPM},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", CompoundFile},
		{"#!/bin/sh\n", "", Script},
		{"Write-Host hi", "/x/Run.PS1", Script},
		{"body{}", "/a/site.js", Other},
		{"xx", "install.dmg", DiskImage},
		{string(tarHead()), "", Tar},
		{string(tarHead()[:262]), "", Other},
		{"<!doctype html>", "/index.html", Other},
		{"M", "", Other},
		{"", "", Other},
	} {
		if got := Of([]byte(c.head), []byte(c.name)); got != c.want {
			t.Errorf("Of(%.12q, %q) = %v, want %v", c.head, c.name, got, c.want)
		}
	}
}

// Any cut of the same file gives the same answer.
func TestHasherCuts(t *testing.T) {
	files := [][]byte{append(tarHead(), bytes.Repeat([]byte("data"), 300)...), []byte("#!/bin/sh\nexit\n"), bytes.Repeat([]byte("\x7fELF"), 80), []byte("plain")}
	for _, f := range files {
		want := ""
		if Of(f, nil) != Other {
			sum := sha256.Sum256(f)
			want = hex.EncodeToString(sum[:])
		}
		var h Hasher
		for _, step := range []int{1, 2, 7, 262, 263, 264, len(f)} {
			h.Reset(nil)
			for b := f; len(b) > 0; {
				n := min(step, len(b))
				h.Write(b[:n])
				b = b[n:]
			}
			if h.Kind() != Of(f, nil) || h.Size() != int64(len(f)) {
				t.Errorf("step %d: kind %v size %d", step, h.Kind(), h.Size())
			}
			if got := string(h.AppendSum(nil)); got != want {
				t.Errorf("step %d: sum %s, want %s", step, got, want)
			}
		}
	}
}

func TestHasherGap(t *testing.T) {
	var h Hasher
	h.Reset(nil)
	h.Write([]byte("PK\x03\x04"))
	h.Skip(10)
	h.Write([]byte("more"))
	if h.Kind() != Zip || !h.Gaps() || h.Size() != 18 || h.Hashing() || len(h.AppendSum(nil)) != 0 {
		t.Errorf("kind %v gaps %v size %d hashing %v", h.Kind(), h.Gaps(), h.Size(), h.Hashing())
	}
	h.Reset([]byte("x.sh"))
	h.CountOnly()
	h.Write([]byte("PK\x03\x04"))
	if h.Kind() != Other || h.Size() != 4 || h.Hashing() || len(h.AppendSum(nil)) != 0 {
		t.Error("CountOnly did not hold")
	}
}

func TestHasherAllocs(t *testing.T) {
	var h Hasher
	b := bytes.Repeat([]byte("PK\x03\x04"), 400)
	var out []byte
	if n := testing.AllocsPerRun(100, func() {
		h.Reset(nil)
		h.Write(b)
		out = h.AppendSum(out[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
