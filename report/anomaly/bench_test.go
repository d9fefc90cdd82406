package anomaly_test

import (
	"testing"
	"time"

	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// ordinary is a connection that the server closed first, and that left it in TIME_WAIT.
func ordinary() *record {
	r := open()
	r.Transitions = make([]tracker.Transition, 10)
	for i := range r.Transitions {
		r.Transitions[i] = tracker.Transition{Role: tracker.Role(i % 2), Certainty: tracker.Inferred, Mark: mark(uint64(1+i), .01*float64(i))}
	}
	r.fin(server, 8, .1, true)
	r.fin(client, 9, .121, true)
	r.Close, r.ClosedBy, r.EndReason, r.Closed = tracker.CloseOrderly, tracker.ByServer, tracker.EndSettled, mark(10, .13)
	r.end(server).TimeWait = tracker.TimeWaitRecord{Held: true, Since: mark(9, .122), Until: mark(9, .122).At + int64(time.Minute), EndedBy: tracker.TimeWaitCaptureEnd}
	r.ends(.5)
	return r
}

// common are the records a large capture is full of, with the number of their findings.
func common() map[string]*record {
	unanswered := attempt()
	unanswered.ends(70)
	return map[string]*record{"ordinary": ordinary(), "lone SYN": attempt(), "unanswered SYN": unanswered, "open at the end": open()}
}

// TestJudgeAllocates holds that what most connections have is judged without garbage.
func TestJudgeAllocates(t *testing.T) {
	want := map[string]int{"ordinary": 2, "lone SYN": 0, "unanswered SYN": 1, "open at the end": 1}
	for name, r := range common() {
		j := anomaly.New(anomaly.DefaultThresholds())
		if fs := j.Connection(&r.Connection); len(fs) != want[name] {
			t.Errorf("%s: %d findings, want %d", name, len(fs), want[name])
		}
		if n := testing.AllocsPerRun(100, func() { j.Connection(&r.Connection) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	for name, r := range common() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			j := anomaly.New(anomaly.DefaultThresholds())
			for b.Loop() {
				j.Connection(&r.Connection)
			}
		})
	}
}
