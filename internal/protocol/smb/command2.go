package smb

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/krb5"
	"netsensor/internal/protocol/ntlm"
)

// Flags of the header ([MS-SMB2], section 2.2.1.1).
const (
	flagResponse = 1 << 0
	flagAsync    = 1 << 1
)

// header is that of a command of version 2.
type header struct {
	command int
	status  uint32
	flags   uint32
	mid     uint64
	tree    uint32
	session uint64
}

// look says how many bytes of a command are looked at: those before the content of a file, or those that names stand in.
func (h *header) look() int {
	if h.flags&flagResponse != 0 {
		switch h.command {
		case negotiate:
			return header2 + 64
		case sessionSetup:
			return header2 + 8
		case treeConnect, read, write:
			return header2 + 16
		case ioctl:
			return header2 + 48
		case create:
			return header2 + 88
		}
		return header2
	}
	switch h.command {
	case negotiate:
		return header2 + 36 + 2*maxDialects
	case sessionSetup:
		return maxLook
	case treeConnect, create:
		return 4 << 10
	case closing:
		return header2 + 24
	case read, write:
		return header2 + 48
	case ioctl:
		return header2 + 56
	case setInfo:
		return header2 + 32 + 20 + 2*maxName
	}
	return header2
}

// command2 reads a command of version 2 whose four magic bytes are there and returns how many bytes it consumed.
func (s *stream) command2(c *protocol.Context, d protocol.Dir, side *side, b []byte) int {
	if len(b) < header2 {
		c.Need = header2
		return 0
	}
	size := side.left
	if next := int(le32(b[20:])); next != 0 {
		if next < header2 || next > side.left {
			s.malformed(c, d)
			side.left = 0
			return size
		}
		size = next
	}
	h := header{
		command: le16(b[12:]), status: le32(b[8:]), flags: le32(b[16:]), mid: le64(b[24:]),
		tree: le32(b[36:]), session: le64(b[40:]),
	}
	look := min(size, h.look())
	if len(b) < look {
		c.Need = look
		return 0
	}
	pipe, at, n := s.payload(&h, b[:look])
	if pipe != nil {
		if look = min(size, at+min(n, maxLook)); len(b) < look {
			c.Need = look
			return 0
		}
	}
	side.left -= size
	switch {
	case le16(b[4:]) != header2 || h.command >= len(commands):
		s.malformed(c, d)
	case h.flags&flagResponse != 0:
		if pipe != nil && at <= look {
			s.calls(c, d, pipe, &h, b[at:look], min(n, size-at))
		}
		return s.response(c, d, side, &h, b[:look], size)
	default:
		spoken := pipe != nil && at <= look && s.calls(c, d, pipe, &h, b[at:look], min(n, size-at))
		used := s.request(c, d, side, &h, b[:look], size)
		if spoken {
			s.pending[len(s.pending)-1].quiet = true // the call has an event of its own
		}
		return used
	}
	return size
}

// stream starts the content of t that begins at b[at:] and is n bytes long; it returns what was consumed before it.
// size is that of the command.
func (side *side) stream(t *transfer, at, n, drop, size int) int {
	side.content, side.data, side.drop, side.after = t, n, drop, size-at-n
	return at
}

func (s *stream) request(c *protocol.Context, d protocol.Dir, side *side, h *header, b []byte, size int) int {
	body := b[header2:]
	switch h.command {
	case cancel, oplockBreak:
		return size // they have no answer, or are one
	case write:
		return s.writeRequest(c, side, h, body, size)
	case read:
		if len(body) >= 32 {
			t := s.begin(c, h)
			t.quiet = true
			t.file, t.offset, t.length = s.fileID(body[16:]), le64(body[8:]), le32(body[4:])
		}
		return size
	case setInfo:
		if s.setInfoRequest(c, h, body) {
			return size
		}
	}
	t := s.begin(c, h)
	switch h.command {
	case getInfo, setInfo:
		t.quiet = true
	case negotiate:
		s.negotiateRequest(t, body)
	case sessionSetup:
		if token := buffer(b, 12); token != nil {
			s.login(c, d, t, token)
		}
	case treeConnect:
		t.name = appendUTF16(t.name, buffer(b, 4), maxName)
		s.uncServer(c, d, t.name)
	case create:
		createRequest(t, b)
		s.related = lastID
	case closing:
		if len(body) >= 24 {
			t.file = s.fileID(body[8:])
			if f := s.files.find(t.file, h.session); f != nil {
				f.closing = true
			}
		}
	case ioctl:
		if len(body) >= 24 {
			t.function, t.file = le32(body[4:]), id(body[8:24])
		}
	}
	return size
}

// fileID is the file that a command means: its own, or that of the command before it, which is lastID as long as it is
// still to be opened.
func (s *stream) fileID(b []byte) id {
	f := id(b[:16])
	if f != lastID {
		s.related = f
	}
	return s.related
}

// buffer returns the part of the command b whose offset, from the header, and length stand in the body at; as much
// as is there.
func buffer(b []byte, at int) []byte {
	if len(b) < header2+at+4 {
		return nil
	}
	off, n := le16(b[header2+at:]), le16(b[header2+at+2:])
	if off < header2 || off >= len(b) {
		return nil
	}
	return b[off:min(off+n, len(b))]
}

func (s *stream) negotiateRequest(t *transaction, body []byte) {
	if len(body) < 36 {
		return
	}
	t.guid, t.hasGUID = id(body[12:28]), true
	n := le16(body[2:])
	for body = body[36:]; n > 0 && len(body) >= 2 && len(t.dialects) < maxDialects; n-- {
		t.dialects = append(t.dialects, dialect(le16(body)))
		body = body[2:]
	}
}

