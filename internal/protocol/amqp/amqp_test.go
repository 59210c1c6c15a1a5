package amqp

import (
	"encoding/binary"
	"strings"
	"testing"

	"netsensor/internal/protocol"
	. "netsensor/internal/protocol/streamtest"
)

func be(n, size int) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))[8-size:]) }

func frame(kind byte, body ...string) string {
	b := strings.Join(body, "")
	return string([]byte{kind, 0, 0}) + be(len(b), 4) + b + "\xce"
}

func method(id int, arguments ...string) string {
	return frame(1, be(classConnection, 2), be(id, 2), strings.Join(arguments, ""))
}

func short(s string) string { return string([]byte{byte(len(s))}) + s }
func long(s string) string  { return be(len(s), 4) + s }
func field(name, v string) string {
	return short(name) + "S" + long(v)
}

// frame10 is a frame of 1.0 with a list of the elements.
func frame10(kind, descriptor byte, elements ...string) string {
	b := strings.Join(elements, "")
	b = "\x00\x53" + string([]byte{descriptor, 0xc0, byte(len(b) + 1), byte(len(elements))}) + b
	return be(8+len(b), 4) + string([]byte{2, kind, 0, 0}) + b
}

var (
	start   = method(methodStart, "\x00\x09", long(field("product", "RabbitMQ")+short("capabilities")+"F"+long(short("a")+"t\x01")+field("version", "3.12.1")), long("PLAIN AMQPLAIN"), long("en_US"))
	startOK = func(mechanism, response string) string {
		return method(methodStartOK, long(field("product", "pika")+field("version", "1.3.2")), short(mechanism), long(response), short("en_US"))
	}
	tune    = method(methodTune, be(0, 2), be(131072, 4), be(60, 2))
	refused = method(methodClose, be(403, 2), short("ACCESS_REFUSED"), be(0, 4))

	rabbit = []Step{Client("AMQP\x00\x00\x09\x01"), Server(start), Client(startOK("PLAIN", "\x00guest\x00secret")), Server(tune), Client(method(methodTuneOK, be(0, 8)))}
	one    = []Step{
		Client("AMQP\x03\x01\x00\x00"), Server("AMQP\x03\x01\x00\x00", frame10(1, 0x40, "\xa3"+short("PLAIN"))),
		Client(frame10(1, descSASLInit, "\xa3"+short("PLAIN"), "\xa0"+short("\x00svc\x00secret"), "\xa1"+short("bus.example.com"))),
		Server(frame10(1, descSASLOutcome, "\x50\x00")),
		Client("AMQP\x00\x01\x00\x00", frame10(0, descOpen, "\xa1"+short("id"), "\xa1"+short("bus.example.com"))), Server("AMQP\x00\x01\x00\x00", frame10(0, descOpen, "\xa1"+short("id"))),
		Client(frame10(0, 0x11, "\x40")),
	}
)

const (
	serverFact = "< server RabbitMQ 3.12.1"
	clientFact = "> client pika 1.3.2"
)

func TestConversations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []Step
		want  []string
	}{
		{"plain", rabbit, []string{serverFact, clientFact, "> login guest amqp-plain accepted"}},
		{"amqplain, refused", []Step{Client("AMQP\x00\x00\x09\x01"), Server(start), Client(startOK("AMQPLAIN", field("LOGIN", "guest")+field("PASSWORD", "secret"))), Server(refused)},
			[]string{serverFact, clientFact, "> login guest amqp-amqplain refused"}},
		{"1.0", one, []string{"> service bus.example.com", "> login svc amqp-plain accepted"}},
		{"client alone", []Step{Client("AMQP\x00\x00\x09\x01"), Client(startOK("PLAIN", "\x00guest\x00secret")), Client(method(methodOpen, short("/")))},
			[]string{clientFact, "> login guest amqp-plain accepted"}},
		{"server alone", []Step{Server(start), Server(tune)}, []string{serverFact}},
	} {
		Expect(t, tt.name, Run(Parser(), tt.steps...), tt.want...)
		Check(t, Parser(), []string{"secret"}, tt.steps...)
	}
}

func TestTLS(t *testing.T) {
	for _, steps := range [][]Step{
		{Client("AMQP\x02\x01\x00\x00"), Server("AMQP\x02\x01\x00\x00")},
		{Client("AMQP\x02\x01\x00\x00\x16\x03\x01")},
	} {
		f := NewTable(Parser(), new(Recorder))
		for _, s := range Cut(steps, func() int { return 1 }) {
			f.Do(s)
		}
		if f.Status != protocol.Switch {
			t.Errorf("status %d", f.Status)
		}
	}
}

func TestGapAndMalformed(t *testing.T) {
	body := frame(3, strings.Repeat("x", 9000))
	Expect(t, "gap", Run(Parser(), Client("AMQP\x00\x00\x09\x01", body[:100]), Lose(0, 20000), Client("garbage"), Client(startOK("PLAIN", "\x00guest\x00secret"))), clientFact, "> login guest amqp-plain tried")
	Expect(t, "end", Run(Parser(), Client("AMQP\x00\x00\x09\x01", "\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0bx")), "> !malformed_frame")
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		bytes     string
		dir       protocol.Dir
		midstream bool
		want      protocol.Match
	}{
		{"", 0, false, protocol.Maybe},
		{"AM", 0, false, protocol.Maybe},
		{"AMQP\x00\x00\x09\x01", 0, false, protocol.Yes},
		{"AMQPx", 0, false, protocol.No},
		{start, 1, false, protocol.Yes},
		{tune, 1, false, protocol.No},
		{tune, 1, true, protocol.Yes},
		{"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x1ex", 0, true, protocol.No},
	} {
		p := &protocol.Peek{Data: []byte(tt.bytes), Dir: tt.dir, Over: protocol.TCP, Midstream: tt.midstream}
		if got := probe(p); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.bytes, got, tt.want)
		}
	}
}

func BenchmarkConnection(b *testing.B) { Benchmark(b, Parser(), rabbit...) }

func FuzzStream(f *testing.F) { Fuzz(f, Parser(), rabbit, one) }
