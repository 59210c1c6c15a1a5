package dns

import (
	"strconv"

	dnsmsg "github.com/miekg/dns"
)

// Types that the parser looks into (RFC 1035, 2782, 3596, 4255, 6672, 6891, 7208, 9460).
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typeNULL  = 10
	typePTR   = 12
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeSRV   = 33
	typeDNAME = 39
	typeOPT   = 41
	typeSSHFP = 44
	typeSVCB  = 64
	typeHTTPS = 65
	typeSPF   = 99
)

// Opcodes and classes.
const (
	opcodeQuery  = 0
	opcodeUpdate = 5 // RFC 2136
	maxOpcode    = 6 // DSO, RFC 8490

	classIN   = 1
	classCH   = 3
	classHS   = 4
	classNONE = 254
	classANY  = 255
)

// appendType appends the name of a type, or its number when it has none, as Suricata does.
func appendType(dst []byte, t uint16) []byte {
	switch t {
	case typeA:
		return append(dst, 'A')
	case typeAAAA:
		return append(dst, "AAAA"...)
	case typeCNAME:
		return append(dst, "CNAME"...)
	case 11:
		return append(dst, "WKS"...)
	case 23:
		return append(dst, "NSAPPTR"...)
	case 34:
		return append(dst, "ATMA"...)
	case 38:
		return append(dst, "A6"...)
	case 0, 65535: // reserved; the library has names of its own for them
		return strconv.AppendUint(dst, uint64(t), 10)
	}
	if name, ok := dnsmsg.TypeToString[t]; ok {
		return append(dst, name...)
	}
	return strconv.AppendUint(dst, uint64(t), 10)
}

// rcodes are the response codes that fit into the header (RFC 1035, 2136, 8490).
var rcodes = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
	"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI",
}

// appendRcode appends the name of the header's response code, or its number when it has none.
func appendRcode(dst []byte, flags uint16) []byte {
	if n := int(flags & 15); n < len(rcodes) {
		return append(dst, rcodes[n]...)
	}
	return strconv.AppendUint(dst, uint64(flags&15), 10)
}
