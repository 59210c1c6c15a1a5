package smb

import (
	"bytes"
	"slices"
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

const maxDialects = 16

// What a CREATE did ([MS-SMB2], section 2.2.14).
const (
	actionSuperseded  = 0
	actionCreated     = 2
	actionOverwritten = 3
)

// Options of a CREATE ([MS-SMB2], section 2.2.13).
const (
	optionDirectory     = 1 << 0
	optionDeleteOnClose = 1 << 12
)

// transaction is a request and its response.
type transaction struct {
	mid         uint64
	number      int
	command     int
	v1          bool
	quiet       bool // it has no event of its own
	replied     bool
	status      uint32
	session     uint64
	tree        uint32
	name        []byte // of a file or share
	target      []byte // of a rename
	renames     bool
	file        id
	offset      uint64
	length      uint32
	function    uint32
	share       byte
	disposition uint32
	options     uint32
	action      uint32
	isDirectory bool
	times       [4]uint64
	size        uint64
	dialects    []dialect
	dialects1   []byte // names of dialects of version 1, each ended by a NUL
	guid        id
	server      id
	hasGUID     bool
	hasServer   bool
	ntlm        bool
	hasVersion  bool
	version     [8]byte // of the client's system, as NTLM tells it
	domain      []byte
	user        []byte
	host        []byte
	realm       []byte
	service     []byte // elements, each ended by a NUL
	os, lm      [2][]byte
	services    [2][]byte
}

func (s *stream) release(t *transaction) {
	*t = transaction{
		name: t.name[:0], target: t.target[:0], dialects: t.dialects[:0], dialects1: t.dialects1[:0], domain: t.domain[:0],
		user: t.user[:0], host: t.host[:0], realm: t.realm[:0], service: t.service[:0],
		os: [2][]byte{t.os[0][:0], t.os[1][:0]}, lm: [2][]byte{t.lm[0][:0], t.lm[1][:0]},
		services: [2][]byte{t.services[0][:0], t.services[1][:0]},
	}
	if len(s.free) < maxPending {
		s.free = append(s.free, t)
	}
}

// begin opens a transaction; the oldest makes room.
func (s *stream) begin(c *protocol.Context, h *header) *transaction {
	if len(s.pending) == maxPending {
		s.tell(c, 0)
	}
	var t *transaction
	if n := len(s.free); n > 0 {
		t, s.free = s.free[n-1], s.free[:n-1]
	} else {
		t = new(transaction)
	}
	t.mid, t.command, t.session, t.number = h.mid, h.command, h.session, -1
	if h.flags&flagAsync == 0 {
		t.tree = h.tree
	}
	s.pending = append(s.pending, t)
	return t
}

// find returns the place of the transaction that a response belongs to, or -1. The response to a negotiation in
// version 1 may be one of version 2.
func (s *stream) find(h *header) int {
	return slices.IndexFunc(s.pending, func(t *transaction) bool {
		if t.v1 {
			return h.command == negotiate && h.mid == 0 && t.command == negotiate1
		}
		return t.mid == h.mid && t.command == h.command
	})
}

// tell emits the event of the i-th transaction, if it has one, and forgets it.
func (s *stream) tell(c *protocol.Context, i int) {
	t := s.pending[i]
	if !t.quiet {
		t.number = s.count
		s.count++
		s.detail = detail{s, t}
		s.obs = protocol.Observation{Event: "smb", Dir: protocol.ToServer, TxID: t.number, Detail: &s.detail}
		c.Sink.Observe(&s.obs)
		s.obs.Detail, s.detail = nil, detail{}
	}
	s.pending = slices.Delete(s.pending, i, i+1)
	s.release(t)
}

// created takes the response to a CREATE.
func (t *transaction) created(body []byte) {
	const attributeDirectory = 1 << 4
	t.action = le32(body[4:])
	for i := range t.times {
		t.times[i] = le64(body[8+8*i:])
	}
	t.size = le64(body[48:])
	t.isDirectory = le32(body[56:])&attributeDirectory != 0
	t.file = id(body[64:80])
}

func (t *transaction) directory() bool {
	return t.isDirectory || t.options&optionDirectory != 0
}

// detail is the event of a transaction.
type detail struct {
	stream *stream
	t      *transaction
}

// appendHead appends what every event begins with.
func (s *stream) appendHead(w *eve.Object, number, command int, v1 bool, status uint32, replied bool) {
	w.Int("id", int64(number)+1)
	switch {
	case s.dialect != 0:
		w.Str("dialect", s.dialect.String())
	case len(s.dialect1) > 0:
		w.Bytes("dialect", s.dialect1)
	default:
		w.Str("dialect", "unknown")
	}
	w.Key("command")
	switch name, known := commands1[byte(command)]; {
	case !v1:
		w.B = append(append(append(w.B, `"SMB2_COMMAND_`...), commands[command]...), '"')
	case known:
		w.B = append(append(append(w.B, `"SMB1_COMMAND_`...), name...), '"')
	default:
		w.B = append(strconv.AppendInt(append(w.B, '"'), int64(command), 10), '"')
	}
	if replied {
		w.Key("status")
		w.B = append(appendStatus(append(w.B, '"'), status), '"')
		w.Key("status_code")
		w.B = append(strconv.AppendUint(append(w.B, `"0x`...), uint64(status), 16), '"')
	}
}

// appendID appends 16 bytes as a GUID ([MS-DTYP], section 2.3.4.3), the last eight bytes of which Suricata turns in part.
func appendID(w *eve.Object, key string, b id) {
	w.Key(key)
	w.B = append(w.B, '"')
	for i, k := range [...]int{3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12} {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			w.B = append(w.B, '-')
		}
		w.B = eve.AppendHex(w.B, b[k:k+1], 0)
	}
	w.B = append(w.B, '"')
}

