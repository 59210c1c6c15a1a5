package ftp

import (
	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// kind is what a command means to the stream.
type kind uint8

const (
	other kind = iota
	user
	pass
	startTLS
	pasv
	epsv
	active
	reinitialise
)

// span is a piece of transaction.text.
type span struct{ from, to uint32 }

func (s span) empty() bool { return s.from == s.to }

// transaction is a command and its replies, or replies without a command.
type transaction struct {
	kind           kind
	verb, args     span
	codes, texts   []span // of the lines of the replies
	request        int    // bytes of text that are the command's
	port           int    // of the data connection; 0 when there is none
	mode           string
	cut, longReply bool
	text           []byte
}

func (t *transaction) reset() {
	clear(t.text)
	text, codes, texts := t.text[:0], t.codes[:0], t.texts[:0]
	if cap(text) > keepText {
		text = nil
	}
	*t = transaction{text: text, codes: codes, texts: texts}
}

func (t *transaction) get(s span) []byte { return t.text[s.from:s.to] }

// put keeps b, or the beginning of it.
func (t *transaction) put(b []byte) span {
	from := len(t.text)
	t.text = append(t.text, b[:min(len(b), maxText-from)]...)
	return span{uint32(from), uint32(len(t.text))}
}

// command takes a line of the client.
func (s *stream) command(c *protocol.Context, line []byte, long bool) {
	// A client that aborts sends Telnet's IP and DM before the command (RFC 959, section 4.1.3).
	for len(line) > 0 && line[0] >= 0xf0 {
		line = line[1:]
	}
	word, args := lines.Word(line)
	if len(word) == 0 {
		return
	}
	t := s.begin()
	t.kind, t.cut = classify(word, args), long
	t.verb = t.put(word[:min(len(word), 64)])
	if !secret(word) {
		t.args = t.put(args)
	}
	switch t.kind {
	case user:
		s.user = append(s.user[:0], args[:min(len(args), maxUser)]...)
		s.login(c, protocol.ToServer, protocol.LoginTried)
	case pasv, epsv:
		t.mode = "passive"
	case active:
		t.mode = "active"
		if n, ok := hostPort(args); ok {
			t.port = n
		} else if n, ok := extended(args); ok {
			t.port = n
		}
	}
	t.request = len(t.text)
	s.push(c, t)
}

func classify(word, args []byte) kind {
	switch {
	case lines.Is(word, "USER"):
		return user
	case lines.Is(word, "PASS"):
		return pass
	case lines.Is(word, "AUTH"):
		if lines.Begins(args, "TLS") || lines.Begins(args, "SSL") {
			return startTLS
		}
	case lines.Is(word, "PASV"), lines.Is(word, "LPSV"):
		return pasv
	case lines.Is(word, "EPSV"):
		return epsv
	case lines.Is(word, "PORT"), lines.Is(word, "EPRT"):
		return active
	case lines.Is(word, "REIN"):
		return reinitialise
	}
	return other
}

// secret knows the commands whose argument must not be kept. A command that nobody knows may be a password on a line
// of its own.
func secret(word []byte) bool {
	return lines.Is(word, "PASS") || lines.Is(word, "ACCT") || lines.Is(word, "ADAT") || lines.Is(word, "NEWPASS")
}

func (s *stream) login(c *protocol.Context, d protocol.Dir, outcome int64) {
	if len(s.user) > 0 {
		s.tell(c, d, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism, Num: outcome})
	}
}

var mechanism = []byte("ftp")

// AppendEVE appends the member "ftp".
func (t *transaction) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"ftp":`...), o)
	if !t.verb.empty() {
		w.Bytes("command", t.get(t.verb))
		if !t.args.empty() {
			w.Bytes("command_data", t.get(t.args))
			w.Bool("command_truncated", t.cut)
		}
	}
	t.list(&w, "completion_code", t.codes)
	t.list(&w, "reply", t.texts)
	if t.port > 0 {
		w.Int("dynamic_port", int64(t.port))
	}
	w.StrIf("mode", t.mode)
	if len(t.texts) > 0 {
		w.Str("reply_received", "yes")
	} else {
		w.Str("reply_received", "no")
	}
	w.Bool("reply_truncated", t.longReply)
	return w.Close()
}

func (t *transaction) list(w *eve.Object, key string, list []span) {
	if len(list) == 0 {
		return
	}
	w.Key(key)
	for i, s := range list {
		w.B = append(w.B, "[,"[min(i, 1)])
		w.B = eve.AppendString(w.B, t.get(s))
	}
	w.B = append(w.B, ']')
}
