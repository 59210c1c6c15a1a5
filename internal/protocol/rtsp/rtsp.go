// Package rtsp reads RTSP (RFC 2326, RFC 7826): which host is asked, who logs in, and which software answers. There is
// no RTSP object in EVE, so facts are all that it tells.
package rtsp

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/heads"
	"netsensor/internal/protocol/lines"
)

const (
	maxLine = 4 << 10
	maxName = 256
	maxSkip = 1 << 30
	// interleaved is the header of a binary packet among the messages (RFC 2326, section 10.12).
	interleaved = 4
)

// Parser returns the parser of RTSP over TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "rtsp",
		Over:  protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	line, _, whole := lines.First(p.Data)
	if len(line) > maxLine || !lines.Printable(line) {
		return protocol.No
	}
	if whole {
		method, code := parse(line)
		if len(code) > 0 {
			p.Reversed = p.Dir == protocol.ToServer
		}
		if len(method) > 0 || len(code) > 0 {
			return protocol.Yes
		}
		return protocol.No
	}
	const status, scheme = "RTSP/1.0 ", "RTSP://"
	if p.End || len(line) == 0 {
		return protocol.No
	}
	if k := min(len(line), len("RTSP/")); string(line[:k]) == status[:k] {
		return protocol.Maybe
	}
	word, rest := lines.Word(line)
	if !isMethod(word) && (len(word) < len(line) || !mayBeMethod(word)) {
		return protocol.No
	}
	if k := min(len(rest), len(scheme)); lines.Is(rest[:k], scheme[:k]) || k == 1 && rest[0] == '*' {
		return protocol.Maybe
	}
	return protocol.No
}

var methods = [...]string{"OPTIONS", "DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER", "REDIRECT", "RECORD"}

func isMethod(b []byte) bool {
	for _, m := range methods {
		if string(b) == m {
			return true
		}
	}
	return false
}

func mayBeMethod(b []byte) bool {
	for _, m := range methods {
		if len(b) <= len(m) && string(b) == m[:len(b)] {
			return true
		}
	}
	return false
}

// parse returns the method of a request line, or the code of a status line.
func parse(line []byte) (method, code []byte) {
	if bytes.HasPrefix(line, []byte("RTSP/")) {
		_, rest := lines.Word(line)
		code, _ = lines.Word(rest)
		if _, ok := lines.Number(code); !ok || len(code) != 3 {
			return nil, nil
		}
		return nil, code
	}
	method, rest := lines.Word(line)
	last := bytes.LastIndexByte(rest, ' ')
	if last < 0 || !isMethod(method) || !bytes.HasPrefix(rest[last+1:], []byte("RTSP/")) {
		return nil, nil
	}
	return method, nil
}

// side is one direction.
type side struct {
	head heads.Reader
	lost bool
}

// stream follows one connection.
type stream struct {
	sides      [2]side
	user       []byte
	outcome    int64
	authorised bool // the last request carried credentials
	host       []byte
	software   [2][]byte
	name       []byte // scratch for a user name
	obs        protocol.Observation
	facts      [3]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{user: s.user[:0], host: s.host[:0], name: s.name[:0], software: [2][]byte{s.software[0][:0], s.software[1][:0]}}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	sd := &s.sides[d]
	for n := 0; ; {
		if sd.lost {
			k, found := search(b[n:])
			if n += k; !found {
				return n, protocol.More
			}
			sd.lost = false
		}
		for n < len(b) && (b[n] == '\r' || b[n] == '\n') {
			n++
			sd.head.Reset()
		}
		if n < len(b) && b[n] == '$' {
			if len(b)-n < interleaved {
				c.Need = interleaved
				return n, protocol.More
			}
			n += interleaved + int(binary.BigEndian.Uint16(b[n+2:]))
			if n > len(b) {
				return n, protocol.More
			}
			continue
		}
		if lines.TLS(b[n:]) {
			return n, protocol.Switch
		}
		head, k := sd.head.Next(b[n:])
		if k == 0 {
			return n, protocol.More
		}
		line, fields := heads.StartLine(head)
		method, code := parse(line)
		if k < 0 || len(method) == 0 && len(code) == 0 {
			sd.head.Reset()
			sd.lost = true
			n = min(n+max(1, len(line)), len(b))
			continue
		}
		size := s.take(c, d, line, code, fields)
		if n += k + int(min(size, maxSkip)); n > len(b) {
			return n, protocol.More
		}
	}
}

