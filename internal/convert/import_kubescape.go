package convert

import (
	"slices"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// kubescapeGroup is the API group of Kubescape's profiles.
const kubescapeGroup = "spdx.softwarecomposition.kubescape.io"

func isKubescape(_ *source, root *node) bool {
	if strings.HasPrefix(root.member("apiVersion").str(), kubescapeGroup) {
		return true
	}
	items := root.member("items")
	return items != nil && len(items.items) > 0 && strings.HasPrefix(items.items[0].member("apiVersion").str(), kubescapeGroup)
}

// kubescape imports ContainerProfiles, ApplicationProfiles and NetworkNeighborhoods. Profiles of the same
// container, by name, are the same role.
func (d *draft) kubescape(sources []*source) {
	for _, s := range sources {
		trees, err := s.trees()
		if err != nil {
			d.failWith(err)
			return
		}
		for _, t := range trees {
			if !d.isObject(t) {
				return
			}
			profiles := []*node{t}
			if t.member("items") != nil && t.member("spec") == nil {
				profiles = d.array(t, "items")
			}
			for _, p := range profiles {
				if d.isObject(p) {
					d.kubescapeProfile(p)
				}
			}
		}
	}
	if len(d.m.Roles) == 0 && len(d.errs) == 0 {
		d.fail(spot{src: sources[0]}, "no profile in it")
	}
}

func (d *draft) kubescapeProfile(p *node) {
	if group := d.str(p, "apiVersion"); !strings.HasPrefix(group, kubescapeGroup) {
		d.fail(p.spot(), "want a profile of %s, found %s", kubescapeGroup, strict.Quote(group))
		return
	}
	kind := d.str(p, "kind")
	switch kind {
	case "ContainerProfile", "ApplicationProfile", "NetworkNeighborhood", "NetworkNeighbors":
	default:
		d.lose(p.spot(), "the object "+strict.Quote(kind), "not a profile; left out")
		return
	}
	meta, spec := d.object(p, "metadata"), d.object(p, "spec")
	labels := d.object(meta, "labels")
	name := d.str(meta, "name")
	workload := labels.member("kubescape.io/workload-name").str()
	if workload == "" {
		workload = name
	}
	if d.m.Product.Name == "" {
		d.m.Product.Name = clip(workload)
	}
	if v := d.str(meta, "resourceVersion"); v != "" && d.version == "" {
		d.version = v
	}
	containers := 0
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
		for _, c := range d.array(spec, list) {
			if d.isObject(c) {
				containers++
				words := workload
				if n := d.str(c, "name"); n != "" {
					words += "-" + n
				}
				d.kubescapeContainer(c, words, "Container "+d.str(c, "name")+" of "+workload)
			}
		}
	}
	if containers == 0 {
		words, description := workload, "Container of "+workload
		if n := labels.member("kubescape.io/workload-container-name").str(); n != "" {
			words, description = workload+"-"+n, "Container "+n+" of "+workload
		}
		d.kubescapeContainer(spec, words, description)
	}
}

// kubescapeContainer reads what one container does.
func (d *draft) kubescapeContainer(c *node, words, description string) {
	if c == nil {
		return
	}
	role := d.role(c.spot(), words, description)
	for _, part := range c.items {
		switch part.name {
		case "egress", "ingress":
			for _, e := range d.array(c, part.name) {
				if d.isObject(e) {
					d.kubescapePeer(e, role, part.name == "egress")
				}
			}
		case "execs":
			for _, e := range d.array(c, part.name) {
				if d.isObject(e) {
					d.kubescapeExec(e, role)
				}
			}
		case "containers", "initContainers", "ephemeralContainers", "name", "matchLabels", "matchExpressions", "architectures", "imageID", "imageTag":
		default:
			if n := len(part.items); n > 0 || part.kind != array && part.kind != object && part.text != "" {
				d.lose(part.spot(), strict.Quote(part.name)+" of "+role, "a manifest says what a product does on the network and which commands it runs; left out")
			}
		}
	}
}

// kubescapePeer reads one neighbour.
func (d *draft) kubescapePeer(e *node, role string, egress bool) {
	d.others(e, "not known; left out", "identifier", "type", "dns", "dnsNames", "ipAddress", "ipAddresses", "ports", "podSelector", "namespaceSelector")
	var h hosts
	asked := 0
	host := func(n *node, add func(*node)) {
		if n.text != "" {
			asked++
			add(n)
		}
	}
	name := func(n *node) { d.kubescapeName(n, &h) }
	address := func(n *node) {
		if n.text == "*" {
			d.lose(n.spot(), `"*"`, "every address there is; left out")
			return
		}
		d.prefix(n.spot(), n.text, &h)
	}
	if n := e.member("dns"); n != nil {
		d.eachString(n, func(n *node) { host(n, name) })
	}
	d.strings(e, "dnsNames", func(n *node) { host(n, name) })
	if n := e.member("ipAddress"); n != nil {
		d.eachString(n, func(n *node) { host(n, address) })
	}
	d.strings(e, "ipAddresses", func(n *node) { host(n, address) })
	id := d.str(e, "identifier")
	if id == "" {
		id = "neighbour"
	}
	internal := d.str(e, "type") == "internal"
	pods, namespaces := d.object(e, "podSelector"), d.object(e, "namespaceSelector")
	c := manifest.Communication{
		Party: manifest.ThirdParty, Direction: manifest.Outbound, Features: d.core(),
		Reason: "Egress of " + role + ", as profiled", Necessity: "",
	}
	if internal {
		c.Party = manifest.Customer
	}
	there := h.peer()
	switch {
	case asked > 0 && h.empty():
		d.lose(e.spot(), "the neighbour "+strict.Quote(id), "nothing is left of its names and addresses; left out")
		return
	case asked > 0:
		if pods != nil || namespaces != nil {
			d.lose(e.spot(), "the selectors of "+strict.Quote(id), "a manifest has either a class of systems or names and addresses; these are kept")
		}
	case pods == nil && namespaces == nil:
		d.lose(e.spot(), "the neighbour "+strict.Quote(id), "it has no name, address or selector; left out")
		return
	default:
		c.Party, c.SystemType = manifest.Customer, "pod"
		there = manifest.Peer{Variable: d.kubescapePods(e, pods, namespaces)}
	}
	here := manifest.Peer{Role: role}
	c.From, c.To = here, there
	if !egress {
		c.Direction, c.From, c.To, c.Reason = manifest.Inbound, there, here, "Ingress of "+role+", as profiled"
	}
	d.kubescapePorts(e, id, c)
}

