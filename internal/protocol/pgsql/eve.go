package pgsql

import (
	"bytes"
	"strconv"

	"netsensor/internal/eve"
)

// kind says what a transaction's request is.
type kind uint8

const (
	noRequest kind = iota
	sslRequest
	cancelRequest
	startupMessage
	simpleQuery
	termination
	password
	saslInitial
	saslResponse
	gssResponse
	copyIn
)

// messages are the requests that are told by their name alone, as Suricata names them.
var messages = [...]string{
	sslRequest: "SSL Request", cancelRequest: "cancel_request", termination: "termination_message",
	saslResponse: "sasl_response", gssResponse: "gss_response", copyIn: "",
}

// transaction is a request and what answers it.
type transaction struct {
	active    bool
	redacted  bool // the query holds more than is told
	kind      kind
	number    uint32 // the protocol version, or the process to be cancelled
	mechanism string
	count     uint64
	size      uint64
	params    params // of the startup
	query     []byte
	response  response
}

// response gathers the messages of a server until it is ready for the next query.
type response struct {
	ssl, sslAccepted bool
	key, described   bool
	copying          byte // 'G' or 'H'
	fields, columns  uint16
	process          uint32
	rows, size       uint64
	copies, copySize uint64
	message          string
	tag              []byte
	params           params
	errors           [len(errorFields)][]byte
}

// params are names and values, each followed by NUL.
type params []byte

func (p params) add(name, value []byte) params {
	if len(p)+len(name)+len(value)+2 > maxParams {
		return p
	}
	p = append(append(p, name...), 0)
	return append(append(p, value...), 0)
}

func (t *transaction) addParam(name, value []byte) { t.params = t.params.add(name, value) }
func (r *response) addParam(name, value []byte)    { r.params = r.params.add(name, value) }

// fresh is the initial state, with the buffers of an old one. All of them are bounded.
func (t *transaction) fresh() transaction {
	f := transaction{params: t.params[:0], query: t.query[:0]}
	f.response.tag, f.response.params = t.response.tag[:0], t.response.params[:0]
	for i, e := range t.response.errors {
		f.response.errors[i] = e[:0]
	}
	return f
}

// setQuery keeps the beginning of a query of size bytes. What follows the word PASSWORD is left out: statements that
// set one hold it in the clear.
func (t *transaction) setQuery(text []byte, size int) {
	if len(text) == size {
		text, _, _ = bytes.Cut(text, []byte{0})
	}
	end := secretAt(text)
	t.redacted = end < len(text)
	t.query = append(t.query[:0], text[:end]...)
}

// secretAt returns where a secret may begin, or the length of text.
func secretAt(text []byte) int {
	const word = "password"
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0] && bytes.EqualFold(text[i:i+len(word)], []byte(word)) {
			return i + len(word)
		}
	}
	return len(text)
}

// errorFields are the fields of an error that EVE has, by their codes.
var errorFields = [...]struct {
	code byte
	key  string
}{
	{'S', "severity_localizable"}, {'V', "severity_non_localizable"}, {'C', "code"}, {'M', "message"},
	{'F', "file"}, {'L', "line"}, {'R', "routine"},
}

// Indexes of errorFields.
const (
	errorCode    = 2
	errorMessage = 3
)

// setError reads an ErrorResponse, of which the first counts. Its message is left out where it may quote a secret.
func (r *response) setError(body []byte, secret bool) {
	if len(r.errors[errorCode]) > 0 {
		return
	}
	for len(body) > 1 && body[0] != 0 {
		code := body[0]
		value, rest, ok := bytes.Cut(body[1:], []byte{0})
		if !ok {
			return
		}
		for i, f := range errorFields {
			if f.code == code && !(secret && i == errorMessage) {
				r.errors[i] = append(r.errors[i][:0], value[:min(len(value), maxText)]...)
			}
		}
		body = rest
	}
}

// telling reports whether a response is worth an event although its request was not seen.
func (r *response) telling() bool {
	return len(r.errors[errorCode]) > 0 || r.message != "" || len(r.params) > 0
}

