package http

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

// script turns fuzz input into a talk: byte 0xff changes the direction, 0xfe and a byte lose some.
func script(b []byte) []said {
	d := protocol.ToServer
	var talk []said
	m := said{dir: d}
	flush := func() {
		if m.text != "" || m.lost > 0 {
			talk = append(talk, m)
		}
		m = said{dir: d}
	}
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == 0xff:
			d = d.Reverse()
			flush()
			m.dir = d
		case b[i] == 0xfe && i+1 < len(b):
			flush()
			i++
			m.lost = int(b[i])
		default:
			m.text += string(b[i : i+1])
		}
	}
	flush()
	return talk
}

func unscript(talk []said) []byte {
	var b []byte
	d := protocol.ToServer
	for _, m := range talk {
		if m.dir != d {
			b = append(b, 0xff)
			d = m.dir
		}
		if m.lost > 0 {
			b = append(b, 0xfe, byte(m.lost))
		}
		b = append(b, m.text...)
	}
	return b
}

func FuzzConversation(f *testing.F) {
	for _, c := range conversations {
		f.Add(unscript(c.talk))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		talk := script(b)
		s := newStream(new(decoders))
		whole, status := run(t, s, talk, whole)
		s.Reset()
		cut, st := run(t, s, talk, func() int { return 1 })
		if status != st || strings.Join(whole, "\n") != strings.Join(cut, "\n") {
			t.Errorf("whole (%v):\n%s\ncut (%v):\n%s", status, strings.Join(whole, "\n"), st, strings.Join(cut, "\n"))
		}
	})
}

func FuzzProbe(f *testing.F) {
	f.Add([]byte(get), false)
	f.Add([]byte(ok), true)
	f.Fuzz(func(t *testing.T, b []byte, midstream bool) {
		full := probe(&protocol.Peek{Data: b, Midstream: midstream, End: true})
		for n := range min(len(b), 200) {
			p := &protocol.Peek{Data: b[:n], Midstream: midstream}
			if m := probe(p); m == protocol.Yes && full == protocol.No {
				t.Errorf("%q is HTTP, %q is not", b[:n], b)
			}
		}
	})
}
