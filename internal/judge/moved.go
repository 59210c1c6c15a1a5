package judge

import (
	"net/netip"
	"slices"

	"netsensor/internal/allowlist"
	"netsensor/internal/names"
)

// Lease is what DHCP says about a client: the host name that it gave, and the address it was given.
type Lease struct {
	Addr netip.Addr // not valid in a request
	MAC  string
	Host string // empty when it was not said
}

// mover is the host behind an address, as far as it goes by its hardware address or its DHCP host name.
type mover struct {
	since     int64 // conversations that began earlier are another's
	mac, host string
	hosts     []allowlist.HostBinding // what it plays
	peers     []uint32                // the entries whose other end it may be
}

// movers remembers hosts that may change their address. The ones learnt first are given up first.
type movers struct {
	max    int
	byAddr map[netip.Addr][]mover // the earlier ones first
	queue  []netip.Addr           // a ring
	head   int
	// names are the host names that clients gave when they asked, by hardware address.
	names     map[string]string
	nameQueue []string
	nameHead  int
}

const (
	maxMovers = 65536 // addresses, and names
	maxBefore = 4     // hosts that had the same address one after the other
)

func newMovers(limit int) movers {
	return movers{max: limit, byAddr: map[netip.Addr][]mover{}, names: map[string]string{}}
}

func (m *movers) set(a netip.Addr, x mover) {
	list, known := m.byAddr[a]
	if !known {
		if len(m.queue) < m.max {
			m.queue = append(m.queue, a)
		} else {
			delete(m.byAddr, m.queue[m.head])
			m.queue[m.head] = a
			m.head = (m.head + 1) % m.max
		}
	}
	if len(list) == maxBefore {
		list = append(list[:0], list[1:]...)
	}
	i := len(list)
	for i > 0 && list[i-1].since > x.since {
		i-- // conversations are judged when they end, too
	}
	m.byAddr[a] = slices.Insert(list, i, x)
}

// at returns who had an address at a time, nil for nobody known.
func (m *movers) at(a netip.Addr, when int64) *mover {
	list := m.byAddr[a]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].since <= when {
			return &list[i]
		}
	}
	return nil
}

func (m *movers) name(mac, host string) {
	if _, known := m.names[mac]; !known {
		if len(m.nameQueue) < m.max {
			m.nameQueue = append(m.nameQueue, mac)
		} else {
			delete(m.names, m.nameQueue[m.nameHead])
			m.nameQueue[m.nameHead] = mac
			m.nameHead = (m.nameHead + 1) % m.max
		}
	}
	m.names[mac] = host
}

// resolve finds what a host plays by a table.
func (x *mover) resolve(t *allowlist.Table) bool {
	x.hosts, x.peers = nil, nil
	for _, list := range [][]allowlist.HostBinding{t.BoundMAC(x.mac), t.BoundDHCP(x.host)} {
		x.hosts = append(x.hosts, list...)
	}
	x.peers = t.ByDHCP(t.ByMAC(nil, x.mac), x.host)
	return len(x.hosts)+len(x.peers) > 0
}

// swap looks up all hosts in another table.
func (m *movers) swap(t *allowlist.Table) {
	for _, list := range m.byAddr {
		for i := range list {
			list[i].resolve(t)
		}
	}
}

// lease notes that DHCP gave an address to a client, which then plays what its hardware address or its host name is
// bound to, and nothing that the client before it was.
func (j *Judge) lease(l *Lease, now int64) {
	if !j.table.Moves() {
		return
	}
	j.scratch = names.AppendNormal(j.scratch[:0], l.Host)
	host := string(j.scratch)
	if !l.Addr.IsValid() {
		if l.MAC != "" && host != "" {
			j.movers.name(l.MAC, host)
		}
		return
	}
	if host == "" {
		host = j.movers.names[l.MAC]
	}
	a := l.Addr.Unmap().WithZone("")
	x := mover{since: now, mac: l.MAC, host: host}
	have := j.movers.at(a, now)
	switch {
	case have == nil && !x.resolve(j.table), have != nil && have.mac == x.mac && have.host == x.host:
		return
	}
	x.resolve(j.table)
	j.movers.set(a, x)
}

// moved returns who has an address of the site, as of the beginning of a conversation: a bound hardware address on
// its own frames tells more than a lease.
func (j *Judge) moved(a netip.Addr, mac string, start int64) *mover {
	have := j.movers.at(a, start)
	if mac == "" || have != nil && have.mac == mac || !j.table.MovesMAC(mac) || !j.table.Internal(a) {
		return have
	}
	x := mover{since: start, mac: mac, host: j.movers.names[mac]}
	x.resolve(j.table)
	j.movers.set(a, x)
	return j.movers.at(a, start)
}
