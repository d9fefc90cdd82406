package anomaly_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tcplife/tcplife/internal/script"
	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// sideOf is a conversation as one side of a translator sees it.
type sideOf struct {
	client, server string
	isn            string // "" = 700000001 900000001
	after          int64  // microseconds behind the first
	hops           uint8
	without        []int // lines that are not captured there, from 1
	text           string
}

const request = `0     > S  0:0(0) <mss 1460,sackOK,wscale 7>
+.010 < S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 7>
+.001 > .  1:1(0) ack 1
+.001 > P. 1:101(100) ack 1
+.010 < P. 1:201(200) ack 101
+.001 < R. 201:201(0) ack 101
`

// seenBy merges what was seen on several sides, and judges it, the records shared among so many judges.
func seenBy(t *testing.T, judges int, thresholds anomaly.Thresholds, rest int64, sides ...sideOf) (*anomaly.Judge, []anomaly.Finding) {
	t.Helper()
	var all []segment.Segment
	for _, s := range sides {
		isn, text := "700000001 900000001", request
		if s.isn != "" {
			isn = s.isn
		}
		if s.text != "" {
			text = s.text
		}
		c, err := script.Parse("side", fmt.Sprintf("A side.\nclient %s\nserver %s\nisn %s\n%s", s.client, s.server, isn, text))
		if err != nil {
			t.Fatal(err)
		}
		for i, seg := range c.Segments() {
			if !slices.Contains(s.without, i+1) {
				seg.Time += s.after * 1000
				seg.TTL -= s.hops
				all = append(all, seg)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b segment.Segment) int { return int(a.Time - b.Time) })
	tr := tracker.New(tracker.DefaultConfig())
	for i := range all {
		all[i].Number = uint64(i + 1)
		tr.Observe(&all[i])
	}
	end := all[len(all)-1].Time + rest
	tr.Advance(end)
	for !tr.Flush() {
	}
	records := tracker.Collect(tr.Take())
	rand.New(rand.NewPCG(uint64(judges), 5)).Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	js := make([]*anomaly.Judge, judges)
	for i := range js {
		js[i] = anomaly.New(thresholds)
	}
	for i, r := range records {
		js[i%judges].Connection(r)
	}
	for _, j := range js[1:] {
		js[0].Merge(j)
	}
	fs := js[0].Finish(tr.Summary(), anomaly.Capture{First: all[0].Time, Last: end})
	return js[0], slices.DeleteFunc(fs, func(f anomaly.Finding) bool { return f.Kind != anomaly.NATTwice })
}

const long = 5_000_000_000 // ns of trace behind the last segment

func TestNATTwice(t *testing.T) {
	inside := sideOf{client: "10.0.0.7:40000", server: "203.0.113.9:443"}
	outside := sideOf{client: "192.0.2.1:61000", server: "203.0.113.9:443", after: 30, hops: 1}
	changed := func(s sideOf, change func(*sideOf)) sideOf {
		change(&s)
		return s
	}
	syns := "0 > S 0:0(0)\n+1 > S 0:0(0)\n+2 > S 0:0(0)\n"
	for _, c := range []struct {
		name  string
		rest  int64
		sides []sideOf
		want  []string // parts of the evidence of each finding
	}{
		{"source", long, []sideOf{inside, outside}, []string{
			"10.0.0.7:40000 to 203.0.113.9:443 and 192.0.2.1:61000 to 203.0.113.9:443 are one connection on two sides of an address translator: the client 10.0.0.7 becomes 192.0.2.1, initial sequence numbers equal in 1 pair",
		}},
		{"destination", long, []sideOf{
			{client: "198.51.100.4:5000", server: "203.0.113.9:443"},
			{client: "198.51.100.4:5000", server: "10.0.0.5:8443", after: 20, hops: 1},
		}, []string{"the server 203.0.113.9:443 becomes 10.0.0.5:8443"}},
		{"both", long, []sideOf{
			{client: "10.0.0.7:40000", server: "203.0.113.9:443"},
			{client: "10.0.0.1:40000", server: "10.0.0.5:443", after: 20, hops: 1},
		}, []string{"the client 10.0.0.7 becomes 10.0.0.1, the server 203.0.113.9:443 becomes 10.0.0.5:443"}},
		{"to the other IP", long, []sideOf{
			{client: "[fd00::7]:40000", server: "[64:ff9b::cb00:7109]:443"},
			{client: "192.0.2.1:61000", server: "203.0.113.9:443", after: 20, hops: 1},
		}, []string{"the client fd00::7 becomes 192.0.2.1, the server [64:ff9b::cb00:7109]:443 becomes 203.0.113.9:443"}},
		{"a port", long, []sideOf{inside, changed(inside, func(s *sideOf) { s.client, s.after, s.hops = "10.0.0.7:40001", 20, 1 })}, []string{
			"the client's port changes, 10.0.0.7 stays",
		}},
		{"the side behind it first, by a clock that is behind", long, []sideOf{inside, changed(outside, func(s *sideOf) { s.after = -3000 })}, []string{
			"10.0.0.7:40000 to 203.0.113.9:443 and 192.0.2.1:61000",
		}},
		{"two, one behind the other", long, []sideOf{inside, outside, {client: "198.51.100.1:7000", server: "203.0.113.9:443", after: 90, hops: 2}}, []string{
			"the client 10.0.0.7 becomes 192.0.2.1", "the client 192.0.2.1 becomes 198.51.100.1",
		}},
		{"a RST does not come through", long, []sideOf{changed(inside, func(s *sideOf) { s.without = []int{6} }), outside}, []string{
			"in 1 pair; the server's RST of packet 11 did not come through",
		}},
		{"a RST is made", long, []sideOf{inside, changed(outside, func(s *sideOf) { s.without = []int{6} })}, []string{
			"in 1 pair; the server's RST of packet 11 was made by the translator, or not captured before it",
		}},
		{"the trace ends before it", 1000, []sideOf{changed(inside, func(s *sideOf) { s.without = []int{6} }), outside}, []string{"in 1 pair"}},
		{"the SYN-ACK does not come through", long, []sideOf{
			changed(inside, func(s *sideOf) { s.text = syns }),
			changed(outside, func(s *sideOf) {
				s.text = "0 > S 0:0(0)\n+.01 < S. 0:0(0) ack 1\n+1 > S 0:0(0)\n+.01 < S. 0:0(0) ack 1\n"
			}),
		}, []string{"10.0.0.7:40000 to 203.0.113.9:443 and 192.0.2.1:61000"}},

		{"near: other numbers of the server", long, []sideOf{inside, changed(outside, func(s *sideOf) { s.isn = "700000001 900000002" })}, nil},
		{"near: two seconds later", long, []sideOf{inside, changed(outside, func(s *sideOf) { s.after = 2_000_000 })}, nil},
		{"near: numbers that somebody made up", long, []sideOf{
			changed(inside, func(s *sideOf) { s.isn = "1000 2000" }), changed(outside, func(s *sideOf) { s.isn = "1000 2000" }),
		}, nil},
		{"near: five with the same numbers", long, []sideOf{
			inside, outside, changed(outside, func(s *sideOf) { s.client = "192.0.2.2:1" }), changed(outside, func(s *sideOf) { s.client = "192.0.2.3:1" }), changed(outside, func(s *sideOf) { s.client = "192.0.2.4:1" }),
		}, nil},
		{"near: nobody answered", long, []sideOf{changed(inside, func(s *sideOf) { s.text = syns }), changed(outside, func(s *sideOf) { s.text = syns })}, nil},
		{"near: a scan with one number for all ports, one of them open", long, []sideOf{
			inside, changed(inside, func(s *sideOf) { s.server, s.text, s.after = "203.0.113.9:444", syns, 50 }),
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, judges := range []int{1, 2, 3} {
				_, fs := seenBy(t, judges, anomaly.DefaultThresholds(), c.rest, c.sides...)
				if len(fs) != len(c.want) {
					t.Fatalf("%d judges: %d findings, want %d: %+v", judges, len(fs), len(c.want), fs)
				}
				for i, want := range c.want {
					if !strings.Contains(fs[i].Evidence+"$", want) || strings.HasSuffix(want, "pair") && !strings.HasSuffix(fs[i].Evidence, want) {
						t.Errorf("%d judges: %q, want %q", judges, fs[i].Evidence, want)
					}
					if len(fs[i].Packets) < 2 {
						t.Errorf("%d judges: packets %v", judges, fs[i].Packets)
					}
				}
			}
		})
	}
}

func pairsOf(j *anomaly.Judge) []anomaly.Pair {
	pairs, _ := j.Pairs()
	return pairs
}

// TestNATSample: of more connections than fit a share is compared, the same whoever judges which of them, and no pair is torn.
func TestNATSample(t *testing.T) {
	var sides []sideOf
	const pairs, hosts = 600, 12
	for i := range pairs {
		s := sideOf{
			client: fmt.Sprintf("10.0.0.%d:%d", 1+i%hosts, 1000+i), server: "203.0.113.9:443", isn: fmt.Sprintf("%d 900000001", 700000001+i*7919), after: int64(i) * 100,
		}
		sides = append(sides, s)
		s.client, s.after, s.hops = fmt.Sprintf("192.0.2.1:%d", 1000+i), s.after+30, 1
		sides = append(sides, s)
	}
	few := anomaly.DefaultThresholds()
	few.MaxTwins = 300
	whole, _ := seenBy(t, 1, anomaly.DefaultThresholds(), long, sides...)
	if n := len(pairsOf(whole)); n != pairs {
		t.Errorf("%d pairs, want %d", n, pairs)
	}
	one, want := seenBy(t, 1, few, long, sides...)
	if n := len(pairsOf(one)); n < few.MaxTwins/8 || n > few.MaxTwins/2 {
		t.Errorf("%d pairs of %d connections", n, few.MaxTwins)
	}
	if len(want) != 4 || !strings.HasSuffix(want[3].Evidence, " in 4 was compared); and 8 other translations") {
		t.Errorf("%d findings: %+v", len(want), want)
	}
	for _, judges := range []int{2, 5, 16} {
		j, got := seenBy(t, judges, few, long, sides...)
		if !reflect.DeepEqual(pairsOf(j), pairsOf(one)) || !reflect.DeepEqual(got, want) {
			t.Errorf("%d judges find other pairs than one", judges)
		}
	}
}
