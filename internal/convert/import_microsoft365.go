package convert

import (
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// isMicrosoft365 recognises what the endpoints web service of Microsoft 365 returns.
func isMicrosoft365(_ *source, root *node) bool {
	if root == nil || root.kind != array || len(root.items) == 0 {
		return false
	}
	return root.items[0].member("serviceArea") != nil && root.items[0].member("id") != nil
}

// microsoft365 imports the endpoint sets of Microsoft 365.
func (d *draft) microsoft365(sources []*source) {
	root := d.list(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "Microsoft", Domain: "microsoft.com"}
	d.m.Product.Name = "Microsoft 365"
	d.role(root.spot(), "client", "Hosts whose users work with Microsoft 365")
	for _, set := range root.items {
		if d.isObject(set) {
			d.microsoftSet(set)
		}
	}
}

// list returns a file's only document, which must be an array.
func (d *draft) list(s *source) *node {
	trees, err := s.trees()
	if err != nil {
		d.failWith(err)
		return nil
	}
	if trees[0].kind != array {
		d.fail(trees[0].spot(), "want %s, found %s", array, trees[0].kind)
		return nil
	}
	return trees[0]
}

func (d *draft) microsoftSet(set *node) {
	d.others(set, "not known; left out", "id", "serviceArea", "serviceAreaDisplayName", "urls", "ips", "tcpPorts", "udpPorts", "expressRoute", "category", "required", "notes")
	id := "set-" + set.member("id").str()
	area, title := d.str(set, "serviceArea"), d.str(set, "serviceAreaDisplayName")
	if area == "" {
		area = "Common"
	}
	var h hosts
	// Microsoft: "*." stands for one label or more, and not for none.
	d.strings(set, "urls", func(u *node) { d.pattern(u.spot(), u.text, manifest.DepthAny, &h) })
	d.strings(set, "ips", func(ip *node) { d.prefix(ip.spot(), ip.text, &h) })
	if h.empty() {
		d.lose(set.spot(), "the endpoint set "+strict.Quote(id), "nothing is left of its names and addresses; left out")
		return
	}
	c := manifest.Communication{
		Party: manifest.ThirdParty, Operator: "Microsoft", Direction: manifest.Outbound,
		From: manifest.Peer{Role: "client"}, To: h.peer(), Necessity: manifest.Optional,
		Features: []string{d.feature(set.spot(), area, title, manifest.On)},
		Reason:   d.str(set, "notes"),
	}
	if set.member("required").isTrue() {
		c.Necessity = manifest.Required
	}
	if c.Reason == "" {
		c.Reason = "Endpoint set " + strings.TrimPrefix(id, "set-") + " of " + area
	}
	origin := map[string]any{"set": strings.TrimPrefix(id, "set-"), "category": d.str(set, "category"), "expressRoute": set.member("expressRoute").isTrue()}
	tcp, ok1 := d.portsIn(set, "tcpPorts")
	udp, ok2 := d.portsIn(set, "udpPorts")
	if !ok1 && len(tcp) == 0 && !ok2 && len(udp) == 0 {
		return
	}
	d.addPorts(id, c, origin, tcp, udp)
}

// portsIn reads "80,443". False: there was something, and it was lost.
func (d *draft) portsIn(n *node, name string) ([]manifest.Port, bool) {
	s := d.str(n, name)
	var ports []manifest.Port
	ok := true
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		port, valid := parsePorts(p)
		if !valid {
			d.lose(n.member(name).spot(), strict.Quote(p), "not a port; left out")
			ok = false
			continue
		}
		ports = append(ports, port)
	}
	return portList(ports), ok
}

// addPorts adds a communication for each transport that has ports, one for both where they are the same, and one
// for whatever transport where none are known.
func (d *draft) addPorts(id string, c manifest.Communication, origin map[string]any, tcp, udp []manifest.Port) {
	type half struct {
		transport manifest.Transport
		ports     []manifest.Port
	}
	halves := []half{{manifest.TCP, tcp}, {manifest.UDP, udp}}
	switch {
	case len(tcp)+len(udp) == 0:
		c.Transport = manifest.AnyIP
		d.add(id, c, origin)
		return
	case samePorts(tcp, udp):
		halves = []half{{manifest.UDPTCP, tcp}}
	}
	for _, h := range halves {
		if len(h.ports) == 0 {
			continue
		}
		words := id
		if len(tcp) > 0 && len(udp) > 0 && h.transport != manifest.UDPTCP {
			words += "-" + string(h.transport)
		}
		c.Transport, c.Ports = h.transport, h.ports
		d.add(words, c, origin)
	}
}

func samePorts(a, b []manifest.Port) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
