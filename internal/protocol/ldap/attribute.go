package ldap

import (
	"bytes"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol/ber"
)

// secrets are the attributes whose values are passwords, hashes or keys, in lower case.
var secrets = [...]string{
	"userpassword", "2.5.4.35", "unicodepwd", "authpassword", "userpkcs12", "dbcspwd", "lmpwdhistory", "ntpwdhistory",
	"supplementalcredentials", "sambantpassword", "sambalmpassword", "sambapasswordhistory", "krbprincipalkey", "ms-mcs-admpwd",
	"mslaps-password", "mslaps-encryptedpassword", "msds-managedpassword", "msfve-recoverypassword", "currentvalue", "priorvalue",
	"trustauthincoming", "trustauthoutgoing", "initialauthincoming", "initialauthoutgoing", "unixuserpassword", "olcrootpw",
	"pwdhistory", "nsslapd-rootpw", "olcdbbindpw", "rootpw",
}

// secret reports whether an attribute's values are secrets. Options follow a semicolon (RFC 4512, section 2.5).
func secret(name []byte) bool {
	name, _, _ = bytes.Cut(name, []byte{';'})
	for _, s := range secrets {
		if len(s) == len(name) && bytes.EqualFold(name, []byte(s)) {
			return true
		}
	}
	return false
}

// attribute appends the two members of an attribute: its name, and its values unless they are secret or empty.
func attribute(w *eve.Object, nameKey, valuesKey string, b ber.Reader) {
	name, _ := b.Take(ber.OctetString)
	text(w, nameKey, name)
	if set, ok := b.Take(ber.Set); ok && !secret(name) {
		values(w, valuesKey, ber.OctetString, set)
	}
}

// values appends an array of the strings in b, unless there is none.
func values(w *eve.Object, key string, tag byte, b ber.Reader) {
	some := false
	for n := 0; n < maxList && len(w.B) < maxResponses; n++ {
		v, ok := b.Take(tag)
		if !ok {
			break
		}
		if some {
			w.B = append(w.B, ',')
		} else {
			some = true
			w.Key(key)
			w.B = append(w.B, '[')
		}
		w.B = eve.AppendString(w.B, v[:min(len(v), maxValue)])
	}
	if some {
		w.B = append(w.B, ']')
	}
}

// attributes appends the array "attributes", unless it is empty; nameKey is what EVE calls a name there.
func attributes(w *eve.Object, nameKey string, b ber.Reader) {
	some := false
	for n := 0; n < maxList && len(w.B) < maxResponses; n++ {
		pair, ok := b.Take(ber.Sequence)
		if !ok {
			break
		}
		if some {
			w.B = append(w.B, ',')
		} else {
			some = true
			w.Key("attributes")
			w.B = append(w.B, '[')
		}
		in := eve.Open(w.B, nil)
		attribute(&in, nameKey, "values", pair)
		w.B = in.Close()
	}
	if some {
		w.B = append(w.B, ']')
	}
}

// reply appends what a response says, and returns its result code, -1 if it has none.
func reply(o op, b ber.Reader, w *eve.Object) (code int64, ok bool) {
	if o == searchReference {
		return -1, true
	}
	in := w.Begin(o.name())
	defer func() { w.End(in) }()
	switch o {
	case searchEntry:
		name, ok := b.Take(ber.OctetString)
		text(&in, "base_object", name)
		list, ok2 := b.Take(ber.Sequence)
		attributes(&in, "type", list)
		return -1, ok && ok2
	case intermediate:
		if name, there := b.Option(ber.Context); there {
			text(&in, "name", name)
		}
		return -1, true
	}
	code, ok = b.Int(ber.Enumerated)
	if !ok {
		return -1, false
	}
	if name, known := results[code]; known {
		in.Str("result_code", name)
	} else {
		in.Key("result_code")
		in.B = append(strconv.AppendInt(append(in.B, '"'), code, 10), '"')
	}
	matched, _ := b.Take(ber.OctetString)
	text(&in, "matched_dn", matched)
	message, ok := b.Take(ber.OctetString)
	text(&in, "message", message)
	if o == extendedReply {
		b.Option(ber.Context | ber.Constructed | 3) // referral
		if name, there := b.Option(ber.Context | 10); there {
			text(&in, "name", name)
		}
	}
	return code, ok
}
