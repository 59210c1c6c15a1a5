package smtp

import (
	"netsensor/internal/protocol"
	"netsensor/internal/protocol/lines"
)

// clientLine takes a line of the client.
func (s *stream) clientLine(c *protocol.Context, line []byte) {
	long := s.reader[protocol.ToServer].Long
	switch s.state {
	case inBody:
		s.bodyLine(c, line, long)
		return
	case authenticating:
		if s.response(c, line) {
			return
		}
		s.state = commands
	}
	word, rest := lines.Word(line)
	k := classify(word)
	s.push(k)
	switch k {
	case ehlo:
		s.abort(c)
		s.helo = append(s.helo[:0], rest[:min(len(rest), maxHelo)]...)
	case mail:
		s.abort(c)
		s.message.begin(path(rest, "FROM:"))
	case rcpt:
		s.message.recipient(path(rest, "TO:"))
	case rset, quit:
		s.abort(c)
	case auth:
		s.authenticate(c, rest)
	case data:
		s.state, s.asked, s.dirty = inBody, false, false
		s.message.open = true
	case bdat:
		s.beginChunk(c, rest)
	}
}

// abort ends a transaction that led to no message.
func (s *stream) abort(c *protocol.Context) {
	if s.message.open {
		s.emit(c)
	}
}

// path is the address after FROM: or TO:, with its angle brackets if it has them. Parameters follow after a blank; a
// quoted local part may hold blanks.
func path(b []byte, keyword string) []byte {
	if lines.Begins(b, keyword) {
		b = b[len(keyword):]
	}
	b = lines.TrimLeft(b)
	quoted := false
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '>' && !quoted:
			return b[:i+1]
		case (c == ' ' || c == '\t') && !quoted:
			return b[:i]
		}
	}
	return b
}

// authenticate takes AUTH (RFC 4954, section 4), which may carry the first response.
func (s *stream) authenticate(c *protocol.Context, args []byte) {
	mechanism, initial := lines.Word(args)
	s.login.Begin(mechanism)
	s.state = authenticating
	if len(initial) > 0 && s.login.Respond(initial) {
		s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
	}
}

// response takes a line of the exchange. It is false for a line that can only be a command: the server's refusal was
// not seen.
func (s *stream) response(c *protocol.Context, line []byte) bool {
	word, rest := lines.Word(line)
	if k := classify(word); k != other && (len(rest) > 0 || k == quit || k == rset || k == data) {
		return false
	}
	if s.login.Respond(line) {
		s.loggedIn(c, protocol.ToServer, protocol.LoginTried)
	}
	return true
}

func (s *stream) loggedIn(c *protocol.Context, d protocol.Dir, outcome int64) {
	if len(s.login.User()) == 0 {
		return
	}
	f := protocol.Fact{Kind: protocol.Login, Text: s.login.User(), Aux: byPassword, Num: outcome}
	if s.login.NTLM() {
		f.Aux = byNTLM
	}
	s.tell(c, d, f)
}

var byPassword, byNTLM = []byte("smtp"), []byte("ntlmssp")

// bodyLine takes a line of the message (RFC 5321, section 4.5.2). A long one comes in pieces.
func (s *stream) bodyLine(c *protocol.Context, line []byte, long bool) {
	if long {
		s.reader[protocol.ToServer].KeepRest()
	}
	if !s.message.within && len(line) > 0 && line[0] == '.' {
		if line = line[1:]; len(line) == 0 && !long {
			s.push(content)
			s.state = commands
			s.message.complete = !s.dirty
			s.emit(c)
			return
		}
	}
	s.message.write(line, !long)
	s.fileEnded(c)
}

// beginChunk takes BDAT (RFC 3030, section 2).
func (s *stream) beginChunk(c *protocol.Context, args []byte) {
	size, rest := lines.Word(args)
	n, ok := lines.Number(size)
	if !ok {
		return
	}
	s.message.open = true
	s.left, s.last, s.state = n, lines.Is(lines.Trim(rest), "LAST"), inChunk
	s.advance(c, 0)
}

// chunk takes bytes of the chunk and returns how many it consumed, which may be more than there are.
func (s *stream) chunk(c *protocol.Context, b []byte) int {
	if !s.message.wants() {
		s.reader[protocol.ToServer].Skipped()
		n := s.left
		if n > int64(len(b)) {
			n = min(n-1, max(int64(len(b)), maxSkip)) // the last byte is to be seen: then the chunk is whole
		}
		s.advance(c, n)
		return int(n)
	}
	b = b[:min(s.left, int64(len(b)))]
	last := int64(len(b)) == s.left
	n := 0
	for n < len(b) {
		line, k, ok := s.reader[protocol.ToServer].Next(b[n:], maxLine)
		if !ok && !last {
			break
		}
		if !ok { // a chunk may end in the middle of a line
			s.reader[protocol.ToServer].Skipped()
			s.message.write(b[n:], false)
			n = len(b)
			break
		}
		long := s.reader[protocol.ToServer].Long
		if long {
			s.reader[protocol.ToServer].KeepRest()
		}
		s.message.write(line, !long)
		s.fileEnded(c)
		n += k
	}
	s.unread = len(b) - n
	s.advance(c, int64(n))
	return n
}

// advance counts n bytes of the chunk.
func (s *stream) advance(c *protocol.Context, n int64) {
	if s.left -= n; s.left > 0 {
		return
	}
	s.state = commands
	if s.last {
		s.message.complete = true
		s.emit(c)
	}
}
