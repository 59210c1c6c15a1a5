package mqtt

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func str(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

func packet(first byte, body ...string) string {
	b := strings.Join(body, "")
	head := []byte{first}
	for n := len(b); ; {
		c := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			head = append(head, c|0x80)
			continue
		}
		return string(append(head, c)) + b
	}
}

const zero = `"qos":0,"retain":false,"dup":false`

var (
	login3 = packet(0x10, str("MQTT"), "\x04\xc2\x00\x3c", str("cam-7"), str("admin"), str("secret"))
	three  = []Step{
		Client(login3), Server(packet(0x20, "\x00\x00")),
		Client(packet(0x82, "\x00\x01", str("a/#"), "\x01", str("b/+"), "\x00")), Server(packet(0x90, "\x00\x01\x01\x00")),
		Client(packet(0x31, str("a/b"), "on")),
		Server(packet(0x32, str("a/c"), "\x00\x07", "off")), Client(packet(0x40, "\x00\x07")),
		Client(packet(0x34, str("a/d"), "\x00\x08", strings.Repeat("x", 5000))), Server(packet(0x50, "\x00\x08")), Client(packet(0x62, "\x00\x08")), Server(packet(0x70, "\x00\x08")),
		Client(packet(0xa2, "\x00\x02", str("a/#"))), Server(packet(0xb0, "\x00\x02")),
		Client(packet(0xc0)), Server(packet(0xd0)),
		Client(packet(0xe0)),
	}
	properties5 = "\x21\x00\x14" + "\x16" + str("secret") + "\x26" + str("site") + str("north") + "\x26" + str("Token") + str("secret")
	five        = []Step{
		Client(packet(0x10, str("MQTT"), "\x05\xc6\x00\x3c", string(rune(len(properties5))), properties5, str(""), "\x05\x18\x00\x00\x00\x09", str("last/will"), str("gone"), str("admin"), str("secret"))),
		Server(packet(0x20, "\x00\x86\x00")),
		Server(packet(0xe0, "\x86\x00")),
	}
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"3.1.1", three, []string{
			`> version MQTT 3.1.1 login admin mqtt accepted mqtt{"mqtt":{"connect":{` + zero + `,"protocol_string":"MQTT","protocol_version":4,"client_id":"cam-7","flags":{"username":true,"password":true,"will_retain":false,"will":false,"clean_session":true},"username":"admin"},"connack":{` + zero + `,"session_present":false,"return_code":0}}}`,
			`> mqtt{"mqtt":{"subscribe":{"qos":1,"retain":false,"dup":false,"message_id":1,"topics":[{"topic":"a/#","qos":1},{"topic":"b/+","qos":0}]},"suback":{` + zero + `,"message_id":1,"qos_granted":[1,0]}}}`,
			`> mqtt{"mqtt":{"publish":{"qos":0,"retain":true,"dup":false,"topic":"a/b","message":"on"}}}`,
			`< mqtt{"mqtt":{"publish":{"qos":1,"retain":false,"dup":false,"topic":"a/c","message_id":7,"message":"off"},"puback":{` + zero + `,"message_id":7}}}`,
			`> mqtt{"mqtt":{"publish":{"qos":2,"retain":false,"dup":false,"topic":"a/d","message_id":8,"message":"` + strings.Repeat("x", 1024) + `[truncated 3976 additional bytes]"},"pubrec":{` + zero + `,"message_id":8},"pubrel":{"qos":1,"retain":false,"dup":false,"message_id":8},"pubcomp":{` + zero + `,"message_id":8}}}`,
			`> mqtt{"mqtt":{"unsubscribe":{"qos":1,"retain":false,"dup":false,"message_id":2,"topics":["a/#"]},"unsuback":{` + zero + `,"message_id":2}}}`,
			`> mqtt{"mqtt":{"pingreq":{` + zero + `},"pingresp":{` + zero + `}}}`,
			`> mqtt{"mqtt":{"disconnect":{` + zero + `}}}`,
		}},
		{"5.0, refused", five, []string{
			`> version MQTT 5.0 login admin mqtt refused mqtt{"mqtt":{"connect":{` + zero + `,"protocol_string":"MQTT","protocol_version":5,"client_id":"","flags":{"username":true,"password":true,"will_retain":false,"will":true,"clean_session":true},"username":"admin","will":{"topic":"last/will","message":"gone","properties":{"will_delay_interval":9}},"properties":{"receive_maximum":20,"user_properties":[{"key":"site","value":"north"},{"key":"Token"}]}},"connack":{` + zero + `,"session_present":false,"return_code":134}}}`,
			`< mqtt{"mqtt":{"disconnect":{` + zero + `,"reason_code":134}}}`,
		}},
		{"client alone", []Step{Client(packet(0x10, str("MQIsdp"), "\x03\x80\x00\x3c", str("x"), str("root"))), Client(packet(0x32, str("a"), "\x00\x01", "on"))}, []string{
			`> version MQTT 3.1 login root mqtt tried mqtt{"mqtt":{"connect":{` + zero + `,"protocol_string":"MQIsdp","protocol_version":3,"client_id":"x","flags":{"username":true,"password":false,"will_retain":false,"will":false,"clean_session":false},"username":"root"}}}`,
			`> mqtt{"mqtt":{"publish":{"qos":1,"retain":false,"dup":false,"topic":"a","message_id":1,"message":"on"}}}`,
		}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
}

