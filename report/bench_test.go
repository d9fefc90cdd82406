package report

import (
	"io"
	"testing"
	"time"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// ordinaryRecord is a connection like most: opened, used and closed, with two findings.
func ordinaryRecord() *Record {
	r := opened("10.232.18.69:50468", "198.18.0.6:443", 1_072_331, 0).moved(581, 1200).closedOrderly(1_072_340, 900*time.Millisecond)
	r.Transitions = r.Transitions[:10] // TIME_WAIT lasts beyond the capture
	r.Findings = []anomaly.Finding{
		{
			Kind: kind("tw-reuse"), Severity: anomaly.Note, At: r.Last.At, HasRole: true, Packets: []uint64{1_072_342},
			Evidence: "the client holds it from packet 1072342 on, for 1m00s, by its profile, beyond the end of the capture",
		},
		{
			Kind: kind("syn-unanswered"), Severity: anomaly.Note, At: r.Last.At, HasRole: true, Packets: []uint64{1_072_340}, Detail: true,
			Evidence: "the server's FIN (packet 1072340) came first, 20 ms before the client's (packet 1072341)",
		},
	}
	return r
}

// loneSYN is a SYN that nothing answered before the capture ended.
func loneSYN() *Record {
	r := unanswered("10.0.0.7:42000", "10.0.2.9:5432", 1_072_331, 0)
	r.Last, r.Findings, r.Handshake.SynRetries, r.EndReason = r.First, nil, 0, tracker.EndOfCapture
	cl := &r.Endpoints[tracker.Client]
	cl.Packets, cl.Syn, cl.Last = 1, 1, r.First
	r.Transitions = append(r.Transitions, step(tracker.Server, tracker.Listen, tracker.SynRcvd, tracker.RcvSyn, tracker.Assumed, 1_072_331, 0))
	return r
}

// formats are the reports, each with its writer.
var formats = map[string]func(w io.Writer) Writer{
	"JSON":  func(w io.Writer) Writer { return NewJSON(w, Names{File: func(uint32) string { return "a.pcap" }}) },
	"CSV":   func(w io.Writer) Writer { return NewCSV(w, Names{File: func(uint32) string { return "a.pcap" }}) },
	"table": func(w io.Writer) Writer { return NewTable(w, TableOptions{}) },
}

// TestPartsAllocate holds that common records are written and counted without garbage.
func TestPartsAllocate(t *testing.T) {
	for name, format := range formats {
		for _, r := range []*Record{ordinaryRecord(), loneSYN(), abortedTalk().r} {
			w := format(io.Discard)
			part := w.Part()
			var buf []byte
			run := func() {
				r.First.At-- // a worse row each time
				buf = part.Connection(buf[:0], r)
				if _, err := w.Write(buf); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 * DefaultLimit {
				run()
			}
			if n := testing.AllocsPerRun(1000, run); n != 0 {
				t.Errorf("%s, %d packets: %v allocations a record", name, r.Endpoints[0].Packets, n)
			}
		}
	}
}

func BenchmarkJSON(b *testing.B)  { benchmark(b, "JSON") }
func BenchmarkCSV(b *testing.B)   { benchmark(b, "CSV") }
func BenchmarkTable(b *testing.B) { benchmark(b, "table") }

func benchmark(b *testing.B, format string) {
	for _, c := range []struct {
		name string
		r    *Record
	}{{"ordinary", ordinaryRecord()}, {"lone SYN", loneSYN()}} {
		b.Run(c.name, func(b *testing.B) {
			w := formats[format](io.Discard)
			part := w.Part()
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				buf = part.Connection(buf[:0], c.r)
			}
			b.ReportMetric(float64(len(buf)), "B/record")
		})
	}
	b.Run("written", func(b *testing.B) { // with the Writer's share
		w := formats[format](io.Discard)
		part, r := w.Part(), ordinaryRecord()
		var buf []byte
		for b.Loop() {
			if buf = part.Connection(buf, r); len(buf) >= flushAt {
				if _, err := w.Write(buf); err != nil {
					b.Fatal(err)
				}
				buf = buf[:0]
			}
		}
	})
}
