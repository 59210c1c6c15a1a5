package packet

import (
	"reflect"
	"strings"
	"testing"
)

// TestCountsAdd finds every counter by reflection: none is forgotten by Add.
func TestCountsAdd(t *testing.T) {
	var a, b Counts
	v := reflect.ValueOf(&a).Elem()
	n := uint64(1)
	set := func(f reflect.Value) {
		f.SetUint(n)
		n++
	}
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Array {
			for j := range f.Len() {
				set(f.Index(j))
			}
		} else {
			set(f)
		}
	}
	b.Add(&a)
	if a != b {
		t.Errorf("added to nothing:\n%+v\nwant\n%+v", b, a)
	}
	b.Add(&a)
	if b.Unsupported != 2*a.Unsupported || b.MaxPacket != a.MaxPacket || b.Events[eventCount-1] != 2*a.Events[eventCount-1] {
		t.Errorf("added twice: %+v", b)
	}
}

// TestCountsWalk holds what a writer of nested objects relies on: keys come once, and groups are not interrupted.
func TestCountsWalk(t *testing.T) {
	var c Counts
	for i := range c.Events {
		c.Events[i] = 1
	}
	seen := map[string]bool{}
	group := ""
	c.Walk(func(key string, _ uint64) {
		if seen[key] || strings.HasSuffix(key, ".") || key == "" {
			t.Errorf("key %q twice, or incomplete", key)
		}
		seen[key] = true
		g := ""
		if i := strings.LastIndexByte(key, '.'); i >= 0 {
			g = key[:i]
		}
		if g != group && g != "" && seen[g] {
			t.Errorf("group %q begins again at %q", g, key)
		}
		group = g
		seen[g] = g != ""
	})
	if !seen["event.ipv4.trunc_pkt"] || !seen["vlan_qinq"] || EventUDPLenInvalid.String() != "udp.len_invalid" {
		t.Error("keys are missing")
	}
}

func TestPktSrc(t *testing.T) {
	if got := TunnelVXLAN.PktSrc(); got != "vxlan encapsulation" {
		t.Error(got)
	}
	if got := (&Packet{Reassembled: 1}).PktSrc(); got != "defrag" {
		t.Error(got)
	}
	for k := range TunnelKind(len(pktSrc)) {
		if k.PktSrc() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}
