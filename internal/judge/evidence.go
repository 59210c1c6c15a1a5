package judge

import (
	"bytes"
	"net/netip"

	"netsensor/internal/names"
)

// claim is a name that the client claims to speak to, in normal form.
type claim struct {
	from, to int // in evidence.text
	source   NameSource
	port     uint16
}

// evidence is what names a conversation's server.
type evidence struct {
	text    []byte
	claims  []claim // SNI and Host, strongest first
	targets []claim // what a proxy was asked for
	// literal: the client gave an address where a name belongs.
	literal bool
	known   []names.Known // of the server's address, by the client's own look-ups
	public  int           // of these, the ones that count
}

const maxClaims = 16

func (ev *evidence) name(c *claim) []byte { return ev.text[c.from:c.to] }

// gather collects the names of a conversation. Look-ups count as of its start.
func (ev *evidence) gather(j *Judge, c *Conversation, client, server netip.Addr) {
	ev.lookedUp(j, c, client, server)
	for _, source := range [...]NameSource{SNI, Host, Target} {
		for i := range c.Names {
			n := &c.Names[i]
			if n.Source != source || len(ev.claims)+len(ev.targets) >= maxClaims {
				continue
			}
			begin := len(ev.text)
			ev.text = names.AppendNormal(ev.text, n.Text)
			cl := claim{begin, len(ev.text), source, n.Port}
			if cl.from == cl.to {
				continue
			}
			if isLiteral(ev.name(&cl)) {
				ev.literal = true
				if source != Target {
					continue
				}
			}
			list := &ev.claims
			if source == Target {
				list = &ev.targets
			}
			if !ev.has(*list, &cl) {
				*list = append(*list, cl)
			}
		}
	}
}

// lookedUp starts with what the client knows of the server's address, and no claims.
func (ev *evidence) lookedUp(j *Judge, c *Conversation, client, server netip.Addr) {
	ev.text, ev.claims, ev.targets, ev.literal = ev.text[:0], ev.claims[:0], ev.targets[:0], false
	ev.known = j.names.Names(ev.known[:0], client, server, c.Start)
	ev.public = 0
	for i := range ev.known {
		if !ev.known[i].Private {
			ev.known[ev.public], ev.known[i] = ev.known[i], ev.known[ev.public]
			ev.public++
		}
	}
}

// given reports whether the client was given the server's address for a name.
func (ev *evidence) given(name []byte) bool {
	for i := range ev.known[:ev.public] {
		if ev.known[i].Name == string(name) {
			return true
		}
	}
	return false
}

func (ev *evidence) has(list []claim, c *claim) bool {
	for i := range list {
		if string(ev.name(&list[i])) == string(ev.name(c)) && list[i].port == c.port {
			return true
		}
	}
	return false
}

// isLiteral reports whether a name is an address: dotted digits, or with a colon.
func isLiteral(name []byte) bool {
	if bytes.IndexByte(name, ':') >= 0 {
		return true
	}
	if name[len(name)-1]-'0' > 9 {
		return false
	}
	for _, c := range name {
		if c != '.' && c-'0' > 9 {
			return false
		}
	}
	return true
}

// literalAddr returns the address that a literal means, invalid for none.
func literalAddr(name []byte) netip.Addr {
	if n := len(name); n > 2 && name[0] == '[' && name[n-1] == ']' {
		name = name[1 : n-1]
	}
	a, err := netip.ParseAddr(string(name))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
