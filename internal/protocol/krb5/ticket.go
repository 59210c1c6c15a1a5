package krb5

import (
	"bytes"

	"netsensor/internal/protocol/ber"
)

// token is the header of the first GSS-API token of Kerberos (RFC 4121, section 4.1): the mechanism's OID and the
// mark of an AP-REQ.
var token = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e")

// Service reads which service a client logs in to from the AP-REQ that a GSS-API or SPNEGO token holds: the realm and
// the elements of the service's name, such as "cifs" and "fs1.example.com". b may be cut behind them. Who the client is
// stands in the ticket's encrypted part.
func Service(b []byte) (realm []byte, name ber.Reader, ok bool) {
	i := bytes.Index(b, token)
	if i < 0 {
		return nil, nil, false
	}
	r := ber.Reader(b[i+len(token)-1:])
	r = inside(r) // APPLICATION 14
	r = inside(r) // SEQUENCE
	for range 3 { // pvno, msg-type, ap-options
		r.Next()
	}
	if r.Peek() != context(3) {
		return nil, nil, false
	}
	return ticket(inside(r))
}

// ticket reads realm and service of a Ticket (RFC 4120, section 5.3).
func ticket(r ber.Reader) (realm []byte, name ber.Reader, ok bool) {
	if r.Peek() != ber.Application|ber.Constructed|1 {
		return nil, nil, false
	}
	r = inside(inside(r))
	r.Take(context(0))
	field, _ := r.Take(context(1))
	realm, _ = field.Take(generalString)
	field, ok = r.Take(context(2))
	name, ok2 := principal(field)
	return realm, name, ok && ok2
}

// inside returns the contents of the first value, as much as there is of it.
func inside(r ber.Reader) ber.Reader {
	_, n, length, res := ber.Header(r)
	if res != ber.Whole {
		return nil
	}
	return r[n:min(n+length, len(r))]
}

// principal returns the elements of a PrincipalName (RFC 4120, section 5.2.2), each of which is a string.
func principal(r ber.Reader) (name ber.Reader, ok bool) {
	seq, _ := r.Take(ber.Sequence)
	seq.Take(context(0))
	list, _ := seq.Take(context(1))
	return list.Take(ber.Sequence)
}

// Element takes the next element of a name.
func Element(name *ber.Reader) ([]byte, bool) { return name.Take(generalString) }

const generalString = 0x1b

func context(n byte) byte { return ber.Context | ber.Constructed | n }
