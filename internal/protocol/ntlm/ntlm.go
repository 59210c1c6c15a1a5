// Package ntlm reads who logs in from an NTLMSSP AUTHENTICATE message, wherever one is carried: HTTP, SMB, LDAP,
// SMTP, IMAP. Responses and keys are not looked at.
package ntlm

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	signature      = "NTLMSSP\x00"
	authenticate   = 3
	challenge      = 2
	unicodeFlag    = 1
	maxFieldLength = 512 // bytes; Windows allows names of 256 characters
)

// Find returns the part of b that begins with the first NTLMSSP message in it (SPNEGO wraps it in DER), or nil.
func Find(b []byte) []byte {
	if i := bytes.Index(b, []byte(signature)); i >= 0 {
		return b[i:]
	}
	return nil
}

// User reads domain, user and workstation, as UTF-8, from the AUTHENTICATE message that b is or contains
// ([MS-NLMP], section 2.2.1.3). ok is false for any other or a broken message. An anonymous login has an empty
// user. Each name is cut at 256 characters.
func User(b []byte) (domain, user, host []byte, ok bool) {
	m := Find(b)
	if len(m) < 52 || binary.LittleEndian.Uint32(m[8:]) != authenticate {
		return nil, nil, nil, false
	}
	// Very old clients leave out the flags: their payload begins where the flags would be.
	wide := true
	first := uint32(len(m))
	for _, at := range [...]int{12, 20, 28, 36, 44} {
		if binary.LittleEndian.Uint16(m[at:]) > 0 {
			first = min(first, binary.LittleEndian.Uint32(m[at+4:]))
		}
	}
	if len(m) >= 64 && first >= 64 {
		wide = binary.LittleEndian.Uint32(m[60:])&unicodeFlag != 0
	}
	if domain, ok = field(m, 28, wide); !ok {
		return nil, nil, nil, false
	}
	if user, ok = field(m, 36, wide); !ok {
		return nil, nil, nil, false
	}
	if host, ok = field(m, 44, wide); !ok {
		return nil, nil, nil, false
	}
	return domain, user, host, true
}

// field reads the name whose length, allocated length and offset stand at m[at:].
func field(m []byte, at int, wide bool) ([]byte, bool) {
	n := uint64(binary.LittleEndian.Uint16(m[at:]))
	off := uint64(binary.LittleEndian.Uint32(m[at+4:]))
	if n == 0 {
		return nil, true
	}
	if off+n > uint64(len(m)) {
		return nil, false
	}
	v := m[off : off+min(n, maxFieldLength)]
	if !wide {
		return bytes.Clone(v), true
	}
	return decode(v), true
}

// decode turns UTF-16LE into UTF-8; unpaired surrogates become U+FFFD, a last odd byte is dropped.
func decode(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for len(v) >= 2 {
		r := rune(binary.LittleEndian.Uint16(v))
		v = v[2:]
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(v) >= 2 {
				pair = utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(v)))
			}
			if pair != utf8.RuneError {
				v = v[2:]
			}
			r = pair
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// TargetName reads the target (domain or server) name from the CHALLENGE message that b is or contains
// ([MS-NLMP], section 2.2.1.2).
func TargetName(b []byte) (name []byte, ok bool) {
	m := Find(b)
	if len(m) < 32 || binary.LittleEndian.Uint32(m[8:]) != challenge {
		return nil, false
	}
	return field(m, 12, binary.LittleEndian.Uint32(m[20:])&unicodeFlag != 0)
}
