package tracker_test

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/internal/seq"
	"github.com/tcplife/tcplife/tracker"
)

// stepLen is how many bytes of fuzz input make one segment.
const stepLen = 10

// conversation turns bytes into segments of two 4-tuples whose numbers lie near each other, so
// that every rule is met. Any bytes will do.
func conversation(data []byte) []segment.Segment {
	flowOf := func(port uint16) segment.Flow {
		return segment.Flow{A: segment.Endpoint{IP: segment.IP{15: 1}, Port: port}, B: segment.Endpoint{IP: segment.IP{15: 2}, Port: 80}}
	}
	now := int64(1_700_000_000_000_000_000)
	isn := [2]seq.Num{0xffffff00, 0x7fffff00} // both wrap, one in its sign and one in its size
	var out []segment.Segment
	for n := uint64(1); len(data) >= stepLen; n++ {
		d := data[:stepLen]
		data = data[stepLen:]
		now += int64(d[0]) * int64(d[0]) * int64(d[0]) * 20_000 // up to 330 s
		s := segment.Segment{
			Number: n, Time: now, Flow: flowOf(1000 + uint16(d[1]>>7)), Dir: segment.Direction(d[1] & 1),
			Flags: segment.Flags(d[2] & 0x3f), Window: uint16(d[3]) << 4, PayloadLen: uint32(d[4]), IPLen: 40 + uint32(d[4]),
			HasIPID: d[1]&2 != 0, IPID: uint16(d[9]), Checksum: segment.Checksum(d[1] >> 2 & 3 % 3),
		}
		s.Seq = isn[s.Dir].Add(uint32(binary.BigEndian.Uint16(d[5:])) >> (d[1] >> 4 & 7))
		s.Ack = isn[s.Dir.Reverse()].Add(uint32(binary.BigEndian.Uint16(d[7:])) >> (d[1] >> 4 & 7))
		if d[9]&1 != 0 {
			s.Options.Has |= segment.OptTimestamps
			s.Options.TSVal, s.Options.TSEcr = uint32(now/1_000_000), uint32(d[9])
		}
		switch d[2] >> 6 {
		case 1:
			s.IsQuote, s.Checksum, s.Options = true, segment.ChecksumUnknown, segment.Options{}
			s.ICMP = segment.ICMPError{From: segment.IP{15: d[9]}, Type: 3 + d[3]&8, Code: d[3] & 7, Quoted: 20}
		case 2:
			s.Path, s.TTL = uint32(d[9]&1), d[9]>>1&1
		case 3:
			s.Fragments = 2
			if d[9]&2 != 0 {
				s.Options.Has |= segment.OptMalformed
			}
		}
		out = append(out, s)
	}
	return out
}

func replay(segments []segment.Segment, takeEvery int) []*tracker.Connection {
	t := tracker.New(tracker.DefaultConfig())
	var records []*tracker.Connection
	for i := range segments {
		t.Advance(segments[i].Time)
		t.Observe(&segments[i])
		if i%takeEvery == 0 {
			records = append(records, tracker.Collect(t.Take())...)
		}
	}
	for done := false; !done; {
		done = t.Flush()
		records = append(records, tracker.Collect(t.Take())...)
	}
	return records
}

// FuzzTracker: whatever passes, each endpoint walks the two tables without a gap, in order of time;
// every segment is in exactly one record; neither batches nor another 4-tuple nor the small forms change a record; and
// however small the table is, nothing is lost (bounded).
func FuzzTracker(f *testing.F) {
	f.Add([]byte("\x01\x00\x02\xff\x00\x00\x00\x00\x00\x02" + "\x01\x01\x12\xff\x00\x00\x00\x00\x01\x04" + "\x01\x00\x10\xff\x00\x00\x01\x00\x01\x06"))
	f.Add([]byte("\x01\x00\x02\xff\x00\x00\x00\x00\x00\x02" + "\x01\x01\x14\x00\x00\x00\x00\x00\x01\x04" + "\x30\x00\x02\xff\x00\x00\x05\x00\x00\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		segments := conversation(data)
		records := replay(segments, 1)
		if again := replay(segments, 7); !reflect.DeepEqual(records, again) {
			t.Error("how often records are taken changes them")
		}
		var counted, sent uint64
		for i := range segments {
			if !segments[i].IsQuote {
				sent++
			}
		}
		for _, c := range records {
			checkPaths(t, c)
			for _, e := range c.Endpoints {
				counted += e.Packets + e.DuplicatePackets
			}
		}
		if counted != sent {
			t.Errorf("%d segments in the records, %d were sent", counted, sent)
		}
		checkAlone(t, segments, records)
		formsAgree(t, "fuzzed", segments)
		for limit := 1; limit <= 4; limit++ {
			cfg := tracker.DefaultConfig()
			cfg.MaxConnections = limit
			bounded(t, tracker.New(cfg), limit, segments, 2)
			bounded(t, tracker.NewWithoutSmallForms(cfg), limit, segments, 2)
		}
	})
}

// checkPaths: `to` of one row is `from` of the next, time does not run backwards, and the
// state at the end is where the path led.
func checkPaths(t *testing.T, c *tracker.Connection) {
	t.Helper()
	var at [2]tracker.State
	var last [2]int64
	var seen [2]bool
	for _, tr := range c.Transitions {
		r := tr.Role
		if seen[r] && tr.From != at[r] {
			t.Errorf("%v leaves %v, but was in %v", r, tr.From, at[r])
		}
		if !tracker.Arrow(tr.From, tr.Event, tr.To) {
			t.Errorf("no arrow from %v by %v to %v", tr.From, tr.Event, tr.To)
		}
		if tr.At < last[r] {
			t.Errorf("%v: %v before what came before it", r, tr.Event)
		}
		at[r], last[r], seen[r] = tr.To, tr.At, true
	}
	for r, e := range c.Endpoints {
		if seen[r] && e.State != at[r] {
			t.Errorf("%v ends in %v, its path in %v", tracker.Role(r), e.State, at[r])
		}
	}
}

// checkAlone: the connections of one 4-tuple are the same without the other 4-tuple.
func checkAlone(t *testing.T, segments []segment.Segment, records []*tracker.Connection) {
	t.Helper()
	flows := map[segment.Flow][]segment.Segment{}
	for _, s := range segments {
		flows[s.Flow] = append(flows[s.Flow], s)
	}
	if len(flows) < 2 {
		return
	}
	for flow, own := range flows {
		var with []*tracker.Connection
		for _, c := range records {
			if c.Flow == flow {
				with = append(with, c)
			}
		}
		if got := replay(own, 1); len(got) != len(with) {
			t.Errorf("%d connections alone, %d among others", len(got), len(with))
		}
	}
}
