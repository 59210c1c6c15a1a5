package names

import (
	"net/netip"
	"time"
)

// Answer is a record of a DNS answer: an address, or an alias when Addr is not valid.
type Answer struct {
	Name string // the owner
	To   string // the alias's target
	Addr netip.Addr
	TTL  uint32 // seconds
}

// Learnt says what came of an answer.
type Learnt struct {
	Addresses int // pairs of name and address that are now known
	Private   int // of these, private addresses of a public name: kept as evidence, flagged
	Stray     int // records that do not belong to the question, ignored
}

const (
	maxChain   = 16  // aliases from the question to the address
	maxAnswers = 256 // records of one message that are looked at
	maxChainB  = 512 // bytes of aliases that are kept
)

// Seen notes that client uses DNS.
func (m *Memory) Seen(addr netip.Addr, now int64) { m.client(addr, now) }

// Encrypted notes that client uses DNS over TLS, HTTPS or QUIC: names that it resolves there stay hidden.
func (m *Memory) Encrypted(addr netip.Addr, now int64) {
	ci, ok := m.byClient[addr.Unmap()]
	if !ok {
		ci = m.addClient(addr.Unmap())
	}
	if c := m.clients.at(ci); c.Client.Encrypted == 0 {
		c.Client.Encrypted = now
	}
}

// Ask notes that client asked for name.
func (m *Memory) Ask(addr netip.Addr, now int64, name string) {
	ci := m.client(addr, now)
	if ni := m.name(ci, name, now); ni != 0 {
		m.names.at(ni).latest = now
	}
}

// Learn notes an answer that client received to its question: every address that the records lead to from the
// question, over aliases. Names of the site may answer private addresses: internal says that the question is one;
// for others they are kept, but flagged.
func (m *Memory) Learn(addr netip.Addr, now int64, question string, answers []Answer, internal bool) Learnt {
	var l Learnt
	ci := m.client(addr, now)
	if c := m.clients.at(ci); c.FirstAnswer == 0 {
		c.FirstAnswer = now
	}
	if len(answers) > maxAnswers {
		l.Stray += len(answers) - maxAnswers
		answers = answers[:maxAnswers]
	}
	ni := m.name(ci, question, now)
	if ni == 0 {
		return l
	}
	m.names.at(ni).latest = now
	owner, ttl := question, ^uint32(0)
	m.chain = m.chain[:0]
	left := len(answers)
	for range maxChain {
		target := ""
		for i := range answers {
			a := &answers[i]
			if !equalNames(a.Name, owner) {
				continue
			}
			left--
			if !a.Addr.IsValid() {
				target, ttl = a.To, min(ttl, a.TTL)
				continue
			}
			l.Addresses++
			private := !internal && Private(a.Addr)
			if private {
				l.Private++
			}
			m.bind(ci, ni, a.Addr, min(ttl, a.TTL), now, private)
		}
		if target == "" || equalNames(target, owner) {
			break
		}
		owner = target
		if len(m.chain) > 0 {
			m.chain = append(m.chain, ' ')
		}
		m.chain = AppendNormal(m.chain, target)
		if len(m.chain) > maxChainB {
			break
		}
	}
	l.Stray += max(left, 0)
	m.stats.Private += uint64(l.Private)
	m.stats.Stray += uint64(l.Stray)
	return l
}

func (m *Memory) bind(ci, ni uint32, addr netip.Addr, ttl uint32, now int64, private bool) {
	life := time.Duration(ttl) * time.Second
	expiry := now + int64(min(max(life, m.cfg.Floor), m.cfg.Ceiling))
	key := addrKey{ci, addr.As16()}
	head := m.byAddr[key]
	n := 0
	for bi := head; bi != 0; n++ {
		b := m.bindings.at(bi)
		if b.name == ni {
			// Known: the time in between counts as in use, for the client may well have kept it.
			b.latest, b.expiry, b.ttl = now, max(b.expiry, expiry), ttl
			b.private = b.private && private
			b.used = true
			m.stats.Refreshed++
			return
		}
		bi = b.addrNext
	}
	name := m.names.at(ni)
	name.count++ // from here on: the evictions below must not take the name itself
	if n >= m.cfg.MaxPerAddress {
		m.evict(m.stalest(head, func(b *binding) uint32 { return b.addrNext }), &m.stats.EvictedPerAddress)
	}
	if int(name.count) > m.cfg.MaxPerName {
		m.evict(m.stalest(name.head, func(b *binding) uint32 { return b.nameNext }), &m.stats.EvictedPerName)
	}
	if m.clients.at(ci).bindings >= m.cfg.MaxPerClient {
		m.evict(m.idlest(&m.clients.at(ci).oldest), &m.stats.EvictedPerClient)
	}
	if m.bindings.used >= m.cfg.Max {
		m.evict(m.idlest(&m.oldest), &m.stats.EvictedOverall)
	}
	if !name.answered {
		m.unlinkUnanswered(ni)
		name.answered = true
	}
	bi := m.bindings.take()
	*m.bindings.at(bi) = binding{
		addr: key.addr, client: ci, name: ni, text: m.texts.at(name.text).s, chain: m.intern(m.chain), addrNext: m.byAddr[key], nameNext: name.head,
		ttl: ttl, first: now, latest: now, expiry: expiry, private: private,
	}
	m.byAddr[key] = bi
	name.head = bi
	m.clients.at(ci).bindings++
	m.pushNewest(bi)
	m.stats.Learnt++
}

// stalest returns the binding of a list that was learnt longest ago.
func (m *Memory) stalest(head uint32, next func(*binding) uint32) uint32 {
	worst := head
	for bi := head; bi != 0; bi = next(m.bindings.at(bi)) {
		if m.bindings.at(bi).latest <= m.bindings.at(worst).latest {
			worst = bi
		}
	}
	return worst
}
