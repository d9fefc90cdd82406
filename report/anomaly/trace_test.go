package anomaly_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// finish judges the records, and then the trace.
func finish(sum tracker.Summary, capture anomaly.Capture, records ...*record) []anomaly.Finding {
	j := anomaly.New(anomaly.DefaultThresholds())
	for _, r := range records {
		j.Connection(&r.Connection)
	}
	return j.Finish(sum, capture)
}

func TestDropsReported(t *testing.T) {
	drops := anomaly.Capture{Packets: 100, DropsKernel: 7, DropsKnown: true}
	f := finding(t, finish(tracker.Summary{}, drops), "drops-reported")
	if f == nil || !strings.Contains(f.Evidence, "7 packets dropped by the kernel") {
		t.Errorf("got %+v", f)
	}
	drops.DropsKernel = 0
	if f := finding(t, finish(tracker.Summary{}, drops), "drops-reported"); f != nil {
		t.Errorf("reported without drops: %s", f.Evidence)
	}
}

func TestTimeWentBackwards(t *testing.T) {
	if finding(t, finish(tracker.Summary{Backwards: 1}, anomaly.Capture{}), "time-went-backwards") == nil {
		t.Error("not reported")
	}
	if finding(t, finish(tracker.Summary{}, anomaly.Capture{}), "time-went-backwards") != nil {
		t.Error("reported of a trace in order")
	}
}

func TestTableEvicted(t *testing.T) {
	for want, sum := range map[string]tracker.Summary{
		"1 connection left early (1 open) when --max-connections was reached":                                        {Evicted: 1},
		"6 connections left early (3 half-open, 1 closed, 2 open) when --max-memory was reached":                     {Evicted: 6, EvictedMemory: 6, EvictedHalfOpen: 3, EvictedClosed: 1},
		"2 connections left early (2 half-open) when --max-connections or --max-memory was reached":                  {Evicted: 2, EvictedMemory: 1, EvictedHalfOpen: 2},
		"1 connection left early (1 closed) when --max-connections was reached; did not fit, by kind: byte range: 4": {Evicted: 1, EvictedClosed: 1, RangesDropped: 4},
	} {
		if f := finding(t, finish(sum, anomaly.Capture{}), "table-evicted"); f == nil || f.Evidence != want {
			t.Errorf("%+v, want %q", f, want)
		}
	}
	if finding(t, finish(tracker.Summary{Connections: 9}, anomaly.Capture{}), "table-evicted") != nil {
		t.Error("reported without an eviction")
	}
	if f := finding(t, finish(tracker.Summary{}, anomaly.Capture{PathsDropped: 12}), "table-evicted"); f == nil || !strings.Contains(f.Evidence, "path: 12") {
		t.Errorf("paths that did not fit: %v", f)
	}
}

func TestDuplicateShare(t *testing.T) {
	if finding(t, finish(tracker.Summary{Segments: 100, Duplicates: 5}, anomaly.Capture{}), "duplicate-packets") == nil {
		t.Error("5 % not reported")
	}
	if finding(t, finish(tracker.Summary{Segments: 100, Duplicates: 4}, anomaly.Capture{}), "duplicate-packets") != nil {
		t.Error("4 % reported")
	}
}

