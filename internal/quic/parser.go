// Package quic reads the first packets of QUIC connections: versions 1 and 2, the later drafts, Facebook's and
// Google's. Initial packets are protected with keys that everybody can derive (RFC 9001, section 5.2), so the
// hellos of TLS are in the open.
package quic

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

// Parser returns the parser of QUIC. Its streams share one cache.
func Parser() protocol.Parser {
	cache := tls.NewCache()
	return protocol.Parser{
		Name:  "quic",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return newStream(cache) },
	}
}

// probe recognises long headers of known versions, and Google's public header with a version.
func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) < 7 {
		return protocol.No
	}
	if b[0]&0x80 == 0 {
		if googleVersion(b) != 0 {
			return protocol.Yes
		}
		return protocol.No
	}
	v := version(binary.BigEndian.Uint32(b[1:]))
	switch {
	case v == 0:
		return probeNegotiation(b)
	case v.clear():
		return protocol.Yes
	case v.salt() == "":
		return protocol.No
	}
	if _, err := parseLongHeader(b); err != nil {
		return protocol.No
	}
	return protocol.Yes
}

// probeNegotiation wants a list of versions of which one is known (RFC 9000, section 17.2.1).
func probeNegotiation(b []byte) protocol.Match {
	h, err := parseLongHeader(b)
	if err != nil {
		return protocol.No
	}
	list := b[7+len(h.dcid)+len(h.scid):]
	if len(list) == 0 || len(list)%4 != 0 {
		return protocol.No
	}
	for ; len(list) > 0; list = list[4:] {
		if v := version(binary.BigEndian.Uint32(list)); v.salt() != "" || v.clear() {
			return protocol.Yes
		}
	}
	return protocol.No
}
