package http

import "netsensor/internal/protocol"

// responseField keeps what is told of a response.
func responseField(tx *transaction, name, value []byte) {
	switch len(name) {
	case len("server"):
		if fold(name, "server") {
			tx.server = tx.putField(value, maxName)
		}
	case len("location"):
		if fold(name, "location") {
			tx.location = tx.putURL(value, maxField)
		}
	case len("content-type"):
		if fold(name, "content-type") {
			tx.contentType = tx.putField(value, maxName)
		}
	case len("content-range"):
		if fold(name, "content-range") {
			tx.contentRange = tx.putField(value, maxName)
		}
	case len("content-disposition"):
		if fold(name, "content-disposition") {
			tx.disposition = tx.putField(parameter(value, "filename"), maxName)
		}
	}
}

// responseHead is called at the end of a response's head.
func (s *stream) responseHead(c *protocol.Context, d protocol.Dir, sd *side) outcome {
	tx := sd.tx
	f := &sd.frame
	if tx.status == 101 {
		return s.upgraded(c, d, sd)
	}
	if tx.status/100 == 1 {
		// Interim (RFC 9110, section 15.2): the request still waits for its response.
		s.leave(sd)
		return again
	}
	s.answered(c, d, sd)
	if tx.connect && tx.status/100 == 2 {
		s.emit(c, tx)
		s.leave(sd)
		return handover
	}
	if f.chunked && f.length >= 0 {
		s.anomaly(c, d, responseSmuggling)
	}
	switch {
	case tx.head || tx.status == 204 || tx.status == 304:
		s.endMessage(c, d, sd, true)
		return again
	case f.chunked:
		sd.next = chunkSize
	case f.transfer || f.length < 0:
		sd.next = openBody
	case f.length == 0:
		s.endMessage(c, d, sd, true)
		return again
	default:
		sd.left, sd.next = f.length, fixedBody
	}
	s.openFile(sd)
	sd.state = sd.next
	if !tx.request {
		sd.state = orphanBody
	}
	return again
}

// upgraded ends HTTP/1 (RFC 9110, section 7.8).
func (s *stream) upgraded(c *protocol.Context, d protocol.Dir, sd *side) outcome {
	tx := sd.tx
	u := max(tx.upgrade, sd.frame.upgrade)
	if sd.frame.upgrade != noUpgrade {
		u = sd.frame.upgrade
	}
	s.answered(c, d, sd)
	s.emit(c, tx)
	s.leave(sd)
	switch u {
	case toHTTP2, toTLS:
		return handover
	case toWebSocket:
		// Not before there is something to look at: it may stay at that.
		if r := &s.side[d.Reverse()]; r.tx == nil {
			sd.state, r.state = turned, turned
			return again
		}
	}
	return finished
}

// answered is called when a request's final response is known: the request waits no longer, and a login's
// outcome is told.
func (s *stream) answered(c *protocol.Context, d protocol.Dir, sd *side) {
	tx := sd.tx
	if len(s.queue) > 0 && s.queue[0] == tx {
		s.release(s.dequeue())
	}
	r := &s.side[d.Reverse()]
	if r.state == held && tx.connect && tx.status/100 != 2 {
		r.state = atStart
	}
	if r.tx == tx && r.frame.expect && !r.touched && tx.status >= 300 && (r.state == fixedBody || r.state == chunkSize) {
		r.next, r.state = r.state, optionalBody
	}
	s.answer(c, tx, tx)
}
