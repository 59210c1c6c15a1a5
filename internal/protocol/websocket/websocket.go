// Package websocket recognises the frames of WebSocket (RFC 6455) on a connection that HTTP was upgraded on. What the
// frames carry is the application's own: nothing more is read.
package websocket

import (
	"encoding/binary"

	"netsensor/internal/protocol"
)

// Parser returns the parser of WebSocket.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "websocket",
		Over:  protocol.TCP,
		Limit: 1 << 10,
		Probe: probe,
		New:   func() protocol.Stream { return stream{} },
	}
}

// Bits and lengths of a frame's header (RFC 6455, section 5.2).
const (
	reserved   = 0x30 // RSV1 is permessage-deflate's (RFC 7692, section 6)
	maskOpcode = 0x0f
	flagMask   = 0x80
	maskLength = 0x7f
	length16   = 126
	length64   = 127
)

// probe knows the first frame of either side: the client masks, the server does not.
func probe(p *protocol.Peek) protocol.Match {
	if p.After != "http" || len(p.Data) > 0 && !opens(p.Data[0]) {
		return protocol.No
	}
	b := p.Data
	if len(b) < 2 {
		return unless(p.End)
	}
	if masked := b[1]&flagMask != 0; masked != (p.Dir == protocol.ToServer) {
		return protocol.No
	}
	n := b[1] & maskLength
	// The length is written in the fewest bytes that hold it.
	switch b = b[2:]; {
	case n == length16 && len(b) < 2, n == length64 && len(b) < 8:
		return unless(p.End)
	case n == length16 && binary.BigEndian.Uint16(b) < length16, n == length64 && binary.BigEndian.Uint64(b)-1<<16 >= 1<<63-1<<16:
		return protocol.No
	}
	return protocol.Yes
}

// opens reports whether a message, or a control frame, can begin with b.
func opens(b byte) bool {
	switch b & maskOpcode {
	case 1, 2, 8, 9, 10: // text, binary, close, ping, pong
		return b&reserved == 0
	}
	return false
}

func unless(end bool) protocol.Match {
	if end {
		return protocol.No
	}
	return protocol.Maybe
}

type stream struct{}

func (stream) Feed(_ *protocol.Context, _ protocol.Dir, b []byte) (int, protocol.Status) {
	return len(b), protocol.Done
}

func (stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (stream) End(*protocol.Context) {}

func (stream) Reset() {}