// AppendEVE appends the member "smb".
func (x *detail) AppendEVE(dst []byte, o *eve.Options) []byte {
	s, t := x.stream, x.t
	w := eve.Open(append(dst, `"smb":`...), o)
	s.appendHead(&w, t.number, t.command, t.v1, t.status, t.replied)
	w.Uint("session_id", t.session)
	w.Uint("tree_id", uint64(t.tree))
	switch {
	case !t.v1 && t.command == negotiate || t.v1 && t.command == negotiate1:
		s.appendNegotiate(&w, t)
	case !t.v1 && t.command == sessionSetup || t.v1 && t.command == sessionSetup1:
		t.appendLogin(&w)
	case !t.v1 && t.command == treeConnect || t.v1 && t.command == treeConnect1:
		t.appendTree(&w)
	case !t.v1 && t.command == create || t.v1 && t.command == create1:
		t.appendCreate(&w)
	case t.renames:
		in := w.Begin("set_info")
		in.Str("class", "FILE_INFO")
		in.Str("info_level", "SMB2_FILE_RENAME_INFO")
		w.End(in)
		in = w.Begin("rename")
		in.Bytes("from", t.name)
		in.Bytes("to", t.target)
		w.End(in)
		appendID(&w, "fuid", t.file)
	case !t.v1 && t.command == ioctl && t.function != 0:
		w.Key("function")
		w.B = append(w.B, '"')
		if name, ok := functions[t.function]; ok {
			w.B = append(w.B, name...)
		} else {
			w.B = strconv.AppendUint(append(w.B, "0x"...), uint64(t.function), 16)
		}
		w.B = append(w.B, '"')
	}
	return w.Close()
}

func (s *stream) appendNegotiate(w *eve.Object, t *transaction) {
	if len(t.dialects) > 0 {
		w.Key("client_dialects")
		for i, d := range t.dialects {
			w.B = append(append(append(w.B, "[,"[min(i, 1)], '"'), d.String()...), '"')
		}
		w.B = append(w.B, ']')
	} else if len(t.dialects1) > 0 {
		appendList(w, "client_dialects", t.dialects1)
	}
	if t.hasGUID {
		appendID(w, "client_guid", t.guid)
	}
	if t.hasServer {
		appendID(w, "server_guid", t.server)
		w.Uint("max_read_size", uint64(s.maxRead))
		w.Uint("max_write_size", uint64(s.maxWrite))
	}
}

