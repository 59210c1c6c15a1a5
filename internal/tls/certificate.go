package tls

import (
	"crypto/sha1"
	"crypto/sha256"
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
	SHA1                [20]byte // of the whole certificate
	SPKI                [32]byte // SHA-256 of the SubjectPublicKeyInfo, valid iff HasSPKI
	HasSPKI             bool

	der   []byte
	facts []protocol.Fact
	json  members
}

// members are the members of EVE's tls object about a certificate, each ending in a comma.
type members struct{ names, serial, fingerprint, dates []byte }

// ParseCertificate parses a DER certificate as far as it can. It keeps no part of der.
func ParseCertificate(der []byte) *Certificate {
	x := &Certificate{SHA1: sha1.Sum(der)}
	// One piece of memory for the copy, for the texts that are made of it, and for the members.
	room := make([]byte, len(der), 2*len(der)+768)
	copy(room, der)
	x.der = room[:len(der):len(der)]
	alt, room := x.parse(room)
	x.encode(alt, room)
	return x
}

// parse returns the content of the subjectAltName, and room with the texts appended. It makes the facts.
func (x *Certificate) parse(room []byte) (alt cryptobyte.String, _ []byte) {
	in := cryptobyte.String(x.der)
	var cert, tbs, serial, issuer, subject, validity, spki cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !cert.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) ||
		!tbs.ReadASN1(&serial, asn1.INTEGER) {
		return nil, room
	}
	x.Serial = serial
	if !tbs.SkipASN1(asn1.SEQUENCE) || !tbs.ReadASN1(&issuer, asn1.SEQUENCE) {
		return nil, room
	}
	start := len(room)
	room, _ = appendName(room, issuer)
	x.Issuer = room[start:len(room):len(room)]
	var commonName []byte
	whole := tbs.ReadASN1(&validity, asn1.SEQUENCE)
	if whole {
		x.HasValidity = readTime(&validity, &x.NotBefore) && readTime(&validity, &x.NotAfter)
		whole = tbs.ReadASN1(&subject, asn1.SEQUENCE)
	}
	if whole {
		start = len(room)
		room, commonName = appendName(room, subject)
		x.Subject = room[start:len(room):len(room)]
		if tbs.ReadASN1Element(&spki, asn1.SEQUENCE) {
			x.SPKI, x.HasSPKI = sha256.Sum256(spki), true
			alt = subjectAltName(tbs)
		}
	}
	return alt, x.addFacts(room, alt, commonName)
}

// subjectAltName returns the content of that extension (RFC 5280, section 4.2.1.6), of what follows the public key.
func subjectAltName(tbs cryptobyte.String) (names cryptobyte.String) {
	var list, all cryptobyte.String
	var there bool
	if !tbs.SkipOptionalASN1(asn1.Tag(1).ContextSpecific()) || !tbs.SkipOptionalASN1(asn1.Tag(2).ContextSpecific()) ||
		!tbs.ReadOptionalASN1(&list, &there, asn1.Tag(3).Constructed().ContextSpecific()) || !there ||
		!list.ReadASN1(&all, asn1.SEQUENCE) {
		return nil
	}
	for !all.Empty() {
		var ext, oid, value cryptobyte.String
		if !all.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
			return nil
		}
		if string(oid) == "\x55\x1d\x11" && ext.SkipOptionalASN1(asn1.BOOLEAN) &&
			ext.ReadASN1(&value, asn1.OCTET_STRING) && value.ReadASN1(&names, asn1.SEQUENCE) {
			return names
		}
	}
	return nil
}

// GeneralNames that are text, or an address.
const (
	nameEmail   = asn1.Tag(1 | 0x80)
	nameDNS     = asn1.Tag(2 | 0x80)
	nameURI     = asn1.Tag(6 | 0x80)
	nameAddress = asn1.Tag(7 | 0x80)
)

// altName reads the next name that is kept. It reports false at the end.
func altName(alt *cryptobyte.String) (name cryptobyte.String, tag asn1.Tag, ok bool) {
	for alt.ReadAnyASN1(&name, &tag) {
		switch tag {
		case nameEmail, nameDNS, nameURI:
			return name, tag, true
		case nameAddress:
			if len(name) == 4 || len(name) == 16 {
				return name, tag, true
			}
		}
	}
	return nil, 0, false
}

// addFacts appends the texts of facts that are not in the certificate itself to room.
func (x *Certificate) addFacts(room []byte, alt cryptobyte.String, commonName []byte) []byte {
	count, list := 3, alt
	for n := 0; n < maxNames; n++ {
		if _, _, ok := altName(&list); !ok {
			break
		}
		count++
	}
	x.facts = make([]protocol.Fact, 0, count)
	if len(x.Issuer) > 0 || len(x.Subject) > 0 {
		x.facts = append(x.facts, protocol.Fact{Kind: protocol.CertIssuer, Text: x.Issuer, Aux: x.Subject})
	}
	if x.HasSPKI {
		start := len(room)
		room = eve.AppendHex(room, x.SPKI[:], 0)
		x.facts = append(x.facts, protocol.Fact{Kind: protocol.CertSPKI, Text: room[start:len(room):len(room)]})
	}
	before := len(x.facts)
	for n := 0; n < maxNames; n++ {
		name, tag, ok := altName(&alt)
		if !ok {
			break
		}
		switch tag {
		case nameDNS:
			x.facts = append(x.facts, protocol.Fact{Kind: protocol.NameCert, Text: name})
		case nameAddress:
			start := len(room)
			room = appendAddress(room, name)
			x.facts = append(x.facts, protocol.Fact{Kind: protocol.NameCert, Text: room[start:len(room):len(room)]})
		}
	}
	if len(x.facts) == before && len(commonName) > 0 {
		x.facts = append(x.facts, protocol.Fact{Kind: protocol.NameCert, Text: commonName})
	}
	return room
}

