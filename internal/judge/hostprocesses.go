package judge

import (
	"net/netip"
	"strings"
)

// Processes knows which process on a host is behind a conversation or a look-up.
type Processes interface {
	// Of returns the process at an end of a conversation that began at start and was seen until now: the client's, or
	// the server's where that is wanted, and where it is not known the other one; nil for none.
	Of(proto uint8, client, server netip.AddrPort, start, now int64, ofServer bool) *HostEvidence
	// Asked returns the process that looked up a name at about that time.
	Asked(name string, now int64) *HostEvidence
}

// WithProcesses is a judge whose alerts say which process was behind what they are about.
type WithProcesses struct {
	*Judge
	Processes Processes
}

// Conversation implements what an engine asks of a judge.
func (j WithProcesses) Conversation(c *Conversation) Outcome {
	out := j.Judge.Conversation(c)
	for _, a := range out.Alerts {
		a.Process = j.Processes.Of(c.Proto, c.Client, c.Server, c.Start, c.Now, a.Inbound)
		j.asked(a)
	}
	return out
}

// Lookup implements what an engine asks of a judge.
func (j WithProcesses) Lookup(l *Lookup) []*Alert {
	alerts := j.Judge.Lookup(l)
	for _, a := range alerts {
		j.asked(a)
	}
	return alerts
}

// asked prefers who asked for a name to who carried the question: that is the system's resolver, mostly.
func (j WithProcesses) asked(a *Alert) {
	if !a.Asked {
		return
	}
	if by := j.Processes.Asked(a.Name, a.Now); by != nil {
		a.Process = by
	}
}

// Connections is a Processes from the connections and look-ups that hosts reported. It is bounded, and is filled
// before it is asked.
type Connections struct {
	max     int
	by      map[connectionKey][]uint32
	events  []connection
	exes    map[string]string
	dropped uint64
}

// connectionKey is what an event and a conversation have in common, whoever is the client: both ends in order, or the
// server's end alone where the event tells no more, or the name of a look-up.
type connectionKey struct {
	proto uint8
	a, b  netip.AddrPort
	name  string
}

type connection struct {
	now int64
	pid uint64
	// What many events share is one text.
	exe, user, host, producer, event string
	query, inbound                   bool
}

// DefaultConnections is how many events Connections remembers unless told otherwise.
const DefaultConnections = 1 << 20

// tolerance is how far the clocks of a host and of a capture, and the moments at which both see the same, may lie
// apart: two seconds.
const tolerance = 2e9

// perKey bounds the events that are remembered for the same addresses, ports or name: the earliest.
const perKey = 256

// NewConnections returns an empty index of at most limit events, DefaultConnections for 0.
func NewConnections(limit int) *Connections {
	if limit <= 0 {
		limit = DefaultConnections
	}
	return &Connections{max: limit, by: map[connectionKey][]uint32{}, exes: map[string]string{}}
}

// Len is how many events are known, Dropped how many there was no room for.
func (x *Connections) Len() int { return len(x.events) }

// Dropped is how many events there was no room for.
func (x *Connections) Dropped() uint64 { return x.dropped }

// Add takes a connection or a look-up; other events are of no use.
func (x *Connections) Add(e *HostEvent) {
	var key connectionKey
	switch {
	case e.Kind == Queried:
		key.name = strings.ToLower(e.Query)
	case e.Kind != Connected || !e.Target.IsValid():
		return
	case e.Source.IsValid() && e.Source.Port() != 0:
		key = tupleKey(e.Proto, e.Source, e.Target)
	default:
		key = connectionKey{proto: e.Proto, b: e.Target}
	}
	list := x.by[key]
	if len(x.events) >= x.max || len(list) >= perKey {
		x.dropped++
		return
	}
	x.by[key] = append(list, uint32(len(x.events)))
	x.events = append(x.events, connection{
		now: e.Now, pid: e.Process.PID, exe: x.share(e.Process.Exe), user: x.share(e.Process.shownUser()), host: x.share(e.Host),
		producer: e.Producer, event: e.EventID, query: e.Kind == Queried, inbound: e.Inbound,
	})
}

func (x *Connections) share(s string) string {
	if have, ok := x.exes[s]; ok {
		return have
	}
	if len(x.exes) < 1<<16 {
		x.exes[s] = s
	}
	return s
}

func tupleKey(proto uint8, a, b netip.AddrPort) connectionKey {
	a, b = plain(a), plain(b)
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return connectionKey{proto: proto, a: a, b: b}
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Of implements Processes.
func (x *Connections) Of(proto uint8, client, server netip.AddrPort, start, now int64, ofServer bool) *HostEvidence {
	client, server = plain(client), plain(server)
	// Not every producer tells the transport.
	for _, p := range [...]uint8{proto, 0} {
		if c := x.nearest(tupleKey(p, client, server), start, now, ofServer); c != nil {
			return c.evidence("connection")
		}
	}
	for _, p := range [...]uint8{proto, 0} {
		if c := x.only(connectionKey{proto: p, b: server}, start); c != nil {
			return c.evidence("destination")
		}
	}
	return nil
}

// Asked implements Processes.
func (x *Connections) Asked(name string, now int64) *HostEvidence {
	if c := x.only(connectionKey{name: strings.ToLower(name)}, now); c != nil {
		return c.evidence("query")
	}
	return nil
}

// nearest returns the event that is closest to the beginning of a conversation, not outside of it.
func (x *Connections) nearest(key connectionKey, start, now int64, ofServer bool) *connection {
	var best *connection
	most := -1
	for _, i := range x.by[key] {
		c := &x.events[i]
		if c.now < start-tolerance || c.now > now+tolerance {
			continue
		}
		rank := 0
		if c.inbound == ofServer {
			rank += 2
		}
		if c.exe != "" {
			rank++
		}
		if rank > most || rank == most && distance(c.now, start) < distance(best.now, start) {
			best, most = c, rank
		}
	}
	return best
}

// only returns the event at a time, unless several processes could be meant.
func (x *Connections) only(key connectionKey, at int64) *connection {
	var best *connection
	for _, i := range x.by[key] {
		c := &x.events[i]
		if distance(c.now, at) > tolerance {
			continue
		}
		if best != nil && (c.exe != best.exe || c.host != best.host) {
			return nil
		}
		if best == nil || distance(c.now, at) < distance(best.now, at) {
			best = c
		}
	}
	return best
}

func distance(a, b int64) int64 {
	if a < b {
		return b - a
	}
	return a - b
}

func (c *connection) evidence(match string) *HostEvidence {
	kind := Connected
	if c.query {
		kind = Queried
	}
	return &HostEvidence{
		Kind: kind, Host: c.host, Producer: c.producer, EventID: c.event, Match: match,
		Process: ProcessEvidence{Exe: cutText(c.exe, maxEvidence), User: c.user, PID: c.pid},
	}
}
