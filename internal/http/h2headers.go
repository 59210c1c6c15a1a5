package http

import "netsensor/internal/protocol"

// headerFrame takes HEADERS, PUSH_PROMISE or CONTINUATION.
func (s *stream2) headerFrame(c *protocol.Context, d protocol.Dir, sd *side2, f frameHeader, p []byte) {
	ok := true
	switch f.kind {
	case frameHeaders:
		p, ok = f.unpad(p)
		sd.block, sd.size, sd.end = f.id, 0, f.flags&flagEndStream != 0
		sd.current = s.forHeaders(c, d, sd, f.id)
		if ok && f.flags&flagPriority != 0 {
			if ok = len(p) >= 5; ok {
				if sd.current != nil && sd.role == requests {
					sd.current.weight = int(p[4])
				}
				p = p[5:]
			}
		}
	case framePushPromise:
		p, ok = f.unpad(p)
		if ok = ok && len(p) >= 4; ok {
			p = p[4:]
		}
		sd.block, sd.size, sd.end, sd.current = f.id, 0, false, nil
	case frameContinuation:
		if ok = sd.block != 0; !ok {
			break
		}
	}
	if !ok {
		s.complain(c, d, protocol.NoTx, invalidFrameData)
		sd.opaque = true
	}
	if sd.size == 0 && sd.current != nil && ok {
		sd.current.sizeUpdates(sd.role, p)
	}
	sd.total += len(p)
	if sd.size += len(p); sd.size > maxBlock && !sd.opaque {
		s.complain(c, d, protocol.NoTx, longHeaders)
		sd.opaque = true
	}
	if !sd.opaque {
		_, err := sd.decoder.Write(p)
		if err == nil && f.flags&flagEndHeaders != 0 {
			err = sd.decoder.Close()
		}
		if err != nil {
			// The table cannot be trusted any more, and so none of the later fields.
			sd.opaque = true
			if !c.Midstream {
				s.complain(c, d, protocol.NoTx, failedDecompression)
			}
		}
	}
	if f.flags&flagEndHeaders == 0 {
		return
	}
	x := sd.current
	sd.block, sd.current = 0, nil
	if x == nil {
		return
	}
	s.headed(c, d, sd, x)
	if sd.end {
		s.ended(c, d, sd, x)
	}
}

// sizeUpdates keeps the changes of the table's size that a header block begins with (RFC 7541, section 6.3).
func (x *exchange) sizeUpdates(r role, p []byte) {
	for len(p) > 0 && p[0]&0xe0 == 0x20 && len(x.message[r].fields) < 4 {
		v := uint64(p[0] & 0x1f)
		p = p[1:]
		if v == 0x1f {
			for shift := 0; len(p) > 0 && shift < 56; shift += 7 {
				v += uint64(p[0]&0x7f) << shift
				more := p[0]&0x80 != 0
				if p = p[1:]; !more {
					break
				}
			}
		}
		x.message[r].fields = append(x.message[r].fields, field{size: v})
	}
}

// headed is called at the end of a header block.
func (s *stream2) headed(c *protocol.Context, d protocol.Dir, sd *side2, x *exchange) {
	m := &x.message[sd.role]
	if sd.role == responses && x.status/100 == 1 {
		return // interim
	}
	if m.heads++; m.heads > 1 {
		return // trailers
	}
	if sd.role == responses {
		x.response = true
		s.answer(c, &x.transaction, x)
		return
	}
	x.request = true
	if !x.otherHost.empty() {
		s.complain(c, d, x.id, authorityMismatch)
	}
	s.announce(c, &x.transaction, x)
}

// forHeaders returns the exchange that a header block belongs to. A new one begins with a stream's first block;
// what the server pushes is ignored.
func (s *stream2) forHeaders(c *protocol.Context, d protocol.Dir, sd *side2, id uint32) *exchange {
	fresh := id > sd.last
	sd.last = max(sd.last, id)
	x := s.find(id)
	if x != nil || !fresh || id%2 == 0 || id <= s.side[d.Reverse()].last {
		return x
	}
	if len(s.open) >= maxOpen {
		s.complain(c, d, protocol.NoTx, tooManyStreams)
		s.close(c, s.open[0])
	}
	if sd.role == responses {
		d = d.Reverse()
	}
	x = newExchange(s.next, id, d)
	s.next++
	s.open = append(s.open, x)
	return x
}
