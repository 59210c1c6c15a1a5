package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
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

// initialSecret is what the keys of both senders derive from.
type initialSecret [sha256.Size]byte

// newInitialSecret derives it from the client's first Destination Connection ID (RFC 9001, section 5.2).
func newInitialSecret(v version, dcid []byte) (initialSecret, error) {
	prk, err := hkdf.Extract(sha256.New, dcid, []byte(v.salt()))
	if err != nil {
		return initialSecret{}, err
	}
	return initialSecret(prk), nil
}

// The labels of the senders' secrets.
const (
	clientLabel = "client in"
	serverLabel = "server in"
)

// keys derives the keys of one sender.
func (s *initialSecret) keys(v version, sender string) (*keys, error) {
	prefix := "quic "
	if v == version2 {
		prefix = "quicv2 " // RFC 9369, section 3.3.2
	}
	var secret, key, iv, hp [sha256.Size]byte
	newExpander(s[:]).label(&secret, sender, 32)
	e := newExpander(secret[:])
	e.label(&key, prefix+"key", 16)
	e.label(&iv, prefix+"iv", 12)
	e.label(&hp, prefix+"hp", 16)
	k := &keys{iv: [12]byte(iv[:])}
	var err error
	if k.block, err = aes.NewCipher(hp[:16]); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// expander is HKDF-Expand-Label (RFC 8446, section 7.1) with an empty context, for at most 32 bytes: then it is
// one HMAC, and what depends on the secret alone need not be computed for each label, as crypto/hkdf does.
type expander struct{ mac hash.Hash }

func newExpander(secret []byte) expander { return expander{hmac.New(sha256.New, secret)} }

// label writes the first length bytes of the output to out, and something else behind them.
func (e expander) label(out *[sha256.Size]byte, label string, length byte) {
	info := make([]byte, 0, 32)
	info = append(info, 0, length, byte(6+len(label)))
	info = append(info, "tls13 "...)
	info = append(info, label...)
	info = append(info, 0, 1) // the empty context, and the counter of HKDF-Expand (RFC 5869, section 2.3)
	e.mac.Reset()
	e.mac.Write(info)
	e.mac.Sum(out[:0])
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