// appendList appends the elements of b, each of which is ended by a NUL.
func appendList(w *eve.Object, key string, b []byte) {
	w.Key(key)
	for i := 0; ; i++ {
		v, rest, ok := bytes.Cut(b, []byte{0})
		if !ok {
			break
		}
		w.B = eve.AppendString(append(w.B, "[,"[min(i, 1)]), v)
		b = rest
	}
	w.B = append(w.B, ']')
}

func (t *transaction) appendLogin(w *eve.Object) {
	if t.ntlm {
		in := w.Begin("ntlmssp")
		in.Bytes("domain", t.domain)
		in.Bytes("user", t.user)
		in.Bytes("host", t.host)
		if v := t.version; t.hasVersion {
			in.Key("version")
			in.B = append(in.B, '"')
			in.B = append(strconv.AppendUint(in.B, uint64(v[0]), 10), '.')
			in.B = append(strconv.AppendUint(in.B, uint64(v[1]), 10), " build "...)
			in.B = append(strconv.AppendUint(in.B, uint64(le16(v[2:])), 10), " rev "...)
			in.B = append(strconv.AppendUint(in.B, uint64(v[7]), 10), '"')
		}
		w.End(in)
	}
	if len(t.service) > 0 {
		in := w.Begin("kerberos")
		in.Bytes("realm", t.realm)
		appendList(&in, "snames", t.service)
		w.End(in)
	}
	for i, key := range [...]string{"request", "response"} {
		if len(t.os[i])+len(t.lm[i]) > 0 {
			in := w.Begin(key)
			in.Bytes("native_os", t.os[i])
			in.Bytes("native_lm", t.lm[i])
			w.End(in)
		}
	}
}

func (t *transaction) appendTree(w *eve.Object) {
	if t.share == 2 {
		w.Bytes("named_pipe", t.name)
	} else {
		w.Bytes("share", t.name)
	}
	if t.v1 {
		in := w.Begin("service")
		in.BytesIf("request", t.services[0])
		in.BytesIf("response", t.services[1])
		w.End(in)
		return
	}
	if int(t.share) < len(shareTypes) && shareTypes[t.share] != "" {
		w.Str("share_type", shareTypes[t.share])
	} else {
		w.Str("share_type", "UNKNOWN")
	}
}

func (t *transaction) appendCreate(w *eve.Object) {
	switch {
	case len(t.name) == 0:
		w.Str("filename", "<share_root>")
	case t.options&optionDirectory != 0:
		w.Bytes("directory", t.name)
	default:
		w.Bytes("filename", t.name)
	}
	if int64(t.disposition) < int64(len(dispositions)) {
		w.Str("disposition", dispositions[t.disposition])
	} else {
		w.Str("disposition", "UNKNOWN")
	}
	if t.options&optionDeleteOnClose != 0 {
		w.Str("access", "delete on close")
	} else {
		w.Str("access", "normal")
	}
	for i, key := range [...]string{"created", "accessed", "modified", "changed"} {
		w.Uint(key, unixTime(t.times[i]))
	}
	w.Uint("size", t.size)
	if t.v1 {
		w.Key("fuid")
		w.B = append(eve.AppendHex(append(w.B, '"'), []byte{t.file[1], t.file[0]}, 0), '"')
	} else if t.file != (id{}) {
		appendID(w, "fuid", t.file)
	} else {
		w.Str("fuid", "")
	}
}

// unixTime turns a FILETIME, of 100 ns since 1601, into seconds since 1970; 0 where it is earlier.
func unixTime(t uint64) uint64 {
	const epoch = 11644473600
	return max(t/1e7, epoch) - epoch
}
