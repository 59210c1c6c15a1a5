package http

import (
	"bytes"

	"netsensor/internal/protocol"
)

// start looks at the beginning of a message.
func (s *stream) start(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	// RFC 9112, section 2.2: empty lines before a request are ignored.
	if isSpace(b[0]) {
		n := 1
		for n < len(b) && isSpace(b[n]) {
			n++
		}
		return n, again
	}
	const prefix = "HTTP/"
	if n := min(len(b), len(prefix)); string(b[:n]) == prefix[:n] {
		if n < len(prefix) {
			return 0, wait
		}
		line, n, ok := sd.line(b, false)
		if !ok {
			return 0, wait
		}
		sd.role = responses
		s.statusLine(c, d, sd, line)
		return n, again
	}
	if n := tokenLen(b); n > 0 && n < maxMethod {
		if n == len(b) {
			return 0, wait
		}
		if b[n] == ' ' || b[n] == '\t' {
			line, k, ok := sd.line(b, false)
			if !ok {
				return 0, wait
			}
			if target, version, ok := splitTarget(line[n:]); ok && s.isRequest(sd, line[:n], target, version) {
				if string(version) == "HTTP/2.0" && string(line[:n]) == "PRI" {
					return 0, handover
				}
				sd.role = requests
				s.requestLine(c, d, sd, line[:n], target, version)
				return k, again
			}
		}
	}
	return s.stray(c, d, sd)
}

// isRequest tells a request line from a line of text. Without a version it must look like HTTP/0.9.
func (s *stream) isRequest(sd *side, method, target, version []byte) bool {
	return len(version) > 0 || sd.role != responses && isMethod(method) && (target[0] == '/' || sd.role == requests)
}

// stray is called where a message should begin and none does.
func (s *stream) stray(c *protocol.Context, d protocol.Dir, sd *side) (int, outcome) {
	sd.scan, sd.skip = 0, false
	if sd.role != requests && len(s.queue) > 0 && s.queue[0].old && s.queue[0].dir != d {
		sd.role = responses
		sd.tx = s.dequeue()
		sd.frame = framing{length: -1}
		s.openFile(sd)
		sd.state = openBody
		return 0, again
	}
	switch {
	case sd.role == responses && sd.started:
		s.anomaly(c, d, responseBodyUnexpected)
	case sd.role == requests && !c.Midstream:
		s.anomaly(c, d, requestLineInvalid)
	}
	s.lose(sd)
	// One byte less, or search might find the same line again, for ever.
	return 1, again
}

// beginMessage is called with the first line of a message.
func (sd *side) beginMessage(first int) {
	sd.state, sd.size = inHead, first
	sd.frame = framing{length: -1}
	sd.left, sd.skipped, sd.filing, sd.touched, sd.parts = 0, 0, false, false, nil
	sd.started = true
}

func (s *stream) requestLine(c *protocol.Context, d protocol.Dir, sd *side, method, target, version []byte) {
	sd.beginMessage(len(target))
	tx := s.begin(d)
	tx.request = true
	tx.method = tx.put(method, maxMethod)
	tx.connect = string(method) == "CONNECT"
	tx.head = string(method) == "HEAD"
	tx.old = len(version) == 0
	tx.version = tx.put(version, len("HTTP/1.1"))
	tx.url = tx.putURL(target, maxURL)
	if tx.connect {
		tx.uriHost = tx.setHost(tx.get(tx.url))
	} else if u := tx.get(tx.url); len(u) > 0 && u[0] != '/' {
		if i := bytes.Index(u, []byte("://")); i > 0 && i < 8 {
			tx.uriHost = tx.setHost(u[i+3:])
		}
	}
	sd.tx = tx
	tx.refs++
	s.enqueue(c, tx)
}

func (s *stream) statusLine(c *protocol.Context, d protocol.Dir, sd *side, line []byte) {
	sd.beginMessage(len(line))
	if s.gone {
		// Which of the requests this answers is not known; most clients have only one under way.
		for len(s.queue) > 1 {
			s.drop(c)
		}
		s.gone = false
	}
	var tx *transaction
	if len(s.queue) > 0 && s.queue[0].dir != d {
		tx = s.queue[0]
	} else {
		tx = s.begin(d.Reverse())
	}
	tx.refs++
	sd.tx = tx
	tx.response = true
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(trim(rest), []byte(" "))
	tx.status = statusCode(code)
	tx.statusText = span{}
	if tx.status == 0 {
		tx.statusText = tx.put(code, 16)
		s.anomaly(c, d, responseInvalidStatus)
	}
	if !tx.request {
		tx.version = tx.put(version, len("HTTP/1.1"))
	}
}

