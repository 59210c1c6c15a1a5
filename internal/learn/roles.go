package learn

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// roleClient is the role of hosts that serve nothing.
const roleClient = "client"

// clientNets returns the networks where enough clients were seen to take others there for clients too.
func clientNets(roles map[netip.Addr]string) []netip.Prefix {
	addrs := map[netip.Addr]bool{}
	for a, r := range roles {
		if r == roleClient {
			addrs[a] = true
		}
	}
	return slices.DeleteFunc(foldAddresses(addrs, true), netip.Prefix.IsSingleIP)
}

// roles says which role each host plays. Hosts whose role was not given are put together by what they serve.
func (l *Collector) roles() map[netip.Addr]string {
	roles := make(map[netip.Addr]string, len(l.hosts))
	if len(l.cfg.Hosts) > 0 {
		for a := range l.hosts {
			roles[a], _ = l.given(a)
		}
		return roles
	}
	byServices := map[string][]netip.Addr{}
	for a, h := range l.hosts {
		services := make([]string, 0, len(*h))
		for s := range *h {
			services = append(services, slug(s))
		}
		slices.Sort(services)
		k := strings.Join(services, "-")
		byServices[k] = append(byServices[k], a)
	}
	used := map[string]bool{}
	for _, k := range sortedKeys(byServices) {
		name := roleClient
		if k != "" {
			name = unique(used, cut(k, maxName-len("-server"))+"-server")
		}
		used[name] = true
		for _, a := range byServices[k] {
			roles[a] = name
		}
	}
	return roles
}

// maxName bounds what is made up as a name, so that there is room for what makes it unique.
const maxName = 56

// unique returns name, or name with a number, so that it is not among used.
func unique(used map[string]bool, name string) string {
	if name == "" {
		name = "entry"
	}
	for n, try := 2, name; ; n++ {
		if !used[try] {
			used[try] = true
			return try
		}
		try = name + "-" + strconv.Itoa(n)
	}
}

// slug turns text into what an identifier may hold.
func slug(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= maxName {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.Trim(s, "-")
}
