package tls

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// probe recognises the first record of either side, and in the middle of a connection any record.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) == 0 {
		return maybe(p)
	}
	if b[0]&0x80 != 0 && (len(b) < 3 || b[2] == sslv2ClientHello) {
		switch {
		case len(b) >= 11:
			if isSSLv2ClientHello(b) {
				return protocol.Yes
			}
			return protocol.No
		case len(b) >= recordHeader && sslv2Size(b) == 0:
			return protocol.No
		}
		return maybe(p)
	}
	if b[0] < recordChangeCipherSpec || b[0] > recordApplicationData {
		return protocol.No
	}
	if len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 {
		return protocol.No
	}
	if len(b) < recordHeader+1 {
		return maybe(p)
	}
	length := int(binary.BigEndian.Uint16(b[3:]))
	if length == 0 || length > maxRecord {
		return protocol.No
	}
	if b[0] == recordHandshake && (b[5] == typeClientHello || b[5] == typeServerHello) {
		return probeHello(p, length)
	}
	if !p.Midstream && p.Dir == protocol.ToServer {
		return protocol.No
	}
	return probeRecord(b, length)
}

func maybe(p *protocol.Peek) protocol.Match {
	if p.End {
		return protocol.No
	}
	return protocol.Maybe
}

// probeHello looks into the message, as far as it lies in the first record: its size and version.
func probeHello(p *protocol.Peek, length int) protocol.Match {
	b := p.Data
	if end := recordHeader + length; len(b) > end {
		b = b[:end]
	}
	if len(b) >= 7 && b[6] != 0 {
		return protocol.No // more than 64 KiB
	}
	if len(b) >= 10 && b[9] != 3 && b[9] != 0x7f {
		return protocol.No
	}
	if len(b) < 10 && length >= 5 {
		return maybe(p)
	}
	return protocol.Yes
}

// probeRecord judges a record that is no hello by its own size and by the record that follows.
func probeRecord(b []byte, length int) protocol.Match {
	switch b[0] {
	case recordChangeCipherSpec:
		if length != 1 || b[5] != 1 {
			return protocol.No
		}
	case recordAlert:
		if length == 2 && (b[5] < 1 || b[5] > 2) || length != 2 && length < 18 {
			return protocol.No
		}
	case recordHandshake:
		if length < 4 || len(b) >= 9 && !plausibleMessage(b[5:]) {
			return protocol.No
		}
	case recordApplicationData:
		if length < 17 {
			return protocol.No
		}
	}
	next := recordHeader + length
	switch {
	case len(b) < next:
		return protocol.Likely
	case len(b) == next:
		return protocol.Yes
	}
	b = b[next:]
	if b[0] < recordChangeCipherSpec || b[0] > recordApplicationData || len(b) > 1 && b[1] != 3 || len(b) > 2 && b[2] > 4 {
		return protocol.No
	}
	if len(b) < 3 {
		return protocol.Likely
	}
	return protocol.Yes
}

// plausibleMessage reports whether b begins like a handshake message of a known type and a moderate size.
func plausibleMessage(b []byte) bool {
	return (b[0] <= 4 || b[0] >= 11 && b[0] <= 16 || b[0] >= 20 && b[0] <= 25) && uint24(b[1:]) < 1<<18
}

// probeDTLS recognises a datagram that is a chain of DTLS records.
func probeDTLS(p *protocol.Peek) protocol.Match {
	b := p.Data
	records := 0
	for len(b) > 0 {
		length, ok := dtlsRecord(b)
		if !ok || length == 0 {
			return protocol.No
		}
		body := b[dtlsHeader:]
		epoch := binary.BigEndian.Uint16(b[3:])
		if b[0] == recordHandshake && epoch == 0 {
			if len(body) < dtlsMessageHeader || !plausibleMessage(body) {
				return protocol.No
			}
			if _, _, _, ok := dtlsFragment(body); ok {
				return protocol.Yes
			}
			return protocol.No
		}
		if b[0] == recordApplicationData && epoch == 0 {
			return protocol.No
		}
		if len(body) < length {
			if records == 0 {
				return protocol.No
			}
			return protocol.Likely
		}
		b = body[length:]
		records++
	}
	if records == 0 {
		return protocol.No
	}
	return protocol.Yes
}
