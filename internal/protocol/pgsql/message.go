package pgsql

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Kinds of authentication requests ('R').
const (
	authOK        = 0
	authKerberos  = 2
	authCleartext = 3
	authMD5       = 5
	authGSS       = 7
	authGSSNext   = 8
	authSSPI      = 9
	authSASL      = 10
	authSASLNext  = 11
	authSASLFinal = 12
)

// maxMechanism is how much is looked at of what may be a password: the names of SASL mechanisms fit.
const maxMechanism = 32

// mechanisms are the SASL mechanisms that PostgreSQL has, as facts name them.
var mechanisms = [...]struct{ name, fact string }{
	{"SCRAM-SHA-256-PLUS", "pgsql-scram-sha-256-plus"},
	{"SCRAM-SHA-256", "pgsql-scram-sha-256"},
	{"OAUTHBEARER", "pgsql-oauthbearer"},
}

// authMessages are the names of authentication requests in Suricata's EVE.
var authMessages = [...]string{
	authOK: "authentication_ok", authCleartext: "authentication_cleartext_password",
	authMD5: "authentication_md5_password", authSASL: "authentication_sasl",
	authSASLNext: "authentication_sasl_continue", authGSS: "authentication_gss", authGSSNext: "authentication_gss_continue", authSSPI: "authentication_sspi",
	authSASLFinal: "",
}

// answer takes the one byte that answers a request for encryption.
func (s *stream) answer(c *protocol.Context, b byte) protocol.Status {
	if !s.tx.active {
		s.begin(c, sslRequest) // the request was not captured
	}
	s.heard, s.asked = s.heard || b == 'N', false
	s.tx.response.ssl, s.tx.response.sslAccepted = true, b == 'S'
	s.tell(c)
	switch b {
	case 'S':
		return protocol.Switch
	case 'G':
		s.facts[0] = protocol.Fact{Kind: protocol.Encrypted}
		s.observe(c, protocol.ToClient, s.facts[:1])
		return protocol.Done
	}
	return protocol.More
}

// startup takes a client's packet without a type.
func (s *stream) startup(c *protocol.Context, b []byte) {
	code := binary.BigEndian.Uint32(b[4:])
	switch code {
	case codeSSL, codeGSS:
		s.begin(c, sslRequest)
		s.asked = true
		return
	case codeCancel:
		s.begin(c, cancelRequest)
		if len(b) >= 12 {
			s.tx.number = binary.BigEndian.Uint32(b[8:])
		}
		s.tell(c)
		return
	}
	s.asked, s.typed = false, true
	if code>>16 != 3 {
		s.Malformed(c, protocol.ToServer)
		s.sides[protocol.ToServer].Close()
		return
	}
	s.begin(c, startupMessage)
	s.tx.number = code
	for rest := b[8:]; ; {
		var name, value []byte
		var ok bool
		if name, rest, ok = bytes.Cut(rest, []byte{0}); !ok || len(name) == 0 {
			break
		}
		if value, rest, ok = bytes.Cut(rest, []byte{0}); !ok {
			break
		}
		if value = value[:min(len(value), maxText)]; string(name) == "user" {
			s.login.user = append(s.login.user[:0], value...)
			s.login.pending, s.login.mechanism = len(value) > 0, "pgsql"
		} else {
			s.tx.addParam(name, value)
		}
	}
}

// request takes a client's message. body is its beginning.
func (s *stream) request(c *protocol.Context, kind byte, body []byte, size int) {
	switch kind {
	case 'Q':
		s.begin(c, simpleQuery)
		s.tx.setQuery(body, size-typedHeader)
	case 'X':
		s.begin(c, termination)
		s.tell(c)
	case 'p':
		s.begin(c, password)
		s.credentials(body)
	case 'd':
		s.copied(c, size)
	}
}

// copied counts what a client sends after COPY … FROM STDIN.
func (s *stream) copied(c *protocol.Context, size int) {
	if s.tx.active && s.tx.kind != copyIn {
		s.tell(c)
	}
	if !s.tx.active {
		s.begin(c, copyIn)
	}
	s.tx.count++
	s.tx.size += uint64(size - typedHeader)
}

// credentials takes a password message, which may be a SASL message as well, and looks at the mechanism only.
func (s *stream) credentials(body []byte) {
	if s.next == authSASLNext || s.next == authSASLFinal {
		s.tx.kind = saslResponse
		return
	}
	if s.next == authGSS || s.next == authSSPI || s.next == authGSSNext {
		s.tx.kind = gssResponse
		return
	}
	name, _, ok := bytes.Cut(body, []byte{0})
	if !ok {
		return
	}
	for _, m := range mechanisms {
		if string(name) == m.name {
			s.tx.kind, s.tx.mechanism, s.login.mechanism = saslInitial, m.name, m.fact
			s.next = authSASLNext
			return
		}
	}
}

