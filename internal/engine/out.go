package engine

import (
	"netsensor/internal/eve"
	"netsensor/internal/judge"
)

// out is a piece of what one worker found in one batch.
type out struct {
	end     bool   // nothing of the batch follows
	buf     []byte // the text of lines and fragments
	records []record
	snaps   []snapshot
	lookups []lookup
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

type lookup struct {
	msg      judge.Lookup
	evidence evidence
}

// evidence is what an alert shows beside the judgement: header, protocol section, flow counters.
type evidence struct {
	head    eve.Header // the client's view
	section span
	app     string
	flow    flowFigures
}

type flowFigures struct {
	pkts, bytes [2]uint64
	start       int64
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
	clear(o.lookups)
	o.lookups = o.lookups[:0]
}
