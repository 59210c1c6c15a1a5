package convert

import (
	"encoding/base64"
	"slices"
	"strings"

	"netsensor/internal/manifest"
	"netsensor/internal/strict"
)

func isGitHub(_ *source, root *node) bool {
	return root.member("hooks") != nil && root.member("web") != nil && root.member("git") != nil
}

// githubInbound are the lists of addresses from which GitHub's machines connect to others.
var githubInbound = []string{"hooks", "importer", "github_enterprise_importer", "actions", "actions_macos", "codespaces", "dependabot"}

// githubCloud are those whose addresses are a cloud's, or serve anybody.
var githubCloud = map[string]manifest.Hosting{
	"actions": manifest.Cloud, "actions_macos": manifest.Cloud, "codespaces": manifest.Cloud, "pages": manifest.SharedCDN,
}

// github imports what api.github.com/meta returns.
func (d *draft) github(sources []*source) {
	root := d.root(sources[0])
	if root == nil {
		return
	}
	d.m.Publisher = manifest.Publisher{Name: "GitHub", Domain: "github.com", Zones: []string{"githubusercontent.com", "githubassets.com", "github.io", "ghcr.io"}}
	d.m.Product.Name = "GitHub"
	g := d.grouping("GitHub", "")
	for _, list := range root.items {
		switch {
		case list.kind == null:
		case list.name == "domains":
			if d.isObject(list) {
				g.githubDomains(list)
			}
		case list.name == "ssh_key_fingerprints":
			g.githubKeys(list, root.member("git"))
		case list.name == "ssh_keys":
			// The fingerprints say the same.
		case list.kind != array:
			d.lose(list.spot(), strict.Quote(list.name), "not a list of addresses; left out")
		default:
			x := g.group(list.spot(), list.name, list.name, "GitHub's addresses for "+list.name, slices.Contains(githubInbound, list.name))
			x.hosting = githubCloud[list.name]
			if list.name == "git" {
				// Over SSH it is an entry of its own, with the host keys.
				x.transport, x.ports = manifest.TCP, []manifest.Port{{First: 80, Last: 80}, {First: 443, Last: 443}}
			}
			for _, e := range list.items {
				d.eachString(e, func(e *node) { d.prefix(e.spot(), e.text, &x.hosts) })
			}
		}
	}
	g.finish()
}

// githubDomains reads lists of names, which differ in their shape. "*." stands for one label or more, not for none.
func (g *grouping) githubDomains(domains *node) {
	for _, list := range domains.items {
		x := g.group(list.spot(), "domains-"+list.name, list.name, "GitHub's names for "+list.name, false)
		var walk func(*node)
		walk = func(n *node) {
			switch n.kind {
			case text:
				if n.text != "" {
					g.pattern(n.spot(), n.text, manifest.DepthAny, &x.hosts)
				}
			case array, object:
				for _, e := range n.items {
					if e.name == "trust_domain" && e.kind == text {
						if e.text != "" {
							g.lose(e.spot(), "the trust domain "+strict.Quote(e.text), "a name of certificates and not of hosts; left out")
						}
						continue
					}
					walk(e)
				}
			}
		}
		walk(list)
	}
}

// githubKeys makes an entry for git over SSH that holds the fingerprints of the host keys.
func (g *grouping) githubKeys(keys, git *node) {
	if !g.isObject(keys) || git == nil || git.kind != array {
		return
	}
	ssh := &manifest.SSH{}
	for _, k := range keys.items {
		sum, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(k.str(), "="))
		if err != nil || len(sum) != 32 {
			g.lose(k.spot(), "the host key "+strict.Quote(k.name), "not the SHA-256 fingerprint of a key; left out")
			continue
		}
		ssh.HostKeySHA256 = append(ssh.HostKeySHA256, "SHA256:"+base64.RawStdEncoding.EncodeToString(sum))
	}
	x := g.group(keys.spot(), "git-ssh", "git", "git over SSH", false)
	x.transport, x.ports, x.method = manifest.TCP, []manifest.Port{{First: 22, Last: 22}}, "SSH"
	if len(ssh.HostKeySHA256) > 0 {
		x.ssh = ssh
	}
	x.hosts.add("github.com", manifest.DepthNone)
	for _, e := range git.items {
		g.eachString(e, func(e *node) { g.prefix(e.spot(), e.text, &x.hosts) })
	}
}
