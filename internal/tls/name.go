package tls

import (
	"encoding/asn1"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"netsensor/internal/eve"
)

// appendName appends a distinguished name, whose content is rdns, in Suricata's form: the order of the
// certificate, ", " between relative names and " + " within them, values unquoted. It also returns the last
// common name, a part of the result.
func appendName(dst []byte, rdns cryptobyte.String) (name, commonName []byte) {
	for first := true; !rdns.Empty(); first = false {
		var set cryptobyte.String
		if !rdns.ReadASN1(&set, casn1.SET) {
			break
		}
		if !first {
			dst = append(dst, ", "...)
		}
		for inner := true; !set.Empty(); inner = false {
			var attr, oid, value cryptobyte.String
			var tag casn1.Tag
			if !set.ReadASN1(&attr, casn1.SEQUENCE) || !attr.ReadASN1(&oid, casn1.OBJECT_IDENTIFIER) ||
				!attr.ReadAnyASN1(&value, &tag) {
				break
			}
			if !inner {
				dst = append(dst, " + "...)
			}
			dst = appendAttributeType(dst, oid)
			dst = append(dst, '=')
			start := len(dst)
			dst = appendText(dst, tag, value)
			if string(oid) == "\x55\x04\x03" {
				commonName = dst[start:len(dst):len(dst)]
			}
		}
	}
	return dst, commonName
}

// appendAttributeType appends the short name of an attribute: those that Suricata's certificate parser
// abbreviates, else the names of X.520, PKCS #9 and the CA/Browser Forum, else the dotted identifier.
func appendAttributeType(dst []byte, oid cryptobyte.String) []byte {
	const x520, country, uid = "\x55\x04", "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01"
	switch string(oid) {
	case x520 + "\x03":
		return append(dst, "CN"...)
	case x520 + "\x04":
		return append(dst, "surname"...)
	case x520 + "\x05":
		return append(dst, "serialNumber"...)
	case x520 + "\x06":
		return append(dst, 'C')
	case x520 + "\x07":
		return append(dst, 'L')
	case x520 + "\x08":
		return append(dst, "ST"...)
	case x520 + "\x09":
		return append(dst, "streetAddress"...)
	case x520 + "\x0a":
		return append(dst, 'O')
	case x520 + "\x0b":
		return append(dst, "OU"...)
	case x520 + "\x0c":
		return append(dst, "title"...)
	case x520 + "\x0d":
		return append(dst, "description"...)
	case x520 + "\x0f":
		return append(dst, "businessCategory"...)
	case x520 + "\x11":
		return append(dst, "postalCode"...)
	case x520 + "\x29":
		return append(dst, "name"...)
	case x520 + "\x2a":
		return append(dst, "givenName"...)
	case x520 + "\x2e":
		return append(dst, "dnQualifier"...)
	case x520 + "\x61":
		return append(dst, "organizationIdentifier"...)
	case uid + "\x19":
		return append(dst, "DC"...)
	case uid + "\x01":
		return append(dst, "UID"...)
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01":
		return append(dst, "Email"...)
	case country + "\x01":
		return append(dst, "jurisdictionLocalityName"...)
	case country + "\x02":
		return append(dst, "jurisdictionStateOrProvinceName"...)
	case country + "\x03":
		return append(dst, "jurisdictionCountryName"...)
	}
	var id asn1.ObjectIdentifier
	der := append([]byte{6, byte(len(oid))}, oid...)
	if len(oid) > 32 {
		return append(dst, "OID"...)
	}
	if _, err := asn1.Unmarshal(der, &id); err != nil {
		return append(dst, "OID"...)
	}
	return append(dst, id.String()...)
}

// appendText appends the value of an attribute as UTF-8. Bytes that are not text in their own encoding stay as
// they are (Latin-1 in a PrintableString is a common sight); other types of value become "#" and hexadecimal
// digits (RFC 4514, section 2.4).
func appendText(dst []byte, tag casn1.Tag, v []byte) []byte {
	switch tag {
	case 30: // BMPString
		for ; len(v) >= 2; v = v[2:] {
			r := rune(v[0])<<8 | rune(v[1])
			if utf16.IsSurrogate(r) && len(v) >= 4 {
				if p := utf16.DecodeRune(r, rune(v[2])<<8|rune(v[3])); p != utf8.RuneError {
					r, v = p, v[2:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		}
		return dst
	case 28: // UniversalString
		for ; len(v) >= 4; v = v[4:] {
			dst = utf8.AppendRune(dst, rune(v[0]&0x7f)<<24|rune(v[1])<<16|rune(v[2])<<8|rune(v[3]))
		}
		return dst
	case casn1.UTF8String, casn1.PrintableString, casn1.T61String, casn1.IA5String, casn1.GeneralString,
		18 /* NumericString */, 26 /* VisibleString */ :
		return append(dst, v...)
	}
	dst = append(dst, '#')
	return eve.AppendHex(dst, v, 0)
}
