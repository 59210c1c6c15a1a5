// Package sasl reads who logs in from SASL exchanges (RFC 4422) as SMTP, IMAP, POP3 and XMPP carry them in base64.
// Only the user name is kept; what else a response holds is not decoded where that can be avoided, and wiped at once
// where it cannot.
package sasl

import (
	"bytes"
	"encoding/base64"

	"netsensor/internal/protocol/lines"
	"netsensor/internal/protocol/ntlm"
)

const (
	maxUser = 256 // bytes of a user name that are kept
	// maxToken is the longest response that is decoded whole, of NTLM and DIGEST-MD5.
	maxToken  = 8 << 10
	keepToken = 1 << 10
)

// mechanism says how a user name stands in the client's responses.
type mechanism uint8

const (
	none mechanism = iota
	plain
	login
	cramMD5
	digestMD5
	xoauth2
	gs2 // SCRAM and OAUTHBEARER: a GS2 header, then n= or none
	wrapped
	external
	anonymous
)

// Exchange is one authentication. The zero value is idle.
type Exchange struct {
	mechanism mechanism
	ntlm      bool // the name came from an NTLMSSP message
	user      []byte
	scratch   []byte
}

// Begin starts an exchange by the mechanism's name, as given by the client in any case.
func (e *Exchange) Begin(name []byte) {
	e.Reset()
	switch {
	case lines.Is(name, "PLAIN"):
		e.mechanism = plain
	case lines.Is(name, "LOGIN"):
		e.mechanism = login
	case lines.Is(name, "CRAM-MD5"), lines.Is(name, "CRAM-SHA1"), lines.Is(name, "CRAM-SHA256"):
		e.mechanism = cramMD5
	case lines.Is(name, "DIGEST-MD5"):
		e.mechanism = digestMD5
	case lines.Is(name, "XOAUTH2"):
		e.mechanism = xoauth2
	case lines.Begins(name, "SCRAM-"), lines.Is(name, "OAUTHBEARER"), lines.Is(name, "OAUTH10A"):
		e.mechanism = gs2
	case lines.Is(name, "NTLM"), lines.Is(name, "GSS-SPNEGO"), lines.Is(name, "GSSAPI"):
		e.mechanism = wrapped
	case lines.Is(name, "EXTERNAL"):
		e.mechanism = external
	case lines.Is(name, "ANONYMOUS"):
		e.mechanism, e.user = anonymous, append(e.user, "anonymous"...)
	}
}

// Reset makes e idle.
func (e *Exchange) Reset() {
	e.mechanism, e.ntlm, e.user = none, false, e.user[:0]
	if cap(e.scratch) > keepToken {
		e.scratch = nil
	}
}

// User returns the user name; empty as long as it is not known. It is valid until the next call of Begin or Reset.
func (e *Exchange) User() []byte { return e.user }

// NTLM reports whether the user logs in by NTLM.
func (e *Exchange) NTLM() bool { return e.ntlm }

// Respond takes a response of the client, in base64. It reports whether it told the user name: of later responses,
// which may be secrets, nothing is looked at.
func (e *Exchange) Respond(b []byte) bool {
	if len(e.user) > 0 {
		return false
	}
	b = lines.Trim(b)
	switch e.mechanism {
	case plain:
		// RFC 4616: authorization identity, NUL, user, NUL, password.
		e.take(b, 1, 0)
	case login:
		e.take(b, 0, -1)
		e.mechanism = none
	case external:
		e.take(b, 0, -1)
	case xoauth2:
		e.take(b, 0, 1)
		if name, ok := bytes.CutPrefix(e.user, []byte("user=")); ok {
			e.user = append(e.user[:0], name...)
		} else {
			e.forget()
		}
	case gs2:
		e.header(b)
	case cramMD5:
		e.cram(b)
	case digestMD5:
		e.digest(b)
	case wrapped:
		e.token(b)
	}
	if len(e.user) > 0 {
		e.mechanism = none
		return true
	}
	return false
}

