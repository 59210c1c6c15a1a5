package quic

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// ClientHello of Google's own handshake ("CHLO"), which came before TLS. Its slices point into the parsed bytes.
type chlo struct {
	tags      []byte // tag and end offset of each value, eight bytes each
	sni, uaid []byte
}

// maxTags bounds the entries of a message; Google's own limit (quic/core/crypto, kMaxEntries).
const maxTags = 128

// parseCHLO parses a CHLO message. The values may end early: what is there counts.
func parseCHLO(b []byte) (chlo, error) {
	if len(b) < 8 {
		return chlo{}, ErrTruncated
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if string(b[:4]) != "CHLO" || n == 0 || n > maxTags {
		return chlo{}, fmt.Errorf("%w CHLO", ErrMalformed)
	}
	if len(b) < 8+8*n {
		return chlo{}, ErrTruncated
	}
	h := chlo{tags: b[8 : 8+8*n]}
	values := b[8+8*n:]
	from := uint32(0)
	for t := h.tags; len(t) > 0; t = t[8:] {
		to := binary.LittleEndian.Uint32(t[4:])
		if to < from {
			return chlo{}, fmt.Errorf("%w CHLO", ErrMalformed)
		}
		if int64(to) > int64(len(values)) {
			break
		}
		switch string(t[:4]) {
		case "SNI\x00":
			h.sni = values[from:to]
		case "UAID":
			h.uaid = values[from:to]
		}
		from = to
	}
	return h, nil
}

// cyu returns the CYU fingerprint: the version's digits and the tags in order, and its MD5.
func (h *chlo) cyu(v version) (text []byte, hash string) {
	text = append(text, byte(v>>8), byte(v), ',')
	for t := h.tags; len(t) > 0; t = t[8:] {
		if len(text) > 3 {
			text = append(text, '-')
		}
		text = append(text, bytes.TrimRight(t[:4], "\x00")...)
	}
	sum := md5.Sum(text)
	return text, hex.EncodeToString(sum[:])
}

// publicHeaderSize is the largest size of Google's public header with what follows it up to the first frame: flags,
// connection ID, version, nonce, packet number, hash, private flags, and the head of a STREAM frame.
const publicHeaderSize = 128

// findCHLO returns the CHLO in a packet of a version that does not encrypt it. Frames that may stand before it are
// not understood: the message is found by its name, as its STREAM frame is the first or follows a short ACK.
func findCHLO(b []byte) []byte {
	i := bytes.Index(b[:min(len(b), publicHeaderSize)], []byte("CHLO"))
	if i < 0 {
		return nil
	}
	return b[i:]
}

// googleVersion returns the version in a packet with Google's public header, 0 if there is none.
func googleVersion(b []byte) version {
	if len(b) < 5 || b[0]&0x80 != 0 || b[0]&0x01 == 0 || b[0]&0x02 != 0 {
		return 0
	}
	at := 1
	if b[0]&0x08 != 0 {
		at += 8
	}
	if len(b) < at+4 {
		return 0
	}
	if v := version(binary.BigEndian.Uint32(b[at:])); v.publicHeader() {
		return v
	}
	return 0
}
