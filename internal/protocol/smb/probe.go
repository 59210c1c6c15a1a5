package smb

import (
	"bytes"

	"netsensor/internal/protocol"
)

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	for len(b) >= frameHeader && b[0] == keepAlive && b[1]|b[2]|b[3] == 0 {
		b = b[frameHeader:]
	}
	m := message(b)
	switch {
	case m == protocol.Yes && b[0] == sessionMessage:
		if response, known := fromServer(b[frameHeader:]); known {
			p.Reversed = response == (p.Dir == protocol.ToServer)
		}
	case m == protocol.No && p.Midstream && p.Port(445):
		if begins(p.Data) < len(p.Data) {
			return protocol.Yes
		}
		return protocol.Maybe // a message may begin in what follows
	}
	return m
}

// message tells whether b begins with a session packet.
func message(b []byte) protocol.Match {
	if len(b) == 0 {
		return protocol.Maybe
	}
	switch b[0] {
	case sessionMessage:
		if len(b) < frameHeader+4 {
			if len(b) > frameHeader && (b[4] < 0xfc || !bytes.HasPrefix(magic1[1:], b[5:])) {
				return protocol.No
			}
			return protocol.Maybe
		}
		if b[4] < 0xfc || !bytes.Equal(b[5:8], magic1[1:]) {
			return protocol.No
		}
		return protocol.Yes
	case sessionRequest:
		// RFC 1002, section 4.3.2: two encoded names of 34 bytes each, without scopes.
		if want := []byte{sessionRequest, 0, 0, 2 * calledNameField, 0x20}; len(b) < len(want) {
			if bytes.HasPrefix(want, b) {
				return protocol.Maybe
			}
		} else if bytes.HasPrefix(b, want) {
			return protocol.Yes
		}
	case positive:
		// It tells too little to be sure before the message that follows.
		if len(b) <= frameHeader {
			if bytes.HasPrefix([]byte{positive, 0, 0, 0}, b) {
				return protocol.Maybe
			}
			return protocol.No
		}
		if b[1]|b[2]|b[3] == 0 {
			return message(b[frameHeader:])
		}
	case keepAlive:
		if len(b) < frameHeader && bytes.HasPrefix([]byte{keepAlive, 0, 0, 0}, b) {
			return protocol.Maybe
		}
	}
	return protocol.No
}

// fromServer tells the sender of a message of SMB 1 or 2 that is whole enough.
func fromServer(b []byte) (response, known bool) {
	switch {
	case b[0] == magic1[0] && len(b) > 9:
		return b[9]&0x80 != 0, true
	case b[0] == magic2[0] && len(b) > 16:
		return b[16]&1 != 0, true
	}
	return false, false
}

// begins returns where a message of SMB 2 begins in b, which may be inside of one, or len(b).
func begins(b []byte) int {
	for i := 0; ; {
		j := bytes.Index(b[i:], magic2)
		if j < 0 {
			return len(b)
		}
		i += j
		if i >= frameHeader && i+6 <= len(b) && b[i-frameHeader] == sessionMessage && b[i+4] == header2 && b[i+5] == 0 {
			return i - frameHeader
		}
		i++
	}
}
