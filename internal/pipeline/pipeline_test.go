package pipeline_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
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
	var out bytes.Buffer
	err = pipeline.Run(ctx, src, parts(1), &out)
	return strings.Fields(out.String()), err
}

// parts are n that write a line for each record.
func parts(n int) []pipeline.Part {
	all := make([]pipeline.Part, n)
	for i := range all {
		all[i] = pipeline.Part{Tracker: tracker.New(tracker.DefaultConfig()), Record: line}
	}
	return all
}

func line(dst []byte, c *tracker.Connection) []byte {
	return fmt.Appendf(dst, "%d|%s|%s|%d|%d\n", c.First.Packet, c.Open, c.Close, c.EndReason, c.TraceEnd)
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
	err := pipeline.Watch(t.Context(), &source{segments, 3, io.EOF}, parts(1)[0], io.Discard,
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

// TestWriteFails: the run ends with the error.
func TestWriteFails(t *testing.T) {
	full := errors.New("full")
	src := &source{twice(t), 1, io.EOF}
	out := &fullDisk{err: full}
	err := pipeline.Run(t.Context(), src, parts(1), out)
	if !errors.Is(err, full) || out.calls != 1 {
		t.Errorf("written %d times, error %v; want once and %v", out.calls, err, full)
	}
}

// fullDisk takes nothing.
type fullDisk struct {
	err   error
	calls int
}

func (f *fullDisk) Write([]byte) (int, error) { f.calls++; return 0, f.err }

// busy is a trace of many connections at once, of all kinds, with a clock that goes back now and then.
func busy(t *testing.T) []segment.Segment {
	t.Helper()
	c, err := script.Parse("several", `Opened, used, closed; then refused; then a SYN that nobody answers.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+.001 > P. 1:101(100) ack 1
+.020 < P. 1:51(50) ack 101
+.010 > F. 101:101(0) ack 51
+.020 < F. 51:51(0) ack 102
+.001 > .  102:102(0) ack 52
--- isn +700000 +700000
300   > S  0:0(0)
+.020 < R. 0:0(0) ack 1 win 0
--- isn +1700000 +1700000
600   > S  0:0(0)
`)
	if err != nil {
		t.Fatal(err)
	}
	one := c.Segments()
	var all []segment.Segment
	for i := range 700 {
		for j, s := range one {
			if i%7 == j {
				continue // every seventh lacks a segment
			}
			s.Flow.B.IP[14], s.Flow.B.IP[15] = byte(i>>8), byte(i)
			s.Time += int64(i) * 137_000_000
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b segment.Segment) int { return cmp.Compare(a.Time, b.Time) })
	for i := range all {
		all[i].Number = uint64(i + 1)
		if i%1009 == 1008 {
			all[i].Time -= 3_000_000_000
		}
	}
	return all
}

// TestSharesAgree: what is written is the same, octet for octet, however many share the work.
func TestSharesAgree(t *testing.T) {
	segments := busy(t)
	var want bytes.Buffer
	one := parts(1)
	if err := pipeline.Run(t.Context(), &source{segments, 512, io.EOF}, one, &want); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(want.Bytes(), []byte("\n")); n < 2000 {
		t.Fatalf("only %d records", n)
	}
	for _, n := range []int{2, 3, 8} {
		for _, limit := range []int{1, 100, 512} {
			var got bytes.Buffer
			several := parts(n)
			if err := pipeline.Run(t.Context(), &source{segments, limit, io.EOF}, several, &got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("%d parts, batches of %d: other output than of one", n, limit)
			}
			sum := several[0].Tracker.Summary()
			for i := range several[1:] {
				sum.Add(several[i+1].Tracker.Summary())
			}
			if sum != one[0].Tracker.Summary() {
				t.Errorf("%d parts: %+v, want %+v", n, sum, one[0].Tracker.Summary())
			}
		}
	}
}

// TestSharingStops: a source that fails, a user who interrupts and a full disk end the run, however many share it.
func TestSharingStops(t *testing.T) {
	segments := busy(t)
	broken := errors.New("broken")
	var got, want bytes.Buffer
	if err := pipeline.Run(t.Context(), &source{segments[:4000], 512, broken}, parts(1), &want); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if err := pipeline.Run(t.Context(), &source{segments[:4000], 512, broken}, parts(3), &got); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) || got.Len() == 0 {
		t.Error("a source that fails: other output than of one")
	}
	ctx, interrupt := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	got.Reset()
	if err := pipeline.Run(ctx, &endless{source{segments, 512, nil}, interrupt, 3, stop}, parts(3), &got); !errors.Is(err, stop) || got.Len() == 0 {
		t.Errorf("%d octets, error %v; want some and %v", got.Len(), err, stop)
	}
	full := errors.New("full")
	out := &fullDisk{err: full}
	if err := pipeline.Run(t.Context(), &source{segments, 512, io.EOF}, parts(3), out); !errors.Is(err, full) || out.calls != 1 {
		t.Errorf("written %d times, error %v; want once and %v", out.calls, err, full)
	}
}

// TestOthersTimeIsEverybodys: a segment of one share may be what lets a connection of another leave, in the middle of a batch: at
// the very moment when its time is over, or before an answer that comes too late. Times are so coarse that this happens all the time.
func TestOthersTimeIsEverybodys(t *testing.T) {
	for seed := range uint64(60) {
		segments := coarse(seed)
		var want bytes.Buffer
		if err := pipeline.Run(t.Context(), &source{segments, 512, io.EOF}, parts(1), &want); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{2, 5} {
			for _, limit := range []int{1, 7, 512} {
				var got bytes.Buffer
				if err := pipeline.Run(t.Context(), &source{segments, limit, io.EOF}, parts(n), &got); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Bytes(), want.Bytes()) {
					t.Errorf("seed %d, %d parts, batches of %d: other output than of one", seed, n, limit)
				}
			}
		}
	}
}

// coarse are handshakes, refusals and closes of some 4-tuples, with times of whole tens of seconds.
func coarse(seed uint64) []segment.Segment {
	r := rand.New(rand.NewPCG(seed, 1))
	stages := make([]int, 12)
	var all []segment.Segment
	now := int64(1_700_000_000_000_000_000)
	for n := range uint64(400) {
		now += int64(r.IntN(3)) * 10_000_000_000
		i := r.IntN(len(stages))
		s := segment.Segment{Number: n + 1, Time: now, IPLen: 40, Window: 1000, Seq: 1001, Ack: 2001}
		s.Flow.A = segment.Endpoint{IP: segment.IP{15: 1}, Port: uint16(i)}
		s.Flow.B = segment.Endpoint{IP: segment.IP{15: 2}, Port: 80}
		switch stages[i] {
		case 0:
			s.Flags, s.Seq, s.Ack = segment.SYN, 1000, 0
		case 1:
			s.Flags, s.Dir, s.Seq, s.Ack = segment.SYN|segment.ACK, segment.BtoA, 2000, 1001
			if r.IntN(3) == 0 {
				s.Flags, s.Seq = segment.RST|segment.ACK, 0
			}
		case 2:
			s.Flags = segment.ACK
		case 3:
			s.Flags = segment.FIN | segment.ACK
		case 4:
			s.Flags, s.Dir, s.Seq, s.Ack = segment.FIN|segment.ACK, segment.BtoA, 2001, 1002
		default:
			s.Flags, s.Seq, s.Ack = segment.ACK, 1002, 2002
		}
		if stages[i]++; stages[i] > 6 || r.IntN(8) == 0 {
			stages[i] = 0
		}
		all = append(all, s)
	}
	return all
}
