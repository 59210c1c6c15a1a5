package amqp

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
	"netsensor/internal/protocol/saslname"
)

// Class and methods of 0-9-1 that are read.
const (
	classConnection = 10
	classBasic      = 60
	methodStart     = 10
	methodStartOK   = 11
	methodTune      = 30
	methodTuneOK    = 31
	methodOpen      = 40
	methodClose     = 50

	accessRefused = 403
)

// method takes a method frame of 0-9-1, or its beginning.
func (s *stream) method(c *protocol.Context, d protocol.Dir, b []byte, size int) protocol.Status {
	if len(b) == size && b[size-1] != frameEnd {
		s.Malformed(c, d)
		s.sides[d].Close()
		return protocol.More
	}
	if len(b) < 7+4 {
		return protocol.More
	}
	class, method := binary.BigEndian.Uint16(b[7:]), binary.BigEndian.Uint16(b[9:])
	arguments := b[11:]
	if class != classConnection {
		// Who may use channels is logged in.
		s.tell(c, protocol.LoginAccepted)
		return protocol.Done
	}
	switch method {
	case methodStart:
		s.heard = true
		if len(arguments) > 2 {
			properties, _ := cutLong(arguments[2:])
			s.properties(c, d, properties)
		}
	case methodStartOK:
		s.startOK(c, arguments)
	case methodTune, methodTuneOK, methodOpen:
		s.tell(c, protocol.LoginAccepted)
		if s.heard || method == methodOpen {
			return protocol.Done
		}
	case methodClose:
		outcome := int64(protocol.LoginTried)
		if d == protocol.ToClient && len(arguments) >= 2 && binary.BigEndian.Uint16(arguments) == accessRefused {
			outcome = protocol.LoginRefused
		}
		s.tell(c, outcome)
	}
	return protocol.More
}

// startOK takes the client's properties, the mechanism and, of the response, the user.
func (s *stream) startOK(c *protocol.Context, b []byte) {
	properties, b := cutLong(b)
	s.properties(c, protocol.ToServer, properties)
	mechanism, b := cutShort(b)
	response, _ := cutLong(b)
	s.user = s.user[:0]
	if string(mechanism) == "AMQPLAIN" {
		// A table without its length.
		for len(response) > 0 {
			var name, value []byte
			var ok bool
			if name, value, response, ok = cutField(response); !ok {
				break
			}
			if bytes.EqualFold(name, []byte("LOGIN")) {
				s.user = append(s.user[:0], value[:min(len(value), maxText)]...)
			}
		}
	} else {
		s.user = saslname.Append(s.user, mechanism, response)
	}
	s.begin(mechanism)
}

// properties tells product and version of a table.
func (s *stream) properties(c *protocol.Context, d protocol.Dir, b []byte) {
	var product, version []byte
	for len(b) > 0 {
		var name, value []byte
		var ok bool
		if name, value, b, ok = cutField(b); !ok {
			break
		}
		switch string(name) {
		case "product":
			product = value
		case "version":
			version = value
		}
	}
	s.product(c, d, product, version)
}

// cutLong cuts a long string, or a table, off b; as much of it as there is.
func cutLong(b []byte) (s, rest []byte) {
	if len(b) < 4 {
		return nil, nil
	}
	n := binary.BigEndian.Uint32(b)
	if b = b[4:]; uint64(n) > uint64(len(b)) {
		return b, nil
	}
	return b[:n], b[n:]
}

// cutShort cuts a short string off b.
func cutShort(b []byte) (s, rest []byte) {
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return nil, nil
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:]
}

// cutField cuts a field off a table: its name, and its value if that is a string.
func cutField(b []byte) (name, value, rest []byte, ok bool) {
	name, b = cutShort(b)
	if len(name) == 0 || len(b) == 0 {
		return nil, nil, nil, false
	}
	kind := b[0]
	b = b[1:]
	n := 0
	switch kind {
	case 'S', 'x', 'F', 'A':
		if len(b) < 4 {
			return nil, nil, nil, false
		}
		size := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(size) > uint64(len(b)) {
			return nil, nil, nil, false
		}
		if n = int(size); kind == 'S' {
			value = b[:n]
		}
	case 't', 'b', 'B':
		n = 1
	case 's', 'u', 'U':
		n = 2
	case 'I', 'i', 'f':
		n = 4
	case 'D':
		n = 5
	case 'l', 'L', 'd', 'T':
		n = 8
	case 'V':
	default:
		return nil, nil, nil, false
	}
	if n > len(b) {
		return nil, nil, nil, false
	}
	return name, value, b[n:], true
}