func (e *Exchange) forget() {
	clear(e.user)
	e.user = e.user[:0]
}

// take decodes into user what stands between the skip-th NUL and the byte end; all of it if end is negative. What
// has no such end is dropped: it may be a secret of another kind.
func (e *Exchange) take(b []byte, skip, end int) {
	var group [3]byte
	for len(b) > 0 {
		in := b[:min(4, len(b))]
		n, err := decode(group[:], in)
		for _, c := range group[:n] {
			switch {
			case skip > 0:
				if c == 0 {
					skip--
				}
			case int(c) == end:
				clear(group[:])
				return
			case c == 0 && end < 0:
				e.forget()
				return
			case len(e.user) < maxUser:
				e.user = append(e.user, c)
			case end < 0:
				clear(group[:])
				return
			}
		}
		clear(group[:])
		if err != nil {
			break
		}
		b = b[len(in):]
	}
	if end >= 0 {
		e.forget()
	}
}

// decode is base64 with or without padding.
func decode(dst, b []byte) (int, error) {
	for len(b) > 0 && b[len(b)-1] == '=' {
		b = b[:len(b)-1]
	}
	return base64.RawStdEncoding.Decode(dst, b)
}

// whole decodes b into the scratch buffer, as far as it is valid. The caller clears what it gets.
func (e *Exchange) whole(b []byte) []byte {
	b = b[:min(len(b), maxToken)]
	n := base64.StdEncoding.DecodedLen(len(b)) + 3
	if cap(e.scratch) < n {
		e.scratch = make([]byte, n)
	}
	n, _ = decode(e.scratch[:n], b)
	return e.scratch[:n]
}

// set keeps a name.
func (e *Exchange) set(name []byte) { e.user = append(e.user[:0], name[:min(len(name), maxUser)]...) }

// cram takes the name before the keyed digest (RFC 2195, section 2).
func (e *Exchange) cram(b []byte) {
	text := e.whole(b)
	if i := bytes.LastIndexByte(text, ' '); i > 0 && len(text)-i-1 >= 32 && hexadecimal(text[i+1:]) {
		e.set(text[:i])
	}
	clear(text)
}

func hexadecimal(b []byte) bool {
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

// digest takes the username directive (RFC 2831, section 2.1.2).
func (e *Exchange) digest(b []byte) {
	text := e.whole(b)
	if _, v, ok := bytes.Cut(text, []byte(`username="`)); ok {
		if end := bytes.IndexByte(v, '"'); end > 0 {
			e.set(v[:end])
		}
	}
	clear(text)
}

// token takes the user of an NTLMSSP message.
func (e *Exchange) token(b []byte) {
	text := e.whole(b)
	if _, user, _, ok := ntlm.User(text); ok && len(user) > 0 {
		e.set(user)
		e.ntlm = true
	}
	clear(text)
}

// header takes the name out of a SCRAM client-first-message (RFC 5802, section 7), "n,a=authzid,n=user,r=nonce", or of
// an OAUTHBEARER message (RFC 7628, section 3.1), "n,a=user,^A…".
func (e *Exchange) header(b []byte) {
	text := e.whole(b)
	defer clear(text)
	if len(text) < 3 || text[0] != 'n' && text[0] != 'y' && text[0] != 'p' {
		return
	}
	_, rest, _ := bytes.Cut(text, []byte{','})
	authzid, rest, ok := bytes.Cut(rest, []byte{','})
	if !ok {
		return
	}
	name, found := bytes.CutPrefix(rest, []byte("n="))
	if found {
		name, _, found = bytes.Cut(name, []byte{','})
	} else {
		name, found = bytes.CutPrefix(authzid, []byte("a="))
	}
	if !found {
		return
	}
	for len(name) > 0 && len(e.user) < maxUser {
		c, n := name[0], 1
		switch {
		case bytes.HasPrefix(name, []byte("=2C")):
			c, n = ',', 3
		case bytes.HasPrefix(name, []byte("=3D")):
			c, n = '=', 3
		}
		e.user = append(e.user, c)
		name = name[n:]
	}
}
