package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"netsensor/internal/capture"
	"netsensor/internal/dns"
	"netsensor/internal/http"
	"netsensor/internal/packet"
	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

func parsers() []protocol.Parser {
	return []protocol.Parser{tls.Parser(), http.Parser(), dns.Parser()}
}

const get = "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"

// TestChecksums sends damaged packets: they are passed over where the sender's others are right, and believed where the
// sender leaves checksums to its network card.
func TestChecksums(t *testing.T) {
	for _, c := range []struct {
		name    string
		offload bool // all checksums of the client are wrong
		check   bool
		want    string
	}{
		{"right checksums, a damaged packet", false, true, "/right"},
		{"nobody looks", false, false, "/wrong"},
		{"offload", true, true, "/right"},
	} {
		w := wire{}
		send := func(flags uint8, seq uint32, data string, damage bool) {
			b := w.segment(0, 4000, 80, flags, seq, 500, []byte(data))
			if damage || c.offload {
				b[16] ^= 0x55
			}
			w.send(0, packet.ProtoTCP, b)
		}
		send(packet.SYN, 99, "", false)
		w.tcp(1, 4000, 80, packet.SYN|packet.ACK, 499, 100, nil)
		send(packet.ACK, 100, "", false)
		if !c.offload {
			send(packet.PSH|packet.ACK, 100, strings.Replace(get, "/", "/wrong", 1), true)
		}
		send(packet.PSH|packet.ACK, 100, strings.Replace(get, "/", "/right", 1), false)
		lines, _ := replay(t, Config{Parsers: parsers, CheckChecksums: c.check}, w.frames)
		found := events(t, lines, "http")
		if len(found) != 1 || found[0]["http"].(map[string]any)["url"] != c.want {
			t.Errorf("%s: %v, want the URL %s", c.name, found, c.want)
		}
		bad := events(t, lines, "stats")[0]["stats"].(map[string]any)["tcp"].(map[string]any)["invalid_checksum"]
		if want := float64(0); c.name == "right checksums, a damaged packet" && bad != want+1 || c.name != "right checksums, a damaged packet" && bad != want {
			t.Errorf("%s: invalid_checksum %v", c.name, bad)
		}
	}
}

// exchange is a TCP connection with one request, closed in good order.
func exchange(w *wire, port uint16) {
	w.tcp(0, port, 80, packet.SYN, 99, 0, nil)
	w.tcp(1, port, 80, packet.SYN|packet.ACK, 499, 100, nil)
	w.tcp(0, port, 80, packet.PSH|packet.ACK, 100, 500, []byte(get))
	w.tcp(1, port, 80, packet.PSH|packet.ACK, 500, 100+uint32(len(get)), []byte("HTTP/1.1 204 No Content\r\n\r\n"))
	w.tcp(1, port, 80, packet.RST|packet.ACK, 527, 100+uint32(len(get)), nil)
}

func TestNetflowAndEther(t *testing.T) {
	w := wire{}
	exchange(&w, 4000)
	lines, _ := replay(t, Config{Parsers: parsers, Netflow: true, Ether: true}, w.frames)
	found := events(t, lines, "netflow")
	if len(found) != 2 {
		t.Fatalf("%d netflow events, want 2", len(found))
	}
	for i, want := range []string{"10.0.0.1 2 64 64 1", "10.0.0.2 3 64 64 1"} {
		n := found[i]["netflow"].(map[string]any)
		if got := fmt.Sprintf("%v %v %v %v %v", found[i]["src_ip"], n["pkts"], n["min_ttl"], n["max_ttl"], n["tx_cnt"]); got != want {
			t.Errorf("netflow %d: %s, want %s", i, got, want)
		}
	}
	e := events(t, lines, "http")[0]["ether"].(map[string]any)
	if e["src_mac"] != "02:00:00:00:00:01" || e["dest_mac"] != "02:00:00:00:00:02" {
		t.Errorf("ether of the request: %v", e)
	}
	if got := fmt.Sprint(events(t, lines, "flow")[0]["ether"]); got != "map[dest_macs:[02:00:00:00:00:02] src_macs:[02:00:00:00:00:01]]" {
		t.Errorf("ether of the flow: %s", got)
	}
	if lines, _ = replay(t, Config{Parsers: parsers}, w.frames); len(events(t, lines, "netflow")) != 0 || strings.Contains(strings.Join(lines, ""), `"ether":{`) {
		t.Error("netflow or ether without being asked for")
	}
}

