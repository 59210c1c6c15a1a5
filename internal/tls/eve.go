package tls

import (
	"strconv"

	"netsensor/internal/eve"
)

// Detail is what is known of a handshake so far: the tls section of an EVE event.
type Detail struct {
	version          uint16 // negotiated; 0 while not known
	offered          uint16 // the highest that the client offers; written as long as that is all
	resumed          bool
	serverName, alpn []byte
	client           *Fingerprint
	server           *ServerFingerprint
	cert, clientCert *Certificate
}

// AppendEVE implements protocol.Detail. The order of the members is Suricata's.
func (d *Detail) AppendEVE(dst []byte, _ *eve.Options) []byte {
	dst = append(dst, `"tls":{`...)
	if d.cert != nil {
		dst = d.cert.json.appendHead(dst)
	}
	if d.resumed {
		dst = append(dst, `"session_resumed":true,`...)
	}
	if len(d.serverName) > 0 {
		dst = appendMember(dst, "sni", d.serverName)
	}
	dst = append(dst, `"version":"`...)
	if d.version != 0 {
		dst = appendVersion(dst, d.version)
	} else {
		dst = appendVersion(dst, d.offered)
	}
	dst = append(dst, `",`...)
	if d.cert != nil {
		dst = append(dst, d.cert.json.dates...)
	}
	if d.client != nil {
		dst = d.client.AppendJA3(dst)
	}
	if d.server != nil {
		dst = append(dst, d.server.ja3s...)
	}
	if d.client != nil {
		dst = d.client.AppendJA4(dst)
		dst = d.client.appendALPN(dst)
	}
	if len(d.alpn) > 0 {
		dst = append(dst, `"server_alpns":[`...)
		dst = eve.AppendString(dst, d.alpn)
		dst = append(dst, `],`...)
	}
	if d.clientCert != nil {
		dst = d.clientCert.json.appendClient(dst)
	}
	if d.client != nil {
		dst = d.client.appendHandshake(dst)
	}
	if d.server != nil {
		dst = append(dst, d.server.handshake...)
	}
	dst[len(dst)-1] = '}' // the last comma
	return dst
}

// appendVersion appends a version as Suricata writes it; the names of DTLS are ours.
func appendVersion(dst []byte, v uint16) []byte {
	switch {
	case v == 0:
		return append(dst, "UNDETERMINED"...)
	case v == versionSSL2:
		return append(dst, "SSLv2"...)
	case v == 0x0300:
		return append(dst, "SSLv3"...)
	case v == 0x0301:
		return append(dst, "TLSv1"...)
	case v == 0x0302:
		return append(dst, "TLS 1.1"...)
	case v == versionTLS12:
		return append(dst, "TLS 1.2"...)
	case v == versionTLS13:
		return append(dst, "TLS 1.3"...)
	case v == 0xfeff, v == 0x0100: // the latter is that of OpenSSL before 0.9.8f, and of Cisco's AnyConnect
		return append(dst, "DTLS 1.0"...)
	case v == 0xfefd:
		return append(dst, "DTLS 1.2"...)
	case v == 0xfefc:
		return append(dst, "DTLS 1.3"...)
	case v>>8 == 0x7f || v>>8 == 0xfb:
		dst = append(dst, "TLS 1.3 draft-"...)
		dst = strconv.AppendUint(dst, uint64(v&0xff), 10)
		if v>>8 == 0xfb {
			dst = append(dst, "-fb"...)
		}
		return dst
	}
	dst = append(dst, "0x"...)
	return eve.AppendHex(dst, []byte{byte(v >> 8), byte(v)}, 0)
}
