package heads

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestReader(t *testing.T) {
	text := "OPTIONS * X\r\nA: b\r\n c\r\nnonsense\r\nD : e\n\r\nbody"
	var r Reader
	for i := 1; i <= len(text); i++ {
		head, n := r.Next([]byte(text[:i]))
		if want := strings.Index(text, "body"); i < want && n != 0 || i == want && (n != want || string(head) != text[:want-2]) {
			t.Fatalf("of %d bytes: %q %d", i, head, n)
		}
		if n > 0 {
			line, fields := StartLine(head)
			got := string(line)
			for {
				name, value, rest, ok := Field(fields)
				if !ok {
					break
				}
				got += fmt.Sprintf("|%s=%s", name, value)
				fields = rest
			}
			if want := "OPTIONS * X|A=b\r\n c|D=e"; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			break
		}
	}
	if _, n := r.Next(make([]byte, Max+1)); n != -1 {
		t.Errorf("too long: %d", n)
	}
}

func TestUser(t *testing.T) {
	for in, want := range map[string]string{
		`Digest username="bob", realm="x", response="secret"`: "bob", `digest realm="x",username="bob"`: "bob", `Digest xusername="a", username="b"`: "b",
		`Digest username="bob`: "", "Digest": "", "": "", "Bearer secret": "",
		"Basic " + base64.StdEncoding.EncodeToString([]byte("admin:secret")): "admin", "Basic " + base64.StdEncoding.EncodeToString([]byte("secret")): "",
	} {
		if got := string(User(nil, []byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("A b c\r\nAuthorization: Digest username=\"x\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Reader
		head, n := r.Next(b)
		if n > len(b) {
			t.Fatal(n)
		}
		_, fields := StartLine(head)
		for {
			_, value, rest, ok := Field(fields)
			if !ok {
				break
			}
			if len(User(nil, value)) > MaxUser+2 {
				t.Error("a long name")
			}
			fields = rest
		}
	})
}
