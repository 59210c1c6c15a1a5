package http

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/filetype"
)

func gzipOf(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zlibOf(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// rawOf is deflate without zlib's header, and without an end unless closed.
func rawOf(b []byte, closed bool) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 6)
	w.Write(b)
	if w.Flush(); closed {
		w.Close()
	}
	return out.Bytes()
}

// noise is n bytes that shrink little, behind the given beginning.
func noise(head string, n int) []byte {
	b := []byte(head)
	r := rand.New(rand.NewPCG(1, 2))
	for len(b) < n {
		b = append(b, byte(r.Uint32())&0x3f)
	}
	return b
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var (
	page    = noise("<!doctype html>", 300)
	long    = noise("<!doctype html>", 200_000)
	program = noise("\x7fELF\x02\x01\x01", 60_000)
	huge    = noise("\x7fELF\x02\x01\x01", 2_000_000)
	bomb    = append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 4<<20)...)
	badCRC  = func() []byte {
		b := gzipOf(program)
		b[len(b)-5] ^= 1
		return b
	}()
)

// damaged ends in a block of a type that does not exist.
var damaged = concat(gzipOf(nil)[:10], rawOf(program, false), []byte{0xff, 0xff})

var codedBodies = []struct {
	name, coding string
	body         []byte
	size         int
	sum          string // of a hashed file
	kind         filetype.Kind
}{
	{"short text", "gzip", gzipOf(page), len(page), "", filetype.Other},
	{"case and alias", "X-GZip", gzipOf(page), len(page), "", filetype.Other},
	{"long text: the trailer tells", "gzip", gzipOf(long), len(long), "", filetype.Other},
	{"program", "gzip", gzipOf(program), len(program), sumOf(program), filetype.ELF},
	{"two members", "gzip", concat(gzipOf(program), gzipOf(page)), len(program) + len(page), sumOf(append(program[:len(program):len(program)], page...)), filetype.ELF},
	{"member and rubbish", "gzip", append(gzipOf(program), "rubbish"...), len(program), sumOf(program), filetype.ELF},
	{"wrong checksum", "gzip", badCRC, len(program), sumOf(program), filetype.ELF},
	{"no trailer", "gzip", gzipOf(program)[:len(gzipOf(program))-8], len(program), sumOf(program), filetype.ELF},
	{"damaged", "gzip", damaged, len(damaged), "", filetype.ELF},
	{"too long to hold", "gzip", gzipOf(huge), len(huge), "", filetype.ELF},
	{"bomb", "gzip", gzipOf(bomb), len(gzipOf(bomb)), "", filetype.ELF},
	{"no gzip", "gzip", page, len(page), "", filetype.Other},
	{"zlib", "deflate", zlibOf(program), len(program), sumOf(program), filetype.ELF},
	{"zlib, text", "deflate", zlibOf(long[:60_000]), 60_000, "", filetype.Other},
	{"zlib, long text", "deflate", zlibOf(long), len(zlibOf(long)), "", filetype.Other},
	{"bare", "Deflate", rawOf(program, true), len(program), sumOf(program), filetype.ELF},
	{"bare, without an end", "deflate", rawOf(page, false), len(page), "", filetype.Other},
	{"unknown", "br", program, len(program), "", filetype.Other},
	{"several", "gzip, gzip", program, len(program), "", filetype.Other},
	{"none", "identity", program, len(program), sumOf(program), filetype.ELF},
}

func TestCoding(t *testing.T) {
	for _, c := range codedBodies {
		t.Run(c.name, func(t *testing.T) {
			head := "HTTP/1.1 200 OK\r\nContent-Encoding: " + c.coding + "\r\n"
			chunks := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", len(c.body)/2, c.body[:len(c.body)/2], len(c.body)-len(c.body)/2, c.body[len(c.body)/2:])
			for _, answer := range []string{
				fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(c.body), c.body),
				head + "Transfer-Encoding: chunked\r\n\r\n" + chunks,
				head + "\r\n" + string(c.body),
			} {
				for _, size := range []int{1 << 30, 1, 3, codedHead - 1, 1460} {
					if size < 1460 && len(c.body) > 100_000 {
						continue
					}
					d := new(decoders)
					s := newStream(d)
					got, _ := run(t, s, []said{client(get), server(answer)}, func() int { return size })
					checkFile(t, got, c.size, c.sum, c.kind)
					s.Reset()
					if n := d.held; n != 0 {
						t.Errorf("%d bytes held", n)
					}
				}
			}
		})
	}
}

