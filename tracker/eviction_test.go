package tracker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// bounded replays segments on a tracker with a bound, and holds it to what it promises whatever leaves early: no more
// connections than allowed, all that it holds in order, each segment in one record, no record twice.
func bounded(t *testing.T, tr *tracker.Tracker, limit int, segments []segment.Segment, takeEvery int) {
	t.Helper()
	var counted, evicted, sent uint64
	firsts := map[uint64]bool{}
	records := 0
	take := func(most int) {
		for _, c := range tr.Take() {
			records++
			if firsts[c.First.Packet] && c.Flow.A != c.Flow.B {
				t.Fatalf("two records begin with packet %d", c.First.Packet)
			}
			firsts[c.First.Packet] = true
			for _, e := range c.Endpoints {
				counted += e.Packets + e.DuplicatePackets
			}
			if c.EndReason == tracker.EndEvicted {
				evicted++
			}
			if most--; most == 0 {
				break
			}
		}
	}
	for i := range segments {
		s := &segments[i]
		if !s.IsQuote {
			sent++
		}
		if s.Flow.A == s.Flow.B && !s.IsQuote {
			sent++ // both ends are it
		}
		if i%3 == 0 {
			tr.Advance(s.Time)
		}
		tr.Observe(s)
		if tr.Live() > limit {
			t.Fatalf("segment %d: %d connections, want at most %d", i, tr.Live(), limit)
		}
		if err := tr.Broken(); err != nil {
			t.Fatalf("segment %d: %v", i, err)
		}
		if i%takeEvery == 0 {
			take(1 + i%4) // not always all of them
			if err := tr.Broken(); err != nil {
				t.Fatalf("segment %d, taken: %v", i, err)
			}
		}
	}
	for done := false; !done; {
		done = tr.Flush()
		take(-1)
	}
	if !tr.Flush() || tr.Live() != 0 {
		t.Errorf("%d connections after the end", tr.Live())
	}
	take(-1)
	sum := tr.Summary()
	if counted != sent || sum.Connections != uint64(records) || sum.Evicted != evicted {
		t.Errorf("%d segments in the records, %d were sent; %d records, %d counted; %d evicted, %d counted",
			counted, sent, records, sum.Connections, evicted, sum.Evicted)
	}
}

// TestEvictionLosesNothing: however small the table is, and whatever has to leave it.
func TestEvictionLosesNothing(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 4, 10, 100} {
		for seed := range uint64(60) {
			traffic := newTraffic(seed, 3+int(seed%4)*limit)
			traffic.backwards = seed%2 == 0
			segments := traffic.segments(400)
			cfg := tracker.DefaultConfig()
			cfg.MaxConnections = limit
			t.Run(fmt.Sprintf("%d/%d", limit, seed), func(t *testing.T) {
				bounded(t, tracker.New(cfg), limit, segments, 1+int(seed%9))
			})
			t.Run(fmt.Sprintf("%d/%d/full", limit, seed), func(t *testing.T) {
				bounded(t, tracker.NewWithoutSmallForms(cfg), limit, segments, 1+int(seed%9))
			})
		}
	}
}

// TestTrafficInAnyForm: many 4-tuples, reused and disturbed, tell the same with and without the small forms, whenever the trace
// was captured, wherever its numbers stand, and however short connections wait.
func TestTrafficInAnyForm(t *testing.T) {
	for seed := range uint64(1200) {
		r := rand.New(rand.NewPCG(seed, 3))
		traffic := newTraffic(seed, 1+int(seed%15))
		traffic.backwards = seed%2 == 0
		if seed%3 == 0 {
			traffic.unit = 1e9
		}
		traffic.now = []int64{traffic.now, -5e9, -1e18, 0, -200e9, 4294967 * 1e9}[r.IntN(6)]
		traffic.number = []uint64{0, 1<<32 - 100, 1<<40 - 100, 1 << 62}[r.IntN(4)]
		segments := disturbed(traffic.segments(250), r)
		if seed%4 == 1 {
			for i := range segments {
				segments[i].File = uint32(65_400 + i)
			}
		}
		cfg := tracker.DefaultConfig()
		switch seed % 5 {
		case 1:
			cfg.Attempt = 3 * time.Second
		case 2:
			cfg.Linger, cfg.TimeWait = time.Second, time.Second
		case 3:
			cfg.Attempt, cfg.MaxFacts, cfg.MaxRanges = time.Second, 2, 2
		}
		formsAgreeBy(t, cfg, fmt.Sprint(seed), segments)
	}
}

// TestTheSettledLeaveBehindVoidDeadlines: the SYN of a connection that was full from the start leaves a deadline behind when it
// settles; it must not hide that the connection can leave.
func TestTheSettledLeaveBehindVoidDeadlines(t *testing.T) {
	c, err := script.Parse("closed", `Opened, and closed later than a minute after.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+80   > F. 1:1(0) ack 1
+.020 < F. 1:1(0) ack 2
+.001 > .  2:2(0) ack 2
`)
	if err != nil {
		t.Fatal(err)
	}
	segments := c.Segments()
	segments[0].IPLen = 1000 // no embryo
	next := segments[5]
	next.Number, next.Flags, next.Ack, next.Flow.B.IP[15] = 7, segment.SYN, 0, 99
	cfg := tracker.DefaultConfig()
	cfg.MaxConnections = 1
	tr := tracker.New(cfg)
	for i := range segments {
		tr.Observe(&segments[i])
	}
	tr.Observe(&next)
	if tr.Live() != 1 || tr.Summary().Evicted != 1 {
		t.Errorf("%d connections, %d evicted; want one of each", tr.Live(), tr.Summary().Evicted)
	}
}
