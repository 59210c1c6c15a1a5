package http

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"netsensor/internal/protocol"
)

// peer writes one direction of an HTTP/2 connection.
type peer struct {
	b   bytes.Buffer
	hp  bytes.Buffer
	enc *hpack.Encoder
}

func newPeer() *peer {
	p := &peer{}
	p.enc = hpack.NewEncoder(&p.hp)
	return p
}

func (p *peer) frame(kind, flags byte, id uint32, payload ...byte) *peer {
	n := len(payload)
	p.b.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags})
	p.b.Write(binary.BigEndian.AppendUint32(nil, id))
	p.b.Write(payload)
	return p
}

func (p *peer) block(fields ...string) []byte {
	p.hp.Reset()
	for i := 0; i < len(fields); i += 2 {
		p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(p.hp.Bytes())
}

func (p *peer) headers(id uint32, end bool, fields ...string) *peer {
	flags := byte(flagEndHeaders)
	if end {
		flags |= flagEndStream
	}
	return p.frame(frameHeaders, flags, id, p.block(fields...)...)
}

func (p *peer) take() string {
	s := p.b.String()
	p.b.Reset()
	return s
}

func (p *peer) text(s string) *peer { p.b.WriteString(s); return p }

type talk2 struct {
	name   string
	talk   []said
	want   []string
	status protocol.Status
}

func conversations2() []talk2 {
	settings := []byte{0, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1}
	cl, sv := newPeer(), newPeer()
	var all []talk2
	add := func(name string, status protocol.Status, talk []said, want ...string) {
		all = append(all, talk2{name, talk, want, status})
		cl, sv = newPeer(), newPeer()
	}
	request := []string{":method", "GET", ":scheme", "http", ":authority", "api.example:8080", ":path", "/v1?q=2", "user-agent", "grpc-go/1.60 x", "cookie", "s=secret"}
	response := []string{":status", "200", "server", "envoy", "content-type", "application/json", "content-length", "5"}

	add("a request and its response", 0, []said{
		client(cl.text(preface).frame(frameSettings, 0, 0, settings...).headers(1, true, request...).take()),
		server(sv.frame(frameSettings, 0, 0).frame(frameSettings, flagAck, 0).headers(1, false, response...).frame(framePing, 0, 0, make([]byte, 8)...).frame(frameData, flagEndStream|flagPadded, 1, append([]byte{3}, "hello\x00\x00\x00"...)...).take()),
		client(cl.headers(3, true, request...).take()), server(sv.headers(3, true, response...).take())},
		`http -1 {"http":{"version":"2","http2":{"stream_id":0,"request":{"settings":[{"settings_id":"SETTINGSINITIALWINDOWSIZE","settings_value":65536},{"settings_id":"SETTINGSENABLECONNECTPROTOCOL","settings_value":1}]}}}}`,
		"fact host api.example  0", "fact client grpc-go/1.60  0", "fact server envoy  0",
		`~"fileinfo":{"filename":"/v1","gaps":false,"state":"CLOSED","stored":false,"size":5,"tx_id":0}`,
		`http 0 {"http":{"version":"2","request_headers":[{"name":":method","value":"GET"},{"name":":scheme","value":"http"},{"name":":authority","value":"api.example:8080"},{"name":":path","value":"/v1?q=2"},{"name":"user-agent","value":"grpc-go/1.60 x"},{"name":"cookie"}],"response_headers":[{"name":":status","value":"200"},{"name":"server","value":"envoy"},{"name":"content-type","value":"application/json"},{"name":"content-length","value":"5"}],"http_method":"GET","status":200,"url":"/v1?q=2","hostname":"api.example","http_user_agent":"grpc-go/1.60 x","length":5,"http2":{"stream_id":1}}}`,
		"~http 1")

	block := cl.block(request...)
	add("continuations, priority, reset", 0, []said{
		client(cl.text(preface).frame(frameHeaders, flagPriority|flagEndStream, 1, append([]byte{0, 0, 0, 0, 200}, block[:10]...)...).frame(frameContinuation, 0, 1, block[10:11]...).frame(frameContinuation, flagEndHeaders, 1, block[11:]...).
			frame(frameReset, 0, 1, 0, 0, 0, 8).take())},
		"fact host api.example  0", "fact client grpc-go/1.60  0", `~"http2":{"stream_id":1,"request":{"priority":200,"error_code":"Cancel"}}`)

	add("login and hosts", 0, []said{
		client(cl.text(preface).headers(1, false, ":method", "POST", ":authority", "u:secret@a.example", ":path", "/x.sh", "host", "b.example", "authorization", "Basic Ym9iOnNlY3JldA==").frame(frameData, 0, 1, []byte("#!/bin")...).frame(frameData, flagEndStream, 1, []byte("/sh\n")...).take()),
		server(sv.frame(frameSettings, 0, 0).headers(1, false, ":status", "100").headers(1, false, ":status", "403").headers(1, true, "grpc-status", "0").take())},
		"! authority_host_mismatch", "fact host a.example  0", "fact host b.example  0", "fact login bob http-basic 0",
		"fact file x.sh a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf 10", "~fileinfo 0",
		`~{"name":":authority","value":"u@a.example"}`)

	add("tunnel", 0, []said{client(cl.text(preface).headers(1, false, ":method", "CONNECT", ":authority", "db.example:5432").take())},
		"fact target db.example  5432", `~"hostname":"db.example"`)

	add("after an upgrade, server only", 0, []said{server(sv.frame(frameSettings, 0, 0, settings...).headers(1, false, response...).frame(frameData, flagEndStream, 1, []byte("hello")...).frame(frameGoAway, 0, 0, make([]byte, 8)...).take())},
		`~"response":{"settings"`, "fact server envoy  0", "~fileinfo 0", `~"status":200`, `~"response":{"error_code":"NoError"}`)

	add("lost within data", protocol.Failed, []said{
		client(cl.text(preface).headers(1, true, request...).take()),
		server(sv.frame(frameSettings, 0, 0).headers(1, false, response[:4]...).text("\x00\x00\x10\x00\x00\x00\x00\x00\x01MZ").take()),
		{dir: protocol.ToClient, lost: 10, text: "0123" + sv.frame(frameData, flagEndStream, 1).take()},
		{dir: protocol.ToClient, lost: 10, text: "x"}},
		"fact host api.example  0", "fact client grpc-go/1.60  0", "fact server envoy  0", "fact file v1  16", `~"gaps":true,"state":"TRUNCATED","stored":false,"size":16`, `~"length":16`)

	add("bad compression", 0, []said{client(cl.text(preface).frame(frameHeaders, flagEndHeaders|flagEndStream, 1, 0xff, 0xff, 0xff).headers(3, true, request...).take())},
		"! failed_decompression", "~http 0", "~http 1")

	add("bad frames", protocol.Failed, []said{client(cl.text(preface).frame(frameSettings, 0, 0, 1, 2, 3).headers(1, true, request...).frame(framePing, 0, 0).frame(framePing, 0, 0).frame(framePing, 0, 0).take())},
		"! invalid_frame_data", "fact host api.example  0", "fact client grpc-go/1.60  0", "~http 0")
	return all
}

func TestConversations2(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	s := newStream2(new(decoders))
	for _, c := range conversations2() {
		t.Run(c.name, func(t *testing.T) {
			got, status := run(t, s, c.talk, whole)
			s.Reset()
			match := len(got) == len(c.want) && status == c.status
			for i := 0; match && i < len(got); i++ {
				w, part := strings.CutPrefix(c.want[i], "~")
				match = got[i] == w || part && strings.Contains(got[i], w)
				if strings.Contains(got[i], "secret") || strings.Contains(got[i], "Ym9i") {
					t.Errorf("a secret shows: %s", got[i])
				}
			}
			if !match {
				t.Fatalf("status %v, observed:\n%s\nwant:\n%s", status, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			for i := range 30 {
				cut, st := run(t, s, c.talk, func() int { return 1 + rnd.IntN(1+i) })
				s.Reset()
				if st != status || strings.Join(cut, "\n") != strings.Join(got, "\n") {
					t.Fatalf("cut %d: observed:\n%s", i, strings.Join(cut, "\n"))
				}
			}
			for i, m := range c.talk {
				for n := range len(m.text) {
					run(t, s, append(append([]said{}, c.talk[:i]...), said{m.dir, m.text[:n], m.lost}), whole)
					s.Reset()
				}
			}
		})
	}
}

func TestProbe2(t *testing.T) {
	p := newPeer()
	settings := p.frame(frameSettings, 0, 0, 0, 3, 0, 0, 0, 100).take()
	rest := p.headers(5, true, ":method", "GET").frame(frameWindowUpdate, 0, 5, 0, 0, 0, 1).take()
	for _, c := range []struct {
		data      string
		midstream bool
		want      protocol.Match
	}{
		{preface, false, protocol.Yes},
		{"PRI * HTTP", false, protocol.Maybe},
		{"PRIVMSG #c :hi\r\n", false, protocol.No},
		{settings, false, protocol.Yes},
		{settings[:7], false, protocol.Maybe},
		{"\x00\x00\x06\x04\x01\x00\x00\x00\x00\x00\x03", false, protocol.No},
		{rest, true, protocol.Yes},
		{rest, false, protocol.No},
		{"GET / HTTP/1.1\r\n", true, protocol.No},
	} {
		if got := probe2(&protocol.Peek{Data: []byte(c.data), Midstream: c.midstream}); got != c.want {
			t.Errorf("%q: %v, want %v", c.data, got, c.want)
		}
	}
}

func FuzzConversation2(f *testing.F) {
	for _, c := range conversations2() {
		f.Add(unscript(c.talk), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, midstream bool) {
		talk := script(b)
		s := newStream2(new(decoders))
		whole, status := run(t, s, talk, whole)
		s.Reset()
		cut, st := run(t, s, talk, func() int { return 1 })
		if status != st || strings.Join(whole, "\n") != strings.Join(cut, "\n") {
			t.Errorf("whole (%v):\n%s\ncut (%v):\n%s", status, strings.Join(whole, "\n"), st, strings.Join(cut, "\n"))
		}
		probe2(&protocol.Peek{Data: b, Midstream: midstream})
	})
}

func BenchmarkExchange2(b *testing.B) {
	cl, sv := newPeer(), newPeer()
	s := newStream2(new(decoders))
	e := &encoder{}
	c := &protocol.Context{Sink: e, Over: protocol.TCP}
	open := []byte(cl.text(preface).frame(frameSettings, 0, 0).take())
	s.Feed(c, protocol.ToServer, open)
	s.Feed(c, protocol.ToClient, []byte(sv.frame(frameSettings, 0, 0).take()))
	fields := []string{":method", "GET", ":scheme", "http", ":authority", "api.example", ":path", "/v1?q=2", "user-agent", "grpc-go/1.60"}
	cl.headers(1, true, fields...).take()
	b.ReportAllocs()
	id := uint32(1)
	for b.Loop() {
		id += 2
		s.Feed(c, protocol.ToServer, []byte(cl.headers(id, true, fields[:8]...).take()))
		s.Feed(c, protocol.ToClient, []byte(sv.headers(id, true, ":status", "200").take()))
	}
}
