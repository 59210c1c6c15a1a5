// Package saslname reads who logs in from SASL responses (RFC 4422) as binary protocols carry them, without base64.
// It returns slices of what it is given and keeps nothing: what else a response holds is a secret.
package saslname

import "bytes"

// MaxUser is how many bytes of a user name are given.
const MaxUser = 256

// Plain returns the user name of a PLAIN response (RFC 4616): authorization identity, NUL, user, NUL, password. It is
// nil where the response is not of that form.
func Plain(b []byte) []byte {
	_, b, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return nil
	}
	return cut(b, 0)
}

// SCRAM returns the user name of a client-first-message (RFC 5802, section 7), "n,,n=user,r=nonce", as it is
// written there: a comma as =2C, an equals sign as =3D. It is nil where the message is not of that form.
func SCRAM(b []byte) []byte {
	if len(b) < 3 || b[0] != 'n' && b[0] != 'y' && b[0] != 'p' {
		return nil
	}
	for range 2 {
		var ok bool
		if _, b, ok = bytes.Cut(b, []byte{','}); !ok {
			return nil
		}
	}
	b, ok := bytes.CutPrefix(b, []byte("n="))
	if !ok {
		return nil
	}
	return cut(b, ',')
}

func cut(b []byte, end byte) []byte {
	i := bytes.IndexByte(b, end)
	if i <= 0 {
		return nil
	}
	return b[:min(i, MaxUser)]
}

// Unescape appends a name that SCRAM returned as the user wrote it.
func Unescape(dst, name []byte) []byte {
	for len(name) > 0 {
		c, n := name[0], 1
		switch {
		case bytes.HasPrefix(name, []byte("=2C")):
			c, n = ',', 3
		case bytes.HasPrefix(name, []byte("=3D")):
			c, n = '=', 3
		}
		dst = append(dst, c)
		name = name[n:]
	}
	return dst
}

// Append appends the user name of the first response of an exchange by the mechanism of that name (upper case), and
// nothing where it cannot be told. EXTERNAL and ANONYMOUS are answered by what they carry.
func Append(dst, mechanism, response []byte) []byte {
	switch {
	case bytes.Equal(mechanism, []byte("PLAIN")):
		return append(dst, Plain(response)...)
	case bytes.HasPrefix(mechanism, []byte("SCRAM-")):
		return Unescape(dst, SCRAM(response))
	case bytes.Equal(mechanism, []byte("ANONYMOUS")):
		return append(dst, "anonymous"...)
	case bytes.Equal(mechanism, []byte("EXTERNAL")) && bytes.IndexByte(response, 0) < 0:
		return append(dst, response[:min(len(response), MaxUser)]...)
	}
	return dst
}
