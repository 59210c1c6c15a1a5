package judge

import (
	"strconv"
	"strings"

	"netsensor/internal/allowlist"
	"netsensor/internal/manifest"
)

// EndpointText says in a few words what an entry declares: "*.ingest.acme.example port 443 TLS". Long lists are cut.
func EndpointText(e *allowlist.Entry) string {
	var l shortList
	if x := e.Exception; x != nil {
		p := &x.To
		if !e.Outbound {
			p = &x.From
		}
		l.symbol(p.Role, p.Variable)
		l.names(p.Names)
		for i := range p.Endpoints {
			l.add(p.Endpoints[i].String)
		}
	} else {
		p := &e.Comm.To
		if !e.Outbound {
			p = &e.Comm.From
			if e.Comm.Direction == manifest.Both && p.Role == "" {
				p = &e.Comm.To
			}
		}
		l.symbol(p.Role, p.Variable)
		l.names(p.Names)
		for i := range p.CIDRs {
			l.add(p.CIDRs[i].Prefix.String)
		}
	}
	s := listing(l.first, l.total)
	var ports shortList
	for _, r := range e.Ports {
		ports.add(func() string {
			if r.First == r.Last {
				return strconv.Itoa(int(r.First))
			}
			return strconv.Itoa(int(r.First)) + "-" + strconv.Itoa(int(r.Last))
		})
	}
	if ports.total > 0 {
		if l.total > len(l.first) {
			s += ","
		}
		s += " port " + listing(ports.first, ports.total)
	}
	if e.Comm != nil && e.Comm.Method != "" {
		s += " " + e.Comm.Method
	} else if e.Exception != nil && e.Exception.Method != "" {
		s += " " + e.Exception.Method
	}
	return strings.TrimSpace(s)
}

// shortList keeps the first few of many, and their number.
type shortList struct {
	first []string
	total int
}

func (l *shortList) add(text func() string) {
	if l.total++; l.total <= maxListed {
		l.first = append(l.first, text())
	}
}

func (l *shortList) symbol(role, variable string) {
	if role != "" {
		l.add(func() string { return "role " + role })
	}
	if variable != "" {
		l.add(func() string { return "${" + variable + "}" })
	}
}

func (l *shortList) names(declared []manifest.Name) {
	for i := range declared {
		n := &declared[i]
		l.add(func() string {
			switch {
			case n.Suffix == "":
				return n.Exact
			case n.Depth == manifest.DepthAny:
				return "**." + n.Suffix
			}
			return "*." + n.Suffix
		})
	}
}
