package capture

import (
	"bytes"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// ngOf writes frames with pcapgo, in ns.
func ngOf(t testing.TB, frames []frame) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&out, pcapgo.NgInterface{
		Name: "eth0", LinkType: layers.LinkTypeEthernet, TimestampResolution: 9, SnapLength: 1 << 20,
	}, pcapgo.DefaultNgWriterOptions)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if _, err := w.AddInterface(pcapgo.NgInterface{
			Name: "other" + string(rune('0'+i)), LinkType: layers.LinkTypeEthernet, TimestampResolution: 9,
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range frames {
		if err := w.WritePacket(info(f, time.Unix(0, f.Time)), []byte(f.Data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// blocks builds pcapng by hand.
type blocks struct {
	order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	out []byte
}

// add appends a block whose body has the parts: uint16, uint32, uint64, []byte (padded).
func (w *blocks) add(kind uint32, parts ...any) *blocks {
	at := len(w.out)
	w.out = w.order.AppendUint32(w.out, kind)
	w.out = w.order.AppendUint32(w.out, 0)
	for _, p := range parts {
		switch v := p.(type) {
		case uint16:
			w.out = w.order.AppendUint16(w.out, v)
		case uint32:
			w.out = w.order.AppendUint32(w.out, v)
		case uint64:
			w.out = w.order.AppendUint64(w.out, v)
		case string:
			w.out = append(w.out, v...)
			w.out = append(w.out, make([]byte, -len(v)&3)...)
		}
	}
	n := uint32(len(w.out) - at + 4)
	w.out = w.order.AppendUint32(w.out, n)
	w.order.PutUint32(w.out[at+4:], n)
	return w
}

func (w *blocks) section() *blocks {
	return w.add(ngSection, uint32(ngByteOrder), uint16(1), uint16(0), ^uint64(0))
}

func (w *blocks) packet(iface uint32, ticks uint64, wire uint32, data string) *blocks {
	return w.add(ngEnhanced, iface, uint32(ticks>>32), uint32(ticks), uint32(len(data)), wire, data)
}

func TestPcapng(t *testing.T) {
	want := random(2, 500)
	for i := range want {
		want[i].If = uint16(i % 3)
	}
	file := ngOf(t, want)
	for name, data := range map[string][]byte{"plain": file, "gzip": gzipOf(file), "zstd": zstdOf(t, file)} {
		for _, o := range []Options{{}, {BlockSize: 1000}, {BlockSize: 1}} {
			got, stats, err := readBytes(t, data, 64, o)
			if err != nil || stats.Truncated || !slices.Equal(got, want) {
				t.Errorf("%s: %d frames, truncated %v, %v", name, len(got), stats.Truncated, err)
			}
		}
	}
}

// TestPcapngSections: two sections of different byte order, all kinds of blocks.
func TestPcapngSections(t *testing.T) {
	le := (&blocks{order: binary.LittleEndian}).section()
	le.add(0x0bad, "unknown").
		add(ngInterface, uint16(1), uint16(0), uint32(6), uint16(2), uint16(3), "eth", uint16(0), uint16(0)).
		add(ngInterface, uint16(113), uint16(0), uint32(0), uint16(9), uint16(1), "\x8a", // 1/1024 s
			uint16(14), uint16(8), uint64(1000)).
		packet(0, 5_000_001, 4, "abcd").
		packet(1, 1024+512, 9, "efghi").
		add(ngSimple, uint32(5), "simpl").
		add(ngSimple, uint32(9), "simple"). // the snap length is 6
		add(ngPacket, uint16(1), uint16(3), uint32(0), uint32(1024), uint32(2), uint32(2), "ob")
	be := (&blocks{order: binary.BigEndian, out: le.out}).section()
	be.add(ngInterface, uint16(1), uint16(0), uint32(6), uint16(2), uint16(3), "eth").
		add(ngInterface, uint16(101), uint16(0), uint32(0)).
		packet(1, 7, 3, "xyz").
		packet(0, 8, 3, "uvw")
	want := []frame{
		{5_000_001_000, 4, 1, 0, "abcd"},
		{1001_500_000_000, 9, 113, 1, "efghi"},
		{1001_500_000_000, 5, 1, 0, "simpl"},
		{1001_500_000_000, 9, 1, 0, "simple"},
		{1001_000_000_000, 2, 113, 1, "ob"},
		{7000, 3, 101, 2, "xyz"},
		{8000, 3, 1, 0, "uvw"},
	}
	src, err := NewReader(bytes.NewReader(be.out), "x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(t, src, 3)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if i := src.Interfaces(); !slices.Equal(i, []Interface{{"eth", 1, 6}, {"", 113, 0}, {"", 101, 0}}) {
		t.Errorf("interfaces %v", i)
	}
	for n := range be.out {
		got, stats, err := readBytes(t, be.out[:n], 3, Options{BlockSize: 64})
		if n >= 28 && (err != nil || !slices.Equal(got, want[:len(got)]) || len(got) < len(want) && n > len(be.out)-4 && !stats.Truncated) {
			t.Fatalf("cut at %d: %v, %v", n, got, err)
		}
	}
}

func TestPcapngErrors(t *testing.T) {
	start := func() *blocks {
		w := (&blocks{order: binary.LittleEndian}).section()
		return w.add(ngInterface, uint16(1), uint16(0), uint32(0)).packet(0, 1, 4, "abcd")
	}
	patch := func(at int, b ...byte) []byte {
		f := start().packet(0, 2, 4, "efgh").out
		copy(f[84+at:], b)
		return f
	}
	for _, c := range []struct {
		name, want string
		data       []byte
		frames     int
	}{
		{"magic", "offset 0: a section with the byte-order magic 00 00 00 00", make28(), 0},
		{"version", "pcapng version 2.0", (&blocks{order: binary.LittleEndian}).add(ngSection, uint32(ngByteOrder), uint16(2), uint16(0), uint64(0)).out, 0},
		{"no interface", "offset 28: a packet of interface 0", (&blocks{order: binary.LittleEndian}).section().packet(0, 1, 1, "a").out, 0},
		{"simple without", "offset 28: a simple packet", (&blocks{order: binary.LittleEndian}).section().add(ngSimple, uint32(0)).out, 0},
		{"interface", "offset 84: a packet of interface 255", patch(8, 255), 1},
		{"caplen", "offset 84: a packet of 5 bytes in a block that has room for 4", patch(20, 5), 1},
		{"caplen, large", "a packet of 4294967295 bytes", patch(20, 255, 255, 255, 255), 1},
		{"length", "a block of type 0x6 and 4278190116 bytes", patch(4, 36, 0, 0, 255), 1},
		{"no length", "a block of type 0x6 and 0 bytes", patch(4, 0), 1},
		{"trailer", "begins with the length 36 and ends with 37", patch(32, 37), 1},
		{"short packet", "too short for its header", start().add(ngEnhanced, "abc").out, 1},
		{"short obsolete", "too short for its header", start().add(ngPacket, "abc").out, 1},
		{"short simple", "too short for its header", start().add(ngSimple).out, 1},
		{"short interface", "an interface description of 16 bytes", start().add(ngInterface, "abc").out, 1},
		{"short section", "a section header of 16 bytes", start().add(ngSection, uint32(ngByteOrder)).out, 1},
	} {
		got, _, err := readBytes(t, c.data, 8, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || len(got) != c.frames {
			t.Errorf("%s: %d frames, %v", c.name, len(got), err)
		}
	}
}

func make28() []byte {
	b := make([]byte, 28)
	copy(b, "\n\r\r\n\x1c")
	return b
}

// TestPcapngManyInterfaces: their number is bounded.
func TestPcapngManyInterfaces(t *testing.T) {
	w := (&blocks{order: binary.LittleEndian}).section()
	for range maxInterfaces + 1 {
		w.add(ngInterface, uint16(1), uint16(0), uint32(0))
	}
	if _, _, err := readBytes(t, w.out, 8, Options{}); err == nil || !strings.Contains(err.Error(), "more than 65536 interfaces") {
		t.Error(err)
	}
}

// TestClock compares with exact arithmetic.
func TestClock(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for resolution := range 256 {
		for _, offset := range []int64{0, 5, -5, 1 << 62, -1 << 62} {
			c := newClock(byte(resolution), offset)
			base := big.NewInt(10)
			if resolution >= 128 {
				base = big.NewInt(2)
			}
			unit := new(big.Int).Exp(base, big.NewInt(int64(resolution&127)), nil)
			for range 20 {
				ticks := r.Uint64() >> r.IntN(64)
				ns := new(big.Int).SetUint64(ticks)
				ns.Mul(ns, big.NewInt(1e9)).Div(ns, unit)
				ns.Add(ns, new(big.Int).Mul(big.NewInt(offset), big.NewInt(1e9)))
				want := int64(0)
				if limit := big.NewInt(maxSeconds * 1e9); ns.Cmp(limit) > 0 {
					want = limit.Int64()
				} else if ns.Sign() > 0 {
					want = ns.Int64()
				}
				if got := c.time(ticks); got != want {
					t.Fatalf("resolution %#x, offset %d: %d ticks are %d, want %d", resolution, offset, ticks, got, want)
				}
			}
		}
	}
}
