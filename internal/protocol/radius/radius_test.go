package radius

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
)

var kit = datagramtest.Kit{Parser: Parser(), Port: 1812}

func packet(code, id byte, attributes ...string) string {
	all := strings.Join(attributes, "")
	return string([]byte{code, id, 0, byte(headerLen + len(all))}) + "0123456789abcdef" + all
}

func attr(kind byte, v string) string { return string([]byte{kind, byte(2 + len(v))}) + v }

const secret = "sesamesesamesesa"

func ask(id byte, name string) datagramtest.Step {
	return datagramtest.Client(packet(accessRequest, id, attr(attrUserName, name), attr(2, secret), attr(4, "\xc0\x00\x02\x01")))
}

func answer(code, id byte) datagramtest.Step { return datagramtest.Server(packet(code, id)) }

func TestLogin(t *testing.T) {
	type steps = []datagramtest.Step
	kit.Expect(t, "accepted and refused", steps{ask(1, "alice"), ask(1, "alice"), ask(2, "bob"), answer(accessReject, 2), answer(accessAccept, 1)},
		"> login bob radius refused", "> login alice radius accepted")
	kit.Expect(t, "challenged", steps{ask(1, "alice"), answer(accessChallenge, 1), ask(2, "alice"), answer(accessAccept, 2)}, "> login alice radius accepted")
	kit.Expect(t, "requests alone", steps{ask(1, "alice"), ask(1, "bob")}, "> login alice radius tried", "> login bob radius tried")
	kit.Expect(t, "answers alone", steps{answer(accessAccept, 1)})
	kit.Expect(t, "accounting", steps{datagramtest.Client(packet(accountingRequest, 9, attr(attrUserName, "carol"), attr(attrStatusType, "\x00\x00\x00\x01")))},
		"> login carol radius accepted")
	var many steps
	for id := range byte(40) {
		many = append(many, ask(id, "u"))
	}
	if got := kit.Run(many...); len(got) != 40 {
		t.Errorf("%d of 40 requests told", len(got))
	}
}

func TestProbe(t *testing.T) {
	kit.Refuses(t)
	other := datagramtest.Kit{Parser: Parser(), Port: 9999}
	if m := other.Probe(ask(1, "alice")); m != protocol.Yes {
		t.Errorf("a request on another port: %d", m)
	}
	if m := other.Probe(answer(accessAccept, 1)); m != protocol.No {
		t.Errorf("a bare answer on another port: %d", m)
	}
}

func FuzzRADIUS(f *testing.F) {
	kit.Fuzz(f, []datagramtest.Step{ask(1, "alice"), answer(accessChallenge, 1), ask(2, "alice"), answer(accessAccept, 2)})
}

func BenchmarkRefusal(b *testing.B) { kit.BenchmarkRefusal(b) }
func BenchmarkLogin(b *testing.B)   { kit.Benchmark(b, ask(1, "alice"), answer(accessAccept, 1)) }
