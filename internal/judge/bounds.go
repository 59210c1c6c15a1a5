package judge

import (
	"net/netip"

	"netsensor/internal/allowlist"
)

// boundKind is one of the bounds of a communication.
type boundKind uint8

const (
	noBound boundKind = iota
	bytesOut
	bytesIn
	flowsAnHour
)

var boundTexts = [...]string{"", "bytes sent in a day", "bytes received in a day", "conversations in an hour"}

// exceeded is a bound that was exceeded.
type exceeded struct {
	kind            boundKind
	seen, permitted uint64
}

type usageKey struct {
	host  netip.Addr
	entry uint32
}

// usage is what one host has used of an entry. Days and hours are those of UTC.
type usage struct {
	day     int64
	bytes   [2]uint64 // out, in
	alerted uint8     // a bit for each kind, of this day
	hours   [2]struct {
		hour    int64
		flows   uint64
		alerted bool
	}
}

// usages is bounded; what the bound costs is counted.
type usages struct {
	max       int
	byKey     map[usageKey]*usage
	swept     int64 // the day
	untracked uint64
}

const (
	hour = int64(3600e9)
	day  = 24 * hour
)

func newUsages(limit int) usages { return usages{max: limit, byKey: map[usageKey]*usage{}, swept: -1} }

// of returns the usage for a key, nil when there is no room.
func (u *usages) of(k usageKey, today int64) *usage {
	if x := u.byKey[k]; x != nil {
		return x
	}
	if len(u.byKey) >= u.max && u.swept != today {
		u.swept = today
		for k, x := range u.byKey {
			if x.day < today {
				delete(u.byKey, k)
			}
		}
	}
	if len(u.byKey) >= u.max {
		u.untracked++
		return nil
	}
	x := &usage{day: today}
	u.byKey[k] = x
	return x
}

// bounds counts an expected conversation that has ended against what its entry permits, and adds a finding for each
// bound that it is the first to exceed in its day or hour.
func (j *Judge) bounds(c *Conversation, f finding) {
	e := &j.table.Entries[f.entry]
	if e.Comm == nil || e.Comm.Bounds == nil {
		return
	}
	b := e.Comm.Bounds
	today := c.Now / day
	u := j.used.of(usageKey{f.host.addr, uint32(f.entry)}, today)
	if u == nil {
		return
	}
	if u.day < today {
		u.day, u.bytes, u.alerted = today, [2]uint64{}, 0
	}
	out, in := lastDay(c, c.BytesToServer), lastDay(c, c.BytesToClient)
	if f.inbound {
		out, in = in, out
	}
	u.bytes[0] += out
	u.bytes[1] += in
	for k, permitted := range [...]uint64{b.BytesOutPerDay, b.BytesInPerDay} {
		kind := bytesOut + boundKind(k)
		if permitted != 0 && u.bytes[k] > permitted && u.alerted&(1<<kind) == 0 {
			u.alerted |= 1 << kind
			j.exceed(c, f, exceeded{kind, u.bytes[k], permitted})
		}
	}
	began := c.Start / hour
	h := &u.hours[began&1]
	if h.hour < began {
		h.hour, h.flows, h.alerted = began, 0, false
	}
	if h.hour > began {
		return // a conversation that lasted for hours
	}
	if h.flows++; b.FlowsPerHour != 0 && h.flows > b.FlowsPerHour && !h.alerted {
		h.alerted = true
		j.exceed(c, f, exceeded{flowsAnHour, h.flows, b.FlowsPerHour})
	}
}

// lastDay is the part of n bytes that fell into the last day of a conversation, as if they had come evenly.
func lastDay(c *Conversation, n uint64) uint64 {
	if took := c.Now - c.Start; took > day {
		return uint64(float64(n) * float64(day) / float64(took))
	}
	return n
}

func (j *Judge) exceed(c *Conversation, f finding, x exceeded) {
	f.verdict, f.rule, f.bound, f.extra, f.confidence = Unexpected, BoundsExceeded, x, true, confidence(c)
	j.findings = append(j.findings, f)
}

// bounded reports whether an entry's use is counted.
func bounded(e *allowlist.Entry) bool { return e.Comm != nil && e.Comm.Bounds != nil }
