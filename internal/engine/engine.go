package engine

import (
	"errors"
	"io"
	"sync"

	"netsensor/internal/capture"
	"netsensor/internal/output"
)

// Engine is one run of the pipeline over captures.
type Engine struct {
	cfg     Config
	disp    dispatcher
	workers []*worker
	merger  merger
	totals  Totals

	num   uint64    // packets read so far
	count uint64    // of them in the present capture
	seen  bool      // a packet was read
	fresh bool      // the next batch begins a new timeline
	jobs  chan *job // free ones
}

// inFlight is how many batches are under way at once, with more than one worker.
const inFlight = 8

// New returns an engine that is ready to run.
func New(cfg Config) *Engine {
	cfg.Workers = min(max(cfg.Workers, 1), tables)
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	e := &Engine{cfg: cfg}
	e.disp.dec.CheckChecksums = cfg.CheckChecksums
	e.merger.cfg = &e.cfg
	for id := range cfg.Workers {
		e.workers = append(e.workers, newWorker(&e.cfg, id))
	}
	n := 1
	if cfg.Workers > 1 {
		n = inFlight
	}
	e.jobs = make(chan *job, n)
	for range n {
		j := &job{}
		for range e.workers {
			j.outs = append(j.outs, &out{})
		}
		e.jobs <- j
	}
	return e
}

// Input is one capture: a name for events, and what opens it.
type Input struct {
	Name string
	Open func() (capture.Source, error)
}

// InputError says which capture could not be read to its end. What came before the fault was processed.
type InputError struct {
	Name string
	Err  error
}

func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// Run reads the inputs one after the other as one timeline, as long as time goes forward between them. Inputs that
// cannot be read are reported in the joined error, as *InputError; the others are processed all the same. An
// error of the sink ends the run.
func (e *Engine) Run(inputs []Input) (Totals, error) {
	pipe := e.start()
	var faults []error
	for _, in := range inputs {
		src, err := in.Open()
		if err == nil {
			err = e.read(in.Name, src, pipe)
			err = errors.Join(err, src.Close())
		}
		if err != nil {
			faults = append(faults, &InputError{in.Name, err})
		}
		if pipe.failed() != nil {
			break
		}
		e.totals.Captures++
	}
	j := e.job()
	j.last, j.base, j.clock = true, e.num, e.disp.clock.now
	pipe.push(j)
	if err := pipe.close(); err != nil {
		return e.totals, err
	}
	if err := e.finish(); err != nil {
		return e.totals, err
	}
	return e.totals, errors.Join(faults...)
}

func (e *Engine) job() *job {
	j := <-e.jobs
	j.fresh, j.last, j.file, j.iface = false, false, "", nil
	j.table, j.special = j.table[:0], j.special[:0]
	return j
}

// read takes one source to its end.
func (e *Engine) read(name string, src capture.Source, pipe *pipeline) error {
	e.count = 0
	first := true
	for {
		j := e.job()
		if err := src.Read(&j.batch, batchPackets); err != nil {
			j.batch.Release()
			e.jobs <- j
			if err == io.EOF {
				return e.truncated(src, name)
			}
			return err
		}
		frames := j.batch.Frames
		if len(frames) == 0 {
			e.jobs <- j
			continue
		}
		if first && e.seen && frames[0].Time < e.disp.clock.now-int64(1e9) {
			e.disp.clock.restart()
			j.fresh = true
		}
		first, e.seen = false, true
		j.file, j.iface = name, src.Interfaces()
		j.base, j.count = e.num, e.count
		e.num += uint64(len(frames))
		e.count += uint64(len(frames))
		e.note(frames)
		e.disp.prepare(j)
		pipe.push(j)
		if e.cfg.Progress != nil {
			e.cfg.Progress(src.Stats())
		}
		if err := pipe.failed(); err != nil {
			return nil // the run ends with the sink's error
		}
	}
}

func (e *Engine) truncated(src capture.Source, name string) error {
	if src.Stats().Truncated {
		e.cfg.Log("%s: the capture is cut off; all whole packets before the cut were used", name)
	}
	return nil
}

func (e *Engine) note(frames []capture.Frame) {
	for i := range frames {
		e.totals.Bytes += uint64(frames[i].Wire)
	}
	if e.totals.First == 0 {
		e.totals.First = frames[0].Time
	}
	e.totals.Packets += uint64(len(frames))
}

// finish sums up after the last event, and writes the stats event.
func (e *Engine) finish() error {
	e.totals.Last = e.disp.clock.now
	e.totals.Alerts = e.merger.alerts
	s := e.statistics()
	e.totals.Flows = s.flows.Total
	if e.cfg.wants("stats") {
		b := s.append(nil, e.totals, &e.cfg.EVE)
		e.merger.counts.add("stats")
		if err := e.cfg.Sink.Write(&output.Event{Type: "stats", Time: e.totals.Last, Line: b}); err != nil {
			return err
		}
	}
	for _, w := range e.workers {
		for _, c := range w.counts.list {
			e.merger.counts.addN(c.event, c.n)
		}
	}
	e.totals.Events = make(map[string]uint64)
	for _, c := range e.merger.counts.list {
		e.totals.Events[c.event] = c.n
	}
	return e.cfg.Sink.Flush()
}

// pipeline moves jobs through workers and merger: in the caller's goroutine for one worker, else in their own.
type pipeline struct {
	e      *Engine
	inline bool
	feed   []chan *job
	order  chan *job
	ended  chan struct{}
	mu     sync.Mutex
	err    error
}

func (e *Engine) start() *pipeline {
	p := &pipeline{e: e, inline: len(e.workers) == 1}
	if p.inline {
		return p
	}
	p.order = make(chan *job, inFlight)
	p.ended = make(chan struct{})
	for i, w := range e.workers {
		c := make(chan *job, inFlight)
		p.feed = append(p.feed, c)
		go func() {
			for j := range c {
				w.run(j, j.outs[i])
				j.done.Done()
			}
		}()
	}
	go func() {
		defer close(p.ended)
		for j := range p.order {
			j.done.Wait()
			p.finish(j)
		}
	}()
	return p
}

func (p *pipeline) push(j *job) {
	if p.inline {
		p.e.workers[0].run(j, j.outs[0])
		p.finish(j)
		return
	}
	j.done.Add(len(p.feed))
	for _, c := range p.feed {
		c <- j
	}
	p.order <- j
}

// finish merges a job that all workers are done with and frees it.
func (p *pipeline) finish(j *job) {
	if p.failed() == nil {
		if err := p.e.merger.merge(j); err != nil {
			p.mu.Lock()
			p.err = err
			p.mu.Unlock()
		}
	}
	j.batch.Release()
	p.e.jobs <- j
}

func (p *pipeline) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// close waits for everything under way.
func (p *pipeline) close() error {
	if !p.inline {
		for _, c := range p.feed {
			close(c)
		}
		close(p.order)
		<-p.ended
	}
	return p.failed()
}
