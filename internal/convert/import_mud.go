package convert

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

// isMUD recognises RFC 8520, section 2.
func isMUD(_ *source, root *node) bool { return root.member("ietf-mud:mud") != nil }

// mud imports a manufacturer usage description.
func (d *draft) mud(sources []*source) {
	trees, err := sources[0].trees()
	if err != nil {
		d.failWith(err)
		return
	}
	root := trees[0]
	about := d.object(root, "ietf-mud:mud")
	if about == nil {
		d.fail(root.spot(), `want the member "ietf-mud:mud"`)
		return
	}
	d.mudHeader(about)
	from, to := d.mudPolicy(about, "from-device-policy"), d.mudPolicy(about, "to-device-policy")
	d.role(about.spot(), "device", "The device that the MUD file describes")
	var rules []*mudRule
	for _, member := range root.items {
		switch member.name {
		case "ietf-mud:mud":
		// The second spelling is that of drafts before RFC 8519.
		case "ietf-access-control-list:acls", "ietf-access-control-list:access-lists":
			if d.isObject(member) {
				rules = append(rules, d.mudACLs(member, from, to)...)
			}
		default:
			d.lose(member.spot(), strict.Quote(member.name), "an extension that is not known; left out")
		}
	}
	for _, policy := range []map[string]*node{from, to} {
		for _, name := range sortedNames(policy) {
			d.lose(policy[name].spot(), "the access list "+strict.Quote(name), "it is not in the file; nothing is allowed by it")
		}
	}
	d.mudConversations(rules)
}

// mudHeader reads the members of RFC 8520, section 3.
func (d *draft) mudHeader(about *node) {
	for _, m := range about.items {
		switch name := localName(m.name); name {
		case "mud-version", "mud-url", "last-update", "cache-validity", "is-supported", "systeminfo", "mfg-name", "model-name",
			"firmware-rev", "software-rev", "documentation", "extensions", "from-device-policy", "to-device-policy", "is-tls-dtls-profile-supported":
		case "mud-signature":
			d.lose(m.spot(), strict.Quote(m.str()), "the signature of the MUD file does not hold for a manifest; verify it before the import")
		default:
			d.lose(m.spot(), strict.Quote(m.name), "an extension that is not known; left out")
		}
	}
	if v := about.member("mud-version"); v != nil && v.text != "1" {
		d.fail(v.spot(), "want version 1, found %s", strict.Quote(v.text))
	}
	at := func(name string) spot {
		if m := about.member(name); m != nil {
			return m.spot()
		}
		return about.spot()
	}
	m := &d.m
	address := d.str(about, "mud-url")
	m.ID = d.uri(at("mud-url"), "mud-url", address)
	if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
		if host, why := plainName(u.Hostname()); why == "" {
			m.Publisher.Domain, m.Publisher.Name = host, host
			if zone, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
				m.Publisher.Domain, m.Publisher.Name = zone, zone
			}
		}
	}
	maker, model, system := d.str(about, "mfg-name"), d.str(about, "model-name"), d.str(about, "systeminfo")
	if maker != "" {
		m.Publisher.Name = clip(maker)
	}
	if m.Product.Name = clip(system); model != "" {
		m.Product.Name = clip(strings.TrimSpace(maker + " " + model))
	}
	for _, name := range []string{"firmware-rev", "software-rev"} {
		rev := d.str(about, name)
		if versions := "vers:generic/" + url.PathEscape(rev); rev != "" && m.Product.Versions == "" && isURI(versions) {
			m.Product.Versions = versions
		} else if rev != "" {
			d.lose(at(name), name+" "+strict.Quote(rev), "a manifest has one range of versions")
		}
	}
	if docs := d.uri(at("documentation"), "documentation", d.str(about, "documentation")); docs != "" {
		m.Links = &manifest.Links{Docs: docs}
	}
	if s := d.str(about, "last-update"); s != "" {
		d.version = s
		if t, err := time.Parse(time.RFC3339, s); err != nil {
			d.lose(at("last-update"), strict.Quote(s), "not a time")
		} else if m.Validity.Issued = t.UTC().Truncate(time.Second); t.Unix() > 0 {
			m.Serial = uint64(t.Unix())
		}
	}
	if hours := about.member("cache-validity"); hours != nil {
		if n, err := strconv.ParseUint(hours.str(), 10, 32); err == nil {
			m.Validity.RefreshHours = uint32(n)
		} else {
			d.lose(hours.spot(), strict.Quote(hours.str()), "not a number of hours")
		}
	}
	if s := about.member("is-supported"); s != nil {
		supported := s.isTrue()
		m.Validity.Supported = &supported
	}
}

