package anomaly_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/internal/segment"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// oneOf holds that the trace has a finding of the slug with a part of its evidence, or none if that is "".
func oneOf(t *testing.T, name string, fs []anomaly.Finding, slug, evidence string) {
	t.Helper()
	switch f := finding(t, fs, slug); {
	case evidence == "" && f != nil:
		t.Errorf("%s: reported: %s", name, f.Evidence)
	case evidence != "" && f == nil:
		t.Errorf("%s: %s is not reported", name, slug)
	case evidence != "" && !strings.Contains(f.Evidence, evidence):
		t.Errorf("%s: %q, want %q", name, f.Evidence, evidence)
	}
}

// paused are connections that were active from 0.05 s until 20 s and again from 24 s on, each skipping octets.
func paused(n int) (rs []*record) {
	for i := range n {
		r := open()
		r.skips(uint64(10+2*i), 19.9, 4.2+.01*float64(i))
		rs = append(rs, r)
	}
	return rs
}

func TestMidFileGap(t *testing.T) {
	pause := anomaly.Pause{From: second(20), To: second(24), Packets: 2000}
	capture := func(change func(p *anomaly.Pause)) anomaly.Capture {
		p := pause
		change(&p)
		return anomaly.Capture{Pauses: []anomaly.Pause{p}}
	}
	as := func(*anomaly.Pause) {}
	whole := paused(5)
	for _, r := range whole {
		r.end(server).MissingBytes = 0 // sent again behind it
	}
	late := paused(5)
	for _, r := range late {
		r.Facts[0].At += second(30)
	}
	for _, c := range []struct {
		name    string
		records []*record
		change  func(p *anomaly.Pause)
		want    string
	}{
		{"a ring's file is missing", paused(5), as, "no packet for 4 s from 1970-01-01 00:00:20.000, after 100 a second; 5 connections went on that had meanwhile exchanged 7,300 bytes"},
		{"between files", paused(5), func(p *anomaly.Pause) { p.Files = [2]string{"a1.pcap", "a3.pcap"} }, ", from a1.pcap to a3.pcap, after"},
		{"too few connections", paused(4), as, ""},
		{"too little traffic", paused(9), func(p *anomaly.Pause) { p.Packets = 400 }, ""},
		{"a burst tells no rate", paused(9), func(p *anomaly.Pause) { p.Since = second(19.5) }, ""},
		{"an outage: nothing is missing", whole, as, ""},
		{"they came back much later", late, as, ""},
		{"another time", paused(9), func(p *anomaly.Pause) { p.From += second(9); p.To += second(9) }, ""},
		{"the clock went back", paused(9), func(p *anomaly.Pause) { p.From, p.To = p.To, p.From }, ""},
	} {
		oneOf(t, c.name, finish(tracker.Summary{}, capture(c.change), c.records...), "mid-file-gap", c.want)
	}
}

func TestClockStep(t *testing.T) {
	stepped := func() *record { r := open(); r.jumps(7, .043, 7200, 200); return r }
	real := func() *record { r := open(); r.jumps(7, .043, 7200, 7_200_000); return r }
	back := func() *record { r := open(); r.jumps(7, 20, -10, 200); return r }
	ahead := anomaly.Capture{Pauses: []anomaly.Pause{{From: second(.1), To: second(7200.02), Packets: 20}}}
	went := anomaly.Capture{Pauses: []anomaly.Pause{{From: second(20.3), To: second(10.01), Packets: 20}}}
	for _, c := range []struct {
		name    string
		capture anomaly.Capture
		records []*record
		want    string
	}{
		{"ahead", ahead, []*record{stepped()}, "the clock went on 2h00m at 1970-01-01 00:00:00.100; by the hosts' own, in 1 connection across it, no such time passed"},
		{"back", went, []*record{back()}, "the clock went back 10.3 s"},
		{"somebody's clock agrees", ahead, []*record{stepped(), real()}, ""},
		{"a quiet night", ahead, []*record{real()}, ""},
		{"nobody across it", ahead, []*record{open()}, ""},
		{"another time", went, []*record{stepped()}, ""},
		{"others were heard meanwhile", anomaly.Capture{}, []*record{stepped()}, ""},
	} {
		oneOf(t, c.name, finish(tracker.Summary{}, c.capture, c.records...), "clock-step", c.want)
	}
}

func TestNetworkLossOfTheTrace(t *testing.T) {
	lossy := func(packets, bytes uint64) *record {
		r := open()
		r.end(server).PayloadBytes = 100_000
		r.end(server).Lost = tracker.Losses{Before: tracker.Loss{Packets: packets, Bytes: bytes}, First: mark(5, .042)}
		return r
	}
	for _, c := range []struct {
		name string
		r    *record
		want string
	}{
		{"1 %", lossy(10, 1000), "of 100 bytes from the clients none; of 100,000 bytes from the servers 1% lost before the tap (10 segments)"},
		{"a few", lossy(9, 1000), ""},
		{"a share that does not matter", lossy(10, 99), ""},
	} {
		oneOf(t, c.name, finish(tracker.Summary{}, anomaly.Capture{}, c.r), "network-loss", c.want)
	}
}

