package http

import (
	"bytes"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/filetype"
)

// fileDetail is a file that a message carried.
type fileDetail struct {
	message protocol.Detail // the http object
	tx      int
	name    []byte
	sum     []byte // hex
	size    int64
	gaps    bool
	closed  bool
	brief   eve.Options // scratch
}

// AppendEVE appends the http object and the fileinfo object.
func (f *fileDetail) AppendEVE(dst []byte, o *eve.Options) []byte {
	f.brief = *o
	f.brief.NoHTTPHeaders = true // the message's own event has them
	dst = f.message.AppendEVE(dst, &f.brief)
	dst = append(dst, ',')
	return appendFile(dst, o, f.name, f.sum, f.size, f.gaps, f.closed, f.tx)
}

func appendFile(dst []byte, o *eve.Options, name, sum []byte, size int64, gaps, closed bool, tx int) []byte {
	b := eve.Open(append(dst, `"fileinfo":`...), o)
	b.BytesIf("filename", name)
	b.Bool("gaps", gaps)
	if closed {
		b.Str("state", "CLOSED")
	} else {
		b.Str("state", "TRUNCATED")
	}
	b.BytesIf("sha256", sum)
	b.Bool("stored", false)
	b.Int("size", size)
	b.Int("tx_id", int64(tx))
	return b.Close()
}

// filename is the name of the file in a body: what the server says it is, else the URL's path.
func (t *transaction) filename(r role) []byte {
	if r == responses && !t.disposition.empty() {
		return t.get(t.disposition)
	}
	return t.path()
}

// openFile begins the file in a message's body. As in Suricata, request bodies are files when they are PUT or POSTed.
func (s *stream) openFile(sd *side) {
	tx := sd.tx
	if sd.role == requests {
		if m := string(tx.get(tx.method)); m != "PUT" && m != "POST" {
			sd.parts = nil
			return
		}
	}
	if sd.file == nil {
		sd.file = new(payload)
	}
	k := sd.frame.coding
	if k != plain {
		sd.parts = nil
	}
	if sd.parts != nil {
		return
	}
	sd.filing = true
	if sd.role == responses && tx.isPart() {
		k = opaque
	}
	if k == plain && sd.frame.dns {
		sd.file.beginMessage(s.decoders, tx.filename(sd.role))
		return
	}
	sd.file.begin(s.decoders, tx.filename(sd.role), k)
}

// isPart reports whether the response is a part of the file.
func (t *transaction) isPart() bool {
	return t.status == 206 && !wholeRange(t.get(t.contentRange))
}

// wholeRange reports whether a Content-Range is the whole file.
func wholeRange(v []byte) bool {
	start, end, size := contentRange(v)
	return start == 0 && size > 0 && end == size-1
}

// emitFile ends the file of sd and writes its event.
func (s *stream) emitFile(c *protocol.Context, d protocol.Dir, sd *side, name []byte, whole bool) {
	sd.filing = false
	s.fileMoved(c, d, sd.tx.id, sd.tx, sd.file, name, whole)
}

// fileMoved writes the event of a file, unless it is empty.
func (s *teller) fileMoved(c *protocol.Context, d protocol.Dir, id int, message protocol.Detail, p *payload, name []byte, whole bool) {
	if p.message && p.following && whole {
		s.lookup(c, d, p.held)
	}
	p.end(s.decoders, whole)
	h := &p.file
	if h.Size() == 0 {
		return
	}
	f := &s.moved
	f.message, f.tx, f.name, f.size, f.gaps, f.sum = message, id, name, h.Size(), h.Gaps(), f.sum[:0]
	f.closed = whole && !f.gaps
	if f.closed {
		f.sum = h.AppendSum(f.sum)
	}
	facts := s.facts[:0]
	if p.kind != filetype.Other {
		facts = append(facts, protocol.Fact{Kind: protocol.File, Text: base(name), Aux: f.sum, Num: f.size})
	}
	s.observe(c, protocol.Observation{Event: "fileinfo", Dir: d, TxID: id, Detail: f, Facts: facts})
	f.message, f.name = nil, nil
}

// base is the last element of a path.
func base(name []byte) []byte {
	if b := name[bytes.LastIndexByte(name, '/')+1:]; len(b) > 0 {
		return b
	}
	return name
}

// parameter returns a header's parameter (RFC 9110, section 5.6.6), or its extended form (RFC 8187) undecoded.
func parameter(v []byte, name string) []byte {
	var extended []byte
	for {
		i := bytes.IndexByte(v, ';')
		if i < 0 {
			return extended
		}
		v = trim(v[i+1:])
		eq := bytes.IndexAny(v, "=;")
		if eq < 0 || v[eq] == ';' {
			continue
		}
		key := trim(v[:eq])
		val := trim(v[eq+1:])
		if len(val) > 0 && val[0] == '"' {
			val = val[1:]
			end := bytes.IndexByte(val, '"')
			if end < 0 {
				end = len(val)
			}
			v = val[end:]
			val = val[:end]
		} else {
			v = val
			if end := bytes.IndexByte(val, ';'); end >= 0 {
				val = trim(val[:end])
			}
		}
		switch {
		case fold(key, name):
			return val
		case len(key) == len(name)+1 && key[len(name)] == '*' && fold(key[:len(name)], name):
			if q := bytes.LastIndexByte(val, '\''); q >= 0 {
				val = val[q+1:]
			}
			extended = val
		}
	}
}
