package manifest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"netsensor/internal/strict"
)

// UnmarshalText parses "one" and "any".
func (d *Depth) UnmarshalText(b []byte) error {
	switch s := string(b); s {
	case "one":
		*d = DepthOne
	case "any":
		*d = DepthAny
	default:
		words := []string{"one", "any"}
		return fmt.Errorf("want %s, found %s%s", strict.OneOf(words), strict.Quote(s), strict.DidYouMean(s, words))
	}
	return nil
}

// MarshalText returns what UnmarshalText parses.
func (d Depth) MarshalText() ([]byte, error) {
	switch d {
	case DepthOne:
		return []byte("one"), nil
	case DepthAny:
		return []byte("any"), nil
	}
	return nil, errors.New("manifest: no depth")
}

// UnmarshalText parses "10.0.0.0/8", "2001:db8::/32", or a single address. IPv4-mapped IPv6 becomes IPv4.
func (c *CIDR) UnmarshalText(b []byte) error {
	s := string(b)
	p, err := parsePrefix(s)
	if err != nil {
		return err
	}
	c.Prefix = p
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	var p netip.Prefix
	var err error
	if strings.Contains(s, "/") {
		p, err = netip.ParsePrefix(s)
	} else {
		var a netip.Addr
		if a, err = netip.ParseAddr(s); err == nil {
			p = netip.PrefixFrom(a, a.BitLen())
		}
	}
	if err != nil || p.Addr().Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("want an address range like \"192.0.2.0/24\" or \"2001:db8::/32\", found %s", strict.Quote(s))
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p, nil
}

// UnmarshalText parses "443", "8200-8201" and "${variable}".
func (p *Port) UnmarshalText(b []byte) error {
	s := string(b)
	if inner, ok := strings.CutPrefix(s, "${"); ok && strings.HasSuffix(inner, "}") && isIdentifier(inner[:len(inner)-1]) {
		p.Variable = inner[:len(inner)-1]
		return nil
	}
	first, last, err := parsePorts(s)
	if err != nil {
		return err
	}
	p.First, p.Last = first, last
	return nil
}

func parsePorts(s string) (first, last uint16, err error) {
	from, to, ranged := strings.Cut(s, "-")
	first, ok := parsePort(from)
	if last = first; ok && ranged {
		last, ok = parsePort(to)
	}
	switch {
	case !ok:
		return 0, 0, fmt.Errorf("want a port like \"443\" or a range like \"8200-8201\" (1 to 65535), found %s", strict.Quote(s))
	case last < first:
		return 0, 0, fmt.Errorf("the range %s ends before it begins", strict.Quote(s))
	}
	return first, last, nil
}