// TestWhereCopiesWereMet: few copies are told if they come from elsewhere, and what they differ in is.
func TestWhereCopiesWereMet(t *testing.T) {
	var paths segment.Paths
	on := func(kind segment.Wrap, id uint32) uint32 {
		var p segment.Path
		p.Add(kind, id)
		return paths.ID(p)
	}
	on10, on20, inside := on(segment.WrapVLAN, 10), on(segment.WrapVLAN, 20), on(segment.WrapVXLAN, 7)
	const same = tracker.MostHops
	sum := func(change func(*tracker.Copies)) tracker.Summary {
		s := tracker.Summary{Segments: 10_000, Duplicates: 100}
		s.Copies.OtherWay = 100
		change(&s.Copies)
		return s
	}
	for _, c := range []struct {
		name  string
		sum   tracker.Summary
		paths *segment.Paths
		want  string
	}{
		{"a hop further", sum(func(c *tracker.Copies) { c.Hops[same+1], c.Apart[1] = 100, 100 }), &paths, "100 segments of 10,000 are copies (1%), met again one hop further (TTL 1 lower), within 100 µs"},
		{"hops before", sum(func(c *tracker.Copies) { c.Hops[same-3], c.Apart[5] = 100, 100 }), &paths, "met again 3 hops before (TTL 3 higher)"},
		{"many hops", sum(func(c *tracker.Copies) { c.Hops[2*same], c.Apart[2] = 100, 100 }), &paths, "met again 8 hops or more further (TTL that much lower), within 1 ms"},
		{"a loop", sum(func(c *tracker.Copies) {
			c.Hops[same+2], c.Hops[same+4], c.Hops[same+6] = 40, 40, 20
			c.Apart[3], c.Apart[5] = 95, 5
		}), &paths, "met again 2 hops further (TTL 2 lower) 40 times, 4 hops further (TTL 4 lower) 40 times, 6 hops further (TTL 6 lower) 20 times, within 10 ms"},
		{"two VLANs", sum(func(c *tracker.Copies) {
			c.Hops[same], c.Apart[0], c.OtherPath = 100, 100, 100
			c.PathPairs[0] = tracker.PathPair{A: on10, B: on20, Copies: 100}
		}), &paths, "are copies (1%), on vlan:10 and vlan:20, within 10 µs"},
		{"some in a tunnel", sum(func(c *tracker.Copies) {
			c.Hops[same], c.Apart[0], c.OtherPath = 100, 100, 60
			c.PathPairs[0], c.PathPairs[1] = tracker.PathPair{B: on20, Copies: 20}, tracker.PathPair{B: inside, Copies: 40}
		}), &paths, "60 of them by another path, 40 on plain and vxlan:7, within 10 µs"},
		{"nobody knows the paths", sum(func(c *tracker.Copies) {
			c.Hops[same], c.Apart[0], c.OtherPath = 100, 100, 60
			c.PathPairs[0] = tracker.PathPair{A: on10, B: on20, Copies: 60}
		}), nil, "(1%), 60 of them by another path, within 10 µs"},
		{"two files", sum(func(c *tracker.Copies) { c.Hops[same], c.Apart[4], c.OtherFile = 100, 100, 100 }), &paths, "(1%), in another file, within 100 ms"},
	} {
		j := anomaly.New(anomaly.DefaultThresholds())
		j.Paths = c.paths
		if f := finding(t, j.Finish(c.sum, anomaly.Capture{}), "duplicate-packets"); f == nil || !strings.Contains(f.Evidence, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, f, c.want)
		}
	}
	few := sum(func(c *tracker.Copies) { c.OtherWay = 19 })
	if f := finding(t, finish(few, anomaly.Capture{}), "duplicate-packets"); f != nil {
		t.Errorf("reported of few: %s", f.Evidence)
	}
}

// forgotten is a connection to the server that its holder left in CLOSE_WAIT for 100 s, beginning
// after so many seconds.
func forgotten(port uint16, from float64) *record {
	r := open()
	r.Flow, r.ClientIs = segment.FlowOf(segment.Endpoint{IP: r.Client().IP, Port: port}, r.Server())
	r.fin(client, uint64(from)+7, from, true)
	r.last(server, uint64(from)+8, from)
	r.ends(from + 100)
	return r
}

func TestCloseWaitLeak(t *testing.T) {
	var held, apart []*record
	for i := range 10 {
		held = append(held, forgotten(uint16(1000+i), float64(i)))
		apart = append(apart, forgotten(uint16(1000+i), 100*float64(i)))
	}
	f := finding(t, finish(tracker.Summary{}, anomaly.Capture{}, held...), "close-wait-leak")
	if f == nil || !strings.Contains(f.Evidence, "10.0.0.2 holds at least 10 connections of 10.0.0.2:80") || f.Severity != anomaly.Error {
		t.Errorf("got %+v", f)
	}
	if f := finding(t, finish(tracker.Summary{}, anomaly.Capture{}, held[1:]...), "close-wait-leak"); f != nil {
		t.Errorf("nine are reported: %s", f.Evidence)
	}
	if f := finding(t, finish(tracker.Summary{}, anomaly.Capture{}, apart...), "close-wait-leak"); f != nil {
		t.Errorf("ten one after the other are reported: %s", f.Evidence)
	}
}

// offloaded is a connection whose client has only wrong checksums.
func offloaded() *record {
	r := open()
	r.end(client).ChecksumBad, r.end(client).ChecksumGood = 6, 0
	return r
}

