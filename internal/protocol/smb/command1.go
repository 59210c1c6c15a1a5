package smb

import (
	"bytes"

	"netsensor/internal/protocol"
)

// Flags of the header ([MS-CIFS], section 2.2.3.1).
const (
	flag1Response = 0x80
	flag2Unicode  = 0x8000
	flag2NTStatus = 0x4000
)

// message1 is a message of version 1: its first command, and what belongs to it. Commands that are chained behind it
// are not looked at.
type message1 struct {
	wide  bool
	words []byte
	bytes []byte
	at    int // of bytes in the message
}

func parse1(b []byte) (m message1, ok bool) {
	m.wide = le16(b[10:])&flag2Unicode != 0
	n := header1 + 1 + 2*int(b[header1])
	if len(b) < n {
		return m, false
	}
	m.words = b[header1+1 : n]
	if len(b) < n+2 {
		return m, len(b) == n
	}
	m.at = n + 2
	m.bytes = b[m.at:min(m.at+le16(b[n:]), len(b))]
	return m, true
}

// text takes the next string of the message's bytes, and appends it to dst.
func (m *message1) text(dst []byte, wide bool) []byte {
	if !wide {
		v, rest, _ := bytes.Cut(m.bytes, []byte{0})
		m.at += len(m.bytes) - len(rest)
		m.bytes = rest
		return append(dst, v[:min(len(v), maxName)]...)
	}
	// Strings of two bytes a character stand at even offsets.
	if m.at&1 == 1 && len(m.bytes) > 0 {
		m.at, m.bytes = m.at+1, m.bytes[1:]
	}
	i := 0
	for i+1 < len(m.bytes) && (m.bytes[i] != 0 || m.bytes[i+1] != 0) {
		i += 2
	}
	v := m.bytes[:min(i, len(m.bytes))]
	rest := m.bytes[min(i+2, len(m.bytes)):]
	m.at += len(m.bytes) - len(rest)
	m.bytes = rest
	return appendUTF16(dst, v, maxName)
}

func (m *message1) skip(n int) {
	n = min(n, len(m.bytes))
	m.at, m.bytes = m.at+n, m.bytes[n:]
}

// command1 reads a message of version 1.
func (s *stream) command1(c *protocol.Context, d protocol.Dir, b []byte) {
	h := header{
		command: int(b[4]), status: le32(b[5:]), mid: uint64(le16(b[30:])), tree: uint32(le16(b[24:])),
		session: uint64(le16(b[28:])),
	}
	m, ok := parse1(b)
	if !ok {
		s.malformed(c, d)
		return
	}
	if b[9]&flag1Response == 0 {
		s.request1(c, d, &h, &m)
		return
	}
	if le16(b[10:])&flag2NTStatus == 0 && h.status != 0 {
		h.status = dosStatus(b[5], le16(b[7:]))
	}
	s.response1(c, d, &h, &m)
}

// dosStatus turns an error class and code of old servers into the status of the same meaning; the usual ones of logins
// and files, else a general failure ([MS-CIFS], section 2.2.2.4).
func dosStatus(class byte, code int) uint32 {
	switch {
	case class == 2 && code == 2:
		return 0xc000006a
	case class == 2 && code == 6:
		return 0xc00000cc
	case code == 5, class == 2 && code == 4:
		return 0xc0000022
	case class == 1 && code == 2:
		return 0xc0000034
	}
	return 0xc0000001
}

func (s *stream) request1(c *protocol.Context, d protocol.Dir, h *header, m *message1) {
	const (
		readAndX  = 0x2e
		writeAndX = 0x2f
		trans     = 0x25
		trans2    = 0x32
		cancelNT  = 0xa4
	)
	switch h.command {
	case readAndX, writeAndX, trans, trans2, cancelNT:
		return
	}
	t := s.begin(c, h)
	t.v1 = true
	switch h.command {
	case negotiate1:
		for len(m.bytes) > 1 && m.bytes[0] == 2 && len(t.dialects1) < maxName {
			m.skip(1)
			t.dialects1 = append(m.text(t.dialects1, false), 0)
		}
	case sessionSetup1:
		s.login1(c, d, t, m)
	case treeConnect1:
		if len(m.words) >= 8 {
			m.skip(le16(m.words[6:])) // the password of the share
			t.name = m.text(t.name, m.wide)
			t.services[0] = m.text(t.services[0], false)
			s.uncServer(c, d, t.name)
		}
	case create1:
		if len(m.words) >= 48 {
			t.disposition, t.options = le32(m.words[35:]), le32(m.words[39:])
			t.name = m.text(t.name, m.wide)
		}
	}
}

