package dhcp

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var (
	kit  = datagramtest.Kit{Parser: Parser(), Port: portServer}
	kit6 = datagramtest.Kit{Parser: V6(), Port: portServer6}
)

func message4(op byte, yiaddr, sname string, options ...string) string {
	return string(rune(op)) + "\x01\x06\x00\xde\xad\xbe\xef\x00\x00\x80\x00" + "\x00\x00\x00\x00" + yiaddr + strings.Repeat("\x00", 8) +
		"\x02\x00\x5E\x10\x00\x01" + strings.Repeat("\x00", 10) + sname + strings.Repeat("\x00", 64-len(sname)+128) +
		"\x63\x82\x53\x63" + strings.Join(options, "") + "\xff"
}

const none4, given4 = "\x00\x00\x00\x00", "\xc0\x00\x02\x07"

var (
	asks  = message4(bootRequest, none4, "", "\x35\x01\x03", "\x0c\x05thing")
	gives = message4(bootReply, given4, "", "\x35\x01\x05", "\x3a\x04\x00\x00\x0e\x10", "\x3d\x07\x01\x02\x00\x5e\x10\x00\x01", "\x00\x00")
)

func TestLease(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []datagramtest.Step
		want  []string
	}{
		{"request and acknowledgement", []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(gives)}, []string{
			`> lease 02:00:5e:10:00:01 thing`,
			`< lease 02:00:5e:10:00:01 thing 192.0.2.7 dhcp{"dhcp":{"type":"reply","id":3735928559,"client_mac":"02:00:5e:10:00:01",` +
				`"assigned_ip":"192.0.2.7","client_id":"02:00:5e:10:00:01","dhcp_type":"ack","renewal_time":3600}}`}},
		{"a name in wire format", []datagramtest.Step{datagramtest.Server(message4(bootReply, given4, "", "\x35\x01\x05", "\x51\x0e\x04\x00\x00\x05thing\x03lan\x00", "\x0c\x01x"))}, []string{
			`< lease 02:00:5e:10:00:01 thing.lan 192.0.2.7 dhcp{"dhcp":{"type":"reply","id":3735928559,"client_mac":"02:00:5e:10:00:01",` +
				`"assigned_ip":"192.0.2.7","dhcp_type":"ack","hostname":"x"}}`}},
		{"options in the server's name", []datagramtest.Step{datagramtest.Server(message4(bootReply, given4, "\x0c\x03abc\xff", "\x34\x01\x02", "\x35\x01\x05"))}, []string{
			`< lease 02:00:5e:10:00:01 abc 192.0.2.7 dhcp{"dhcp":{"type":"reply","id":3735928559,"client_mac":"02:00:5e:10:00:01",` +
				`"assigned_ip":"192.0.2.7","dhcp_type":"ack","hostname":"abc"}}`}},
		{"information only", []datagramtest.Step{datagramtest.Server(message4(bootReply, none4, "", "\x35\x01\x05"))}, []string{
			`< dhcp{"dhcp":{"type":"reply","id":3735928559,"client_mac":"02:00:5e:10:00:01","assigned_ip":"0.0.0.0","dhcp_type":"ack"}}`}},
		{"refused", []datagramtest.Step{datagramtest.Server(message4(bootReply, none4, "", "\x35\x01\x06"))}, nil},
	} {
		kit.Expect(t, c.name, c.steps, c.want...)
	}
}

func message6(kind byte, options ...string) string {
	return string(rune(kind)) + "\x01\x02\x03" + strings.Join(options, "")
}

func opt6(code byte, v string) string {
	return "\x00" + string(rune(code)) + "\x00" + string([]byte{byte(len(v))}) + v
}

var (
	given6   = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x09"
	client6  = opt6(opt6ClientID, "\x00\x01\x00\x01\x2a\x2b\x2c\x2d\x02\x00\x5e\x10\x00\x01")
	na6      = opt6(opt6NA, "\x00\x00\x00\x01"+strings.Repeat("\x00", 8)+opt6(opt6Address, given6+"\x00\x00\x0e\x10\x00\x00\x1c\x20"))
	gives6   = message6(reply6, client6, na6, opt6(opt6FQDN, "\x00\x05thing\x03lan\x00"))
	relayed6 = "\x0d\x00" + strings.Repeat("\x00", 32) + opt6(opt6RelayMessage, gives6)
)

func TestLease6(t *testing.T) {
	const want = "< lease 02:00:5e:10:00:01 thing.lan 2001:db8::9"
	kit6.Expect(t, "reply", []datagramtest.Step{datagramtest.Server(gives6)}, want)
	kit6.Expect(t, "relayed", []datagramtest.Step{datagramtest.Server(relayed6)}, want)
	kit6.Expect(t, "solicit", []datagramtest.Step{datagramtest.Client(message6(1, client6, opt6(opt6NA, strings.Repeat("\x00", 12))))})
	kit6.Expect(t, "released", []datagramtest.Step{datagramtest.Server(message6(reply6, client6, opt6(opt6NA, strings.Repeat("\x00", 12)+opt6(opt6Address, given6+strings.Repeat("\x00", 8)))))})
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	kit6.Refuses(t)
	p := protocol.Peek{Data: []byte(gives), Over: protocol.UDP, ClientPort: portServer, ServerPort: portClient}
	if m := probe(&p); m != protocol.Yes || !p.Reversed {
		t.Errorf("a reply: %d, reversed %v", m, p.Reversed)
	}
	p.Data = []byte(asks[:300-64])
	if m := probe(&p); m != protocol.Likely || p.Reversed {
		t.Errorf("a cut request: %d, reversed %v", m, p.Reversed)
	}
}

func FuzzDHCP(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{datagramtest.Client(asks), datagramtest.Server(gives)})
}

func FuzzDHCPv6(f *testing.F) {
	kit6.Fuzz(f, []datagramtest.Step{datagramtest.Server(gives6), datagramtest.Server(relayed6)})
}

func BenchmarkRefusal(b *testing.B)  { kit.BenchmarkRefusal(b) }
func BenchmarkRefusal6(b *testing.B) { kit6.BenchmarkRefusal(b) }
func BenchmarkLease(b *testing.B) {
	kit.Benchmark(b, datagramtest.Client(asks), datagramtest.Server(gives))
}
