package jsonl

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const sample = ` {"a":"x\"y\\","b":{"c":[1,{"d":null}],"e":"}"},"f":-1.5e3,"\u0067":true,"h":[],"é":"ü\ud83d\ude00"} `

func TestObject(t *testing.T) {
	var got []string
	o := Value(sample).Object()
	for o.Next() {
		got = append(got, string(o.Key)+"="+string(o.Value.AppendText(nil)))
	}
	if err := o.Err(); err != nil || len(o.Rest()) > 0 {
		t.Fatalf("%v, rest %q", err, o.Rest())
	}
	want := `a=x"y\ b= f=-1.5e3 g=true h= é=ü😀`
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrefixes(t *testing.T) {
	line := strings.TrimRight(sample, " ")
	for n := range len(line) {
		o := Value(line[:n]).Object()
		for o.Next() {
		}
		if !errors.Is(o.Err(), ErrTruncated) {
			t.Errorf("first %d bytes: %v", n, o.Err())
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, s := range []string{
		"[]", "x", `{"a" 1}`, `{"a":}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":[1}}`, `{"a":{"b":1]}`, `{,}`, `{"a":1,}`, "{\"a\":tr\"ue}",
		`{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + "}",
	} {
		o := Value(s).Object()
		for o.Next() {
		}
		if !errors.Is(o.Err(), ErrMalformed) {
			t.Errorf("%s: %v", s, o.Err())
		}
	}
}

func TestUint(t *testing.T) {
	for in, want := range map[string]uint64{"1": 1, `"42"`: 42, `"0x1f"`: 31, `"0X1F"`: 31, "18446744073709551615": 0, `""`: 0, "null": 0, "-1": 0, "1.5": 0, `"0x"`: 0} {
		if got, ok := Value(in).Uint(); got != want || ok != (want != 0) {
			t.Errorf("%s: %d, %v", in, got, ok)
		}
	}
}

func lines(t *testing.T, in io.Reader) (got []string, cut bool, r *Reader) {
	t.Helper()
	r, err := NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	for {
		line, err := r.Next()
		if err == io.EOF {
			return got, cut, r
		}
		if err != nil {
			t.Fatal(err)
		}
		got, cut = append(got, string(line)), r.Cut()
	}
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", MaxLine)
	text := "\xef\xbb\xbfone\r\n\n  \n" + long + "\n" + long + "yyy\n" + strings.Repeat("z", 3*MaxLine) + "\ntwo\nhalf"
	var gz, zs bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	e, _ := zstd.NewWriter(&zs)
	_, _ = io.WriteString(e, text)
	_ = e.Close()
	for name, in := range map[string]io.Reader{"plain": strings.NewReader(text), "gzip": &gz, "zstd": &zs} {
		got, cut, r := lines(t, in)
		if len(got) != 4 || got[0] != "one" || got[1] != long || got[2] != "two" || got[3] != "half" {
			t.Errorf("%s: %d lines", name, len(got))
		}
		if !cut || r.Skipped() != 2 {
			t.Errorf("%s: cut %v, skipped %d", name, cut, r.Skipped())
		}
	}
	if got, _, _ := lines(t, strings.NewReader("")); got != nil {
		t.Errorf("lines of nothing: %q", got)
	}
}

// Whatever encoding/json takes for an object is walked to its end, with the same texts.
func FuzzObject(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"a":[[],{}],"b":"\ud800"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Value(b).Object()
		texts := map[string]string{}
		for o.Next() {
			texts[string(o.Key)] = string(o.Value.AppendText(nil))
			for a := o.Value.Array(); a.Next(); {
				_ = a.Value.AppendText(nil)
			}
			_, _ = o.Value.Uint()
		}
		var std map[string]any
		if json.Unmarshal(b, &std) != nil || std == nil || deep(std, 0) {
			return
		}
		if o.Err() != nil {
			t.Fatalf("%v in %q", o.Err(), b)
		}
		for k, v := range std {
			if s, ok := v.(string); ok && !strings.ContainsRune(k+s, '\ufffd') && texts[k] != s {
				t.Fatalf("%q: %q, want %q", k, texts[k], s)
			}
		}
	})
}

func deep(v any, n int) bool {
	if n > maxDepth/2 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			if deep(x, n+1) {
				return true
			}
		}
	case []any:
		for _, x := range v {
			if deep(x, n+1) {
				return true
			}
		}
	}
	return false
}

func BenchmarkObject(b *testing.B) {
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	for b.Loop() {
		for o := Value(sample).Object(); o.Next(); {
		}
	}
}
