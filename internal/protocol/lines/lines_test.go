package lines

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// read feeds b in pieces as the flow table does, and returns the lines as text; "~" marks a cut one.
func read(b []byte, limit int, keep bool, pieces func() int) (got []string, held int) {
	var r Reader
	var unread []byte
	for len(b) > 0 {
		n := min(pieces(), len(b))
		unread = append(unread, b[:n]...)
		b = b[n:]
		for {
			line, n, ok := r.Next(unread, limit)
			if ok {
				s := string(line)
				if r.Long {
					s += "~"
					if keep {
						r.KeepRest()
					}
				}
				got = append(got, s)
			}
			unread = unread[n:]
			if !ok {
				break
			}
		}
		held = max(held, len(unread))
	}
	return got, held
}

func TestReader(t *testing.T) {
	text := "one\r\ntwo\n\r\n" + strings.Repeat("x", 30) + "\r\nthree\r\r\n" + strings.Repeat("y", 11) + "\nincomplete"
	for _, tt := range []struct {
		keep bool
		want []string
	}{
		{false, []string{"one", "two", "", "xxxxxxxxxx~", "three", "yyyyyyyyyy~"}},
		{true, []string{"one", "two", "", "xxxxxxxxxx~", "xxxxxxxxxx~", "xxxxxxxxxx", "three", "yyyyyyyyyy~"}},
	} {
		for seed := range uint64(40) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			got, held := read([]byte(text), 10, tt.keep, func() int { return 1 + rnd.IntN(1+int(seed)) })
			if !slices.Equal(got, tt.want) {
				t.Fatalf("keep %v, seed %d: %q, want %q", tt.keep, seed, got, tt.want)
			}
			if held > 12 {
				t.Errorf("seed %d: %d bytes are held", seed, held)
			}
		}
	}
}

func TestLose(t *testing.T) {
	var r Reader
	if _, n, ok := r.Next([]byte("begin"), 100); n != 0 || ok {
		t.Fatalf("a line without end: %d %v", n, ok)
	}
	r.Lose()
	line, n, ok := r.Next([]byte("half\nwhole\n"), 100)
	if string(line) != "whole" || n != 11 || !ok {
		t.Errorf("%q %d %v", line, n, ok)
	}
}

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"250 ok": "250 false ok true", "250-a": "250 true a true", "220": "220 false  true", "2500": "0 false  false",
		"25": "0 false  false", "999 x": "0 false  false", "": "0 false  false",
	} {
		code, more, text, ok := Code([]byte(in))
		if got := fmt.Sprintf("%d %v %s %v", code, more, text, ok); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	w, rest := Word([]byte("  Mail \t from:<a b> "))
	if string(w) != "Mail" || string(rest) != "from:<a b> " || !Is(w, "MAIL") || Is(w, "MAI") || !Contains(rest, "ROM:") || Contains(w, "X") {
		t.Errorf("%q %q", w, rest)
	}
	for in, want := range map[string]string{
		"(vsFTPd 3.0.3)": "vsFTPd 3.0.3", "Exim 4.96 Tue": "Exim 4.96", "Postfix (Debian)": "Postfix", "": "", "3 x": "",
		"ProFTPD 1.3.0a Server": "ProFTPD 1.3.0a", "Sendmail 8.14.4/8.14.4; Mon": "Sendmail 8.14.4/8.14.4", "Serv-U FTP": "Serv-U", "x ": "x", "x v": "x",
	} {
		if got := Product([]byte(in)); string(got) != want {
			t.Errorf("product of %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]int64{"0": 0, "42": 42, "": -1, "1a": -1, "-1": -1, "9999999999999999999": -1} {
		n, ok := Number([]byte(in))
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("number %q: %d %v", in, n, ok)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a\r\nbb\nccccccccccccccccc\n\n"), uint8(5), uint8(3), true)
	f.Fuzz(func(t *testing.T, b []byte, limit, piece uint8, keep bool) {
		whole, _ := read(b, int(limit), keep && limit > 0, func() int { return len(b) })
		cut, held := read(b, int(limit), keep && limit > 0, func() int { return 1 + int(piece) })
		if !slices.Equal(whole, cut) {
			t.Errorf("%q, in pieces %q", whole, cut)
		}
		if held > int(limit)+2 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	text := []byte(strings.Repeat("RCPT TO:<somebody@example.com>\r\n", 40))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var r Reader
		for rest := text; ; {
			_, n, ok := r.Next(rest, 512)
			if !ok {
				break
			}
			rest = rest[n:]
		}
	}
}
