package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"netsensor/internal/capture"
)

// progress is the bar that a long replay shows on a terminal. It appears after a second.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	begun time.Time
	calls uint
	files int
	last  int64
}

func newProgress(w io.Writer, files int, quiet bool) *progress {
	if quiet || !isTerminal(w) {
		w = nil
	}
	return &progress{w: w, begun: time.Now(), files: files}
}

func (p *progress) update(s capture.Stats) {
	// One call in 64 is one in 65,536 packets: often enough to move smoothly, too rare to cost anything.
	if p.calls++; p.w == nil || p.calls%64 != 0 {
		return
	}
	if p.bar == nil {
		if time.Since(p.begun) < time.Second {
			return
		}
		size := s.Size
		if size <= 0 || p.files > 1 {
			size = -1
		}
		p.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(p.w), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("netsensor: reading"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(200*time.Millisecond))
	}
	if s.BytesRead < p.last { // the next file
		p.last = 0
	}
	_ = p.bar.Add64(s.BytesRead - p.last)
	p.last = s.BytesRead
}

// clear takes the bar off the screen.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
