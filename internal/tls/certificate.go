package tls

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// maxNames bounds the subjectAltNames that are kept of one certificate.
const maxNames = 1000

// Certificate is what is wanted of an X.509 certificate (RFC 5280). It is immutable. What cannot be parsed is
// left out; the fingerprint is always there.
type Certificate struct {
	Subject, Issuer     []byte // as Suricata writes them: "C=US, O=…, CN=…"
	Serial              []byte // the content octets of the number
	NotBefore, NotAfter int64  // seconds since the Unix epoch, valid iff HasValidity
	HasValidity         bool
	Names               [][]byte // subjectAltName: dNSName, and iPAddress, rfc822Name and URI as text
	SHA1                [20]byte // of the whole certificate
	SPKI                [32]byte // SHA-256 of the SubjectPublicKeyInfo, valid iff HasSPKI
	HasSPKI             bool

	der   []byte
	facts []protocol.Fact
	// Members of EVE's tls object, each ending in a comma: what goes before and after "sni", and the client's.
	headJSON, tailJSON, clientJSON string
}

// ParseCertificate parses a DER certificate as far as it can. It keeps no part of der.
func ParseCertificate(der []byte) *Certificate {
	x := &Certificate{SHA1: sha1.Sum(der)}
	covered := x.parse(der)
	x.addFacts(covered)
	x.encode()
	return x
}

// parse returns the names that the certificate covers.
func (x *Certificate) parse(der []byte) (covered [][]byte) {
	in := cryptobyte.String(der)
	var cert, tbs, serial, issuer, subject, validity, spki cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !cert.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) ||
		!tbs.ReadASN1(&serial, asn1.INTEGER) {
		return nil
	}
	x.Serial = append(x.Serial, serial...)
	if !tbs.SkipASN1(asn1.SEQUENCE) || !tbs.ReadASN1(&issuer, asn1.SEQUENCE) {
		return nil
	}
	x.Issuer, _ = appendName(nil, issuer)
	if !tbs.ReadASN1(&validity, asn1.SEQUENCE) {
		return nil
	}
	x.HasValidity = readTime(&validity, &x.NotBefore) && readTime(&validity, &x.NotAfter)
	if !tbs.ReadASN1(&subject, asn1.SEQUENCE) {
		return nil
	}
	var commonName []byte
	x.Subject, commonName = appendName(nil, subject)
	if tbs.ReadASN1Element(&spki, asn1.SEQUENCE) {
		x.SPKI, x.HasSPKI = sha256.Sum256(spki), true
	}
	covered = x.extensions(tbs)
	if len(covered) == 0 && len(commonName) > 0 {
		covered = append(covered, commonName)
	}
	return covered
}

// subjectAltName is 2.5.29.17.
const subjectAltName = "\x55\x1d\x11"

func (x *Certificate) extensions(tbs cryptobyte.String) (covered [][]byte) {
	var list, all cryptobyte.String
	var there bool
	if !tbs.SkipOptionalASN1(asn1.Tag(1).ContextSpecific()) || !tbs.SkipOptionalASN1(asn1.Tag(2).ContextSpecific()) ||
		!tbs.ReadOptionalASN1(&list, &there, asn1.Tag(3).Constructed().ContextSpecific()) || !there ||
		!list.ReadASN1(&all, asn1.SEQUENCE) {
		return nil
	}
	for !all.Empty() {
		var ext, oid, value, names cryptobyte.String
		if !all.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return covered
		}
		if string(oid) != subjectAltName || !ext.SkipOptionalASN1(asn1.BOOLEAN) ||
			!ext.ReadASN1(&value, asn1.OCTET_STRING) || !value.ReadASN1(&names, asn1.SEQUENCE) {
			continue
		}
		for !names.Empty() && len(x.Names) < maxNames {
			var v cryptobyte.String
			var tag asn1.Tag
			if !names.ReadAnyASN1(&v, &tag) {
				break
			}
			switch tag { // GeneralName, RFC 5280, section 4.2.1.6
			case asn1.Tag(1).ContextSpecific(), asn1.Tag(6).ContextSpecific():
				x.Names = append(x.Names, append([]byte(nil), v...))
			case asn1.Tag(2).ContextSpecific():
				name := append([]byte(nil), v...)
				x.Names = append(x.Names, name)
				covered = append(covered, name)
			case asn1.Tag(7).ContextSpecific():
				if a, ok := netip.AddrFromSlice(v); ok {
					name := a.AppendTo(nil)
					x.Names = append(x.Names, name)
					covered = append(covered, name)
				}
			}
		}
	}
	return covered
}