func TestChecksumOffload(t *testing.T) {
	f := finding(t, finish(tracker.Summary{}, anomaly.Capture{}, offloaded()), "checksum-offload")
	if f == nil || !strings.HasPrefix(f.Evidence, "10.0.0.1: 6 of 6 segments") {
		t.Errorf("got %+v", f)
	}
	for name, change := range map[string]func(r *record){
		"some are right":          func(r *record) { r.end(client).ChecksumGood = 6 },
		"too few to tell":         func(r *record) { r.end(client).ChecksumBad = 4 },
		"the other side's as bad": func(r *record) { r.end(server).ChecksumBad, r.end(server).ChecksumGood = 6, 0 },
	} {
		r := offloaded()
		change(r)
		if f := finding(t, finish(tracker.Summary{}, anomaly.Capture{}, r), "checksum-offload"); f != nil {
			t.Errorf("%s: reported: %s", name, f.Evidence)
		}
	}
}

func TestOneWayShare(t *testing.T) {
	oneWay := func() *record { r := open(); *r.end(server) = tracker.Endpoint{MissingBytes: 200}; return r }
	fs := finish(tracker.Summary{}, anomaly.Capture{}, oneWay(), oneWay(), oneWay(), oneWay(), open())
	if finding(t, fs, "one-way-capture") == nil {
		t.Error("4 of 5 not reported")
	}
	if f := finding(t, fs, "capture-loss"); f != nil {
		t.Errorf("the unseen direction is called a loss: %s", f.Evidence)
	}
	if finding(t, finish(tracker.Summary{}, anomaly.Capture{}, oneWay(), open()), "one-way-capture") != nil {
		t.Error("1 of 2 reported")
	}
}

func TestDatagramsThatStayedIncomplete(t *testing.T) {
	for _, test := range []struct {
		fragments anomaly.Fragments
		slug      string
		want      string
	}{
		{anomaly.Fragments{}, "fragmented-tcp", ""},
		{anomaly.Fragments{Incomplete: 3}, "fragmented-tcp", "3 datagrams in IP fragments stayed incomplete"},
		{anomaly.Fragments{Incomplete: 3, OnlyFirst: 2}, "fragmented-tcp", "3 datagrams in IP fragments stayed incomplete, 2 of them with nothing but the first fragment"},
		{anomaly.Fragments{Overlapping: 1}, "fragmented-tcp", "1 datagram in IP fragments refused, because fragments overlap"},
		{anomaly.Fragments{GivenUp: 1}, "fragmented-tcp", ""},
		{anomaly.Fragments{GivenUp: 1000}, "table-evicted", "did not fit, by kind: datagram in IP fragments: 1,000"},
	} {
		got := ""
		if f := finding(t, finish(tracker.Summary{}, anomaly.Capture{Fragments: test.fragments}), test.slug); f != nil {
			got = f.Evidence
		}
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.fragments, got, test.want)
		}
	}
}

// TestMerge holds that sharding changes nothing that is found in the trace.
func TestMerge(t *testing.T) {
	var records []*record
	for i := range 100 {
		records = append(records, forgotten(uint16(1000+i), float64(i)))
	}
	lossy := open()
	lossy.end(server).MissingBytes = 1000
	lossy.end(client).Lost = tracker.Losses{Behind: tracker.Loss{Packets: 20, Bytes: 50}, First: mark(5, .042)}
	records = append(records, offloaded(), lossy)
	for i := range 9 {
		large, gap := open(), open()
		large.end(server).Largest = tracker.SegmentSize(1 + i%3)
		gap.jumps(uint64(7+2*i), .043, 7200, 200)
		gap.skips(uint64(30+2*i), 9000+.1*float64(i), 5)
		records = append(records, large, gap)
	}
	capture := anomaly.Capture{Pauses: []anomaly.Pause{
		{From: second(.05), To: second(7200.02), Packets: 100, Since: second(0)},
		{From: second(9001), To: second(9003), Packets: 100_000, Since: second(8900)},
	}}
	whole := anomaly.New(anomaly.DefaultThresholds())
	shards := []*anomaly.Judge{anomaly.New(anomaly.DefaultThresholds()), anomaly.New(anomaly.DefaultThresholds()), anomaly.New(anomaly.DefaultThresholds())}
	for i, r := range records {
		whole.Connection(&r.Connection)
		shards[i%3].Connection(&r.Connection)
	}
	want := whole.Finish(tracker.Summary{}, capture)
	merged := anomaly.New(anomaly.DefaultThresholds())
	for _, s := range slices.Backward(shards) {
		merged.Merge(s)
	}
	got := merged.Finish(tracker.Summary{}, capture)
	if len(want) < 7 || !reflect.DeepEqual(got, want) {
		t.Errorf("merged:\n%+v\nwhole:\n%+v", got, want)
	}
	if want[0].Kind.Severity != anomaly.Quality {
		t.Errorf("%s comes before the capture's quality", want[0].Kind.Slug)
	}
}

