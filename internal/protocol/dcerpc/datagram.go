package dcerpc

import (
	"slices"

	"netsensor/internal/eve"
	"netsensor/internal/protocol"
)

// datagramCall is a call by datagrams.
type datagramCall struct {
	activity [16]byte // in the order of its text
	sequence uint32
	opnum    uint16
	asked    bool
	replied  bool
	answer   byte
	count    [2]int
	size     [2]int
}

// datagram reads a PDU of version 4 (C706, section 12.5).
func (s *stream) datagram(c *protocol.Context, d protocol.Dir, b []byte) {
	const (
		reject       = 6
		fragment     = 1 << 2
		lastFragment = 1 << 1
	)
	if probeDatagram(&protocol.Peek{Data: b}) != protocol.Yes {
		s.Malformed(c, d)
		return
	}
	o := order(b[4])
	kind := b[1]
	switch kind {
	case request, response, fault, reject:
	default:
		return // of the transport's own
	}
	activity, sequence := uuid(b[40:56], o), o.Uint32(b[64:])
	i := slices.IndexFunc(s.calls, func(x datagramCall) bool { return x.activity == activity && x.sequence == sequence })
	if i < 0 {
		if len(s.calls) == maxCalls {
			s.tellDatagram(c, &s.calls[0])
			s.calls = slices.Delete(s.calls, 0, 1)
		}
		s.calls = append(s.calls, datagramCall{activity: activity, sequence: sequence})
		i = len(s.calls) - 1
	}
	x := &s.calls[i]
	way := 1
	if kind == request {
		way = 0
		x.asked, x.opnum = true, o.Uint16(b[68:])
	} else {
		x.replied, x.answer = true, kind
	}
	x.count[way]++
	x.size[way] += int(o.Uint16(b[74:]))
	if x.replied && (b[2]&fragment == 0 || b[2]&lastFragment != 0) {
		s.tellDatagram(c, x)
		s.calls = slices.Delete(s.calls, i, i+1)
	}
}

func (s *stream) tellDatagram(c *protocol.Context, x *datagramCall) {
	s.event = *x
	s.obs = protocol.Observation{Event: "dcerpc", Dir: protocol.ToServer, TxID: s.count, Detail: &s.event}
	s.count++
	c.Sink.Observe(&s.obs)
	s.obs.Detail = nil
}

// AppendEVE appends the member "dcerpc".
func (x *datagramCall) AppendEVE(dst []byte, o *eve.Options) []byte {
	w := eve.Open(append(dst, `"dcerpc":`...), o)
	if x.asked {
		w.Str("request", typeNames[request])
		in := w.Begin("req")
		in.Uint("opnum", uint64(x.opnum))
		in.Int("frag_cnt", int64(x.count[0]))
		in.Int("stub_data_size", int64(x.size[0]))
		w.End(in)
	} else {
		w.Str("request", "REQUEST_LOST")
	}
	if x.replied {
		w.Str("response", typeNames[x.answer])
		if x.answer == response {
			in := w.Begin("res")
			in.Int("frag_cnt", int64(x.count[1]))
			in.Int("stub_data_size", int64(x.size[1]))
			w.End(in)
		}
	} else {
		w.Str("response", "UNREPLIED")
	}
	appendUUID(&w, "activityuuid", x.activity)
	w.Uint("seqnum", uint64(x.sequence))
	w.Str("rpc_version", "4.0")
	return w.Close()
}