// dropLine drops what is left of an overlong line.
func (sd *side) dropLine(b []byte) int {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return len(b)
	}
	sd.skip = false
	return i + 1
}

// head takes the next header line.
func (s *stream) head(c *protocol.Context, d protocol.Dir, sd *side, b []byte) (int, outcome) {
	line, n, ok := sd.line(b, true)
	if !ok {
		return 0, wait
	}
	if len(line) == 0 {
		if sd.role == requests {
			s.requestHead(c, d, sd)
			return n, again
		}
		return n, s.responseHead(c, d, sd)
	}
	sd.size += n
	if sd.skip || sd.size > maxHead {
		s.anomaly(c, d, fieldTooLong.of(sd.role))
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		s.anomaly(c, d, fieldMissingColon.of(sd.role))
		return n, again
	}
	name, value := line[:colon], trim(line[colon+1:])
	for len(name) > 0 && isSpace(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	s.framingField(c, d, sd, name, value)
	if sd.size <= maxHead {
		sd.tx.keepHeader(sd.role, name, value)
		if sd.role == requests {
			s.requestField(c, d, sd.tx, name, value)
		} else {
			responseField(sd.tx, name, value)
		}
	}
	return n, again
}

// cutHead ends a message whose head was not seen whole.
func (s *stream) cutHead(c *protocol.Context, d protocol.Dir, sd *side) {
	if sd.role == requests {
		s.announce(c, sd.tx, sd.tx)
	} else if sd.tx.status/100 != 1 {
		s.answered(c, d, sd)
		s.emit(c, sd.tx)
	}
	s.leave(sd)
}

// leave ends sd's part in its transaction.
func (s *stream) leave(sd *side) {
	s.release(sd.tx)
	sd.tx = nil
	sd.filing, sd.parts = false, nil
	sd.state = atStart
}

// framingField reads the header fields that say where the message ends, of requests and responses alike.
func (s *stream) framingField(c *protocol.Context, d protocol.Dir, sd *side, name, value []byte) {
	f := &sd.frame
	switch len(name) {
	case len("content-length"):
		if fold(name, "content-length") {
			s.contentLength(c, d, sd, value)
		}
	case len("transfer-encoding"):
		if fold(name, "transfer-encoding") {
			if i := bytes.LastIndexByte(value, ','); i >= 0 {
				value = trim(value[i+1:])
			}
			switch {
			case fold(value, "chunked"):
				f.chunked, f.transfer = true, false
			case fold(value, "identity"):
			default:
				f.transfer = true
				s.anomaly(c, d, invalidTransferEncoding.of(sd.role))
			}
		}
	case len("content-encoding"):
		if fold(name, "content-encoding") {
			f.coding = f.coding.with(value)
		}
	case len("content-type"):
		if fold(name, "content-type") {
			f.dns = isDNS(value)
		}
	case len("upgrade"):
		if fold(name, "upgrade") {
			switch {
			case fold(value, "h2c"):
				f.upgrade = toHTTP2
			case len(value) >= 3 && fold(value[:3], "tls"):
				f.upgrade = toTLS
			case fold(value, "websocket"):
				f.upgrade = toWebSocket
			default:
				f.upgrade = toOther
			}
		}
	case len("expect"):
		if fold(name, "expect") && fold(value, "100-continue") {
			f.expect = true
		}
	}
}

func (s *stream) contentLength(c *protocol.Context, d protocol.Dir, sd *side, value []byte) {
	first := value
	if i := bytes.IndexByte(value, ','); i >= 0 {
		first = trim(value[:i])
	}
	if len(first) < len(value) || sd.frame.length >= 0 {
		s.anomaly(c, d, duplicateContentLength.of(sd.role))
	}
	n, ok := decimal(first)
	if !ok {
		s.anomaly(c, d, invalidContentLength.of(sd.role))
		return
	}
	if sd.frame.length < 0 {
		sd.frame.length = n
	}
}