// login reads who logs in from a security token, raw NTLMSSP or SPNEGO.
func (s *stream) login(c *protocol.Context, d protocol.Dir, t *transaction, token []byte) {
	domain, user, host, ok := ntlm.User(token)
	if ok {
		t.ntlm = true
		t.build(token)
		t.domain, t.user, t.host = append(t.domain, domain...), append(t.user, user...), append(t.host, host...)
		if len(user) > 0 {
			s.observe(c, d, protocol.Fact{Kind: protocol.Login, Text: t.user, Aux: viaNTLM, Num: protocol.LoginTried})
		}
		return
	}
	realm, name, ok := krb5.Service(token)
	if !ok {
		return
	}
	t.realm = append(t.realm, realm[:min(len(realm), maxName)]...)
	for range 4 {
		part, more := krb5.Element(&name)
		if !more {
			break
		}
		t.service = append(append(t.service, part[:min(len(part), maxName)]...), 0)
		s.name = append(s.name[:0], part[:min(len(part), maxName)]...)
	}
	if bytes.IndexByte(t.service, 0) < len(t.service)-1 { // "cifs" and a host
		s.observe(c, d, protocol.Fact{Kind: protocol.NameService, Text: s.name})
	}
}

// build keeps the version that an AUTHENTICATE message tells ([MS-NLMP], sections 2.2.1.3 and 2.2.2.10).
func (t *transaction) build(token []byte) {
	const (
		flags       = 60
		version     = 64
		flagVersion = 1 << 25
	)
	if m := ntlm.Find(token); len(m) >= version+8 && le32(m[flags:])&flagVersion != 0 {
		t.version, t.hasVersion = [8]byte(m[version:]), true
	}
}

func createRequest(t *transaction, b []byte) {
	body := b[header2:]
	if len(body) < 56 {
		return
	}
	t.disposition, t.options = le32(body[36:]), le32(body[40:])
	t.name = appendUTF16(t.name, buffer(b, 44), maxName)
}

func (s *stream) response(c *protocol.Context, d protocol.Dir, side *side, h *header, b []byte, size int) int {
	if h.command == oplockBreak && h.mid == 1<<64-1 {
		return size
	}
	i := s.find(h)
	if h.status == statusPending && h.flags&flagAsync != 0 {
		if i >= 0 {
			s.pending[i].status, s.pending[i].replied = h.status, true
		}
		return size // an interim response; the final one follows
	}
	if i < 0 {
		if h.command == read || h.command == write || h.command == getInfo || h.command == setInfo {
			return size
		}
		s.begin(c, h)
		i = len(s.pending) - 1
	}
	t := s.pending[i]
	t.status, t.replied = h.status, true
	if t.v1 { // what it said there means nothing in version 2
		t.session, t.tree = h.session, h.tree
	}
	if h.session != 0 {
		t.session = h.session
	}
	if h.flags&flagAsync == 0 && h.tree != 0 {
		t.tree = h.tree
	}
	if t.file == lastID {
		t.file = s.opened
	}
	body := b[header2:]
	consumed := size
	if failed(h.status) {
		body = nil
	}
	switch h.command {
	case negotiate:
		s.negotiateResponse(c, d, t, body)
	case sessionSetup:
		// A guest or a null session is not the user who asked.
		if len(body) < 4 || le16(body[2:])&3 == 0 {
			s.outcome(c, d, t)
		}
	case treeConnect:
		if len(body) >= 16 {
			t.share = body[2]
			s.addTree(t)
		}
	case create:
		if len(body) >= 80 {
			t.created(body)
			s.opened = t.file
			s.open(c, t)
		}
	case closing:
		s.closed(c, t) // a server that refuses forgets the file all the same
	case read:
		consumed = s.readResponse(c, side, t, h, body, size)
	case write:
		if failed(h.status) {
			s.undecide(t)
		}
	}
	s.tell(c, i)
	return consumed
}

func (s *stream) negotiateResponse(c *protocol.Context, d protocol.Dir, t *transaction, body []byte) {
	if len(body) < 40 {
		return
	}
	s.dialect = dialect(le16(body[4:]))
	t.server, t.hasServer = id(body[8:24]), true
	s.maxRead, s.maxWrite = le32(body[32:]), le32(body[36:])
	if v := s.dialect.version(); v != "" {
		s.name = append(s.name[:0], v...)
		s.observe(c, d, protocol.Fact{Kind: protocol.Version, Text: s.name})
	}
}

// outcome tells whether a login was accepted.
func (s *stream) outcome(c *protocol.Context, d protocol.Dir, t *transaction) {
	if len(t.user) == 0 || t.status == statusMoreProcessing {
		return
	}
	outcome := int64(protocol.LoginAccepted)
	if failed(t.status) {
		outcome = protocol.LoginRefused
	}
	s.observe(c, d, protocol.Fact{Kind: protocol.Login, Text: t.user, Aux: t.via(), Num: outcome})
}

var (
	viaNTLM = []byte("ntlmssp")
	viaSMB  = []byte("smb")
)

func (t *transaction) via() []byte {
	if t.ntlm {
		return viaNTLM
	}
	return viaSMB
}

// uncServer tells the server of a share's name, \\server\share.
func (s *stream) uncServer(c *protocol.Context, d protocol.Dir, unc []byte) {
	if len(unc) < 3 || unc[0] != '\\' || unc[1] != '\\' {
		return
	}
	server := unc[2:]
	for i, x := range server {
		if x == '\\' {
			server = server[:i]
			break
		}
	}
	if len(server) > 0 {
		s.observe(c, d, protocol.Fact{Kind: protocol.NameService, Text: server})
	}
}
