package irc

import (
	"strings"
	"testing"

	"netsensor/internal/protocol"
	st "netsensor/internal/protocol/streamtest"
)

var session = []st.Step{
	st.Client("NICK joe\r\nUSER joe 0 * :Joe\r\n"), st.Server(":irc.example.net NOTICE * :*** Looking up\r\n"),
	st.Client("STARTTLS\r\n"), st.Server(":irc.example.net 670 joe :go\r\n"), st.Client("\x16\x03\x01"),
}

func TestStatus(t *testing.T) {
	st.Check(t, Parser(), nil, session...)
	for _, tt := range []struct {
		steps []st.Step
		want  protocol.Status
	}{
		{session, protocol.Switch},
		{session[:2], protocol.More},
		{[]st.Step{session[0], st.Server(strings.Repeat(":x 001 y :z\r\n", maxLines+1))}, protocol.Done},
	} {
		table := st.NewTable(Parser(), new(st.Recorder))
		for _, s := range tt.steps {
			table.Do(s)
		}
		if table.Status != tt.want {
			t.Errorf("status %d, want %d", table.Status, tt.want)
		}
	}
}

func TestProbe(t *testing.T) {
	for bytes, want := range map[string]protocol.Match{
		"NICK joe\r\nUSER joe 0 * :Joe\r\n": protocol.Yes, "NICK joe\r\n": protocol.Maybe, "CAP LS 302\r\n": protocol.Yes, "NI": protocol.Maybe,
		":irc.example.net NOTICE AUTH :x\r\n": protocol.Yes, "NOTICE AUTH :*** x\r\n": protocol.Yes, "USER joe\r\nPASS x\r\n": protocol.No, "PASS x\r\n": protocol.Maybe,
		"PASS x\r\nSYST\r\n": protocol.No, "USER a\nNICK a\n": protocol.Yes,
		"PRIVMSG bob :\x01DCC SEND x\r\n": protocol.Yes, "PING\r\n": protocol.No, "GET / HTTP/1.1\r\n": protocol.No, "\x16\x03\x01": protocol.No, ":1\r\n": protocol.No,
	} {
		if got := probe(&protocol.Peek{Data: []byte(bytes), Over: protocol.TCP, ServerPort: 4711}); got != want {
			t.Errorf("%q: %d, want %d", bytes, got, want)
		}
	}
}

func FuzzStream(f *testing.F) { st.Fuzz(f, Parser(), session) }