// appendAddress appends an address of four or sixteen bytes as text.
func appendAddress(dst, b []byte) []byte {
	a, _ := netip.AddrFromSlice(b)
	return a.AppendTo(dst)
}

// encode appends the EVE members to room.
func (x *Certificate) encode(alt cryptobyte.String, room []byte) {
	start := len(room)
	if len(x.Subject) > 0 {
		room = appendMember(room, "subject", x.Subject)
	}
	if len(x.Issuer) > 0 {
		room = appendMember(room, "issuerdn", x.Issuer)
	}
	if name, tag, ok := altName(&alt); ok {
		room = append(room, `"subjectaltname":[`...)
		for n := 0; ok && n < maxNames; n++ {
			if tag == nameAddress {
				room = append(room, '"')
				room = appendAddress(room, name)
				room = append(room, '"', ',')
			} else {
				room = eve.AppendString(room, name)
				room = append(room, ',')
			}
			name, tag, ok = altName(&alt)
		}
		room[len(room)-1] = ']'
		room = append(room, ',')
	}
	serial := len(room)
	if len(x.Serial) > 0 {
		room = append(room, `"serial":"`...)
		room = appendUpperHex(room, x.Serial)
		room = append(room, '"', ',')
	}
	fingerprint := len(room)
	room = append(room, `"fingerprint":"`...)
	room = eve.AppendHex(room, x.SHA1[:], ':')
	room = append(room, '"', ',')
	dates := len(room)
	if x.HasValidity {
		room = appendDate(room, "notbefore", x.NotBefore)
		room = appendDate(room, "notafter", x.NotAfter)
	}
	x.json = members{room[start:serial], room[serial:fingerprint], room[fingerprint:dates], room[dates:]}
}

// appendHead appends the members that EVE has before "sni"; the dates come later.
func (m *members) appendHead(dst []byte) []byte {
	dst = append(dst, m.names...)
	dst = append(dst, m.serial...)
	return append(dst, m.fingerprint...)
}

// appendClient appends the member "client" and a comma, in Suricata's order.
func (m *members) appendClient(dst []byte) []byte {
	dst = append(dst, `"client":{`...)
	dst = append(dst, m.names...)
	dst = append(dst, m.fingerprint...)
	dst = append(dst, m.serial...)
	dst = append(dst, m.dates...)
	dst[len(dst)-1] = '}'
	return append(dst, ',')
}

// readTime reads a UTCTime or GeneralizedTime, with or without seconds, fraction and zone.
func readTime(s *cryptobyte.String, out *int64) bool {
	var v cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&v, &tag) {
		return false
	}
	year, ok := 0, true
	digits := func() int {
		if len(v) < 2 || v[0]-'0' > 9 || v[1]-'0' > 9 {
			ok = false
			return 0
		}
		n := int(v[0]-'0')*10 + int(v[1]-'0')
		v = v[2:]
		return n
	}
	switch tag {
	case asn1.UTCTime:
		if year = 2000 + digits(); year >= 2050 { // RFC 5280, section 4.1.2.5.1
			year -= 100
		}
	case asn1.GeneralizedTime:
		year = 100*digits() + digits()
	default:
		return false
	}
	month, day, hour, minute, second := digits(), digits(), digits(), digits(), 0
	if len(v) > 0 && v[0]-'0' <= 9 {
		second = digits()
	}
	if len(v) > 1 && v[0] == '.' {
		for v = v[1:]; len(v) > 0 && v[0]-'0' <= 9; v = v[1:] {
		}
	}
	east := 0 // seconds
	switch {
	case len(v) == 0, len(v) == 1 && v[0] == 'Z':
	case len(v) == 5 && (v[0] == '+' || v[0] == '-'):
		sign := 44 - int(v[0])
		v = v[1:]
		east = sign * (digits()*3600 + digits()*60)
	default:
		return false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if !ok || t.Day() != day || int(t.Month()) != month || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	*out = t.Unix() - int64(east)
	return true
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
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	if year < 1000 || year > 2999 {
		return dst
	}
	dst = append(dst, '"')
	dst = append(dst, key...)
	dst = append(dst, '"', ':', '"')
	dst = append(dst, pairs[2*(year/100):][:2]...)
	dst = appendPair(dst, year%100, '-')
	dst = appendPair(dst, int(month), '-')
	dst = appendPair(dst, day, 'T')
	dst = appendPair(dst, hour, ':')
	dst = appendPair(dst, minute, ':')
	dst = appendPair(dst, second, '"')
	return append(dst, ',')
}

// appendPair appends two digits and a separator.
func appendPair(dst []byte, n int, sep byte) []byte {
	return append(dst, pairs[2*n], pairs[2*n+1], sep)
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
