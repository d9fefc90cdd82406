package tracker_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/tracker"
)

// replayed is all that a tracker tells of a trace.
type replayed struct {
	records  []*tracker.Connection
	verdicts []tracker.Verdict
	sum      tracker.Summary
}

func replayOn(t *tracker.Tracker, segments []segment.Segment) (r replayed) {
	for i := range segments {
		t.Advance(segments[i].Time)
		r.verdicts = append(r.verdicts, t.Observe(&segments[i]))
		r.records = append(r.records, tracker.Collect(t.Take())...)
	}
	for done := false; !done; {
		done = t.Flush()
		r.records = append(r.records, tracker.Collect(t.Take())...)
	}
	r.sum = t.Summary()
	return r
}

// formsAgree replays segments with and without the small forms.
func formsAgree(t *testing.T, what string, segments []segment.Segment) {
	t.Helper()
	formsAgreeBy(t, tracker.DefaultConfig(), what, segments)
}

func formsAgreeBy(t *testing.T, cfg tracker.Config, what string, segments []segment.Segment) {
	t.Helper()
	got := replayOn(tracker.New(cfg), segments)
	want := replayOn(tracker.NewWithoutSmallForms(cfg), segments)
	switch {
	case !reflect.DeepEqual(got.verdicts, want.verdicts):
		t.Errorf("%s: verdicts %v, want %v", what, got.verdicts, want.verdicts)
	case got.sum != want.sum:
		t.Errorf("%s: %+v, want %+v", what, got.sum, want.sum)
	case len(got.records) != len(want.records):
		t.Errorf("%s: %d records, want %d", what, len(got.records), len(want.records))
	default:
		for i, c := range got.records {
			if !reflect.DeepEqual(c, want.records[i]) {
				t.Errorf("%s: record %d is\n%+v\nwant\n%+v", what, i, c, want.records[i])
				return
			}
		}
	}
}

// TestPlainChangesNothing: a connection that was kept in a small form for as long as it was ordinary tells what it would
// have told had it had the full form from the start.
func TestPlainChangesNothing(t *testing.T) {
	for _, c := range append(conversations(t), captures(t)...) {
		t.Run(c.name, func(t *testing.T) {
			formsAgree(t, "as it was", c.segments)
			if len(c.segments) == 0 || len(c.segments) > 60 {
				return
			}
			reorderings(c.segments, func(what string, segments []segment.Segment) { formsAgree(t, what, segments) })
			for cut := range c.segments {
				formsAgree(t, "cut short", c.segments[:cut])
			}
			for seed := range uint64(60) {
				formsAgree(t, "disturbed", disturbed(c.segments, rand.New(rand.NewPCG(seed, 1))))
			}
		})
	}
}

// disturbed changes what small forms keep in fewer bits than the segment has: moments, sizes, windows, flags, options.
func disturbed(segments []segment.Segment, r *rand.Rand) []segment.Segment {
	out := slices.Clone(segments)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(out))
		s := &out[i]
		switch r.IntN(16) {
		case 0: // the trace stands still for long
			gap := []int64{1 << 31, 1 << 32, 1 << 33, 200e9, 1 << 46, 1 << 48}[r.IntN(6)]
			for j := i; j < len(out); j++ {
				out[j].Time += gap
			}
		case 1:
			s.Time -= []int64{1, 1e6, 1e9, 1 << 33}[r.IntN(4)]
		case 2:
			gap := []uint64{1 << 31, 1 << 32, 1 << 33, 1 << 49}[r.IntN(4)]
			for j := i; j < len(out); j++ {
				out[j].Number += gap
			}
		case 3:
			s.File = []uint32{1, 1 << 15, 1 << 16, 1<<32 - 1}[r.IntN(4)]
		case 4:
			s.Path = []uint32{0, 1, 2, 1 << 16}[r.IntN(4)]
		case 5:
			s.Checksum = segment.Checksum(r.IntN(3))
		case 6:
			s.Window = []uint16{0, 1, 65535}[r.IntN(3)]
		case 7:
			s.Options.Has ^= []segment.OptionSet{segment.OptTimestamps, segment.OptCut, segment.OptWindowScale, segment.OptMSS, segment.OptMalformed, segment.OptMPTCP, segment.OptMD5, segment.OptFastOpen}[r.IntN(8)]
			s.Options.TSVal, s.Options.TSEcr = r.Uint32(), r.Uint32()
		case 8:
			s.IPID, s.HasIPID = uint16(r.IntN(2)), r.IntN(2) == 0
		case 9:
			s.PayloadLen = []uint32{0, 1, 1 << 16, 1 << 29, 1 << 30}[r.IntN(5)]
			s.IPLen = s.PayloadLen + 40
		case 10:
			s.Flags ^= []segment.Flags{segment.PSH, segment.ACK, segment.FIN, segment.RST, segment.SYN, segment.AE, segment.URG, segment.ECE | segment.CWR}[r.IntN(8)]
			s.Urgent = uint16(r.IntN(2))
		case 11:
			s.Ack, s.Seq = s.Ack.Add(uint32(r.IntN(3))).Back(1), s.Seq.Add(uint32(r.IntN(3))).Back(1)
		case 12:
			s.Fragments = uint8(r.IntN(3))
		case 13:
			out = slices.Insert(out, i+1, quoted(s, r))
		case 14: // the receiver has octets twice, or some out of order
			s.Options.Has |= segment.OptSACK
			s.Options.SACKs = uint8(1 + r.IntN(2))
			for k := range s.Options.SACK[:s.Options.SACKs] {
				left := s.Ack.Add(uint32(r.IntN(400))).Back(200)
				s.Options.SACK[k] = segment.Block{Left: left, Right: left.Add(uint32(1 + r.IntN(100)))}
			}
		case 15: // larger than a packet, all that follows moved on
			grown := uint32([]int{1500, 1 << 14, 1 << 16, 1 << 17}[r.IntN(4)])
			s.PayloadLen, s.IPLen = s.PayloadLen+grown, s.IPLen+grown
			for j := i + 1; j < len(out); j++ {
				if out[j].Dir == s.Dir {
					out[j].Seq = out[j].Seq.Add(grown)
				} else {
					out[j].Ack = out[j].Ack.Add(grown)
				}
			}
		}
	}
	return out
}

