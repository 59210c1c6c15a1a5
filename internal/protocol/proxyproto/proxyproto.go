// Package proxyproto steps over the header of HAProxy's PROXY protocol, versions 1 and 2, with which a proxy tells a
// server whom a connection is for. The connection's own protocol follows.
package proxyproto

import (
	"bytes"
	"encoding/binary"

	"netsensor/internal/protocol"
)

const (
	magic1 = "PROXY "
	magic2 = "\r\n\r\n\x00\r\nQUIT\n"

	maxLine   = 107 // bytes of a version 1 header with its CRLF (section 2.1 of the specification)
	fixed2    = 16  // bytes of a version 2 header before its addresses (section 2.2)
	maxHeader = fixed2 + 1<<16
)

// Parser returns the parser of the PROXY protocol.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name: "proxy", Over: protocol.TCP, Limit: maxHeader, Probe: probe,
		New: func() protocol.Stream { return &stream{} },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	if p.Dir != protocol.ToServer && !p.Midstream {
		return protocol.No
	}
	for _, magic := range [...]string{magic1, magic2} {
		n := min(len(magic), len(p.Data))
		if string(p.Data[:n]) != magic[:n] {
			continue
		}
		switch {
		case n == len(magic):
			return protocol.Yes
		case !p.End:
			return protocol.Maybe
		}
	}
	return protocol.No
}

type stream struct{}

// Feed consumes the header, which only the client's side has.
func (*stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if d == protocol.ToClient {
		return 0, protocol.More
	}
	if b[0] == magic2[0] {
		return version2(c, b)
	}
	end := bytes.IndexByte(b[:min(len(b), maxLine)], '\n')
	switch {
	case end > 0 && b[end-1] == '\r':
		return end + 1, protocol.Switch
	case end >= 0 || len(b) >= maxLine:
		return malformed(c)
	}
	return 0, protocol.More
}

func version2(c *protocol.Context, b []byte) (int, protocol.Status) {
	if len(b) < fixed2 {
		c.Need = fixed2
		return 0, protocol.More
	}
	if b[12]>>4 != 2 {
		return malformed(c)
	}
	if n := fixed2 + int(binary.BigEndian.Uint16(b[14:])); len(b) < n {
		c.Need = n
		return 0, protocol.More
	} else {
		return n, protocol.Switch
	}
}

func malformed(c *protocol.Context) (int, protocol.Status) {
	c.Sink.Observe(&protocol.Observation{Dir: protocol.ToServer, TxID: protocol.NoTx, Anomaly: "malformed_data"})
	return 0, protocol.Failed
}

// Gap ends it: without its header the rest is as good as the middle of a connection.
func (*stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Failed }

func (*stream) End(*protocol.Context) {}

func (*stream) Reset() {}