// readTime reads a UTCTime or GeneralizedTime, with or without seconds.
func readTime(s *cryptobyte.String, out *int64) bool {
	var v cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&v, &tag) || len(v) > 24 {
		return false
	}
	text := string(v)
	switch tag {
	case asn1.UTCTime:
		if len(text) < 2 {
			return false
		}
		century := "20"
		if text[0] >= '5' { // RFC 5280, section 4.1.2.5.1
			century = "19"
		}
		text = century + text
	case asn1.GeneralizedTime:
	default:
		return false
	}
	for _, layout := range [...]string{"20060102150405Z0700", "200601021504Z0700", "20060102150405"} {
		if t, err := time.Parse(layout, text); err == nil {
			*out = t.Unix()
			return true
		}
	}
	return false
}

func (x *Certificate) addFacts(covered [][]byte) {
	x.facts = make([]protocol.Fact, 0, 2+len(covered))
	if len(x.Issuer) > 0 || len(x.Subject) > 0 {
		x.facts = append(x.facts, protocol.Fact{Kind: protocol.CertIssuer, Text: x.Issuer, Aux: x.Subject})
	}
	if x.HasSPKI {
		x.facts = append(x.facts, protocol.Fact{Kind: protocol.CertSPKI, Text: hex.AppendEncode(nil, x.SPKI[:])})
	}
	for _, name := range covered {
		x.facts = append(x.facts, protocol.Fact{Kind: protocol.NameCert, Text: name})
	}
}

// encode writes the EVE members in the order in which Suricata writes them.
func (x *Certificate) encode() {
	b := make([]byte, 0, 1024)
	if len(x.Subject) > 0 {
		b = appendMember(b, "subject", x.Subject)
	}
	if len(x.Issuer) > 0 {
		b = appendMember(b, "issuerdn", x.Issuer)
	}
	if len(x.Names) > 0 {
		b = append(b, `"subjectaltname":[`...)
		for i, name := range x.Names {
			if i > 0 {
				b = append(b, ',')
			}
			b = eve.AppendString(b, name)
		}
		b = append(b, `],`...)
	}
	names := len(b)
	if len(x.Serial) > 0 {
		b = append(b, `"serial":"`...)
		b = appendUpperHex(b, x.Serial)
		b = append(b, `",`...)
	}
	serial := len(b)
	b = append(b, `"fingerprint":"`...)
	b = eve.AppendHex(b, x.SHA1[:], ':')
	b = append(b, `",`...)
	head := len(b)
	if x.HasValidity {
		b = appendDate(b, "notbefore", x.NotBefore)
		b = appendDate(b, "notafter", x.NotAfter)
	}
	all := string(b)
	x.headJSON, x.tailJSON = all[:head], all[head:]
	client := `"client":{` + all[:names] + all[serial:head] + all[names:serial] + all[head:]
	x.clientJSON = client[:len(client)-1] + "},"
}

func appendMember(dst []byte, key string, v []byte) []byte {
	dst = append(dst, '"')
	dst = append(dst, key...)
	dst = append(dst, '"', ':')
	dst = eve.AppendString(dst, v)
	return append(dst, ',')
}

// appendDate leaves out the years that EVE's pattern for dates does not allow.
func appendDate(dst []byte, key string, seconds int64) []byte {
	t := time.Unix(seconds, 0).UTC()
	if y := t.Year(); y < 1000 || y > 2999 {
		return dst
	}
	dst = append(dst, '"')
	dst = append(dst, key...)
	dst = append(dst, '"', ':', '"')
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05")
	return append(dst, '"', ',')
}

func appendUpperHex(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}
