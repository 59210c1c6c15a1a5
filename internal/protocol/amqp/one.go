package amqp

import (
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/saslname"
)

// Descriptors of 1.0 that are read (parts 2 and 5 of the standard).
const (
	descOpen        = 0x10
	descSASLInit    = 0x41
	descSASLOutcome = 0x44
)

// frame1 takes a frame of 1.0, or its beginning.
func (s *stream) frame1(c *protocol.Context, d protocol.Dir, b []byte) protocol.Status {
	offset := 4 * int(b[4])
	if offset > len(b) {
		return protocol.More
	}
	descriptor, list, ok := cutDescribed(b[offset:])
	if !ok {
		return protocol.More
	}
	switch {
	case descriptor == descSASLInit && d == protocol.ToServer:
		mechanism, rest := cutValue(list)
		response, rest := cutValue(rest)
		host, _ := cutValue(rest)
		s.user = saslname.Append(s.user[:0], mechanism, response)
		s.begin(mechanism)
		s.host(c, host)
	case descriptor == descSASLOutcome && d == protocol.ToClient:
		outcome := int64(protocol.LoginTried)
		if len(list) >= 2 && list[0] == 0x50 {
			switch list[1] {
			case 0:
				outcome = protocol.LoginAccepted
			case 1:
				outcome = protocol.LoginRefused
			}
		}
		s.tell(c, outcome)
	case descriptor == descOpen && b[5] == 0:
		s.tell(c, protocol.LoginAccepted) // only where the outcome was not seen
		if d == protocol.ToServer {
			_, rest := cutValue(list)
			host, _ := cutValue(rest)
			s.host(c, host)
		}
	case b[5] == 0:
		return protocol.Done
	}
	return protocol.More
}

// host tells the name of the server as the client has it.
func (s *stream) host(c *protocol.Context, name []byte) {
	if len(name) > 0 && len(name) <= maxText && !s.named {
		s.named = true
		s.text = append(s.text[:0], name...)
		s.observe(c, protocol.ToServer, protocol.Fact{Kind: protocol.NameService, Text: s.text})
	}
}

// cutDescribed reads a described list: its descriptor, if that is a small number, and its elements.
func cutDescribed(b []byte) (descriptor uint64, list []byte, ok bool) {
	if len(b) < 4 || b[0] != 0 {
		return 0, nil, false
	}
	switch b[1] {
	case 0x53:
		descriptor, b = uint64(b[2]), b[3:]
	case 0x80:
		if len(b) < 11 {
			return 0, nil, false
		}
		descriptor, b = binary.BigEndian.Uint64(b[2:]), b[10:]
	default:
		return 0, nil, false
	}
	switch {
	case b[0] == 0x45:
		return descriptor, nil, true
	case b[0] == 0xc0 && len(b) >= 3:
		return descriptor, b[3:], true
	case b[0] == 0xd0 && len(b) >= 9:
		return descriptor, b[9:], true
	}
	return 0, nil, false
}

// cutValue cuts a string, symbol or binary value off b; null is empty.
func cutValue(b []byte) (value, rest []byte) {
	if len(b) == 0 {
		return nil, nil
	}
	switch b[0] {
	case 0x40:
		return nil, b[1:]
	case 0xa0, 0xa1, 0xa3:
		return cutShort(b[1:])
	case 0xb0, 0xb1, 0xb3:
		if len(b) < 5 {
			return nil, nil
		}
		n := binary.BigEndian.Uint32(b[1:])
		if uint64(n) > uint64(len(b)-5) {
			return nil, nil
		}
		return b[5 : 5+n], b[5+n:]
	}
	return nil, nil
}
