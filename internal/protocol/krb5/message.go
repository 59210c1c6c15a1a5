package krb5

import (
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol/ber"
)

// message is what a message tells in the clear.
type message struct {
	kind     int
	failed   int // of an error: the type of the request, 0 when it was not seen
	code     int64
	client   []byte
	realm    []byte
	service  []byte
	etype    int64
	ticket   int64 // the ticket's encryption type
	hasEtype bool
	hasTkt   bool
}

// fresh is the initial state, with the buffers of an old one.
func (m *message) fresh() message {
	return message{client: m.client[:0], realm: m.realm[:0], service: m.service[:0]}
}

// appendName appends the elements of a PrincipalName, separated by slashes (RFC 1964, section 2.1.1).
func appendName(dst []byte, field ber.Reader) []byte {
	name, _ := principal(field)
	return joined(dst, name)
}

func joined(dst []byte, name ber.Reader) []byte {
	start := len(dst)
	for {
		part, ok := Element(&name)
		if !ok || len(dst)-start >= maxName {
			return dst
		}
		if len(dst) > start {
			dst = append(dst, '/')
		}
		dst = append(dst, part[:min(len(part), maxName)]...)
	}
}

func realm(field ber.Reader) []byte {
	v, _ := field.Take(generalString)
	return v[:min(len(v), maxName)]
}

// request reads KDC-REQ (RFC 4120, section 5.4.1).
func (m *message) request(r ber.Reader) {
	r.Take(context(1))
	r.Take(context(2))
	r.Option(context(3)) // padata
	body, _ := r.Take(context(4))
	body, _ = body.Take(ber.Sequence)
	body.Take(context(0))
	if f, ok := body.Option(context(1)); ok {
		m.client = appendName(m.client, f)
	}
	if f, ok := body.Option(context(2)); ok {
		m.realm = append(m.realm, realm(f)...)
	}
	if f, ok := body.Option(context(3)); ok {
		m.service = appendName(m.service, f)
	}
}

// reply reads KDC-REP (RFC 4120, section 5.4.2).
func (m *message) reply(r ber.Reader) {
	r.Take(context(0))
	r.Take(context(1))
	r.Option(context(2)) // padata
	f, _ := r.Take(context(3))
	m.realm = append(m.realm, realm(f)...)
	f, _ = r.Take(context(4))
	m.client = appendName(m.client, f)
	if f, ok := r.Take(context(5)); ok {
		if _, name, ok := ticket(f); ok {
			m.service = joined(m.service, name)
		}
		fields := inside(inside(f))
		for range 3 { // version, realm, name
			fields.Next()
		}
		enc, _ := fields.Take(context(3))
		m.ticket, m.hasTkt = etype(enc)
	}
	enc, _ := r.Take(context(6))
	m.etype, m.hasEtype = etype(enc)
}

// etype reads the encryption type of EncryptedData (RFC 4120, section 5.2.9).
func etype(r ber.Reader) (int64, bool) {
	seq, _ := r.Take(ber.Sequence)
	f, _ := seq.Take(context(0))
	return f.Int(ber.Integer)
}

// failure reads KRB-ERROR (RFC 4120, section 5.9.1).
func (m *message) failure(r ber.Reader) {
	for len(r) > 0 {
		tag, f, ok := r.Next()
		if !ok {
			return
		}
		switch tag {
		case context(6):
			m.code, _ = f.Int(ber.Integer)
		case context(7):
			m.realm = append(m.realm[:0], realm(f)...)
		case context(8):
			m.client = appendName(m.client[:0], f)
		case context(10):
			m.service = appendName(m.service[:0], f)
		}
	}
}

func kindName(kind int) string {
	switch kind {
	case asReq:
		return "KRB_AS_REQ"
	case asRep:
		return "KRB_AS_REP"
	case tgsReq:
		return "KRB_TGS_REQ"
	case tgsRep:
		return "KRB_TGS_REP"
	case krbError:
		return "KRB_ERROR"
	}
	return "UNKNOWN"
}

