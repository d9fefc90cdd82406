package tracker_test

import (
	"cmp"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// byPath tells paths 1 and 2 apart from the others.
func byPath(path uint32) uint64 {
	return [...]uint64{0, 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9}[min(path, 3)%3]
}

func keyed() tracker.Config {
	cfg := tracker.DefaultConfig()
	cfg.Key = byPath
	return cfg
}

// tenants merges two traces by time, each on a path of its own, and numbers the whole anew.
func tenants(first, second []segment.Segment) (all []segment.Segment) {
	for i, of := range [][]segment.Segment{first, second} {
		for _, s := range of {
			s.Path = uint32(i + 1)
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b segment.Segment) int { return cmp.Compare(a.Time, b.Time) })
	for i := range all {
		all[i].Number = uint64(i + 1)
	}
	return all
}

// alone is what is told of the segments of one path. Time passes as in the whole trace.
func alone(path uint32, all []segment.Segment) (records []*tracker.Connection) {
	t := tracker.New(keyed())
	for i := range all {
		t.Advance(all[i].Time)
		if all[i].Path == path {
			t.Observe(&all[i])
		}
		records = append(records, tracker.Collect(t.Take())...)
	}
	for done := false; !done; {
		done = t.Flush()
		records = append(records, tracker.Collect(t.Take())...)
	}
	return records
}

// apart holds that of two tenants with the same addresses and ports, at the same time, each has the records that it has
// alone.
func apart(t *testing.T, what string, all []segment.Segment) {
	t.Helper()
	var want []*tracker.Connection
	for path := range uint32(3) {
		records := alone(path, all)
		for _, r := range records {
			if r.Via != byPath(path) {
				t.Errorf("%s: a connection on path %d is known by %#x", what, path, r.Via)
			}
		}
		want = append(want, records...)
	}
	got := replayOn(tracker.New(keyed()), all).records
	for _, records := range [][]*tracker.Connection{got, want} {
		slices.SortStableFunc(records, func(a, b *tracker.Connection) int {
			return cmp.Or(cmp.Compare(a.First.Packet, b.First.Packet), cmp.Compare(a.Incarnation, b.Incarnation))
		})
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d records, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%s: record %d is\n%+v\nwant\n%+v", what, i, got[i], want[i])
			return
		}
	}
}

// TestTenants: Config.Key keeps connections apart in every form they may have.
func TestTenants(t *testing.T) {
	for _, c := range append(conversations(t), captures(t)...) {
		if len(c.segments) == 0 || len(c.segments) > 60 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			for _, delay := range []int64{0, 1, 5e6, 70e9, 200e9} {
				later := slices.Clone(c.segments)
				for i := range later {
					later[i].Time += delay
				}
				apart(t, "as it was", tenants(c.segments, later))
			}
			for seed := range uint64(10) {
				r := rand.New(rand.NewPCG(seed, 3))
				apart(t, "disturbed", tenants(c.segments, inOrder(disturbed(c.segments, r))))
			}
		})
	}
}

// inOrder has no time go back: merged by time, the trace would be another.
func inOrder(segments []segment.Segment) []segment.Segment {
	for i := range segments {
		if i > 0 {
			segments[i].Time = max(segments[i].Time, segments[i-1].Time)
		}
	}
	return segments
}

// TestTenantsInTraffic is TestTenants for 4-tuples that are used again and again.
func TestTenantsInTraffic(t *testing.T) {
	for seed := range uint64(40) {
		flows := 1 + int(seed%5)
		first, second := newTraffic(seed, flows), newTraffic(seed+1000, flows)
		first.backwards, second.backwards = false, false
		apart(t, "traffic", tenants(first.segments(400), second.segments(400)))
	}
}

// TestFormsAgreeByPath is TestPlainChangesNothing with connections kept apart by their paths.
func TestFormsAgreeByPath(t *testing.T) {
	for _, c := range append(conversations(t), captures(t)...) {
		if len(c.segments) == 0 || len(c.segments) > 60 {
			continue
		}
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 5))
			formsAgreeBy(t, keyed(), c.name, tenants(disturbed(c.segments, r), disturbed(c.segments, r)))
		}
	}
	for seed := range uint64(100) {
		traffic := newTraffic(seed, 1+int(seed%5))
		segments := traffic.segments(400)
		for i := range segments {
			segments[i].Path = uint32(traffic.r.IntN(4)) // 0 and 3 are one
		}
		formsAgreeBy(t, keyed(), "traffic", segments)
	}
}
