// Package capture reads frames: from pcap and pcapng files (plain, gzip, zstd), from standard input, from
// interfaces. Frames are handed over in batches of references into shared blocks: nothing is copied.
package capture

import (
	"sync/atomic"

	"netsensor/internal/packet"
)

// Frame is one captured frame.
type Frame struct {
	// Data are the captured bytes, lent until the batch is released.
	Data []byte
	// Time is the capture time in ns since the Unix epoch.
	Time int64
	// Wire is the frame's length on the wire; len(Data) is less where it was snapped.
	Wire uint32
	Link packet.LinkType
	// Iface is the index of the interface in Source.Interfaces.
	Iface uint16
	// VLAN is the 802.1Q tag that the kernel took out of a live frame, TPID in the upper 16 bits; 0 for none.
	VLAN uint32
}

// Batch is a run of frames in capture order. It is reused: Source.Read fills it, Release gives its blocks back.
type Batch struct {
	Frames []Frame
	blocks []*block
}

// block is a piece of the input that frames of one or two batches lie in.
type block struct {
	data []byte
	refs atomic.Int32
	free chan<- *block
}

// Source yields frames.
type Source interface {
	// Read empties b and fills it with up to max frames. It returns io.EOF (with no frames) at the end. Any other
	// error ends the source; the frames before it have been delivered by earlier calls. A live source returns
	// fewer frames, or none, when its wait is over.
	Read(b *Batch, max int) error
	// Interfaces lists the capture interfaces seen so far.
	Interfaces() []Interface
	Stats() Stats
	Close() error
}

// Interface describes where frames come from.
type Interface struct {
	Name string
	Link packet.LinkType
	Snap uint32
}

// Stats counts what a source did. Drops are the kernel's, for live capture.
type Stats struct {
	Packets, Bytes uint64
	Drops, IfDrops uint64
	// Oversized counts frames of a file that were shortened to Options.MaxFrame.
	Oversized uint64
	// BytesRead is the position in the (compressed) input, for a progress bar; Size its length, 0 when unknown.
	BytesRead, Size int64
	// Truncated says that the file ends within a record.
	Truncated bool
}
