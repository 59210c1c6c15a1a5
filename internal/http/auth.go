package http

import (
	"bytes"
	"encoding/base64"

	"netsensor/internal/protocol/ntlm"
)

// mechanism is how a user logs in.
type mechanism uint8

const (
	basic mechanism = iota
	digest
	ntlmssp
)

var mechanisms = [...][]byte{basic: []byte("http-basic"), digest: []byte("http-digest"), ntlmssp: []byte("ntlmssp")}

const (
	maxUser  = 256
	maxToken = 16 << 10 // of base64
)

// credentials keeps the user name of an Authorization header (RFC 9110, section 11.6.2) and nothing else of it.
func (s *teller) credentials(tx *transaction, value []byte) {
	scheme, rest, _ := bytes.Cut(value, []byte(" "))
	rest = trim(rest)
	switch {
	case fold(scheme, "basic"):
		tx.user, tx.mechanism = tx.putBasic(rest), basic
	case fold(scheme, "digest"):
		tx.user, tx.mechanism = tx.put(digestUser(rest), maxUser), digest
	case fold(scheme, "ntlm"), fold(scheme, "negotiate"):
		if len(rest) > maxToken {
			return
		}
		n := base64.StdEncoding.DecodedLen(len(rest))
		if cap(s.scratch) < n {
			s.scratch = make([]byte, n)
		}
		b := s.scratch[:n]
		// A broken token is looked at as far as it could be decoded.
		n, _ = base64.StdEncoding.Decode(b, rest)
		if _, user, _, ok := ntlm.User(b[:n]); ok && len(user) > 0 {
			tx.user, tx.mechanism = tx.put(user, maxUser), ntlmssp
		}
		clear(b)
	}
}

// putBasic decodes base64 up to the colon (RFC 7617, section 2), so that the password hardly ever is.
func (t *transaction) putBasic(b []byte) span {
	off := len(t.arena)
	var group [3]byte
	for len(b) >= 4 && len(t.arena)-off < maxUser && len(t.arena) < maxArena-3 {
		n, err := base64.StdEncoding.Decode(group[:], b[:4])
		if err != nil {
			break
		}
		b = b[4:]
		if i := bytes.IndexByte(group[:n], ':'); i >= 0 {
			t.arena = append(t.arena, group[:i]...)
			clear(group[:])
			return span{uint32(off), uint32(len(t.arena))}
		}
		t.arena = append(t.arena, group[:n]...)
	}
	if len(b) > 0 && len(t.arena)-off >= maxUser {
		return span{uint32(off), uint32(off + maxUser)}
	}
	// Without a colon this is no user and password; it may be a secret of another kind.
	clear(t.arena[off:])
	t.arena = t.arena[:off]
	return span{}
}

// digestUser is the username parameter (RFC 7616, section 3.4).
func digestUser(b []byte) []byte {
	for len(b) > 0 {
		i := bytes.Index(b, []byte("username"))
		if i < 0 {
			return nil
		}
		start := i == 0 || b[i-1] == ' ' || b[i-1] == ','
		b = b[i+len("username"):]
		v, quoted := bytes.CutPrefix(b, []byte(`="`))
		if !start || !quoted {
			continue
		}
		if end := bytes.IndexByte(v, '"'); end >= 0 {
			return v[:end]
		}
		return nil
	}
	return nil
}