// response takes a server's message. body is its beginning.
func (s *stream) response(c *protocol.Context, kind byte, body []byte, size int) {
	r := &s.tx.response
	switch kind {
	case 'R':
		s.authentication(c, body)
	case 'E':
		r.setError(body, s.tx.redacted)
		if s.login.pending {
			s.refused(c)
			s.tell(c)
		} else if s.tx.active && s.tx.kind != simpleQuery && s.tx.kind != copyIn {
			s.tell(c)
		}
	case 'S':
		s.parameter(c, body)
	case 'K':
		if len(body) == 4 {
			r.key, r.process = true, binary.BigEndian.Uint32(body)
		}
	case 'T':
		if len(body) == 2 {
			r.described, r.fields = true, binary.BigEndian.Uint16(body)
		}
	case 'D':
		if len(body) == 2 {
			// What is left of a row but the lengths of its fields is data.
			r.rows++
			r.size += uint64(max(0, size-typedHeader-2-4*int(binary.BigEndian.Uint16(body))))
		}
	case 'G', 'H':
		if len(body) == 3 {
			r.copying, r.columns = kind, binary.BigEndian.Uint16(body[1:])
		}
	case 'd':
		r.copies++
		r.copySize += uint64(size - typedHeader)
	case 'C':
		if tag, _, ok := bytes.Cut(body, []byte{0}); ok {
			r.tag = append(r.tag[:0], tag[:min(len(tag), maxText)]...)
		}
	case 'Z':
		if s.login.pending {
			s.tellLogin(c, protocol.LoginAccepted)
		}
		s.tell(c)
	}
}

// refused tells what an error says of the login: of the classes 28 (invalid authorization) and 3D (no such database) only
// the first is about the user. Other errors, too many connections among them, decide nothing.
func (s *stream) refused(c *protocol.Context) {
	outcome := int64(protocol.LoginTried)
	if code := s.tx.response.errors[errorCode]; bytes.HasPrefix(code, []byte("28")) {
		outcome = protocol.LoginRefused
	}
	s.tellLogin(c, outcome)
}

func (s *stream) authentication(c *protocol.Context, body []byte) {
	if len(body) < 4 {
		return
	}
	kind := binary.BigEndian.Uint32(body)
	if kind > authSASLFinal {
		return
	}
	s.next = byte(kind)
	if name := authMessages[kind]; name != "" {
		s.tx.response.message = name
	}
	switch kind {
	case authOK:
		s.tellLogin(c, protocol.LoginAccepted)
		return
	case authSASLFinal:
		return
	case authCleartext:
		s.login.mechanism = "pgsql-password"
	case authMD5:
		s.login.mechanism = "pgsql-md5"
	case authGSS, authSSPI, authKerberos:
		s.login.mechanism = "pgsql-gssapi"
	case authSASL:
		s.login.mechanism = "pgsql-sasl"
		for _, m := range mechanisms[1:] {
			if bytes.Contains(body[4:], []byte(m.name)) {
				s.login.mechanism = m.fact
				break
			}
		}
	}
	s.tell(c)
}

// parameter takes a setting that the server reports.
func (s *stream) parameter(c *protocol.Context, body []byte) {
	name, value, ok := bytes.Cut(body, []byte{0})
	if !ok {
		return
	}
	value, _, _ = bytes.Cut(value, []byte{0})
	value = value[:min(len(value), maxText)]
	s.tx.response.addParam(name, value)
	if string(name) == "server_version" && len(value) > 0 {
		s.version = append(append(s.version[:0], "PostgreSQL "...), value...)
		s.facts[0] = protocol.Fact{Kind: protocol.ServerSoftware, Text: s.version}
		s.observe(c, protocol.ToClient, s.facts[:1])
	}
}

func (s *stream) tellLogin(c *protocol.Context, outcome int64) {
	if !s.login.pending {
		return
	}
	s.login.pending = false
	s.version = append(s.version[:0], s.login.mechanism...)
	s.facts[0] = protocol.Fact{Kind: protocol.Login, Text: s.login.user, Aux: s.version, Num: outcome}
	s.observe(c, protocol.ToServer, s.facts[:1])
}

func (s *stream) observe(c *protocol.Context, d protocol.Dir, facts []protocol.Fact) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Detail: s, Facts: facts}
	c.Sink.Observe(&s.obs)
}

// begin starts a transaction; one that has no answer ends.
func (s *stream) begin(c *protocol.Context, k kind) {
	s.tell(c)
	s.tx.kind, s.tx.active = k, true
}

// tell emits the transaction's event, if there is one that has something to tell.
func (s *stream) tell(c *protocol.Context) {
	if s.tx.active || s.tx.response.telling() {
		s.obs = protocol.Observation{Event: "pgsql", TxID: protocol.NoTx, Detail: s}
		c.Sink.Observe(&s.obs)
		s.txs++
	}
	s.tx = s.tx.fresh()
}
