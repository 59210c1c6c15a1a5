// Command bench times replays of reproducible captures beside tcpdump on the same files, in turns, and prints
// packets per CPU second, the ratio to tcpdump, memory, and bytes a flow. It is what "make bench" runs.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"netsensor/internal/benchcap"
)

func main() {
	dir := flag.String("dir", filepath.Join(os.TempDir(), "netsensor-bench"), "where captures and manifests are kept")
	bin := flag.String("netsensor", "./netsensor", "the program to measure")
	runs := flag.Int("runs", 5, "runs of each command; medians are printed")
	packets := flag.Int("packets", 2_000_000, "packets of the mix")
	flood := flag.Int("flood", 1_000_000, "flows of the flood")
	flag.Parse()
	if err := run(*dir, *bin, *runs, *packets, *flood); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(dir, bin string, runs, packets, flood int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mix, err := capture(dir, fmt.Sprintf("mix-%d.pcap", packets), func(w io.Writer) error {
		return benchcap.Write(w, benchcap.Config{Packets: packets, Flows: packets * 3 / 40})
	})
	if err != nil {
		return err
	}
	flooded, err := capture(dir, fmt.Sprintf("flood-%d.pcap", flood), func(w io.Writer) error { return benchcap.Flood(w, flood, 1) })
	if err != nil {
		return err
	}
	manifests, bindings, err := documents(dir)
	if err != nil {
		return err
	}
	judge := []string{"--manifest", manifests, "--bindings", bindings}
	replay := func(file string, more ...string) []string {
		return append(append([]string{bin, "replay", "--quiet", "--output", os.DevNull}, more...), file)
	}
	full := []string{"--events", "alert,flow,dns,tls,ssh"}
	table := []*measured{
		{name: "tcpdump -w /dev/null", args: []string{"tcpdump", "-r", mix, "-w", os.DevNull}},
		{name: "all events, 1 worker", args: replay(mix, "--workers", "1")},
		{name: "alert+flow+dns+tls+ssh, judged, 1 worker", args: replay(mix, slices.Concat(judge, full, []string{"--workers", "1"})...)},
		{name: "the same, 2 workers", args: replay(mix, slices.Concat(judge, full, []string{"--workers", "2"})...)},
		{name: "alerts only, judged, 1 worker", args: replay(mix, slices.Concat(judge, []string{"--events", "alert", "--workers", "1"})...)},
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		fmt.Println("tcpdump is not installed: no ratios")
		table = table[1:]
	}
	n, err := count(mix)
	if err != nil {
		return err
	}
	for range runs {
		for _, m := range table {
			if err := m.once(); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%s: %d packets; medians of %d runs in turns\n", mix, n, runs)
	fmt.Printf("%-42s %8s %8s %10s %9s %9s\n", "", "CPU s", "wall s", "Mpps/CPU s", "x tcpdump", "peak MB")
	base := 0.0
	for i, m := range table {
		cpu, wall, rss := m.median()
		if i == 0 && strings.HasPrefix(m.name, "tcpdump") {
			base = cpu
		}
		ratio := "-"
		if base > 0 {
			ratio = strconv.FormatFloat(cpu/base, 'f', 2, 64)
		}
		fmt.Printf("%-42s %8.3f %8.3f %10.2f %9s %9.0f\n", m.name, cpu, wall, float64(n)/cpu/1e6, ratio, rss)
	}
	one, two := table[len(table)-3], table[len(table)-2]
	_, w1, _ := one.median()
	_, w2, _ := two.median()
	fmt.Printf("two workers: %.2f times one (wall clock)\n", w1/w2)
	f := &measured{name: "flood", args: replay(flooded, "--workers", "1", "--events", "alert")}
	if err := f.once(); err != nil {
		return err
	}
	cpu, _, rss := f.median()
	fmt.Printf("%d concurrent flows: %.2f CPU s, peak %.0f MB, %.0f bytes a flow\n", flood, cpu, rss, rss*1e6/float64(flood))
	return nil
}

// measured is a command and what its runs took.
type measured struct {
	name      string
	args      []string
	cpu, wall []float64
	rss       []float64
}

func (m *measured) once() error {
	c := exec.Command(m.args[0], m.args[1:]...)
	var text strings.Builder
	c.Stderr = &text
	begun := time.Now()
	err := c.Run()
	took := time.Since(begun)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(m.args, " "), err, text.String())
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	m.cpu = append(m.cpu, (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds())
	m.wall = append(m.wall, took.Seconds())
	m.rss = append(m.rss, float64(u.Maxrss)*1024/1e6)
	return nil
}

func (m *measured) median() (cpu, wall, rss float64) {
	mid := func(v []float64) float64 { s := slices.Sorted(slices.Values(v)); return s[len(s)/2] }
	return mid(m.cpu), mid(m.wall), mid(m.rss)
}

// capture makes a capture file unless it is there.
func capture(dir, name string, write func(io.Writer) error) (string, error) {
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return path, create(path, write)
}

// create writes a file beside its name and puts it there when it is whole.
func create(path string, write func(io.Writer) error) error {
	f, err := os.Create(path + ".partial")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(path+".partial", path)
}

// count returns the number of packets in a pcap file.
func count(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	if _, err := r.Discard(24); err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		var head [16]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return n, nil
		}
		size := int(head[8]) | int(head[9])<<8 | int(head[10])<<16 | int(head[11])<<24
		if _, err := r.Discard(size); err != nil {
			return n, nil
		}
	}
}

const products = 20

// documents writes 20 manifests with 100,000 names and 10,000 prefixes in all, of which the traffic's servers use most, and
// bindings by which every client of the site runs all of the products.
func documents(dir string) (manifests, bindings string, err error) {
	manifests, bindings = filepath.Join(dir, "manifests"), filepath.Join(dir, "bindings.json")
	if err := os.MkdirAll(manifests, 0o755); err != nil {
		return "", "", err
	}
	names, prefixes := benchcap.Names(), benchcap.Prefixes()
	var bound []any
	for i := range products {
		id := fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", i+1)
		var exact []any
		for k := i; k < len(names); k += products {
			if k%50 != 49 { // every fiftieth name is nobody's
				exact = append(exact, map[string]any{"exact": names[k]})
			}
		}
		var cidrs []string
		for k := i; k < len(prefixes); k += products {
			cidrs = append(cidrs, prefixes[k].String())
		}
		doc := map[string]any{
			"manifestVersion": "1.0", "id": id, "serial": 1,
			"publisher": map[string]any{"name": "Bench", "domain": "bench.example"},
			"product":   map[string]any{"name": fmt.Sprintf("Product %d", i+1), "purl": fmt.Sprintf("pkg:generic/bench/p%d", i+1)},
			"validity":  map[string]any{"issued": "2026-01-01T00:00:00Z", "notAfter": "2036-01-01T00:00:00Z"},
			"roles":     map[string]any{"client": map[string]any{"description": "a workstation"}},
			"variables": map[string]any{"resolvers": map[string]any{"kind": "endpoints", "systemType": "dns-resolver", "required": true}},
			"features":  map[string]any{"core": map[string]any{"default": "on", "required": true}},
			"communications": []any{
				communication("web", map[string]any{"names": exact, "hosting": "cloud"}, "udp+tcp", "", "443", "80"),
				communication("ranges", map[string]any{"cidrs": cidrs, "hosting": "dedicated"}, "udp+tcp", "", "443", "80"),
				communication("dns", map[string]any{"variable": "resolvers"}, "udp+tcp", "DNS", "53"),
			},
		}
		if i == 0 { // what has no names: SSH, NTP and the like, to anywhere
			doc["variables"].(map[string]any)["anywhere"] = map[string]any{"kind": "cidrs", "systemType": "internet", "required": true}
			rest := communication("rest", map[string]any{"variable": "anywhere"}, "udp+tcp", "", "1-79", "81-442", "444-65535")
			ping := communication("ping", map[string]any{"variable": "anywhere"}, "icmp", "")
			delete(ping, "ports")
			peers := communication("peers", map[string]any{"role": "client"}, "udp", "", "1024-65535")
			peers["from"], peers["direction"] = map[string]any{"variable": "anywhere"}, "inbound"
			doc["communications"] = append(doc["communications"].([]any), rest, ping, peers)
		}
		if err := writeJSON(filepath.Join(manifests, fmt.Sprintf("product-%02d.json", i+1)), doc); err != nil {
			return "", "", err
		}
		variables := map[string]any{"resolvers": []string{"10.0.0.53", "fd10::35"}}
		if i == 0 {
			variables["anywhere"] = anywhere()
		}
		bound = append(bound, map[string]any{
			"manifest":  map[string]any{"id": id},
			"variables": variables,
			"roles":     map[string]any{"client": map[string]any{"endpoints": []string{"10.1.0.0/16", "10.2.0.0/15", "10.4.0.0/14", "10.8.0.0/14", "fd10:0:1::/48"}}},
		})
	}
	return manifests, bindings, writeJSON(bindings, map[string]any{"bindingsVersion": "1.0", "site": "bench", "products": bound})
}

// anywhere is the unicast Internet in /8 and /16 blocks.
func anywhere() []string {
	var all []string
	for n := 1; n < 224; n++ {
		if n != 10 {
			all = append(all, fmt.Sprintf("%d.0.0.0/8", n))
		}
	}
	for n := 0x2000; n < 0x4000; n++ {
		all = append(all, fmt.Sprintf("%x::/16", n))
	}
	return all
}

func communication(id string, to map[string]any, transport, method string, ports ...string) map[string]any {
	party := "third-party"
	c := map[string]any{
		"id": id, "direction": "outbound", "from": map[string]any{"role": "client"}, "to": to, "transport": transport,
		"ports": ports, "features": []string{"core"}, "necessity": "required", "reason": "to measure",
	}
	if method != "" {
		c["method"] = method
	}
	if id == "dns" {
		party = "customer"
		c["systemType"] = "dns-resolver"
	}
	c["party"] = party
	return c
}

func writeJSON(path string, doc any) error {
	return create(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(doc) })
}
