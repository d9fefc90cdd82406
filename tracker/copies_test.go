package tracker_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/tracker"
)

// tap is one of two places where a trace is captured, and when a segment of a direction passes there.
type tap struct {
	hops uint8  // further from the hosts than the other one, whatever the direction
	path uint32 // of what it captures
	late func(segment.Direction, *rand.Rand) int64
}

const µs, ms = int64(1e3), int64(1e6)

func always(d int64) func(segment.Direction, *rand.Rand) int64 {
	return func(segment.Direction, *rand.Rand) int64 { return d }
}

// between draws a delay for each segment.
func between(a, b int64) func(segment.Direction, *rand.Rand) int64 {
	return func(_ segment.Direction, r *rand.Rand) int64 { return a + r.Int64N(b-a) }
}

// towards is the delay to a tap nearer to flow.B, whose clock is off.
func towards(way, off int64) func(segment.Direction, *rand.Rand) int64 {
	return func(d segment.Direction, _ *rand.Rand) int64 {
		if d == segment.AtoB {
			return off + way
		}
		return off - way
	}
}

// twice captures a trace at a second tap too: it returns the merged trace, the number that each of its segments has in the original, and
// how many were captured twice.
func twice(segments []segment.Segment, second tap, keep func(*segment.Segment) bool, seed uint64) (out []segment.Segment, origin []uint64, copies uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	type captured struct {
		s  segment.Segment
		at int64
	}
	var all []captured
	last := [2]int64{}
	for i := range segments {
		s := segments[i]
		all = append(all, captured{s, s.Time})
		if s.IsQuote || !keep(&s) {
			continue
		}
		copies++
		s.TTL -= second.hops
		s.Path += second.path
		s.Time += second.late(s.Dir, r)
		s.Time = max(s.Time, last[s.Dir]+1) // a tap sees what one end sends in order
		last[s.Dir] = s.Time
		all = append(all, captured{s, s.Time})
	}
	slices.SortStableFunc(all, func(a, b captured) int { return int(max(-1, min(1, a.at-b.at))) })
	for i := range all {
		origin = append(origin, all[i].s.Number)
		all[i].s.Number = uint64(i + 1)
		out = append(out, all[i].s)
	}
	return out, origin, copies
}

// firsts are the first captures of each segment.
func firsts(merged []segment.Segment, origin []uint64) (out []segment.Segment, of []uint64) {
	seen := map[uint64]bool{}
	for i, s := range merged {
		if n := origin[i]; !seen[n] {
			seen[n] = true
			of = append(of, n)
			s.Number = uint64(len(of))
			out = append(out, s)
		}
	}
	return out, of
}

// settledRecords replays a trace until nothing more can happen, and names its packets by origin.
func settledRecords(segments []segment.Segment, origin []uint64, end int64) ([]*tracker.Connection, tracker.Summary) {
	tr := tracker.New(tracker.DefaultConfig())
	var records []*tracker.Connection
	for i := range segments {
		tr.Advance(segments[i].Time)
		tr.Observe(&segments[i])
		records = append(records, tracker.Collect(tr.Take())...)
	}
	tr.Advance(end)
	for done := false; !done; {
		done = tr.Flush()
		records = append(records, tracker.Collect(tr.Take())...)
	}
	for _, c := range records {
		rename(reflect.ValueOf(c).Elem(), origin)
		for r := range c.Endpoints {
			c.Endpoints[r].DuplicatePackets = 0
		}
	}
	slices.SortFunc(records, func(a, b *tracker.Connection) int { return int(a.First.Packet) - int(b.First.Packet) })
	return records, tr.Summary()
}

// rename gives each Mark the number of its packet in the original.
func rename(v reflect.Value, origin []uint64) {
	switch kind := v.Kind(); {
	case kind == reflect.Struct:
		if m, ok := v.Addr().Interface().(*tracker.Mark); ok {
			if m.Packet > 0 && origin != nil {
				m.Packet = origin[m.Packet-1]
			}
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				rename(v.Field(i), origin)
			}
		}
	case kind == reflect.Slice || kind == reflect.Array:
		for i := range v.Len() {
			rename(v.Index(i), origin)
		}
	}
}

