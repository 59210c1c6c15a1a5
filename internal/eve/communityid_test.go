package eve

import (
	"net/netip"
	"testing"
)

// The expected values are those of the Community ID specification's baseline (community-id-spec, seed 0).
func TestCommunityID(t *testing.T) {
	for _, c := range []struct {
		proto        uint8
		src, dst     string
		sport, dport uint16
		want         string
	}{
		{6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
	} {
		got := string(AppendCommunityID(nil, 0, c.proto, netip.MustParseAddr(c.src), netip.MustParseAddr(c.dst), c.sport, c.dport))
		if got != c.want {
			t.Errorf("proto %d %s:%d > %s:%d = %s, want %s", c.proto, c.src, c.sport, c.dst, c.dport, got, c.want)
		}
	}
}