func checkFile(t *testing.T, got []string, size int, sum string, kind filetype.Kind) {
	t.Helper()
	files, facts := 0, 0
	for _, l := range got {
		switch {
		case strings.HasPrefix(l, "fileinfo"):
			files++
			if !strings.Contains(l, `"state":"CLOSED"`) || !strings.Contains(l, fmt.Sprintf(`"size":%d,`, size)) {
				t.Errorf("want size %d: %s", size, l)
			}
			if sum != "" && !strings.Contains(l, sum) || sum == "" && strings.Contains(l, "sha256") {
				t.Errorf("want sum %s: %s", sum, l)
			}
		case strings.HasPrefix(l, "fact file"):
			facts++
			if !strings.Contains(l, sum+" ") {
				t.Errorf("want sum %s: %s", sum, l)
			}
		}
	}
	if files != 1 || facts != 0 != (kind != filetype.Other) {
		t.Errorf("%d files, %d facts: %.200q", files, facts, got)
	}
}

// What is lost or cut is neither decoded nor hashed, and nothing stays held.
func TestCodingCut(t *testing.T) {
	b := gzipOf(program)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(b))
	for _, c := range []struct {
		talk []said
		size int
		gaps bool
	}{
		{[]said{server(head + string(b[:5000])), {dir: protocol.ToClient, lost: 100, text: string(b[5100:])}}, len(b), true},
		{[]said{server(head + string(b[:5000]))}, 5000, false},
	} {
		d := new(decoders)
		s := newStream(d)
		got, _ := run(t, s, append([]said{client(get)}, c.talk...), whole)
		all := strings.Join(got, "\n")
		if !strings.Contains(all, fmt.Sprintf(`"gaps":%v,"state":"TRUNCATED","stored":false,"size":%d,`, c.gaps, c.size)) || strings.Contains(all, "sha256") {
			t.Errorf("got %s", all)
		}
		if n := d.held; n != 0 {
			t.Errorf("%d bytes held", n)
		}
	}
}

// When all streams together hold too much, a body is only counted.
func TestCodingBudget(t *testing.T) {
	d := new(decoders)
	d.held = maxHeld - 10
	b := gzipOf(program)
	got, _ := run(t, newStream(d), []said{client(get), server(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(b), b))}, whole)
	checkFile(t, got, len(program), "", filetype.Other)
	if n := d.held; n != maxHeld-10 {
		t.Errorf("%d bytes held", n)
	}
}

func TestPayload(t *testing.T) {
	b := gzipOf(program)
	for _, step := range []int{1 << 30, 7} {
		d := new(decoders)
		p := new(payload)
		p.begin(d, []byte("/x"), plain.with([]byte("gzip")))
		for r := b; len(r) > 0; {
			n := min(step, len(r))
			p.write(d, r[:n])
			r = r[n:]
		}
		p.end(d, true)
		if got := string(p.file.AppendSum(nil)); got != sumOf(program) || p.file.Size() != int64(len(program)) || d.held != 0 {
			t.Errorf("sum %s, size %d, held %d", got, p.file.Size(), d.held)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range codedBodies {
		if len(c.body) < 2000 {
			f.Add(c.body, c.coding == "deflate")
		}
	}
	d := new(decoders)
	f.Fuzz(func(t *testing.T, b []byte, deflate bool) {
		k := gzipped
		if deflate {
			k = deflated
		}
		var h filetype.Hasher
		h.Reset(nil)
		limit := int64(len(b))*maxRatio + smallCoded
		if ok := d.decode(k, b, limit, &h); ok && h.Size() > limit {
			t.Errorf("%d bytes of %d", h.Size(), limit)
		}
		if k == gzipped {
			// The standard library agrees on what is whole.
			r, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil || b[3]>>5 != 0 { // RFC 1952, section 2.3.1.2: reserved
				return
			}
			want, err := io.ReadAll(io.LimitReader(r, limit))
			if err == nil && int64(len(want)) < limit {
				h.Reset(nil)
				if !d.decode(k, b, limit, &h) && bytes.Count(b, []byte("\x1f\x8b\x08")) < maxMembers || h.Size() < int64(len(want)) {
					t.Errorf("%d bytes, want %d", h.Size(), len(want))
				}
			}
		}
	})
}

func BenchmarkCodedPage(b *testing.B) { benchmarkCoded(b, gzipOf(long)) }

func BenchmarkCodedProgram(b *testing.B) { benchmarkCoded(b, gzipOf(program)) }

func benchmarkCoded(b *testing.B, body []byte) {
	d := new(decoders)
	p := new(payload)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p.begin(d, nil, gzipped)
		for r := body; len(r) > 0; {
			n := min(1460, len(r))
			p.write(d, r[:n])
			r = r[n:]
		}
		p.end(d, true)
	}
}
