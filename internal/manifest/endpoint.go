package manifest

import (
	"net/netip"
)

// DefaultHomeNetworks are internal where the bindings do not say otherwise: RFC 1918, RFC 6598 (shared address
// space), link-local (RFC 3927, RFC 4291) and RFC 4193 (unique local).
func DefaultHomeNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),
		netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("172.16.0.0/12"),
		netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("fc00::/7"),
		netip.MustParsePrefix("fe80::/10"),
	}
}

// Home returns what is internal at the site.
func (b *Bindings) Home() []netip.Prefix {
	if len(b.HomeNetworks) == 0 {
		return DefaultHomeNetworks()
	}
	home := make([]netip.Prefix, len(b.HomeNetworks))
	for i, c := range b.HomeNetworks {
		home[i] = c.Prefix
	}
	return home
}

// Prefixes returns the smallest set of prefixes that covers a Network, in ascending order; nil for other kinds.
func (e Endpoint) Prefixes() []netip.Prefix {
	if e.Kind != Network {
		return nil
	}
	if p, ok := onePrefix(e.First, e.Last); ok {
		return []netip.Prefix{p}
	}
	var covers []netip.Prefix
	for first := e.First; ; {
		// The widest prefix that begins here and does not reach beyond Last.
		bits := first.BitLen()
		for bits > 0 {
			wider := netip.PrefixFrom(first, bits-1).Masked()
			if wider.Addr() != first || lastAddr(wider).Compare(e.Last) > 0 {
				break
			}
			bits--
		}
		p := netip.PrefixFrom(first, bits)
		covers = append(covers, p)
		end := lastAddr(p)
		if end.Compare(e.Last) >= 0 {
			return covers
		}
		first = end.Next()
	}
}

// onePrefix returns the prefix that covers exactly first to last, if one does: the usual case.
func onePrefix(first, last netip.Addr) (netip.Prefix, bool) {
	a, b := first.As16(), last.As16()
	bits := 0
	for bits < 128 && a[bits/8]>>(7-bits%8)&1 == b[bits/8]>>(7-bits%8)&1 {
		if bits%8 == 0 && a[bits/8] == b[bits/8] {
			bits += 8
		} else {
			bits++
		}
	}
	p := netip.PrefixFrom(first, bits-128+first.BitLen())
	return p, p.IsValid() && p.Masked().Addr() == first && lastAddr(p) == last
}

// lastAddr returns the highest address in p, which is masked.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().As16()
	bits := p.Bits() + 128 - p.Addr().BitLen()
	if bits%8 != 0 {
		b[bits/8] |= 0xff >> (bits % 8)
		bits += 8 - bits%8
	}
	for i := bits / 8; i < 16; i++ {
		b[i] = 0xff
	}
	a := netip.AddrFrom16(b)
	if p.Addr().Is4() {
		a = a.Unmap()
	}
	return a
}