func parsePort(s string) (uint16, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// String returns what UnmarshalText parses.
func (p Port) String() string {
	switch {
	case p.Variable != "":
		return "${" + p.Variable + "}"
	case p.First == p.Last:
		return strconv.Itoa(int(p.First))
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// MarshalText returns what UnmarshalText parses.
func (p Port) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText parses "1", "0..1" and "1..n".
func (c *Cardinality) UnmarshalText(b []byte) error {
	low, high, ranged := strings.Cut(string(b), "..")
	count := func(s string) (int, bool) {
		n, err := strconv.ParseUint(s, 10, 31)
		return int(n), err == nil && len(s) <= 6
	}
	n, ok := count(low)
	c.Min, c.Max, c.Given = n, n, true
	switch {
	case !ok:
	case ranged && high == "n":
		c.Max = -1
	case ranged:
		c.Max, ok = count(high)
		ok = ok && c.Max >= c.Min
	}
	if !ok {
		return fmt.Errorf("want a number of hosts like \"1\", \"0..1\" or \"1..n\", found %s", strict.Quote(string(b)))
	}
	return nil
}

// MarshalText returns what UnmarshalText parses.
func (c Cardinality) MarshalText() ([]byte, error) {
	switch {
	case c.Max < 0:
		return fmt.Appendf(nil, "%d..n", c.Min), nil
	case c.Max == c.Min:
		return strconv.AppendInt(nil, int64(c.Min), 10), nil
	}
	return fmt.Appendf(nil, "%d..%d", c.Min, c.Max), nil
}

// UnmarshalText parses "on" and "off".
func (s *Switch) UnmarshalText(b []byte) error {
	if t := string(b); t != "on" && t != "off" {
		return fmt.Errorf("want \"on\" or \"off\", found %s", strict.Quote(t))
	}
	s.On = string(b) == "on"
	return nil
}

// MarshalText returns what UnmarshalText parses.
func (s Switch) MarshalText() ([]byte, error) {
	if s.On {
		return []byte("on"), nil
	}
	return []byte("off"), nil
}

// ParseEndpoint parses "10.0.0.1", "10.0.0.0/24", "10.0.0.5-10.0.0.9", "mac:00:00:5e:00:53:01", "dhcp:printer-7"
// and "dns:ldap.corp.example". Host bits of a CIDR are dropped.
func ParseEndpoint(s string) (Endpoint, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case "mac":
		mac, err := net.ParseMAC(rest)
		if err != nil || len(mac) != 6 {
			return Endpoint{}, fmt.Errorf("want a hardware address like \"mac:00:00:5e:00:53:01\", found %s", strict.Quote(s))
		}
		return Endpoint{Kind: MAC, Text: mac.String()}, nil
	case "dhcp":
		name := strings.ToLower(rest)
		if err := checkLabels(name); err != nil {
			return Endpoint{}, fmt.Errorf("%s: %w", strict.Quote(s), err)
		}
		return Endpoint{Kind: DHCPName, Text: name}, nil
	case "dns":
		below, wild := strings.CutPrefix(rest, "*.")
		name, err := NormalName(below)
		if err != nil {
			return Endpoint{}, err
		}
		if wild {
			name = "*." + name
		}
		return Endpoint{Kind: DNSName, Text: name}, nil
	}
	if from, to, ranged := strings.Cut(s, "-"); ranged {
		first, err1 := netip.ParseAddr(from)
		last, err2 := netip.ParseAddr(to)
		first, last = first.Unmap(), last.Unmap()
		if err1 != nil || err2 != nil || first.Zone()+last.Zone() != "" || first.BitLen() != last.BitLen() {
			return Endpoint{}, fmt.Errorf("want a range like \"192.0.2.5-192.0.2.9\", found %s", strict.Quote(s))
		}
		if last.Less(first) {
			return Endpoint{}, fmt.Errorf("the range %s ends before it begins", strict.Quote(s))
		}
		return Endpoint{Kind: Network, First: first, Last: last}, nil
	}
	p, err := parsePrefix(s)
	if err != nil {
		return Endpoint{}, fmt.Errorf("want an address, a CIDR, a range, \"mac:…\", \"dhcp:…\" or \"dns:…\", found %s", strict.Quote(s))
	}
	p = p.Masked()
	return Endpoint{Kind: Network, First: p.Addr(), Last: lastAddr(p)}, nil
}

// UnmarshalText is ParseEndpoint.
func (e *Endpoint) UnmarshalText(b []byte) error {
	parsed, err := ParseEndpoint(string(b))
	*e = parsed
	return err
}

// String returns what ParseEndpoint parses.
func (e Endpoint) String() string {
	switch e.Kind {
	case MAC:
		return "mac:" + e.Text
	case DHCPName:
		return "dhcp:" + e.Text
	case DNSName:
		return "dns:" + e.Text
	}
	if p := e.Prefixes(); len(p) == 1 {
		if p[0].IsSingleIP() {
			return p[0].Addr().String()
		}
		return p[0].String()
	}
	return e.First.String() + "-" + e.Last.String()
}

// MarshalText returns what UnmarshalText parses.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }
