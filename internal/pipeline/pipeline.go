// Package pipeline moves segments from their source through trackers and hands
// on what is made of the records in the order in which connections end.
//
// It promises that the same segments give the same output, however many trackers share the work, as long as none
// reaches its limits: each has its own (tracker.Config.MaxConnections, and a million closed 4-tuples remembered to number the next).
// It knows nothing of files and formats. It is the only place with goroutines.
package pipeline

import (
	"context"
	"errors"
	"io"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// batchLen is how many segments are asked for at a time: enough that the calls
// and the checks between batches cost nothing, few enough (about 70 kB) to stay in
// a core's own cache.
const batchLen = 512

// writeAt is how much output is collected before it is written.
const writeAt = 64 << 10

// Source delivers segments in the order of the merged trace.
type Source interface {
	// Next fills batch from its start and returns how many it filled. It may fill
	// less than all, and some together with an error; the error is io.EOF when the
	// input is used up.
	Next(batch []segment.Segment) (int, error)
}

// Part is one of those who share the work: a tracker for its share of the flows, and what is made of its records. One
// goroutine owns it while Run runs.
type Part struct {
	Tracker *tracker.Tracker
	// Record appends what is to be written of a record to dst. The record is valid only during the call.
	Record func(dst []byte, c *tracker.Connection) []byte
}

// Observer is told of each segment and of what the tracker made of it. The
// segment is valid only during the call.
type Observer func(s *segment.Segment, v tracker.Verdict)

// Run replays src through the trackers of parts, each flow through always the same, and writes what
// they make of the records in the order of these. When the source ends,
// fails, or ctx is done, the connections still open are recorded too: whatever
// was read is reported. The error is then the source's, or the context's cause.
//
// An error of out ends the run at once.
func Run(ctx context.Context, src Source, parts []Part, out io.Writer) error {
	if len(parts) == 1 {
		return alone(ctx, src, &parts[0], out, nil)
	}
	return share(ctx, src, parts, out)
}

// Watch is Run for one part and an observer.
func Watch(ctx context.Context, src Source, part Part, out io.Writer, observe Observer) error {
	return alone(ctx, src, &part, out, observe)
}

// batch is what is read at a time.
type batch struct {
	segments [batchLen]segment.Segment
	hashes   [batchLen]uint64
	n        int
}

// read fills b from src, with the hashes by which t, and its like, find connections. The error is the source's, or the context's cause.
func (b *batch) read(ctx context.Context, src Source, t *tracker.Tracker) (err error) {
	b.n = 0
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.n, err = src.Next(b.segments[:])
	for i := range b.segments[:b.n] {
		b.hashes[i] = t.Hash(&b.segments[i])
	}
	return err
}

// all picks every segment of a batch.
var all = func() (picks [batchLen]uint16) {
	for i := range picks {
		picks[i] = uint16(i)
	}
	return picks
}()

// alone is the plain loop.
func alone(ctx context.Context, src Source, p *Part, out io.Writer, observe Observer) error {
	b := new(batch)
	w := collected{out: out}
	var ended error
	for ended == nil {
		ended = b.read(ctx, src, p.Tracker)
		if observe == nil {
			p.Tracker.ObserveThese(b.segments[:b.n], b.hashes[:b.n], all[:b.n])
		} else {
			watched(p.Tracker, b.segments[:b.n], observe)
		}
		if err := p.take(&w); err != nil {
			return err
		}
	}
	for flushed := false; !flushed; {
		flushed = p.Tracker.Flush()
		if err := p.take(&w); err != nil {
			return err
		}
	}
	if err := w.writeIf(0); err != nil {
		return err
	}
	return unlessEOF(ended)
}

func watched(t *tracker.Tracker, segments []segment.Segment, observe Observer) {
	for i := range segments {
		s := &segments[i]
		v := t.Observe(s)
		t.Advance(s.Time)
		observe(s, v)
	}
}

// take hands what one part makes of its records to out.
func (p *Part) take(out *collected) error {
	for _, c := range p.Tracker.Take() {
		out.buf = p.Record(out.buf, c)
		if err := out.writeIf(writeAt); err != nil {
			return err
		}
	}
	return nil
}

// collected is output on its way.
type collected struct {
	out io.Writer
	buf []byte
}

// writeIf writes what is there if it is at least that much.
func (w *collected) writeIf(much int) error {
	if len(w.buf) < max(much, 1) {
		return nil
	}
	_, err := w.out.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