// search returns where in b a start line begins, or else how many bytes hold none.
func search(b []byte) (int, bool) {
	for n := 0; ; {
		line, rest, whole := lines.First(b[n:])
		switch {
		case len(line) > maxLine:
			n += maxLine
			continue
		case !whole:
			return n, false
		}
		if method, code := parse(line); len(method) > 0 || len(code) > 0 {
			return n, true
		}
		n = len(b) - len(rest)
	}
}

// take tells what one message shows, and returns the length of its body.
func (s *stream) take(c *protocol.Context, d protocol.Dir, line, code, fields []byte) (size int64) {
	facts := s.facts[:0]
	s.name = s.name[:0]
	for {
		name, value, rest, ok := heads.Field(fields)
		if !ok {
			break
		}
		switch {
		case lines.Is(name, "CONTENT-LENGTH"):
			if v, ok := lines.Number(value); ok {
				size = v
			}
		case lines.Is(name, "AUTHORIZATION"):
			s.name = heads.User(s.name[:0], value)
		case lines.Is(name, "USER-AGENT"), lines.Is(name, "SERVER"):
			value = value[:min(len(value), maxName)]
			if len(value) > 0 && len(facts) == 0 && !bytes.Equal(value, s.software[d]) {
				s.software[d] = append(s.software[d][:0], value...)
				kind := protocol.ClientSoftware
				if d == protocol.ToClient {
					kind = protocol.ServerSoftware
				}
				facts = append(facts, protocol.Fact{Kind: kind, Text: s.software[d]})
			}
		}
		fields = rest
	}
	if len(code) == 0 {
		if h := hostOf(line); len(h) > 0 && !bytes.EqualFold(h, s.host) {
			s.host = append(s.host[:0], h...)
			facts = append(facts, protocol.Fact{Kind: protocol.NameHost, Text: s.host})
		}
		if s.authorised = len(s.name) > 0; s.authorised && !bytes.Equal(s.name, s.user) {
			s.user, s.outcome = append(s.user[:0], s.name...), protocol.LoginTried
			facts = append(facts, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism})
		}
	} else if s.authorised {
		outcome := int64(protocol.LoginTried)
		switch {
		case string(code) == "401":
			outcome = protocol.LoginRefused
		case code[0] == '2':
			outcome = protocol.LoginAccepted
		}
		if outcome != protocol.LoginTried && outcome != s.outcome {
			s.outcome = outcome
			facts = append(facts, protocol.Fact{Kind: protocol.Login, Text: s.user, Aux: mechanism, Num: outcome})
		}
	}
	if len(facts) > 0 {
		s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: facts}
		c.Sink.Observe(&s.obs)
		clear(s.facts[:])
	}
	return size
}

var mechanism = []byte("rtsp")

// hostOf is the host in the URL of a request line.
func hostOf(line []byte) []byte {
	_, rest := lines.Word(line)
	i := bytes.Index(rest, []byte("://"))
	if i < 0 {
		return nil
	}
	host := rest[i+3:]
	if end := bytes.IndexAny(host, "/ ?"); end >= 0 {
		host = host[:end]
	}
	host = host[bytes.LastIndexByte(host, '@')+1:]
	if len(host) > 0 && host[0] == '[' {
		host, _, _ = bytes.Cut(host[1:], []byte{']'})
	} else {
		host, _, _ = bytes.Cut(host, []byte{':'})
	}
	return host[:min(len(host), maxName)]
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.sides[d] = side{lost: true}
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}