// hasMark reports whether something but its time tells two transmissions of s from each other.
func hasMark(s *segment.Segment) bool {
	return s.HasIPID || s.Options.Has&segment.OptTimestamps != 0
}

func every(*segment.Segment) bool { return true }

// carries reports whether s is known again without an identification, met by the same way.
func carries(s *segment.Segment) bool {
	return s.HasIPID || s.Len() > 0 && !s.Flags.Has(segment.RST)
}

// TestCopiesChangeNothing: a trace in which each packet was captured twice tells what the trace tells in which it was captured once,
// and how often.
func TestCopiesChangeNothing(t *testing.T) {
	for _, way := range []struct {
		name   string
		second tap
		keep   func(*segment.Segment) bool
		seeds  uint64 // how many times, if delays are drawn
		slower int64  // the trace is so many times slower: copies come behind much else, but not behind the answers
	}{
		{"ingress and egress", tap{0, 0, always(20 * µs)}, carries, 1, 1},
		{"routed", tap{1, 0, always(30 * µs)}, every, 1, 1},
		{"another VLAN", tap{0, 1, always(2 * µs)}, every, 1, 1},
		{"routed to another VLAN, behind a queue", tap{1, 1, between(0, 3*ms)}, every, 3, 1},
		{"a queue out of order", tap{2, 0, between(1*ms, 4*ms)}, every, 3, 1},
		{"a clock behind", tap{1, 0, always(-4 * ms)}, every, 1, 1},
		{"a tap behind the next switch", tap{0, 2, towards(1*µs, 0)}, every, 1, 1},
		{"and its clock", tap{3, 2, towards(1*ms, 3*ms)}, every, 1, 1},
		{"a tap far away", tap{9, 1, always(120 * ms)}, hasMark, 1, 40},
	} {
		t.Run(way.name, func(t *testing.T) {
			for _, c := range slices.Concat(conversations(t), captures(t)) {
				inOrder := slices.IsSortedFunc(c.segments, func(a, b segment.Segment) int { return int(max(-1, min(1, a.Time-b.Time))) })
				if len(c.segments) == 0 || !inOrder || way.slower > 1 && networkCopies(c.segments) {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					copiesChangeNothing(t, slower(c.segments, way.slower), way.second, way.keep, way.seeds)
				})
			}
		})
	}
}

// networkCopies reports whether the wire delivered something twice: made slower, it is not known as such any more unless its
// connection is met in two places.
func networkCopies(segments []segment.Segment) bool {
	type sent struct {
		flow segment.Flow
		dir  segment.Direction
		seq  seq.Num
		id   uint16
	}
	seen := map[sent]bool{}
	for i := range segments {
		s := &segments[i]
		k := sent{s.Flow, s.Dir, s.Seq, s.IPID}
		if s.HasIPID && seen[k] {
			return true
		}
		seen[k] = true
	}
	return false
}

// slower stretches the time between segments.
func slower(segments []segment.Segment, times int64) []segment.Segment {
	out := slices.Clone(segments)
	for i := range out {
		out[i].Time = out[0].Time + times*(out[i].Time-out[0].Time)
	}
	return out
}

func copiesChangeNothing(t *testing.T, segments []segment.Segment, second tap, keep func(*segment.Segment) bool, seeds uint64) {
	t.Helper()
	end := segments[len(segments)-1].Time + 1000*ms
	_, once := settledRecords(segments, nil, end)
	for seed := range seeds {
		merged, origin, copies := twice(segments, second, keep, seed)
		original, of := firsts(merged, origin)
		want, _ := settledRecords(original, of, end)
		got, sum := settledRecords(merged, origin, end)
		if sum.Duplicates != once.Duplicates+copies {
			t.Errorf("%d copies, want %d and %d", sum.Duplicates, once.Duplicates, copies)
		}
		if len(got) != len(want) {
			t.Errorf("%d records, want %d", len(got), len(want))
			return
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("record %d is\n%s\nwant\n%s", i, fmt.Sprintf("%+v", *got[i]), fmt.Sprintf("%+v", *want[i]))
				return
			}
		}
		formsAgree(t, "twice", merged)
		if t.Failed() {
			return
		}
	}
}

