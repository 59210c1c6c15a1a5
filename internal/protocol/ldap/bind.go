package ldap

import (
	"bytes"
	"encoding/hex"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ber"
	"netsensor/internal/protocol/krb5"
	"netsensor/internal/protocol/ntlm"
	"netsensor/internal/protocol/saslname"
)

const maxUser = 256

// Authentication choices (RFC 4511, section 4.2; [MS-ADTS], section 5.1.1.1.3 for NTLM outside SASL).
const (
	simple        = ber.Context
	sasl          = ber.Context | ber.Constructed | 3
	ntlmNegotiate = ber.Context | 10
	ntlmRespond   = ber.Context | 11
)

var (
	viaSimple = []byte("ldap")
	viaSASL   = []byte("ldap-sasl")
	viaNTLM   = []byte("ntlmssp")
)

// login is the bind that waits for its outcome.
type login struct {
	id      int64
	user    []byte // empty when nobody is known
	via     []byte
	waiting bool
	unsure  bool // without a password a server may say success and mean anonymous (RFC 4513, section 5.1.2)
}

// bind reads a BindRequest. Neither a password nor a token is copied.
func (s *stream) bind(c *protocol.Context, d protocol.Dir, id int64, b ber.Reader, w *eve.Object) bool {
	version, _ := b.Int(ber.Integer)
	w.Int("version", version)
	name, ok := b.Take(ber.OctetString)
	text(w, "name", name)
	choice, cred, whole := b.Next()
	if !ok || !whole {
		return false
	}
	l := &s.login
	l.id, l.unsure = id, false
	switch choice {
	case simple:
		l.user, l.unsure = appendUser(l.user[:0], name), len(cred) == 0
		s.tried(c, d, viaSimple)
	case sasl:
		mechanism, _ := cred.Take(ber.OctetString)
		token, _ := cred.Take(ber.OctetString)
		in := w.Begin("sasl")
		text(&in, "mechanism", mechanism)
		w.End(in)
		s.sasl = true
		s.saslUser(c, d, mechanism, token)
	case ntlmNegotiate, ntlmRespond:
		s.sasl = true
		s.ntlm(c, d, cred)
	}
	return true
}

// ntlm takes the user from the last message of an exchange; any other begins one.
func (s *stream) ntlm(c *protocol.Context, d protocol.Dir, token []byte) {
	l := &s.login
	_, user, _, _ := ntlm.User(token)
	l.user = append(l.user[:0], user[:min(len(user), maxUser)]...)
	s.tried(c, d, viaNTLM)
}

// server tells the host that a Kerberos ticket is for.
func (s *stream) server(c *protocol.Context, d protocol.Dir, token []byte) {
	_, name, ok := krb5.Service(token)
	if !ok {
		return
	}
	krb5.Element(&name) // "ldap"
	if host, ok := krb5.Element(&name); ok && len(host) > 0 && len(host) <= maxUser {
		s.observe(c, d, protocol.Fact{Kind: protocol.NameService, Text: host})
	}
}

// saslUser takes the user from a mechanism's response, if it is there.
func (s *stream) saslUser(c *protocol.Context, d protocol.Dir, mechanism, token []byte) {
	l := &s.login
	user := s.scratch[:0]
	switch {
	case len(token) == 0:
	case bytes.HasPrefix(mechanism, []byte("GSS")), bytes.Equal(mechanism, []byte("NTLM")):
		s.ntlm(c, d, token)
		s.server(c, d, token)
		return
	case bytes.Equal(mechanism, []byte("DIGEST-MD5")):
		_, v, _ := bytes.Cut(token, []byte(`username="`))
		v, _, _ = bytes.Cut(v, []byte{'"'})
		user = append(user, v[:min(len(v), maxUser)]...)
	case bytes.Equal(mechanism, []byte("CRAM-MD5")):
		v := token[:max(bytes.LastIndexByte(token, ' '), 0)]
		user = append(user, v[:min(len(v), maxUser)]...)
	default:
		user = saslname.Append(user, mechanism, token)
	}
	s.scratch = user
	if len(user) > 0 { // else the exchange goes on
		l.user = append(l.user[:0], user...)
		s.tried(c, d, viaSASL)
	}
}

// tried tells that l.user, if it is anybody, wants to log in.
func (s *stream) tried(c *protocol.Context, d protocol.Dir, via []byte) {
	l := &s.login
	l.via, l.waiting = via, len(l.user) > 0
	if l.waiting {
		s.observe(c, d, protocol.Fact{Kind: protocol.Login, Text: l.user, Aux: via, Num: protocol.LoginTried})
	}
}

// bound takes the result of a bind; code is -1 when it is not known.
func (s *stream) bound(c *protocol.Context, d protocol.Dir, id, code int64) {
	l := &s.login
	if !l.waiting || l.id != id || code < 0 || code == saslInProgress {
		return
	}
	l.waiting = false
	outcome := int64(protocol.LoginRefused)
	if code == success {
		if l.unsure {
			return
		}
		outcome = protocol.LoginAccepted
	}
	s.observe(c, d, protocol.Fact{Kind: protocol.Login, Text: l.user, Aux: l.via, Num: outcome})
}

// appendUser appends the value of a distinguished name's first element (RFC 4514), or a name of another form as it is.
func appendUser(dst, name []byte) []byte {
	first := name
	if eq := bytes.IndexByte(name, '='); eq > 0 && !bytes.ContainsAny(name[:eq], `\@/ `) {
		first = name[eq+1:]
	} else {
		return append(dst, name[:min(len(name), maxUser)]...)
	}
	for i := 0; i < len(first) && len(dst) < maxUser; i++ {
		c := first[i]
		switch {
		case c == ',' || c == '+' || c == ';':
			return dst
		case c == '\\' && i+2 < len(first):
			var b [1]byte
			if _, err := hex.Decode(b[:], first[i+1:i+3]); err == nil {
				c = b[0]
				i += 2
			} else {
				i++
				c = first[i]
			}
		}
		dst = append(dst, c)
	}
	return dst
}