// TestLiveVLAN has a tag that the kernel took out of the frame.
func TestLiveVLAN(t *testing.T) {
	w := wire{vlans: []uint16{7}}
	exchange(&w, 4000)
	for i := range w.frames {
		w.frames[i].VLAN = 0x81000000 | 5
	}
	lines, _ := replay(t, Config{Parsers: parsers}, w.frames)
	if got := fmt.Sprint(events(t, lines, "flow")[0]["vlan"]); got != "[5 7]" {
		t.Errorf("vlan %s, want [5 7]", got)
	}
}

// TestDecodeAnomalies sends many broken packets in a second: some are told, all are counted.
func TestDecodeAnomalies(t *testing.T) {
	w := wire{}
	for range 100 {
		b := w.segment(0, 4000, 80, packet.ACK, 1, 1, nil)
		b[12] = 0x30 // a header of 12 bytes
		w.send(0, packet.ProtoTCP, b)
	}
	lines, totals := replay(t, Config{}, w.frames)
	if n := len(events(t, lines, "anomaly")); n != maxRate || totals.Suppressed != 100-maxRate || totals.Events["anomaly"] != maxRate {
		t.Errorf("%d anomalies, %d suppressed, %d counted", n, totals.Suppressed, totals.Events["anomaly"])
	}
}

// TestPanic has a parser with a defect: it is told once, and costs the flow its parsing.
func TestPanic(t *testing.T) {
	w := wire{}
	exchange(&w, 4000)
	exchange(&w, 4001)
	var mu sync.Mutex
	var told []string
	cfg := Config{
		Parsers: func() []protocol.Parser {
			p := http.Parser()
			p.New = func() protocol.Stream { return defect{} }
			return []protocol.Parser{p}
		},
		Log: func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf(format, args...))
		},
	}
	lines, _ := replay(t, cfg, w.frames)
	if len(told) != 1 || !strings.Contains(told[0], "http panicked at packet 3: as asked") {
		t.Errorf("told %q", told)
	}
	if n := len(events(t, lines, "anomaly")); n != 2 {
		t.Errorf("%d anomalies, want 2", n)
	}
	if n := len(events(t, lines, "flow")); n != 2 {
		t.Errorf("%d flows, want 2", n)
	}
}

type defect struct{}

func (defect) Feed(*protocol.Context, protocol.Dir, []byte) (int, protocol.Status) { panic("as asked") }
func (defect) Gap(*protocol.Context, protocol.Dir, int) protocol.Status            { return protocol.More }
func (defect) End(*protocol.Context)                                               {}
func (defect) Reset()                                                              {}

// TestWorkers runs mixed traffic, some of it broken, with different numbers of workers: the output is the same.
func TestWorkers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var frames []capture.Frame
	w := wire{}
	for i := range 3000 {
		w.v6, w.fragment, w.vxlan = r.IntN(3) == 0, []int{0, 0, 16}[r.IntN(3)], r.IntN(4) == 0
		w.reverse = r.IntN(2) == 0
		switch r.IntN(5) {
		case 0:
			b := w.segment(0, 4000, 80, packet.ACK, 1, 1, nil)
			b[12] = 0x30
			w.send(0, packet.ProtoTCP, b)
		case 1:
			w.tcp(0, uint16(5000+r.IntN(50)), 80, packet.RST, r.Uint32(), 0, nil)
		default:
			exchange(&w, uint16(5000+i%700))
		}
		w.now += int64(r.IntN(300e6))
	}
	frames = w.frames
	cfg := Config{Parsers: parsers, Netflow: true, Ether: true}
	cfg.Flows.MaxFlows, cfg.Flows.HeldBytes, cfg.Flows.DedupWindow = 16*20, 1<<20, 1e6
	var want []string
	for _, n := range []int{1, 2, 3, 16} {
		cfg.Workers = n
		got, _ := replay(t, cfg, frames)
		if want == nil {
			want = got
			continue
		}
		if !slices.Equal(got, want) {
			for i := range got {
				if i >= len(want) || got[i] != want[i] {
					t.Fatalf("%d workers, line %d:\n%swant\n%s", n, i, got[i], want[min(i, len(want)-1)])
				}
			}
			t.Fatalf("%d workers: %d lines, want %d", n, len(got), len(want))
		}
	}
}
