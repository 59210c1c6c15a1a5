// Package ssdp parses the Simple Service Discovery Protocol (UPnP Device Architecture 2.0, section 1) for the software of
// those who advertise, search and answer.
package ssdp

import (
	"bytes"

	"netsensor/internal/protocol"
)

const port = 1900

// The three first lines that there are.
const (
	notify = "NOTIFY * HTTP/1."
	search = "M-SEARCH * HTTP/1."
	answer = "HTTP/1.1 200 OK\r\n"
)

// maxLines bounds the header fields that are looked at, maxText the software's length.
const (
	maxLines = 32
	maxText  = 256
)

// Parser returns the parser of SSDP.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "ssdp",
		Over:  protocol.UDP,
		Probe: probe,
		New:   func() protocol.Stream { return new(stream) },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	switch {
	case len(b) < len(answer):
	case b[0] == 'N' && hasPrefix(b, notify), b[0] == 'M' && hasPrefix(b, search):
		p.Reversed = p.Dir == protocol.ToClient
		return protocol.Yes
	case b[0] == 'H' && hasPrefix(b, answer):
		p.Reversed = p.Dir == protocol.ToServer
		return protocol.Yes // HTTP over UDP is nothing else
	}
	return protocol.No
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// stream tells the software of each side once.
type stream struct {
	told  [2]bool
	facts [1]protocol.Fact
	obs   protocol.Observation
}

func (s *stream) Reset() { *s = stream{} }

func (s *stream) Feed(c *protocol.Context, d protocol.Dir, b []byte) (int, protocol.Status) {
	n := len(b)
	if s.told[d] {
		return n, protocol.More
	}
	// The field of who advertises or answers, and that of who searches.
	for range maxLines {
		line, rest, ok := bytes.Cut(b, []byte("\r\n"))
		if !ok || len(line) == 0 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && (equalFold(name, "server") || equalFold(name, "user-agent")) {
			s.tell(c, d, bytes.TrimSpace(value))
			break
		}
		b = rest
	}
	if s.told[0] && s.told[1] {
		return n, protocol.Done
	}
	return n, protocol.More
}

func (s *stream) tell(c *protocol.Context, d protocol.Dir, v []byte) {
	if len(v) == 0 || len(v) > maxText {
		return
	}
	s.told[d] = true
	kind := protocol.ClientSoftware
	if d == protocol.ToClient {
		kind = protocol.ServerSoftware
	}
	s.facts[0] = protocol.Fact{Kind: kind, Text: v}
	s.obs = protocol.Observation{Dir: d, TxID: protocol.NoTx, Facts: s.facts[:]}
	c.Sink.Observe(&s.obs)
	s.facts[0].Text = nil
}

// equalFold compares with a text in lower-case ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func (s *stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.More }

func (s *stream) End(*protocol.Context) {}
