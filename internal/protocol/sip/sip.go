// Package sip reads SIP (RFC 3261) over UDP and TCP: requests, responses and their session descriptions, who registers
// or logs in where, and with which software.
package sip

import (
	"bytes"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/heads"
	"netsensor/internal/protocol/lines"
)

const (
	maxLine = 4 << 10
	maxName = 256
	// maxBody is the longest body that is waited for over TCP; others are passed over.
	maxBody  = 16 << 10
	maxSkip  = 1 << 30
	maxSpare = 64 // leading bytes of line ends: keep-alives (RFC 5626, section 3.5.1)
)

// Parser returns the parser of SIP over UDP and TCP, on any port.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "sip",
		Over:  protocol.TCP | protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') && len(p.Data)-len(b) < maxSpare {
		b = b[1:]
	}
	line, _, whole := lines.First(b)
	if len(line) > maxLine || !lines.Printable(line) {
		return protocol.No
	}
	switch {
	case whole:
		if st, ok := parseStart(line); ok {
			p.Reversed = len(st.code) > 0 && p.Dir == protocol.ToServer
			return protocol.Yes
		}
	case p.End || p.Over == protocol.UDP:
	case len(line) == 0:
		if len(p.Data) == 0 || p.Port(5060) {
			return protocol.Maybe
		}
	case mayStart(line):
		return protocol.Maybe
	}
	return protocol.No
}

// mayStart reports whether a start line can begin with b, which is not empty.
func mayStart(b []byte) bool {
	const version = "SIP/2.0 "
	if bytes.HasPrefix(b, []byte(version)) || bytes.HasPrefix([]byte(version), b) {
		return true
	}
	n := methodLen(b)
	if n == len(b) {
		return true
	}
	rest := b[n:]
	if n == 0 || rest[0] != ' ' {
		return false
	}
	for _, scheme := range [...]string{"SIP:", "SIPS:", "TEL:", "URN:"} {
		if k := min(len(rest)-1, len(scheme)); lines.Is(rest[1:1+k], scheme[:k]) {
			return true
		}
	}
	return false
}

// methodLen counts the letters at the beginning of b, as many as a method may have.
func methodLen(b []byte) int {
	n := min(len(b), 16)
	for i, c := range b[:n] {
		if !(c >= 'A' && c <= 'Z') {
			return i
		}
	}
	return n
}

// start is a request line or a status line.
type start struct {
	line                 []byte
	method, uri, version []byte
	code, reason         []byte // of a response
}

func parseStart(line []byte) (s start, ok bool) {
	line = lines.Trim(line)
	s.line = line
	if bytes.HasPrefix(line, []byte("SIP/2.0 ")) {
		s.version = line[:7]
		s.code, s.reason = lines.Word(line[8:])
		_, isNumber := lines.Number(s.code)
		return s, isNumber && len(s.code) == 3
	}
	n := methodLen(line)
	last := bytes.LastIndexByte(line, ' ')
	if n == 0 || n >= last || line[n] != ' ' || !bytes.Equal(line[last+1:], []byte("SIP/2.0")) {
		return s, false
	}
	s.method, s.uri, s.version = line[:n], lines.Trim(line[n:last]), line[last+1:]
	return s, len(s.uri) > 0
}

// side is one direction over TCP.
type side struct {
	head heads.Reader
	lost bool // looking for the next start line
}

// stream follows one flow.
type stream struct {
	sides      [2]side
	user       []byte // who was told of last
	outcome    int64
	authorised bool // the last request of the user carried credentials
	host       []byte
	software   [2][]byte
	name       []byte // scratch for a user name
	shown      []byte // scratch for a URI without its password
	message    message
	obs        protocol.Observation
	facts      [4]protocol.Fact
}

// Reset implements protocol.Stream.
func (s *stream) Reset() {
	*s = stream{user: s.user[:0], host: s.host[:0], name: s.name[:0], shown: s.shown[:0], software: [2][]byte{s.software[0][:0], s.software[1][:0]}}
}

// Feed implements protocol.Stream.
func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if c.Over == protocol.UDP {
		s.datagram(c, d, b)
		return len(b), protocol.More
	}
	sd := &s.sides[d]
	for n := 0; ; {
		if sd.lost {
			k, found := search(b[n:])
			if n += k; !found {
				return n, protocol.More
			}
			sd.lost = false
		}
		for n < len(b) && (b[n] == '\r' || b[n] == '\n' || b[n] == 0) {
			n++
			sd.head.Reset()
		}
		if lines.TLS(b[n:]) {
			return n, protocol.Switch
		}
		head, k := sd.head.Next(b[n:])
		if k == 0 {
			return n, protocol.More
		}
		line, fields := heads.StartLine(head)
		st, ok := parseStart(line)
		if k < 0 || !ok {
			s.complain(c, d)
			sd.head.Reset()
			sd.lost = true
			n += max(1, len(line))
			n = min(n, len(b))
			continue
		}
		size, description := body(fields)
		if description && size <= maxBody {
			if int64(len(b)-n-k) < size {
				c.Need = k + int(size)
				return n, protocol.More
			}
			s.take(c, d, st, fields, b[n+k:n+k+int(size)])
		} else {
			s.take(c, d, st, fields, nil)
		}
		if n += k + int(min(size, maxSkip)); n > len(b) {
			return n, protocol.More
		}
	}
}

// datagram takes a message over UDP; keep-alives and what else travels on the flow are passed over.
func (s *stream) datagram(c *protocol.Context, d protocol.Dir, b []byte) {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n' || b[0] == 0) {
		b = b[1:]
	}
	var r heads.Reader
	head, n := r.Next(b)
	var rest []byte
	if n <= 0 {
		head = b // the empty line is missing, or was cut off
	} else {
		rest = b[n:]
	}
	line, fields := heads.StartLine(head)
	st, ok := parseStart(line)
	if !ok {
		return
	}
	size, description := body(fields)
	if !description {
		rest = nil
	} else if size > 0 {
		rest = rest[:min(int64(len(rest)), size)]
	}
	s.take(c, d, st, fields, rest)
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
		if _, ok := parseStart(line); ok {
			return n, true
		}
		n = len(b) - len(rest)
	}
}

// body returns the length of the body, and whether it is a session description.
func body(fields []byte) (size int64, description bool) {
	for {
		name, value, rest, ok := heads.Field(fields)
		if !ok {
			return size, description
		}
		switch {
		case lines.Is(name, "CONTENT-LENGTH"), lines.Is(name, "L"):
			if v, ok := lines.Number(value); ok {
				size = v
			}
		case lines.Is(name, "CONTENT-TYPE"), lines.Is(name, "C"):
			description = lines.Begins(value, "APPLICATION/SDP")
		}
		fields = rest
	}
}

func (s *stream) complain(c *protocol.Context, d protocol.Dir) {
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Anomaly: "invalid_data"}
	c.Sink.Observe(&s.obs)
}

// Gap implements protocol.Stream.
func (s *stream) Gap(_ *protocol.Context, d protocol.Dir, _ int) protocol.Status {
	s.sides[d] = side{lost: true}
	return protocol.More
}

// End implements protocol.Stream.
func (s *stream) End(*protocol.Context) {}
