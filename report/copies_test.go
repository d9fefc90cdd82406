package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// side is a record as one side of a translator.
func side(r *Record) anomaly.Side {
	return anomaly.Side{Flow: r.Flow, ClientIs: r.ClientIs, First: r.First, Incarnation: r.Incarnation, Via: r.Via}
}

// TestPairsAreListed by the IDs of their records, up to a limit, and counted whole.
func TestPairsAreListed(t *testing.T) {
	inside, outside := opened("10.0.0.7:40000", "203.0.113.9:443", 1, 0), opened("192.0.2.1:61000", "203.0.113.9:443", 2, time.Millisecond)
	tr := &Trace{TCP: 1, PairsOneIn: 4}
	for range maxPairsListed + 20 {
		tr.Pairs = append(tr.Pairs, anomaly.Pair{Inside: side(inside), Outside: side(outside)})
	}
	var out bytes.Buffer
	write(t, NewJSON(&out, Names{}), nil, tr)
	var trace struct {
		NAT struct {
			Pairs       int `json:"pairs"`
			OneIn       int `json:"one_in"`
			Connections []struct {
				Inside, Outside string
			} `json:"connections"`
		} `json:"nat"`
		Quality struct{ Summary string } `json:"quality"`
	}
	if err := json.Unmarshal(out.Bytes(), &trace); err != nil {
		t.Fatal(err)
	}
	n := &trace.NAT
	if n.Pairs != maxPairsListed+20 || n.OneIn != 4 || len(n.Connections) != maxPairsListed || n.Connections[0].Inside != inside.ID() || n.Connections[0].Outside != outside.ID() {
		t.Errorf("%+v", *n)
	}
	if want := "at least 120 connections on both sides of an address translator (counted twice)"; !strings.Contains(trace.Quality.Summary, want) {
		t.Errorf("%q does not say %q", trace.Quality.Summary, want)
	}
}

// TestWhereCopiesWereMet in few words.
func TestWhereCopiesWereMet(t *testing.T) {
	hops := func(further int, n uint64) (c tracker.Copies) {
		c.Hops[tracker.MostHops+further] = n
		return c
	}
	otherPath, otherFile, mixed, loop := hops(0, 10), hops(0, 10), hops(1, 4), hops(2, 4)
	otherPath.OtherPath, otherFile.OtherFile = 10, 10
	mixed.Hops[tracker.MostHops] = 6
	loop.Hops[tracker.MostHops+4] = 4
	for _, c := range []struct {
		copies tracker.Copies
		want   string
	}{
		{hops(0, 10), "10 packets captured twice (counted once)"},
		{hops(1, 10), "10 packets captured twice, one hop apart (counted once)"},
		{hops(-1, 10), "10 packets captured twice, one hop apart (counted once)"},
		{hops(5, 10), "10 packets captured twice, some hops apart (counted once)"},
		{loop, "10 packets captured twice, some hops apart (counted once)"},
		{otherPath, "10 packets captured twice, on two paths (counted once)"},
		{otherFile, "10 packets captured twice, in two files (counted once)"},
		{mixed, "10 packets captured twice (counted once)"},
	} {
		_, said := judgeQuality(&Trace{TCP: 10, Summary: tracker.Summary{Duplicates: 10, Copies: c.copies}}, &totals{})
		if !strings.Contains(said, c.want) {
			t.Errorf("%q does not say %q", said, c.want)
		}
	}
}
