package frames

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
)

// format has messages of a length byte and as many bytes; of those of length 9 nothing is shown, 255 is malformed.
type format struct{ got []string }

func (f *format) Frame(_ protocol.Dir, b []byte) (size, show int, ok bool) {
	size = 1 + int(b[0])
	if b[0] != 9 {
		show = size
	}
	return size, show, b[0] != 255
}
func (f *format) Sync(_ protocol.Dir, b []byte) bool { return b[0] == 2 }
func (f *format) Message(_ *protocol.Context, _ protocol.Dir, b []byte, _ int) protocol.Status {
	f.got = append(f.got, string(b[1:]))
	return protocol.More
}
func (f *format) Malformed(*protocol.Context, protocol.Dir) { f.got = append(f.got, "!") }

func TestReader(t *testing.T) {
	var r Reader
	f, c := new(format), new(protocol.Context)
	feed := func(b string, want int) {
		t.Helper()
		if n, st := r.Feed(f, c, protocol.ToServer, []byte(b)); n != want || st != protocol.More {
			t.Errorf("%q: consumed %d, status %d, want %d", b, n, st, want)
		}
	}
	feed("\x01a\x02b", 2)
	if c.Need != 3 {
		t.Errorf("needs %d bytes", c.Need)
	}
	if !r.Gap(1) { // the rest of the message, whose first two bytes are dropped with it
		t.Error("a loss within a message is not survived")
	}
	feed("\x01c\x09xx", 12)
	feed("\x05de", 0)
	if r.Gap(100) {
		t.Error("a loss of unknown extent is survived")
	}
	feed("garbage", 7)
	feed("\x02fg\xff", 4) // guessed, so nothing is malformed
	feed("\x02hi", 3)
	r.Rest()
	feed("\x01x", 2)
	r.Wake()
	feed("\x01j", 2)
	var fresh Reader
	r = fresh
	feed("\xff", skipAll)
	if want := "a c fg hi j !"; strings.Join(f.got, " ") != want {
		t.Errorf("got %q, want %q", f.got, want)
	}
	if !r.Closed() {
		t.Error("not closed")
	}
}
