package http

import (
	"encoding/binary"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// Frame types (RFC 9113, section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	framePriority     = 2
	frameReset        = 3
	frameSettings     = 4
	framePushPromise  = 5
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9
)

// Frame flags.
const (
	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	// preface is what a client begins with (RFC 9113, section 3.4).
	preface        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	frameHeaderLen = 9
	// maxFrame bounds the frames that must be seen whole; DATA is not among them.
	maxFrame = 48 << 10
	// usualFrame is the largest frame that a peer may send unasked.
	usualFrame = 16 << 10
)

// frameHeader is the fixed beginning of a frame (RFC 9113, section 4.1).
type frameHeader struct {
	length int
	kind   uint8
	flags  uint8
	id     uint32
}

// parseFrameHeader reads the first frameHeaderLen bytes of b.
func parseFrameHeader(b []byte) frameHeader {
	return frameHeader{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   b[3],
		flags:  b[4],
		id:     binary.BigEndian.Uint32(b[5:]) & 0x7fffffff,
	}
}

// valid checks what RFC 9113, section 6, says of stream identifiers and lengths.
func (f frameHeader) valid() bool {
	switch f.kind {
	case frameData, frameHeaders, frameContinuation:
		return f.id != 0
	case framePriority:
		return f.id != 0 && f.length == 5
	case frameReset:
		return f.id != 0 && f.length == 4
	case framePushPromise:
		return f.id != 0 && f.length >= 4
	case frameSettings:
		return f.id == 0 && f.length%6 == 0
	case framePing:
		return f.id == 0 && f.length == 8
	case frameGoAway:
		return f.id == 0 && f.length >= 8
	case frameWindowUpdate:
		return f.length == 4
	}
	return true
}

// hasHeaders reports whether the header compression's state depends on f.
func (f frameHeader) hasHeaders() bool {
	return f.kind == frameHeaders || f.kind == frameContinuation || f.kind == framePushPromise
}

// unpad removes the padding of a frame's payload and its length field.
func (f frameHeader) unpad(p []byte) ([]byte, bool) {
	if f.flags&flagPadded == 0 {
		return p, true
	}
	if len(p) == 0 || int(p[0]) >= len(p) {
		return nil, false
	}
	return p[1 : len(p)-int(p[0])], true
}

// probe2 knows the client's preface and the server's first SETTINGS; in midstream, an unbroken chain of frames.
func probe2(p *protocol.Peek) protocol.Match {
	b := p.Data
	if n := min(len(b), len(preface)); string(b[:n]) == preface[:n] {
		switch {
		case n >= len("PRI * HTTP/2.0\r\n"):
			p.Reversed = p.Dir == protocol.ToClient
			return protocol.Yes
		case p.End:
			return protocol.No
		}
		return protocol.Maybe
	}
	if m := probeSettings(b); m == protocol.Yes || m == protocol.Maybe && !p.End {
		p.Reversed = m == protocol.Yes && p.Dir == protocol.ToServer && !p.Midstream
		return m
	}
	if p.Midstream && chain(b) {
		return protocol.Yes
	}
	return protocol.No
}

// probeSettings knows a SETTINGS frame with at least one setting that may be one.
func probeSettings(b []byte) protocol.Match {
	want := [...]byte{0, 0, 0, frameSettings, 0, 0, 0, 0, 0, 0}
	for i := range min(len(b), len(want)) {
		if i != 2 && b[i] != want[i] {
			return protocol.No
		}
	}
	if len(b) < frameHeaderLen+6 {
		return protocol.Maybe
	}
	if n := b[2]; n == 0 || n%6 != 0 || n > 6*16 || b[10] == 0 || b[10] > 0x10 {
		return protocol.No
	}
	return protocol.Yes
}

// chain reports whether b is a row of frames, the last of which may be cut, that can hardly be anything else.
func chain(b []byte) bool {
	frames := 0
	for len(b) >= frameHeaderLen {
		f := parseFrameHeader(b)
		if f.kind > frameContinuation || f.length > usualFrame || !f.valid() || f.kind == frameHeaders && f.flags&^0x2d != 0 {
			return false
		}
		frames++
		if len(b) < frameHeaderLen+f.length {
			return frames > 2
		}
		b = b[frameHeaderLen+f.length:]
	}
	return len(b) == 0 && frames > 1
}

// setting is one entry of a SETTINGS frame.
type setting struct {
	id    uint16
	value uint32
}

// control is a frame that concerns the whole connection, for its event.
type control struct {
	settings []setting
	code     uint32 // of GOAWAY
	goAway   bool
	role     role
}

var settingNames = [...]string{
	1: "SETTINGSHEADERTABLESIZE", 2: "SETTINGSENABLEPUSH", 3: "SETTINGSMAXCONCURRENTSTREAMS",
	4: "SETTINGSINITIALWINDOWSIZE", 5: "SETTINGSMAXFRAMESIZE", 6: "SETTINGSMAXHEADERLISTSIZE",
	8: "SETTINGSENABLECONNECTPROTOCOL", 9: "SETTINGSNORFC7540PRIORITIES",
}

var errorNames = [...]string{
	"NoError", "ProtocolError", "InternalError", "FlowControlError", "SettingsTimeout", "StreamClosed", "FrameSizeError",
	"RefusedStream", "Cancel", "CompressionError", "ConnectError", "EnhanceYourCalm", "InadequateSecurity", "Http11Required",
}

func errorName(code uint32) string {
	if int64(code) < int64(len(errorNames)) {
		return errorNames[code]
	}
	return "Unknown"
}

func (r role) String() string {
	if r == responses {
		return "response"
	}
	return "request"
}

// AppendEVE appends the http object of a connection's own frame.
func (f *control) AppendEVE(dst []byte, o *eve.Options) []byte {
	h := eve.Open(append(dst, `"http":`...), o)
	h.Str("version", "2")
	in := h.Begin("http2")
	in.Int("stream_id", 0)
	side := in.Begin(f.role.String())
	if f.goAway {
		side.Str("error_code", errorName(f.code))
	} else {
		side.Key("settings")
		side.B = append(side.B, '[')
		for i, s := range f.settings {
			if i > 0 {
				side.B = append(side.B, ',')
			}
			e := eve.Open(side.B, o)
			name := ""
			if int(s.id) < len(settingNames) {
				name = settingNames[s.id]
			}
			if name == "" {
				name = "SETTINGSUNKNOWN"
			}
			e.Str("settings_id", name)
			e.Uint("settings_value", uint64(s.value))
			side.B = e.Close()
		}
		side.B = append(side.B, ']')
	}
	in.End(side)
	h.End(in)
	return h.Close()
}
