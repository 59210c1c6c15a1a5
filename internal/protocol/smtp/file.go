package smtp

import (
	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/filetype"
)

// file is the detail of a file in a message.
type file struct {
	stream *stream
	sum    []byte // hex
	closed bool
}

// fileEnded tells of the file that has just ended, if one has.
func (s *stream) fileEnded(c *protocol.Context) {
	p := s.message.parts
	if p == nil || !p.done {
		return
	}
	p.done = false
	if len(s.message.files) < maxFiles {
		s.message.files = s.message.add(s.message.files, p.filename)
	}
	if p.file.Size() == 0 {
		return
	}
	f := &s.moved
	f.stream, f.sum, f.closed = s, f.sum[:0], p.whole && !p.file.Gaps()
	if f.closed {
		f.sum = p.file.AppendSum(f.sum)
	}
	s.obs = protocol.Observation{Event: "fileinfo", TxID: s.next, Detail: f}
	if p.file.Kind() != filetype.Other {
		s.fact[0] = protocol.Fact{Kind: protocol.File, Text: p.filename, Aux: f.sum, Num: p.file.Size()}
		s.obs.Facts = s.fact[:]
	}
	c.Sink.Observe(&s.obs)
	s.fact[0], f.stream = protocol.Fact{}, nil
}

// AppendEVE appends the members "smtp", "email" and "fileinfo".
func (f *file) AppendEVE(dst []byte, o *eve.Options) []byte {
	p := f.stream.message.parts
	w := eve.Open(append(f.stream.AppendEVE(dst, o), `,"fileinfo":`...), o)
	w.Bytes("filename", p.filename)
	w.Bool("gaps", p.file.Gaps())
	if f.closed {
		w.Str("state", "CLOSED")
	} else {
		w.Str("state", "TRUNCATED")
	}
	w.BytesIf("sha256", f.sum)
	w.Bool("stored", false)
	w.Int("size", p.file.Size())
	w.Int("tx_id", int64(f.stream.next))
	return w.Close()
}
