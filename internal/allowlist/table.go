// Package allowlist compiles manifests and a site's bindings into an immutable table that answers, for an address
// or a name, which declared communications could explain it. It does not decide: package judge does.
package allowlist

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"netsensor/internal/manifest"
)

// RoleID numbers the roles of all products of a table. Each product also has one that stands for any of its roles.
type RoleID uint32

// Product is one manifest as it applies to the site.
type Product struct {
	Index    int
	Manifest *manifest.Manifest
	Bound    *manifest.Bound
	// Name is the product's name, PURL its package URL with the installed version.
	Name, PURL string
	// Enabled says which features are on.
	Enabled map[string]bool
	// NotBefore and NotAfter bound the manifest's validity, WarmUp and Fold are durations; ns, 0 for no bound.
	NotBefore, NotAfter int64
	WarmUp, Fold        int64
	Mode                manifest.Mode
	Undecidable         manifest.Undecidable
	Suspend             bool // after NotAfter its hosts are not judged for it
	// AnyRole stands for all roles of the product.
	AnyRole RoleID
	// Artifacts are the declared files by the lower-case hex SHA-256.
	Artifacts map[string]*manifest.Artifact
	roles     map[string]RoleID
}

// HostBinding says that a host plays a role of a product.
type HostBinding struct {
	Product *Product
	Role    string
	ID      RoleID
	// VLANs restrict the binding to these; nil means any.
	VLANs []uint16
}

// In reports whether the binding holds where the host is seen in VLAN vlan, 0 for none.
func (h *HostBinding) In(vlan uint16) bool {
	return len(h.VLANs) == 0 || slices.Contains(h.VLANs, vlan)
}

// Transports is a set of IP protocols.
type Transports uint8

// The members of Transports.
const (
	TCP Transports = 1 << iota
	UDP
	SCTP
	ICMP
	IGMP
	GRE
	ESP
	AH
)

// AnyTransport holds every IP protocol, also those that have no bit.
const AnyTransport Transports = 0xff

// TransportOf returns the set that holds just the IP protocol proto, empty for one that only AnyTransport holds.
func TransportOf(proto uint8) Transports {
	switch proto {
	case 6:
		return TCP
	case 17:
		return UDP
	case 132:
		return SCTP
	case 1, 58:
		return ICMP
	case 2:
		return IGMP
	case 47:
		return GRE
	case 50:
		return ESP
	case 51:
		return AH
	}
	return 0
}

// PortRange is First to Last, inclusive.
type PortRange struct{ First, Last uint16 }

// Entry is a declared communication, or an exception, as it applies to the hosts of one role of this site that
// take one end of it. A communication between two roles gives an entry for each end.
type Entry struct {
	Product *Product
	// ID is the communication's or the exception's.
	ID string
	// Comm is nil for an exception, Exception for a communication.
	Comm      *manifest.Communication
	Exception *manifest.Exception
	// Role is the role of the host that is judged. Outbound: that host initiates.
	Role     RoleID
	Outbound bool
	// Local restricts the host further; nil means any host of the role.
	Local      []netip.Prefix
	Transports Transports
	Ports      []PortRange // nil means any
	Method     string      // lower case; empty means any
	// Off is set when all features that cause the communication are off.
	Off bool
	// Unbound is a variable that the site does not bind: the entry then matches nothing.
	Unbound string
	// Named: the other end is declared by name. AddressCounts: its addresses are declared and prove it; they do
	// not where anybody may be hosted at them.
	Named, AddressCounts bool
	// Internal: the other end is the customer's, so that its names may well have private addresses.
	Internal bool
	// Expires is when an exception ends, ns since the Unix epoch, 0 for never.
	Expires int64
}

// Port reports whether the entry holds for port p.
func (e *Entry) Port(p uint16) bool {
	if e.Ports == nil {
		return true
	}
	for _, r := range e.Ports {
		if r.First <= p && p <= r.Last {
			return true
		}
	}
	return false
}

// Table is the compiled form of manifests and bindings. It is immutable and may be shared.
type Table struct {
	Site     string
	Products []*Product
	Entries  []Entry

	hosts     *AddressIndex
	hostLists [][]HostBinding // for each node of hosts, all that cover it
	bindings  []HostBinding
	macs      map[string][]HostBinding
	dhcp      map[string][]HostBinding

	peers     *AddressIndex
	names     *DomainIndex
	peerMACs  map[string][]uint32
	peerDHCP  map[string][]uint32
	byRole    [][]uint32
	home      *AddressIndex
	proxies   *AddressIndex
	proxyList [][]PortRange
	proxyName *DomainIndex
	doh       *AddressIndex
	dohName   *DomainIndex
}

// IsBound reports whether a plays a role of any product, by its address.
func (t *Table) IsBound(a netip.Addr) bool { return t.hosts.Contains(a) }

