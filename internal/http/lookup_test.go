package http

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"netsensor/internal/protocol"
)

const (
	// A query for the address of a.example, and its answer.
	dnsQuery  = "\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01"
	dnsAnswer = "\x00\x00\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"
	// dnsQuery in URL-safe base64.
	dnsInURL = "AAABAAABAAAAAAAAAWEHZXhhbXBsZQAAAQAB"
)

func TestLookup(t *testing.T) {
	question, address := fmt.Sprintf("fact %d a.example  1", protocol.Question), fmt.Sprintf("fact %d a.example  60", protocol.Address)
	message := func(head, body string) string {
		return fmt.Sprintf("%s\r\nContent-Type: application/dns-message\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
	}
	for _, c := range []struct {
		name      string
		talk      []said
		questions int
		addresses int
	}{
		{"GET", []said{client("GET /dns-query?ct&dns=" + dnsInURL + " HTTP/1.1\r\nHost: d\r\n\r\n"), server(message("HTTP/1.1 200 OK", dnsAnswer))}, 2, 1},
		{"POST", []said{client(message("POST /q HTTP/1.1\r\nHost: d", dnsQuery)), server(message("HTTP/1.1 200 OK", dnsAnswer))}, 2, 1},
		{"another dns", []said{client("GET /set?dns=192.0.2.1 HTTP/1.1\r\nHost: d\r\n\r\n")}, 0, 0},
		{"an answer asked", []said{client("GET /?dns=AACBAAABAAAAAAAAAWEHZXhhbXBsZQAAAQAB HTTP/1.1\r\nHost: d\r\n\r\n")}, 0, 0},
		{"cut", []said{client(message("POST /q HTTP/1.1\r\nHost: d\r\nX: y", dnsQuery)[:90])}, 0, 0},
		{"too long", []said{client(message("POST /q HTTP/1.1\r\nHost: d", dnsQuery+strings.Repeat("\x00", smallCoded)))}, 0, 0},
		{"lost", []said{server(message("HTTP/1.1 200 OK", dnsAnswer)[:len(message("HTTP/1.1 200 OK", dnsAnswer))-20]), {dir: protocol.ToClient, lost: 20}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1 << 30, 1, 7} {
				d := new(decoders)
				s := newStream(d)
				got, _ := run(t, s, c.talk, func() int { return size })
				checkLookup(t, got, question, c.questions)
				checkLookup(t, got, address, c.addresses)
				if s.Reset(); d.held != 0 {
					t.Errorf("%d bytes held", d.held)
				}
			}
		})
	}
	var block strings.Builder
	e := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":path", Value: "/?dns=" + dnsInURL}, {Name: "content-type", Value: "application/dns-message"}} {
		e.WriteField(f)
	}
	frame := func(kind, flags byte, p string) string {
		return string([]byte{0, 0, byte(len(p)), kind, flags, 0, 0, 0, 1}) + p
	}
	got, _ := run(t, newStream2(new(decoders)), []said{client(preface + frame(1, 4, block.String()) + frame(0, 1, dnsQuery))}, whole)
	checkLookup(t, got, question, 2) // of the URL and of the body
}

func checkLookup(t *testing.T, got []string, want string, times int) {
	t.Helper()
	n := 0
	for _, l := range got {
		if l == want {
			n++
		}
	}
	if n != times {
		t.Errorf("%q: %d times, want %d: %.300q", want, n, times, got)
	}
}
