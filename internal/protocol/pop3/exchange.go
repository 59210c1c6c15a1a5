package pop3

import (
	"bytes"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// response is what goes into an event: a response and the command that it answers, if that was seen.
type response struct {
	request  request
	asked    bool // request is valid
	answered bool
	success  bool
	header   span
	data     []span
	text     []byte // header and data
}

func (r *response) reset() {
	text, data := r.text[:0], r.data[:0]
	*r = response{text: text, data: data}
}

func (r *response) put(b []byte) span {
	from := len(r.text)
	r.text = append(r.text, b[:min(len(b), maxText-from)]...)
	return span{uint32(from), uint32(len(r.text))}
}

// command takes a line of the client.
func (s *stream) command(c *protocol.Context, line []byte) {
	if s.waiting == maxPending || len(s.text) > keepText-5*maxUser {
		s.finish(c)
	}
	if s.waiting == 0 && !s.inData {
		s.text = s.text[:0]
	}
	word, args := lines.Word(line)
	if s.asking {
		if !known(word) {
			s.push(request{kind: saslData, verb: s.put([]byte("<SASL DATA>"))})
			if s.login.Respond(line) {
				s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
			}
			return
		}
		s.asking = false
	}
	if len(word) == 0 {
		return
	}
	if !known(word) {
		// It may be a response to a challenge that was not seen, and thus a secret.
		s.push(request{verb: s.put([]byte("<UNKNOWN>"))})
		return
	}
	r := request{kind: classify(word, args), verb: s.put(word)}
	for n := secretFrom(r.kind); len(args) > 0 && r.n < min(n, len(r.args)); r.n++ {
		var a []byte
		a, args = lines.Word(args)
		r.args[r.n] = s.put(a)
	}
	s.push(r)
	switch name, initial := lines.Word(line[len(word):]); r.kind {
	case user, apop:
		s.login.Reset()
		s.user = append(s.user[:0], name[:min(len(name), maxUser)]...)
		s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
	case auth:
		s.login.Begin(name)
		s.asking = true
		if len(initial) > 0 && s.login.Respond(initial) {
			s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
		}
	}
}

func classify(word, args []byte) kind {
	switch {
	case lines.Is(word, "USER"):
		return user
	case lines.Is(word, "PASS"):
		return pass
	case lines.Is(word, "APOP"):
		return apop
	case lines.Is(word, "AUTH"):
		if len(args) == 0 {
			return list // asks for the mechanisms
		}
		return auth
	case lines.Is(word, "STLS"):
		return stls
	case lines.Is(word, "CAPA"), len(args) == 0 && (lines.Is(word, "LIST") || lines.Is(word, "UIDL")):
		return list
	case lines.Is(word, "RETR"), lines.Is(word, "TOP"):
		return mail
	}
	return other
}

// secretFrom says how many arguments of a command may be kept: secrets follow them.
func secretFrom(k kind) int {
	switch k {
	case pass:
		return 0
	case apop, auth:
		return 1
	}
	return 3
}

// responseLine takes a line of the server. It reports whether TLS begins behind it.
func (s *stream) responseLine(c *protocol.Context, line []byte) bool {
	if s.inData {
		if len(line) > 0 && line[0] == '.' {
			if line = line[1:]; len(line) == 0 {
				s.inData = false
				s.emit(c)
				return false
			}
		}
		if s.now.request.kind == list && len(s.now.data) < maxData && len(s.now.text) < maxText {
			s.now.data = append(s.now.data, s.now.put(line))
		}
		return false
	}
	word, text := lines.Word(line)
	success := lines.Is(word, "+OK")
	switch {
	case success, lines.Is(word, "-ERR"):
	case lines.Is(word, "+"):
		success, text = true, nil // a challenge
	default:
		return false // of a response whose command was not seen
	}
	s.now.reset()
	s.now.answered, s.now.success, s.now.header = true, success, s.now.put(text)
	greeting := !s.greeted && (s.waiting == 0 || isGreeting(text))
	s.greeted = true
	if s.waiting > 0 && !greeting {
		s.now.request, s.now.asked = s.pop(), true
	}
	if greeting {
		if v := software(text); len(v) > 0 {
			s.tell(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: v})
		}
	}
	k := s.now.request.kind
	s.outcome(c, k, success, lines.Is(word, "+"))
	if success && (k == list || k == mail) {
		s.inData = true
		return false
	}
	s.emit(c)
	return success && k == stls && s.now.asked
}

// isGreeting tells the greeting from the first response that was seen, when a command came before it: either the
// client did not wait or the greeting was lost.
func isGreeting(text []byte) bool {
	return lines.Contains(text, "POP") || lines.Contains(text, "READY") || bytes.IndexByte(text, '<') >= 0 && bytes.IndexByte(text, '@') >= 0
}

// outcome tells how a login ended.
func (s *stream) outcome(c *protocol.Context, k kind, success, challenge bool) {
	switch k {
	case user:
		if !success {
			s.loggedIn(c, protocol.ToClient, protocol.LoginRefused)
		}
	case pass, apop, auth, saslData:
		switch {
		case challenge:
			return
		case success:
			s.loggedIn(c, protocol.ToClient, protocol.LoginAccepted)
		default:
			s.loggedIn(c, protocol.ToClient, protocol.LoginRefused)
		}
		s.asking = false
		s.login.Reset()
	}
}

func (s *stream) emit(c *protocol.Context) {
	s.obs = protocol.Observation{Event: "pop3", TxID: protocol.NoTx, Detail: s}
	if !s.now.asked {
		s.obs.Dir = protocol.ToClient
	}
	c.Sink.Observe(&s.obs)
}

// software finds a product that is known to name itself in the greeting.
func software(text []byte) []byte {
	for _, w := range [...]string{"DOVECOT", "CYRUS", "QPOPPER", "COURIER", "CMAILSERVER", "MICROSOFT EXCHANGE", "HMAILSERVER", "TEAPOP", "POPPASSD"} {
		if i := lines.Index(text, w); i >= 0 {
			if bytes.IndexByte([]byte(w), ' ') > 0 {
				return text[i : i+len(w)]
			}
			return lines.Product(text[i:])
		}
	}
	return nil
}

// AppendEVE appends the member "pop3".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"pop3":`...), o)
	r := &s.now
	if r.asked {
		in := w.Begin("request")
		in.Bytes("command", s.text[r.request.verb.from:r.request.verb.to])
		array(&in, "args", r.request.args[:r.request.n], s.text)
		w.End(in)
	}
	if r.answered {
		in := w.Begin("response")
		in.Bool("success", r.success)
		if r.success {
			in.Str("status", "OK")
		} else {
			in.Str("status", "ERR")
		}
		in.Bytes("header", r.text[r.header.from:r.header.to])
		array(&in, "data", r.data, r.text)
		w.End(in)
	}
	return w.Close()
}

func array(w *eve.Object, key string, spans []span, text []byte) {
	w.Key(key)
	w.B = append(w.B, '[')
	for i, s := range spans {
		if i > 0 {
			w.B = append(w.B, ',')
		}
		w.B = eve.AppendString(w.B, text[s.from:s.to])
	}
	w.B = append(w.B, ']')
}
