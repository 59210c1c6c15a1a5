package ssh

import (
	"bytes"

	"netsensor/internal/protocol"
)

// line reads one line of the phase before the packets and returns how many bytes it consumed.
func (s *stream) line(c *protocol.Context, d protocol.Dir, b []byte) int {
	side := &s.sides[d]
	end := bytes.IndexByte(b[:min(len(b), maxPreface)], '\n')
	identification := bytes.HasPrefix(b, magic)
	switch {
	case identification && (end > maxBanner || end < 0 && len(b) > maxBanner):
		s.anomaly(c, d, "long_banner")
		s.setBanner(c, d, b[:maxBanner])
		if side.phase == lines {
			side.phase = tail
		}
		return maxBanner
	case identification && end >= 0:
		s.setBanner(c, d, b[:end])
		if side.phase == lines {
			side.phase = packets
			s.old()
		}
		s.tellIfComplete(c)
		return end + 1
	case identification:
		side.banner = append(side.banner[:0], b...)
	case end >= 0 && side.preface+end+1 <= maxPreface:
		side.preface += end + 1
		return end + 1
	case side.preface+max(end, len(b)) > maxPreface:
		s.invalid(c, d)
	}
	return 0
}

// tail skips what is left of an overlong identification string.
func (s *stream) tail(c *protocol.Context, d protocol.Dir, b []byte) int {
	side := &s.sides[d]
	end := bytes.IndexByte(b, '\n')
	switch {
	case end >= 0 && side.preface+end+1 <= maxPreface:
		side.phase = packets
		s.old()
		s.tellIfComplete(c)
		return end + 1
	case side.preface+max(end, len(b)) > maxPreface:
		s.invalid(c, d)
		return 0
	}
	side.preface += len(b)
	return len(b)
}

// invalid gives a direction up.
func (s *stream) invalid(c *protocol.Context, d protocol.Dir) {
	s.anomaly(c, d, "invalid_banner")
	s.sides[d].phase = opaque
	s.tellIfComplete(c)
}

// setBanner takes an identification string, "SSH-protoversion-softwareversion SP comments" (RFC 4253, section 4.2).
// As in Suricata's EVE, the comments are not part of the software version.
func (s *stream) setBanner(c *protocol.Context, d protocol.Dir, line []byte) {
	side := &s.sides[d]
	side.banner = append(side.banner[:0], bytes.TrimRight(line, "\r")...)
	proto, product, ok := bytes.Cut(side.banner[len(magic):], []byte{'-'})
	if !ok || len(proto) == 0 {
		s.invalid(c, d)
		return
	}
	product, _, _ = bytes.Cut(product, []byte{' '})
	product, _, _ = bytes.Cut(product, []byte{'\r'})
	side.version, side.proto, side.product = true, proto, product
	kind := protocol.ClientSoftware
	if d == protocol.ToClient {
		kind = protocol.ServerSoftware
	}
	s.observe(c, d, protocol.Fact{Kind: kind, Text: product})
}

// endBanner takes the beginning of an identification string whose end will not come.
func (s *stream) endBanner(c *protocol.Context, d protocol.Dir) {
	side := &s.sides[d]
	if side.phase == lines && !side.version && bytes.Count(side.banner, []byte{'-'}) > 1 {
		s.setBanner(c, d, side.banner)
	}
}

// old stops reading packets when a side speaks version 1 only: its packets are others. 1.99 means both (RFC 4253,
// section 5.1).
func (s *stream) old() {
	for i := range s.sides {
		p := s.sides[i].proto
		if s.sides[i].version && bytes.HasPrefix(p, []byte("1.")) && !bytes.Equal(p, []byte("1.99")) {
			for j := range s.sides {
				if s.sides[j].phase == packets {
					s.sides[j].phase = opaque
				}
			}
		}
	}
}
