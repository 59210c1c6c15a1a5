package quic

import (
	"encoding/binary"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/tls"
)

// detail is the quic section of an EVE event. It is valid while it is observed.
type detail struct {
	version version
	sni, ua []byte
	client  *tls.Fingerprint
	server  *tls.ServerFingerprint
	exts    []byte // extensions of the hello, as on the wire
	hello   *tls.ClientHello
	chlo    *chlo
}

// AppendEVE implements protocol.Detail. The order of the members is Suricata's.
func (d *detail) AppendEVE(dst []byte, _ *eve.Options) []byte {
	dst = append(dst, `"quic":{"version":"`...)
	dst = d.version.append(dst)
	dst = append(dst, `",`...)
	if len(d.sni) > 0 {
		dst = append(dst, `"sni":`...)
		dst = eve.AppendString(dst, d.sni)
		dst = append(dst, ',')
	}
	if len(d.ua) > 0 {
		dst = append(dst, `"ua":`...)
		dst = eve.AppendString(dst, d.ua)
		dst = append(dst, ',')
	}
	if d.chlo != nil {
		text, hash := d.chlo.cyu(d.version)
		dst = append(dst, `"cyu":[{"hash":"`...)
		dst = append(dst, hash...)
		dst = append(dst, `","string":`...)
		dst = eve.AppendString(dst, text)
		dst = append(dst, `}],`...)
	}
	if d.client != nil {
		dst = d.client.AppendJA3(dst)
		dst = d.client.AppendJA4(dst)
	}
	if d.server != nil {
		dst = append(dst, d.server.JA3S()...)
	}
	if len(d.exts) > 0 {
		dst = append(dst, `"extensions":[`...)
		for e := d.exts; len(e) >= 4; {
			n := 4 + int(binary.BigEndian.Uint16(e[2:]))
			if n > len(e) {
				break
			}
			dst = d.appendExtension(dst, binary.BigEndian.Uint16(e), e[4:n])
			e = e[n:]
		}
		dst[len(dst)-1] = ']'
		dst = append(dst, ',')
	}
	dst[len(dst)-1] = '}' // the last comma
	return dst
}

// appendExtension writes one extension and a comma. Suricata gives values of four of them.
func (d *detail) appendExtension(dst []byte, typ uint16, content []byte) []byte {
	dst = append(dst, '{')
	if name := extensionName(typ); name != "" {
		dst = append(dst, `"name":"`...)
		dst = append(dst, name...)
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"type":`...)
	dst = strconv.AppendUint(dst, uint64(typ), 10)
	start := len(dst)
	dst = append(dst, `,"values":[`...)
	empty := len(dst)
	switch {
	case typ == 43 && d.hello == nil:
		dst = appendVersions(dst, content)
	case d.hello == nil:
	case typ == 0 && len(d.sni) > 0:
		dst = eve.AppendString(dst, d.sni)
		dst = append(dst, ',')
	case typ == 13:
		for v := d.hello.SignatureAlgs; len(v) >= 2; v = v[2:] {
			dst = append(dst, '"')
			dst = strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(v)), 10)
			dst = append(dst, '"', ',')
		}
	case typ == 16:
		for v := d.hello.ALPN; len(v) > 0; {
			n := 1 + int(v[0])
			dst = eve.AppendString(dst, v[1:n])
			dst = append(dst, ',')
			v = v[n:]
		}
	case typ == 43:
		dst = appendVersions(dst, d.hello.SupportedVersions)
	}
	if len(dst) == empty {
		return append(dst[:start], '}', ',')
	}
	dst[len(dst)-1] = ']'
	return append(dst, '}', ',')
}

func appendVersions(dst, v []byte) []byte {
	for ; len(v) >= 2; v = v[2:] {
		dst = append(dst, '"')
		switch x := binary.BigEndian.Uint16(v); {
		case x >= 0x0301 && x <= 0x0304:
			dst = append(dst, "Tls1"...)
			dst = append(dst, byte('0'+x-0x0301))
		case x>>8 == 0x7f:
			dst = append(dst, "Tls13Draft"...)
			dst = strconv.AppendUint(dst, uint64(x&0xff), 10)
		default:
			dst = append(dst, "0x"...)
			dst = eve.AppendHex(dst, v[:2], 0)
		}
		dst = append(dst, '"', ',')
	}
	return dst
}

// extensionName returns the name of an extension in the IANA registry, or "".
func extensionName(typ uint16) string {
	switch typ {
	case 0:
		return "server_name"
	case 1:
		return "max_fragment_length"
	case 5:
		return "status_request"
	case 10:
		return "supported_groups"
	case 11:
		return "ec_point_formats"
	case 13:
		return "signature_algorithms"
	case 16:
		return "alpn"
	case 18:
		return "signed_certificate_timestamp"
	case 21:
		return "padding"
	case 23:
		return "extended_master_secret"
	case 27:
		return "compress_certificate"
	case 28:
		return "record_size_limit"
	case 35:
		return "session_ticket"
	case 41:
		return "pre_shared_key"
	case 42:
		return "early_data"
	case 43:
		return "supported_versions"
	case 44:
		return "cookie"
	case 45:
		return "psk_key_exchange_modes"
	case 47:
		return "certificate_authorities"
	case 49:
		return "post_handshake_auth"
	case 50:
		return "signature_algorithms_cert"
	case 51:
		return "key_share"
	case 57:
		return "quic_transport_parameters"
	case 0xfe0d:
		return "encrypted_client_hello"
	case 0xff01:
		return "renegotiation_info"
	}
	return ""
}
