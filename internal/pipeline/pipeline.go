// Package pipeline moves segments from their source through a tracker and hands
// on the records in the order in which connections end.
//
// It promises that the same segments give the same records in the same order.
// It knows nothing of files and formats.
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

// Source delivers segments in the order of the merged trace.
type Source interface {
	// Next fills batch from its start and returns how many it filled. It may fill
	// less than all, and some together with an error; the error is io.EOF when the
	// input is used up.
	Next(batch []segment.Segment) (int, error)
}

// Observer is told of each segment and of what the tracker made of it. The
// segment is valid only during the call.
type Observer func(s *segment.Segment, v tracker.Verdict)

// Run replays src through t and gives each record to emit. When the source ends,
// fails, or ctx is done, the connections still open are recorded too: whatever
// was read is reported. The error is then the source's, or the context's cause.
//
// An error from emit ends the run at once.
func Run(ctx context.Context, src Source, t *tracker.Tracker, emit func(*tracker.Connection) error, observe Observer) error {
	batch := make([]segment.Segment, batchLen)
	var ended error
	for ended == nil {
		if ctx.Err() != nil {
			ended = context.Cause(ctx)
			break
		}
		var n int
		n, ended = src.Next(batch)
		for i := range batch[:n] {
			s := &batch[i]
			v := t.Observe(s)
			// With each segment, not once a batch: where batches end must not show in a record.
			t.Advance(s.Time)
			if observe != nil {
				observe(s, v)
			}
		}
		if err := deliver(t, emit); err != nil {
			return err
		}
	}
	for flushed := false; !flushed; {
		flushed = t.Flush()
		if err := deliver(t, emit); err != nil {
			return err
		}
	}
	if errors.Is(ended, io.EOF) {
		return nil
	}
	return ended
}

// deliver hands on what has ended by now.
func deliver(t *tracker.Tracker, emit func(*tracker.Connection) error) error {
	for c := range t.Take() {
		if err := emit(c.Clone()); err != nil {
			return err
		}
	}
	return nil
}