// quoted is an ICMP error about s.
func quoted(s *segment.Segment, r *rand.Rand) segment.Segment {
	q := *s
	q.IsQuote, q.Options = true, segment.Options{}
	q.ICMP = segment.ICMPError{From: q.Flow.Sender(q.Dir.Reverse()).IP, Type: []uint8{3, 4, 11}[r.IntN(3)], Code: uint8(r.IntN(5)), Quoted: 20}
	q.Number, q.Time = s.Number+uint64(r.IntN(2)), s.Time+int64(r.IntN(2))*1e6
	return q
}

// TestOpeningStaysOver: what an ordinary segment told of the opening is not asked again after a small form, whatever a SYN-ACK of the
// client's makes of it then.
func TestOpeningStaysOver(t *testing.T) {
	c, err := script.Parse("late SYN-ACK", `A SYN-ACK of the client's in an open connection, then a FIN and data that acknowledge it.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+.001 < P. 1:101(100) ack 1
+400  > S. 700000:700000(0) ack 201
+.010 > F. 700001:700001(0) ack 201
+.100 < .  201:401(200) ack 700002
`)
	if err != nil {
		t.Fatal(err)
	}
	formsAgree(t, "as it was", c.Segments())
}

// TestTheReplacedLeaveInTime: a connection that another replaced leaves when its stragglers are over, whatever form it had and
// whichever of the two leaves first.
func TestTheReplacedLeaveInTime(t *testing.T) {
	for _, c := range []struct {
		name, text string
		back       int // this segment and those behind it are stamped 100 s earlier
	}{
		{"a straggler", `A straggler of the first connection, after the second was answered.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+1    > S  5000000:5000000(0)
+.020 < S. 7000000:7000000(0) ack 5000001
+.001 > .  1:101(100) ack 1
+900  > .  101:101(0) ack 1
`, 7},
		{"it stays behind", `The second connection is reset, and by its clock leaves before the first.
0     > S  0:0(0)
+.020 < S. 0:0(0) ack 1
+.001 > .  1:1(0) ack 1
+.001 > .  1:101(100) ack 1
+.001 > .  1:101(100) ack 1
+.020 < .  1:1(0) ack 101
+500  > S  5000000:5000000(0)
+.001 < .  1:1(0) ack 101
+.020 < S. 7000000:7000000(0) ack 5000001
+.001 > .  5000001:5000001(0) ack 7000001
+.001 > R. 5000001:5000001(0) ack 7000001 win 0
+130  < P. 1:11(10) ack 101
+.001 > .  101:101(0) ack 11
+900  > .  101:101(0) ack 11
`, 10},
	} {
		parsed, err := script.Parse(c.name, c.text)
		if err != nil {
			t.Fatal(err)
		}
		segments := parsed.Segments()
		for i := c.back; i < len(segments); i++ {
			segments[i].Time -= 100e9
		}
		formsAgree(t, c.name, segments)
	}
}

// TestSizesOfForms: what a flood and a million connections cost.
func TestSizesOfForms(t *testing.T) {
	if tracker.SizeOfEmbryo > 56 || tracker.SizeOfPlain > 240 {
		t.Errorf("an embryo takes %d octets, a plain connection %d; want at most 56 and 240", tracker.SizeOfEmbryo, tracker.SizeOfPlain)
	}
}

// TestHashCoversTheFlow: no octet of a Flow is padding, whose value would be left to chance.
func TestHashCoversTheFlow(t *testing.T) {
	if tracker.SizeOfFlow != tracker.OctetsOfFlow {
		t.Errorf("a flow takes %d octets, its fields %d", tracker.SizeOfFlow, tracker.OctetsOfFlow)
	}
}
