package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// errCrypto: a packet is not protected with these keys.
var errCrypto = errors.New("quic: decryption failed")

const aesBlock = 16

// keys protect the Initial packets of one sender (RFC 9001, section 5).
type keys struct {
	aead  cipher.AEAD
	block cipher.Block // header protection
	iv    [12]byte
	mask  [aesBlock]byte // room for open, which calls through interfaces: on the stack it would not stay
	nonce [12]byte       // as above
}

// valid reports whether there are keys.
func (k *keys) valid() bool { return k.aead != nil }

// secret is a secret that keys or other secrets derive from.
type secret [sha256.Size]byte

// newInitialSecret derives what the keys of both senders derive from, from the client's first Destination Connection
// ID (RFC 9001, section 5.2): HKDF-Extract of RFC 5869.
func newInitialSecret(v version, dcid []byte) secret {
	return hmacSHA256([]byte(v.salt()), dcid)
}

// The labels of the senders' secrets.
const (
	clientLabel = "client in"
	serverLabel = "server in"
)

// keys derives the keys of one sender from the initial secret. They are not valid if that fails.
func (s *secret) keys(v version, sender string) (k keys) {
	prefix := "quic "
	if v == version2 {
		prefix = "quicv2 " // RFC 9369, section 3.3.2
	}
	own := s.expand("", sender, 32)
	key, iv, hp := own.expand(prefix, "key", 16), own.expand(prefix, "iv", 12), own.expand(prefix, "hp", 16)
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return keys{}
	}
	if k.block, err = aes.NewCipher(hp[:16]); err != nil {
		return keys{}
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return keys{}
	}
	k.iv = [12]byte(iv[:])
	return k
}

// expand is HKDF-Expand-Label (RFC 8446, section 7.1) with an empty context for at most 32 bytes: then it is one
// HMAC. What comes after the wanted length is of no use.
func (s *secret) expand(prefix, label string, length byte) secret {
	var room [32]byte
	info := append(room[:0], 0, length, byte(len("tls13 ")+len(prefix)+len(label)))
	info = append(info, "tls13 "...)
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, 0, 1) // the empty context, and the counter of HKDF-Expand (RFC 5869, section 2.3)
	return hmacSHA256(s[:], info)
}

// maxMAC bounds the key and the message of hmacSHA256.
const maxMAC = 32

// hmacSHA256 is HMAC (RFC 2104) of at most maxMAC bytes with a key of at most as many. crypto/hmac makes five objects
// for each key, and a connection needs five keys that are used up to three times: here it is two hashes on the stack.
func hmacSHA256(key, message []byte) [sha256.Size]byte {
	var inner [sha256.BlockSize + maxMAC]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	copy(inner[:maxMAC], key)
	copy(outer[:maxMAC], key)
	for i := range sha256.BlockSize {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	n := copy(inner[sha256.BlockSize:], message)
	sum := sha256.Sum256(inner[:sha256.BlockSize+n])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

// open removes the protection of a long-header packet whose packet number begins at pn. packet ends where the
// packet ends and is left as it is; the payload is appended to dst. scratch holds the header meanwhile.
func (k *keys) open(dst, scratch, packet []byte, pn int) (payload, header []byte, err error) {
	if !k.valid() || len(packet) < pn+4+aesBlock {
		return dst, scratch, errCrypto
	}
	k.block.Encrypt(k.mask[:], packet[pn+4:pn+4+aesBlock])
	first := packet[0] ^ k.mask[0]&0x0f
	size := int(first&3) + 1
	header = append(scratch[:0], packet[:pn+size]...)
	header[0] = first
	var number uint32
	for i := range size {
		header[pn+i] ^= k.mask[1+i]
		number = number<<8 | uint32(header[pn+i])
	}
	// Initial packets are few: the truncated packet number is the packet number.
	k.nonce = k.iv
	binary.BigEndian.PutUint32(k.nonce[8:], binary.BigEndian.Uint32(k.iv[8:])^number)
	payload, err = k.aead.Open(dst, k.nonce[:], packet[pn+size:], header)
	if err != nil {
		return dst, header, errCrypto
	}
	return payload, header, nil
}