// AppendEVE appends the member "pgsql".
func (s *stream) AppendEVE(dst []byte, o *eve.Options) []byte {
	dst = append(dst, `"pgsql":`...)
	w := eve.Open(dst, o)
	w.Uint("tx_id", s.txs)
	if s.tx.active {
		in := w.Begin("request")
		s.appendRequest(&in)
		w.End(in)
	}
	in := w.Begin("response")
	before := len(in.B)
	s.tx.response.append(&in)
	if len(in.B) == before {
		w.B = w.B[:before-len(`,"response":{`)]
		return w.Close()
	}
	w.End(in)
	return w.Close()
}

func (s *stream) appendRequest(w *eve.Object) {
	t := &s.tx
	switch t.kind {
	case startupMessage:
		w.Key("protocol_version")
		w.B = append(w.B, '"')
		w.B = strconv.AppendUint(w.B, uint64(t.number>>16), 10)
		w.B = append(w.B, '.')
		w.B = strconv.AppendUint(w.B, uint64(t.number&0xffff), 10)
		w.B = append(w.B, '"')
		in := w.Begin("startup_parameters")
		in.BytesIf("user", s.login.user)
		t.params.append(&in, "optional_parameters")
		w.End(in)
	case simpleQuery:
		w.Bytes("simple_query", t.query)
	case password:
		w.Bool("password_redacted", true)
	case saslInitial:
		w.Str("sasl_authentication_mechanism", t.mechanism)
	case copyIn:
		in := w.Begin("copy_data_in")
		in.Uint("msg_count", t.count)
		in.Uint("data_size", t.size)
		w.End(in)
	default:
		w.Str("message", messages[t.kind])
		if t.kind == cancelRequest {
			w.Uint("process_id", uint64(t.number))
		}
	}
}

// append appends an array of objects with one member each.
func (p params) append(w *eve.Object, key string) {
	if len(p) == 0 {
		return
	}
	w.Key(key)
	w.B = append(w.B, '[')
	for first := true; len(p) > 0; first = false {
		name, rest, _ := bytes.Cut(p, []byte{0})
		value, rest, _ := bytes.Cut(rest, []byte{0})
		p = rest
		if !first {
			w.B = append(w.B, ',')
		}
		w.B = append(w.B, '{')
		w.B = eve.AppendString(w.B, paramName(name))
		w.B = append(w.B, ':')
		w.B = eve.AppendString(w.B, value)
		w.B = append(w.B, '}')
	}
	w.B = append(w.B, ']')
}

// paramName is how Suricata writes a parameter's name.
func paramName(name []byte) []byte {
	switch string(name) {
	case "DateStyle":
		return []byte("date_style")
	case "TimeZone":
		return []byte("time_zone")
	case "IntervalStyle":
		return []byte("interval_style")
	}
	return name
}

func (r *response) append(w *eve.Object) {
	if r.ssl {
		w.Bool("ssl_accepted", r.sslAccepted)
	}
	for i, f := range errorFields {
		w.BytesIf(f.key, r.errors[i])
	}
	if len(r.errors[errorMessage]) == 0 {
		w.StrIf("message", r.message)
	}
	r.params.append(w, "parameter_status")
	if r.key {
		w.Uint("process_id", uint64(r.process))
	}
	if r.copying != 0 {
		key := "copy_in_response"
		if r.copying == 'H' {
			key = "copy_out_response"
		}
		in := w.Begin(key)
		in.Uint("columns", uint64(r.columns))
		w.End(in)
	}
	if r.copies > 0 {
		in := w.Begin("copy_data_out")
		in.Uint("row_count", r.copies)
		in.Uint("data_size", r.copySize)
		w.End(in)
	}
	if r.described {
		w.Uint("field_count", uint64(r.fields))
	}
	if r.rows > 0 {
		w.Uint("data_rows", r.rows)
		w.Uint("data_size", r.size)
	}
	w.BytesIf("command_completed", r.tag)
}