// kubescapePods returns the variable that stands for what selectors select.
func (d *draft) kubescapePods(e, pods, namespaces *node) string {
	var words, text []string
	origin := make(map[string]string)
	for _, s := range []struct {
		name string
		n    *node
	}{{"podSelector", pods}, {"namespaceSelector", namespaces}} {
		if s.n == nil {
			continue
		}
		if origin[s.name] = string(rawNode(s.n)); len(origin[s.name]) > 8000 {
			d.fail(s.n.spot(), "a selector of %d bytes", len(origin[s.name]))
			return ""
		}
		text = append(text, s.name+" "+origin[s.name])
		if labels := s.n.member("matchLabels"); labels != nil {
			for _, l := range labels.items {
				words = append(words, l.str())
			}
		}
	}
	slices.Sort(words)
	if len(words) == 0 {
		words = []string{"pods"}
	}
	v := manifest.Variable{Kind: manifest.KindEndpoints, SystemType: "pod", Description: clip("The pods with " + strings.Join(text, " and "))}
	return d.variable(e.spot(), "pods_"+strings.Join(words, "_"), v, origin)
}

// ellipsis stands for exactly one label, segment or argument; twice for any number of arguments.
const ellipsis = "⋯"

// kubescapeName adds a name as version 0.0.2 of the specification has it: "*." and "⋯." in front are one label.
func (d *draft) kubescapeName(n *node, h *hosts) {
	s := strings.TrimSuffix(n.text, ".")
	below, one := strings.CutPrefix(s, "*.")
	if !one {
		below, one = strings.CutPrefix(s, ellipsis+".")
	}
	drop := func(why string) { d.lose(n.spot(), strict.Quote(n.text), why+"; left out") }
	switch {
	case strings.Contains(s, "**"):
		drop(`"**" is not allowed in a profile`)
	case strings.HasSuffix(s, ".*"):
		drop("a manifest has no wildcards behind a name")
	case s == "*" || s == ellipsis:
		drop("every name there is")
	case one && !strings.Contains(below, ellipsis) && !strings.Contains(below, "*"):
		d.suffix(n.spot(), n.text, below, manifest.DepthOne, h)
	case strings.Contains(s, ellipsis) || strings.Contains(s, "*"):
		drop("a manifest has one wildcard in front of a name only")
	default:
		d.name(n.spot(), s, h)
	}
}

// kubescapePorts adds a communication for each transport of a neighbour.
func (d *draft) kubescapePorts(e *node, id string, c manifest.Communication) {
	list := d.array(e, "ports")
	by := make(map[manifest.Transport][]manifest.Port)
	for _, p := range list {
		if !d.isObject(p) {
			return
		}
		transport := manifest.Transport(strings.ToLower(d.str(p, "protocol")))
		switch transport {
		case "":
			transport = manifest.TCP // as in a Kubernetes service
		case manifest.TCP, manifest.UDP, manifest.SCTP:
		default:
			d.lose(p.spot(), "the protocol "+strict.Quote(string(transport)), "not known; left out")
			continue
		}
		port, ok := parsePorts(d.scalar(p, "port"))
		if !ok {
			d.lose(p.spot(), "the port "+strict.Quote(d.scalar(p, "port")), "not a port; left out")
			continue
		}
		by[transport] = append(by[transport], port)
	}
	origin := map[string]any{"identifier": id, "type": d.str(e, "type")}
	if len(list) == 0 {
		c.Transport = manifest.AnyIP
		d.add(id, c, origin)
		return
	}
	if len(by) == 0 {
		d.lose(e.spot(), "the neighbour "+strict.Quote(id), "nothing is left of its ports; left out")
		return
	}
	if ports := portList(by[manifest.SCTP]); len(ports) > 0 {
		sctp := c
		sctp.Transport, sctp.Ports = manifest.SCTP, ports
		d.add(id+"-sctp", sctp, origin)
	}
	if len(by[manifest.TCP])+len(by[manifest.UDP]) > 0 {
		d.addPorts(id, c, origin, portList(by[manifest.TCP]), portList(by[manifest.UDP]))
	}
}
