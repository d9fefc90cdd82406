package traffic_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tcplife/tcplife/bench/traffic"
	"github.com/tcplife/tcplife/capture"
	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/tracker"
)

// found is what tcplife makes of a capture.
type found struct {
	opens   map[tracker.Open]int
	closes  map[tracker.Close]int
	missing uint64 // octets acknowledged, but in no packet, and how often that was
	resent  uint64 // octets
	late    uint64 // packets that came out of order
}

func analyse(t *testing.T, s traffic.Spec) (found, traffic.Counts) {
	t.Helper()
	b, n := write(t, s)
	path := filepath.Join(t.TempDir(), "x.pcap")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := capture.Open(t.Context(), []string{path}, capture.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	f := found{opens: map[tracker.Open]int{}, closes: map[tracker.Close]int{}}
	tr := tracker.New(tracker.DefaultConfig())
	part := pipeline.Part{Tracker: tr, Record: func(dst []byte, c *tracker.Connection) []byte {
		f.opens[c.Open]++
		f.closes[c.Close]++
		for i := range c.Endpoints {
			f.missing += c.Endpoints[i].MissingBytes + c.Endpoints[i].UnseenAcks
			f.resent += c.Endpoints[i].RetransmittedBytes
			f.late += c.Endpoints[i].OutOfOrderPackets
		}
		return dst
	}}
	if err := pipeline.Run(t.Context(), src, []pipeline.Part{part}, io.Discard); err != nil {
		t.Fatal(err)
	}
	sum := tr.Summary()
	if sum.ChecksumBad > 0 || sum.Backwards > 0 {
		t.Errorf("%d bad checksums, %d packets back in time", sum.ChecksumBad, sum.Backwards)
	}
	if f.missing > 0 {
		t.Errorf("%d octets were acknowledged that no packet has", f.missing)
	}
	return f, n
}

// TestStories plays everyday connections to their ends: each must be found to have lived as it was told to.
func TestStories(t *testing.T) {
	for _, loss := range []int{0, 30} {
		s, _ := traffic.Preset("mix")
		s.Packets, s.Connections, s.Total, s.Loss = 0, 50, 1500, loss
		f, n := analyse(t, s)
		if n.Open != 0 || n.Connections != s.Total {
			t.Fatalf("loss %d: %d connections, %d of them open, asked for %d to their end", loss, n.Connections, n.Open, s.Total)
		}
		of := n.Stories
		for _, c := range []struct {
			open tracker.Open
			want int
		}{
			{tracker.OpenNone, of[traffic.Unanswered]},
			{tracker.OpenHalf, of[traffic.HalfOpen]},
			{tracker.OpenRefused, of[traffic.Refused]},
			{tracker.OpenMidstream, of[traffic.Midstream]},
			{tracker.OpenFull, of[traffic.Orderly] + of[traffic.Shell] + of[traffic.Aborted] + of[traffic.RefusedFin] + of[traffic.Silent]},
		} {
			if c.want == 0 || f.opens[c.open] != c.want {
				t.Errorf("loss %d: %d opened as %v, want %d", loss, f.opens[c.open], c.open, c.want)
			}
		}
		for _, c := range []struct {
			closed tracker.Close
			want   int
		}{
			{tracker.CloseOrderly, of[traffic.Orderly] + of[traffic.Shell] + of[traffic.Midstream]},
			{tracker.CloseAborted, of[traffic.Aborted] + of[traffic.RefusedFin]},
			{tracker.CloseRefused, of[traffic.Refused]},
			{tracker.CloseOpenAtEnd, of[traffic.Silent]},
		} {
			if c.want == 0 || f.closes[c.closed] != c.want {
				t.Errorf("loss %d: %d closed as %v, want %d", loss, f.closes[c.closed], c.closed, c.want)
			}
		}
		if lossy := loss > 0; lossy != (f.resent > 0) || lossy != (f.late > 0) {
			t.Errorf("loss %d: %d octets sent again, %d packets out of order", loss, f.resent, f.late)
		}
	}
}

// TestShapes is what the other presets promise by their names.
func TestShapes(t *testing.T) {
	crowd, n := analyse(t, small(t, "manyflows", 8000))
	if n.Connections != 1000 || crowd.opens[tracker.OpenFull] != 1000 || crowd.closes[tracker.CloseOpenAtEnd] != 1000 {
		t.Errorf("manyflows: %+v, want 1000 connections, all open at the end", crowd)
	}
	flood, n := analyse(t, small(t, "flood", 20_000))
	if lone := flood.opens[tracker.OpenNone]; n.Syns != 10_000 || lone < n.Syns || lone > n.Syns+n.Stories[traffic.Unanswered]+n.Open/5 { // some end between SYN and answer
		t.Errorf("flood: %d connections never answered, want the %d lone SYNs", lone, n.Syns)
	}
	bulk, n := analyse(t, small(t, "elephant", 20_000))
	if n.Connections != 1 || bulk.opens[tracker.OpenFull] != 1 || bulk.resent == 0 {
		t.Errorf("elephant: %+v, want one connection that sends again", bulk)
	}
}