// localName returns a member's name without the YANG module in front of it.
func localName(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

// mudPolicy returns the names of a policy's access lists.
func (d *draft) mudPolicy(about *node, name string) map[string]*node {
	lists := make(map[string]*node)
	for _, e := range d.array(d.object(d.object(about, name), "access-lists"), "access-list") {
		if d.isObject(e) {
			if n := d.str(e, "name"); n != "" {
				lists[n] = e
			}
		}
	}
	return lists
}

// mudACLs reads access lists (RFC 8519) and takes those that it finds out of the policies.
func (d *draft) mudACLs(acls *node, from, to map[string]*node) []*mudRule {
	var rules []*mudRule
	for _, acl := range d.array(acls, "acl") {
		if !d.isObject(acl) {
			continue
		}
		if acl.member("acl-name") != nil || acl.member("access-list-entries") != nil {
			d.lose(acl.spot(), "the access list "+strict.Quote(acl.member("acl-name").str()), "written as in a draft from before RFC 8519; left out")
			continue
		}
		name, kind := d.str(acl, "name"), localName(d.str(acl, "type"))
		_, fromDevice := from[name]
		_, toDevice := to[name]
		delete(from, name)
		delete(to, name)
		if !fromDevice && !toDevice {
			d.lose(acl.spot(), "the access list "+strict.Quote(name), "no policy of the device uses it; left out")
			continue
		}
		d.others(acl, "not known; left out", "name", "type", "aces")
		for _, ace := range d.array(d.object(acl, "aces"), "ace") {
			if !d.isObject(ace) {
				continue
			}
			for _, use := range []struct{ on, from bool }{{fromDevice, true}, {toDevice, false}} {
				if !use.on {
					continue
				}
				if r := d.mudACE(ace, use.from); r != nil {
					r.acl, r.kind = clip(name), kind
					rules = append(rules, r)
				}
			}
		}
	}
	return rules
}

// mudRule is one access control entry, seen from the device.
type mudRule struct {
	node           *node
	acl, kind, ace string
	from           bool // it is about packets from the device
	// device and other say who begins the conversation; both false: nobody says.
	device, other bool
	transport     manifest.Transport
	// local and remote are the ports of the device and of the other end; zero: any.
	local, remote manifest.Port
	party         manifest.PartyKind
	peer          manifest.Peer
	peerKey       string
	systemType    string
	tls           *manifest.TLS
	method        string
	named         bool // known by more than addresses
}

// mudACE returns nil for an entry that allows nothing that a manifest can say.
func (d *draft) mudACE(ace *node, from bool) *mudRule {
	r := &mudRule{node: ace, from: from, ace: clip(d.str(ace, "name")), transport: manifest.AnyIP}
	d.others(ace, "not known; left out", "name", "matches", "actions", "statistics")
	matches := d.object(ace, "matches")
	actions := d.object(ace, "actions")
	if actions == nil {
		actions = d.object(matches, "actions") // so has the example of RFC 9761, section 7
	}
	if f := localName(d.str(actions, "forwarding")); f != "accept" {
		d.lose(ace.spot(), "the entry "+strict.Quote(r.ace), "its action is %s; a manifest knows only what is allowed", strict.Quote(f))
		return nil
	}
	c := mudMatches{draft: d, rule: r, whole: "the entry " + strict.Quote(r.ace)}
	if matches != nil {
		for _, m := range matches.items {
			if !c.container(m) {
				return nil
			}
		}
	}
	if !c.settle() {
		return nil
	}
	return r
}

// isLocal reports whether addresses are of a kind that no third party has.
func isLocal(p netip.Prefix) bool {
	a := p.Addr()
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsLoopback() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
