package http

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

// A body that is not worth a hash is skipped after its beginning, and its end is still seen.
func TestLongBody(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 3<<16)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
	for _, c := range []struct {
		name, body, want string
	}{
		{"whole", body, fmt.Sprintf(`"gaps":false,"state":"CLOSED","stored":false,"size":%d`, len(body))},
		{"cut", body[:2<<20], `"state":"TRUNCATED"`},
		{"hashed", "PK\x03\x04" + body[4:], `"sha256":"`},
	} {
		s := newStream(new(decoders))
		r := &recorder{t: t}
		p := &pipe{s: s}
		p.c.Sink = r
		p.feed(protocol.ToServer, []byte(get))
		shownBytes := 0
		for b := []byte(head + c.body); len(b) > 0; {
			n := min(1460, len(b))
			if p.ahead[protocol.ToClient] < n {
				shownBytes += n
			}
			p.feed(protocol.ToClient, b[:n])
			b = b[n:]
		}
		if c.name == "whole" {
			p.feed(protocol.ToServer, []byte(get))
			p.feed(protocol.ToClient, []byte(noBody))
		}
		s.End(&p.c)
		got := strings.Join(r.lines, "\n")
		if !strings.Contains(got, c.want) || c.name == "whole" && !strings.Contains(got, `"status":204`) {
			t.Errorf("%s: %s", c.name, got)
		}
		if hashed := c.name == "hashed"; hashed != (shownBytes > 2<<20) {
			t.Errorf("%s: %d bytes were shown", c.name, shownBytes)
		}
	}
}

func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 3*maxLine)
	many := strings.Repeat("A: b\r\n", maxHead/6+10)
	talk := []said{
		client("GET /" + long[:10000] + " HTTP/1.1\r\nHost: a\r\nUser-Agent: " + long + "\r\nReferer: r\r\n\r\n"),
		client("GET /2 HTTP/1.1\r\n" + many + "Content-Length: 3\r\nHost: late\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: c\r\n\r\n"),
	}
	s := newStream(new(decoders))
	got, _ := run(t, s, talk, whole)
	text := strings.Join(got, "\n")
	for _, want := range []string{"! request_field_too_long", `"http_refer":"r"`, `"url":"/2","http_method"`, `"hostname":"c","url":"/3"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(text, "late") {
		t.Error("a field beyond the bound was kept")
	}
	s.Reset()
	if cut, _ := run(t, s, talk, func() int { return 1000 }); strings.Join(cut, "\n") != text {
		t.Error("cut into segments it differs")
	}

	s.Reset()
	got, _ = run(t, s, []said{client(strings.Repeat(get, 3*maxQueue))}, whole)
	if len(got) != 2+3*maxQueue || len(s.queue) > 0 {
		t.Errorf("%d observations, %d in the queue", len(got), len(s.queue))
	}
	s.Reset()
	request := "GET /" + long[:7000] + " HTTP/1.1\r\nHost: a\r\nUser-Agent: " + long[:3000] + "\r\n\r\n"
	p := &pipe{s: s}
	p.c.Sink = &recorder{t: t}
	for range 200 {
		p.feed(protocol.ToServer, []byte(request))
		total := 0
		for _, tx := range s.queue {
			total += cap(tx.arena)
		}
		if total > 3*maxQueueBytes {
			t.Fatalf("%d bytes are held for %d requests", total, len(s.queue))
		}
	}
}

// The user of an NTLMSSP AUTHENTICATE message, bare and within SPNEGO.
func TestNTLM(t *testing.T) {
	m := append([]byte("NTLMSSP\x00\x03\x00\x00\x00"), make([]byte, 52)...)
	user := []byte("e\x00v\x00e\x00")
	binary.LittleEndian.PutUint16(m[36:], uint16(len(user)))
	binary.LittleEndian.PutUint32(m[40:], uint32(len(m)))
	m[60] = 1
	m = append(m, user...)
	for scheme, token := range map[string][]byte{"NTLM": m, "Negotiate": append([]byte{0xa1, 0x48, 0x30, 0x46}, m...)} {
		s := newStream(new(decoders))
		got, _ := run(t, s, []said{
			client("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: " + scheme + " " + base64.StdEncoding.EncodeToString(token) + "\r\n\r\n"),
			server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}, whole)
		if text := strings.Join(got, "\n"); !strings.Contains(text, "login eve ntlmssp 0") || !strings.Contains(text, "login eve ntlmssp 1") {
			t.Errorf("%s: %s", scheme, text)
		}
		for _, c := range s.scratch[:cap(s.scratch)] {
			if c != 0 {
				t.Fatal("the token was kept")
			}
		}
	}
}

func TestPassword(t *testing.T) {
	for in, want := range map[string]string{
		"http://u:secret@h/p@q":    "http://u@h/p@q",
		"u:secret@h:443":           "u@h:443",
		"http://u:se/cr@et@h/":     "http://u@h/",
		"http://h:80/a@b":          "http://h:80/a@b",
		"http://[::1]:80/a@b":      "http://[::1]:80/a@b",
		"http://u@h/":              "http://u@h/",
		"/a:b@c":                   "/a:b@c",
		"http://h/?q=http://a:b@c": "http://h/?q=http://a:b@c",
		"h:443":                    "h:443",
		"https://:secret@h":        "https://@h",
	} {
		var tx transaction
		if got := string(tx.get(tx.putURL([]byte(in), maxURL))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
