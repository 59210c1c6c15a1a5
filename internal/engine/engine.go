package engine

import (
	"errors"
	"io"
	"sync/atomic"

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
	file  string    // the present capture
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
	e.merger.cfg, e.merger.eve = &e.cfg, cfg.EVE
	for id := range cfg.Workers {
		e.workers = append(e.workers, newWorker(&e.cfg, id))
	}
	n := 1
	if cfg.Workers > 1 {
		n = inFlight
	}
	e.jobs = make(chan *job, n)
	for range n {
		e.jobs <- &job{}
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
		} else {
			e.totals.Captures++
		}
		if pipe.failed() != nil {
			break
		}
	}
	j := e.job()
	j.last, j.base, j.clock, j.file = true, e.num, e.disp.clock.now, e.file
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
		e.file = name
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
	e.totals.Duplicates, e.totals.Suppressed = s.flows.Duplicates, s.suppressed
	if e.cfg.wants("stats") && e.totals.Packets > 0 {
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
	e     *Engine
	feed  []chan *job // per worker; none with one worker
	order chan *job
	ended chan struct{}
	fault atomic.Pointer[error]
}

// pieces is how many pieces of output a worker may be ahead of the merger.
const pieces = 16

func (e *Engine) start() *pipeline {
	p := &pipeline{e: e}
	m := &e.merger
	if len(e.workers) == 1 {
		w := e.workers[0]
		w.out = &out{}
		w.emit = func(o *out) *out { m.take(o); return o }
		return p
	}
	p.order = make(chan *job, inFlight)
	p.ended = make(chan struct{})
	m.heads = make([]head, len(e.workers))
	for _, w := range e.workers {
		feed, found, free := make(chan *job, inFlight), make(chan *out, pieces), make(chan *out, pieces+2)
		p.feed, m.from, m.free = append(p.feed, feed), append(m.from, found), append(m.free, free)
		for range pieces + 1 {
			free <- &out{}
		}
		w.out = &out{}
		w.emit = func(o *out) *out { found <- o; return <-free }
		go func() {
			for j := range feed {
				w.run(j)
			}
		}()
	}
	go func() {
		defer close(p.ended)
		for j := range p.order {
			m.begin(j)
			m.merge()
			p.finish(j)
		}
	}()
	return p
}

func (p *pipeline) push(j *job) {
	if p.feed == nil {
		p.e.merger.begin(j)
		p.e.workers[0].run(j)
		p.finish(j)
		return
	}
	for _, c := range p.feed {
		c <- j
	}
	p.order <- j
}

// finish frees a job that has been merged.
func (p *pipeline) finish(j *job) {
	if err := p.e.merger.err; err != nil {
		p.fault.CompareAndSwap(nil, &err)
	}
	j.batch.Release()
	p.e.jobs <- j
}

// failed returns the sink's error, if there was one.
func (p *pipeline) failed() error {
	if err := p.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// close waits for everything under way.
func (p *pipeline) close() error {
	for _, c := range p.feed {
		close(c)
	}
	if p.feed != nil {
		close(p.order)
		<-p.ended
	}
	return p.failed()
}