func TestServerAlone(t *testing.T) {
	Expect(t, "server alone", Run(Parser(), Server(packet(0x20, "\x01\x00\x03\x22\x00\x0a")), Server(packet(0x30, str("a/b"), "\x00", "on")), Server(packet(0x90, "\x00\x01\x00\x02"))),
		`< mqtt{"mqtt":{"connack":{`+zero+`,"session_present":true,"return_code":0,"properties":{"topic_alias_maximum":10}}}}`,
		`< mqtt{"mqtt":{"publish":{`+zero+`,"topic":"a/b","message":"on"}}}`,
		`< mqtt{"mqtt":{"suback":{`+zero+`,"message_id":1,"qos_granted":[2]}}}`)
}

func TestAnomalies(t *testing.T) {
	Expect(t, "type", Run(Parser(), Client("\x00\x00")), "> !malformed_traffic")
	Expect(t, "length", Run(Parser(), Client("\x30\xff\xff\xff\xff\x01")), "> !malformed_traffic")
	Expect(t, "string", Run(Parser(), Client(packet(0x10, str("MQTT"), "\x04\x80\x00\x3c", "\x00\x09x"))), "> !malformed_traffic")
	Expect(t, "no CONNECT", Run(Parser(), Client(packet(0xc0), packet(0xc0)))[:1], "> !unintroduced_message")
}

// Many messages that nobody answers are told before they are too many.
func TestWaiting(t *testing.T) {
	steps := []Step{Client(login3)}
	for id := range 20 {
		steps = append(steps, Client(packet(0x32, str("a"), string([]byte{0, byte(id)}), "x")))
	}
	if got := Run(Parser(), steps...); len(got) != 21 || !strings.Contains(got[20], `"message_id":19`) {
		t.Errorf("%d lines, the last %s", len(got), got[len(got)-1])
	}
}

func TestGap(t *testing.T) {
	big := packet(0x30, str("a/b"), strings.Repeat("x", 9000))
	sub := Client(packet(0x82, "\x00\x01", str("a/#"), "\x01"))
	want := `> mqtt{"mqtt":{"subscribe":{"qos":1,"retain":false,"dup":false,"message_id":1,"topics":[{"topic":"a/#","qos":1}]}}}`
	for _, n := range []int{2000, 20000} {
		got := Run(Parser(), Client(big[:1000]), Lose(0, n), Client(strings.Repeat("x", max(0, len(big)-1000-n))), sub)
		Expect(t, "gap", got[len(got)-1:], want)
	}
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		port      uint16
		midstream bool
		want      protocol.Match
	}{
		{"", 0, 1, false, protocol.Maybe},
		{login3, 0, 1, false, protocol.Yes},
		{login3[:5], 0, 1, false, protocol.Maybe},
		{packet(0x10, str("MQTX"), "\x04\x00\x00\x00xxxx"), 0, 1, false, protocol.No},
		{login3, 1, 1, true, protocol.Yes},
		{packet(0x20, "\x00\x00"), 1, 1, false, protocol.Likely},
		{packet(0x20, "\x00\x05"), 1, 1883, false, protocol.Yes},
		{packet(0x20, "\x02\x00"), 1, 1883, false, protocol.No},
		{packet(0x20, "\x00\x00\x00"), 1, 1883, false, protocol.Yes},
		{packet(0x30, str("a/b"), "on"), 0, 1883, true, protocol.Yes},
		{packet(0x30, str("a/b"), "on"), 0, 1, true, protocol.Likely},
		{packet(0x30, str("a/b"), "on"), 0, 1, false, protocol.No},
		{packet(0x30, str("\x01\x02"), "on"), 0, 1883, true, protocol.No},
		{packet(0xc0), 0, 1883, true, protocol.Yes},
		{"\x16\x03\x01", 0, 1883, true, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, ServerPort: tt.port, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), three...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), three, five) }