func TestSuperframes(t *testing.T) {
	var records []*record
	for i := range 5 {
		r := open()
		r.Flow, r.ClientIs = segment.FlowOf(r.Client(), segment.Endpoint{IP: segment.IP{10: 0xff, 11: 0xff, 12: 10, 15: byte(2 + i)}, Port: 80})
		r.end(server).Largest = tracker.SegmentTo16K
		r.end(client).MSS = 1460
		records = append(records, r, r)
	}
	oneOf(t, "one", finish(tracker.Summary{}, anomaly.Capture{}, records[:2]...), "offload-superframes", "10.0.0.2 (2 connections) sends segments of up to 16 kB, though")
	records[3].end(client).MSS, records[3].end(server).Largest = 8960, tracker.SegmentOver64K
	oneOf(t, "many", finish(tracker.Summary{}, anomaly.Capture{}, records...), "offload-superframes",
		"10.0.0.2 (2 connections), 10.0.0.3 (2 connections), 10.0.0.4 (2 connections) and 2 other hosts send segments of over 64 kB, though their peers take no more than 8,960 in one packet")
	oneOf(t, "none", finish(tracker.Summary{}, anomaly.Capture{}, open()), "offload-superframes", "")
}

func TestVLANSplit(t *testing.T) {
	var paths segment.Paths
	on := func(ids ...uint32) uint32 {
		var p segment.Path
		for _, id := range ids {
			p.Add(segment.WrapVLAN, id)
		}
		return paths.ID(p)
	}
	tunnel := segment.Path{}
	tunnel.Add(segment.WrapVXLAN, 7)
	on10, on20, on30, inside := on(10), on(20), on(30), paths.ID(tunnel)
	split := func(client, server uint32) *record {
		r := open()
		r.Endpoints[0].Path, r.Endpoints[1].Path = client, server
		return r
	}
	twice := split(on10, on20) // each direction on both
	for i := range twice.Endpoints {
		twice.Endpoints[i].DuplicatePackets = twice.Endpoints[i].Packets
	}
	for _, c := range []struct {
		name    string
		paths   *segment.Paths
		records []*record
		want    string
	}{
		{"captured twice", &paths, []*record{twice}, ""},
		{"two tags", &paths, []*record{split(on10, on20), split(on10, on20), split(on10, on30), open()}, "3 connections of 4: VLAN 10 one way and VLAN 20 the other, VLAN 10 one way and VLAN 30 the other"},
		{"one tag", &paths, []*record{split(on10, segment.PlainPath)}, "1 connection: VLAN 10 one way and no VLAN the other"},
		{"other paths", &paths, []*record{split(inside, segment.PlainPath)}, ""},
		{"nobody knows the paths", nil, []*record{split(on10, on20)}, ""},
		{"the same", &paths, []*record{split(on20, on20)}, ""},
	} {
		j := anomaly.New(anomaly.DefaultThresholds())
		j.Paths = c.paths
		for _, r := range c.records {
			fs := j.Connection(&r.Connection)
			if c.want == "" {
				oneOf(t, c.name, fs, "vlan-split", "")
			}
		}
		oneOf(t, c.name, j.Finish(tracker.Summary{}, anomaly.Capture{}), "vlan-split", c.want)
	}
}

// TestLimit: what the capture as a whole has missed limits what can be said of any connection in it.
func TestLimit(t *testing.T) {
	missing := func(n uint64) *record { r := open(); r.end(server).MissingBytes = n; return r }
	stepped := open()
	stepped.jumps(7, .043, 7200, 200)
	stepped.end(client).MissingBytes = 0
	for _, c := range []struct {
		name            string
		capture         anomaly.Capture
		r               *record
		teardown, other anomaly.Confidence
	}{
		{"a good one", anomaly.Capture{DropsKnown: true}, open(), anomaly.High, anomaly.High},
		{"drops", anomaly.Capture{DropsKnown: true, DropsKernel: 1}, open(), anomaly.Medium, anomaly.Medium},
		{"a thousandth is missing", anomaly.Capture{}, missing(1), anomaly.Medium, anomaly.Medium},
		{"a fiftieth is missing", anomaly.Capture{}, missing(7), anomaly.Low, anomaly.Medium},
		{"the clock jumped", anomaly.Capture{Pauses: []anomaly.Pause{{From: second(.1), To: second(7200.02)}}}, stepped, anomaly.Medium, anomaly.High},
	} {
		j := anomaly.New(anomaly.DefaultThresholds())
		j.Connection(&c.r.Connection)
		j.Finish(tracker.Summary{}, c.capture)
		if got := j.Limit(); got.Teardown != c.teardown || got.Other != c.other {
			t.Errorf("%s: %+v, want %s and %s", c.name, got, c.teardown, c.other)
		}
	}
	l := anomaly.Limit{Teardown: anomaly.Low, Other: anomaly.Medium}
	for slug, want := range map[string]anomaly.Confidence{
		"rst-late-data": anomaly.Low, "fin-unacked": anomaly.Low, "time-wait": anomaly.Low, "rto-giveup": anomaly.Low,
		"syn-unanswered": anomaly.Medium, "capture-loss": anomaly.High,
	} {
		k, _ := anomaly.Lookup(slug)
		if got := l.On(k, anomaly.High); got != want {
			t.Errorf("%s: %s, want %s", slug, got, want)
		}
	}
}

// TestLossAtTheEndLimitsEveryEnding: whatever a connection ended by, what the capture missed in its last round trip may have
// been what really ended it.
func TestLossAtTheEndLimitsEveryEnding(t *testing.T) {
	seen := map[anomaly.Family]bool{}
	for _, c := range judgeTests {
		k, _ := anomaly.Lookup(c.slug)
		r := c.make()
		c.shows(r)
		f := r.fact(tracker.FactAckOfUnseen, client, r.Last.Packet, time.Duration(r.Last.At).Seconds())
		f.Bytes = 100
		r.end(server).MissingBytes += 100
		for _, f := range judge(r) {
			if f.Kind != k || k.Family != anomaly.Teardown && k.Family != anomaly.Reset && k.Family != anomaly.TimeWait {
				continue
			}
			seen[k.Family] = true
			if f.Confidence != anomaly.Low {
				t.Errorf("%s: %s confidence", c.slug, f.Confidence)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("only of families %v", seen)
	}
}