// AppendEVE appends the member "krb5".
func (m *message) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"krb5":`...), o)
	w.Str("msg_type", kindName(m.kind))
	if m.kind == krbError {
		w.Str("failed_request", kindName(m.failed))
		w.Key("error_code")
		w.B = append(w.B, '"')
		if name := errorNames[m.code]; name != "" {
			w.B = append(w.B, name...)
		} else {
			w.B = strconv.AppendInt(w.B, m.code, 10)
		}
		w.B = append(w.B, '"')
	}
	orEmpty(&w, "cname", m.client)
	orEmpty(&w, "realm", m.realm)
	orEmpty(&w, "sname", m.service)
	if m.hasEtype {
		appendEtype(&w, "encryption", "weak_encryption", m.etype)
	} else {
		w.Str("encryption", "<none>")
		w.Bool("weak_encryption", false)
	}
	if m.hasTkt {
		appendEtype(&w, "ticket_encryption", "ticket_weak_encryption", m.ticket)
	}
	return w.Close()
}

func orEmpty(w *eve.Object, key string, v []byte) {
	if len(v) == 0 {
		w.Str(key, "<empty>")
		return
	}
	w.Bytes(key, v)
}

func appendEtype(w *eve.Object, key, weakKey string, v int64) {
	w.Key(key)
	w.B = append(w.B, '"')
	name, known := etypes[v]
	if known {
		w.B = append(w.B, name...)
	} else {
		w.B = strconv.AppendInt(w.B, v, 10)
	}
	w.B = append(w.B, '"')
	w.Bool(weakKey, v < 17 || v > 20 && v != 25 && v != 26)
}

// etypes are the names of encryption types in the IANA registry.
var etypes = map[int64]string{
	1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 5: "des3-cbc-md5", 7: "des3-cbc-sha1", 16: "des3-cbc-sha1-kd",
	17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96", 19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
	23: "rc4-hmac", 24: "rc4-hmac-exp", 25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac",
}

// Errors after which the client goes on.
const (
	preauthRequired = 25
	responseTooBig  = 52
)

// errorNames are those of RFC 4120, section 7.5.9, and RFC 4556, section 3.1.3.
var errorNames = map[int64]string{
	0: "KDC_ERR_NONE", 1: "KDC_ERR_NAME_EXP", 2: "KDC_ERR_SERVICE_EXP", 3: "KDC_ERR_BAD_PVNO", 4: "KDC_ERR_C_OLD_MAST_KVNO",
	5: "KDC_ERR_S_OLD_MAST_KVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN",
	8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", 9: "KDC_ERR_NULL_KEY", 10: "KDC_ERR_CANNOT_POSTDATE", 11: "KDC_ERR_NEVER_VALID",
	12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION", 14: "KDC_ERR_ETYPE_NOSUPP", 15: "KDC_ERR_SUMTYPE_NOSUPP",
	16: "KDC_ERR_PADATA_TYPE_NOSUPP", 17: "KDC_ERR_TRTYPE_NOSUPP", 18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED",
	20: "KDC_ERR_TGT_REVOKED", 21: "KDC_ERR_CLIENT_NOTYET", 22: "KDC_ERR_SERVICE_NOTYET", 23: "KDC_ERR_KEY_EXPIRED",
	24: "KDC_ERR_PREAUTH_FAILED", 25: "KDC_ERR_PREAUTH_REQUIRED", 26: "KDC_ERR_SERVER_NOMATCH", 27: "KDC_ERR_MUST_USE_USER2USER",
	28: "KDC_ERR_PATH_NOT_ACCEPTED", 29: "KDC_ERR_SVC_UNAVAILABLE", 31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED",
	33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT", 35: "KRB_AP_ERR_NOT_US", 36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW",
	38: "KRB_AP_ERR_BADADDR", 39: "KRB_AP_ERR_BADVERSION", 40: "KRB_AP_ERR_MSG_TYPE", 41: "KRB_AP_ERR_MODIFIED",
	42: "KRB_AP_ERR_BADORDER", 44: "KRB_AP_ERR_BADKEYVER", 45: "KRB_AP_ERR_NOKEY", 46: "KRB_AP_ERR_MUT_FAIL",
	47: "KRB_AP_ERR_BADDIRECTION", 48: "KRB_AP_ERR_METHOD", 49: "KRB_AP_ERR_BADSEQ", 50: "KRB_AP_ERR_INAPP_CKSUM",
	51: "KRB_AP_PATH_NOT_ACCEPTED", 52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 61: "KRB_ERR_FIELD_TOOLONG",
	62: "KDC_ERROR_CLIENT_NOT_TRUSTED", 63: "KDC_ERROR_KDC_NOT_TRUSTED", 64: "KDC_ERROR_INVALID_SIG", 65: "KDC_ERR_KEY_TOO_WEAK",
	66: "KDC_ERR_CERTIFICATE_MISMATCH", 67: "KRB_AP_ERR_NO_TGT", 68: "KDC_ERR_WRONG_REALM", 69: "KRB_AP_ERR_USER_TO_USER_REQUIRED",
}
