package rfb

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/streamtest"
)

const (
	v33       = "RFB 003.003\n"
	v38       = "RFB 003.008\n"
	challenge = "s3cr3t challenge"
	response  = "s3cr3t-response!"
	screen    = "\x04\x00\x03\x00\x20\x18\x00\x01\x00\xff\x00\xff\x00\xff\x10\x08\x00\x00\x00\x00\x00\x00\x00\x04desk"
	told      = `"framebuffer":{"width":1024,"height":768,"name":"desk","pixel_format":{"bits_per_pixel":32,"depth":24,"big_endian":false,"true_color":true,"red_max":255,"green_max":255,"blue_max":255,"red_shift":16,"green_shift":8,"blue_shift":0}}`
)

func versions(minor string) string {
	return `"server_protocol_version":{"major":"003","minor":"` + minor + `"},"client_protocol_version":{"major":"003","minor":"` + minor + `"},`
}

func client(s string) streamtest.Step { return streamtest.Client(s) }
func server(s string) streamtest.Step { return streamtest.Server(s) }

var conversations = []struct {
	name string
	talk []streamtest.Step
	want string // the event
}{
	{"3.8, VNC", []streamtest.Step{server(v38), client(v38), server("\x02\x02\x10"), client("\x02"), server(challenge), client(response), server("\x00\x00\x00\x00"), client("\x01"), server(screen), server("\x00more"), client("\x03more")},
		versions("008") + `"authentication":{"security_type":2,"security_result":"OK"},"screen_shared":true,` + told},
	{"3.8, none", []streamtest.Step{server(v38), client(v38), server("\x01\x01"), client("\x01"), server("\x00\x00\x00\x00"), client("\x00"), server(screen)},
		versions("008") + `"authentication":{"security_type":1,"security_result":"OK"},"screen_shared":false,` + told},
	{"3.8, wrong password", []streamtest.Step{server(v38), client(v38), server("\x01\x02"), client("\x02"), server(challenge), client(response), server("\x00\x00\x00\x01\x00\x00\x00\x02no")},
		versions("008") + `"authentication":{"security_type":2,"security_result":"FAIL"},"server_security_failure_reason":"no"`},
	{"3.8, refused", []streamtest.Step{server(v38), client(v38), server("\x00\x00\x00\x00\x03why")},
		versions("008") + `"authentication":{},"server_security_failure_reason":"why"`},
	{"3.8, another method", []streamtest.Step{server(v38), client(v38), server("\x01\x1e"), client("\x1e"), server("anything"), client("else")},
		versions("008") + `"authentication":{"security_type":30}`},
	{"3.3, VNC", []streamtest.Step{server(v33), client(v33), server("\x00\x00\x00\x02"), server(challenge), client(response), server("\x00\x00\x00\x00"), client("\x01"), server(screen)},
		versions("003") + `"authentication":{"security_type":2,"security_result":"OK"},"screen_shared":true,` + told},
	{"3.3, none", []streamtest.Step{server(v33), client(v33), server("\x00\x00\x00\x01"), client("\x01"), server(screen)},
		versions("003") + `"authentication":{"security_type":1},"screen_shared":true,` + told},
}

func TestConversations(t *testing.T) {
	for _, c := range conversations {
		got := streamtest.Run(Parser(), c.talk...)
		if len(got) == 0 || got[len(got)-1] != `> rfb{"rfb":{`+c.want+`}}` {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), c.want)
		}
		streamtest.Check(t, Parser(), []string{"s3cr3t"}, c.talk...)
	}
}

func TestOneSided(t *testing.T) {
	got := streamtest.Run(Parser(), server(v38), server("\x01\x02"), server(challenge), server("\x00\x00\x00\x00"), server(screen))
	if len(got) != 2 || !strings.Contains(got[1], told) {
		t.Errorf("server: %s", strings.Join(got, "\n"))
	}
	got = streamtest.Run(Parser(), client(v38), client("\x02"), client(response), client("\x01"))
	if len(got) != 2 || !strings.Contains(got[1], `"security_type":2},"screen_shared":true`) {
		t.Errorf("client: %s", strings.Join(got, "\n"))
	}
}

func TestProbe(t *testing.T) {
	for data, want := range map[string]protocol.Match{
		v38: protocol.Yes, v38[:5]: protocol.Maybe, "RFB 00x": protocol.No, "RFC 3": protocol.No, "": protocol.Maybe, "RFB 003.889\nmore": protocol.Yes,
	} {
		if got := probe(&protocol.Peek{Data: []byte(data), Over: protocol.TCP}); got != want {
			t.Errorf("%q: %v, want %v", data, got, want)
		}
	}
	p := &protocol.Peek{Data: []byte(v38), Over: protocol.TCP, ClientPort: 5901, ServerPort: 40000}
	if probe(p); !p.Reversed {
		t.Error("the server was not recognised by its port")
	}
}

func FuzzStream(f *testing.F) {
	var talks [][]streamtest.Step
	for _, c := range conversations {
		talks = append(talks, c.talk)
	}
	streamtest.Fuzz(f, Parser(), talks...)
}

func BenchmarkConversation(b *testing.B) { streamtest.Benchmark(b, Parser(), conversations[0].talk...) }
