package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// flood is many lone SYNs that all leave at once, by a segment long after them.
func flood(n int) []segment.Segment {
	all := make([]segment.Segment, n)
	for i := range all {
		all[i] = segment.Segment{
			Number: uint64(i + 1), Time: 1_700_000_000_000_000_000 + int64(i), Flags: segment.SYN, IPLen: 40, Window: 1000,
		}
		all[i].Flow.A = segment.Endpoint{IP: segment.IP{14: byte(i >> 8), 15: byte(i)}, Port: 1024}
		all[i].Flow.B = segment.Endpoint{IP: segment.IP{0: 1}, Port: 80}
	}
	all[n-1].Time += int64(time.Hour)
	return all
}

// wordy parts write much for each record, so that one round fills many pieces.
func wordy(n int) []pipeline.Part {
	all := parts(n)
	text := bytes.Repeat([]byte{'x'}, 4000)
	for i := range all {
		all[i].Record = func(dst []byte, c *tracker.Connection) []byte {
			return append(fmt.Appendf(dst, "%d|%d|", c.First.Packet, c.TraceEnd), append(text, '\n')...)
		}
	}
	return all
}

// halting fails after some octets.
type halting struct {
	left int
	err  error
}

func (h *halting) Write(b []byte) (int, error) {
	if h.left -= len(b); h.left < 0 {
		return 0, h.err
	}
	return len(b), nil
}

// TestMuchAtOnce: a round whose records fill many pieces, with few and many parts, ends, and its output is that of one.
func TestMuchAtOnce(t *testing.T) {
	segments := flood(4000)
	var want bytes.Buffer
	if err := pipeline.Run(t.Context(), &source{segments, 512, io.EOF}, wordy(1), &want); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2, 7, 64} {
		var got bytes.Buffer
		if err := pipeline.Run(t.Context(), &source{segments, 512, io.EOF}, wordy(n), &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d parts: other output than of one", n)
		}
	}
}

// idle delivers nothing most of the time.
type idle struct {
	source
	calls int
}

func (i *idle) Next(batch []segment.Segment) (int, error) {
	if i.calls++; i.calls%3 != 0 {
		return 0, nil
	}
	return i.source.Next(batch)
}

// TestNobodyStays: wherever the output fails, the source pauses or the user interrupts, the run ends, and all that it started.
func TestNobodyStays(t *testing.T) {
	before := runtime.NumGoroutine()
	segments := flood(1500)
	full := errors.New("full")
	for _, n := range []int{1, 2, 3, 64} {
		for _, left := range []int{0, 70_000, 300_000, 1_000_000, 4_000_000} {
			src := &idle{source: source{segments, 512, io.EOF}}
			if err := pipeline.Run(t.Context(), src, wordy(n), &halting{left, full}); !errors.Is(err, full) {
				t.Errorf("%d parts, %d octets: error %v", n, left, err)
			}
		}
		ctx, interrupt := context.WithCancelCause(t.Context())
		stop := errors.New("stop")
		if err := pipeline.Run(ctx, &endless{source{segments, 512, nil}, interrupt, 4, stop}, wordy(n), &halting{1 << 30, full}); !errors.Is(err, stop) {
			t.Errorf("%d parts: error %v, want %v", n, err, stop)
		}
		ctx, interrupt = context.WithCancelCause(t.Context())
		out := cancels{interrupt, stop}
		if err := pipeline.Run(ctx, &source{segments, 512, io.EOF}, wordy(n), out); err != nil && !errors.Is(err, stop) {
			t.Errorf("%d parts, interrupted at the end: %v", n, err)
		}
		interrupt(nil)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// cancels interrupts the run when its output begins, which is when the trace ends.
type cancels struct {
	interrupt context.CancelCauseFunc
	cause     error
}

func (c cancels) Write(b []byte) (int, error) { c.interrupt(c.cause); return len(b), nil }

// TestNothingToShare: a source without segments, and one that fails at once.
func TestNothingToShare(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{1, 2, 64} {
		var out bytes.Buffer
		if err := pipeline.Run(t.Context(), &source{nil, 512, io.EOF}, parts(n), &out); err != nil || out.Len() > 0 {
			t.Errorf("%d parts: %d octets, error %v", n, out.Len(), err)
		}
		if err := pipeline.Run(t.Context(), &source{nil, 512, broken}, parts(n), &out); !errors.Is(err, broken) || out.Len() > 0 {
			t.Errorf("%d parts: %d octets, error %v", n, out.Len(), err)
		}
	}
}
