package ber

import (
	"math"
	"testing"
)

func TestHeader(t *testing.T) {
	for _, c := range []struct {
		in     string
		tag    byte
		n, len int
		want   Result
	}{
		{"", 0, 0, 0, Short},
		{"\x30", 0x30, 0, 0, Short},
		{"\x30\x00", 0x30, 2, 0, Whole},
		{"\x30\x7f", 0x30, 2, 127, Whole},
		{"\x30\x81", 0x30, 0, 0, Short},
		{"\x30\x81\x80", 0x30, 3, 128, Whole},
		{"\x30\x84\x00\x00\x00\x05", 0x30, 6, 5, Whole},
		{"\x30\x84\x00\x00\x00", 0x30, 0, 0, Short},
		{"\x30\x80", 0, 0, 0, Wrong},
		{"\x30\x84\xff\xff\xff\xff", 0, 0, 0, Wrong},
		{"\x30\x85\x00\x00\x00\x00\x01", 0, 0, 0, Wrong},
		{"\x1f\x81\x01\x00", 0, 0, 0, Wrong},
	} {
		tag, n, length, got := Header([]byte(c.in))
		if got != c.want || got == Whole && (tag != c.tag || n != c.n || length != c.len) {
			t.Errorf("%x: %x %d %d %v", c.in, tag, n, length, got)
		}
	}
}

func TestReader(t *testing.T) {
	r := Reader("\x02\x01\x05\x04\x02ab\x0a\x01\x02\x02\x08\x7f\xff\xff\xff\xff\xff\xff\xff\x02\x02\xff\x7f")
	if v, ok := r.Int(Integer); !ok || v != 5 {
		t.Errorf("%d %v", v, ok)
	}
	if _, ok := r.Option(Enumerated); ok || len(r) == 0 {
		t.Error("an option that is not there was taken")
	}
	if b, ok := r.Take(OctetString); !ok || string(b) != "ab" {
		t.Errorf("%q %v", b, ok)
	}
	if tag, b, ok := r.Next(); !ok || tag != Enumerated || len(b) != 1 {
		t.Error("no enumerated")
	}
	if v, ok := r.Int(Integer); !ok || v != math.MaxInt64 {
		t.Errorf("%d %v", v, ok)
	}
	if v, ok := r.Int(Integer); !ok || v != -129 {
		t.Errorf("%d %v", v, ok)
	}
	if _, _, ok := r.Next(); ok {
		t.Error("something behind the end")
	}
	for _, broken := range []Reader{Reader("\x02\x02\x01"), Reader("\x04\x01a"), Reader("\x02\x00"), Reader("\x02\x09123456789")} {
		if _, ok := broken.Int(Integer); ok {
			t.Errorf("%q is a number", broken)
		}
	}
}

func TestAppendOID(t *testing.T) {
	for in, want := range map[string]string{
		"\x2b\x06\x01\x05\x05\x02":             "1.3.6.1.5.5.2",
		"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02": "1.2.840.113554.1.2.2",
		"\x88\x37":                             "2.999",
		"":                                     "",
		"\x2b\x86":                             "1.3",
		"\x2b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f": "1.3",
	} {
		if got := string(AppendOID(nil, []byte(in))); got != want {
			t.Errorf("%x: %s, want %s", in, got, want)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("\x30\x03\x02\x01\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		AppendOID(nil, b)
		r := Reader(b)
		rest := len(r)
		for {
			_, body, ok := r.Next()
			if !ok {
				break
			}
			if len(r) >= rest || len(body) > rest {
				t.Fatal("no progress")
			}
			rest = len(r)
		}
	})
}
