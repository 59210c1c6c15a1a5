package sip

import (
	"bytes"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/heads"
	"netsensor/internal/protocol/lines"
)

// message is what goes into the event. It is lent.
type message struct {
	start
	sdp []byte
}

// take tells of one message.
func (s *stream) take(c *protocol.Context, d protocol.Dir, st start, fields, sdp []byte) {
	facts := s.facts[:0]
	var authorization, to, sequence []byte
	for {
		name, value, rest, ok := heads.Field(fields)
		if !ok {
			break
		}
		switch {
		case lines.Is(name, "AUTHORIZATION"), lines.Is(name, "PROXY-AUTHORIZATION"):
			authorization = value
		case lines.Is(name, "TO"), lines.Is(name, "T"):
			to = value
		case lines.Is(name, "CSEQ"):
			sequence = value
		case lines.Is(name, "USER-AGENT"), lines.Is(name, "SERVER"):
			if f, ok := s.program(d, value); ok && len(facts) < 1 {
				facts = append(facts, f)
			}
		}
		fields = rest
	}
	if len(st.method) > 0 {
		if host := hostOf(st.uri); len(host) > 0 && !bytes.EqualFold(host, s.host) {
			s.host = append(s.host[:0], host...)
			facts = append(facts, protocol.Fact{Kind: protocol.NameService, Text: s.host})
		}
		if f, ok := s.request(st, authorization, to); ok {
			facts = append(facts, f)
		}
	} else if f, ok := s.response(st, sequence, to); ok {
		facts = append(facts, f)
	}
	s.message = message{st, sdp}
	s.obs = protocol.Observation{Event: "sip", Dir: d, TxID: protocol.NoTx, Detail: s, Facts: facts}
	c.Sink.Observe(&s.obs)
	s.message, s.obs.Facts = message{}, nil
	clear(s.facts[:])
}

// program tells, once, what software a side says that it is.
func (s *stream) program(d protocol.Dir, value []byte) (protocol.Fact, bool) {
	value = value[:min(len(value), maxName)]
	if len(value) == 0 || bytes.Equal(value, s.software[d]) {
		return protocol.Fact{}, false
	}
	s.software[d] = append(s.software[d][:0], value...)
	kind := protocol.ClientSoftware
	if d == protocol.ToClient {
		kind = protocol.ServerSoftware
	}
	return protocol.Fact{Kind: kind, Text: s.software[d]}, true
}

// request tells who logs in: by credentials, or to whom a REGISTER binds an address.
func (s *stream) request(st start, authorization, to []byte) (protocol.Fact, bool) {
	s.name = heads.User(s.name[:0], authorization)
	credentials := len(s.name) > 0
	if !credentials && bytes.Equal(st.method, []byte("REGISTER")) {
		s.name = append(s.name, userOf(to)...)
	}
	if len(s.name) == 0 {
		return protocol.Fact{}, false
	}
	s.authorised = credentials
	return s.login(protocol.LoginTried)
}

// response tells how a registration, or what else carried credentials, ended.
func (s *stream) response(st start, sequence, to []byte) (protocol.Fact, bool) {
	_, method := lines.Word(sequence)
	register := lines.Is(method, "REGISTER")
	if !register && !s.authorised {
		return protocol.Fact{}, false
	}
	s.name = append(s.name[:0], s.user...)
	if len(s.name) == 0 {
		s.name = append(s.name, userOf(to)...)
	}
	if len(s.name) == 0 {
		return protocol.Fact{}, false
	}
	switch challenge := string(st.code) == "401" || string(st.code) == "407"; {
	case st.code[0] == '2':
		return s.login(protocol.LoginAccepted)
	case challenge && s.authorised, register && st.code[0] == '4' && !challenge:
		return s.login(protocol.LoginRefused)
	}
	return protocol.Fact{}, false
}

// login tells of s.name unless the same was told last.
func (s *stream) login(outcome int64) (protocol.Fact, bool) {
	if bytes.Equal(s.name, s.user) && (outcome == s.outcome || outcome == protocol.LoginTried) {
		return protocol.Fact{}, false
	}
	s.user, s.outcome = append(s.user[:0], s.name...), outcome
	return protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism, Num: outcome}, true
}

var mechanism = []byte("sip")

// address is what follows the scheme of the SIP URI in b: user@host and more.
func address(b []byte) []byte {
	for _, scheme := range [...]string{"SIP:", "SIPS:"} {
		if i := lines.Index(b[:min(len(b), maxLine)], scheme); i >= 0 && (i == 0 || b[i-1] == '<' || b[i-1] == ' ') {
			b = b[i+len(scheme):]
			if end := bytes.IndexAny(b, "> \t;?"); end >= 0 {
				b = b[:end]
			}
			return b
		}
	}
	return nil
}

// userOf is the user part of a URI, without the password that it may have (RFC 3261, section 19.1.1).
func userOf(b []byte) []byte {
	user, _, ok := bytes.Cut(address(b), []byte{'@'})
	if !ok {
		return nil
	}
	user, _, _ = bytes.Cut(user, []byte{':'})
	return user[:min(len(user), maxName)]
}

// hostOf is the host of a URI if it is a name.
func hostOf(b []byte) []byte {
	host := address(b)
	host = host[bytes.LastIndexByte(host, '@')+1:]
	host, _, _ = bytes.Cut(host, []byte{':'})
	if len(host) == 0 || len(host) > maxName || host[0] == '[' {
		return nil
	}
	for _, c := range host {
		if (c < '0' || c > '9') && c != '.' {
			return host
		}
	}
	return nil
}

// appendURI appends a URI without the password that it may have.
func appendURI(dst, b []byte) []byte {
	at := bytes.IndexByte(b, '@')
	if at < 0 {
		return append(dst, b...)
	}
	scheme := bytes.IndexByte(b[:at], ':') + 1
	if colon := bytes.IndexByte(b[scheme:at], ':'); colon >= 0 {
		dst = append(dst, b[:scheme+colon]...)
		return append(dst, b[at:]...)
	}
	return append(dst, b...)
}

// AppendEVE appends the member "sip".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	m := &s.message
	w := eve.Open(append(dst, `"sip":`...), o)
	w.BytesIf("method", m.method)
	if len(m.uri) > 0 {
		s.shown = appendURI(s.shown[:0], m.uri)
		w.Bytes("uri", s.shown)
	}
	w.Bytes("version", m.version)
	w.BytesIf("code", m.code)
	w.BytesIf("reason", m.reason)
	if len(m.sdp) > 0 {
		appendSDP(&w, m.sdp)
	}
	if len(m.method) > 0 {
		s.shown = append(append(s.shown[:0], m.method...), ' ')
		s.shown = append(append(appendURI(s.shown, m.uri), ' '), m.version...)
		w.Bytes("request_line", s.shown)
	} else {
		w.Bytes("response_line", m.line)
	}
	return w.Close()
}
