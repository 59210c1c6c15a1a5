// Package coap recognises the Constrained Application Protocol (RFC 7252) over UDP, and the host that its requests name.
package coap

import "netsensor/internal/protocol"

const port = 5683

const (
	headerLen   = 4
	maxToken    = 8
	payloadMark = 0xff
)

// Options (RFC 7252, section 12.2).
const (
	optHost = 3
	optPath = 11
)

// maxOptions bounds the options that are looked at.
const maxOptions = 64

// Parser returns the parser of CoAP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "coap",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	// Version 1; the codes that RFC 7252 and 8132 define.
	if len(b) < headerLen || b[0]>>6 != 1 || b[0]&15 > maxToken {
		return protocol.No
	}
	class, detail := b[1]>>5, b[1]&31
	request := class == 0 && detail != 0
	known := p.Port(port)
	if class == 1 || class == 3 || class > 5 || request && detail > 7 || !known && (!request || b[0]&0x20 != 0) {
		return protocol.No
	}
	if b[1] == 0 { // empty: an acknowledgement, a reset, a ping
		if known && len(b) == headerLen {
			return protocol.Likely
		}
		return protocol.No
	}
	host, path, ok := options(b)
	if !ok || !known && (!printable(host) || !printable(path) || len(host)+len(path) < 2) {
		return protocol.No
	}
	p.Reversed = request == (p.Dir == protocol.ToClient)
	if known {
		return protocol.Yes
	}
	return protocol.Likely
}

// options walks the options of a message and returns the host and the first segment of the path; ok is false where they
// are not well formed.
func options(b []byte) (host, path []byte, ok bool) {
	token := int(b[0] & 15)
	if len(b) < headerLen+token {
		return nil, nil, false
	}
	b = b[headerLen+token:]
	number := 0
	for range maxOptions {
		if len(b) == 0 {
			return host, path, true
		}
		if b[0] == payloadMark {
			return host, path, len(b) > 1
		}
		delta, length := int(b[0]>>4), int(b[0]&15)
		b = b[1:]
		if delta, b, ok = extended(delta, b); !ok {
			return nil, nil, false
		}
		if length, b, ok = extended(length, b); !ok || length > len(b) {
			return nil, nil, false
		}
		number += delta
		switch {
		case number == optHost:
			host = b[:length]
		case number == optPath && path == nil:
			path = b[:length]
		}
		b = b[length:]
	}
	return nil, nil, false
}

// extended reads the rest of a number whose first four bits are n (RFC 7252, section 3.1).
func extended(n int, b []byte) (int, []byte, bool) {
	switch {
	case n < 13:
		return n, b, true
	case n == 13 && len(b) >= 1:
		return 13 + int(b[0]), b[1:], true
	case n == 14 && len(b) >= 2:
		return 269 + int(b[0])<<8 + int(b[1]), b[2:], true
	}
	return 0, nil, false
}

func printable(v []byte) bool {
	for _, c := range v {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// stream tells the hosts that are asked for.
type stream struct {
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() {}

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	if len(b) < headerLen || b[0]>>6 != 1 || b[0]&15 > maxToken || b[1] == 0 || b[1]>>5 != 0 {
		return len(b), protocol.More
	}
	host, _, ok := options(b)
	if !ok || len(host) == 0 {
		return len(b), protocol.More
	}
	s.facts[0] = protocol.Fact{Kind: protocol.NameHost, Text: host}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	s.facts[0].Text = nil
	return len(b), protocol.More
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}
