package tls

import (
	"testing"

	"netsensor/internal/protocol"
)

// TestHeld feeds the beginning of a large ClientHello, a record at a time: what is collected is told.
func TestHeld(t *testing.T) {
	s := Parser().New()
	h, ok := s.(protocol.Holder)
	if !ok {
		t.Fatal("the stream does not say what it holds")
	}
	record := append([]byte{recordHandshake, 3, 1, 0x20, 0}, make([]byte, 0x2000)...)
	copy(record[5:], []byte{typeClientHello, 0, 0xf0, 0, 3, 3})
	c := &protocol.Context{Over: protocol.TCP, Sink: drop{}}
	for i := range 3 {
		s.Feed(c, protocol.ToServer, record)
		if n := h.Held(); n < (i+1)*0x2000 || n > 4*(i+1)*0x2000 {
			t.Errorf("after %d records: %d bytes", i+1, n)
		}
		clear(record[5:11])
	}
}

type drop struct{}

func (drop) Observe(*protocol.Observation) {}
