// Package syslog recognises syslog (RFC 3164, 5424) over UDP and TCP (RFC 6587). The messages say nothing that judging
// needs, and much that should not be kept.
package syslog

import (
	"bytes"

	"netsensor/internal/protocol"
)

const (
	portUDP  = 514
	portConn = 601 // syslog-conn; 514 over TCP is also the remote shell's
)

// maxHead is the length of what the probe looks at: a count, a priority and a time.
const maxHead = 48

// Parser returns the parser of syslog.
func Parser() protocol.Parser {
	return protocol.Parser{
		Name:  "syslog",
		Over:  protocol.UDP | protocol.TCP,
		Probe: probe,
		New:   func() protocol.Stream { return stream{} },
	}
}

func probe(p *protocol.Peek) protocol.Match {
	b := p.Data
	if len(b) == 0 {
		return protocol.No
	}
	tcp := p.Over == protocol.TCP
	if b[0] != '<' {
		switch {
		case tcp && b[0]-'1' < 9:
			return counted(p)
		case !tcp && p.ServerPort == portUDP && p.Dir == protocol.ToServer && text(b):
			return protocol.Likely // without a priority
		}
		return protocol.No
	}
	return message(p, b)
}

// counted judges the beginning of a message whose length goes before (RFC 6587, section 3.4.1).
func counted(p *protocol.Peek) protocol.Match {
	i := bytes.IndexByte(p.Data[:min(len(p.Data), 6)], ' ')
	for _, c := range p.Data[:max(i, 0)] {
		if c-'0' > 9 {
			return protocol.No
		}
	}
	switch {
	case i < 0 && len(p.Data) < 6 && !p.End:
		for _, c := range p.Data {
			if c-'0' > 9 {
				return protocol.No
			}
		}
		return protocol.Maybe
	case i < 0:
		return protocol.No
	case i+1 == len(p.Data) && !p.End:
		return protocol.Maybe
	case i+1 < len(p.Data) && p.Data[i+1] == '<':
		return message(p, p.Data[i+1:])
	}
	return protocol.No
}

// message judges the beginning of a message: the priority, then a version, or a time as RFC 3164 has it, decides.
func message(p *protocol.Peek, b []byte) protocol.Match {
	short := protocol.No
	if p.Over == protocol.TCP && !p.End && len(b) < maxHead {
		short = protocol.Maybe
	}
	n, priority := 1, 0
	for ; n < len(b) && n <= 3 && b[n]-'0' <= 9; n++ {
		priority = priority*10 + int(b[n]-'0')
	}
	switch {
	case n == len(b):
		return short
	case n == 1 || b[n] != '>' || priority > 191:
		return protocol.No
	}
	b = b[n+1:]
	known := p.Port(portUDP) || p.Over == protocol.TCP && p.Port(portConn)
	switch {
	case known && p.Over == protocol.UDP:
		return protocol.Yes
	case len(b) < 6:
		return short
	case b[0] == '1' && b[1] == ' ' && (b[2] == '-' && b[3] == ' ' || digits(b[2:6])):
		return protocol.Yes
	case month(b):
		return protocol.Yes
	case known && text(b):
		return protocol.Likely
	}
	return protocol.No
}

func digits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

// month reports whether b begins with "Mmm dd" as RFC 3164, section 4.1.2, has it.
func month(b []byte) bool {
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if b[3] != ' ' || b[4] != ' ' && b[4]-'0' > 3 || b[5]-'0' > 9 {
		return false
	}
	for i := 0; i < len(months); i += 3 {
		if string(b[:3]) == months[i:i+3] {
			return true
		}
	}
	return false
}

// text reports whether b begins with printable characters.
func text(b []byte) bool {
	b = b[:min(len(b), 32)]
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return len(b) > 8
}

// stream wants nothing.
type stream struct{}

func (stream) Reset() {}

func (stream) Feed(_ *protocol.Context, _ protocol.Dir, b []byte) (int, protocol.Status) {
	return len(b), protocol.Done
}

func (stream) Gap(*protocol.Context, protocol.Dir, int) protocol.Status { return protocol.Done }

func (stream) End(*protocol.Context) {}
