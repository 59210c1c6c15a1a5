package ssh

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"

	"netsensor/internal/protocol"
)

// keepHassh is the largest buffer that a stream keeps for the next connection. Usual strings have some 500 bytes.
const keepHassh = 2 << 10

// hassh is the fingerprint of a KEXINIT: the names of key exchange, encryption, MAC and compression algorithms, in
// the sender's order, separated by semicolons, and their MD5, which is what HASSH is defined by.
type hassh struct {
	text []byte
	sum  [2 * md5.Size]byte
}

func (h *hassh) fresh() hassh {
	if cap(h.text) > keepHassh {
		return hassh{}
	}
	return hassh{text: h.text[:0]}
}

// Indexes of the name-lists of KEXINIT (RFC 4253, section 7.1): those for each direction alternate, client to server
// first.
const (
	listKex         = 0
	listEncryption  = 2
	listMAC         = 4
	listCompression = 6
	nameLists       = 10
)

// parse reads the payload of a KEXINIT after its message number. It reports whether all name-lists are there.
func (h *hassh) parse(payload []byte, d protocol.Dir) bool {
	const cookie = 16
	if len(payload) < cookie {
		return false
	}
	var lists [nameLists][]byte
	rest := payload[cookie:]
	for i := range lists {
		var ok bool
		if lists[i], rest, ok = cutString(rest); !ok {
			return false
		}
	}
	direction := 0 // each side's HASSH is of what it offers to send
	if d == protocol.ToClient {
		direction = 1
	}
	h.text = append(h.text[:0], lists[listKex]...)
	for _, i := range [...]int{listEncryption, listMAC, listCompression} {
		h.text = append(h.text, ';')
		h.text = append(h.text, lists[i+direction]...)
	}
	sum := md5.Sum(h.text)
	hex.Encode(h.sum[:], sum[:])
	return true
}

// cutString cuts a string (RFC 4251, section 5) off b.
func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, b, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, b, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// kexReply takes the host key out of the server's reply, which all key exchange methods begin with it. Number 31 is
// also that of the group in a group exchange, whose first string is a number: a key begins with the name of its
// algorithm.
func (s *stream) kexReply(c *protocol.Context, payload []byte) {
	key, _, ok := cutString(payload)
	if !ok {
		return
	}
	name, material, ok := cutString(key)
	if !ok || len(name) < 3 || len(name) > 64 || len(material) == 0 {
		return
	}
	for _, b := range name {
		if b <= ' ' || b > '~' {
			return
		}
	}
	sum := sha256.Sum256(key)
	s.digest = append(s.digest[:0], "SHA256:"...)
	s.digest = base64.RawStdEncoding.AppendEncode(s.digest, sum[:])
	s.observe(c, protocol.ToClient, protocol.Fact{Kind: protocol.HostKey, Text: s.digest})
}
