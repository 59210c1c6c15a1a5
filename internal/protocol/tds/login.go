package tds

import (
	"encoding/binary"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/ntlm"
)

// Tokens of answers ([MS-TDS], section 2.2.7).
const (
	tokenError    = 0xaa
	tokenInfo     = 0xab
	tokenLoginAck = 0xad
	tokenEnv      = 0xe3
	tokenSSPI     = 0xed
	tokenDone     = 0xfd
)

// loginFailed are the errors that refuse a login: failed, untrusted domain, locked, expired, to be changed.
var loginFailed = [...]uint32{18456, 18452, 18486, 18487, 18488, 4002}

// Places of offset and length in LOGIN7 ([MS-TDS], section 2.2.6.4).
const (
	placeUser   = 40
	placeApp    = 48
	placeServer = 52
	placeSSPI   = 78
	loginFixed  = 86
)

// login takes LOGIN7, or its beginning. The password, which is hardly scrambled, is not looked at.
func (s *stream) login(c *protocol.Context, b []byte) {
	if len(b) < loginFixed {
		return
	}
	if s.text = field(s.text[:0], b, placeApp); len(s.text) > 0 {
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.ClientSoftware, Text: s.text})
	}
	if s.text = field(s.text[:0], b, placeServer); len(s.text) > 0 {
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.NameService, Text: s.text})
	}
	s.user = field(s.user[:0], b, placeUser)
	s.pending = len(s.user) > 0
	s.integrated = false
	if at, n := place(b, placeSSPI); !s.pending && n > 0 && at+n <= len(b) {
		s.pending, s.integrated = true, true
		s.sspi(b[at : at+n])
	}
}

// sspi takes a token of an integrated login.
func (s *stream) sspi(b []byte) {
	if !s.integrated || !s.pending {
		return
	}
	if _, user, _, ok := ntlm.User(b); ok {
		s.user = append(s.user[:0], user[:min(len(user), maxText)]...)
	}
}

func place(b []byte, at int) (offset, length int) {
	return int(binary.LittleEndian.Uint16(b[at:])), int(binary.LittleEndian.Uint16(b[at+2:]))
}

// field appends a string of LOGIN7, whose length is in characters.
func field(dst, b []byte, at int) []byte {
	offset, length := place(b, at)
	if offset < loginFixed || length > maxText || offset+2*length > len(b) {
		return dst
	}
	return appendWide(dst, b[offset:offset+2*length])
}

// appendWide appends UTF-16 as UTF-8.
func appendWide(dst, b []byte) []byte {
	for ; len(b) >= 2; b = b[2:] {
		r := rune(binary.LittleEndian.Uint16(b))
		if utf16.IsSurrogate(r) && len(b) >= 4 {
			if pair := utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(b[2:]))); pair != utf8.RuneError {
				r, b = pair, b[2:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// oldLogin takes the login of TDS 4 and 5: fixed fields of 30 bytes and their lengths, host and user first.
func (s *stream) oldLogin(c *protocol.Context, b []byte) {
	const user, app, server = 31, 140, 171
	if len(b) < server+31 || b[user+30] > 30 || b[app+30] > 30 || b[server+30] > 30 {
		return
	}
	if n := int(b[app+30]); n > 0 {
		s.text = append(s.text[:0], b[app:app+n]...)
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.ClientSoftware, Text: s.text})
	}
	s.user = append(s.user[:0], b[user:user+int(b[user+30])]...)
	s.pending = len(s.user) > 0
}

// answer takes the server's PRELOGIN, or the tokens that answer a login.
func (s *stream) answer(c *protocol.Context, b []byte) protocol.Status {
	if len(b) >= 6 && options(b, len(b)) == protocol.Yes {
		at := int(binary.BigEndian.Uint16(b[1:]))
		s.version(c, b[at:at+4])
		return protocol.More
	}
	for len(b) >= 3 {
		switch b[0] {
		case tokenError, tokenInfo, tokenLoginAck, tokenEnv, tokenSSPI:
		default:
			return protocol.More
		}
		n := 3 + int(binary.LittleEndian.Uint16(b[1:]))
		if n > len(b) {
			return protocol.More
		}
		body := b[3:n]
		switch b[0] {
		case tokenLoginAck:
			s.ack(c, body)
			s.tell(c, protocol.LoginAccepted)
			return protocol.Done
		case tokenError:
			if len(body) < 4 {
				break
			}
			number := binary.LittleEndian.Uint32(body)
			for _, failed := range loginFailed {
				if number == failed {
					s.tell(c, protocol.LoginRefused)
				}
			}
		}
		b = b[n:]
	}
	return protocol.More
}

// ack takes LOGINACK: interface, version of TDS, the program's name and version.
func (s *stream) ack(c *protocol.Context, b []byte) {
	if len(b) < 6 {
		return
	}
	n := 6 + 2*int(b[5])
	if len(b) < n+4 || s.told {
		return
	}
	name := b[6:n]
	s.text = appendWide(s.text[:0], name[:min(len(name), maxText)])
	for len(s.text) > 0 && s.text[len(s.text)-1] == 0 {
		s.text = s.text[:len(s.text)-1]
	}
	s.tellVersion(c, b[n:n+4])
}

// version tells the server's version by its PRELOGIN.
func (s *stream) version(c *protocol.Context, v []byte) {
	if !s.told {
		s.text = append(s.text[:0], "Microsoft SQL Server"...)
		s.tellVersion(c, v)
	}
}

// tellVersion tells the name in text and a version: major, minor, build.
func (s *stream) tellVersion(c *protocol.Context, v []byte) {
	s.told = true
	s.text = strconv.AppendUint(append(s.text, ' '), uint64(v[0]), 10)
	s.text = strconv.AppendUint(append(s.text, '.'), uint64(v[1]), 10)
	s.text = strconv.AppendUint(append(s.text, '.'), uint64(binary.BigEndian.Uint16(v[2:])), 10)
	s.observe(c, protocol.ToClient, protocol.Fact{Kind: protocol.ServerSoftware, Text: s.text})
}
