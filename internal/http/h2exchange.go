package http

import (
	"bytes"
	"strconv"

	"golang.org/x/net/http2/hpack"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

const (
	// maxFields and maxFieldBytes bound the header fields that are kept of each message.
	maxFields     = 64
	maxFieldBytes = 16 << 10
	// maxString bounds one name or value, maxTable the dynamic table (RFC 7541, section 4).
	maxString = 16 << 10
	maxTable  = 64 << 10
	// startTable is the table's size at first (RFC 9113, section 6.5.2).
	startTable = 4 << 10
)

// field is a header field for the event; a change of the table's size when the name is empty.
type field struct {
	name, value string
	size        uint64
	secret      bool
}

// message is one direction of an exchange.
type message struct {
	fields []field
	bytes  int
	file   *payload
	code   uint32 // of RST_STREAM
	reset  bool
	heads  int
	coding coding
	dns    bool // a DNS message
	ended  bool
}

// exchange is an HTTP/2 stream: a request and its response.
type exchange struct {
	transaction
	stream   uint32
	weight   int // of the PRIORITY fields, -1 without
	declared int64
	kept     int        // bytes, see stream2.kept
	message  [3]message // by role
}

func newExchange(number int, id uint32, d protocol.Dir) *exchange {
	x := &exchange{stream: id, weight: -1, declared: -1}
	x.id, x.dir, x.port = number, d, -1
	return x
}

// isSecret knows the fields whose values are credentials.
func isSecret(name string) bool {
	switch name {
	case "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "x-amz-security-token":
		return true
	}
	return false
}

// add keeps a field of the message of the given role.
func (x *exchange) add(s *stream2, r role, f hpack.HeaderField) {
	m := &x.message[r]
	size := len(f.Name) + len(f.Value)
	if s.kept+size > maxKept && size > 256 {
		return
	}
	if r == requests {
		x.requestField(s, f)
	} else {
		x.responseField(f)
	}
	switch f.Name {
	case "content-encoding":
		m.coding = m.coding.with([]byte(f.Value))
	case "content-type":
		m.dns = isDNS([]byte(f.Value))
	}
	if len(m.fields) >= maxFields || m.bytes+size > maxFieldBytes {
		return
	}
	s.kept += size
	x.kept += size
	k := field{name: f.Name, value: f.Value, secret: isSecret(f.Name) || f.Sensitive && f.Name != "" && f.Name[0] != ':'}
	switch {
	case k.secret:
		k.value = ""
	case f.Name == "referer", f.Name == "location", f.Name == ":authority", f.Name == ":path":
		if from, to, ok := password([]byte(f.Value)); ok {
			k.value = f.Value[:from] + f.Value[to:]
		}
	}
	m.bytes += size
	m.fields = append(m.fields, k)
}

func (x *exchange) requestField(s *stream2, f hpack.HeaderField) {
	v := []byte(f.Value)
	switch f.Name {
	case ":method":
		x.method = x.put(v, maxMethod)
		x.connect = f.Value == "CONNECT"
	case ":path":
		x.url = x.putURL(v, maxURL)
	case ":authority":
		x.uriHost = x.setHost(v)
	case "host":
		if host, _ := splitPort(v); !x.uriHost {
			x.setHost(v)
		} else if !bytes.EqualFold(host, x.get(x.host)) {
			x.otherHost = x.put(host, maxName)
		}
	case "user-agent":
		x.agent = x.put(v, maxField)
	case "authorization", "proxy-authorization":
		s.credentials(&x.transaction, v)
		clear(v)
	}
}

func (x *exchange) responseField(f hpack.HeaderField) {
	switch f.Name {
	case ":status":
		x.status = statusCode([]byte(f.Value))
	case "server":
		x.server = x.put([]byte(f.Value), maxName)
	case "content-length":
		if n, ok := decimal([]byte(f.Value)); ok {
			x.declared = n
		}
	case "content-range":
		x.contentRange = x.put([]byte(f.Value), maxName)
	case "content-disposition":
		x.disposition = x.put(parameter([]byte(f.Value), "filename"), maxName)
	}
}

// AppendEVE appends the http object, its members in Suricata's order.
func (x *exchange) AppendEVE(dst []byte, o *eve.Options) []byte {
	h := eve.Open(append(dst, `"http":`...), o)
	h.Str("version", "2")
	if !o.NoHTTPHeaders {
		appendFields(&h, "request_headers", x.message[requests].fields)
		appendFields(&h, "response_headers", x.message[responses].fields)
	}
	h.BytesIf("http_method", x.get(x.method))
	if x.status > 0 {
		h.Int("status", int64(x.status))
	}
	h.BytesIf("url", x.get(x.url))
	h.BytesIf("hostname", x.get(x.host))
	h.BytesIf("http_user_agent", x.get(x.agent))
	switch {
	case x.declared >= 0:
		h.Int("length", x.declared)
	case x.length > 0:
		h.Int("length", x.length)
	}
	in := h.Begin("http2")
	in.Int("stream_id", int64(x.stream))
	if m := &x.message[requests]; x.weight >= 0 || m.reset {
		r := in.Begin("request")
		if x.weight >= 0 {
			r.Int("priority", int64(x.weight))
		}
		if m.reset {
			r.Str("error_code", errorName(m.code))
		}
		in.End(r)
	}
	if m := &x.message[responses]; m.reset {
		r := in.Begin("response")
		r.Str("error_code", errorName(m.code))
		in.End(r)
	}
	h.End(in)
	return h.Close()
}

func appendFields(h *eve.Object, key string, fields []field) {
	if len(fields) == 0 {
		return
	}
	h.Key(key)
	h.B = append(h.B, '[')
	for i, f := range fields {
		if i > 0 {
			h.B = append(h.B, ',')
		}
		if f.name == "" {
			h.B = append(h.B, `{"table_size_update":`...)
			h.B = append(strconv.AppendUint(h.B, f.size, 10), '}')
			continue
		}
		e := eve.Open(h.B, h.Opts)
		e.Str("name", f.name)
		if !f.secret {
			e.Str("value", f.value)
		}
		h.B = e.Close()
	}
	h.B = append(h.B, ']')
}

// data takes body bytes of the given role; lost ones when b is nil.
func (x *exchange) data(s *stream2, r role, b []byte, lost int) {
	m := &x.message[r]
	if r == responses {
		x.length += int64(len(b) + lost)
	} else if v := string(x.get(x.method)); v != "POST" && v != "PUT" {
		return
	}
	if m.file == nil {
		k := m.coding
		if r == responses && x.isPart() {
			k = opaque
		}
		m.file = new(payload)
		if k == plain && m.dns {
			m.file.beginMessage(s.decoders, x.filename(r))
		} else {
			m.file.begin(s.decoders, x.filename(r), k)
		}
	}
	if lost > 0 {
		m.file.skip(s.decoders, int64(lost))
	} else {
		m.file.write(s.decoders, b)
	}
}

// release gives up what the files hold.
func (x *exchange) release(d *decoders) {
	for i := range x.message {
		if f := x.message[i].file; f != nil {
			f.release(d)
		}
	}
}
