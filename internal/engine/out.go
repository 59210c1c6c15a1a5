package engine

import (
	"netsensor/internal/judge"
	"netsensor/internal/packet"
)

// out is a piece of what one worker found in one batch.
type out struct {
	end     bool   // nothing of the batch follows
	buf     []byte // the text of lines and fragments
	records []record
	snaps   []snapshot
	lookups []lookup
	// The lists of the conversations in snaps.
	names  []judge.Name
	logins []judge.Login
	files  []judge.File
	leases []judge.Lease
	texts  []string
}

// record is one piece of output, in the order of key, then sub, then as written.
type record struct {
	key uint64 // number of the packet
	sub uint64 // for what happens between packets: 1 + the number of the flow's first packet
	// The line is buf[line:end], empty when only the judge is to know.
	line, end uint32
	alerted   uint32 // where in the line "false" stands to be replaced when the flow raised an alert; 0 for nowhere
	snap      int32  // index+1 in snaps
	lookup    int32  // index+1 in lookups
	event     string
}

// snapshot is a conversation as of a record, with what an alert needs from the worker.
type snapshot struct {
	conv     judge.Conversation
	evidence evidence
}

// lookup is a DNS message; conv are the addresses and counters of its flow.
type lookup struct {
	msg      judge.Lookup
	conv     judge.Conversation
	evidence evidence
}

// evidence is what an alert shows beside the judgement; the header is made of it and the conversation when an alert
// comes of it, which is rare.
type evidence struct {
	section     span
	file, iface string
	count       uint64 // the packet's number in its capture, 0 between packets
	vlans       [2]uint16
	vlanCount   uint8
	tunnel      *packet.Tunnel // nil for none
}

// outBytes is about how large a piece gets: a worker may have a million flows to end at once.
const outBytes = 256 << 10

func (o *out) reset() {
	o.end = false
	if cap(o.buf) > 4*outBytes {
		o.buf = nil
	}
	o.buf = o.buf[:0]
	o.records = o.records[:0]
	clear(o.snaps)
	o.snaps = o.snaps[:0]
	clear(o.names)
	clear(o.logins)
	clear(o.files)
	clear(o.leases)
	clear(o.texts)
	o.names, o.logins, o.files, o.texts = o.names[:0], o.logins[:0], o.files[:0], o.texts[:0]
	o.leases = o.leases[:0]
	clear(o.lookups)
	o.lookups = o.lookups[:0]
}
