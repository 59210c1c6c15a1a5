package flows

// Event is malformed or suspicious TCP. Its String is Suricata's name of it, where there is one.
type Event uint8

// The events that Handler.Anomaly is told of.
const (
	SynDifferentSeqOnSynRecv Event = iota
	SynAckDifferentSeq
	SynDifferentSeq
	FinOutOfWindow
	FinSyn
	OverlapDifferentData
	SequenceGap
	SuspectedRst
	MessageTooLong // an incomplete message exceeds its parser's limit; no name of Suricata's

	EventCount
)

var eventNames = [EventCount]string{
	SynDifferentSeqOnSynRecv: "stream.3whs_syn_resend_diff_seq_on_syn_recv",
	SynAckDifferentSeq:       "stream.3whs_synack_resend_with_diff_seq",
	SynDifferentSeq:          "stream.est_syn_resend_diff_seq",
	FinOutOfWindow:           "stream.fin_out_of_window",
	FinSyn:                   "stream.fin_syn",
	OverlapDifferentData:     "stream.reassembly_overlap_different_data",
	SequenceGap:              "stream.reassembly_seq_gap",
	SuspectedRst:             "stream.suspected_rst_inject",
	MessageTooLong:           "stream.message_too_long",
}

func (e Event) String() string { return eventNames[e] }