// TestCopiesAreCounted by where they were met, the same whoever adds up which share.
func TestCopiesAreCounted(t *testing.T) {
	var segments []segment.Segment
	add := func(id uint16, at int64, ttl uint8, path, file uint32) {
		segments = append(segments, segment.Segment{
			Number: uint64(len(segments) + 1), Time: 1_700_000_000_000_000_000 + at, TTL: ttl, Path: path, File: file,
			Flow:    segment.Flow{A: segment.Endpoint{IP: segment.IP{15: 1}, Port: 1000}, B: segment.Endpoint{IP: segment.IP{15: 2}, Port: 80}},
			HasIPID: true, IPID: id, Flags: segment.ACK, Window: 1000, IPLen: 40,
		})
	}
	add(1, 0, 64, 7, 0)
	add(1, 5*µs, 64, 7, 0)     // once more
	add(1, 50*µs, 63, 7, 0)    // a hop further
	add(1, 500*µs, 40, 3, 0)   // many, and by another path
	add(1, 20*ms, 65, 9, 0)    // a hop before
	add(1, 300*ms, 64, 7, 1)   // in another file
	add(1, 600*ms, 63, 7, 0)   // too late
	add(2, 601*ms, 63, 200, 0) // another one
	var want tracker.Copies
	want.Hops[tracker.MostHops], want.Hops[tracker.MostHops+1], want.Hops[2*tracker.MostHops], want.Hops[tracker.MostHops-1] = 2, 1, 1, 1
	want.Apart = [...]uint64{1, 1, 1, 0, 1, 1}
	want.OtherWay, want.OtherPath, want.OtherFile = 4, 2, 1
	want.PathPairs[0], want.PathPairs[1] = tracker.PathPair{A: 3, B: 7, Copies: 1}, tracker.PathPair{A: 7, B: 9, Copies: 1}
	got := replayOn(tracker.New(tracker.DefaultConfig()), segments)
	if got.sum.Copies != want || got.sum.Duplicates != 5 {
		t.Errorf("%d copies, %+v\nwant 5, %+v", got.sum.Duplicates, got.sum.Copies, want)
	}
	both := got.sum
	both.Add(got.sum)
	if both.Copies.OtherWay != 8 || both.Copies.Apart[0] != 2 || both.Copies.PathPairs[1].Copies != 2 || both.Copies.PathPairs[2].Copies != 0 {
		t.Errorf("twice that is %+v", both.Copies)
	}
}

// TestPathPairsAreBounded: the lowest stay, and their counts are right, in whatever order they come.
func TestPathPairsAreBounded(t *testing.T) {
	var want tracker.Copies
	for i := range want.PathPairs {
		want.PathPairs[i] = tracker.PathPair{A: 1, B: uint32(2 + i), Copies: 3}
	}
	for seed := range uint64(5) {
		shares := make([]tracker.Summary, 3*4)
		r := rand.New(rand.NewPCG(seed, 9))
		var all []tracker.PathPair
		for n := range 3 * 20 {
			all = append(all, tracker.PathPair{A: 1, B: uint32(2 + n%20), Copies: 1})
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for i, p := range all {
			var one tracker.Summary
			one.Copies.PathPairs[0] = p
			shares[i%len(shares)].Add(one)
		}
		var sum tracker.Summary
		for _, s := range shares {
			sum.Add(s)
		}
		if sum.Copies != want {
			t.Errorf("%+v, want %+v", sum.Copies, want)
		}
	}
}
