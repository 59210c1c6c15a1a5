package benchcap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// quicSalt is that of QUIC version 1, RFC 9001 section 5.2.
var quicSalt = []byte{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}

// datagramSize is that of Initial packets: clients pad to at least 1200.
const datagramSize = 1250

// quic is a QUIC connection: Initial packets that decrypt, then noise with the right first bytes.
func (g *generator) quic(f *flow) {
	dcid, scid := g.random(nil, 8), g.random(nil, 8)
	parameters := []byte{1, 4, 0x80, 0, 0x75, 0x30, 3, 2, 0x45, 0xc0, 4, 4, 0x80, 0x60, 0, 0, 0x0f, 0} // no source connection ID
	hello := g.clientHello(nil, &shapes[g.rand.IntN(3)], f.name, parameters)
	const room = 1180 // of a hello in a datagram
	for n, at := uint32(0), 0; at < len(hello); n++ {
		end := min(len(hello), at+room)
		g.initial(f, false, n, dcid, dcid, nil, cryptoFrame(nil, at, hello[at:end]))
		at = end
	}
	ack := []byte{2, 0, 0, 0, 0}
	reply := g.serverHello(nil, &shapes[2], nil, true)
	g.initial(f, true, 0, dcid, nil, scid, cryptoFrame(ack, 0, reply))
	for range 1 + g.rand.IntN(2) {
		g.longHeader(f, true, nil, scid, 1100+g.rand.IntN(80))
	}
	g.longHeader(f, false, scid, nil, 60+g.rand.IntN(40))
	for budget := g.budget(); len(f.steps) < budget; {
		f.pause += uint32(g.skew(3_000_000))
		g.short(f, false, scid, 40+g.skew(300))
		for range 1 + g.skew(4) {
			g.short(f, true, nil, 30+g.skew(1000))
		}
		g.short(f, false, scid, 25)
	}
}

func cryptoFrame(b []byte, offset int, data []byte) []byte {
	b = append(b, 6)
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(offset))
	b = binary.BigEndian.AppendUint16(b, 0x4000|uint16(len(data)))
	return append(b, data...)
}

func (g *generator) longHeader(f *flow, server bool, dcid, scid []byte, n int) {
	at := len(f.buf)
	f.buf = append(f.buf, 0xe0|byte(g.rand.IntN(16)), 0, 0, 0, 1, byte(len(dcid)))
	f.buf = append(append(f.buf, dcid...), byte(len(scid)))
	f.buf = append(f.buf, scid...)
	f.buf = binary.BigEndian.AppendUint16(f.buf, 0x4000|uint16(n))
	f.buf = g.random(f.buf, n)
	f.datagram(server, at)
}

func (g *generator) short(f *flow, server bool, dcid []byte, n int) {
	at := len(f.buf)
	f.buf = append(append(f.buf, 0x40|byte(g.rand.IntN(64))), dcid...)
	f.buf = g.random(f.buf, n)
	f.datagram(server, at)
}

// expand is HKDF-Expand-Label of TLS 1.3 with an empty context.
func expand(secret []byte, label string, n int) []byte {
	info := append([]byte{0, byte(n), byte(6 + len(label))}, "tls13 "...)
	key, err := hkdf.Expand(sha256.New, secret, string(append(append(info, label...), 0)), n)
	if err != nil {
		panic(err) // only for lengths beyond 255 hashes
	}
	return key
}

// initial sends frames in an Initial packet that fills its datagram, RFC 9001 section 5. The keys come from the
// connection ID that the client chose first.
func (g *generator) initial(f *flow, server bool, number uint32, first, dcid, scid, frames []byte) {
	secret, err := hkdf.Extract(sha256.New, first, quicSalt)
	if err != nil {
		panic(err)
	}
	label := "client in"
	if server {
		label = "server in"
	}
	secret = expand(secret, label, 32)
	at := len(f.buf)
	f.buf = append(f.buf, 0xc3, 0, 0, 0, 1, byte(len(dcid)))
	f.buf = append(append(f.buf, dcid...), byte(len(scid)))
	f.buf = append(append(f.buf, scid...), 0)
	const pn, tag = 4, 16
	rest := datagramSize - (len(f.buf) - at) - 2
	if least := len(frames) + pn + tag; rest < least {
		rest = least
	}
	f.buf = binary.BigEndian.AppendUint16(f.buf, 0x4000|uint16(rest))
	numberAt := len(f.buf)
	f.buf = binary.BigEndian.AppendUint32(f.buf, number)
	header := f.buf[at:len(f.buf):len(f.buf)]
	plain := make([]byte, rest-pn-tag)
	copy(plain, frames)
	nonce := expand(secret, "quic iv", 12)
	binary.BigEndian.PutUint32(nonce[8:], binary.BigEndian.Uint32(nonce[8:])^number)
	sealed := aead(expand(secret, "quic key", 16)).Seal(nil, nonce, plain, header)
	f.buf = append(f.buf, sealed...)
	var mask [16]byte
	block(expand(secret, "quic hp", 16)).Encrypt(mask[:], sealed[:16])
	f.buf[at] ^= mask[0] & 0x0f
	for i := range pn {
		f.buf[numberAt+i] ^= mask[1+i]
	}
	f.datagram(server, at)
}

func block(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	return b
}

func aead(key []byte) cipher.AEAD {
	a, err := cipher.NewGCM(block(key))
	if err != nil {
		panic(err)
	}
	return a
}
