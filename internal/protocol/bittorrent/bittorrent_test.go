package bittorrent

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/datagramtest"
	"netsensor/internal/protocol/streamtest"
)

var dht = datagramtest.Kit{Parser: DHT(), Port: 6881}

const (
	id     = "abcdefghij0123456789"
	idHex  = "6162636465666768696a30313233343536373839"
	ping   = "d1:ad2:id20:" + id + "e1:q4:ping1:t2:aa1:y1:qe"
	pong   = "d1:rd2:id20:" + id + "e1:t2:aa1:v4:UT\x01\x021:y1:re"
	peers  = "d1:ad2:id20:" + id + "9:info_hash20:" + id + "e1:q9:get_peers1:t2:ab1:y1:qe"
	found  = "d2:ip6:\x7f\x00\x00\x01\x1a\xe11:rd2:id20:" + id + "5:nodes26:" + id + "\xc0\x00\x02\x01\x1a\xe15:token2:xy6:valuesl6:\xc0\x00\x02\x02\x00\x50ee1:t2:ab1:y1:re"
	refuse = "d1:eli201e5:ouch!e1:t2:ac1:y1:ee"
	offer  = "d1:ad2:id20:" + id + "12:implied_porti1e9:info_hash20:" + id + "4:porti6881e5:token2:xye1:q13:announce_peer1:t2:ad1:y1:qe"
)

func TestDHT(t *testing.T) {
	dht.Expect(t, "ping", []datagramtest.Step{datagramtest.Client(ping), datagramtest.Server(pong)},
		`> bittorrent_dht{"bittorrent_dht":{"transaction_id":"6161","request_type":"ping","request":{"id":"`+idHex+`"}}}`,
		`< bittorrent_dht{"bittorrent_dht":{"transaction_id":"6161","client_version":"55540102","response":{"id":"`+idHex+`"}}}`)
	dht.Expect(t, "peers", []datagramtest.Step{datagramtest.Client(peers), datagramtest.Server(found)},
		`> bittorrent_dht{"bittorrent_dht":{"transaction_id":"6162","request_type":"get_peers","request":{"id":"`+idHex+`","info_hash":"`+idHex+`"}}}`,
		`< bittorrent_dht{"bittorrent_dht":{"transaction_id":"6162","response":{"id":"`+idHex+`","nodes":[{"id":"`+idHex+`","ip":"192.0.2.1","port":6881}],`+
			`"values":[{"ip":"192.0.2.2","port":80}],"token":"7879"}}}`)
	dht.Expect(t, "announce, error", []datagramtest.Step{datagramtest.Client(offer), datagramtest.Server(refuse)},
		`> bittorrent_dht{"bittorrent_dht":{"transaction_id":"6164","request_type":"announce_peer","request":{"id":"`+idHex+`","info_hash":"`+idHex+`","token":"7879","implied_port":1,"port":6881}}}`,
		`< bittorrent_dht{"bittorrent_dht":{"transaction_id":"6163","error":{"num":201,"msg":"ouch!"}}}`)
	dht.Expect(t, "malformed twice", []datagramtest.Step{datagramtest.Client(ping[:40]), datagramtest.Client("d1:yi1ee"), datagramtest.Client("\x41\x00")}, "> !malformed_packet")
	dht.Refuses(t)
}

const peer = greeting + "\x00\x00\x00\x00\x00\x10\x00\x05" + id + "-UT3550-0123456789ab"

func TestPeer(t *testing.T) {
	steps := []streamtest.Step{streamtest.Client(peer), streamtest.Server(strings.Replace(peer, "UT3550", "TR2940", 1), "\x00\x00\x00\x05\x05\xff\xff\xff\xff")}
	streamtest.Expect(t, "handshake", streamtest.Run(Parser(), steps...), "> client UT3550", "< server TR2940")
	streamtest.Check(t, Parser(), nil, steps...)
}

func TestProbe(t *testing.T) {
	udp := datagramtest.Kit{Parser: Parser(), Port: 6881}
	udp.Refuses(t)
	header := "\x00\x30\x39\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"
	for text, want := range map[string]protocol.Match{
		"\x41" + header:          protocol.Yes,
		"\x41" + header + "\x00": protocol.No,
		"\x41\x02" + header[1:] + "\x00\x08" + strings.Repeat("\x00", 8): protocol.Yes,
		"\x01" + header + peer:                                 protocol.Yes,
		"\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00abcd": protocol.Yes,
		search + "Host: 239.192.152.143:6771\r\n":              protocol.Yes,
	} {
		if m := udp.Probe(datagramtest.Client(text)); m != want {
			t.Errorf("%q: %d, want %d", text, m, want)
		}
	}
}

func FuzzDHT(f *testing.F) {
	dht.Fuzz(f, []datagramtest.Step{datagramtest.Client(ping), datagramtest.Server(pong)}, []datagramtest.Step{datagramtest.Client(peers), datagramtest.Server(found)},
		[]datagramtest.Step{datagramtest.Client(offer), datagramtest.Server(refuse)})
}

func FuzzPeer(f *testing.F) {
	streamtest.Fuzz(f, Parser(), []streamtest.Step{streamtest.Client(peer), streamtest.Server(peer)})
}

func BenchmarkRefusal(b *testing.B)    { datagramtest.Kit{Parser: Parser()}.BenchmarkRefusal(b) }
func BenchmarkRefusalDHT(b *testing.B) { dht.BenchmarkRefusal(b) }
func BenchmarkDHT(b *testing.B) {
	dht.Benchmark(b, datagramtest.Client(peers), datagramtest.Server(found))
}
