package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// source delivers segments in batches of at most max, then err.
type source struct {
	segments []segment.Segment
	max      int
	err      error
}

func (s *source) Next(batch []segment.Segment) (int, error) {
	n := copy(batch[:min(len(batch), s.max)], s.segments)
	s.segments = s.segments[n:]
	if len(s.segments) == 0 {
		return n, s.err
	}
	return n, nil
}

// twice is a 4-tuple whose second connection comes when the first has long left the table, and
// whose last segments come in one go.
func twice(t *testing.T) []segment.Segment {
	t.Helper()
	c, err := script.Parse("twice", `Two connections, one long after the other.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+.010 > F. 1:1(0) ack 1
+.020 < F. 1:1(0) ack 2
+.001 > .  2:2(0) ack 2
--- isn +700000 +700000
900   > S  0:0(0)
+.020 < R. 0:0(0) ack 1 win 0
`)
	if err != nil {
		t.Fatal(err)
	}
	return c.Segments()
}

// replay runs src and returns a line per record.
func replay(ctx context.Context, src pipeline.Source) (records []string, err error) {
	err = pipeline.Run(ctx, src, tracker.New(tracker.DefaultConfig()), func(c *tracker.Connection) error {
		records = append(records, fmt.Sprintf("%d %s %s %d", c.First.Packet, c.Open, c.Close, c.EndReason))
		return nil
	}, nil)
	return records, err
}

// TestBatches: where batches end does not show in the records.
func TestBatches(t *testing.T) {
	want, err := replay(t.Context(), &source{twice(t), 1, io.EOF})
	if err != nil || len(want) != 2 {
		t.Fatalf("records %q, error %v; want two and none", want, err)
	}
	for limit := 2; limit <= 9; limit++ {
		got, err := replay(t.Context(), &source{twice(t), limit, io.EOF})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("batches of %d: %q, %v; want %q", limit, got, err, want)
		}
	}
}

// TestObserver: each segment is told once, with the record it counts for.
func TestObserver(t *testing.T) {
	segments := twice(t)
	var got []uint64
	err := pipeline.Run(t.Context(), &source{segments, 3, io.EOF}, tracker.New(tracker.DefaultConfig()),
		func(*tracker.Connection) error { return nil },
		func(s *segment.Segment, v tracker.Verdict) {
			if s.Number != uint64(len(got)+1) {
				t.Errorf("segment %d comes as the %dth", s.Number, len(got)+1)
			}
			got = append(got, v.Connection)
		})
	if want := []uint64{1, 1, 1, 1, 1, 1, 7, 7}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("records %v, error %v; want %v", got, err, want)
	}
}

// TestSourceFails: what was read until then is recorded, and the error is told.
func TestSourceFails(t *testing.T) {
	broken := errors.New("broken")
	got, err := replay(t.Context(), &source{twice(t)[:3], 8, broken})
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("records %q, error %v; want one and %v", got, err, broken)
	}
}

// endless interrupts its own run after some batches.
type endless struct {
	source
	interrupt context.CancelCauseFunc
	left      int
	cause     error
}

func (e *endless) Next(batch []segment.Segment) (int, error) {
	if e.left--; e.left == 0 {
		e.interrupt(e.cause)
	}
	if len(e.segments) == 0 {
		return 0, nil
	}
	return e.source.Next(batch)
}

// TestInterrupted: what was read until then is recorded, and the cause is told.
func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	got, err := replay(ctx, &endless{source{twice(t)[:3], 2, nil}, interrupt, 5, stop})
	if !errors.Is(err, stop) || len(got) != 1 {
		t.Errorf("records %q, error %v; want one and %v", got, err, stop)
	}
}

// TestEmitFails: nothing is read any more once nobody wants the records.
func TestEmitFails(t *testing.T) {
	full := errors.New("full")
	src := &source{twice(t), 1, io.EOF}
	calls := 0
	err := pipeline.Run(t.Context(), src, tracker.New(tracker.DefaultConfig()), func(*tracker.Connection) error {
		calls++
		return full
	}, nil)
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("emit was called %d times, error %v; want once and %v", calls, err, full)
	}
	if len(src.segments) == 0 {
		t.Error("the input was read to its end")
	}
}
