package main

import (
	"runtime"

	"github.com/tcplife/tcplife/internal/pipeline"
	"github.com/tcplife/tcplife/report"
	"github.com/tcplife/tcplife/report/anomaly"
	"github.com/tcplife/tcplife/tracker"
)

// share is what one of those who share a run has of its own.
type share struct {
	tracker *tracker.Tracker
	judge   *anomaly.Judge
	part    report.Part
	record  report.Record
	failing bool // a finding is at or above --fail-on
}

// smallInput is up to how many octets one share is as fast as several.
const smallInput = 4 << 20

// shares is how many share the work on this input: as many as asked for, else one for each core, but no more than there is memory for.
func (r *reading) shares(f *inputFlags) int {
	n := f.jobs
	if _, total := r.src.Progress(); n == 0 && total > 0 && total <= smallInput {
		n = 1
	} else if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return f.maxMemory.shares(n)
}

// newShares makes n shares of a run that writes to w.
func (a *analyzeFlags) newShares(n int, in *reading, w report.Writer) []*share {
	w.Bound(a.input.maxMemory.limits())
	cfg := a.input.config(in, n, a.rowsSize(n))
	all := make([]*share, n)
	for i := range all {
		all[i] = &share{tracker: tracker.New(cfg), judge: anomaly.New(a.input.maxMemory.thresholds(n)), part: w.Part()}
		all[i].judge.Paths = in.src.Paths()
	}
	return all
}

// mostRows is how many connections the table has room for, if n shares choose them.
func (a *analyzeFlags) mostRows(n int) int { return int(a.input.maxMemory.rows()/sizeOfRow) / n }

// rowsSize is what the rows of n shares take.
func (a *analyzeFlags) rowsSize(n int) int64 {
	rows := a.mostRows(n)
	if !a.all {
		rows = min(rows, a.limit)
	}
	if a.format.value != "table" && a.format.value != "markdown" {
		rows = 0
	}
	return int64(rows*n) * sizeOfRow
}

// parts are what the pipeline needs of them.
func (a *analyzeFlags) parts(shares []*share) []pipeline.Part {
	all := make([]pipeline.Part, len(shares))
	for i, s := range shares {
		all[i] = pipeline.Part{Tracker: s.tracker, Record: func(dst []byte, c *tracker.Connection) []byte {
			s.record = report.Record{Connection: c, Findings: s.judge.Connection(c)}
			s.failing = s.failing || a.failing(s.record.Findings)
			return s.part.Connection(dst, &s.record)
		}}
	}
	return all
}

// merge joins what all shares know in the first, and returns it with what their trackers know of the trace. The trackers, empty now,
// leave their memory to the table.
func merge(shares []*share) (*share, tracker.Summary) {
	first := shares[0]
	sum := first.tracker.Summary()
	for _, s := range shares[1:] {
		first.judge.Merge(s.judge)
		first.failing = first.failing || s.failing
		sum.Add(s.tracker.Summary())
	}
	for _, s := range shares {
		s.tracker = nil
	}
	return first, sum
}
