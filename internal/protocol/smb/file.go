package smb

import (
	"bytes"
	"slices"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/filetype"
)

const (
	// maxFiles bounds the open files that are known of a connection, maxTransfers those whose content is followed.
	maxFiles     = 128
	maxTransfers = 32
	maxTrees     = 16
)

// id names an open file: 16 bytes in version 2. lastID means that of the command before.
type id [16]byte

var lastID = id{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

// file is an open file.
type file struct {
	id       id
	session  uint64
	tree     uint32
	name     []byte
	share    []byte
	pipe     bool
	closing  bool
	calls    *pipe
	end      uint64 // its size when it was opened, or was set to
	endKnown bool
	transfer [2]*transfer // what the server sent, what the client sent
}

// transfer is the content of a file in one direction.
type transfer struct {
	hasher filetype.Hasher
	number int
	status uint32
	wrong  bool // a write failed
}

const (
	reading = 0
	writing = 1
)

// files are the open files, the one that was used last at the end.
type files struct {
	open      []*file
	free      []*file
	transfers []*transfer // not in use
	used      int
	pipes     []*pipe // not in use
	piped     int
}

func (f *files) reset() {
	for len(f.open) > 0 {
		f.forget(len(f.open) - 1)
	}
	f.free, f.transfers, f.pipes = keep(f.free, 4), keep(f.transfers, 2), keep(f.pipes, 1)
}

func (f *files) forget(i int) {
	old := f.open[i]
	for _, t := range old.transfer {
		if t != nil {
			f.used--
			f.transfers = append(f.transfers, t)
		}
	}
	f.forgetPipe(old)
	*old = file{name: old.name[:0], share: old.share[:0]}
	f.free = append(f.free, old)
	f.open = slices.Delete(f.open, i, i+1)
}

// find returns a file and marks it as used, or nil.
func (f *files) find(i id, session uint64) *file {
	for k := len(f.open) - 1; k >= 0; k-- {
		if x := f.open[k]; x.id == i && x.session == session {
			if k < len(f.open)-1 {
				copy(f.open[k:], f.open[k+1:])
				f.open[len(f.open)-1] = x
			}
			return x
		}
	}
	return nil
}

// add returns a new file; there is room for it.
func (f *files) add(i id, session uint64) *file {
	var x *file
	if n := len(f.free); n > 0 {
		x, f.free = f.free[n-1], f.free[:n-1]
	} else {
		x = new(file)
	}
	x.id, x.session = i, session
	f.open = append(f.open, x)
	return x
}

// tree is a connected share.
type tree struct {
	id      uint32
	session uint64
	name    []byte
	pipe    bool
}

func (s *stream) addTree(t *transaction) {
	i := slices.IndexFunc(s.trees, func(x tree) bool { return x.id == t.tree && x.session == t.session })
	if i < 0 {
		if len(s.trees) == maxTrees {
			first := s.trees[0]
			copy(s.trees, s.trees[1:])
			s.trees[maxTrees-1] = first
		} else if len(s.trees) < cap(s.trees) {
			s.trees = s.trees[:len(s.trees)+1]
		} else {
			s.trees = append(s.trees, tree{})
		}
		i = len(s.trees) - 1
	}
	x := &s.trees[i]
	*x = tree{id: t.tree, session: t.session, name: append(x.name[:0], t.name...), pipe: t.share == 2}
}

func (s *stream) tree(number uint32, session uint64) *tree {
	for i := range s.trees {
		if x := &s.trees[i]; x.id == number && x.session == session {
			return x
		}
	}
	return nil
}

// open takes note of a file that a CREATE opened.
func (s *stream) open(c *protocol.Context, t *transaction) {
	if t.directory() {
		return
	}
	f := s.file(c, t.file, t.session, t.tree)
	f.name, f.end, f.endKnown = append(f.name[:0], t.name...), t.size, true
	if t.times == [4]uint64{} {
		f.pipe = true // the share's kind may not have been seen
	}
	if t.action == actionOverwritten || t.action == actionCreated || t.action == actionSuperseded {
		f.end = 0
	}
}

// file returns the file of that id, a new one if it was opened unseen.
func (s *stream) file(c *protocol.Context, i id, session uint64, treeID uint32) *file {
	if f := s.files.find(i, session); f != nil {
		return f
	}
	if len(s.files.open) == maxFiles {
		s.closeFile(c, 0)
	}
	f := s.files.add(i, session)
	f.tree = treeID
	if t := s.tree(treeID, session); t != nil {
		f.share, f.pipe = append(f.share, t.name...), t.pipe
	}
	return f
}

// transferOf returns the content of f in a direction, nil where it has none. The file that was used least recently makes
// room.
func (s *stream) transferOf(c *protocol.Context, f *file, way int) *transfer {
	if f.pipe {
		return nil
	}
	if t := f.transfer[way]; t != nil {
		return t
	}
	if s.files.used == maxTransfers {
		i := slices.IndexFunc(s.files.open, func(x *file) bool { return x != f && (x.transfer[reading] != nil || x.transfer[writing] != nil) })
		if i < 0 {
			return nil
		}
		s.closeFile(c, i)
	}
	var t *transfer
	if n := len(s.files.transfers); n > 0 {
		t, s.files.transfers = s.files.transfers[n-1], s.files.transfers[:n-1]
	} else {
		t = new(transfer)
	}
	s.files.used++
	t.number, t.status, t.wrong = s.count, 0, false
	s.count++
	t.hasher.Reset(f.name)
	f.transfer[way] = t
	return t
}

// readResponse takes the head of a READ response.
func (s *stream) readResponse(c *protocol.Context, side *side, t *transaction, h *header, body []byte, size int) int {
	if h.status != 0 && h.status != statusBufferOverflow || len(body) < 16 {
		return size
	}
	at, n := int(body[2]), int(le32(body[4:]))
	if at < header2+16 || n <= 0 || n > size-at {
		return size
	}
	f := s.file(c, t.file, t.session, t.tree)
	if f.pipe {
		return size
	}
	x := s.transferOf(c, f, reading)
	if x == nil {
		return size
	}
	return side.stream(x, at, n, x.place(t.offset, n, false), size)
}

func (s *stream) writeRequest(c *protocol.Context, side *side, h *header, body []byte, size int) int {
	if len(body) < 48 {
		return size
	}
	at, n, offset := le16(body[2:]), int(le32(body[4:])), le64(body[8:])
	t := s.begin(c, h)
	t.quiet, t.file, t.offset, t.length = true, s.fileID(body[16:]), offset, uint32(n)
	if at < header2+48 || n <= 0 || n > size-at {
		return size
	}
	x := s.transferOf(c, s.file(c, t.file, h.session, h.tree), writing)
	if x == nil {
		return size
	}
	return side.stream(x, at, n, x.place(offset, n, true), size)
}

// place readies the hasher for n bytes at an offset and returns how many of them it has seen before. What was written
// before is not the file's content any more.
func (t *transfer) place(offset uint64, n int, overwrites bool) (drop int) {
	size := uint64(t.hasher.Size())
	switch {
	case offset > 1<<62:
		t.hasher.Skip(0)
		return n
	case offset > size:
		t.hasher.Skip(int64(offset - size))
	case offset < size:
		if overwrites {
			t.hasher.Skip(0)
		}
		return int(min(uint64(n), size-offset))
	}
	return 0
}

// undecide says that a write did not come about.
func (s *stream) undecide(t *transaction) {
	if f := s.files.find(t.file, t.session); f != nil && f.transfer[writing] != nil {
		f.transfer[writing].wrong = true
	}
}

// setInfoRequest takes the new size of a file, and reports whether the command was about that.
func (s *stream) setInfoRequest(c *protocol.Context, h *header, body []byte) bool {
	const (
		fileInfo  = 1
		endOfFile = 20
		rename    = 10
	)
	if len(body) < 32 || body[2] != fileInfo {
		return false
	}
	switch i := s.fileID(body[16:]); body[3] {
	case endOfFile:
		if len(body) >= 40 {
			if f := s.files.find(i, h.session); f != nil {
				f.end, f.endKnown = le64(body[32:]), true
			}
		}
		return true
	case rename:
		t := s.begin(c, h)
		t.file, t.renames = i, true
		if f := s.files.find(i, h.session); f != nil {
			t.name = append(t.name, f.name...)
		}
		if len(body) > 52 {
			t.target = appendUTF16(t.target, body[52:min(52+int(le32(body[48:])&0xffff), len(body))], maxName)
		}
		return true
	}
	return false
}

// closed ends the file that a CLOSE named.
func (s *stream) closed(c *protocol.Context, t *transaction) {
	if f := s.files.find(t.file, t.session); f != nil {
		f.closing = true
		s.closeFile(c, len(s.files.open)-1)
	}
}

// closeFile tells what of the i-th file has passed, and forgets it.
func (s *stream) closeFile(c *protocol.Context, i int) {
	f := s.files.open[i]
	for way, t := range f.transfer {
		if t != nil && (t.hasher.Size() > 0 || t.hasher.Gaps()) {
			s.tellFile(c, f, t, way)
		}
	}
	s.dropPipe(c, f)
	s.files.forget(i)
}

func (s *stream) tellFile(c *protocol.Context, f *file, t *transfer, way int) {
	m := &s.moved
	m.stream, m.file, m.transfer, m.way, m.sum = s, f, t, way, m.sum[:0]
	m.closed = f.closing && !t.hasher.Gaps() && !t.wrong
	kind := t.hasher.Kind()
	if len(f.name) == 0 && kind == filetype.Other {
		return // a pipe, as likely as a file: its opening was not seen
	}
	if m.closed && (!f.endKnown || uint64(t.hasher.Size()) >= f.end) {
		m.sum = t.hasher.AppendSum(m.sum)
	}
	d := protocol.ToClient
	if way == writing {
		d = protocol.ToServer
	}
	facts := s.fact[:0]
	if kind != filetype.Other {
		facts = append(facts, protocol.Fact{Kind: protocol.File, Text: base(f.name), Aux: m.sum, Num: t.hasher.Size()})
	}
	m.info = false
	s.obs = protocol.Observation{Event: "smb", Dir: protocol.ToServer, TxID: t.number, Detail: m}
	c.Sink.Observe(&s.obs)
	m.info = true
	s.obs = protocol.Observation{Event: "fileinfo", Dir: d, TxID: t.number, Detail: m, Facts: facts}
	c.Sink.Observe(&s.obs)
	s.obs.Detail, m.file, m.transfer = nil, nil, nil
}

// base is the last element of a path.
func base(name []byte) []byte {
	if b := name[bytes.LastIndexByte(name, '\\')+1:]; len(b) > 0 {
		return b
	}
	return name
}

// moved is the detail of a file's event.
type moved struct {
	stream   *stream
	file     *file
	transfer *transfer
	way      int
	closed   bool // it ended with a CLOSE, and nothing was lost
	info     bool
	sum      []byte // of the whole file in hex, empty when it is not known
}

// AppendEVE appends the member "smb" and, for a fileinfo event, "fileinfo".
func (m *moved) AppendEVE(dst []byte, o *eve.Options) []byte {
	dst = append(dst, `"smb":`...)
	w := eve.Open(dst, o)
	command := read
	if m.way == writing {
		command = write
	}
	f, t := m.file, m.transfer
	m.stream.appendHead(&w, t.number, command, false, 0, true)
	w.Uint("session_id", f.session)
	w.Uint("tree_id", uint64(f.tree))
	w.Bytes("filename", f.name)
	w.Bytes("share", f.share)
	appendID(&w, "fuid", f.id)
	dst = w.Close()
	if !m.info {
		return dst
	}
	w = eve.Open(append(dst, `,"fileinfo":`...), o)
	w.BytesIf("filename", f.name)
	w.Bool("gaps", t.hasher.Gaps())
	if m.closed {
		w.Str("state", "CLOSED")
	} else {
		w.Str("state", "TRUNCATED")
	}
	w.BytesIf("sha256", m.sum)
	w.Bool("stored", false)
	w.Int("size", t.hasher.Size())
	w.Int("tx_id", int64(t.number))
	return w.Close()
}
