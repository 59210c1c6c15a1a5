package convert

import (
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

func isHardenRunner(s *source, root *node) bool {
	return root != nil && strings.Contains(s.text, "allowed-endpoints")
}

// hardenRunner imports the endpoints that workflows of GitHub Actions allow to step-security/harden-runner.
func (d *draft) hardenRunner(sources []*source) {
	for _, s := range sources {
		trees, err := s.trees()
		if err != nil {
			d.failWith(err)
			return
		}
		for _, t := range trees {
			if name := t.member("name").str(); d.m.Product.Name == "" {
				d.m.Product.Name = clip(name)
			}
			d.hardenWalk(t, "runner")
		}
	}
	if len(d.m.Roles) == 0 {
		d.fail(spot{src: sources[0]}, "no allowed-endpoints in it")
	}
}

// hardenWalk looks for lists of endpoints; role is the job that they belong to.
func (d *draft) hardenWalk(n *node, role string) {
	for _, m := range n.items {
		if n.kind == object && n.name == "jobs" {
			role = m.name
		}
		if m.name == "allowed-endpoints" && m.kind == text {
			d.hardenEndpoints(m, d.role(m.spot(), role, "The job "+role+" of a workflow"))
			continue
		}
		d.hardenWalk(m, role)
	}
}

// hardenEndpoints reads "host:port" words. "*." stands for any labels; the port is 443 where it is missing.
func (d *draft) hardenEndpoints(n *node, role string) {
	for w := range strings.FieldsSeq(n.text) {
		var h hosts
		if strings.Contains(w, "${{") || strings.Contains(w, "}}") {
			d.lose(n.spot(), strict.Quote(w), "an expression of the workflow; left out")
			continue
		}
		l, ok := d.pattern(n.spot(), w, manifest.DepthAny, &h)
		if !ok {
			continue
		}
		port := manifest.Port{First: 443, Last: 443}
		if l.first > 0 {
			port = manifest.Port{First: l.first, Last: l.last}
		}
		words := w
		if strings.HasPrefix(w, "*.") {
			words = w[2:]
		}
		d.add(role+"-"+words, manifest.Communication{
			Party: manifest.ThirdParty, Direction: manifest.Outbound, From: manifest.Peer{Role: role}, To: h.peer(),
			Transport: manifest.TCP, Ports: []manifest.Port{port}, Features: d.core(),
			Reason: "Allowed to the job " + role + " by harden-runner",
		}, nil)
	}
}
