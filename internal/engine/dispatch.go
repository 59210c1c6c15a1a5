package engine

import (
	"netsensor/internal/capture"
	"netsensor/internal/packet"
)

// job is one batch on its way through the pipeline.
type job struct {
	batch capture.Batch
	// base is the number of packets before the batch in the run, count in the capture file.
	base, count uint64
	file        string
	iface       []capture.Interface
	// table says which flow table each frame belongs to.
	table   []uint8
	special []special
	// fresh says that the input begins anew in time: all flows end before this batch.
	fresh bool
	// last says that nothing follows: all flows end after this batch.
	last bool
	// clock is the time up to which packets have been seen, after the batch, in ns.
	clock int64
}

// special is a packet that the dispatcher had to put together: its frame is the datagram's last fragment. Without
// data it is a fragment that there is something to complain about.
type special struct {
	frame int
	pkt   packet.Packet
	data  []byte
}

// noTable marks a frame that the dispatcher has dealt with.
const noTable = 0xff

// dispatcher decides where each frame goes. It looks only at addresses, except for what hides them: tunnels and
// fragments are decoded, and fragments put together, here, so that all packets of a flow meet in one table.
type dispatcher struct {
	peek   packet.Decoder // looks; its counts are not used
	dec    packet.Decoder // decodes what goes no further; counted
	defrag packet.Defrag
	clock  clock
}

func (d *dispatcher) prepare(j *job) {
	frames := j.batch.Frames
	if cap(j.table) < len(frames) {
		j.table = make([]uint8, batchPackets)
	}
	j.table = j.table[:len(frames)]
	j.special = j.special[:0]
	for i := range frames {
		f := &frames[i]
		if d.clock.see(f.Time) {
			j.fresh = true
		}
		hash, plain := d.peek.Shard(f.Link, f.Data)
		if plain {
			j.table[i] = uint8(hash % tables)
			continue
		}
		j.table[i] = d.open(j, i, f)
	}
	j.clock = d.clock.now
}

// open decodes a frame whose innermost addresses cannot be seen at a glance.
func (d *dispatcher) open(j *job, i int, f *capture.Frame) uint8 {
	var p packet.Packet
	switch d.peek.Decode(&p, f.Link, f.Data, f.Wire) {
	case packet.OK:
		return uint8(p.Shard() % tables)
	case packet.Fragment:
	default:
		return 0
	}
	d.dec.Decode(&p, f.Link, f.Data, f.Wire)
	for r := packet.Fragment; r == packet.Fragment; {
		p.Time = f.Time
		whole, ok := d.defrag.Add(&p, nil)
		if !ok {
			if p.EventCount == 0 {
				return noTable
			}
			j.special = append(j.special, special{frame: i, pkt: p})
			return 0
		}
		q := p
		if r = d.peek.DecodeIP(&q, whole); r == packet.Fragment {
			p = q
			continue
		}
		j.special = append(j.special, special{frame: i, pkt: p, data: whole})
		if r == packet.OK {
			return uint8(q.Shard() % tables)
		}
	}
	return 0
}

// clock tells the time from packets. A single packet from the future must not time out every flow, and a capture
// that begins earlier than the last one ended is a new timeline; so a jump is believed when enough packets agree.
type clock struct {
	now    int64
	odd    int   // packets in a row that disagree with now
	oddNow int64 // the latest time among them
	begun  bool
}

const (
	jump        = int64(600e9) // ns; more than the longest timeout
	jumpPackets = 16
)

// see takes a packet's time, and reports whether a new timeline begins with it.
func (c *clock) see(t int64) bool {
	if !c.begun {
		c.begun, c.now = true, t
		return false
	}
	if t-c.now <= jump && c.now-t <= jump {
		c.odd = 0
		c.now = max(c.now, t)
		return false
	}
	if c.odd == 0 {
		c.oddNow = t
	}
	c.odd++
	if t > c.now {
		c.oddNow = min(c.oddNow, t)
	} else {
		c.oddNow = max(c.oddNow, t)
	}
	if c.odd < jumpPackets {
		return false
	}
	c.odd = 0
	back := c.oddNow < c.now
	c.now = c.oddNow
	return back
}

// restart begins a new timeline at t.
func (c *clock) restart() { *c = clock{} }
