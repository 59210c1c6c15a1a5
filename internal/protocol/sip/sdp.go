package sip

import (
	"strconv"

	"netsensor/internal/eve"
	"netsensor/internal/protocol/lines"
)

// Bounds of what is written of a session description.
const (
	maxMedia = 16
	maxItems = 64 // of one kind in one section
)

// appendSDP writes a session description (RFC 8866): a section for the session, then one for each medium. Keys are
// left out.
func appendSDP(w *eve.Object, b []byte) {
	session, rest := section(b)
	in := w.Begin("sdp")
	if v, ok := find(session, 'v'); ok {
		// Suricata leaves the version out when it is 0, the only one there is.
		if n, err := strconv.ParseUint(string(v[:min(len(v), 9)]), 10, 31); err == nil && n > 0 {
			in.Int("version", int64(n))
		}
	}
	texts(&in, session, []field{{'o', "origin"}, {'s', "session_name"}, {'i', "session_info"}, {'u', "uri"}, {'e', "email"}, {'p', "phone_number"}, {'c', "connection_data"}})
	items(&in, "bandwidths", session, 'b')
	times(&in, session)
	texts(&in, session, []field{{'z', "timezone"}})
	items(&in, "attributes", session, 'a')
	if len(rest) > 0 {
		in.Key("media_descriptions")
		for n := 0; len(rest) > 0 && n < maxMedia; n++ {
			in.B = append(in.B, "[,"[min(n, 1)])
			var medium []byte
			medium, rest = section(rest)
			m := eve.Open(in.B, in.Opts)
			texts(&m, medium, []field{{'m', "media"}, {'i', "media_info"}, {'c', "connection_data"}})
			items(&m, "bandwidths", medium, 'b')
			items(&m, "attributes", medium, 'a')
			in.B = m.Close()
		}
		in.B = append(in.B, ']')
	}
	w.End(in)
}

// field is a kind of line and its key.
type field struct {
	kind byte
	key  string
}

// section cuts b before the first m= line that is not its first line.
func section(b []byte) (first, rest []byte) {
	for at := 0; ; {
		_, after, whole := lines.First(b[at:])
		if !whole {
			return b, nil
		}
		at = len(b) - len(after)
		if len(after) > 1 && after[0] == 'm' && after[1] == '=' {
			return b[:at], after
		}
	}
}

// next returns the next line of a kind and what follows it.
func next(b []byte, kind byte) (value, rest []byte, ok bool) {
	for len(b) > 0 {
		var line []byte
		line, b, _ = lines.First(b)
		if len(line) > 1 && line[0] == kind && line[1] == '=' {
			return lines.Trim(line[2:]), b, true
		}
	}
	return nil, nil, false
}

func find(b []byte, kind byte) ([]byte, bool) {
	v, _, ok := next(b, kind)
	return v, ok
}

// texts writes the first line of each kind.
func texts(w *eve.Object, b []byte, fields []field) {
	for _, f := range fields {
		if v, ok := find(b, f.kind); ok {
			w.Bytes(f.key, v)
		}
	}
}

// items writes all lines of a kind.
func items(w *eve.Object, key string, b []byte, kind byte) {
	for n := 0; n < maxItems; n++ {
		v, rest, ok := next(b, kind)
		if !ok {
			if n > 0 {
				w.B = append(w.B, ']')
			}
			return
		}
		if n == 0 {
			w.Key(key)
		}
		w.B = append(w.B, "[,"[min(n, 1)])
		w.B = eve.AppendString(w.B, withoutKey(v))
		b = rest
	}
	w.B = append(w.B, ']')
}

// withoutKey cuts a crypto attribute (RFC 4568) before its key.
func withoutKey(v []byte) []byte {
	if lines.Begins(v, "CRYPTO:") {
		if i := lines.Index(v, "INLINE:"); i >= 0 {
			return lines.Trim(v[:i])
		}
	}
	return v
}

// times writes the t= lines and the r= lines that belong to them.
func times(w *eve.Object, b []byte) {
	for n := 0; n < maxItems; n++ {
		v, rest, ok := next(b, 't')
		if !ok {
			if n > 0 {
				w.B = append(w.B, ']')
			}
			return
		}
		if n == 0 {
			w.Key("time_descriptions")
		}
		w.B = append(w.B, "[,"[min(n, 1)])
		in := eve.Open(w.B, w.Opts)
		in.Bytes("time", v)
		if line, _, _ := lines.First(rest); len(line) > 1 && line[0] == 'r' && line[1] == '=' {
			in.Bytes("repeat_time", lines.Trim(line[2:]))
		}
		w.B = in.Close()
		b = rest
	}
	w.B = append(w.B, ']')
}
