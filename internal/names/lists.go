package names

import "net/netip"

// client returns the index of a client that was seen just now, and makes it the newest.
func (m *Memory) client(addr netip.Addr, now int64) uint32 {
	addr = addr.Unmap().WithZone("")
	ci, ok := m.byClient[addr]
	if !ok {
		ci = m.addClient(addr)
	} else if ci != m.cNewest {
		m.unlinkClient(ci)
		m.linkClient(ci)
	}
	if c := m.clients.at(ci); c.FirstSeen == 0 {
		c.FirstSeen = now
	}
	return ci
}

func (m *Memory) addClient(addr netip.Addr) uint32 {
	if len(m.byClient) >= m.cfg.MaxClients {
		m.forget(m.cOldest)
		m.stats.EvictedClients++
	}
	ci := m.clients.take()
	m.clients.at(ci).addr = addr
	m.byClient[addr] = ci
	m.linkClient(ci)
	return ci
}

func (m *Memory) linkClient(ci uint32) {
	c := m.clients.at(ci)
	c.newer, c.older = 0, m.cNewest
	if m.cNewest != 0 {
		m.clients.at(m.cNewest).newer = ci
	} else {
		m.cOldest = ci
	}
	m.cNewest = ci
}

func (m *Memory) unlinkClient(ci uint32) {
	c := m.clients.at(ci)
	if c.newer != 0 {
		m.clients.at(c.newer).older = c.older
	} else {
		m.cNewest = c.older
	}
	if c.older != 0 {
		m.clients.at(c.older).newer = c.newer
	} else {
		m.cOldest = c.newer
	}
}

// forget gives up a client and all that it learnt.
func (m *Memory) forget(ci uint32) {
	c := m.clients.at(ci)
	for c.newest != 0 {
		m.drop(c.newest)
	}
	for c.uNewest != 0 {
		m.dropName(c.uNewest)
	}
	m.unlinkClient(ci)
	delete(m.byClient, c.addr)
	m.clients.give(ci)
}

// name returns the index of a client's name, 0 if it is no name.
func (m *Memory) name(ci uint32, name string, now int64) uint32 {
	m.scratch = AppendNormal(m.scratch[:0], name)
	if len(m.scratch) == 0 {
		return 0
	}
	if ti, ok := m.byText[string(m.scratch)]; ok {
		if ni, ok := m.byName[nameKey{ci, ti}]; ok {
			return ni
		}
	}
	c := m.clients.at(ci)
	if c.Unanswered >= m.cfg.MaxUnanswered {
		m.dropName(c.uOldest)
		m.stats.EvictedUnanswered++
	}
	ni := m.names.take()
	ti := m.intern(m.scratch)
	*m.names.at(ni) = asked{client: ci, text: ti, first: now, latest: now, uOlder: c.uNewest}
	m.byName[nameKey{ci, ti}] = ni
	if c.uNewest != 0 {
		m.names.at(c.uNewest).uNewer = ni
	} else {
		c.uOldest = ni
	}
	c.uNewest = ni
	c.Unanswered++
	return ni
}

func (m *Memory) unlinkUnanswered(ni uint32) {
	n := m.names.at(ni)
	c := m.clients.at(n.client)
	if n.uNewer != 0 {
		m.names.at(n.uNewer).uOlder = n.uOlder
	} else {
		c.uNewest = n.uOlder
	}
	if n.uOlder != 0 {
		m.names.at(n.uOlder).uNewer = n.uNewer
	} else {
		c.uOldest = n.uNewer
	}
	n.uNewer, n.uOlder = 0, 0
	c.Unanswered--
}

func (m *Memory) dropName(ni uint32) {
	n := m.names.at(ni)
	if !n.answered {
		m.unlinkUnanswered(ni)
	}
	delete(m.byName, nameKey{n.client, n.text})
	m.release(n.text)
	m.names.give(ni)
}

func (m *Memory) pushNewest(bi uint32) {
	b := m.bindings.at(bi)
	c := m.clients.at(b.client)
	b.newer, b.older = 0, c.newest
	if c.newest != 0 {
		m.bindings.at(c.newest).newer = bi
	} else {
		c.oldest = bi
	}
	c.newest = bi
	b.allNewer, b.allOlder = 0, m.newest
	if m.newest != 0 {
		m.bindings.at(m.newest).allNewer = bi
	} else {
		m.oldest = bi
	}
	m.newest = bi
}

func (m *Memory) unlink(bi uint32) {
	b := m.bindings.at(bi)
	c := m.clients.at(b.client)
	if b.newer != 0 {
		m.bindings.at(b.newer).older = b.older
	} else {
		c.newest = b.older
	}
	if b.older != 0 {
		m.bindings.at(b.older).newer = b.newer
	} else {
		c.oldest = b.newer
	}
	if b.allNewer != 0 {
		m.bindings.at(b.allNewer).allOlder = b.allOlder
	} else {
		m.newest = b.allOlder
	}
	if b.allOlder != 0 {
		m.bindings.at(b.allOlder).allNewer = b.allNewer
	} else {
		m.oldest = b.allNewer
	}
}

// idlest returns the oldest binding of a list that was not used since it was put in front; those that were are
// put in front again. Look-ups thus cost no reordering.
func (m *Memory) idlest(oldest *uint32) uint32 {
	for {
		bi := *oldest
		b := m.bindings.at(bi)
		if !b.used {
			return bi
		}
		b.used = false
		m.unlink(bi)
		m.pushNewest(bi)
	}
}

// evict drops a binding to keep within a bound.
func (m *Memory) evict(bi uint32, counter *uint64) {
	m.clients.at(m.bindings.at(bi).client).Evicted = true
	*counter++
	m.drop(bi)
}

// drop takes a binding out of every list, and its name with it when it was the last.
func (m *Memory) drop(bi uint32) {
	m.unlink(bi)
	b := m.bindings.at(bi)
	key := addrKey{b.client, b.addr}
	if head := m.byAddr[key]; head != bi {
		for m.bindings.at(head).addrNext != bi {
			head = m.bindings.at(head).addrNext
		}
		m.bindings.at(head).addrNext = b.addrNext
	} else if b.addrNext != 0 {
		m.byAddr[key] = b.addrNext
	} else {
		delete(m.byAddr, key)
	}
	n := m.names.at(b.name)
	if n.head == bi {
		n.head = b.nameNext
	} else {
		i := n.head
		for m.bindings.at(i).nameNext != bi {
			i = m.bindings.at(i).nameNext
		}
		m.bindings.at(i).nameNext = b.nameNext
	}
	n.count--
	if n.count == 0 {
		m.dropName(b.name)
	}
	if b.chain != 0 {
		m.release(b.chain)
	}
	m.clients.at(b.client).bindings--
	m.bindings.give(bi)
}

// intern returns the index of s, which it keeps a copy of, and counts a use of it.
func (m *Memory) intern(s []byte) uint32 {
	if len(s) == 0 {
		return 0
	}
	ti, ok := m.byText[string(s)]
	if !ok {
		ti = m.texts.take()
		t := m.texts.at(ti)
		t.s = string(s)
		m.byText[t.s] = ti
	}
	m.texts.at(ti).refs++
	return ti
}

func (m *Memory) release(ti uint32) {
	t := m.texts.at(ti)
	t.refs--
	if t.refs == 0 {
		delete(m.byText, t.s)
		m.texts.give(ti)
	}
}
