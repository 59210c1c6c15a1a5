package tls

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Parse functions return errors that wrap one of these.
var (
	// ErrTruncated: the bytes are a proper beginning, but end too early.
	ErrTruncated = errors.New("tls: truncated")
	// ErrMalformed: no continuation makes this a well-formed message.
	ErrMalformed = errors.New("tls: malformed")
)

// Handshake message types: RFC 8446, appendix B.3; RFC 6347, section 4.3.2.
const (
	typeClientHello        = 1
	typeServerHello        = 2
	typeHelloVerifyRequest = 3
	typeCertificate        = 11
	typeCertificateRequest = 13
	typeServerHelloDone    = 14
	typeClientKeyExchange  = 16
)

// Extension types: the IANA registry "TLS ExtensionType Values".
const (
	extServerName        = 0
	extSupportedGroups   = 10
	extPointFormats      = 11
	extSignatureAlgs     = 13
	extALPN              = 16
	extPreSharedKey      = 41
	extSupportedVersions = 43
	extECH               = 0xfe0d // RFC 9849
	extESNI              = 0xffce // its ancestor, draft-ietf-tls-esni-00 to -06
)

const (
	versionSSL2  = 0x0002
	versionTLS12 = 0x0303
	versionTLS13 = 0x0304
)

// ClientHello is what a ClientHello says (RFC 8446, section 4.1.2). Its slices point into the parsed message and
// have the encoding of the wire: lists of uint16 unless said otherwise. An extension whose content is not what
// its specification demands counts as present, but empty.
type ClientHello struct {
	Version      uint16 // legacy_version
	SessionID    []byte // legacy_session_id
	CipherSuites []byte
	Extensions   []byte // type, length and content of each extension

	HasServerName     bool   // the extension is there, maybe without a name
	ServerName        []byte // RFC 6066, section 3: the first host_name
	ALPN              []byte // RFC 7301: names, each after its length in one byte
	SupportedVersions []byte
	Groups            []byte // supported_groups
	PointFormats      []byte // ec_point_formats, one byte each
	SignatureAlgs     []byte // signature_algorithms
	PreSharedKey      bool
	ECH               bool // encrypted_client_hello as an outer hello carries it
	ESNI              bool // encrypted_server_name
}

// ServerHello is what a ServerHello says (RFC 8446, section 4.1.3). Its slices point into the parsed message.
type ServerHello struct {
	Version     uint16 // legacy_version
	Negotiated  uint16 // the version that holds from here on
	Retry       bool   // it is a HelloRetryRequest
	SessionID   []byte
	CipherSuite uint16
	Extensions  []byte // type, length and content of each extension

	ALPN         []byte // the selected protocol
	PreSharedKey bool   // a pre-shared key was accepted: the session is resumed
}

// The random of a HelloRetryRequest: SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
const helloRetryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// ParseClientHello parses a ClientHello handshake message of TLS or QUIC, with its four-byte header. What
// follows the message is ignored.
func ParseClientHello(b []byte) (ClientHello, error) {
	body, err := handshakeBody(b, typeClientHello)
	if err != nil {
		return ClientHello{}, err
	}
	var h ClientHello
	if !h.unmarshal(body, false, false) {
		return ClientHello{}, fmt.Errorf("%w client_hello", ErrMalformed)
	}
	return h, nil
}

// ParseServerHello parses a ServerHello or HelloRetryRequest handshake message, with its four-byte header. What
// follows the message is ignored.
func ParseServerHello(b []byte) (ServerHello, error) {
	body, err := handshakeBody(b, typeServerHello)
	if err != nil {
		return ServerHello{}, err
	}
	var h ServerHello
	if !h.unmarshal(body) {
		return ServerHello{}, fmt.Errorf("%w server_hello", ErrMalformed)
	}
	return h, nil
}