// Bound returns the roles that a plays. The slice is the table's.
func (t *Table) Bound(a netip.Addr) []HostBinding {
	n, _ := t.hosts.trie.Lookup(a)
	return t.hostLists[n]
}

// BoundMAC returns the roles that are bound to a hardware address ("00:00:5e:00:53:01").
func (t *Table) BoundMAC(mac string) []HostBinding { return t.macs[mac] }

// BoundDHCP returns the roles that are bound to the host name that a DHCP client gives, lower case.
func (t *Table) BoundDHCP(name string) []HostBinding { return t.dhcp[name] }

// ByAddress appends the ids of the entries whose other end may have address a.
func (t *Table) ByAddress(dst []uint32, a netip.Addr) []uint32 { return t.peers.Append(dst, a) }

// ByMAC appends the ids of the entries whose other end may have a hardware address.
func (t *Table) ByMAC(dst []uint32, mac string) []uint32 { return append(dst, t.peerMACs[mac]...) }

// ByDHCP appends the ids of the entries whose other end may be the DHCP client with a host name, lower case.
func (t *Table) ByDHCP(dst []uint32, name string) []uint32 { return append(dst, t.peerDHCP[name]...) }

// Moves reports whether any host goes by its hardware address or DHCP name, and so may have any internal address.
func (t *Table) Moves() bool {
	return len(t.macs)+len(t.dhcp)+len(t.peerMACs)+len(t.peerDHCP) > 0
}

// MovesMAC reports whether a host goes by a hardware address.
func (t *Table) MovesMAC(mac string) bool { return len(t.macs[mac])+len(t.peerMACs[mac]) > 0 }

// Watched reports whether conversations between two addresses are worth a look: either plays a role, or may do so
// because hosts are bound by what is not their address.
func (t *Table) Watched(a, b netip.Addr) bool {
	return t.IsBound(a) || t.IsBound(b) || t.Moves() && (t.mayMove(a) || t.mayMove(b))
}

// mayMove also holds for the addresses that DHCP itself is spoken with.
func (t *Table) mayMove(a netip.Addr) bool {
	return t.home.Contains(a) || a.IsUnspecified() || a.IsLinkLocalUnicast()
}

// ByName appends the ids of the entries whose other end may have name, which is in normal form.
func (t *Table) ByName(dst []uint32, name []byte) []uint32 { return t.names.Append(dst, name) }

// ByRole returns the ids of all entries of a role, in the manifest's order. The slice is the table's.
func (t *Table) ByRole(r RoleID) []uint32 {
	if int(r) >= len(t.byRole) {
		return nil
	}
	return t.byRole[r]
}

// Internal reports whether a belongs to the site.
func (t *Table) Internal(a netip.Addr) bool { return t.home.Contains(a) }

// IsProxy reports whether address and port are those of an egress proxy.
func (t *Table) IsProxy(a netip.Addr, port uint16) bool {
	n, _ := t.proxies.trie.Lookup(a)
	for n != 0 {
		node := &t.proxies.nodes[n]
		for _, id := range t.proxies.ids[node.begin:node.end] {
			if portIn(t.proxyList[id], port) {
				return true
			}
		}
		n = node.parent
	}
	return false
}

// IsProxyName is IsProxy by the proxy's name.
func (t *Table) IsProxyName(dst []uint32, name []byte, port uint16) bool {
	for _, id := range t.proxyName.Append(dst[:0], name) {
		if portIn(t.proxyList[id], port) {
			return true
		}
	}
	return false
}

func portIn(ports []PortRange, p uint16) bool {
	if ports == nil {
		return true
	}
	return slices.ContainsFunc(ports, func(r PortRange) bool { return r.First <= p && p <= r.Last })
}

// HasProxyNames reports whether any egress proxy is bound by name.
func (t *Table) HasProxyNames() bool { return t.proxyName.Len() > 0 }

// IsDoH reports whether a is an encrypted resolver of the site.
func (t *Table) IsDoH(a netip.Addr) bool { return t.doh.Contains(a) }

// IsDoHName reports whether name, in normal form, is an encrypted resolver of the site.
func (t *Table) IsDoHName(dst []uint32, name []byte) bool {
	return len(t.dohName.Append(dst[:0], name)) > 0
}

// Replaces reports whether the table may take the place of an earlier one: no manifest's serial goes backwards.
func (t *Table) Replaces(earlier *Table) error {
	var errs []error
	for _, p := range t.Products {
		for _, before := range earlier.Products {
			if m, have := p.Manifest, before.Manifest; m.ID == have.ID && m.Serial < have.Serial {
				errs = append(errs, fmt.Errorf("manifest %s goes back from serial %d to %d", m.ID, have.Serial, m.Serial))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Counts returns how many entries, names and prefixes the table holds.
func (t *Table) Counts() (entries, names, prefixes int) {
	return len(t.Entries), t.names.Len(), t.peers.Len()
}
