package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

func sortedNames[K ~string, T any](m map[K]T) []K { return slices.Sorted(maps.Keys(m)) }

// conversation is what several entries of a MUD file say together.
type conversation struct {
	rule     *mudRule
	outbound bool
	port     manifest.Port
	origin   []string // "acl/ace"
	families map[string]bool
}

// mudConversations makes conversations of rules about packets. A rule about answers belongs to the rule about what
// is answered; by itself it allows nothing that could begin.
func (d *draft) mudConversations(rules []*mudRule) {
	// What one direction allows, by the other end, the protocol and both ports.
	type half struct {
		from          bool
		peer          string
		transport     manifest.Transport
		local, remote manifest.Port
	}
	key := func(r *mudRule, from bool) half {
		return half{from: from, peer: r.peerKey, transport: r.transport, local: r.local, remote: r.remote}
	}
	halves := make(map[half]bool)
	for _, r := range rules {
		halves[key(r, r.from)] = true
	}
	var all []*conversation
	known := make(map[string]*conversation)
	for _, r := range rules {
		other := halves[key(r, !r.from)]
		begins := r.device == r.from && r.device != r.other // who sends these packets begins
		answers := r.device != r.from && r.device != r.other
		near, far := r.local, r.remote // ports of the sender and of the receiver
		if !r.from {
			near, far = far, near
		}
		switch {
		case answers, !begins && near != manifest.Port{} && (far == manifest.Port{} || other && !r.from):
			if !other {
				d.lose(r.node.spot(), "the entry "+strict.Quote(r.ace), "it allows answers only, and no entry what they would answer; left out")
			}
			continue
		}
		if near != (manifest.Port{}) {
			d.lose(r.node.spot(), fmt.Sprintf("the entry %s: source port %s", strict.Quote(r.ace), near), "a manifest restricts the port that is asked only; every source port is allowed")
		}
		c := &conversation{rule: r, outbound: r.from, port: far, families: make(map[string]bool)}
		id := fmt.Sprint(r.from, r.peerKey, r.transport, far, r.method, tlsKey(r.tls))
		if same := known[id]; same != nil {
			c = same
		} else {
			known[id] = c
			all = append(all, c)
		}
		c.origin = append(c.origin, r.acl+"/"+r.ace)
		c.families[r.kind] = true
	}
	d.mudAdd(all)
}

func tlsKey(t *manifest.TLS) string {
	if t == nil {
		return ""
	}
	return fmt.Sprint(t.MinVersion, t.ALPN)
}

func (d *draft) mudAdd(all []*conversation) {
	var oneFamily [2]int
	var first [2]*conversation
	for _, c := range all {
		r := c.rule
		device := manifest.Peer{Role: "device"}
		comm := manifest.Communication{
			Party: r.party, SystemType: r.systemType, Direction: manifest.Outbound, From: device, To: r.peer,
			Transport: r.transport, Method: r.method, TLS: r.tls, Features: d.core(),
			Reason: "Allowed by the entry " + strings.Join(c.origin, ", ") + " of the MUD file",
		}
		if !c.outbound {
			comm.Direction, comm.From, comm.To = manifest.Inbound, r.peer, device
		}
		if r.transport.HasPorts() {
			comm.Ports = allPorts()
			if c.port != (manifest.Port{}) {
				comm.Ports = []manifest.Port{c.port}
			}
		}
		if r.party == manifest.ThirdParty && d.operates(r.peer) {
			comm.Operator = d.m.Publisher.Name
		}
		d.add(r.ace, comm, map[string]any{"acl": r.acl, "ace": r.ace, "entries": c.origin})
		v4, v6 := c.families["ipv4-acl-type"], c.families["ipv6-acl-type"]
		if r.named && v4 != v6 {
			i := 0
			if v6 {
				i = 1
			}
			if oneFamily[i]++; first[i] == nil {
				first[i] = c
			}
		}
	}
	for i, family := range []string{"IPv4", "IPv6"} {
		if n := oneFamily[i]; n > 0 {
			d.lose(first[i].rule.node.spot(), entries(n)+" for "+family+" only", "names and systems of a manifest stand for their addresses of both families")
		}
	}
}

// operates reports whether all names of a peer are in the publisher's zone.
func (d *draft) operates(p manifest.Peer) bool {
	zone := d.m.Publisher.Domain
	for _, n := range p.Names {
		if rest, ok := strings.CutSuffix(n.Exact, zone); !ok || rest != "" && !strings.HasSuffix(rest, ".") {
			return false
		}
	}
	return zone != "" && len(p.Names) > 0
}
