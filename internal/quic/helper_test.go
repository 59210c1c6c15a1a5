package quic

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// clientHello is the one of RFC 9001, appendix A.2: for example.com.
const clientHello = "010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c" +
	"00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e" +
	"000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748" +
	"002b0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400100390032" +
	"0408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff"

// serverHello is the one of appendix A.3.
const serverHello = "020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00330024" +
	"001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304"

const dcid = "8394c8f03e515708"

// protection is key material as the RFCs print it.
type protection struct{ key, iv, hp []byte }

// protect derives the keys with crypto/hkdf, for the tests to seal packets with.
func protect(t testing.TB, v version, id []byte, sender string) protection {
	t.Helper()
	prefix := "quic "
	if v == version2 {
		prefix = "quicv2 "
	}
	secret, err := hkdf.Extract(sha256.New, id, []byte(v.salt()))
	label := func(secret []byte, name string, n int) (out []byte) {
		info := string([]byte{0, byte(n), byte(6 + len(name))}) + "tls13 " + name + "\x00"
		if err == nil {
			out, err = hkdf.Expand(sha256.New, secret, info, n)
		}
		return out
	}
	secret = label(secret, sender, 32)
	p := protection{label(secret, prefix+"key", 16), label(secret, prefix+"iv", 12), label(secret, prefix+"hp", 16)}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// seal protects a packet: header ends in a packet number of four bytes.
func (p protection) seal(t testing.TB, header, payload []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(p.key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Clone(p.iv)
	pn := header[len(header)-4:]
	for i := range pn {
		nonce[8+i] ^= pn[i]
	}
	out := aead.Seal(bytes.Clone(header), nonce, payload, header)
	mask := make([]byte, 16)
	hp, _ := aes.NewCipher(p.hp)
	hp.Encrypt(mask, out[len(header):len(header)+16])
	out[0] ^= mask[0] & 0x0f
	for i := range 4 {
		out[len(header)-4+i] ^= mask[1+i]
	}
	return out
}

// initialPacket builds an Initial packet.
func initialPacket(t testing.TB, v version, key, dcid, scid []byte, sender string, pn uint32, payload []byte) []byte {
	first := byte(0xc3)
	if v == version2 {
		first = 0xd3
	}
	h := binary.BigEndian.AppendUint32([]byte{first}, uint32(v))
	h = append(append(h, byte(len(dcid))), dcid...)
	h = append(append(h, byte(len(scid))), scid...)
	h = append(h, 0)
	h = binary.BigEndian.AppendUint16(h, 0x4000|uint16(4+len(payload)+16))
	h = binary.BigEndian.AppendUint32(h, pn)
	return protect(t, v, key, sender).seal(t, h, payload)
}

func cryptoFrame(typ byte, offset int, b []byte) []byte {
	f := binary.BigEndian.AppendUint32([]byte{typ}, 0x80000000|uint32(offset))
	f = binary.BigEndian.AppendUint16(f, 0x4000|uint16(len(b)))
	return append(f, b...)
}

func pad(b []byte) []byte { return append(b, make([]byte, 1162-len(b))...) }

// notes is a Sink that writes down what it is given.
type notes struct {
	events, facts, odd []string
	dirs               []protocol.Dir
}

func (n *notes) Observe(o *protocol.Observation) {
	for _, f := range o.Facts {
		n.facts = append(n.facts, fmt.Sprintf("%d %d %s", f.Kind, f.Num, f.Text))
	}
	if o.Anomaly != "" {
		n.odd = append(n.odd, o.Anomaly)
	}
	if o.Event != "" {
		section := string(o.Detail.AppendEVE(nil, &eve.Options{}))
		if !json.Valid([]byte("{" + section + "}")) {
			panic("invalid JSON: " + section)
		}
		n.events = append(n.events, section)
		n.dirs = append(n.dirs, o.Dir)
	}
}

type datagram struct {
	d protocol.Dir
	b []byte
}

// feed gives datagrams to a new stream until it has enough.
func feed(datagrams ...datagram) (*notes, protocol.Status) {
	var n notes
	s := newStream(tls.NewCache())
	c := protocol.Context{Over: protocol.UDP, Sink: &n}
	st := protocol.More
	for _, g := range datagrams {
		if _, st = s.Feed(&c, g.d, g.b); st != protocol.More {
			break
		}
	}
	s.End(&c)
	s.Reset()
	return &n, st
}

func (n *notes) want(t *testing.T, events ...string) {
	t.Helper()
	if len(n.events) != len(events) {
		t.Fatalf("%d events, want %d:\n%s", len(n.events), len(events), strings.Join(n.events, "\n"))
	}
	for i, e := range events {
		for _, part := range strings.Split(e, " … ") {
			if !strings.Contains(n.events[i], part) {
				t.Errorf("no %s in\n%s", part, n.events[i])
			}
		}
	}
}

func clientKeys(v version, dcid []byte) keys {
	secret := newInitialSecret(v, dcid)
	return secret.keys(v, clientLabel)
}
