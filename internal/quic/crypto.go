package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
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
}

// initialKeys derives the keys of one sender from the client's first Destination Connection ID (RFC 9001, section
// 5.2). sender is "client in" or "server in".
func initialKeys(v version, dcid []byte, sender string) (*keys, error) {
	secret, err := hkdf.Extract(sha256.New, dcid, []byte(v.salt()))
	if err != nil {
		return nil, err
	}
	if secret, err = expandLabel(secret, sender, 32); err != nil {
		return nil, err
	}
	prefix := "quic "
	if v == version2 {
		prefix = "quicv2 " // RFC 9369, section 3.3.2
	}
	key, err := expandLabel(secret, prefix+"key", 16)
	if err != nil {
		return nil, err
	}
	iv, err := expandLabel(secret, prefix+"iv", 12)
	if err != nil {
		return nil, err
	}
	hp, err := expandLabel(secret, prefix+"hp", 16)
	if err != nil {
		return nil, err
	}
	k := &keys{}
	copy(k.iv[:], iv)
	if k.block, err = aes.NewCipher(hp); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
func expandLabel(secret []byte, label string, length int) ([]byte, error) {
	info := make([]byte, 0, 32)
	info = append(info, byte(length>>8), byte(length), byte(6+len(label)))
	info = append(info, "tls13 "...)
	info = append(info, label...)
	info = append(info, 0)
	return hkdf.Expand(sha256.New, secret, string(info), length)
}

// open removes the protection of a long-header packet whose packet number begins at pn. packet ends where the
// packet ends and is left as it is; the payload is appended to dst. scratch holds the header meanwhile.
func (k *keys) open(dst, scratch, packet []byte, pn int) (payload, header []byte, err error) {
	if len(packet) < pn+4+aesBlock {
		return dst, scratch, errCrypto
	}
	var mask [aesBlock]byte
	k.block.Encrypt(mask[:], packet[pn+4:pn+4+aesBlock])
	first := packet[0] ^ mask[0]&0x0f
	size := int(first&3) + 1
	header = append(scratch[:0], packet[:pn+size]...)
	header[0] = first
	var number uint32
	for i := range size {
		header[pn+i] ^= mask[1+i]
		number = number<<8 | uint32(header[pn+i])
	}
	// Initial packets are few: the truncated packet number is the packet number.
	nonce := k.iv
	binary.BigEndian.PutUint32(nonce[8:], binary.BigEndian.Uint32(nonce[8:])^number)
	payload, err = k.aead.Open(dst, nonce[:], packet[pn+size:], header)
	if err != nil {
		return dst, header, errCrypto
	}
	return payload, header, nil
}
