package capture

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestList(t *testing.T) {
	dir := t.TempDir()
	pcap := pcapOf(t, []frame{{Data: "abcd"}}, false)
	for name, data := range map[string][]byte{
		"b.pcap": pcap, "a/z.dat": pcap, "a/c.pcapng": ngOf(t, nil), "a.gz": gzipOf(pcap), "d/e/f.zst": zstdOf(t, pcap),
		"s": snoopOf(nil), "readme.txt": []byte("hello"), "empty": nil, "bad.gz": gzipOf([]byte("hello")), "x": {0xa1},
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "b.pcap", "loop": ".", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	text := filepath.Join(dir, "readme.txt")
	captures, skipped, err := List([]string{text, "-", dir})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{text, "-"}
	for _, n := range []string{"a/c.pcapng", "a/z.dat", "a.gz", "b.pcap", "d/e/f.zst", "link", "s"} {
		want = append(want, filepath.Join(dir, filepath.FromSlash(n)))
	}
	if !slices.Equal(captures, want) {
		t.Errorf("captures %q", captures)
	}
	reasons := map[string]error{"bad.gz": ErrFormat, "dangling": os.ErrNotExist, "empty": ErrEmpty,
		"loop": errIrregular, "readme.txt": ErrFormat, "x": ErrFormat}
	for _, s := range skipped {
		if r := reasons[filepath.Base(s.Path)]; r == nil || !errors.Is(s.Err, r) {
			t.Errorf("%s: %v", s.Path, s.Err)
		}
		delete(reasons, filepath.Base(s.Path))
	}
	if len(reasons) > 0 {
		t.Errorf("not skipped: %v", reasons)
	}
	if captures, _, err := List([]string{filepath.Join(dir, "a", "..", "d")}); err != nil || len(captures) != 1 {
		t.Errorf("%q, %v", captures, err)
	}
	if _, _, err := List([]string{filepath.Join(dir, "nowhere")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a directory was opened")
	}
}
