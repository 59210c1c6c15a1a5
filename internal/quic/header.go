package quic

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// Parse functions return errors that wrap one of these.
var (
	ErrTruncated = errors.New("quic: truncated")
	ErrMalformed = errors.New("quic: malformed")
)

// version is a QUIC version as on the wire.
type version uint32

const (
	version1 version = 1
	version2 version = 0x6b3343cf // RFC 9369
	q050     version = 0x51303530
	t050     version = 0x54303530
	t051     version = 0x54303531
)

// The salts of Initial keys: RFC 9001 and 9369, section 5.2 of the drafts of quic-tls, and Google's own.
const (
	salt1       = "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
	salt2       = "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
	saltDraft29 = "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
	saltDraft23 = "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
	saltDraft22 = "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a"
	saltQ050    = "\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45"
	saltT050    = "\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10"
	saltT051    = "\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d"
)

// salt returns the salt of a version, or "" if its Initial packets are not known to be readable.
func (v version) salt() string {
	switch {
	case v == version1, v == 0xff000021, v == 0xff000022, v == 0xfaceb003, v == 0xfaceb004:
		return salt1
	case v == version2:
		return salt2
	case v >= 0xff00001d && v <= 0xff000020:
		return saltDraft29
	case v >= 0xff000017 && v <= 0xff00001c, v == 0xfaceb002, v == 0xfaceb00e:
		return saltDraft23
	case v == 0xff000015, v == 0xff000016, v == 0xfaceb001:
		return saltDraft22
	case v == q050:
		return saltQ050
	case v == t050:
		return saltT050
	case v == t051:
		return saltT051
	}
	return ""
}

// clear reports whether v is one of Google's versions whose first packets are authenticated, but not encrypted.
func (v version) clear() bool { return v>>16 == 0x5130 && v < q050 && digits(v) }

// digits reports whether the last two bytes of v are decimal digits.
func digits(v version) bool {
	hi, lo := byte(v>>8), byte(v)
	return '0' <= hi && hi <= '9' && '0' <= lo && lo <= '9'
}

// publicHeader reports whether v is from before Google took the long header of the IETF.
func (v version) publicHeader() bool { return v.clear() && v < 0x51303434 }

// append appends v as Suricata writes it: the digits of Google's versions as text, the others in hexadecimal.
func (v version) append(dst []byte) []byte {
	if (v>>16 == 0x5130 || v>>16 == 0x5430) && digits(v) {
		return append(dst, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return strconv.AppendUint(dst, uint64(v), 16)
}

// packetType is the type of a long-header packet, in the numbers of QUIC version 1 (RFC 9000, section 17.2).
type packetType uint8

const (
	initial packetType = iota
	zeroRTT
	handshake
	retry
	negotiation // Version Negotiation, which has no type of its own
)

// header is a long header. Its slices point into the packet.
type header struct {
	typ        packetType
	version    version
	dcid, scid []byte
	pn         int // Initial, 0-RTT, Handshake: where the packet number begins
	end        int // where the packet ends, and the next of the datagram begins
}

// maxCID is the largest size of a connection ID in any version known here (RFC 9000, section 17.2).
const maxCID = 20

// parseLongHeader parses the long header that b begins with. b must not be empty.
func parseLongHeader(b []byte) (header, error) {
	if b[0]&0x80 == 0 {
		return header{}, ErrMalformed
	}
	if len(b) < 7 {
		return header{}, ErrTruncated
	}
	h := header{version: version(binary.BigEndian.Uint32(b[1:])), typ: packetType(b[0] >> 4 & 3), end: len(b)}
	var ok bool
	at := 5
	if h.dcid, at, ok = connectionID(b, at); !ok {
		return header{}, ErrMalformed
	}
	if h.scid, at, ok = connectionID(b, at); !ok {
		return header{}, ErrMalformed
	}
	if h.version == 0 {
		h.typ = negotiation
		return h, nil
	}
	if h.version == version2 {
		h.typ = (h.typ - 1) & 3 // RFC 9369, section 3.2
	}
	if h.typ == retry {
		return h, nil
	}
	if h.typ == initial {
		n, size := varint(b[at:])
		if size == 0 || n > uint64(len(b)-at-size) {
			return header{}, ErrTruncated
		}
		at += size + int(n)
	}
	n, size := varint(b[at:])
	if size == 0 || n > uint64(len(b)-at-size) {
		return header{}, ErrTruncated
	}
	h.pn = at + size
	h.end = h.pn + int(n)
	return h, nil
}

func connectionID(b []byte, at int) (id []byte, next int, ok bool) {
	if at >= len(b) {
		return nil, 0, false
	}
	n := int(b[at])
	at++
	if n > maxCID || n > len(b)-at {
		return nil, 0, false
	}
	return b[at : at+n], at + n, true
}

// varint reads a variable-length integer (RFC 9000, section 16). size is 0 if b is too short.
func varint(b []byte) (v uint64, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	size = 1 << (b[0] >> 6)
	if len(b) < size {
		return 0, 0
	}
	v = uint64(b[0] & 0x3f)
	for _, c := range b[1:size] {
		v = v<<8 | uint64(c)
	}
	return v, size
}