// login1 reads a session setup ([MS-CIFS], section 2.2.4.53; [MS-SMB], section 2.2.4.6.1 with a security token). Passwords
// are stepped over.
func (s *stream) login1(c *protocol.Context, d protocol.Dir, t *transaction, m *message1) {
	switch len(m.words) / 2 {
	case 12:
		n := min(le16(m.words[14:]), len(m.bytes))
		s.login(c, d, t, m.bytes[:n])
		m.skip(n)
	case 13:
		m.skip(le16(m.words[14:]) + le16(m.words[16:]))
		s.plain1(c, d, t, m)
	case 10:
		m.skip(le16(m.words[14:]))
		s.plain1(c, d, t, m)
	default:
		return
	}
	t.os[0] = m.text(t.os[0], m.wide)
	t.lm[0] = m.text(t.lm[0], m.wide)
}

func (s *stream) plain1(c *protocol.Context, d protocol.Dir, t *transaction, m *message1) {
	t.user = m.text(t.user, m.wide)
	t.domain = m.text(t.domain, m.wide)
	if len(t.user) > 0 {
		s.observe(c, d, protocol.Fact{Kind: protocol.Login, Text: t.user, Aux: viaSMB, Num: protocol.LoginTried})
	}
}

func (s *stream) response1(c *protocol.Context, d protocol.Dir, h *header, m *message1) {
	i := -1
	for k, t := range s.pending {
		if t.v1 && t.mid == h.mid && t.command == h.command {
			i = k
			break
		}
	}
	if i < 0 {
		switch h.command {
		case negotiate1, sessionSetup1, treeConnect1:
		default:
			return // of a request that has no event, or was not seen
		}
		s.begin(c, h).v1 = true
		i = len(s.pending) - 1
	}
	t := s.pending[i]
	t.status, t.replied, t.session, t.tree = h.status, true, h.session, h.tree
	good := !failed(h.status)
	switch h.command {
	case negotiate1:
		if good && len(m.words) >= 2 {
			s.selected(c, d, t, le16(m.words))
		}
	case sessionSetup1:
		s.outcome(c, d, t)
		switch len(m.words) / 2 {
		case 4:
			m.skip(le16(m.words[6:]))
			fallthrough
		case 3:
			t.os[1] = m.text(t.os[1], m.wide)
			t.lm[1] = m.text(t.lm[1], m.wide)
		}
	case treeConnect1:
		if good {
			t.services[1] = m.text(t.services[1], false)
			if bytes.Equal(t.services[1], []byte("IPC")) {
				t.share = 2
			}
		}
	case create1:
		if good && len(m.words) >= 63 {
			t.file = id{m.words[5], m.words[6]}
			for k := range t.times {
				t.times[k] = le64(m.words[11+8*k:])
			}
			t.size = le64(m.words[55:])
		}
	}
	s.tell(c, i)
}

// selected takes the index of the dialect that a server of version 1 chose.
func (s *stream) selected(c *protocol.Context, d protocol.Dir, t *transaction, index int) {
	b := t.dialects1
	for ; index > 0 && len(b) > 0; index-- {
		_, b, _ = bytes.Cut(b, []byte{0})
	}
	name, _, ok := bytes.Cut(b, []byte{0})
	if ok {
		s.dialect1 = append(s.dialect1[:0], name...)
		s.name = append(s.name[:0], "SMB 1"...)
		s.observe(c, d, protocol.Fact{Kind: protocol.Version, Text: s.name})
	}
}