func TestMaxKeys(t *testing.T) {
	limits := anomaly.DefaultThresholds()
	limits.MaxKeys = 1
	j := anomaly.New(limits)
	j.Connection(&offloaded().Connection)
	other := offloaded()
	other.Flow, other.ClientIs = segment.FlowOf(segment.Endpoint{IP: segment.IP{15: 9}, Port: 1}, other.Server())
	j.Connection(&other.Connection)
	n := 0
	fs := j.Finish(tracker.Summary{}, anomaly.Capture{})
	if f := finding(t, fs, "table-evicted"); f == nil || !strings.Contains(f.Evidence, "host, service or moment: 1") {
		t.Errorf("the limit is reached in silence: %+v", f)
	}
	for _, f := range fs {
		if f.Kind == anomaly.ChecksumOffload {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d hosts, want the limit of 1", n)
	}
}

func TestRanking(t *testing.T) {
	r := open()
	r.copies(tracker.FactSynRetransmitted, client, 6, .05, 1, 2, 1)
	r.fin(server, 8, 2, true)
	r.ClosedBy = tracker.ByServer
	r.rst(client, 9, 2.01, tracker.FormActive)
	r.end(client).TruncatedPackets = 1
	fs := judge(r)
	want := []string{"rst-instead-of-fin-ack", "syn-retransmitted", "closed-by-server-first", "snaplen-truncated"}
	if got := slugs(fs); !slices.Equal(got, want) {
		t.Fatalf("order %v, want %v", got, want)
	}
	for i, f := range fs {
		if f.Detail != (i > 0) {
			t.Errorf("%s: detail %v", f.Kind.Slug, f.Detail)
		}
	}
}

func TestQualityIsNoRootCause(t *testing.T) {
	for _, f := range judge(open()) {
		if !f.Detail {
			t.Errorf("%s is the root cause of a connection that is only open", f.Kind.Slug)
		}
	}
}

func TestConfidence(t *testing.T) {
	unanswered := func() *record {
		r := open()
		r.fin(client, 7, 1, false)
		r.copies(tracker.FactFinRetransmitted, client, 7, 1, .3, 2, 2)
		r.ends(10)
		return r
	}
	for _, c := range []struct {
		name   string
		change func(r *record)
		want   anomaly.Confidence
	}{
		{"as it is", func(*record) {}, anomaly.High},
		{"joined late", func(r *record) { r.Open = tracker.OpenMidstream }, anomaly.Medium},
		{"facts were dropped, the capture lost something", func(r *record) {
			r.FactsDropped, r.end(server).MissingBytes = 1, 9
		}, anomaly.Low},
		{"the capture lost the end", func(r *record) {
			r.fact(tracker.FactAckOfUnseen, server, 12, 1.9)
			r.ends(10)
		}, anomaly.Low},
		{"the capture lost something long before", func(r *record) {
			r.Facts = append(r.Facts, tracker.Fact{Kind: tracker.FactAckOfUnseen, Role: server, Mark: mark(7, .5)})
		}, anomaly.High},
	} {
		r := unanswered()
		c.change(r)
		if f := finding(t, judge(r), "fin-unacked"); f == nil || f.Confidence != c.want {
			t.Errorf("%s: %+v, want confidence %s", c.name, f, c.want)
		}
	}
}

// TestCrossedData holds that data sent before its sender could know of the FIN counts less.
func TestCrossedData(t *testing.T) {
	r := open()
	lateData(r)
	if f := finding(t, judge(r), "rst-late-data"); f == nil || f.Severity != anomaly.Error {
		t.Errorf("after half a second: %+v, want an error", f)
	}
	r.RTT = 600 * time.Millisecond
	if f := finding(t, judge(r), "rst-late-data"); f == nil || f.Severity != anomaly.Warn {
		t.Errorf("within the round trip: %+v, want a warning", f)
	}
}

// TestOrdinaryConnection holds that the connection everybody has costs nothing but its note.
func TestOrdinaryConnection(t *testing.T) {
	r := open()
	r.Close, r.EndReason = tracker.CloseOrderly, tracker.EndSettled
	r.fin(client, 7, 1, true)
	r.fin(server, 8, 1.02, true)
	r.ClosedBy = tracker.ByClient
	r.end(client).State, r.end(server).State = tracker.TimeWait, tracker.Closed
	r.ends(100)
	if fs := judge(r); len(fs) != 0 {
		t.Errorf("findings %v of an orderly connection without TIME_WAIT", slugs(fs))
	}
}
