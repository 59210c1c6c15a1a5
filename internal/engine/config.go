// Package engine runs the pipeline: it reads frames, spreads them over flow tables, turns what parsers find into EVE
// events, and puts conversations and look-ups before the judge. It names no protocol.
//
// The output is the same for every number of workers. Three things make it so: flows live in a fixed number of
// tables, chosen by the packet's addresses; input is cut into batches of a fixed number of packets, and timeouts
// are looked at between batches only; each piece of output carries the number of the packet that caused it, and
// is merged by it before the judge, who is one, sees it.
package engine

import (
	"net/netip"

	"netsensor/internal/capture"
	"netsensor/internal/eve"
	"netsensor/internal/flows"
	"netsensor/internal/judge"
	"netsensor/internal/output"
	"netsensor/internal/protocol"
)

const (
	// tables is the number of flow tables, whatever the number of workers.
	tables = 16
	// batchPackets is the number of packets after which flows are timed out and output is merged.
	batchPackets = 1024
)

// Config says what to run. Zero values are usable, except Parsers and Sink.
type Config struct {
	// Workers is the number of goroutines that decode and parse, 1 to 16. With 1 everything runs in the caller's.
	Workers int
	// Parsers returns the parsers, in order of preference. It is called once per flow table, because the streams
	// of one call share caches without locks.
	Parsers func() []protocol.Parser
	// Flows bounds one flow table and chooses what is part of a flow's key; MaxFlows and HeldBytes are for all
	// tables together.
	Flows flows.Config
	// Events are the event types to write; nil writes all but netflow.
	Events map[string]bool
	// Netflow writes netflow events: one for each direction of a flow, beside its flow event.
	Netflow bool
	// Ether adds the MAC addresses of the packet to events, those of the first packet to flow events.
	Ether bool
	// EVE are the shapes of the events.
	EVE eve.Options
	// CommunitySeed is the seed of community_id.
	CommunitySeed uint16
	// CheckChecksums drops packets whose checksum is wrong from the flows, and counts them.
	CheckChecksums bool
	// Judge judges; nil only writes events. It is used by one goroutine.
	Judge Judge
	// Watched reports whether conversations between two addresses are to be put before the judge. It is called
	// from all workers.
	Watched func(a, b netip.Addr) bool
	// HardwareAddresses says that the judge wants to know hosts by their MAC addresses.
	HardwareAddresses bool
	// Notes are written as engine events before everything else, at the time of the first packet.
	Notes []Note
	Sink  output.Sink
	// Progress is called between batches with what the source has read.
	Progress func(capture.Stats)
	// Log is told of what went wrong without ending the run. It may be called from several goroutines.
	Log func(format string, args ...any)
}

// Note is a matter of the engine's own life.
type Note struct{ Module, Text string }

// Judge is what the engine asks of *judge.Judge.
type Judge interface {
	Conversation(*judge.Conversation) judge.Outcome
	Lookup(*judge.Lookup) []*judge.Alert
	// Restart forgets what depends on time: the input begins anew.
	Restart()
}

func (c *Config) wants(event string) bool { return c.Events == nil || c.Events[event] }

// Totals are what a run saw.
type Totals struct {
	Captures       int
	Packets, Bytes uint64
	Flows          uint64
	// Duplicates counts the packets that were passed over, see flows.Config.DedupWindow.
	Duplicates uint64
	// Suppressed counts the anomalies that were not written because there were too many of their kind.
	Suppressed  uint64
	Events      map[string]uint64
	Alerts      uint64
	First, Last int64 // times of the first and the last packet, ns
}
