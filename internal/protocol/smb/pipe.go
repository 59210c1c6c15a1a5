package smb

import (
	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/dcerpc"
)

// maxPipes bounds the pipes whose calls are followed.
const maxPipes = 8

// pipe is DCE/RPC in a named pipe.
type pipe struct {
	talk dcerpc.Conversation
	left [2]int // bytes of a PDU that the next payload of a direction begins with
}

// payload finds what a command writes to a pipe or reads from one: where in the command it stands, how long it is, and
// the file. The fixed part of the command must be there.
func (s *stream) payload(h *header, b []byte) (f *file, at, n int) {
	body := b[header2:]
	reply := h.flags&flagResponse != 0
	var i id
	session := h.session
	if reply {
		k := s.find(h)
		if k < 0 || failed(h.status) {
			return nil, 0, 0
		}
		i, session = s.pending[k].file, s.pending[k].session
	}
	switch {
	case h.command == read && reply && len(body) >= 16:
		at, n = int(body[2]), int(le32(body[4:]))
	case h.command == write && !reply && len(body) >= 48:
		i, at, n = id(body[16:32]), le16(body[2:]), int(le32(body[4:]))
	case h.command == ioctl && !reply && len(body) >= 56 && le32(body[4:]) == pipeTransceive:
		i, at, n = id(body[8:24]), int(le32(body[24:])), int(le32(body[28:]))
	case h.command == ioctl && reply && len(body) >= 48 && le32(body[4:]) == pipeTransceive:
		at, n = int(le32(body[32:])), int(le32(body[36:]))
	default:
		return nil, 0, 0
	}
	if f = s.files.find(i, session); f == nil || !f.pipe || at < header2 || n <= 0 || n > maxMessage {
		return nil, 0, 0
	}
	return f, at, n
}

// maxMessage is the longest that a session packet can be.
const maxMessage = 1<<24 - 1

// pipeOf returns the calls in a pipe. That of the file that was used least recently makes room.
func (s *stream) pipeOf(c *protocol.Context, f *file) *pipe {
	if f.calls != nil {
		return f.calls
	}
	if s.files.piped == maxPipes {
		for _, x := range s.files.open {
			if x.calls != nil {
				s.dropPipe(c, x)
				break
			}
		}
	}
	if n := len(s.files.pipes); n > 0 {
		f.calls, s.files.pipes = s.files.pipes[n-1], s.files.pipes[:n-1]
	} else {
		f.calls = new(pipe)
	}
	s.files.piped++
	return f.calls
}

// dropPipe tells the calls that have no answer, and forgets the pipe.
func (s *stream) dropPipe(c *protocol.Context, f *file) {
	if f.calls == nil {
		return
	}
	for f.calls.talk.Calls() > 0 {
		s.tellCall(c, f, 0, false, 0)
	}
	s.files.forgetPipe(f)
}

func (f *files) forgetPipe(x *file) {
	if x.calls == nil {
		return
	}
	x.calls.talk.Reset()
	x.calls.left = [2]int{}
	f.pipes = append(f.pipes, x.calls)
	f.piped--
	x.calls = nil
}

// calls reads the PDUs in n bytes of payload, of which b holds the first. It reports whether there are any.
func (s *stream) calls(c *protocol.Context, d protocol.Dir, f *file, h *header, b []byte, n int) bool {
	p := s.pipeOf(c, f)
	pos := p.left[d]
	some := pos > 0
	for pos < n && pos < len(b) {
		size, ok := dcerpc.Size(b[pos:])
		if !ok {
			pos = n
			break
		}
		some = true
		pdu := b[pos:min(pos+size, len(b))]
		if fact, ok := p.talk.Login(pdu); ok {
			s.observe(c, d, fact)
		}
		before := p.talk.Calls()
		done, crowded := p.talk.Take(pdu)
		if now := p.talk.Calls(); now > before {
			p.talk.Call(now - 1).Tag = h.command
		}
		switch {
		case crowded:
			s.tellCall(c, f, 0, false, 0)
		case done >= 0:
			s.tellCall(c, f, done, true, 0)
		}
		pos += size
	}
	p.left[d] = max(pos-n, 0)
	return some
}

// tellCall emits the event of the i-th open call of a pipe.
func (s *stream) tellCall(c *protocol.Context, f *file, i int, replied bool, status uint32) {
	s.rpc = pipeCall{s, f, f.calls.talk.Call(i), s.count, replied, status}
	s.count++
	s.obs = protocol.Observation{Event: "smb", Dir: protocol.ToServer, TxID: s.rpc.number, Detail: &s.rpc}
	c.Sink.Observe(&s.obs)
	s.obs.Detail, s.rpc = nil, pipeCall{}
	f.calls.talk.Forget(i)
}

// pipeCall is the detail of a call in a pipe.
type pipeCall struct {
	stream  *stream
	file    *file
	call    *dcerpc.Call
	number  int
	replied bool
	status  uint32
}

// AppendEVE appends the member "smb".
func (x *pipeCall) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"smb":`...), o)
	x.stream.appendHead(&w, x.number, x.call.Tag, false, x.status, x.replied)
	w.Uint("session_id", x.file.session)
	w.Uint("tree_id", uint64(x.file.tree))
	x.file.calls.talk.AppendSMB(&w, x.call)
	return w.Close()
}
