// Package openvpn follows OpenVPN over UDP and TCP: it recognises the first control packets, puts the control channel in
// order and reads the TLS that it carries. It does so where that channel is in the clear or only signed (tls-auth); where
// it is encrypted (tls-crypt), it says so. The wire format is that of OpenVPN's ssl_pkt.h and reliable.h.
package openvpn

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/tls"
)

const port = 1194

// Parser returns the parser of OpenVPN, on any port. What it finds in the control channel are events of TLS.
func Parser() protocol.Parser {
	inner := tls.Parser()
	return protocol.Parser{
		Name:  "openvpn",
		Over:  protocol.UDP | protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return newStream(inner.New) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if p.Over == protocol.TCP {
		if len(b) <= lengthLen {
			if len(b) == 0 || b[0] > 4 {
				return protocol.No
			}
			return protocol.Maybe
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[lengthLen:]
		if n < bareLen || !assigned(b[0]) {
			return protocol.No
		}
		if len(b) < n {
			if p.End || n > 1200 || !reset(b[0]) {
				return protocol.No
			}
			return protocol.Maybe
		}
		b = b[:n]
	}
	if len(b) < bareLen || !assigned(b[0]) {
		return protocol.No
	}
	if reset(b[0]) {
		if _, ok := firstLayout(b); ok {
			fromServer := b[0]>>3 == resetServer1 || b[0]>>3 == resetServer2
			p.Reversed = fromServer == (p.Dir == protocol.ToServer)
			return protocol.Yes
		}
	}
	if p.Port(port) {
		return protocol.Likely
	}
	return protocol.No
}

// assigned reports whether a first byte is that of a packet with which a capture of a session is likely to begin.
func assigned(b byte) bool {
	op := b >> 3
	return op >= resetClient1 && op <= resetClient3 && op != resetSoft
}

// reset reports whether a first byte is that of a packet that begins a session: its key has number 0.
func reset(b byte) bool {
	switch b {
	case resetClient1 << 3, resetServer1 << 3, resetClient2 << 3, resetServer2 << 3, resetClient3 << 3:
		return true
	}
	return false
}
