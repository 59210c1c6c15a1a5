package learn

import (
	"slices"
	"strings"

	"netsensor/internal/manifest"
)

// Diff says in lines what a draft has beyond an older manifest (+), and what of that was not seen (-). Roles count by
// their names.
func Diff(old, draft *manifest.Manifest) []string {
	have, seen := claimsOf(old), claimsOf(draft)
	var lines []string
	for _, c := range seen {
		if !slices.ContainsFunc(have, func(h claim) bool { return h.includes(c) }) {
			lines = append(lines, "+ "+c.String())
		}
	}
	for _, h := range have {
		if !slices.ContainsFunc(seen, func(c claim) bool { return h.includes(c) }) {
			lines = append(lines, "- "+h.String())
		}
	}
	return lines
}

// claim is the smallest thing that a communication declares: one peer at one range of ports.
type claim struct {
	outbound    bool
	role        string
	peer        manifest.Peer // one name, address, role or variable
	transport   manifest.Transport
	port        manifest.Port
	method      string
	unexplained bool
}

func claimsOf(m *manifest.Manifest) []claim {
	var all []claim
	for i := range m.Communications {
		c := &m.Communications[i]
		ports := c.Ports
		if len(ports) == 0 {
			ports = []manifest.Port{{}}
		}
		_, odd := c.Extensions["x-unexplained"]
		one := claim{transport: c.Transport, method: c.Method, unexplained: odd}
		add := func(outbound bool, role string, peer *manifest.Peer) {
			one.outbound, one.role = outbound, role
			for _, p := range peers(peer) {
				one.peer = p
				for _, port := range ports {
					one.port = port
					all = append(all, one)
				}
			}
		}
		switch {
		case c.From.Role != "":
			add(true, c.From.Role, &c.To)
			if c.Direction == manifest.Both {
				add(false, c.From.Role, &c.To)
			}
		case c.To.Role != "":
			add(false, c.To.Role, &c.From)
			if c.Direction == manifest.Both {
				add(true, c.To.Role, &c.From)
			}
		}
	}
	return all
}

// peers takes a peer apart.
func peers(p *manifest.Peer) []manifest.Peer {
	if p.Role != "" || p.Variable != "" {
		return []manifest.Peer{{Role: p.Role, Variable: p.Variable}}
	}
	var all []manifest.Peer
	for _, n := range p.Names {
		all = append(all, manifest.Peer{Names: []manifest.Name{n}})
	}
	for _, c := range p.CIDRs {
		all = append(all, manifest.Peer{CIDRs: []manifest.CIDR{c}})
	}
	return all
}

// includes reports whether all that c says is said by h.
func (h claim) includes(c claim) bool {
	if h.outbound != c.outbound || h.role != c.role || h.transport != c.transport && h.transport != manifest.AnyIP &&
		(h.transport != manifest.UDPTCP || c.transport != manifest.TCP && c.transport != manifest.UDP) {
		return false
	}
	if h.method != "" && h.method != c.method && !(h.method == "HTTPS" && c.method == "TLS") && !(h.method == "TLS" && c.method == "HTTPS") {
		return false
	}
	if h.port.Variable == "" && h.port.First != 0 && (c.port.First < h.port.First || c.port.Last > h.port.Last) {
		return false
	}
	switch {
	case h.peer.Role != "" || c.peer.Role != "":
		return h.peer.Role == c.peer.Role
	case h.peer.Variable != "" || c.peer.Variable != "":
		return h.peer.Variable == c.peer.Variable
	case len(h.peer.Names) > 0 && len(c.peer.Names) > 0:
		n := c.peer.Names[0]
		if n.Suffix == "" {
			return covers(h.peer.Names, n.Exact)
		}
		o := h.peer.Names[0]
		return o.Suffix == n.Suffix && o.Depth >= n.Depth && (o.Apex || !n.Apex)
	case len(h.peer.CIDRs) > 0 && len(c.peer.CIDRs) > 0:
		o, n := h.peer.CIDRs[0].Prefix, c.peer.CIDRs[0].Prefix
		return o.Bits() <= n.Bits() && o.Contains(n.Addr())
	}
	return false
}

// String says it in words: "server to *.ingest.acme.example, tcp 443, TLS".
func (h claim) String() string {
	var b strings.Builder
	peer := ""
	switch p := &h.peer; {
	case p.Role != "":
		peer = "role " + p.Role
	case p.Variable != "":
		peer = "${" + p.Variable + "}"
	case len(p.Names) > 0:
		n := p.Names[0]
		peer = n.Exact
		if n.Suffix != "" {
			peer = "*." + n.Suffix
			if n.Depth == manifest.DepthAny {
				peer = "**." + n.Suffix
			}
		}
	case len(p.CIDRs) > 0:
		peer = p.CIDRs[0].Prefix.String()
	}
	if h.outbound {
		b.WriteString(h.role + " to " + peer)
	} else {
		b.WriteString(peer + " to " + h.role)
	}
	b.WriteString(", " + string(h.transport))
	if h.port.First != 0 || h.port.Variable != "" {
		b.WriteString(" " + h.port.String())
	}
	if h.method != "" {
		b.WriteString(", " + h.method)
	}
	if h.unexplained {
		b.WriteString(" (unexplained)")
	}
	return b.String()
}