func handshakeBody(b []byte, want byte) ([]byte, error) {
	if len(b) > 0 && b[0] != want {
		return nil, fmt.Errorf("%w: handshake message type %d", ErrMalformed, b[0])
	}
	if len(b) < 4 {
		return nil, ErrTruncated
	}
	n := uint24(b[1:])
	if len(b)-4 < n {
		return nil, ErrTruncated
	}
	return b[4 : 4+n], nil
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// vector8 splits off a vector whose length is in one byte.
func vector8(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 1 || len(b)-1 < int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}

// vector16 splits off a vector whose length is in two bytes.
func vector16(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}

// unmarshal reads the body of a ClientHello. With partial, b may end anywhere: what was read until there counts
// and the result only says whether anything is wrong with the part before the extensions.
func (h *ClientHello) unmarshal(b []byte, dtls, partial bool) bool {
	var ok bool
	if len(b) < 34 {
		return false
	}
	h.Version = binary.BigEndian.Uint16(b)
	if h.SessionID, b, ok = vector8(b[34:]); !ok {
		return false
	}
	if dtls {
		if _, b, ok = vector8(b); !ok { // the cookie
			return false
		}
	}
	if h.CipherSuites, b, ok = vector16(b); !ok || len(h.CipherSuites)%2 != 0 {
		h.CipherSuites = nil
		return false
	}
	if _, b, ok = vector8(b); !ok { // compression methods
		return false
	}
	if len(b) == 0 {
		return true // extensions came with TLS 1.2
	}
	var rest []byte
	h.Extensions, rest, ok = vector16(b)
	switch {
	case ok && (len(rest) == 0 || partial):
	case partial && len(b) > 2:
		h.Extensions = b[2:]
	default:
		return false
	}
	for e := h.Extensions; len(e) > 0; {
		if len(e) < 4 {
			return partial
		}
		n := 4 + int(binary.BigEndian.Uint16(e[2:]))
		if len(e) < n {
			return partial
		}
		h.extension(binary.BigEndian.Uint16(e), e[4:n])
		e = e[n:]
	}
	return true
}

func (h *ClientHello) extension(typ uint16, v []byte) {
	switch typ {
	case extServerName:
		h.HasServerName = true
		if h.ServerName == nil {
			h.ServerName = hostName(v)
		}
	case extSupportedGroups:
		h.Groups = uint16List(v)
	case extPointFormats:
		if list, rest, ok := vector8(v); ok && len(rest) == 0 {
			h.PointFormats = list
		}
	case extSignatureAlgs:
		h.SignatureAlgs = uint16List(v)
	case extALPN:
		if list, rest, ok := vector16(v); ok && len(rest) == 0 && validNames(list) {
			h.ALPN = list
		}
	case extSupportedVersions:
		if list, rest, ok := vector8(v); ok && len(rest) == 0 && len(list)%2 == 0 {
			h.SupportedVersions = list
		}
	case extPreSharedKey:
		h.PreSharedKey = true
	case extECH:
		h.ECH = len(v) > 0 && v[0] == 0 // 0 is outer, RFC 9849, section 5
	case extESNI:
		h.ESNI = true
	}
}

// hostName returns the first host_name of a ServerNameList.
func hostName(v []byte) []byte {
	list, _, ok := vector16(v)
	for ok && len(list) > 0 {
		typ := list[0]
		var name []byte
		if name, list, ok = vector16(list[1:]); ok && typ == 0 {
			return name
		}
	}
	return nil
}

func uint16List(v []byte) []byte {
	if list, rest, ok := vector16(v); ok && len(rest) == 0 && len(list)%2 == 0 {
		return list
	}
	return nil
}

func validNames(list []byte) bool {
	for len(list) > 0 {
		var ok bool
		if _, list, ok = vector8(list); !ok {
			return false
		}
	}
	return true
}

// maxVersion returns the highest version that the client offers, leaving GREASE out.
func (h *ClientHello) maxVersion(dtls bool) uint16 {
	var best uint16
	for v := h.SupportedVersions; len(v) >= 2; v = v[2:] {
		x := binary.BigEndian.Uint16(v)
		switch {
		case isGREASE(x):
		case dtls && x>>8 == 0xfe: // DTLS counts downwards
			if best == 0 || x < best {
				best = x
			}
		case x > best:
			best = x
		}
	}
	if best == 0 {
		return h.Version
	}
	return best
}

func (h *ServerHello) unmarshal(b []byte) bool {
	var ok bool
	if len(b) < 34 {
		return false
	}
	h.Version = binary.BigEndian.Uint16(b)
	h.Negotiated = h.Version
	h.Retry = string(b[2:34]) == helloRetryRandom
	b = b[34:]
	// Drafts of TLS 1.3 before the 22nd had neither a session id nor a compression method here.
	draft := h.Version>>8 == 0x7f
	if !draft {
		if h.SessionID, b, ok = vector8(b); !ok {
			return false
		}
	}
	if len(b) < 2 {
		return false
	}
	h.CipherSuite = binary.BigEndian.Uint16(b)
	b = b[2:]
	if !draft {
		if len(b) < 1 {
			return false
		}
		b = b[1:]
	}
	if len(b) == 0 {
		return true
	}
	var rest []byte
	if h.Extensions, rest, ok = vector16(b); !ok || len(rest) != 0 {
		return false
	}
	for e := h.Extensions; len(e) > 0; {
		if len(e) < 4 {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(e[2:]))
		if len(e) < n {
			return false
		}
		switch v := e[4:n]; binary.BigEndian.Uint16(e) {
		case extSupportedVersions:
			if len(v) == 2 {
				h.Negotiated = binary.BigEndian.Uint16(v)
			}
		case extALPN:
			if list, _, ok := vector16(v); ok {
				h.ALPN, _, _ = vector8(list)
			}
		case extPreSharedKey:
			h.PreSharedKey = true
		}
		e = e[n:]
	}
	return true
}

// tls13 reports whether a negotiated version has the handshake of TLS 1.3: the final versions of TLS and DTLS,
// and the drafts, those of Facebook's too.
func tls13(v uint16) bool {
	return v == versionTLS13 || v == 0xfefc || v>>8 == 0x7f || v>>8 == 0xfb
}

// isGREASE recognises the reserved values of RFC 8701.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && byte(v>>8) == byte(v) }
